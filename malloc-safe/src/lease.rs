//! Owners that change hands for a while only: the borrowed form of a handle.

use core::fmt;
use core::marker::PhantomData;
use core::mem;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::{Owner, RawOf};

/// An owner that is only lent: the methods of `O`, for `'a`, without its destructor.
///
/// It is the borrowed form of a handle, as `&str` is of `String`: the same pointer by ABI, which may
/// be copied, and which ends nothing. Methods are written once, for the handle, and a pointer that C
/// shows has them too. It may stand in a declaration; whoever writes one promises what
/// [`Borrowed`](crate::Borrowed) asks for.
///
/// A clone of the handle through it, where the handle has `Clone`, is an owner like any other.
///
/// # Invariant
///
/// The pointer is what a live `O` has for `'a`, or would have, if somebody owned the object.
///
/// # Threads
///
/// As `&'a O`: both need `O` to be `Sync`.
///
/// # Examples
///
/// ```
/// use malloc_safe::{Lease, Owner, handle};
/// use malloc_sys::{counted, counted_default, counted_release, counted_retain, counted_value};
///
/// handle! { pub struct Count(counted) = counted_release, clone = counted_retain; }
///
/// impl Count {
///     pub fn value(&self) -> u64 {
///         // SAFETY: a live object, owned or lent.
///         unsafe { counted_value(self.as_ptr()) }
///     }
/// }
///
/// // SAFETY: NULL, or an object that the library keeps for ever.
/// let default = unsafe { Lease::<'static, Count>::from_raw(counted_default()) };
/// let default = default.expect("enough memory");
/// assert_eq!(default.value(), 0);
/// let kept: Count = Count::clone(&default); // retain
/// assert_eq!(kept.value(), 0);
/// ```
#[repr(transparent)]
pub struct Lease<'a, O: Owner> {
    ptr: NonNull<RawOf<O>>,
    lent: PhantomData<&'a O>,
}

impl<'a, O: Owner> Lease<'a, O> {
    /// Lends an owner.
    #[inline]
    pub(crate) fn of(owner: &'a O) -> Self {
        Self {
            // SAFETY: an owner is such a pointer by layout, and a copy of it ends nothing.
            ptr: unsafe { mem::transmute_copy(owner) },
            lent: PhantomData,
        }
    }

    /// Wraps a pointer that C only showed; NULL is `None`.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or satisfies the [invariant](Self#invariant) for `'a`.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::{Lease, Owner, handle};
    /// use malloc_sys::{counted, counted_default, counted_release, counted_value};
    ///
    /// handle! { pub struct Count(counted) = counted_release; }
    ///
    /// // SAFETY: NULL, or an object that the library keeps for ever.
    /// let default = unsafe { Lease::<'static, Count>::from_raw(counted_default()) };
    /// // SAFETY: a live object.
    /// assert_eq!(unsafe { counted_value(default.expect("enough memory").as_ptr()) }, 0);
    /// ```
    #[inline]
    pub unsafe fn from_raw(ptr: *mut RawOf<O>) -> Option<Self> {
        NonNull::new(ptr).map(|ptr| Self {
            ptr,
            lent: PhantomData,
        })
    }
}

/// The owner's methods. What they return lives as long as this is borrowed.
impl<O: Owner> Deref for Lease<'_, O> {
    type Target = O;

    #[inline]
    fn deref(&self) -> &O {
        let owner: *const O = (&raw const self.ptr).cast();
        // SAFETY: an owner is such a pointer by layout, and by the invariant a valid one; behind a
        // shared reference it ends nothing.
        unsafe { &*owner }
    }
}

impl<O: Owner> Clone for Lease<'_, O> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<O: Owner> Copy for Lease<'_, O> {}

impl<O: Owner + fmt::Debug> fmt::Debug for Lease<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

// SAFETY: scenario: another thread gets the pointer, and uses the owner's methods, as through `&O`.
unsafe impl<O: Owner + Sync> Send for Lease<'_, O> {}

// SAFETY: it can be copied out of a `&Lease`: the same.
unsafe impl<O: Owner + Sync> Sync for Lease<'_, O> {}
