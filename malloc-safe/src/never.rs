//! How a pointee says that it is never `Unpin`.
//!
//! A `PhantomPinned` in it would do for callers, but not for the compiler's check that two
//! implementations are apart: for all it knows, another version of `core` makes that `Unpin`. Of a
//! trait of this crate it knows that no type implements it.

use core::marker::PhantomData;

/// No type implements it: `impl Unpin for … where Pinned<T>: Never` takes `Unpin` away for good.
#[diagnostic::on_unimplemented(
    message = "the pointee is not `Unpin`: Rust neither looks into it, nor moves it, nor knows its size",
    label = "not for a pointee that is not `Unpin`"
)]
pub trait Never {}

/// A type of this crate, to be bounded by [`Never`].
pub struct Pinned<T>(PhantomData<T>);
