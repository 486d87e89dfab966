//! The C library's error number: `malloc` must not change it when it succeeds.

/// Runs `work` and restores the error number.
pub(super) fn preserved<R>(work: impl FnOnce() -> R) -> R {
    let before = get();
    let result = work();
    set(before);
    result
}

pub(super) fn get() -> i32 {
    // SAFETY: no precondition.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: this thread's own, and always there.
    unsafe { place.read() }
}

fn set(value: i32) {
    // SAFETY: no precondition.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: this thread's own, and always there.
    unsafe { place.write(value) };
}
