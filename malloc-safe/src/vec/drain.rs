//! A range of a vector's elements on their way out.

use core::fmt;
use core::iter::FusedIterator;
use core::ops::{Range, RangeBounds};
use core::ptr::{self, NonNull};

use super::CVec;
use super::edit::within;
use crate::{Allocator, Deallocator};

impl<T: Unpin, A: Allocator + Deallocator<[T]>> CVec<T, A> {
    /// Takes a range of elements out, one by one; those behind it move up when the iterator ends.
    ///
    /// What the iterator was not asked for is dropped with it. An iterator that is forgotten
    /// (`mem::forget`) leaks the range and what is behind it.
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
    /// let mut numbers = CVec::<u32>::try_from_iter(0..6)?;
    /// let middle: Vec<u32> = numbers.drain(1..4).collect();
    /// assert_eq!(middle, [1, 2, 3]);
    /// assert_eq!(numbers, [0, 4, 5]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[track_caller]
    pub fn drain(&mut self, range: impl RangeBounds<usize>) -> Drain<'_, T, A> {
        let len = (**self).len();
        let range = within(range, len);
        self.len = range.start;
        Drain {
            behind: range.end..len,
            left: range,
            vec: self,
        }
    }
}

/// Elements that leave a vector: see [`CVec::drain`].
///
/// The vector counts those before the range alone, until this ends.
pub struct Drain<'a, T: Unpin, A: Allocator + Deallocator<[T]>> {
    vec: &'a mut CVec<T, A>,
    /// The elements that were not yet asked for.
    left: Range<usize>,
    /// Those behind the range, which stay.
    behind: Range<usize>,
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> Drain<'_, T, A> {
    /// What was not yet asked for.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut numbers = CVec::<u32>::try_from_iter(0..4)?;
    /// let mut drain = numbers.drain(1..);
    /// assert_eq!(drain.next(), Some(1));
    /// assert_eq!(drain.as_slice(), [2, 3]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: these elements are valid, and borrowed with `self`.
        unsafe { self.rest().as_ref() }
    }

    fn rest(&self) -> NonNull<[T]> {
        NonNull::slice_from_raw_parts(self.vec.place(self.left.start), self.left.len())
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> Iterator for Drain<'_, T, A> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let index = self.left.next()?;
        // SAFETY: the element was valid, and is no longer among those that are left.
        Some(unsafe { self.vec.place(index).read() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> DoubleEndedIterator for Drain<'_, T, A> {
    fn next_back(&mut self) -> Option<T> {
        let index = self.left.next_back()?;
        // SAFETY: as in `next`.
        Some(unsafe { self.vec.place(index).read() })
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> ExactSizeIterator for Drain<'_, T, A> {}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> FusedIterator for Drain<'_, T, A> {}

impl<T: Unpin + fmt::Debug, A: Allocator + Deallocator<[T]>> fmt::Debug for Drain<'_, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drain").field(&self.as_slice()).finish()
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> Drop for Drain<'_, T, A> {
    fn drop(&mut self) {
        /// Puts what is behind the range in its place, even if a destructor panics.
        struct Close<'b, 'a, T: Unpin, A: Allocator + Deallocator<[T]>>(&'b mut Drain<'a, T, A>);
        impl<T: Unpin, A: Allocator + Deallocator<[T]>> Drop for Close<'_, '_, T, A> {
            fn drop(&mut self) {
                let Drain { vec, behind, .. } = &mut *self.0;
                let (from, to) = (vec.place(behind.start), vec.place(vec.len));
                // SAFETY: those behind the range are valid, and move down to where nothing is left.
                unsafe { from.copy_to(to, behind.len()) };
                vec.len += behind.len();
            }
        }

        let rest = self.rest();
        self.left = 0..0;
        let _close = Close(self);
        // SAFETY: what was left was valid, and is no longer counted.
        unsafe { ptr::drop_in_place(rest.as_ptr()) }
    }
}
