//! Which frames of a stack say something about a leak.

use std::vec::Vec;

use super::unwind::Frame;

/// Below these, outwards, is what runs the code that is looked at: this crate, the test harness,
/// the start of a thread.
const RUNNERS: [&str; 5] = [
    "malloc_safe::leak::scope::within",
    "std::sys::backtrace::__rust_begin_short_backtrace",
    "std::sys_common::backtrace::__rust_begin_short_backtrace",
    "std::rt::lang_start",
    "start_thread",
];

/// The way from `Box` and `Vec` down to `malloc`.
const ALLOCATOR: [&str; 7] = [
    "alloc::alloc::",
    "alloc::boxed::box_new",
    "std::alloc::",
    "std::sys::alloc::",
    "__rust",
    "__rdl",
    "core::alloc::",
];

/// What the Rust runtime allocates here it keeps, for the process or for the thread.
const KEEPERS: [&str; 5] = [
    "std::io::stdio::",
    "std::panicking::default_hook",
    "std::sys::backtrace::",
    "std::thread::current",
    "std::sys::thread_local::",
];

/// The path of a function, without what it is generic over or implements a trait for.
fn path(frame: &Frame) -> &str {
    frame.function.trim_start_matches('<')
}

fn is_any_of(frame: &Frame, paths: &[&str]) -> bool {
    paths.iter().any(|prefix| path(frame).starts_with(prefix))
}

fn is_of_the_runtime(frame: &Frame) -> bool {
    is_any_of(frame, &["std::", "core::", "alloc::", "__rust", "__rdl"])
}

/// Whether the block is one that the runtime keeps, with nobody else's code on the way to it.
pub(super) fn is_the_runtimes(frames: &[Frame]) -> bool {
    frames
        .iter()
        .take_while(|frame| is_of_the_runtime(frame))
        .any(|frame| is_any_of(frame, &KEEPERS))
}

/// From the function that called `malloc`, or the Rust that allocated, to the code looked at.
pub(super) fn trimmed(mut frames: Vec<Frame>) -> Vec<Frame> {
    if let Some(end) = frames.iter().position(|frame| is_any_of(frame, &RUNNERS)) {
        frames.truncate(end);
    }
    let is_shim = |frame: &Frame| {
        is_any_of(
            frame,
            &["core::ops::function::", "core::panic::unwind_safe::"],
        )
    };
    while frames.last().is_some_and(is_shim) {
        frames.pop();
    }
    let start = frames
        .iter()
        .take_while(|frame| is_any_of(frame, &ALLOCATOR))
        .count();
    if start < frames.len() {
        frames.drain(..start);
    }
    frames
}
