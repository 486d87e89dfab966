//! A pointee that Rust does not look into.

use core::ffi::c_void;
use core::marker::PhantomData;

use crate::never::{Never, Pinned};

/// A pointee whose bytes are C's business: a `void *`, a handle, a struct without a definition.
///
/// `X` is the type that C's functions are declared with, `sqlite3_stmt` of a -sys crate, or where
/// none is at hand a name that tells one library's handles from another's. A deallocator of `X`
/// releases an `Opaque<X>`, and the raw pointer of its owner is an `X *`.
///
/// An owner of an `Opaque` hands out the pointer and nothing else. It does not leave its thread,
/// because most handles must not, unless its deallocator says so ([`HandleThreads`]).
///
/// Own the structs that bindgen writes for a type without a definition as `Opaque`. As plain
/// pointees they have no size, and may be `Copy`: a copy is no object of the library's.
///
/// ```
/// use malloc_safe::{Opaque, Owned, deallocator};
///
/// deallocator! { pub struct CloseDir(libc::DIR) = libc::closedir; }
///
/// # #[cfg(unix)] {
/// // SAFETY: a C string; the function returns NULL or a directory stream, for closedir.
/// let root = unsafe { Owned::<Opaque<libc::DIR>, CloseDir>::from_raw(libc::opendir(c"/".as_ptr())) };
/// let root = root.expect("there is a root");
/// // SAFETY: the stream is open until its owner is dropped.
/// let entry = unsafe { libc::readdir(Owned::as_ptr(&root)) };
/// assert!(!entry.is_null());
/// # }
/// ```
#[repr(C)]
pub struct Opaque<X = c_void> {
    bytes: [u8; 0],
    is: PhantomData<*mut X>,
}

// Never: the place does not hold what C keeps there.
impl<X> Unpin for Opaque<X> where Pinned<X>: Never {}

// Never, of itself: an owner leaves its thread where its deallocator says so.
// SAFETY: no type satisfies the bound.
unsafe impl<X> Send for Opaque<X> where Pinned<X>: Never {}
// SAFETY: as above.
unsafe impl<X> Sync for Opaque<X> where Pinned<X>: Never {}

/// A [`Deallocator`](crate::Deallocator) whose `Send` and `Sync` are said of the handles that it
/// releases, and not only of itself.
///
/// [`deallocator!`](crate::deallocator!) implements it for a named type, which is then neither
/// unless `: Send` or `: Send + Sync` is written. One written by hand is `Send` because nothing in it
/// keeps it from being, and that says nothing about its handles.
///
/// # Safety
///
/// For every [`Opaque`] that the deallocator releases: if the type is `Send`, the library's functions
/// for it may be called, and it may be released, in any thread, one at a time; if it is `Sync`, in
/// several at once.
///
/// # Examples
///
/// ```
/// use core::ptr::NonNull;
/// use malloc_safe::{Deallocator, HandleThreads, Opaque, Owned, contents};
/// use malloc_sys::{counted, counted_release};
///
/// struct Release;
///
/// // SAFETY: counted_release drops the reference that the caller has, in any thread.
/// unsafe impl Deallocator<Opaque<counted>> for Release {
///     type Contents = contents::Read;
///
///     unsafe fn deallocate(ptr: NonNull<Opaque<counted>>) {
///         // SAFETY: the caller hands over a reference.
///         unsafe { counted_release(ptr.as_ptr().cast()) }
///     }
/// }
///
/// // SAFETY: the library's functions may be called in several threads at once.
/// unsafe impl HandleThreads for Release {}
///
/// # // SAFETY: NULL, or an object whose reference is the caller's.
/// # let object = unsafe { Owned::<Opaque<counted>, Release>::from_raw(malloc_sys::counted_new(7)) };
/// # let object = object.expect("enough memory");
/// std::thread::spawn(move || drop(object)).join().unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "nothing says that the handles of `{Self}` may leave their thread",
    label = "stays in its thread",
    note = "if the library allows it, release them with a named type, and write `: Send` or `: Send + Sync` in `deallocator!`"
)]
pub unsafe trait HandleThreads {}
