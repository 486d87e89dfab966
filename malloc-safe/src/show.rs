//! What `Debug` shows of a block.

use core::ffi::CStr;
use core::fmt::{self, Debug as _};
use core::ptr::NonNull;

use crate::pointee::layout::Layout as _;
use crate::{Deallocator, Opaque, Owned, OwnedWith, Pointee};

/// A pointee of which an owner can show something: plain contents as they show themselves, a
/// terminated run up to its end, of a handle the address.
#[diagnostic::on_unimplemented(
    message = "`{Self}` doesn't implement `Debug`, and so its owner does not",
    note = "add `#[derive(Debug)]` to `{Self}`, or own an `Opaque` of it"
)]
pub trait Show: Pointee {
    /// # Safety
    ///
    /// `ptr` satisfies the invariant of an owner, which is borrowed.
    unsafe fn show(ptr: NonNull<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Shows the contents as they show themselves.
macro_rules! plain {
    ($($(#[$attribute:meta])* ($($parameter:tt)*) $pointee:ty;)+) => {$(
        $(#[$attribute])*
        impl<$($parameter)*> Show for $pointee {
            unsafe fn show(ptr: NonNull<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                const { Self::VISIBLE };
                // SAFETY: the caller says that there are valid contents, borrowed.
                unsafe { ptr.as_ref() }.fmt(f)
            }
        }
    )+};
}

plain! {
    #[diagnostic::do_not_recommend]
    (T: Unpin + fmt::Debug) T;
    (T: Unpin + fmt::Debug) [T];
    () str;
    () CStr;
}

impl<X> Show for Opaque<X> {
    unsafe fn show(ptr: NonNull<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opaque").field(&ptr).finish()
    }
}

/// As the contents, of a handle as the address; nothing of a [secret](Deallocator::SECRET).
impl<T: ?Sized + Show, D: Deallocator<T>> fmt::Debug for Owned<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if D::SECRET {
            return f.debug_struct("Owned").finish_non_exhaustive();
        }
        // SAFETY: the owner is borrowed.
        unsafe { T::show(self.as_non_null(), f) }
    }
}

impl<T: ?Sized + Show, F: FnOnce(NonNull<T>)> fmt::Debug for OwnedWith<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the owner is borrowed.
        unsafe { T::show(self.as_non_null(), f) }
    }
}
