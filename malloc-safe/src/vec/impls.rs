//! What a vector inherits from its elements, as the owners do, and its iterators.

use core::borrow::{Borrow, BorrowMut};
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::mem::ManuallyDrop;
use core::slice;

use super::CVec;
use crate::{Allocator, Deallocator, IntoIter};

impl<T: Unpin + fmt::Debug, A: Allocator + Deallocator<[T]>> fmt::Debug for CVec<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T, U, A, B> PartialEq<CVec<U, B>> for CVec<T, A>
where
    T: Unpin + PartialEq<U>,
    U: Unpin,
    A: Allocator + Deallocator<[T]>,
    B: Allocator + Deallocator<[U]>,
{
    fn eq(&self, other: &CVec<U, B>) -> bool {
        **self == **other
    }
}

impl<T: Unpin + Eq, A: Allocator + Deallocator<[T]>> Eq for CVec<T, A> {}

impl<T, A, B> PartialOrd<CVec<T, B>> for CVec<T, A>
where
    T: Unpin + PartialOrd,
    A: Allocator + Deallocator<[T]>,
    B: Allocator + Deallocator<[T]>,
{
    fn partial_cmp(&self, other: &CVec<T, B>) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: Unpin + Ord, A: Allocator + Deallocator<[T]>> Ord for CVec<T, A> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: Unpin + Hash, A: Allocator + Deallocator<[T]>> Hash for CVec<T, A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> AsRef<[T]> for CVec<T, A> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> AsMut<[T]> for CVec<T, A> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> Borrow<[T]> for CVec<T, A> {
    fn borrow(&self) -> &[T] {
        self
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> BorrowMut<[T]> for CVec<T, A> {
    fn borrow_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T: Unpin, A: Allocator + Deallocator<[T]>> IntoIterator for CVec<T, A> {
    type Item = T;
    type IntoIter = IntoIter<T, A>;

    /// Moves the elements out; the block is released with the iterator.
    #[inline]
    fn into_iter(self) -> IntoIter<T, A> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the block was owned, or there is none, and so many elements are valid.
        unsafe { IntoIter::new(this.whole(), this.len) }
    }
}

impl<'a, T: Unpin, A: Allocator + Deallocator<[T]>> IntoIterator for &'a CVec<T, A> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: Unpin, A: Allocator + Deallocator<[T]>> IntoIterator for &'a mut CVec<T, A> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    #[inline]
    fn into_iter(self) -> slice::IterMut<'a, T> {
        self.iter_mut()
    }
}
