//! What the tests share.

use core::ffi::c_void;
use core::hint::black_box;
use malloc_watch::leak::{self, Frame, Report, Status};
use std::env;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Whether there is something to test; says so if not.
///
/// Under valgrind or a sanitizer the checker is inactive, as it must be, and says that itself.
pub(crate) fn is_active() -> bool {
    let Status::Inactive(reason) = leak::status() else {
        return true;
    };
    assert!(
        env::var_os("MALLOC_SAFE_REQUIRE_LEAK").is_none(),
        "MALLOC_SAFE_REQUIRE_LEAK is set, but the checker is inactive: {reason}"
    );
    skipped::note(
        &format!("the leak checker: {reason}"),
        "cargo test -p malloc-watch, on 64-bit Linux with glibc",
    );
    false
}

/// What a call allocates with `malloc` and leaves behind, and what it returns.
pub(crate) fn left_by<R>(call: impl FnOnce() -> R) -> (Report, R) {
    let mut returned = None;
    let report = leak::scope(|| returned = Some(call()));
    (report, returned.expect("the scope calls"))
}

/// The blocks and the bytes of a report that is of an active checker.
pub(crate) fn found(report: &Report) -> (u64, u64) {
    assert_eq!(*report.status(), Status::Active);
    (report.blocks(), report.bytes())
}

/// Blocks and bytes of the sites with this function on the stack: its name, without modules, as
/// line tables have it.
pub(crate) fn found_by(report: &Report, function: &str) -> (u64, u64) {
    assert_eq!(*report.status(), Status::Active);
    let is_it = |frame: &Frame| {
        let outside = frame.function.strip_suffix(function);
        outside.is_some_and(|modules| modules.is_empty() || modules.ends_with("::"))
    };
    let sites = report
        .sites()
        .iter()
        .filter(|site| site.frames().iter().any(is_it));
    sites.fold((0, 0), |(blocks, bytes), site| {
        (blocks + site.blocks(), bytes + site.bytes())
    })
}

/// `malloc`, but the compiler does not leave it out where it seems useless.
#[inline(never)]
pub(crate) fn malloc(size: usize) -> *mut c_void {
    // SAFETY: no precondition.
    let block = black_box(unsafe { libc::malloc(black_box(size)) });
    assert!(!block.is_null());
    block
}

/// `realloc`, likewise.
///
/// # Safety
///
/// As for `realloc`.
#[inline(never)]
pub(crate) unsafe fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    black_box(unsafe { libc::realloc(black_box(block), black_box(size)) })
}

/// `free`, likewise.
///
/// # Safety
///
/// As for `free`.
#[inline(never)]
pub(crate) unsafe fn free<T>(block: *mut T) {
    // SAFETY: the caller's promise.
    unsafe { libc::free(black_box(block).cast()) }
}

/// Runs in a child process; whether it returned true there.
pub(crate) fn in_child(check: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child does no more than allocate, which glibc allows it, and exit.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", io::Error::last_os_error()),
        0 => {
            let is_true = catch_unwind(AssertUnwindSafe(check)).unwrap_or(false);
            let status = i32::from(!is_true);
            // SAFETY: ends the child without the parent's exit handlers.
            unsafe { libc::_exit(status) }
        }
        child => {
            let mut status = -1;
            // SAFETY: a child of this process, and a valid out-parameter.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            status == 0
        }
    }
}
