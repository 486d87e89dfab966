//! Raw bindings to the C allocation functions, and to the C side of malloc-safe.
//!
//! Everything here is what bindgen makes of the headers in `csrc/`; the safe
//! face is the crate `malloc-safe`. Without features there is the C library's
//! allocation family and nothing is compiled:
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `bindgen` (default) | generates the bindings while building instead of using the committed ones |
//! | `workload` | C functions that hand over memory in each usual way, a library with its own deallocator, and one that counts references |
//! | `watch` | hooks in `malloc` and its family that record each live block: for the crate `malloc-watch` |
//!
//! `aligned_alloc` and `posix_memalign` are declared everywhere and exist where
//! the C library has them: not in Microsoft's.
//!
//! A crate that depends on this one directly finds the folder of its headers in
//! `DEP_MALLOC_SYS_INCLUDE` when its build script runs.
//!
//! ```
//! // SAFETY: malloc has no precondition.
//! let block = unsafe { malloc_sys::malloc(64) };
//! assert!(!block.is_null());
//! // SAFETY: `block` is from malloc and is not used again.
//! unsafe { malloc_sys::free(block) };
//! ```
#![no_std]

/// The C library's allocation functions (C11 7.22.3, POSIX `posix_memalign`).
#[allow(
    missing_docs,
    reason = "the C library's own headers carry no documentation comments"
)]
mod stdlib {
    include!(concat!(env!("OUT_DIR"), "/stdlib.rs"));
}
pub use stdlib::*;

#[cfg(feature = "watch")]
#[allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    clippy::unreadable_literal,
    reason = "the names of enumerators and callbacks are C's, and the numbers bindgen's"
)]
mod interpose {
    include!(concat!(env!("OUT_DIR"), "/interpose.rs"));
    include!(concat!(env!("OUT_DIR"), "/memo.rs"));
}
#[cfg(feature = "watch")]
pub use interpose::*;

#[cfg(feature = "workload")]
#[allow(non_snake_case, reason = "functionMalloc keeps the name it has in C")]
mod workload {
    include!(concat!(env!("OUT_DIR"), "/workload.rs"));
    include!(concat!(env!("OUT_DIR"), "/token.rs"));
    include!(concat!(env!("OUT_DIR"), "/counted.rs"));
}
#[cfg(feature = "workload")]
pub use workload::*;
