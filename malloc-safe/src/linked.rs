//! Linked lists that are released as a whole.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::contents::Read;
use crate::pointee::layout::Layout as _;
use crate::{Deallocator, Owned, Pointee};

/// A [`Deallocator`] that releases a whole linked list, as `freeaddrinfo` and `freeifaddrs` do.
///
/// An owner of the first node owns them all, and lends them with [`Owned::nodes`].
///
/// # Safety
///
/// For every node of a list that is [`Self`'s to release](Owned#invariant), `next` returns NULL, or
/// a pointer to a node behind it, which is aligned and valid. As long as the owner of the first node
/// is borrowed shared, that node lives and nobody writes it; a function that appends, or takes a node
/// out, borrows the owner mutably. Read the pointer from the node; do not compute it from the address
/// of `node`, as a reference to one node does not reach another. This holds whatever safe code has
/// made of the nodes through a shared reference, and also for a list that was owned as a subtype of
/// `T`.
///
/// Safe code neither overwrites a node nor has one owned that it made up, as the deallocator
/// [reads](Read) them: one that [ignores](crate::contents::Ignored) the contents is not `Linked`.
///
/// # Examples
///
/// ```
/// # #[cfg(unix)] {
/// use malloc_safe::{Linked, Owned, deallocator};
///
/// deallocator! { struct FreeInterfaces(libc::ifaddrs) = libc::freeifaddrs; }
///
/// // SAFETY: the list's own member, which only the C library writes.
/// unsafe impl Linked<libc::ifaddrs> for FreeInterfaces {
///     fn next(node: &libc::ifaddrs) -> *const libc::ifaddrs {
///         node.ifa_next
///     }
/// }
///
/// let mut first = core::ptr::null_mut();
/// // SAFETY: a place for the first node.
/// assert_eq!(unsafe { libc::getifaddrs(&raw mut first) }, 0);
/// // SAFETY: NULL or a list for freeifaddrs.
/// if let Some(list) = unsafe { Owned::<libc::ifaddrs, FreeInterfaces>::from_raw(first) } {
///     println!("{} addresses", list.nodes().count());
/// }
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known to release lists of `{T}`",
    note = "implement `Linked<{T}>`, which says where the next node is"
)]
pub unsafe trait Linked<T>: Deallocator<T, Contents = Read> {
    /// The node behind this one, NULL behind the last.
    fn next(node: &T) -> *const T;
}

impl<T: Unpin, D: Linked<T>> Owned<T, D> {
    /// The nodes of the list, this one first.
    ///
    /// ```
    /// # #[cfg(unix)] {
    /// # use core::ptr;
    /// # use malloc_safe::{Linked, Owned, deallocator};
    /// # deallocator! { struct FreeAddrInfo(libc::addrinfo) = libc::freeaddrinfo; }
    /// # unsafe impl Linked<libc::addrinfo> for FreeAddrInfo {
    /// #     fn next(node: &libc::addrinfo) -> *const libc::addrinfo { node.ai_next }
    /// # }
    /// let (host, any) = (c"127.0.0.1".as_ptr(), ptr::null());
    /// let mut first = ptr::null_mut();
    /// // SAFETY: a C string, no service, no hints, and a place for the list.
    /// let status = unsafe { libc::getaddrinfo(host, any, ptr::null(), &raw mut first) };
    /// assert_eq!(status, 0);
    /// // SAFETY: status 0 stores a list for freeaddrinfo.
    /// let list = unsafe { Owned::<libc::addrinfo, FreeAddrInfo>::from_raw(first) }.expect("an address");
    /// assert!(list.nodes().all(|address| address.ai_family == libc::AF_INET));
    /// # }
    /// ```
    #[inline]
    pub fn nodes(&self) -> Nodes<'_, T, D> {
        const { T::VISIBLE };
        Nodes {
            next: Some(self.as_non_null()),
            list: PhantomData,
        }
    }
}

/// The nodes of a [`Linked`] list, as its owner lends them: what [`Owned::nodes`] returns.
///
/// # Invariant
///
/// `next` is a node of a list whose owner is borrowed for `'a`.
///
/// # Examples
///
/// ```
/// # #[cfg(unix)] {
/// # use malloc_safe::{Linked, Owned, deallocator};
/// # deallocator! { struct FreeInterfaces(libc::ifaddrs) = libc::freeifaddrs; }
/// # // SAFETY: the list's own member, which only the C library writes.
/// # unsafe impl Linked<libc::ifaddrs> for FreeInterfaces {
/// #     fn next(node: &libc::ifaddrs) -> *const libc::ifaddrs { node.ifa_next }
/// # }
/// # let mut first = core::ptr::null_mut();
/// # // SAFETY: a place for the first node.
/// # assert_eq!(unsafe { libc::getifaddrs(&raw mut first) }, 0);
/// # // SAFETY: NULL or a list for freeifaddrs.
/// # let list = unsafe { Owned::<libc::ifaddrs, FreeInterfaces>::from_raw(first) };
/// if let Some(list) = list {
///     let nodes = list.nodes();
///     assert_eq!(nodes.clone().count(), nodes.count());
/// }
/// # }
/// ```
pub struct Nodes<'a, T: Pointee, D: Linked<T>> {
    next: Option<NonNull<T>>,
    list: PhantomData<&'a Owned<T, D>>,
}

impl<'a, T: Pointee, D: Linked<T>> Iterator for Nodes<'a, T, D> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        // SAFETY: by the invariant a valid node that lives, and is not written, for 'a.
        let node: &'a T = unsafe { self.next?.as_ref() };
        self.next = NonNull::new(D::next(node).cast_mut());
        Some(node)
    }
}

impl<T: Pointee, D: Linked<T>> FusedIterator for Nodes<'_, T, D> {}

impl<T: Pointee, D: Linked<T>> Clone for Nodes<'_, T, D> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T: Pointee + fmt::Debug, D: Linked<T>> fmt::Debug for Nodes<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

// SAFETY: scenario: another thread gets the iterator and reads the nodes, as it may through the
// shared owner that this stands for.
unsafe impl<T: Pointee + Sync, D: Linked<T> + Sync> Send for Nodes<'_, T, D> {}

// SAFETY: as above: a shared iterator can be cloned.
unsafe impl<T: Pointee + Sync, D: Linked<T> + Sync> Sync for Nodes<'_, T, D> {}
