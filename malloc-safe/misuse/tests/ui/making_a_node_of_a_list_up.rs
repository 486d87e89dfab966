use core::ptr::NonNull;
use malloc_safe::{Allocator, Deallocator, Linked, Owned};

struct Node(*const Node);
struct Pool;

unsafe impl Deallocator<Node> for Pool {
    type Contents = malloc_safe::contents::Read;
    unsafe fn deallocate(_: NonNull<Node>) {}
}

unsafe impl Allocator for Pool {
    const ALIGNMENT: usize = 8;
    fn allocate(_: usize) -> Option<NonNull<u8>> {
        None
    }
    unsafe fn reallocate(_: NonNull<u8>, _: usize, _: usize) -> Option<NonNull<u8>> {
        None
    }
}

unsafe impl Linked<Node> for Pool {
    fn next(node: &Node) -> *const Node {
        node.0
    }
}

fn main() {
    let list = Owned::<Node, Pool>::try_new_in(Node(8 as *const Node)).ok().unwrap();
    list.nodes().count();
}
