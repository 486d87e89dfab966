use malloc_safe::{Free, Linked, Owned};

#[repr(C)]
pub struct Node {
    next: *const Node,
}

// All nodes are in one block: but safe code can make one up, with try_new.
unsafe impl Linked<Node> for Free {
    fn next(node: &Node) -> *const Node {
        node.next
    }
}

fn main() {
    let node = Owned::try_new(Node { next: 8 as *const Node }).ok().unwrap();
    node.nodes().count();
}
