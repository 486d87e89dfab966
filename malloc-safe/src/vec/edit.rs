//! Elements inside a vector: put in, taken out, moved to another.

use core::ops::{Bound, Range, RangeBounds};

use super::CVec;
use crate::{AllocError, Allocator, Deallocator};

/// Elements in the middle.
impl<T: Unpin, A: Allocator + Deallocator<[T]>> CVec<T, A> {
    /// Puts an element before the one at `index`, or behind the last one if `index` is the length.
    ///
    /// # Errors
    ///
    /// [`AllocError`] with the element in it, if there is no memory; the vector is as before.
    ///
    /// # Panics
    ///
    /// If `index` is beyond the length.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::new();
    /// numbers.try_extend_from_slice(&[1, 3])?;
    /// numbers.try_insert(1, 2).map_err(|error| error.to_string()).expect("memory");
    /// assert_eq!(numbers, [1, 2, 3]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[track_caller]
    pub fn try_insert(&mut self, index: usize, value: T) -> Result<(), AllocError<T>> {
        let behind = self.behind(index);
        if let Err(error) = self.try_reserve(1) {
            return Err(error.with(value));
        }
        let place = self.place(index);
        // SAFETY: the index is at most the length, and there is room for one more element.
        let next = unsafe { place.add(1) };
        // SAFETY: the elements behind the index move by one, to where there is room.
        unsafe { place.copy_to(next, behind) };
        // SAFETY: what was in the place has been moved away.
        unsafe { place.write(value) };
        self.len += 1;
        Ok(())
    }

    /// Takes out the element at `index`; those behind it move up.
    ///
    /// # Panics
    ///
    /// If there is no such element.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::new();
    /// numbers.try_extend_from_slice(&[1, 2, 3])?;
    /// assert_eq!(numbers.remove(0), 1);
    /// assert_eq!(numbers, [2, 3]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> T {
        let len = self.len;
        assert!(
            index < len,
            "there is no element {index} in a vector of {len}"
        );
        let place = self.place(index);
        // SAFETY: it is an element, which the next lines end to count.
        let value = unsafe { place.read() };
        // SAFETY: the index is below the length.
        let next = unsafe { place.add(1) };
        // SAFETY: the elements behind it move into its place.
        unsafe { next.copy_to(place, len - index - 1) };
        self.len = len - 1;
        value
    }

    /// Takes out the element at `index` and puts the last one in its place, which moves no other.
    ///
    /// # Panics
    ///
    /// If there is no such element.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::new();
    /// numbers.try_extend_from_slice(&[1, 2, 3])?;
    /// assert_eq!(numbers.swap_remove(0), 1);
    /// assert_eq!(numbers, [3, 2]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[track_caller]
    pub fn swap_remove(&mut self, index: usize) -> T {
        let len = self.len;
        assert!(
            index < len,
            "there is no element {index} in a vector of {len}"
        );
        self.swap(index, len - 1);
        self.len = len - 1;
        // SAFETY: the last element was valid, and is no longer counted.
        unsafe { self.end().read() }
    }

    /// Grows with copies of `value`, or drops what is beyond `len` elements.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; the vector is as before.
    ///
    /// # Panics
    ///
    /// If cloning does; the vector has the copies that were made.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut bytes = CVec::new();
    /// bytes.try_resize(3, b'-')?;
    /// assert_eq!(bytes, *b"---");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_resize(&mut self, len: usize, value: T) -> Result<(), AllocError>
    where
        T: Clone,
    {
        self.try_resize_with(len, || value.clone())
    }

    /// Grows with what `element` returns, call by call, or drops what is beyond `len` elements.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; the vector is as before, and `element` not called.
    ///
    /// # Panics
    ///
    /// If `element` does; the vector has what it returned until then.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut names = CVec::<String>::new();
    /// names.try_resize_with(2, String::new)?;
    /// assert_eq!(names, ["", ""]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_resize_with(
        &mut self,
        len: usize,
        element: impl FnMut() -> T,
    ) -> Result<(), AllocError> {
        let Some(more) = len.checked_sub(self.len) else {
            self.truncate(len);
            return Ok(());
        };
        self.try_extend(core::iter::repeat_with(element).take(more))
            .map_err(|error| error.with(()))
    }

    /// Appends copies of elements that it has already: all, or none.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; the vector is as before.
    ///
    /// # Panics
    ///
    /// If the range is none of the vector's; and if cloning does: then the vector has the copies
    /// that were made.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut text = CVec::new();
    /// text.try_extend_from_slice(b"ab-")?;
    /// text.try_extend_from_within(..2)?;
    /// assert_eq!(text, *b"ab-ab");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[track_caller]
    pub fn try_extend_from_within(
        &mut self,
        range: impl RangeBounds<usize>,
    ) -> Result<(), AllocError>
    where
        T: Clone,
    {
        let range = within(range, self.len);
        self.try_reserve(range.len())?;
        for index in range {
            let copy = self[index].clone();
            self.try_push(copy).map_err(|error| error.with(()))?;
        }
        Ok(())
    }
}

/// From one vector to another.
impl<T: Unpin, A: Allocator + Deallocator<[T]>> CVec<T, A> {
    /// Moves all elements of another vector behind its own: all, or none. The other keeps its block.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; both vectors are as before.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut first = CVec::<u32>::try_from_iter([1, 2])?;
    /// let mut second = CVec::<u32>::try_from_iter([3])?;
    /// first.try_append(&mut second)?;
    /// assert_eq!(first, [1, 2, 3]);
    /// assert!(second.is_empty());
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_append<B>(&mut self, other: &mut CVec<T, B>) -> Result<(), AllocError>
    where
        B: Allocator + Deallocator<[T]>,
    {
        self.try_reserve(other.len)?;
        let count = core::mem::take(&mut other.len);
        // SAFETY: so many elements were the other's, which no longer counts them; there is room for
        // them here, and two vectors do not share a block.
        unsafe { other.ptr.copy_to_nonoverlapping(self.end(), count) };
        self.len += count;
        Ok(())
    }

    /// Moves the elements from `at` on to a vector of their own.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; the vector is as before.
    ///
    /// # Panics
    ///
    /// If `at` is beyond the length.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut line = CVec::<u8>::new();
    /// line.try_extend_from_slice(b"key=value")?;
    /// let value = line.try_split_off(4)?;
    /// assert_eq!(line, *b"key=");
    /// assert_eq!(value, *b"value");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[track_caller]
    pub fn try_split_off(&mut self, at: usize) -> Result<Self, AllocError> {
        let count = self.behind(at);
        let mut tail = Self::try_with_capacity_in(count)?;
        // SAFETY: the elements from there on move to a new block, which has room for them; the next
        // lines end to count them here.
        unsafe { self.place(at).copy_to_nonoverlapping(tail.ptr, count) };
        self.len = at;
        tail.len = count;
        Ok(tail)
    }

    /// Puts all elements of another vector in the place of a range, and returns what was there.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; both vectors are as before.
    ///
    /// # Panics
    ///
    /// If the range is none of the vector's.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u32>::try_from_iter([1, 9, 9, 4])?;
    /// let mut right = CVec::<u32>::try_from_iter([2, 3])?;
    /// let wrong = numbers.try_splice(1..3, &mut right)?;
    /// assert_eq!(numbers, [1, 2, 3, 4]);
    /// assert_eq!(wrong, [9, 9]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[track_caller]
    pub fn try_splice<B>(
        &mut self,
        range: impl RangeBounds<usize>,
        replacement: &mut CVec<T, B>,
    ) -> Result<Self, AllocError>
    where
        B: Allocator + Deallocator<[T]>,
    {
        let range = within(range, self.len);
        let behind = self.len - range.end;
        let mut removed = Self::try_with_capacity_in(range.len())?;
        self.try_reserve(replacement.len)?;
        let place = self.place(range.start);
        let old_tail = self.place(range.end);
        // SAFETY: the elements of the range move to a block with room for them.
        unsafe { place.copy_to_nonoverlapping(removed.ptr, range.len()) };
        removed.len = range.len();
        let count = core::mem::take(&mut replacement.len);
        // SAFETY: there is room for as many elements more than before, thus behind the place.
        let new_tail = unsafe { place.add(count) };
        // SAFETY: what is behind the range moves to where the replacement will end.
        unsafe { old_tail.copy_to(new_tail, behind) };
        // SAFETY: the replacement's elements, which it no longer counts, move to the room before that.
        unsafe { replacement.ptr.copy_to_nonoverlapping(place, count) };
        self.len = range.start + count + behind;
        Ok(removed)
    }

    /// A vector with copies of the elements, in a block of the same allocator.
    ///
    /// It is not `Clone`, which could not say that there is no memory.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let names = CVec::<String>::try_from_iter(["one".to_owned()])?;
    /// assert_eq!(names.try_clone()?, names);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_clone(&self) -> Result<Self, AllocError>
    where
        T: Clone,
    {
        Self::try_from_iter_in(self.iter().cloned())
    }

    /// How many elements there are from `index` on.
    #[track_caller]
    fn behind(&self, index: usize) -> usize {
        let len = self.len;
        len.checked_sub(index)
            .unwrap_or_else(|| panic!("index {index} is beyond a vector of {len}"))
    }
}

/// The range within `len` elements.
#[track_caller]
pub(super) fn within(range: impl RangeBounds<usize>, len: usize) -> Range<usize> {
    let start = match range.start_bound() {
        Bound::Included(&start) => Some(start),
        Bound::Excluded(&before) => before.checked_add(1),
        Bound::Unbounded => Some(0),
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.checked_add(1),
        Bound::Excluded(&end) => Some(end),
        Bound::Unbounded => Some(len),
    };
    match (start, end) {
        (Some(start), Some(end)) if start <= end && end <= len => start..end,
        _ => panic!(
            "the range from {:?} to {:?} is none of a vector of {len}",
            range.start_bound(),
            range.end_bound()
        ),
    }
}
