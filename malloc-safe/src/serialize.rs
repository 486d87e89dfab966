//! Owners in serde's data formats: their contents, as serde has them.
//!
//! There is no way back: a deserializer's memory is Rust's.

use core::ffi::c_char;

use serde_core::ser::Error;
use serde_core::{Serialize, Serializer};

use crate::{Deallocator, NulTerminated, Owned, Pointee};

/// As the contents: a number, a sequence, a string, the bytes of a C string. A
/// [secret](Deallocator::SECRET) is an error.
impl<T: ?Sized + Pointee + Unpin + Serialize, D: Deallocator<T>> Serialize for Owned<T, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if D::SECRET {
            return Err(secret());
        }
        (**self).serialize(serializer)
    }
}

/// As a [`CStr`](core::ffi::CStr): its bytes, without the terminator. A
/// [secret](Deallocator::SECRET) is an error.
impl<D: Deallocator<NulTerminated<c_char>>> Serialize for Owned<NulTerminated<c_char>, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if D::SECRET {
            return Err(secret());
        }
        self.to_c_str().serialize(serializer)
    }
}

fn secret<E: Error>() -> E {
    E::custom("a secret is not serialized: skip the field")
}
