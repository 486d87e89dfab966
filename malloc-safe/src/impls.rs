//! What an owner inherits from its contents, as `Box` does.

use core::borrow::{Borrow, BorrowMut};
use core::cmp::Ordering;
use core::ffi::{CStr, c_char};
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::{ContentBlind, Deallocator, NulTerminated, Owned, Pointee};

impl<T: ?Sized + Pointee + Unpin + fmt::Display, D: Deallocator<T>> fmt::Display for Owned<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + Pointee, D: Deallocator<T>> fmt::Pointer for Owned<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Self::as_ptr(self).fmt(f)
    }
}

impl<T, U, D, E> PartialEq<Owned<U, E>> for Owned<T, D>
where
    T: ?Sized + Pointee + Unpin + PartialEq<U>,
    U: ?Sized + Pointee + Unpin,
    D: Deallocator<T>,
    E: Deallocator<U>,
{
    fn eq(&self, other: &Owned<U, E>) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Pointee + Unpin + Eq, D: Deallocator<T>> Eq for Owned<T, D> {}

impl<T, U, D, E> PartialOrd<Owned<U, E>> for Owned<T, D>
where
    T: ?Sized + Pointee + Unpin + PartialOrd<U>,
    U: ?Sized + Pointee + Unpin,
    D: Deallocator<T>,
    E: Deallocator<U>,
{
    fn partial_cmp(&self, other: &Owned<U, E>) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: ?Sized + Pointee + Unpin + Ord, D: Deallocator<T>> Ord for Owned<T, D> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: ?Sized + Pointee + Unpin + Hash, D: Deallocator<T>> Hash for Owned<T, D> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T: ?Sized + Pointee + Unpin, D: Deallocator<T>> AsRef<T> for Owned<T, D> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: ?Sized + Pointee + Unpin, D: ContentBlind<T>> AsMut<T> for Owned<T, D> {
    fn as_mut(&mut self) -> &mut T {
        self
    }
}

impl<T: ?Sized + Pointee + Unpin, D: Deallocator<T>> Borrow<T> for Owned<T, D> {
    fn borrow(&self) -> &T {
        self
    }
}

impl<T: ?Sized + Pointee + Unpin, D: ContentBlind<T>> BorrowMut<T> for Owned<T, D> {
    fn borrow_mut(&mut self) -> &mut T {
        self
    }
}

// An unmeasured string compares as the string that it holds, and so may stand for it in a map.

impl<D, E> PartialEq<Owned<NulTerminated<c_char>, E>> for Owned<NulTerminated<c_char>, D>
where
    D: Deallocator<NulTerminated<c_char>>,
    E: Deallocator<NulTerminated<c_char>>,
{
    fn eq(&self, other: &Owned<NulTerminated<c_char>, E>) -> bool {
        self.to_c_str() == other.to_c_str()
    }
}

impl<D: Deallocator<NulTerminated<c_char>>> Eq for Owned<NulTerminated<c_char>, D> {}

impl<D, E> PartialOrd<Owned<NulTerminated<c_char>, E>> for Owned<NulTerminated<c_char>, D>
where
    D: Deallocator<NulTerminated<c_char>>,
    E: Deallocator<NulTerminated<c_char>>,
{
    fn partial_cmp(&self, other: &Owned<NulTerminated<c_char>, E>) -> Option<Ordering> {
        self.to_c_str().partial_cmp(other.to_c_str())
    }
}

impl<D: Deallocator<NulTerminated<c_char>>> Ord for Owned<NulTerminated<c_char>, D> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_c_str().cmp(other.to_c_str())
    }
}

impl<D: Deallocator<NulTerminated<c_char>>> Hash for Owned<NulTerminated<c_char>, D> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_c_str().hash(state);
    }
}

impl<D: Deallocator<NulTerminated<c_char>>> AsRef<CStr> for Owned<NulTerminated<c_char>, D> {
    fn as_ref(&self) -> &CStr {
        self.to_c_str()
    }
}

impl<D: Deallocator<NulTerminated<c_char>>> Borrow<CStr> for Owned<NulTerminated<c_char>, D> {
    fn borrow(&self) -> &CStr {
        self.to_c_str()
    }
}
