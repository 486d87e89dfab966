//! A thread's whole life, deep stacks, and processes that fork.

use core::cell::RefCell;
use core::hint::black_box;
use std::process::{self, Command};
use std::sync::Mutex;
use std::{env, fs, thread, thread_local};

use super::super::MAX_FRAMES;
use super::super::errno;
use super::paths::walk_paths;
use super::probe::{compared, probe, validated, with_stack};
use crate::stack::{frames, resolve};

#[inline(never)]
fn deep(depth: usize) {
    if depth.is_multiple_of(1_000) {
        let stack = probe();
        assert!(frames(stack).len() <= MAX_FRAMES);
        if depth == 0 {
            assert_eq!(frames(stack).len(), MAX_FRAMES);
            return;
        }
    }
    deep(black_box(depth - 1));
    black_box(());
}

#[test]
fn of_a_deep_stack_the_innermost_frames_are_taken() {
    let thread = thread::Builder::new().stack_size(64 << 20);
    let thread = thread.spawn(|| compared(|| (0..2).for_each(|_| deep(100_000))));
    thread.expect("a thread").join().expect("no panic");
}

#[test]
fn a_small_stack_is_enough() {
    // As small as the C library has it: without optimisation the walk itself takes more than that.
    let frames = with_stack(libc::PTHREAD_STACK_MIN.max(16 << 10), || {
        frames(probe()).len()
    });
    assert!(frames > 1, "{frames}");
}

#[test]
fn what_a_thread_kept_is_given_back_when_it_ends() {
    let mapped = || {
        let statm = fs::read_to_string("/proc/self/statm").expect("statm");
        let pages: usize = statm
            .split(' ')
            .next()
            .expect("a number")
            .parse()
            .expect("a number");
        pages * 4096
    };
    let run = || {
        let thread = thread::spawn(|| walk_paths(3, 10));
        thread.join().expect("no panic");
    };
    run();
    let before = mapped();
    (0..500).for_each(|_| run());
    let grown = mapped().saturating_sub(before);
    // A little over 1 MiB each would be 500 MiB; other tests run beside this one.
    assert!(grown < 200 << 20, "grown by {grown} bytes");
}

#[test]
fn destructors_of_thread_locals_have_whole_stacks() {
    static SEEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

    struct Probing;
    impl Drop for Probing {
        fn drop(&mut self) {
            let names = resolve(probe());
            assert!(names[1].function.ends_with("drop"), "{names:#?}");
            SEEN.lock().expect("no panic").push(names.len());
        }
    }

    thread_local! {
        static FIRST: RefCell<Option<Probing>> = const { RefCell::new(None) };
        static LAST: RefCell<Option<Probing>> = const { RefCell::new(None) };
    }

    thread::spawn(|| {
        FIRST.set(Some(Probing));
        black_box(probe());
        LAST.set(Some(Probing));
    })
    .join()
    .expect("no panic");
    let seen = SEEN.lock().expect("no panic");
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|&frames| frames > 2), "{seen:?}");
}

#[test]
fn children_of_a_fork_go_on_taking_stacks() {
    validated(|| {
        let busy = thread::spawn(|| walk_paths(11, 5_000));
        for seed in 0..50 {
            walk_paths(seed, 5);
            // SAFETY: the child takes stacks, which needs no lock, and ends without cleaning up.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let depth = frames(probe()).len();
                // SAFETY: ends the child here.
                unsafe { libc::_exit(i32::from(depth < 5)) };
            }
            assert!(child > 0, "fork");
            let mut status = 0;
            // SAFETY: the child from above.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0);
        }
        busy.join().expect("no panic");
    });
}

/// Set in the process that only runs `on_the_first_thread`.
const ON_THE_FIRST_THREAD: &str = "MALLOC_SAFE_ON_THE_FIRST_THREAD";

/// The harness runs every test on a thread of its own; this the loader calls on the first.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = on_the_first_thread;

extern "C" fn on_the_first_thread() {
    if env::var_os(ON_THE_FIRST_THREAD).is_none() {
        return;
    }
    compared(|| walk_paths(5, 20));
    let names = resolve(probe());
    let start = names
        .iter()
        .find(|frame| frame.function.starts_with("__libc_start_main"));
    assert!(start.is_some() && frames(probe()).len() > 1, "{names:#?}");
    process::exit(0);
}

#[test]
fn the_first_threads_stack_reaches_the_c_librarys_start() {
    let test = env::current_exe().expect("this test");
    let output = Command::new(test).env(ON_THE_FIRST_THREAD, "1").output();
    let output = output.expect("this test again");
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
}

#[test]
fn the_error_number_stays() {
    thread::spawn(|| {
        errno::preserved(|| {
            // SAFETY: closes no file, and says so in the error number.
            unsafe { libc::close(-1) };
            // The first stack of a thread asks the kernel, and is answered with errors.
            black_box(probe());
            assert_eq!(errno::get(), libc::EBADF);
        });
    })
    .join()
    .expect("no panic");
}
