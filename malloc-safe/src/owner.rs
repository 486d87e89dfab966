//! What is a pointer by ABI and ends what it points to.

use crate::{Deallocator, Owned, Pointee, RefCounted, Shared};

/// A type that owns what one C pointer points to: an [`Owned`], a [`Shared`], or a handle of
/// [`handle!`](crate::handle).
///
/// It is what an [`Out`](crate::Out) makes room for, and what a [`Lease`](crate::Lease) lends.
///
/// # Safety
///
/// The type is the pointer by ABI, and never NULL, so that `None` of an `Option` around it is NULL.
/// Dropping it ends what it owns, or gives up its share of it.
///
/// # Examples
///
/// ```
/// use malloc_safe::{Owned, Owner};
///
/// /// What C calls a pointer's address: where a function puts a pointer.
/// fn place<O: Owner>(slot: &mut Option<O>) -> *mut *mut O::Raw {
///     core::ptr::from_mut(slot).cast()
/// }
///
/// let mut number = Some(Owned::<u64>::try_new(7)?);
/// assert!(!place(&mut number).is_null());
/// # Ok::<(), malloc_safe::AllocError<u64>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owner",
    label = "not an owner",
    note = "write the owner that C's pointer becomes: `Owned<NulTerminated<c_char>, D>` for a `char **`, `Owned<Opaque<X>, D>` for a handle"
)]
pub unsafe trait Owner: Sized {
    /// C's type: the owner is a `Raw *`.
    type Raw;
}

// SAFETY: transparent around a NonNull, and releases the block when dropped.
unsafe impl<T: Pointee, D: Deallocator<T>> Owner for Owned<T, D> {
    type Raw = T::Raw;
}

// SAFETY: transparent around a NonNull, and drops a reference when dropped.
unsafe impl<T: Pointee, D: RefCounted<T>> Owner for Shared<T, D> {
    type Raw = T::Raw;
}
