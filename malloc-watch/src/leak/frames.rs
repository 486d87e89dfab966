//! Which frames of a stack say something about a leak.
//!
//! Functions of the Rust runtime are known by their files: with line tables alone, debug
//! information has their names without their modules. Without any, they are known by their names.

use super::paths;
use crate::stack::Frame;

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

/// A function of the Rust runtime: the path of its module, the module's file below `library/`, and its
/// name; none for all of the module.
type Keeper = (&'static str, &'static str, Option<&'static str>);

/// What the runtime allocates in these it keeps, for the process or for the thread.
const KEEPERS: [Keeper; 11] = [
    // A thread-local of the standard library's own: a program's would have the program's file.
    ("std::", "std/src/", Some("__rust_std_internal_init_fn")),
    ("std::io::stdio::", "std/src/io/stdio.rs", Some("stdin")),
    ("std::io::stdio::", "std/src/io/stdio.rs", Some("stdout")),
    ("std::io::stdio::", "std/src/io/stdio.rs", Some(CAPTURE)),
    (
        "std::panicking::",
        "std/src/panicking.rs",
        Some("default_hook"),
    ),
    (
        "std::sys::backtrace::",
        "std/src/sys/backtrace.rs",
        Some("print"),
    ),
    (
        "std::sys::backtrace::",
        "std/src/sys/backtrace.rs",
        Some("lock"),
    ),
    ("std::thread::current::", "std/src/thread/current.rs", None),
    // Without debug information, the thread-local is known by what it holds.
    (
        "std::sync::mpmc::context::",
        "std/src/sync/mpmc/context.rs",
        None,
    ),
    (
        "std::sys::thread_local::destructors::",
        "std/src/sys/thread_local/destructors/",
        None,
    ),
    (
        "std::sys::thread_local::guard::",
        "std/src/sys/thread_local/guard",
        None,
    ),
];

/// What is allocated by way of these belongs to something of the program's: a channel's list of threads
/// that wait for it.
const OWNED: [Place; 1] = [("std::sync::mpmc::waker::", "std/src/sync/mpmc/waker.rs")];

/// Writes into the buffer in which a test harness captures what is printed.
const CAPTURE: &str = "print_to_buffer_if_capture_used";

/// How formatted text comes into that buffer: what allocates below is the buffer, also with code of the
/// program's behind it, which formats something of its own.
const WRITER: Place = ("std::io::default_write_fmt::", "std/src/io/mod.rs");

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
    paths::in_toolchain(file)
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

/// Whether the function, or the one that it is a closure in, has this name.
fn is_named(frame: &Frame, name: &str) -> bool {
    let mut parts = frame.function.split("::");
    parts.any(|part| part.split('<').next() == Some(name))
}

fn is_of_the_runtime(frame: &Frame) -> bool {
    let function = &*frame.function;
    // C's functions that call back.
    if function.ends_with("dl_iterate_phdr") || function.starts_with("_Unwind_") {
        return true;
    }
    match &frame.file {
        Some(_) => runtime_file(frame).is_some(),
        None => RUNTIME.iter().any(|path| is_in(frame, path)),
    }
}

/// Whether the frame is of the Rust runtime or of malloc-safe: of a run of such calls, the one that the
/// program made says the most.
pub(super) fn is_library(frame: &Frame) -> bool {
    is_of_the_runtime(frame) || is_in(frame, "malloc_safe::")
}

fn is_a_keeper(frame: &Frame) -> bool {
    KEEPERS.iter().any(|&(path, below, name)| {
        is_at(frame, &[(path, below)]) && name.is_none_or(|name| is_named(frame, name))
    })
}

/// Whether the frame is of this crate's scopes, which call the code that is looked at.
fn is_of_a_scope(frame: &Frame) -> bool {
    let file = frame.file.as_deref();
    frame.function.starts_with("malloc_watch::leak::scope::")
        || file.is_some_and(|file| file.ends_with("src/leak/scope.rs"))
}

/// Whether the frame and those outwards of it start what is looked at: a test, a thread, the program.
fn is_a_start(frame: &Frame) -> bool {
    let function = &*frame.function;
    let is_libcs = || {
        let object = frame.object.as_deref().unwrap_or_default();
        let name = object.rsplit('/').next().unwrap_or_default();
        name.starts_with("libc.so") || name.starts_with("libpthread")
    };
    (function.contains("__rust_begin_short_backtrace") && is_of_the_runtime(frame))
        || function.starts_with("std::rt::lang_start")
        || (function == "start_thread" && is_libcs())
        || function == "interpose_thread"
}

/// Whether this frame is the first of those that run the code that is looked at.
fn is_a_runner(frame: &Frame) -> bool {
    let function = &*frame.function;
    function.starts_with("malloc_watch::leak::scope::within")
        || (function.starts_with("within<") && is_of_a_scope(frame))
        || is_a_start(frame)
}

/// Whether code of the test harness is on the stack: the thread of a test, or the one that starts them.
pub(super) fn is_of_the_test_harness(frames: &[Frame]) -> bool {
    frames.iter().any(|frame| match runtime_file(frame) {
        Some(file) => file.starts_with("test/src/"),
        None => is_in(frame, "test::"),
    })
}

/// Whether a block is the C library's, for the destructor of a thread-local, until the thread ends.
pub(super) fn is_of_a_thread_local(frames: &[Frame]) -> bool {
    let innermost = frames.first();
    innermost.is_some_and(|frame| frame.function == "__cxa_thread_atexit_impl")
}

/// Whether the block is one that the Rust runtime keeps, with nobody else's code on the way to it.
pub(super) fn is_the_runtimes(frames: &[Frame]) -> bool {
    let end = frames.iter().position(is_a_runner).unwrap_or(frames.len());
    let frames = &frames[..end];
    let mut own = frames
        .iter()
        .take_while(|frame| is_of_the_runtime(frame) && !is_at(frame, &OWNED));
    if own.clone().any(is_a_keeper) {
        return true;
    }
    let writes = |frame: &Frame| is_at(frame, &[WRITER]) && is_named(frame, "write_str");
    let captures = |frame: &Frame| is_a_keeper(frame) && is_named(frame, CAPTURE);
    own.any(writes) && frames.iter().any(captures)
}

/// From the function that called `malloc`, or the Rust that allocated, to the code looked at, by the
/// outermost scope.
pub(super) fn trimmed(mut frames: Vec<Frame>) -> Vec<Frame> {
    if let Some(first) = frames.iter().position(is_a_runner) {
        let within = |frame: &Frame| is_a_runner(frame) && !is_a_start(frame);
        let start = frames.iter().position(is_a_start).unwrap_or(frames.len());
        let last = frames[..start].iter().rposition(within).unwrap_or(first);
        // Without debug information the code looked at may be inlined, unseen, into what runs it:
        // then its caller says the most.
        let unseen = if frames[last].file.is_none() { 2 } else { 0 };
        frames.truncate((last + unseen).max(1));
        if last > first {
            // Of the scopes within.
            let mut place = 0;
            frames.retain(|frame| {
                place += 1;
                place > last || !is_of_a_scope(frame)
            });
        }
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
