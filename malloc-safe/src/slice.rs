//! `Owned<[T], D>`: a pointer and a length.

use core::error::Error;
use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::ops::Range;
use core::ptr::{self, NonNull};
use core::slice;

use crate::owned::Block;
use crate::pointee::layout::Layout as _;
use crate::{ContentBlind, Deallocator, Free, Owned};

/// A pointer and a length, as C hands over arrays and buffers.
///
/// Length 0 has two forms in C, and both are right here: NULL, which is no block, and the pointer
/// that `malloc(0)` may return, which must still be freed.
impl<T, D: Deallocator<[T]>> Owned<[T], D> {
    /// The address that stands for the empty slice without a block must not be a block's.
    pub(crate) const ALIGNMENT_IS_NO_BLOCK: () = assert!(
        align_of::<T>() < 4096,
        "the alignment of the elements is beyond the first page"
    );

    /// Adopts a pointer and the number of elements behind it; NULL with 0 is the empty slice.
    ///
    /// # Errors
    ///
    /// [`RawPartsError`], if `ptr` is NULL and `len` is not 0, or if `len` elements would be more
    /// than `isize::MAX` bytes (a negative status taken for a length, say). In the second case the
    /// error owns the block.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or a live, aligned block that is [`D`'s to release](Owned#invariant) and that
    /// nobody else uses or releases from now on. If `len` can be right at all (see Errors), the
    /// block holds `len` valid elements; if not, `D` releases it as a slice of length 0.
    ///
    /// # Panics
    ///
    /// In debug builds, if `ptr` is not aligned for `T`. A `T` aligned to a page of memory does not
    /// compile: the empty slice has an address below that.
    ///
    /// ```compile_fail,E0080
    /// #[repr(align(4096))]
    /// struct Page([u8; 4096]);
    /// let pages = unsafe { malloc_safe::Owned::<[Page]>::from_raw_parts(core::ptr::null_mut(), 0) };
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use core::ptr;
    /// use malloc_safe::Owned;
    ///
    /// // SAFETY: NULL is allowed.
    /// let none = unsafe { Owned::<[u32]>::from_raw_parts(ptr::null_mut(), 0) }?;
    /// assert!(none.is_empty());
    /// # Ok::<(), malloc_safe::RawPartsError<u32>>(())
    /// ```
    #[inline]
    pub unsafe fn from_raw_parts(ptr: *mut T, len: usize) -> Result<Self, RawPartsError<T, D>> {
        debug_assert!(ptr.is_aligned(), "{ptr:p} is not aligned for the elements");
        const { Self::ALIGNMENT_IS_NO_BLOCK };
        let Some(ptr) = NonNull::new(ptr) else {
            return if len == 0 {
                Ok(Self::empty())
            } else {
                Err(RawPartsError::new(len, None, None))
            };
        };
        if len > const { max_len::<T>() } {
            let block = NonNull::slice_from_raw_parts(ptr, 0);
            // SAFETY: the caller hands over the block, and no element is claimed of it.
            let block = unsafe { Self::from_non_null(block) };
            return Err(RawPartsError::new(len, None, Some(block)));
        }
        // SAFETY: the caller promises a block with `len` elements.
        Ok(unsafe { Self::from_non_null(NonNull::slice_from_raw_parts(ptr, len)) })
    }

    /// Gives up ownership; an empty slice without a block is `(NULL, 0)`.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let (ptr, len) = Owned::into_raw_parts(Owned::<[u8]>::empty());
    /// assert!(ptr.is_null() && len == 0);
    /// ```
    #[inline]
    #[must_use = "without the pointer the block is leaked"]
    pub fn into_raw_parts(this: Self) -> (*mut T, usize) {
        let slice = Self::into_non_null(this);
        let ptr = if <[T]>::is_unallocated(slice) {
            ptr::null_mut()
        } else {
            slice.cast::<T>().as_ptr()
        };
        (ptr, slice.len())
    }

    /// The empty slice, without a block.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// // What there is as long as C has handed over nothing.
    /// let mut received = Owned::<[u8]>::empty();
    /// assert!(received.is_empty());
    /// received = Owned::<[u8]>::try_from_slice(b"data")?;
    /// assert_eq!(received.len(), 4);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn empty() -> Self {
        const { Self::ALIGNMENT_IS_NO_BLOCK };
        // SAFETY: no element, and at the address of the alignment, which stands for no block.
        unsafe { Self::from_non_null(NonNull::slice_from_raw_parts(NonNull::dangling(), 0)) }
    }
}

/// A pointer and a length that no block can have. It owns the block, if there is one.
///
/// ```
/// use core::ptr;
/// use malloc_safe::Owned;
///
/// // SAFETY: NULL is allowed with any length.
/// let error = unsafe { Owned::<[u8]>::from_raw_parts(ptr::null_mut(), 12) }.unwrap_err();
/// assert_eq!(error.to_string(), "NULL with length 12: only length 0 may come without a block");
/// ```
pub struct RawPartsError<T, D: Deallocator<[T]> = Free> {
    length: usize,
    capacity: Option<usize>,
    block: Option<Owned<[T], D>>,
}

impl<T, D: Deallocator<[T]>> RawPartsError<T, D> {
    #[cold] // keeps it out of the way of what is right
    pub(crate) fn new(
        length: usize,
        capacity: Option<usize>,
        block: Option<Owned<[T], D>>,
    ) -> Self {
        Self {
            length,
            capacity,
            block,
        }
    }

    /// The length that was claimed.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// // SAFETY: no precondition.
    /// let block = unsafe { malloc_sys::malloc(8) }.cast::<u8>();
    /// // SAFETY: a malloc block; -1, taken for a length, is one that cannot be.
    /// let error = unsafe { Owned::<[u8]>::from_raw_parts(block, usize::MAX) }.unwrap_err();
    /// assert_eq!(error.length(), usize::MAX);
    /// ```
    pub fn length(&self) -> usize {
        self.length
    }

    /// The capacity that was claimed, if one was.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// // SAFETY: NULL is allowed.
    /// let error = unsafe { CVec::<u8>::from_raw_parts(core::ptr::null_mut(), 0, 16) }.unwrap_err();
    /// assert_eq!(error.capacity(), Some(16));
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    /// Gives the block back as an empty slice; `None` if the pointer was NULL.
    ///
    /// To adopt the block with another length, once that is known:
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// // SAFETY: the function returns NULL or a malloc block; no such length can be right.
    /// let claimed = unsafe {
    ///     Owned::<[u64]>::from_raw_parts(malloc_sys::workload_number(7), usize::MAX)
    /// };
    /// let block = claimed.unwrap_err().into_block().expect("it was not NULL");
    /// let (number, _) = Owned::into_raw_parts(block);
    /// // SAFETY: the same block, given up, with one number in it.
    /// let number = unsafe { Owned::<[u64]>::from_raw_parts(number, 1) }?;
    /// assert_eq!(*number, [7]);
    /// # Ok::<(), malloc_safe::RawPartsError<u64>>(())
    /// ```
    pub fn into_block(self) -> Option<Owned<[T], D>> {
        self.block
    }
}

impl<T, D: Deallocator<[T]>> fmt::Display for RawPartsError<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.length;
        match (&self.block, self.capacity) {
            (Some(_), None) => write!(
                f,
                "length {length} makes the block larger than isize::MAX bytes"
            ),
            (None, None) => write!(
                f,
                "NULL with length {length}: only length 0 may come without a block"
            ),
            (Some(_), Some(capacity)) if length > capacity => {
                write!(f, "length {length} is beyond the capacity, {capacity}")
            }
            (Some(_), Some(capacity)) => write!(
                f,
                "capacity {capacity} makes the block larger than isize::MAX bytes"
            ),
            (None, Some(capacity)) => write!(
                f,
                "NULL with length {length} and capacity {capacity}: only 0 and 0 may come without \
                 a block"
            ),
        }
    }
}

impl<T, D: Deallocator<[T]>> fmt::Debug for RawPartsError<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPartsError")
            .field("length", &self.length)
            .field("capacity", &self.capacity)
            .field("null", &self.block.is_none())
            .finish()
    }
}

impl<T, D: Deallocator<[T]>> Error for RawPartsError<T, D> {}

/// The most elements that fit in `isize::MAX` bytes, the limit of every object in Rust and in C.
pub(crate) const fn max_len<T>() -> usize {
    match size_of::<T>() {
        0 => usize::MAX,
        size => isize::MAX as usize / size,
    }
}

impl<T, D: Deallocator<[T]>> Default for Owned<[T], D> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T: Unpin, D: ContentBlind<[T]>> IntoIterator for Owned<[T], D> {
    type Item = T;
    type IntoIter = IntoIter<T, D>;

    /// Moves the elements out; the block is released with the iterator.
    ///
    /// Not where the deallocator may end what they point to.
    #[inline]
    fn into_iter(self) -> IntoIter<T, D> {
        let block = Self::into_non_null(self);
        // SAFETY: the block was owned, with every element in it.
        unsafe { IntoIter::new(block, block.len()) }
    }
}

impl<'a, T: Unpin, D: Deallocator<[T]>> IntoIterator for &'a Owned<[T], D> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Unpin, D: ContentBlind<[T]>> IntoIterator for &'a mut Owned<[T], D> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    #[inline]
    fn into_iter(self) -> slice::IterMut<'a, T> {
        self.iter_mut()
    }
}

/// The elements of an `Owned<[T], D>` or a [`CVec<T, D>`](crate::CVec), by value.
///
/// ```
/// use malloc_safe::Owned;
///
/// let numbers = Owned::<[i32]>::try_from_slice(&[1, 2, 3])?;
/// let mut numbers = numbers.into_iter();
/// assert_eq!(numbers.next_back(), Some(3));
/// assert_eq!(numbers.as_slice(), [1, 2]);
/// // The rest is dropped, and the block freed, here.
/// # Ok::<(), malloc_safe::AllocError>(())
/// ```
///
/// # Invariant
///
/// The elements in `alive` are valid, the others have been moved out. Positions, not pointers:
/// elements of size 0 have no addresses to count by.
pub struct IntoIter<T, D: Deallocator<[T]> = Free> {
    alive: Range<usize>,
    block: Block<[T], D>,
    owns: PhantomData<T>,
}

impl<T, D: Deallocator<[T]>> IntoIter<T, D> {
    /// # Safety
    ///
    /// The block is `D`'s to release, or stands for none, and is the caller's to hand over; its
    /// first `len` elements are valid.
    #[inline]
    pub(crate) unsafe fn new(block: NonNull<[T]>, len: usize) -> Self {
        Self {
            alive: 0..len,
            block: Block(block, PhantomData),
            owns: PhantomData,
        }
    }

    /// The elements that are left.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let mut numbers = Owned::<[i32]>::try_from_slice(&[1, 2, 3])?.into_iter();
    /// numbers.next();
    /// assert_eq!(numbers.as_slice(), [2, 3]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn as_slice(&self) -> &[T] {
        const { <[T]>::VISIBLE };
        // SAFETY: by the invariant the elements in `alive` are valid, and `self` is borrowed.
        unsafe { self.rest().as_ref() }
    }

    fn rest(&self) -> NonNull<[T]> {
        // SAFETY: `alive` lies within the block.
        let start = unsafe { self.first().add(self.alive.start) };
        NonNull::slice_from_raw_parts(start, self.alive.len())
    }

    #[inline]
    fn first(&self) -> NonNull<T> {
        self.block.0.cast()
    }

    /// Reads an element that `alive` has just given up.
    ///
    /// # Safety
    ///
    /// `position` was in `alive` a moment ago, and no longer is.
    #[inline]
    unsafe fn read(&self, position: usize) -> T {
        // SAFETY: the position lies within the block.
        let element = unsafe { self.first().add(position) };
        // SAFETY: it is valid, and out of `alive`, so nobody reads it again.
        unsafe { element.read() }
    }
}

impl<T, D: Deallocator<[T]>> Iterator for IntoIter<T, D> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        // SAFETY: `next` takes the position out of `alive`.
        self.alive
            .next()
            .map(|position| unsafe { self.read(position) })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.alive.size_hint()
    }

    #[inline]
    fn count(self) -> usize {
        self.alive.len()
    }
}

impl<T, D: Deallocator<[T]>> DoubleEndedIterator for IntoIter<T, D> {
    #[inline]
    fn next_back(&mut self) -> Option<T> {
        // SAFETY: `next_back` takes the position out of `alive`.
        self.alive
            .next_back()
            .map(|position| unsafe { self.read(position) })
    }
}

impl<T, D: Deallocator<[T]>> ExactSizeIterator for IntoIter<T, D> {}
impl<T, D: Deallocator<[T]>> FusedIterator for IntoIter<T, D> {}

impl<T: fmt::Debug, D: Deallocator<[T]>> fmt::Debug for IntoIter<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IntoIter").field(&self.as_slice()).finish()
    }
}

// SAFETY: it owns the block and the elements that are left, as the owner does.
unsafe impl<T: Send, D: Deallocator<[T]> + Send> Send for IntoIter<T, D> {}

// SAFETY: a shared iterator shows its elements, as the owner does.
unsafe impl<T: Sync, D: Deallocator<[T]> + Sync> Sync for IntoIter<T, D> {}

impl<T, D: Deallocator<[T]>> Drop for IntoIter<T, D> {
    fn drop(&mut self) {
        // The block follows, as a field: also when an element's destructor panics.
        // SAFETY: by the invariant these elements are valid, and nothing uses them afterwards.
        unsafe { ptr::drop_in_place(self.rest().as_ptr()) }
    }
}
