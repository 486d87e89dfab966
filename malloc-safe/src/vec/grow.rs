//! How a vector gets its elements and its room, and gives them back.

use core::ptr::NonNull;

use super::CVec;
use crate::alloc::{allocate, reallocate};
use crate::pointee::layout::Layout as _;
use crate::slice::max_len;
use crate::{AllocError, Allocator, Deallocator, Owned};

/// In a block of `malloc`'s.
impl<T: Unpin> CVec<T> {
    /// An empty vector with room for exactly `capacity` elements; for none it needs no block.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory, or the elements would be more than `isize::MAX` bytes.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u64>::try_with_capacity(10)?;
    /// assert!(numbers.is_empty() && numbers.capacity() == 10);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    ///
    /// A type that needs a stricter alignment than `malloc` gives does not compile:
    ///
    /// ```compile_fail,E0080
    /// use malloc_safe::CVec;
    ///
    /// #[repr(align(64))]
    /// struct CacheLine([u8; 64]);
    /// let lines = CVec::<CacheLine>::try_with_capacity(10);
    /// ```
    #[inline]
    pub fn try_with_capacity(capacity: usize) -> Result<Self, AllocError> {
        Self::try_with_capacity_in(capacity)
    }

    /// Collects what an iterator yields.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; what had been collected is dropped. To keep it,
    /// [extend](Self::try_extend) an empty vector.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let evens = CVec::try_from_iter((0..10).filter(|n| n % 2 == 0))?;
    /// assert_eq!(*evens, [0, 2, 4, 6, 8]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_from_iter(elements: impl IntoIterator<Item = T>) -> Result<Self, AllocError> {
        Self::try_from_iter_in(elements)
    }
}

/// Room.
impl<T: Unpin, A: Allocator + Deallocator<[T]>> CVec<T, A> {
    /// The least capacity that is worth a block: what malloc's smallest blocks hold anyway. For
    /// elements without a size every capacity is the same, and so it is the greatest.
    const FIRST: usize = match size_of::<T>() {
        0 => usize::MAX,
        size @ 1..=8 => 32 / size,
        9..=1024 => 4,
        _ => 1,
    };

    /// [`try_with_capacity`](CVec::try_with_capacity), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use malloc_safe::{CVec, Free};
    ///
    /// let numbers = CVec::<u64, Free>::try_with_capacity_in(10)?;
    /// assert_eq!(numbers.capacity(), 10);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_with_capacity_in(capacity: usize) -> Result<Self, AllocError> {
        let mut this = Self::new_in();
        this.try_reserve_exact(capacity)?;
        Ok(this)
    }

    /// Makes room for `additional` more elements, and some to spare: the capacity at least doubles
    /// when it changes, so that each of many elements costs the same on average.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory, or the elements would be more than `isize::MAX` bytes;
    /// the vector is as before.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut text = CVec::<u8>::new();
    /// text.try_reserve(100)?;
    /// let room = text.capacity();
    /// for _ in 0..100 {
    ///     text.try_push(b'-')?;
    /// }
    /// assert_eq!(text.capacity(), room);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        if additional > self.cap - self.len {
            self.grow(additional)?;
        }
        Ok(())
    }

    /// Makes room for `additional` more elements and no more than that.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory, or the elements would be more than `isize::MAX`
    /// bytes; the vector is as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut string = CVec::<u8>::new();
    /// string.try_extend_from_slice(b"known length")?;
    /// string.try_shrink_to_fit()?;
    /// string.try_reserve_exact(1)?; // for the terminator, and no more
    /// assert_eq!(string.capacity(), string.len() + 1);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_reserve_exact(&mut self, additional: usize) -> Result<(), AllocError> {
        if additional > self.cap - self.len {
            self.set_capacity(self.needed(additional)?)?;
        }
        Ok(())
    }

    /// Gives back the room behind the elements; without elements, the block.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if the allocator cannot; the vector is as before.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u64>::try_with_capacity(10)?;
    /// numbers.try_extend_from_slice(&[1, 2, 3])?;
    /// numbers.try_shrink_to_fit()?;
    /// assert_eq!(numbers.capacity(), 3);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_shrink_to_fit(&mut self) -> Result<(), AllocError> {
        if self.len == 0 {
            *self = Self::new_in();
        } else if self.len < self.cap {
            self.set_capacity(self.len)?;
        }
        Ok(())
    }

    /// How many elements there are to be.
    fn needed(&self, additional: usize) -> Result<usize, AllocError> {
        let needed = self.len.checked_add(additional);
        needed.ok_or_else(|| AllocError::new(usize::MAX, size_of::<T>(), ()))
    }

    #[inline]
    fn grow(&mut self, additional: usize) -> Result<(), AllocError> {
        // SAFETY: by the invariant; the block is replaced with the one that is returned.
        match unsafe { Self::grown(self.ptr, self.len, self.cap, additional) } {
            Some((ptr, cap)) => {
                self.ptr = ptr;
                self.cap = cap;
                Ok(())
            }
            None => Err(self.no_room(additional)),
        }
    }

    /// The parts of a vector with room for more: the block and its capacity.
    ///
    /// Out of line, so that what is inlined into the caller's loop is a comparison; part by part,
    /// so that the vector can stay in registers there.
    ///
    /// # Safety
    ///
    /// They are the parts of a vector. After `Some`, nobody uses `ptr`.
    #[cold]
    #[inline(never)]
    unsafe fn grown(
        ptr: NonNull<T>,
        len: usize,
        cap: usize,
        additional: usize,
    ) -> Option<(NonNull<T>, usize)> {
        let capacity = Self::larger(len, cap, additional)?;
        // SAFETY: the caller says so.
        let grown = unsafe { Self::moved(ptr, cap, capacity) }.ok()?;
        Some((grown, capacity))
    }

    #[cold]
    fn no_room(&self, additional: usize) -> AllocError {
        let capacity = Self::larger(self.len, self.cap, additional);
        AllocError::new(capacity.unwrap_or(usize::MAX), size_of::<T>(), ())
    }

    /// The capacity to grow to: at least twice as large, if there can be such a block.
    #[inline]
    fn larger(len: usize, cap: usize, additional: usize) -> Option<usize> {
        let doubled = cap.min(const { max_len::<T>() / 2 }) * 2;
        Some(len.checked_add(additional)?.max(doubled).max(Self::FIRST))
    }

    /// Moves to a block of `capacity` elements, which is at least `len` and not 0.
    fn set_capacity(&mut self, capacity: usize) -> Result<(), AllocError> {
        // SAFETY: by the invariant; `ptr` is replaced with the result.
        self.ptr = unsafe { Self::moved(self.ptr, self.cap, capacity) }?;
        self.cap = capacity;
        Ok(())
    }

    /// A block of `capacity` elements, which is not 0, with what was in another, if there was one.
    ///
    /// # Safety
    ///
    /// `ptr` and `cap` are those of a vector. After `Ok`, nobody uses `ptr`.
    #[inline]
    unsafe fn moved(
        ptr: NonNull<T>,
        cap: usize,
        capacity: usize,
    ) -> Result<NonNull<T>, AllocError> {
        if <[T]>::is_unallocated(NonNull::slice_from_raw_parts(ptr, cap)) {
            allocate::<T, A>(capacity)
        } else {
            // SAFETY: by the vector's invariant the block is the allocator's, with so much room;
            // the caller does not use it again.
            unsafe { reallocate::<T, A>(ptr, cap, capacity) }
        }
    }
}

/// Elements.
impl<T: Unpin, A: Allocator + Deallocator<[T]>> CVec<T, A> {
    /// Appends an element.
    ///
    /// # Errors
    ///
    /// [`AllocError`] with the element in it, if there is no memory; the vector is as before.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut names = CVec::<String>::new();
    /// names.try_push("libc".to_owned())?;
    /// assert_eq!(names[0], "libc");
    /// # Ok::<(), malloc_safe::AllocError<String>>(())
    /// ```
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), AllocError<T>> {
        if self.len == self.cap {
            if let Err(error) = self.grow(1) {
                return Err(error.with(value));
            }
        }
        // SAFETY: there is room for one more behind the elements.
        unsafe { self.end().write(value) };
        self.len += 1;
        Ok(())
    }

    /// Takes the last element out; `None` if there is none.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u32>::new();
    /// numbers.try_extend_from_slice(&[1, 2, 3])?;
    /// assert_eq!(numbers.pop(), Some(3));
    /// assert_eq!(*numbers, [1, 2]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the last element was valid, and is no longer counted.
        Some(unsafe { self.end().read() })
    }

    /// Appends copies of some elements: all, or none.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; the vector is as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut text = CVec::<u8>::new();
    /// text.try_extend_from_slice(b"in ")?;
    /// text.try_extend_from_slice(b"pieces")?;
    /// assert_eq!(*text, *b"in pieces");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_extend_from_slice(&mut self, values: &[T]) -> Result<(), AllocError>
    where
        T: Copy,
    {
        self.try_reserve(values.len())?;
        let from = NonNull::from(values).cast();
        // SAFETY: there is room for them behind the elements, which `values` cannot borrow from.
        unsafe { self.end().copy_from_nonoverlapping(from, values.len()) };
        self.len += values.len();
        Ok(())
    }

    /// Appends what an iterator yields.
    ///
    /// Room for the fewest elements that the iterator promises is made at once, and more when they
    /// come. If the iterator panics, the vector has what came before.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory. The vector has what was appended by then; the error
    /// has the element that found no room, or `None` if the iterator was not yet asked for one.
    /// Lend the iterator (`&mut iterator`) to go on with the rest.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut squares = CVec::<u32>::new();
    /// squares.try_extend((1..4).map(|n| n * n))?;
    /// assert_eq!(*squares, [1, 4, 9]);
    ///
    /// let error = squares.try_extend(std::iter::repeat(0)).unwrap_err();
    /// assert_eq!(error.into_value(), None); // so many cannot be: none was taken
    /// # Ok::<(), malloc_safe::AllocError<Option<u32>>>(())
    /// ```
    pub fn try_extend(
        &mut self,
        elements: impl IntoIterator<Item = T>,
    ) -> Result<(), AllocError<Option<T>>> {
        let mut elements = elements.into_iter();
        if let Err(error) = self.try_reserve(elements.size_hint().0) {
            return Err(error.with(None));
        }
        while let Some(element) = self.fill(&mut elements) {
            let more = elements.size_hint().0.saturating_add(1);
            if let Err(error) = self.try_reserve(more) {
                return Err(error.with(Some(element)));
            }
            // SAFETY: room was just made for it behind the elements.
            unsafe { self.end().write(element) };
            self.len += 1;
        }
        Ok(())
    }

    /// Appends without growing, and returns the first element that found no room.
    #[inline]
    fn fill(&mut self, elements: &mut impl Iterator<Item = T>) -> Option<T> {
        /// Counts in a variable of its own, and tells the vector in the end, panic or not.
        struct Counted<'a> {
            len: &'a mut usize,
            now: usize,
        }
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                *self.len = self.now;
            }
        }

        let (ptr, cap) = (self.ptr, self.cap);
        let now = self.len;
        let mut counted = Counted {
            len: &mut self.len,
            now,
        };
        while counted.now < cap {
            let element = elements.next()?;
            // SAFETY: the position is within the capacity.
            let place = unsafe { ptr.add(counted.now) };
            // SAFETY: room for one element, behind those that are counted.
            unsafe { place.write(element) };
            counted.now += 1;
        }
        elements.next()
    }

    /// [`try_from_iter`](CVec::try_from_iter), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use malloc_safe::{CVec, Free};
    ///
    /// let evens = CVec::<u32, Free>::try_from_iter_in((0..10).filter(|n| n % 2 == 0))?;
    /// assert_eq!(*evens, [0, 2, 4, 6, 8]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_from_iter_in(elements: impl IntoIterator<Item = T>) -> Result<Self, AllocError> {
        let elements = elements.into_iter();
        let mut this = Self::try_with_capacity_in(elements.size_hint().0)?;
        this.try_extend(elements).map_err(|error| error.with(()))?;
        Ok(this)
    }
}

impl<T: Unpin> Owned<[T]> {
    /// Collects what an iterator yields, in a block without room to spare (if the allocator can
    /// shrink one).
    ///
    /// Only the fewest elements that the iterator promises are taken for granted, never the most.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; what had been collected is dropped.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let evens = Owned::try_from_iter((0..10).filter(|n| n % 2 == 0))?;
    /// assert_eq!(*evens, [0, 2, 4, 6, 8]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_from_iter(elements: impl IntoIterator<Item = T>) -> Result<Self, AllocError> {
        Self::try_from_iter_in(elements)
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> Owned<[T], A> {
    /// [`try_from_iter`](Owned::try_from_iter), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use malloc_safe::{Free, Owned};
    ///
    /// let evens = Owned::<[u32], Free>::try_from_iter_in((0..10).filter(|n| n % 2 == 0))?;
    /// assert_eq!(*evens, [0, 2, 4, 6, 8]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_from_iter_in(elements: impl IntoIterator<Item = T>) -> Result<Self, AllocError> {
        let mut elements = CVec::<T, A>::try_from_iter_in(elements)?;
        let _ = elements.try_shrink_to_fit(); // as it is, it will do too
        Ok(elements.into_owned_slice())
    }
}
