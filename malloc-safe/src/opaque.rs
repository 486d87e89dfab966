//! A pointee that Rust does not look into.

use core::ffi::c_void;
use core::marker::PhantomData;

use crate::never::{Never, Pinned};

/// A pointee whose bytes are C's business: a `void *`, a handle, a struct without a definition.
///
/// `Tag` tells one library's handles from another's. An owner of an `Opaque` hands out the
/// pointer and nothing else; it does not move to another thread, because most handles must not.
///
/// ```
/// use malloc_safe::{Opaque, Owned, deallocator};
///
/// pub enum Dir {} // tells this handle from others
///
/// deallocator! {
///     pub struct CloseDir(Opaque<Dir>) = |dir: *mut Opaque<Dir>| {
///         // SAFETY: the owner hands over what opendir returned.
///         unsafe { libc::closedir(dir.cast()) }
///     };
/// }
///
/// # #[cfg(unix)] {
/// // SAFETY: a C string; the function returns NULL or a directory stream.
/// let root = unsafe { libc::opendir(c"/".as_ptr()) }.cast();
/// // SAFETY: as just said, and closedir releases the stream.
/// let root = unsafe { Owned::<Opaque<Dir>, CloseDir>::from_raw(root) };
/// let root = root.expect("there is a root");
/// // SAFETY: the stream is open until its owner is dropped.
/// let entry = unsafe { libc::readdir(Owned::as_ptr(&root).cast()) };
/// assert!(!entry.is_null());
/// # }
/// ```
#[repr(C)]
pub struct Opaque<Tag = c_void> {
    bytes: [u8; 0],
    tag: PhantomData<*mut Tag>,
}

// Never: the place does not hold what C keeps there.
impl<Tag> Unpin for Opaque<Tag> where Pinned<Tag>: Never {}
