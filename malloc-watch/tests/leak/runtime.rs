//! What the Rust runtime keeps is not the code's leak; what it only has a hand in is.

use crate::support::{found, in_child, is_active, left_by, malloc};
use malloc_watch::leak;
use std::cell::Cell;
use std::hint::black_box;
use std::io::{self, Read as _};
use std::panic::{catch_unwind, panic_any};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;
use std::{env, mem, thread};

#[derive(Debug)]
#[allow(dead_code, reason = "printed")]
struct Point {
    x: i32,
    y: i32,
}

#[test]
fn what_is_printed_by_code_of_the_programs_own_is_captured_by_the_harness() {
    if !is_active() {
        return;
    }
    let (report, ()) = left_by(|| {
        for turn in 0..1_000 {
            println!("{:?}", Point { x: turn, y: 2 });
            dbg!(turn);
        }
    });
    assert_eq!(found(&report), (0, 0), "{report}");
}

#[test]
fn what_formats_itself_and_leaks_is_found() {
    struct Leaking;
    impl core::fmt::Display for Leaking {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            mem::forget(black_box(vec![1_u8; 21]));
            f.write_str("leaking")
        }
    }
    if is_active() {
        let (report, ()) = left_by(|| println!("{Leaking}"));
        assert_eq!(found(&report), (1, 21), "{report}");
    }
}

#[test]
fn what_was_read_from_standard_input_is_the_codes() {
    if !is_active() {
        return;
    }
    let held = in_child(|| {
        let mut ends = [0; 2];
        // SAFETY: places for both.
        assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
        let text = "a line that needs a block\nand the rest of it";
        // SAFETY: so many bytes, and fewer than a pipe holds.
        unsafe { libc::write(ends[1], text.as_ptr().cast(), text.len()) };
        // SAFETY: a descriptor of this process.
        unsafe { libc::close(ends[1]) };
        // SAFETY: as standard input, which this child has not read yet.
        unsafe { libc::dup2(ends[0], 0) };
        let (report, ()) = left_by(|| {
            let mut line = String::new();
            io::stdin().read_line(&mut line).expect("a line");
            black_box(line.leak());
            let mut rest = Vec::new();
            io::stdin().read_to_end(&mut rest).expect("the rest");
            black_box(rest.leak());
        });
        report.blocks() == 2
    });
    assert!(held);
}

#[test]
fn the_payload_of_a_panic_is_whose_catches_it() {
    if is_active() {
        let (report, ()) = left_by(|| mem::forget(catch_unwind(|| panic_any([7_u8; 100]))));
        assert_eq!(found(&report), (1, 100), "{report}");
        let (report, ()) = left_by(|| mem::forget(thread::spawn(|| panic_any([7_u8; 200])).join()));
        assert_eq!(
            report.sites().last().map(leak::Site::bytes),
            Some(200),
            "{report}"
        );
        assert_eq!(report.blocks(), 1, "{report}");
    }
}

#[test]
fn a_panic_whose_stack_is_printed_leaves_nothing() {
    const AGAIN: &str = "MALLOC_SAFE_PRINTS_STACKS";
    if !is_active() {
        return;
    }
    if env::var_os(AGAIN).is_some() {
        let (report, _) = left_by(|| catch_unwind(|| panic!("on purpose")).is_err());
        assert_eq!(found(&report), (0, 0), "{report}");
        return;
    }
    // The first panic decides for the process.
    let test = "runtime::a_panic_whose_stack_is_printed_leaves_nothing";
    for capture in [&["--nocapture"][..], &[]] {
        let child = Command::new(env::current_exe().expect("this test"))
            .args(["--exact", test])
            .args(capture)
            .env("RUST_BACKTRACE", "1")
            .env(AGAIN, "1")
            .output()
            .expect("this test runs");
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(
            child.status.success() && said.contains("1 passed"),
            "{said}"
        );
    }
}

#[test]
fn what_the_initialiser_of_a_thread_local_leaks_is_found() {
    thread_local! {
        static LEAKED: Cell<*mut u64> = Cell::new(Box::into_raw(black_box(Box::new(1))));
    }
    if is_active() {
        let (report, _) = left_by(|| LEAKED.get());
        assert_eq!(found(&report), (1, 8), "{report}");
    }
}

#[test]
fn what_the_standard_library_keeps_in_thread_locals_is_not() {
    if is_active() {
        let (report, received) = left_by(|| {
            let (to_here, from_thread) = mpsc::channel();
            let thread = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20)); // here it has to be waited for
                to_here.send(1)
            });
            let received = from_thread.recv();
            thread.join().expect("no panic").expect("received");
            received
        });
        assert_eq!((found(&report), received), ((0, 0), Ok(1)), "{report}");
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn start_thread(size: usize) -> usize {
    black_box(malloc(size).expose_provenance()) // not the last call
}

#[test]
fn a_function_with_the_name_of_a_c_librarys_keeps_its_stack() {
    if is_active() {
        let report = leak::scope(|| start_thread(123));
        assert_eq!(found(&report), (1, 123), "{report}");
        let frames = report.sites()[0].frames();
        let names: Vec<_> = frames.iter().map(|frame| &*frame.function).collect();
        let place = names.iter().position(|name| *name == "start_thread");
        assert!(
            place.is_some_and(|place| place + 1 < names.len()),
            "{names:?}"
        );
    }
}

#[test]
fn the_outer_scope_knows_who_called_the_inner_one() {
    #[inline(never)]
    fn calls_the_inner_one() -> leak::Report {
        black_box(leak::scope(|| black_box(malloc(5))))
    }
    if is_active() {
        let (outer, inner) = left_by(calls_the_inner_one);
        for report in [outer, inner] {
            assert_eq!(found(&report), (1, 5), "{report}");
            let text = report.to_string();
            assert!(text.contains("calls_the_inner_one"), "{text}");
            assert!(text.matches("within").count() <= 1, "{text}");
        }
    }
}

#[test]
fn the_list_of_threads_that_wait_for_a_channel_is_the_channels() {
    if !is_active() {
        return;
    }
    let (report, ()) = left_by(|| {
        let (sender, receiver) = mpsc::sync_channel::<u64>(0);
        let from_thread = sender.clone();
        let thread = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            from_thread.send(1).expect("the receiver waits");
        });
        receiver.recv().expect("a number");
        thread.join().expect("no panic");
        mem::forget((sender, receiver));
    });
    // The channel, and its list.
    assert_eq!(report.blocks(), 2, "{report}");
}
