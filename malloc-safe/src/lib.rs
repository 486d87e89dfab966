//! Owners for memory that C allocated: freed exactly once, by the right deallocator, at no cost.
#![no_std]
#![forbid(unsafe_op_in_unsafe_fn)]

#[cfg(feature = "std")]
extern crate std;

mod alloc;
mod dealloc;
mod error;
mod impls;
mod nul;
mod opaque;
pub mod out;
mod owned;
mod pointee;
mod slice;
mod string;

pub use alloc::Allocator;
pub use dealloc::{ContentBlind, Deallocator, Free};
pub use error::{AllocError, CStringError, NotUtf8};
pub use nul::{NulTerminated, Terminator};
pub use opaque::Opaque;
pub use out::Out;
pub use owned::Owned;
pub use pointee::{BlockOf, Pointee};
pub use slice::{IntoIter, RawPartsError};
