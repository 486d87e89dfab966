//! Processes that fork.

use crate::support::{found, found_by, free, in_child, is_active, left_by, malloc};
use core::ffi::{c_int, c_void};
use core::hint::spin_loop;
use core::ptr;
use malloc_watch::leak::{self, Status};
use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{self, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

#[test]
fn a_child_goes_on_in_the_scope_and_sees_its_own_blocks() {
    if !is_active() {
        return;
    }
    let mut in_child_alone = None;
    let (report, block) = left_by(|| {
        let block = malloc(10);
        in_child_alone = Some(in_child(|| {
            let (report, _) = left_by(|| malloc(20));
            // SAFETY: from malloc, before the fork.
            unsafe { free(block) };
            (report.blocks(), report.bytes()) == (1, 20)
        }));
        block
    });
    assert_eq!(in_child_alone, Some(true));
    assert_eq!(found(&report), (1, 10), "{report}");
    // SAFETY: from malloc.
    unsafe { free(block) };
}

#[test]
fn fifteen_hundred_forks_while_others_allocate_and_open_scopes() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !is_active() {
        return;
    }
    let churn = [1, 2].map(|seed| {
        thread::spawn(move || {
            let mut size = seed;
            while !DONE.load(Ordering::Relaxed) {
                let (report, ()) = left_by(|| {
                    size = (size * 7 + 13) % 1_000;
                    // SAFETY: from malloc.
                    unsafe { free(malloc(size)) };
                });
                assert_eq!(report.blocks(), 0);
            }
        })
    });
    let (report, ()) = left_by(|| {
        for fork in 0..1_500 {
            let whole = in_child(|| {
                let mut blocks = 0;
                leak::scope(|| {
                    let kept = malloc(30);
                    // SAFETY: from malloc.
                    unsafe { free(malloc(40)) };
                    blocks += usize::from(!kept.is_null());
                    // SAFETY: from malloc.
                    unsafe { free(kept) };
                })
                .blocks()
                    == 0
                    && blocks == 1
            });
            assert!(whole, "fork {fork}");
        }
    });
    DONE.store(true, Ordering::Relaxed);
    for thread in churn {
        thread.join().unwrap();
    }
    assert_eq!(found_by(&report, "malloc"), (0, 0), "{report}");
}

/// Runs the test of this name once more in a process of its own, which is killed if it hangs.
fn alone(test: &str, run: impl FnOnce()) {
    const ALONE: &str = "MALLOC_SAFE_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        limit_to(20);
        run();
        process::exit(0);
    }
    if !is_active() {
        return;
    }
    let child = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .expect("this test runs");
    let said = String::from_utf8_lossy(&child.stderr);
    let hung = child.status.signal() == Some(libc::SIGALRM);
    assert!(!hung, "it hangs: {said}");
    assert!(child.status.success(), "{}: {said}", child.status);
}

/// Has the system kill this process if it runs for longer.
fn limit_to(seconds: u32) {
    // SAFETY: no precondition.
    unsafe { libc::alarm(seconds) };
}

/// Calls back with a lock of the loader's held, which whoever names a stack waits for.
fn with_the_loader_locked(mut call: impl FnMut()) {
    unsafe extern "C" fn once<F: FnMut()>(
        _: *mut libc::dl_phdr_info,
        _: usize,
        call: *mut c_void,
    ) -> c_int {
        // SAFETY: `with_the_loader_locked` passes this very closure.
        let call = unsafe { &mut *call.cast::<F>() };
        call();
        1 // enough
    }
    fn callback<F: FnMut()>(
        _: &F,
    ) -> unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int {
        once::<F>
    }
    let once = callback(&call);
    // SAFETY: the callback for this closure, which is there until it has been called.
    unsafe { libc::dl_iterate_phdr(Some(once), ptr::from_mut(&mut call).cast()) };
}

#[test]
fn a_fork_with_the_loader_locked_does_not_wait_for_a_report_that_waits_for_the_loader() {
    static GO: AtomicBool = AtomicBool::new(false);
    alone(
        "fork::a_fork_with_the_loader_locked_does_not_wait_for_a_report_that_waits_for_the_loader",
        || {
            let naming = thread::spawn(|| {
                while !GO.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                let (report, block) = left_by(|| malloc(10));
                // SAFETY: from malloc.
                unsafe { free(block) };
                assert_eq!(found_by(&report, "malloc"), (1, 10), "{report}");
            });
            let mut in_child_as_well = None;
            with_the_loader_locked(|| {
                GO.store(true, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(500));
                in_child_as_well = Some(in_child(|| {
                    limit_to(5);
                    let (report, _) = left_by(|| malloc(20));
                    let frames = report.sites()[0].frames();
                    (report.blocks(), report.bytes()) == (1, 20)
                        && *report.status() == Status::Active
                        && frames.iter().all(|frame| frame.function.starts_with("0x"))
                }));
            });
            assert_eq!(in_child_as_well, Some(true));
            naming.join().unwrap();
        },
    );
}

#[test]
fn a_child_that_is_forked_while_another_thread_tries_the_hooks_tries_them_itself() {
    static TRYING: AtomicBool = AtomicBool::new(false);
    // Each process tries once: a fork after that long, in steps of less than a trial takes.
    alone(
        "fork::a_child_that_is_forked_while_another_thread_tries_the_hooks_tries_them_itself",
        || {
            for step in 0..200 {
                let active = in_child(|| {
                    limit_to(5);
                    let trying = thread::spawn(|| {
                        TRYING.store(true, Ordering::Relaxed);
                        leak::status()
                    });
                    while !TRYING.load(Ordering::Relaxed) {
                        spin_loop();
                    }
                    for _ in 0..step * 100 {
                        spin_loop();
                    }
                    let in_child = in_child(|| {
                        limit_to(3);
                        leak::status() == Status::Active
                    });
                    in_child && trying.join().unwrap() == Status::Active
                });
                assert!(active, "step {step}");
            }
        },
    );
}
