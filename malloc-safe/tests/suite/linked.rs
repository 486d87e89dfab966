use crate::hostile::Counting;
use core::cell::Cell;
use core::ptr::{self, NonNull};
use malloc_safe::{Deallocator, Linked, Nodes, Owned};
use static_assertions::{assert_impl_all, assert_not_impl_any};

struct Node<T> {
    value: T,
    next: *mut Node<T>,
}

// SAFETY: no test makes a list that another thread uses.
unsafe impl<T: Sync> Sync for Node<T> {}

/// Follows the list, as freeaddrinfo does.
struct FreeList;

// SAFETY: the nodes are Counting's, and each is released once.
unsafe impl<T> Deallocator<Node<T>> for FreeList {
    type Contents = malloc_safe::contents::Read;
    unsafe fn deallocate(ptr: NonNull<Node<T>>) {
        // SAFETY: the caller hands over a live node.
        let next = unsafe { ptr.as_ref() }.next;
        // SAFETY: a block of Counting's.
        unsafe { Counting::deallocate(ptr) };
        if let Some(next) = NonNull::new(next) {
            // SAFETY: the caller hands over the nodes behind it too.
            unsafe { Self::deallocate(next) }
        }
    }
}

// SAFETY: only `list` below writes the member.
unsafe impl<T> Linked<Node<T>> for FreeList {
    fn next(node: &Node<T>) -> *const Node<T> {
        node.next
    }
}

fn list<T: Unpin>(values: impl DoubleEndedIterator<Item = T>) -> Option<Owned<Node<T>, FreeList>> {
    let first = values.rev().fold(ptr::null_mut(), |next, value| {
        let node = Owned::<_, Counting>::try_new_in(Node { value, next });
        Owned::into_raw(node.expect("enough memory"))
    });
    // SAFETY: NULL, or a list of Counting's nodes.
    unsafe { Owned::from_raw(first) }
}

#[test]
fn the_nodes_are_lent_in_their_order_and_released_once() {
    assert!(list(0..0).is_none());
    for len in [1, 2, 5] {
        let list = list(0..len).expect("not empty");
        assert_eq!(Counting::live(), len);
        assert!(list.nodes().map(|node| node.value).eq(0..len));
        drop(list);
        assert_eq!(Counting::live(), 0);
    }
}

#[test]
fn an_iterator_goes_on_from_where_it_was_cloned_and_stays_at_the_end() {
    let list = list(0..3).expect("not empty");
    let mut nodes = list.nodes();
    assert_eq!(nodes.next().map(|node| node.value), Some(0));
    assert!(nodes.clone().map(|node| node.value).eq(1..3));
    assert_eq!(nodes.by_ref().count(), 2);
    assert!(nodes.next().is_none() && nodes.next().is_none());
}

#[test]
fn a_node_is_changed_through_a_cell() {
    let list = list((0..3).map(Cell::new)).expect("not empty");
    for node in list.nodes() {
        node.value.set(node.value.get() + 1);
    }
    assert!(list.nodes().map(|node| node.value.get()).eq(1..4));
}

#[test]
fn threads_share_the_nodes_where_they_may_share_the_owner() {
    assert_impl_all!(Nodes<'_, Node<u8>, FreeList>: Send, Sync);
    assert_not_impl_any!(Nodes<'_, Node<Cell<u8>>, FreeList>: Send, Sync);
}
