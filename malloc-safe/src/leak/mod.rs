//! My process grows: which blocks did that call leave behind, and who allocated them?
//!
//! With the feature `leak`, as a dev-dependency, a test on stable Rust says so. What is seen is
//! every allocation of the process, in C, in shared libraries and in Rust, as the feature defines
//! `malloc` and its family and forwards to the C library's:
//!
//! ```
//! use malloc_safe::leak;
//!
//! fn greet() {
//!     // SAFETY: a C string.
//!     let copy = unsafe { libc::strdup(c"hello".as_ptr()) };
//!     assert!(!copy.is_null());
//! } // and nobody frees it
//!
//! # if leak::status() == leak::Status::Active {
//! let report = leak::scope(greet);
//! assert_eq!((report.blocks(), report.bytes()), (1, 6));
//! # }
//! ```
//!
//! In a test it is [`report.assert_none()`](Report::assert_none), which fails with
//!
//! ```text
//! 1 block, 6 bytes left behind, from 1 site
//!
//! 1 block, 6 bytes
//!     strdup  libc.so.6
//!     tests::greet  tests/greeting.rs:7
//! ```
//!
//! The fix is to declare who frees: let `strdup` return
//! `Option<Owned<NulTerminated<c_char>>>`, and the same test passes.
//!
//! # Which one do I need?
//!
//! | the code under test | use |
//! | --- | --- |
//! | leaves nothing behind at all | [`scope`](scope()) |
//! | sets something up at its first call, or keeps a cache | [`repeat`](repeat()) |
//! | hands work to threads that run already | [`process_scope`] |
//!
//! # A test that sees nothing fails
//!
//! Where the hooks cannot be, the code runs all the same, the report is empty, and
//! [`assert_none`](Report::assert_none) fails with the [`Reason`] and what to do about it. A test
//! that is also run under valgrind or a sanitizer asks [`status`](status()) first.
//!
//! # What it costs, and what it does not see
//!
//! While no scope is open, one load and one branch a call. In a scope, every allocation takes its
//! stack, which is found again by what it depended on rather than walked; nothing is sampled, so
//! blocks and bytes are exact. Addresses are looked up without a lock.
//!
//! Not seen are libraries that bring their own heap (`mmap` pools, arenas that are freed as one),
//! that are loaded with `RTLD_DEEPBIND` or `dlmopen`, and the blocks of a `cdylib`, whose symbols
//! the linker hides. A block that is still reachable, from a cache say, counts as left behind:
//! nothing looks for pointers.
//!
//! # Which tool when?
//!
#![doc = include_str!("../../docs/leaks.md")]

mod context;
mod display;
mod fork;
mod frames;
mod hooks;
mod repeat;
mod report;
mod scope;
mod scopes;
#[cfg(feature = "serde")]
mod serialize;
mod status;
#[allow(
    dead_code,
    unused_imports,
    reason = "its tests look at more than the checker uses"
)]
mod unwind;

pub use repeat::repeat;
pub use report::{Report, Site};
pub use scope::{process_scope, scope};
pub use status::{Reason, Status, status};
pub use unwind::Frame;

/// For tests of this crate's own: every stack is walked, and compared with what the memo says of it.
#[doc(hidden)]
pub mod validation {
    pub use super::unwind::{captures, memo_mismatches as mismatches, validate};
}
