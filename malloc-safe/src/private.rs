//! What the macros name in a caller's crate, where every other name may be the caller's own.

pub use core::clone::Clone;
pub use core::ffi::c_void;
pub use core::fmt::{Debug, Formatter, Result as FmtResult};
pub use core::marker::{PhantomData, Send, Sized, Sync};
pub use core::mem::size_of;
pub use core::primitive::{str, u8, usize};
pub use core::ptr::NonNull;
pub use core::{compile_error, stringify};

use core::cell::Cell;

use crate::{Deallocator, Opaque, Owned};

/// In a name: neither `Send` nor `Sync`.
pub type Affine = PhantomData<*mut ()>;

/// In a name: `Send`, but not `Sync`.
pub type Sendable = PhantomData<Cell<()>>;

/// In a name: both.
pub type Shareable = PhantomData<()>;

/// The bytes of a `str`.
#[inline]
pub fn bytes_of_str(text: NonNull<str>) -> NonNull<[u8]> {
    // SAFETY: a cast keeps the address, so it is still not NULL.
    unsafe { NonNull::new_unchecked(text.as_ptr() as *mut [u8]) }
}

/// The name of a handle, and its address.
pub fn debug_handle<X, D: Deallocator<Opaque<X>>>(
    name: &str,
    owner: &Owned<Opaque<X>, D>,
    f: &mut Formatter<'_>,
) -> FmtResult {
    f.debug_tuple(name).field(&Owned::as_ptr(owner)).finish()
}

/// An owner of another reference.
///
/// # Safety
///
/// The reference has been added, and is the caller's.
#[inline]
pub unsafe fn another<X, D: Deallocator<Opaque<X>>>(
    owner: &Owned<Opaque<X>, D>,
) -> Owned<Opaque<X>, D> {
    // SAFETY: the caller hands over a reference to the same object.
    unsafe { Owned::from_non_null(owner.as_non_null()) }
}
