//! Taking a block over, and giving it up.

use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

use super::CVec;
use crate::slice::max_len;
use crate::{Allocator, ContentBlind, Deallocator, Owned, RawPartsError};

/// A pointer, a length and a capacity.
impl<T, A: Allocator + Deallocator<[T]>> CVec<T, A> {
    /// Adopts a block with room for `capacity` elements, of which the first `len` are there; NULL
    /// with 0 and 0 is the empty vector.
    ///
    /// # Errors
    ///
    /// [`RawPartsError`], if `ptr` is NULL and one of the others is not 0, if `len` is greater
    /// than `capacity`, or if `capacity` elements would be more than `isize::MAX` bytes. The error
    /// owns the block, if there is one.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or a live, aligned block that is [`A`'s to release](Owned#invariant),
    /// whatever is in it, and that nobody else uses or releases from now on. If the numbers can be
    /// right at all (see Errors), the block has room for `capacity` elements and its first `len`
    /// are valid.
    ///
    /// # Panics
    ///
    /// In debug builds, if `ptr` is not aligned for `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// // SAFETY: no precondition.
    /// let block = unsafe { malloc_sys::malloc(100) };
    /// assert!(!block.is_null());
    /// // SAFETY: a new malloc block of 100 bytes, none of them claimed.
    /// let mut text = unsafe { CVec::<u8>::from_raw_parts(block.cast(), 0, 100) }?;
    /// text.try_extend_from_slice(b"in C's block")?;
    /// assert_eq!(text.capacity(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub unsafe fn from_raw_parts(
        ptr: *mut T,
        len: usize,
        capacity: usize,
    ) -> Result<Self, RawPartsError<T, A>> {
        debug_assert!(ptr.is_aligned(), "{ptr:p} is not aligned for the elements");
        let Some(ptr) = NonNull::new(ptr) else {
            return if len == 0 && capacity == 0 {
                Ok(Self::new_in())
            } else {
                Err(RawPartsError::new(len, Some(capacity), None))
            };
        };
        if len > capacity || capacity > const { max_len::<T>() } {
            let block = NonNull::slice_from_raw_parts(ptr, 0);
            // SAFETY: the caller hands over the block, and no element is claimed of it.
            let block = unsafe { Owned::from_non_null(block) };
            return Err(RawPartsError::new(len, Some(capacity), Some(block)));
        }
        // SAFETY: the caller promises the block, and the numbers fit each other.
        Ok(unsafe { Self::from_parts(ptr, len, capacity) })
    }

    /// Gives up ownership: pointer, length and capacity; NULL, 0 and 0 if there is no block.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let (ptr, len, capacity) = CVec::<u8>::new().into_raw_parts();
    /// assert!(ptr.is_null() && len == 0 && capacity == 0);
    /// ```
    #[inline]
    #[must_use = "without the pointer the block is leaked"]
    pub fn into_raw_parts(self) -> (*mut T, usize, usize) {
        let this = ManuallyDrop::new(self);
        let ptr = this.block().map_or(ptr::null_mut(), NonNull::as_ptr);
        (ptr, this.len, this.cap)
    }

    /// Gives the elements and the block to an owner that does not grow; nothing is copied.
    ///
    /// What [`spare_capacity_mut`](Self::spare_capacity_mut) shows stays in the block, unused;
    /// [`try_shrink_to_fit`](Self::try_shrink_to_fit) gives it back.
    ///
    /// ```
    /// use malloc_safe::{CVec, Owned};
    ///
    /// let mut numbers = CVec::<u32>::new();
    /// numbers.try_extend([1, 2])?;
    /// let numbers: Owned<[u32]> = numbers.into_owned_slice();
    /// assert_eq!(*numbers, [1, 2]);
    ///
    /// let mut numbers = CVec::from(numbers);
    /// numbers.try_push(3)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn into_owned_slice(self) -> Owned<[T], A> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the block was owned, or there is none, and the elements are valid.
        unsafe { Owned::from_non_null(this.elements()) }
    }
}

impl<T, A: Allocator + ContentBlind<[T]>> From<Owned<[T], A>> for CVec<T, A> {
    /// A vector that is full, in the same block.
    #[inline]
    fn from(slice: Owned<[T], A>) -> Self {
        let elements = Owned::into_non_null(slice);
        let len = elements.len();
        // SAFETY: the block was owned, or there is none; it has that many elements, and releasing
        // it does not depend on what is in it.
        unsafe { Self::from_parts(elements.cast(), len, len) }
    }
}

impl<T, A: Allocator + Deallocator<[T]>> From<CVec<T, A>> for Owned<[T], A> {
    #[inline]
    fn from(vector: CVec<T, A>) -> Self {
        vector.into_owned_slice()
    }
}
