//! Which frames of a stack say something about a leak.
//!
//! Functions of the Rust runtime are known by their files: with line tables alone, debug
//! information has their names without their modules. Without any, they are known by their names.

use std::vec::Vec;

use super::unwind::Frame;

/// Code of the Rust runtime: its path, and its file below `library/`.
type Place = (&'static str, &'static str);

/// The way from `Box` and `Vec` down to `malloc`.
const ALLOCATOR: [Place; 6] = [
    ("alloc::alloc::", "alloc/src/alloc.rs"),
    ("alloc::raw_vec::", "alloc/src/raw_vec/"),
    ("std::alloc::", "std/src/alloc.rs"),
    ("std::sys::alloc::", "std/src/sys/alloc/"),
    ("__rust", "std/src/alloc.rs"),
    ("core::alloc::", "core/src/alloc/"),
];

/// What the runtime allocates here it keeps, for the process or for the thread.
const KEEPERS: [Place; 5] = [
    ("std::io::stdio::", "std/src/io/stdio.rs"),
    ("std::panicking::default_hook", "std/src/panicking.rs"),
    ("std::sys::backtrace::", "std/src/sys/backtrace.rs"),
    ("std::thread::current", "std/src/thread/current.rs"),
    ("std::sys::thread_local::", "std/src/sys/thread_local/"),
];

/// With the crates that are built into it, to name the frames of a panic.
const RUNTIME: [&str; 8] = [
    "std::",
    "core::",
    "alloc::",
    "__rust",
    "rustc_demangle::",
    "addr2line::",
    "gimli::",
    "hashbrown::",
];

/// Between the code that is looked at and what calls it.
const SHIMS: [Place; 2] = [
    ("core::ops::function::", "core/src/ops/function.rs"),
    (
        "core::panic::unwind_safe::",
        "core/src/panic/unwind_safe.rs",
    ),
];

/// The file of a frame below `library/`, if it is the runtime's.
fn runtime_file(frame: &Frame) -> Option<&str> {
    let file = frame.file.as_deref()?.to_str()?;
    // Crates that are built into it.
    if let Some((_, inside)) = file.split_once("/rust/deps/") {
        return Some(inside);
    }
    // As the toolchain was built, and as it is installed with the component rust-src.
    let inside = ["/rustc/", "/rustlib/src/rust/"]
        .into_iter()
        .find_map(|root| {
            let (_, inside) = file.split_once(root)?;
            inside.split_once("library/")
        });
    Some(inside?.1)
}

fn is_at(frame: &Frame, places: &[Place]) -> bool {
    let file = runtime_file(frame);
    places.iter().any(|&(path, below)| match file {
        Some(file) => file.starts_with(below),
        None => is_in(frame, path),
    })
}

fn is_in(frame: &Frame, path: &str) -> bool {
    // An implementation's path is that of a type, in angle brackets.
    frame.function.trim_start_matches('<').starts_with(path)
}

fn is_of_the_runtime(frame: &Frame) -> bool {
    runtime_file(frame).is_some() || RUNTIME.iter().any(|path| is_in(frame, path))
}

/// Whether this frame and those outwards of it run the code that is looked at: this crate, the test
/// harness, the start of a thread.
fn is_a_runner(frame: &Frame) -> bool {
    let function = &*frame.function;
    let in_scope = || {
        let file = frame.file.as_deref();
        file.is_some_and(|file| file.ends_with("src/leak/scope.rs"))
    };
    function.starts_with("malloc_safe::leak::scope::within")
        || function.starts_with("within<") && in_scope()
        || function.contains("__rust_begin_short_backtrace")
        || function.starts_with("std::rt::lang_start")
        || function == "start_thread"
}

/// Whether a block is the C library's, for the destructor of a thread-local, until the thread ends; by
/// the exported function that called `malloc`, which is known without debug information.
pub(super) fn is_of_a_thread_local(exported: Option<&str>) -> bool {
    exported == Some("__cxa_thread_atexit_impl")
}

/// Whether the block is one that the Rust runtime keeps, with nobody else's code on the way to it.
pub(super) fn is_the_runtimes(frames: &[Frame]) -> bool {
    frames
        .iter()
        .take_while(|frame| !is_a_runner(frame) && is_of_the_runtime(frame))
        .any(|frame| is_at(frame, &KEEPERS))
}

/// From the function that called `malloc`, or the Rust that allocated, to the code looked at.
pub(super) fn trimmed(mut frames: Vec<Frame>) -> Vec<Frame> {
    if let Some(end) = frames.iter().position(is_a_runner) {
        // Without debug information the code looked at may be inlined, unseen, into what runs it:
        // then its caller says the most.
        let unseen = if frames[end].file.is_none() { 2 } else { 0 };
        frames.truncate(end + unseen);
    }
    while frames.last().is_some_and(|frame| is_at(frame, &SHIMS)) {
        frames.pop();
    }
    let is_allocator = |frame: &&Frame| is_at(frame, &ALLOCATOR);
    let start = frames.iter().take_while(is_allocator).count();
    if start < frames.len() {
        frames.drain(..start);
    }
    frames
}
