//! `CVec<T, A>`: a block that grows.

mod bytes;
mod compare;
mod drain;
mod edit;
mod grow;
mod impls;
mod parts;
mod retain;

pub use drain::Drain;

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use crate::owned::Block;
use crate::pointee::layout::Layout as _;
use crate::{Allocator, Deallocator, Free, Owned};

/// A vector in a block that C may be given, or that C allocated: what a program grows with
/// `realloc`.
///
/// It is `Vec`, but for three things. Its block is `A`'s, so that it can be handed over with its
/// length and its capacity, and taken over. Whatever may need memory returns an error for want of
/// it, and loses nothing. A vector of elements without a size has a block once it has an element,
/// because C is to get a pointer.
///
/// An element whose alignment is stricter than the allocator's does not compile where a block
/// would be allocated or grown. One that is not [`Unpin`] can be dropped in its place, but not be
/// moved in or out, borrowed, or moved to another block.
///
/// # Invariant
///
/// `ptr` is what the allocator or the library handed over, with its whole provenance: a block that
/// is `A`'s to release and to reallocate, whatever is in it, with room for `cap` elements, which
/// together are no larger than `isize::MAX` bytes. The first `len` of them are valid, `len` is not
/// greater than `cap`, and nobody else uses the block. Or there is no block: then `ptr` is the
/// alignment as an address, and `cap` is 0.
///
/// # Threads
///
/// As [`Owned`]: `Send` if both `T` and `A` are, `Sync` if both are.
///
/// # Examples
///
/// ```
/// use malloc_safe::{CVec, Owned};
///
/// let mut numbers = CVec::new();
/// numbers.try_push(1_u32)?;
/// numbers.try_extend([2, 3])?;
/// numbers.sort_unstable_by(|a, b| b.cmp(a));
/// assert_eq!(*numbers, [3, 2, 1]);
///
/// let (ptr, len, capacity) = numbers.into_raw_parts(); // for a C function that frees it
/// assert!(len == 3 && capacity >= 3);
/// # // SAFETY: what into_raw_parts gave, once.
/// # drop(unsafe { CVec::<u32>::from_raw_parts(ptr, len, capacity) });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # C reference
///
/// C11 7.22.3.5, `realloc`.
pub struct CVec<T, A: Allocator + Deallocator<[T]> = Free> {
    ptr: NonNull<T>,
    len: usize,
    cap: usize,
    owns: PhantomData<T>,
    // Invariant in A: a coercion must not exchange one allocator for another.
    allocator: PhantomData<fn(A) -> A>,
}

impl<T> CVec<T> {
    /// An empty vector, without a block.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// const NONE: CVec<u8> = CVec::new();
    /// assert!(NONE.is_empty() && NONE.capacity() == 0);
    /// ```
    #[inline]
    pub const fn new() -> Self {
        Self::new_in()
    }
}

impl<T, A: Allocator + Deallocator<[T]>> CVec<T, A> {
    /// An empty vector, whose blocks will be another allocator's.
    ///
    /// ```
    /// use malloc_safe::{CVec, Free};
    ///
    /// const NONE: CVec<u8, Free> = CVec::new_in(); // or a library's in the place of Free
    /// assert!(NONE.is_empty());
    /// ```
    #[inline]
    pub const fn new_in() -> Self {
        const { Owned::<[T], A>::ALIGNMENT_IS_NO_BLOCK };
        // SAFETY: no element, and at the address of the alignment, which stands for no block.
        unsafe { Self::from_parts(NonNull::dangling(), 0, 0) }
    }

    /// # Safety
    ///
    /// The parts satisfy the invariant of the type.
    #[inline]
    const unsafe fn from_parts(ptr: NonNull<T>, len: usize, cap: usize) -> Self {
        Self {
            ptr,
            len,
            cap,
            owns: PhantomData,
            allocator: PhantomData,
        }
    }

    /// The block, if there is one.
    #[inline]
    fn block(&self) -> Option<NonNull<T>> {
        let unallocated = <[T]>::is_unallocated(self.whole());
        (!unallocated).then_some(self.ptr)
    }

    /// The elements, and the room for more.
    #[inline]
    fn whole(&self) -> NonNull<[T]> {
        NonNull::slice_from_raw_parts(self.ptr, self.cap)
    }

    #[inline]
    fn elements(&self) -> NonNull<[T]> {
        NonNull::slice_from_raw_parts(self.ptr, self.len)
    }

    /// The place behind the last element.
    #[inline]
    fn end(&self) -> NonNull<T> {
        // SAFETY: `len` is at most the number of elements that the block has room for.
        unsafe { self.ptr.add(self.len) }
    }

    /// The place of an element, counted or not, or of one behind the room.
    #[inline]
    fn place(&self, index: usize) -> NonNull<T> {
        debug_assert!(index <= self.cap);
        // SAFETY: the index is at most the capacity, so the place is in the block or at its end.
        unsafe { self.ptr.add(index) }
    }
}

/// Looking, and letting go.
impl<T, A: Allocator + Deallocator<[T]>> CVec<T, A> {
    /// How many elements there are.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u32>::new();
    /// numbers.try_extend_from_slice(&[1, 2, 3])?;
    /// assert_eq!(numbers.len(), 3);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u32>::new();
    /// numbers.try_extend_from_slice(&[1, 2, 3])?;
    /// assert!(!numbers.is_empty());
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many elements the block has room for.
    ///
    /// C is told how far it may write:
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut line = CVec::<u8>::try_with_capacity(8)?;
    /// // SAFETY: a place for that many bytes, and a format without arguments.
    /// let wanted = unsafe {
    ///     libc::snprintf(line.as_mut_ptr().cast(), line.capacity(), c"too long for it".as_ptr())
    /// };
    /// assert_eq!(wanted, 15); // it wrote 7, and a NUL
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub const fn capacity(&self) -> usize {
        self.cap
    }

    /// The pointer as C gave it, good until the vector grows, shrinks or ends; dangling if there
    /// is no block.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut text = CVec::<u8>::new();
    /// text.try_extend_from_slice(b"one\0")?;
    /// // SAFETY: a C string, as the NUL was appended.
    /// assert_eq!(unsafe { libc::strlen(text.as_ptr().cast()) }, 3);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub const fn as_ptr(&self) -> *const T {
        self.ptr.as_ptr()
    }

    /// The pointer to write through, good as long as that of [`as_ptr`](Self::as_ptr): it reaches
    /// the whole capacity.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut dashes = CVec::<u8>::try_with_capacity(4)?;
    /// // SAFETY: room for four bytes.
    /// unsafe { libc::memset(dashes.as_mut_ptr().cast(), b'-'.into(), 4) };
    /// // SAFETY: memset wrote them.
    /// unsafe { dashes.set_len(4) };
    /// assert_eq!(*dashes, *b"----");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub const fn as_mut_ptr(&mut self) -> *mut T {
        self.ptr.as_ptr()
    }

    /// The room behind the elements, for C to write into; then say so with
    /// [`set_len`](Self::set_len).
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut line = CVec::<u8>::try_with_capacity(64)?;
    /// let room = line.spare_capacity_mut();
    /// // SAFETY: room for so many bytes, and the format takes one int.
    /// let written = unsafe {
    ///     libc::snprintf(room.as_mut_ptr().cast(), room.len(), c"%d".as_ptr(), 42)
    /// };
    /// // SAFETY: two bytes are written, and a NUL that is not wanted.
    /// unsafe { line.set_len(written.try_into().expect("two")) };
    /// assert_eq!(*line, *b"42");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn spare_capacity_mut(&mut self) -> &mut [MaybeUninit<T>] {
        let room = self.cap - self.len;
        let mut spare = NonNull::slice_from_raw_parts(self.end().cast(), room);
        // SAFETY: that much room is behind the elements, and `self` is borrowed exclusively.
        unsafe { spare.as_mut() }
    }

    /// Says how many elements there are; none is dropped.
    ///
    /// # Safety
    ///
    /// `len` is at most the capacity, and the first `len` elements are valid.
    ///
    /// # Panics
    ///
    /// In debug builds, if `len` is beyond the capacity.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut bytes = CVec::<u8>::try_with_capacity(2)?;
    /// bytes.spare_capacity_mut()[0].write(7);
    /// // SAFETY: one byte has been written.
    /// unsafe { bytes.set_len(1) };
    /// assert_eq!(*bytes, [7]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.cap, "length {len} is beyond the capacity");
        self.len = len;
    }

    /// Drops all elements but the first `len`; the block stays as it is.
    ///
    /// If the destructor of one panics, the others are dropped all the same.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut line = CVec::<u8>::new();
    /// line.try_extend_from_slice(b"text\r\n")?;
    /// line.truncate(line.trim_ascii_end().len());
    /// assert_eq!(*line, *b"text");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        let Some(excess) = self.len.checked_sub(len) else {
            return;
        };
        self.len = len;
        let excess = NonNull::slice_from_raw_parts(self.end(), excess);
        // SAFETY: these elements were valid and are no longer counted.
        unsafe { ptr::drop_in_place(excess.as_ptr()) }
    }

    /// Drops the elements and keeps the block.
    ///
    /// One block for many lines:
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut line = CVec::<u8>::try_with_capacity(80)?;
    /// let block = line.as_ptr();
    /// for text in ["first", "second"] {
    ///     line.clear();
    ///     line.try_extend_from_slice(text.as_bytes())?;
    /// }
    /// assert_eq!(*line, *b"second");
    /// assert_eq!(line.as_ptr(), block);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn clear(&mut self) {
        self.truncate(0);
    }
}

impl<T, A: Allocator + Deallocator<[T]>> Default for CVec<T, A> {
    fn default() -> Self {
        Self::new_in()
    }
}

/// Borrows the elements. Not those that Rust must not look into: they are not [`Unpin`].
impl<T: Unpin, A: Allocator + Deallocator<[T]>> Deref for CVec<T, A> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        const { <[T]>::VISIBLE };
        // SAFETY: by the invariant the elements are valid, unshared but for borrows of `self`.
        unsafe { self.elements().as_ref() }
    }
}

/// The block is released whatever is in it, so the elements may be overwritten.
impl<T: Unpin, A: Allocator + Deallocator<[T]>> DerefMut for CVec<T, A> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        const { <[T]>::VISIBLE };
        // SAFETY: as in deref, and `self` is borrowed exclusively.
        unsafe { self.elements().as_mut() }
    }
}

// SAFETY: scenario: a worker thread receives the vector, reads and drops the elements, grows and
// releases the block. It owns both alone; the elements need T: Send, the block needs A: Send.
unsafe impl<T: Send, A: Allocator + Deallocator<[T]> + Send> Send for CVec<T, A> {}

// SAFETY: scenario: two threads hold `&CVec` and read the elements. That needs T: Sync. A: Sync
// is more than that needs; it is as Owned has it.
unsafe impl<T: Sync, A: Allocator + Deallocator<[T]> + Sync> Sync for CVec<T, A> {}

// Moving the vector leaves its elements where they are.
impl<T, A: Allocator + Deallocator<[T]>> Unpin for CVec<T, A> {}

impl<T, A: Allocator + Deallocator<[T]>> Drop for CVec<T, A> {
    #[inline]
    fn drop(&mut self) {
        let _block = Block::<[T], A>(self.whole(), PhantomData);
        // SAFETY: by the invariant these elements are valid, and nothing uses them afterwards.
        unsafe { ptr::drop_in_place(self.elements().as_ptr()) }
    }
}
