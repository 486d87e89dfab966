//! What the tests share.

use core::ffi::c_void;
use core::hint::black_box;
use malloc_safe::leak::{self, Report, Status};
use std::io::{self, Write as _};

/// Whether there is something to test; says so if not.
///
/// Under valgrind or a sanitizer the checker is inactive, as it must be, and says that itself.
pub(crate) fn is_active() -> bool {
    let Status::Inactive(reason) = leak::status() else {
        return true;
    };
    assert!(
        std::env::var_os("MALLOC_SAFE_REQUIRE_LEAK").is_none(),
        "MALLOC_SAFE_REQUIRE_LEAK is set, but the checker is inactive: {reason}"
    );
    let _ = writeln!(io::stderr(), "\nskipped: {reason}");
    false
}

/// `malloc` as the compiler does not know it: it leaves out calls that it knows to be useless.
pub(crate) fn malloc(size: usize) -> *mut c_void {
    let malloc = black_box(libc::malloc as unsafe extern "C" fn(usize) -> *mut c_void);
    // SAFETY: no precondition.
    let block = unsafe { malloc(size) };
    assert!(!block.is_null());
    block
}

/// # Safety
///
/// As for `free`.
pub(crate) unsafe fn free<T>(block: *mut T) {
    let free = black_box(libc::free as unsafe extern "C" fn(_));
    // SAFETY: the caller's promise.
    unsafe { free(block.cast()) }
}

/// Blocks and bytes.
pub(crate) fn found(report: &Report) -> (u64, u64) {
    assert_eq!(*report.status(), Status::Active);
    (report.blocks(), report.bytes())
}
