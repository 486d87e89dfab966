//! What is a pointer by ABI and ends what it points to.

use core::mem::{self, ManuallyDrop};
use core::ptr::NonNull;

use crate::{Borrowed, Deallocator, Lease, Owned, Pointee, RefCounted, Shared};

/// A type that owns what one C pointer points to: an [`Owned`], a [`Shared`], or a handle of
/// [`handle!`](crate::handle!).
///
/// It is what an [`Out`](crate::Out) makes room for, and what a [`Lease`] lends. With the trait in
/// scope, every owner has the methods that the handles of a wrapper need.
///
/// # Safety
///
/// The type is a `NonNull` of [`Raw`](RawOf) by layout and by ABI, so that `None` of an `Option`
/// around it is NULL, and it may be moved to any address. Dropping it ends what it owns, or gives up
/// its share of it.
///
/// # Examples
///
/// ```
/// use malloc_safe::{Opaque, Owned, Owner, deallocator};
/// use malloc_sys::{counted, counted_new, counted_release, counted_value};
///
/// deallocator! { struct Release(counted) = counted_release; }
///
/// struct Count(Owned<Opaque<counted>, Release>);
///
/// impl Count {
///     fn value(&self) -> u64 {
///         // SAFETY: the owner keeps the object.
///         unsafe { counted_value(self.0.as_ptr()) }
///     }
/// }
///
/// // SAFETY: NULL, or an object whose reference is the caller's.
/// let object = unsafe { Owned::from_raw(counted_new(7)) };
/// assert_eq!(Count(object.expect("enough memory")).value(), 7);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owner",
    label = "not an owner",
    note = "write the owner that C's pointer becomes: `Owned<NulTerminated<c_char>, D>` for a `char **`, `Owned<Opaque<X>, D>` for a handle"
)]
pub unsafe trait Owner: Sized {
    /// What it points to.
    type Pointee: Pointee;

    /// Adopts a pointer that C handed over; NULL is `None`.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or what the owner's invariant asks for ([of an `Owned`](Owned#invariant)),
    /// handed over to it.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::{Owned, Owner};
    ///
    /// /// What the status of a call says, and what the place of its result holds by then.
    /// ///
    /// /// # Safety
    /// ///
    /// /// As of [`Owner::from_raw`].
    /// unsafe fn checked<O: Owner<Pointee = u64>>(status: i32, place: *mut u64) -> Result<O, i32> {
    ///     // SAFETY: the caller promises it.
    ///     let owner = unsafe { O::from_raw(place) };
    ///     owner.filter(|_| status == 0).ok_or(status)
    /// }
    ///
    /// // SAFETY: the function returns NULL, or a number in a malloc block of its own.
    /// let number = unsafe { checked::<Owned<u64>>(0, malloc_sys::workload_number(7)) };
    /// assert_eq!(number.as_deref(), Ok(&7));
    /// ```
    #[inline]
    unsafe fn from_raw(ptr: *mut RawOf<Self>) -> Option<Self> {
        let ptr = NonNull::new(ptr)?;
        // SAFETY: an owner is such a pointer by layout, and the caller hands over what it owns.
        Some(unsafe { mem::transmute_copy(&ptr) })
    }

    /// The pointer as C gave it, good as long as the owner lives.
    ///
    /// ```
    /// use malloc_safe::{Owned, Owner};
    ///
    /// let number = Owned::try_new(7_u64)?;
    /// // SAFETY: the owner keeps the number.
    /// assert_eq!(unsafe { number.as_ptr().read() }, 7);
    /// # Ok::<(), malloc_safe::AllocError<u64>>(())
    /// ```
    #[inline]
    fn as_ptr(&self) -> *mut RawOf<Self> {
        // SAFETY: an owner is such a pointer by layout, and a copy of it ends nothing.
        let ptr: NonNull<RawOf<Self>> = unsafe { mem::transmute_copy(self) };
        ptr.as_ptr()
    }

    /// Gives up ownership: the caller, or the C function that gets the pointer, now ends it.
    ///
    /// ```
    /// use malloc_safe::{Owned, Owner};
    ///
    /// let raw = Owned::try_new(7_u64)?.into_raw();
    /// // SAFETY: what into_raw gave, once.
    /// assert!(unsafe { Owned::<u64>::from_raw(raw) }.is_some());
    /// # Ok::<(), malloc_safe::AllocError<u64>>(())
    /// ```
    #[inline]
    #[must_use = "without the pointer what it owns is leaked"]
    fn into_raw(self) -> *mut RawOf<Self> {
        ManuallyDrop::new(self).as_ptr()
    }

    /// Lends the pointer to a function that is declared to take it.
    ///
    /// ```
    /// use malloc_safe::{BorrowedCStr, Owned, Owner};
    ///
    /// unsafe extern "C" {
    ///     safe fn strlen(string: BorrowedCStr<'_>) -> usize;
    /// }
    ///
    /// let text = Owned::try_from_bytes(b"four")?.into_nul_terminated();
    /// assert_eq!(strlen(text.lend()), 4);
    /// # Ok::<(), malloc_safe::CStringError>(())
    /// ```
    #[inline]
    fn lend(&self) -> Borrowed<'_, Self::Pointee> {
        // SAFETY: an owner is such a pointer by layout; the owner is borrowed as long as this is.
        Borrowed::new(unsafe { mem::transmute_copy(self) })
    }

    /// Lends the owner itself, with its methods: a pointer that may be copied.
    ///
    /// ```
    /// use malloc_safe::{Owned, Owner};
    ///
    /// let number = Owned::try_new(7_u64)?;
    /// let (one, two) = (number.lease(), number.lease());
    /// assert_eq!(**one, **two);
    /// # Ok::<(), malloc_safe::AllocError<u64>>(())
    /// ```
    #[inline]
    fn lease(&self) -> Lease<'_, Self> {
        Lease::of(self)
    }
}

/// C's type for what an owner points to: the owner is a `RawOf<O> *`.
pub type RawOf<O> = <<O as Owner>::Pointee as Pointee>::Raw;

// SAFETY: transparent around a NonNull, and releases the block when dropped.
unsafe impl<T: Pointee, D: Deallocator<T>> Owner for Owned<T, D> {
    type Pointee = T;
}

// SAFETY: transparent around a NonNull, and drops a reference when dropped.
unsafe impl<T: Pointee, D: RefCounted<T>> Owner for Shared<T, D> {
    type Pointee = T;
}
