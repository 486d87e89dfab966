//! What `malloc` does while a program runs, seen from inside it.
//!
//! The crate defines `malloc` and its family and forwards to the C library's, so what is seen is every
//! call of them in the process: by C, by shared libraries, and by Rust, whose allocator is `malloc`
//! unless the program has chosen another. It belongs in the dev-dependencies:
//!
//! ```toml
//! [dev-dependencies]
//! malloc-watch = "0.1"
//! ```
//!
//! [`leak`] tells which blocks a piece of code left behind, and who allocated them.

#[cfg(not(target_has_atomic = "64"))]
compile_error!("malloc-watch needs 64-bit atomics, which this target does not have");

mod fork;
mod hooks;
pub mod leak;
mod once;
mod pages;
#[allow(
    dead_code,
    unused_imports,
    reason = "its tests look at more than the checker uses"
)]
mod stack;
mod status;

/// The README's code is compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
