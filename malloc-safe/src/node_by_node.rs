//! Linked lists whose nodes are released one by one.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::contents::Read;
use crate::{ContentBlind, Deallocator, Linked};

/// A deallocator of a single node, which knows where the next one is: [`NodeByNode`] releases lists
/// with it, for a library that has no function for a whole list.
///
/// # Safety
///
/// Write *list* for what `NodeByNode<Self>` is to release: a first node and all that `next` leads
/// to. Each of them is [`Self`'s to release](crate::Owned#invariant), aligned and valid, and
/// occurs in it once, so that the last one's `next` is NULL. Nobody else releases a node. As long as
/// the owner of the first node is borrowed shared, no node is written or taken out. All this holds
/// whatever safe code has made of the nodes through a shared reference, and also for a list that was
/// owned as a subtype of `T`: `next` reads a pointer that safe code cannot write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to release the nodes of a list of `{T}`",
    note = "implement `NextNode<{T}>`, which says where the next node is"
)]
pub unsafe trait NextNode<T>: ContentBlind<T> {
    /// The node behind this one, NULL behind the last.
    fn next(node: &T) -> *mut T;
}

/// Releases a linked list, each node with `D`.
///
/// An owner of the first node owns them all, and lends them with
/// [`Owned::nodes`](crate::Owned::nodes). It takes no stack for a long list. If the release of one
/// node panics, the nodes behind it are released all the same.
///
/// A node's contents are not dropped: a `T` that has a destructor does not compile.
///
/// ```
/// use malloc_safe::{Free, NextNode, NodeByNode, Owned};
///
/// #[repr(C)]
/// struct Node {
///     value: u32,
///     next: *mut Node,
/// }
///
/// // SAFETY: only this list's maker writes the member, and it allocates each node with malloc.
/// unsafe impl NextNode<Node> for Free {
///     fn next(node: &Node) -> *mut Node {
///         node.next
///     }
/// }
///
/// let mut first = core::ptr::null_mut();
/// for value in [3, 2, 1] {
///     let node = Owned::try_new(Node { value, next: first }).map_err(|_| "no memory")?;
///     first = Owned::into_raw(node);
/// }
/// // SAFETY: the first of three nodes, each a malloc block that nobody else has.
/// let list = unsafe { Owned::<Node, NodeByNode<Free>>::from_raw(first) }.expect("three nodes");
/// assert!(list.nodes().map(|node| node.value).eq(1..=3));
/// // three calls of free here
/// # Ok::<(), &str>(())
/// ```
pub struct NodeByNode<D>(PhantomData<D>);

impl<D> fmt::Debug for NodeByNode<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeByNode")
    }
}

/// The nodes that are still to be released, when one is being released.
struct Rest<T, D: NextNode<T>>(Option<NonNull<T>>, PhantomData<D>);

impl<T, D: NextNode<T>> Rest<T, D> {
    fn release(&mut self) {
        while let Some(node) = self.0 {
            // SAFETY: by the contract of NextNode a valid node; none that was released leads here.
            let next = D::next(unsafe { node.as_ref() });
            // Before the release, which may panic.
            self.0 = NonNull::new(next);
            // SAFETY: the node is D's to release, whatever is in it, and nothing uses it any more.
            unsafe { D::deallocate(node) }
        }
    }
}

impl<T, D: NextNode<T>> Drop for Rest<T, D> {
    fn drop(&mut self) {
        self.release();
    }
}

// SAFETY: `NextNode` promises that each node is D's to release, once; D ignores what is in it, and
// what has no destructor is as valid after its end as before. Where D may be called from any
// thread, so may this: it is Send if D is.
unsafe impl<T: Unpin, D: NextNode<T>> Deallocator<T> for NodeByNode<D> {
    type Contents = Read;
    const SECRET: bool = D::SECRET;

    #[inline]
    unsafe fn deallocate(ptr: NonNull<T>) {
        const {
            assert!(
                !core::mem::needs_drop::<T>(),
                "the nodes behind the first would not be dropped: a node may not have a destructor"
            );
        }
        Rest::<T, D>(Some(ptr), PhantomData).release();
    }
}

// SAFETY: NextNode promises as much as Linked asks for.
unsafe impl<T: Unpin, D: NextNode<T>> Linked<T> for NodeByNode<D> {
    #[inline]
    fn next(node: &T) -> *const T {
        D::next(node)
    }
}
