use malloc_safe::{Owned, deallocator};

#[repr(C)]
#[derive(Clone, Copy)]
struct Node {
    next: *mut Node,
}

unsafe extern "C" fn free_list(_: *mut Node) {}

deallocator! { struct FreeList(Node) = free_list; }

fn overwrite(a: Owned<Node, FreeList>, b: Owned<Node, FreeList>) {
    *a = *b; // both would release b's list
}

fn main() {}
