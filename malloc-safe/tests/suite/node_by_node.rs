//! Lists that are released one node after the other.

use crate::hostile::Counting;
use core::cell::Cell;
use core::ptr::{self, NonNull};
use malloc_safe::{Deallocator, Free, NextNode, NodeByNode, Owned, contents};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::panic::{AssertUnwindSafe, catch_unwind};

struct Node {
    value: usize,
    next: *mut Node,
}

/// Releases a node and panics if its number is the one to fail at.
struct OneNode;

thread_local! {
    static FAILS_AT: Cell<Option<usize>> = const { Cell::new(None) };
}

// SAFETY: the nodes are Counting's, which ignores what is in them; so does the number's reader.
unsafe impl Deallocator<Node> for OneNode {
    type Contents = contents::Ignored;
    unsafe fn deallocate(ptr: NonNull<Node>) {
        // SAFETY: the tests release whole nodes only.
        let number = unsafe { ptr.as_ref() }.value;
        // SAFETY: a block of Counting's.
        unsafe { Counting::deallocate(ptr) };
        assert!(FAILS_AT.get() != Some(number), "node {number} fails");
    }
}

// SAFETY: only `list` below writes the member, and the nodes are in one list each.
unsafe impl NextNode<Node> for OneNode {
    fn next(node: &Node) -> *mut Node {
        node.next
    }
}

type List = Owned<Node, NodeByNode<OneNode>>;

fn list(len: usize) -> Option<List> {
    let first = (0..len).rev().fold(ptr::null_mut(), |next, value| {
        let node = Owned::<_, Counting>::try_new_in(Node { value, next });
        Owned::into_raw(node.expect("enough memory"))
    });
    // SAFETY: NULL, or a list of Counting's nodes.
    unsafe { Owned::from_raw(first) }
}

#[test]
fn each_node_is_lent_in_its_order_and_released_once() {
    assert!(list(0).is_none());
    for len in [1, 2, 5] {
        let list = list(len).expect("not empty");
        assert!(list.nodes().map(|node| node.value).eq(0..len));
        assert_eq!(Counting::live(), len);
        drop(list);
        assert_eq!(Counting::live(), 0);
    }
}

#[test]
fn a_release_that_panics_stops_no_other() {
    for fails in 0..4 {
        let list = list(4);
        FAILS_AT.set(Some(fails));
        let ended = catch_unwind(AssertUnwindSafe(|| drop(list)));
        FAILS_AT.set(None);
        assert!(ended.is_err());
        assert_eq!(Counting::live(), 0, "node {fails} failed");
    }
}

#[test]
fn a_long_list_takes_no_stack() {
    let len = 200_000;
    let list = list(len);
    assert_eq!(Counting::live(), len);
    drop(list);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_list_goes_to_the_threads_that_its_nodes_and_their_deallocator_go_to() {
    struct ThisThread(#[expect(dead_code, reason = "makes it !Send")] *mut u8);
    assert_impl_all!(NodeByNode<Free>: Send, Sync);
    assert_not_impl_any!(NodeByNode<ThisThread>: Send, Sync);
    assert_not_impl_any!(List: Send, Sync); // a Node has a raw pointer
}
