//! My process grows: which blocks did that call leave behind, and who allocated them?
//!
//! With malloc-watch as a dev-dependency, a test on stable Rust says so:
//!
//! ```
//! use malloc_watch::leak;
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
//!     greeting::greet  tests/greeting.rs:5
//!     greeting::greeting_leaves_nothing_behind::{{closure}}  tests/greeting.rs:11
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
//! | is known to leave some | [`Report::allowing`], [`Report::without`], `MALLOC_WATCH_ALLOW` |
//! | hands work to threads that run already | [`process_scope`], [`process_repeat`] |
//! | returns something that is needed afterwards | [`scope_returning`] |
//! | has `.await` in it, or is a fixture's | [`ScopeGuard`] |
//!
//! # A test that sees nothing fails
//!
//! Where the hooks cannot be, the code runs all the same, the report is empty, and
//! [`assert_none`](Report::assert_none) fails with the [`Reason`] and what to do about it. A test
//! that is also run under valgrind or a sanitizer asks [`status`](status()) first.
//!
//! # What it costs
//!
//! While no scope is open, one load and one branch a call. In a scope, each allocation takes its stack:
//! the words on it that lead from function to function are compared with those of the last time, and
//! only a stack that is new is walked. Code that allocates by a new stack each time, such as a recursive
//! sort, takes many times as long in a scope. Nothing is sampled. A scope's end looks at the records of
//! what was allocated since it began, and a report with blocks in it reads the debug information of the
//! objects on their stacks, once a process. `cargo bench -p malloc-watch --bench leak` measures it; with
//! `-- --debug`, in programs that are built as `cargo test` builds them.
//!
//! # What it does not see
//!
//! - The heap of a library that brings its own: pools on `mmap`, arenas that are freed as one. That
//!   includes Rust's own blocks where `#[global_allocator]` is jemalloc or mimalloc: [`sees_rust`] and
//!   each report say so. What C allocates is still seen, and exact.
//! - Libraries that are loaded with `RTLD_DEEPBIND` or `dlmopen`, and calls inside a `cdylib` of Rust
//!   that links this crate itself, as the linker hides the hooks there: link it into the test.
//! - Threads that C starts by other ways than `pthread_create`, such as C11's `thrd_create`: they are in
//!   a [`process_scope`] alone.
//! - What a future would do: `scope(|| async { … })` makes one and drops it. Run it inside,
//!   `scope(|| runtime.block_on(…))`, or put a [`ScopeGuard`] around the `.await`.
//! - Who has the memory: a block that is still reachable, from a cache say, counts as left behind. Pointers
//!   are looked for only in the blocks themselves, to tell which belong to another.
//! - Which test a pool worked for: threads that were started in another scope, or in none, are named apart
//!   in each report that they allocated beside, and fail its assertion.
//! - Functions' names in a library that is closed before the report: its file and the place in it are
//!   named, or both, where another was loaded at the same place.
//! - Blocks from `__libc_malloc`, called by that name; one from `malloc` that goes back by `__libc_free`
//!   stays recorded, and is reported though it is gone.
//! - References without memory: a counter of references that is too high, and descriptors.
//! - Python's objects, but for large ones: `pymalloc` takes them from arenas of its own.
//!
//! # Nothing is left, and the process stays large
//!
//! Resident memory need not fall when blocks are freed: glibc keeps them for the next `malloc`, in free
//! lists and in an arena for each few threads, and gives back what is at the end of the heap, above 128
//! KiB. `mallinfo2` says how much is in use (`uordblks`) and how much is kept (`fordblks`). If
//! `malloc_trim(0)` lets the process shrink, it was kept memory, not a leak; fewer arenas
//! (`MALLOC_ARENA_MAX`) or a lower `M_TRIM_THRESHOLD` keep less. Transparent huge pages round up as well:
//! `AnonHugePages` in `/proc/self/smaps_rollup` says by how much.
//!
//! A stack keeps the innermost 64 frames. Scopes belong to threads: one that is left in another thread or
//! in another order than it was entered, as with coroutines that change threads, is not told apart.
//!
//! # Which tool when?
//!
#![doc = include_str!("../../docs/leaks.md")]

mod allow;
mod annotations;
pub(crate) mod context;
mod display;
mod frames;
mod ownership;
mod paths;
mod repeat;
mod report;
mod scope;
pub(crate) mod scopes;
mod serialize;

pub use crate::stack::Frame;
pub use crate::status::{Reason, Status, sees_rust, status};
pub use repeat::{process_repeat, repeat};
pub use report::{Report, Site};
pub use scope::{ScopeGuard, process_scope, scope, scope_returning};

/// For tests of this crate's own: every stack is walked, and compared with what the memo says of it.
#[doc(hidden)]
pub mod validation {
    pub use crate::stack::{captures, memo_mismatches as mismatches, validate};
}
