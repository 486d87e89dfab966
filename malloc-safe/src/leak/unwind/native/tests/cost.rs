//! What a capture costs, in instructions, which callgrind counts exactly.

use core::ffi::c_void;
use core::hint::black_box;
use std::boxed::Box;
use std::process::Command;
use std::string::{String, ToString};
use std::{env, eprintln, format, ptr};

use super::probe::probe;
use crate::leak::unwind::frames;

/// Set in the process that is counted: how many frames, and how many captures.
const COUNTED: &str = "MALLOC_SAFE_COUNTED_CAPTURES";

#[inline(never)]
fn capturing(depth: usize, captures: usize) {
    if depth > 1 {
        capturing(depth - 1, captures);
        black_box(());
        return;
    }
    for _ in 0..captures {
        black_box(probe());
    }
}

/// A thread with nothing around it: the C library's two functions are below.
extern "C" fn start(argument: *mut c_void) -> *mut c_void {
    // SAFETY: a box's pointer, given to this thread alone.
    let (depth, captures) = *unsafe { Box::from_raw(argument.cast::<(usize, usize)>()) };
    capturing(depth - 3, captures);
    ptr::null_mut()
}

fn on_a_bare_thread(depth: usize, captures: usize) {
    let argument = Box::into_raw(Box::new((depth, captures)));
    let mut thread = 0;
    // SAFETY: a function that takes the argument over.
    let error =
        unsafe { libc::pthread_create(&raw mut thread, ptr::null(), start, argument.cast()) };
    assert_eq!(error, 0, "pthread_create");
    // SAFETY: the thread from above, joined once.
    unsafe { libc::pthread_join(thread, ptr::null_mut()) };
}

#[test]
#[ignore = "counts instructions under valgrind, in an optimised build"]
fn the_cost_of_finding_a_stack_again() {
    if let Ok(counted) = env::var(COUNTED) {
        let (depth, captures) = counted.split_once(' ').expect("two numbers");
        on_a_bare_thread(
            depth.parse().expect("frames"),
            captures.parse().expect("captures"),
        );
        return;
    }
    for depth in [4, 10, 36, 64] {
        let [few, many] = [1_000, 11_000].map(|captures| instructions(depth, captures));
        let each = (many - few) / 10_000;
        eprintln!("{depth} frames: {each} instructions, with the probe and the loop");
    }
}

fn instructions(depth: usize, captures: usize) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("this test"))
        .args([
            "--ignored",
            "the_cost_of_finding_a_stack_again",
            "--test-threads=1",
        ])
        .env(COUNTED, format!("{depth} {captures}"))
        .output()
        .expect("valgrind");
    let text = String::from_utf8_lossy(&output.stderr).to_string();
    let collected = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("no count: {text}"));
    count.trim().parse().expect("a count")
}
