//! A vector beside slices, arrays and std's vector.

use super::CVec;
use crate::{Allocator, Deallocator};

macro_rules! equal {
    ($([$($more:tt)*] $other:ty),* $(,)?) => {$(
        impl<T, U, A, $($more)*> PartialEq<$other> for CVec<T, A>
        where
            T: Unpin + PartialEq<U>,
            A: Allocator + Deallocator<[T]>,
        {
            fn eq(&self, other: &$other) -> bool {
                **self == other[..]
            }
        }
    )*};
}

equal! {
    [] [U],
    [] &[U],
    [] &mut [U],
    [const N: usize] [U; N],
    [const N: usize] &[U; N],
}

#[cfg(feature = "std")]
equal! { [] std::vec::Vec<U> }
