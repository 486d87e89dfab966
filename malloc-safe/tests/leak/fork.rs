//! Processes that fork.

use crate::support::{found, found_by, free, is_active, left_by, malloc};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Runs in a child process; whether it returned true there.
pub(crate) fn in_child(check: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child does no more than allocate, which glibc allows it, and exit.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            let status = i32::from(!check());
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
                malloc_safe::leak::scope(|| {
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
