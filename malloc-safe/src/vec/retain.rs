//! Dropping some elements and keeping others.

use core::ptr;

use super::CVec;
use crate::{Allocator, Deallocator};

impl<T: Unpin, A: Allocator + Deallocator<[T]>> CVec<T, A> {
    /// Keeps the elements for which `keep` returns `true`, in their order, and drops the others.
    ///
    /// If `keep` or a destructor panics, what was not yet looked at is kept.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u32>::try_from_iter(1..=6)?;
    /// numbers.retain(|n| n % 2 == 0);
    /// assert_eq!(numbers, [2, 4, 6]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.retain_mut(|element| keep(element));
    }

    /// As [`retain`](Self::retain), and `keep` may change what it looks at.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u32>::try_from_iter([1, 2, 3])?;
    /// numbers.retain_mut(|n| {
    ///     *n -= 1;
    ///     *n > 0
    /// });
    /// assert_eq!(numbers, [1, 2]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn retain_mut(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let mut sorting = Sorting::new(self);
        while let Some(element) = sorting.current() {
            if keep(element) {
                sorting.keep();
            } else {
                sorting.discard();
            }
        }
    }

    /// Drops each element that equals the one kept before it.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u32>::try_from_iter([1, 1, 2, 1])?;
    /// numbers.dedup();
    /// assert_eq!(numbers, [1, 2, 1]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn dedup(&mut self)
    where
        T: PartialEq,
    {
        self.dedup_by(|element, kept| element == kept);
    }

    /// Drops each element whose key equals that of the one kept before it.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u32>::try_from_iter([10, 11, 20])?;
    /// numbers.dedup_by_key(|n| *n / 10);
    /// assert_eq!(numbers, [10, 20]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn dedup_by_key<K: PartialEq>(&mut self, mut key: impl FnMut(&mut T) -> K) {
        self.dedup_by(|element, kept| key(element) == key(kept));
    }

    /// Drops each element that is the same as the one kept before it: `same` is called with the
    /// element and with that one.
    ///
    /// If `same` or a destructor panics, what was not yet looked at is kept.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut words = CVec::<&str>::try_from_iter(["Free", "free", "leak"])?;
    /// words.dedup_by(|word, kept| word.eq_ignore_ascii_case(kept));
    /// assert_eq!(words, ["Free", "leak"]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn dedup_by(&mut self, mut same: impl FnMut(&mut T, &mut T) -> bool) {
        let mut sorting = Sorting::new(self);
        if sorting.current().is_some() {
            sorting.keep();
        }
        while let Some((element, kept)) = sorting.current_and_kept() {
            if same(element, kept) {
                sorting.discard();
            } else {
                sorting.keep();
            }
        }
    }
}

/// A vector whose elements are looked at one by one, and kept or dropped.
///
/// Meanwhile the vector counts none, so that a panic drops none twice. Those before `kept` are kept,
/// those from `seen` on not yet looked at, and between them there is room. In the end they are put
/// together again, panic or not.
struct Sorting<'a, T, A: Allocator + Deallocator<[T]>> {
    vec: &'a mut CVec<T, A>,
    kept: usize,
    seen: usize,
    len: usize,
}

impl<'a, T: Unpin, A: Allocator + Deallocator<[T]>> Sorting<'a, T, A> {
    fn new(vec: &'a mut CVec<T, A>) -> Self {
        // Elements without values cannot be looked at; this refuses them where the vector is made.
        let len = (**vec).len();
        vec.len = 0;
        Self {
            vec,
            kept: 0,
            seen: 0,
            len,
        }
    }

    fn current(&mut self) -> Option<&mut T> {
        // SAFETY: below the length, and not yet looked at: valid, and borrowed with `self` alone.
        (self.seen < self.len).then(|| unsafe { self.vec.place(self.seen).as_mut() })
    }

    /// The next element, and the one that was kept last.
    fn current_and_kept(&mut self) -> Option<(&mut T, &mut T)> {
        let before = self.kept.checked_sub(1)?;
        if self.seen == self.len {
            return None;
        }
        // SAFETY: as in `current`.
        let element = unsafe { self.vec.place(self.seen).as_mut() };
        // SAFETY: a kept element is valid, and before all that are not yet looked at.
        let kept = unsafe { self.vec.place(before).as_mut() };
        Some((element, kept))
    }

    /// Keeps the current element.
    fn keep(&mut self) {
        debug_assert!(self.seen < self.len);
        let (from, to) = (self.vec.place(self.seen), self.vec.place(self.kept));
        // SAFETY: the current element moves to the first room, which may be its own place.
        unsafe { from.copy_to(to, 1) };
        self.kept += 1;
        self.seen += 1;
    }

    /// Drops the current element.
    fn discard(&mut self) {
        debug_assert!(self.seen < self.len);
        let element = self.vec.place(self.seen);
        // Before its destructor, which may panic.
        self.seen += 1;
        // SAFETY: it was valid, and is from now on room.
        unsafe { ptr::drop_in_place(element.as_ptr()) }
    }
}

impl<T, A: Allocator + Deallocator<[T]>> Drop for Sorting<'_, T, A> {
    fn drop(&mut self) {
        let rest = self.len - self.seen;
        let (from, to) = (self.vec.place(self.seen), self.vec.place(self.kept));
        // SAFETY: what was not looked at is valid and moves down to the room before it.
        unsafe { from.copy_to(to, rest) };
        self.vec.len = self.kept + rest;
    }
}
