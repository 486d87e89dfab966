//! What grows with the runs, and what does not.

use crate::support::{found, free, in_child, is_active, malloc, realloc};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use malloc_watch::leak::{self, Reason, Status};

/// Blocks to be freed when the test ends.
struct Blocks(Vec<*mut c_void>);

impl Drop for Blocks {
    fn drop(&mut self) {
        for &block in &self.0 {
            // SAFETY: from malloc.
            unsafe { free(block) };
        }
    }
}

/// A call that leaves blocks in the runs, counted from 0 with the warm-up, that `leaves` says.
fn left_in(runs: usize, leaves: impl Fn(usize) -> bool) -> (u64, u64) {
    let mut blocks = Blocks(Vec::with_capacity(runs + 1));
    let mut run = 0;
    let report = leak::repeat(runs, || {
        if leaves(run) {
            blocks.0.push(malloc(10));
        }
        run += 1;
    });
    assert_eq!(run, runs + 1, "the warm-up and the runs");
    found(&report)
}

#[test]
fn a_leak_in_every_run_is_counted_without_the_warm_up() {
    if is_active() {
        assert_eq!(left_in(8, |_| true), (8, 80));
        assert_eq!(left_in(100, |_| true), (100, 1_000));
    }
}

#[test]
fn a_leak_in_every_second_run_is_counted_exactly() {
    if is_active() {
        assert_eq!(left_in(8, |run| run % 2 == 0), (4, 40));
        assert_eq!(left_in(9, |run| run % 2 == 1), (5, 50));
    }
}

#[test]
fn what_happens_once_is_not_reported_whenever_it_does() {
    if is_active() {
        for once in 0..=8 {
            assert_eq!(left_in(8, |run| run == once), (0, 0), "in run {once}");
        }
    }
}

#[test]
fn what_doubles_is_not_reported() {
    if is_active() {
        for offset in 0..4 {
            let doubles = |run: usize| (run + offset).is_power_of_two();
            assert_eq!(left_in(8, doubles), (0, 0), "from {offset}");
            assert_eq!(left_in(64, doubles), (0, 0), "from {offset}");
        }
    }
}

#[test]
fn a_result_that_is_kept_until_the_next_run_is_not_reported() {
    if is_active() {
        let mut last = Blocks(vec![malloc(10)]);
        let report = leak::repeat(8, || {
            let next = malloc(10);
            // SAFETY: from malloc.
            unsafe { free(core::mem::replace(&mut last.0[0], next)) };
        });
        assert_eq!(found(&report), (0, 0), "{report}");
    }
}

#[test]
fn a_buffer_that_grows_in_place_is_one_block() {
    if is_active() {
        let mut buffer = Blocks(vec![malloc(10)]);
        let mut size = 10;
        let report = leak::repeat(8, || {
            size += 10;
            // SAFETY: from malloc or realloc.
            buffer.0[0] = unsafe { realloc(buffer.0[0], size) };
        });
        assert_eq!(found(&report), (0, 0), "{report}");
    }
}

#[test]
fn the_results_are_dropped_in_their_runs() {
    if is_active() {
        let report = leak::repeat(8, || vec![1_u8; 100]);
        assert_eq!(found(&report), (0, 0), "{report}");
    }
}

#[test]
fn scopes_end_around_it_and_in_it() {
    if !is_active() {
        return;
    }
    let mut blocks = Blocks(Vec::with_capacity(100));
    let mut inner = 0;
    let mut report = None;
    let outer = leak::scope(|| {
        report = Some(leak::repeat(8, || {
            inner += leak::scope(|| blocks.0.push(malloc(7))).blocks();
            blocks.0.push(malloc(9));
        }));
    });
    assert_eq!(inner, 9);
    assert_eq!(found(&report.unwrap()), (16, 8 * 16));
    assert_eq!(found(&outer), (18, 9 * 16));
}

#[test]
#[should_panic(expected = "3 runs cannot tell what grows from what is set up once")]
fn too_few_runs_are_refused() {
    let _ = leak::repeat(3, || ());
}

/// More than there are numbers for scopes.
const TOO_MANY: usize = (1 << 18) + 10;

#[test]
fn more_runs_than_can_be_told_apart_are_all_made_and_take_the_numbers_from_nobody() {
    if !is_active() {
        return;
    }
    // In a process of its own: others open scopes meanwhile.
    assert!(in_child(|| {
        let mut calls = 0;
        let report = leak::repeat(TOO_MANY, || calls += 1);
        calls == TOO_MANY + 1
            && *report.status() == Status::Inactive(Reason::Full)
            && leak::status() == Status::Active
            && leak::scope(|| ()).status() == &Status::Active
    }));
}

/// Starts a thread, or rather tries to: there is no room for its stack.
fn start_a_thread() {
    extern "C" fn none(_: *mut c_void) -> *mut c_void {
        ptr::null_mut()
    }
    let mut attributes = MaybeUninit::uninit();
    // SAFETY: a place for attributes.
    let error = unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) };
    assert_eq!(error, 0);
    // SAFETY: attributes that were set up.
    let error = unsafe { libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), 1 << 50) };
    assert_eq!(error, 0);
    let mut thread = MaybeUninit::uninit();
    // SAFETY: attributes that were set up, and a function that ignores its argument.
    let error = unsafe {
        libc::pthread_create(
            thread.as_mut_ptr(),
            attributes.as_ptr(),
            none,
            ptr::null_mut(),
        )
    };
    assert_ne!(error, 0);
    // SAFETY: attributes that were set up, and are not used again.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
}

#[test]
fn when_threads_may_be_in_all_scopes_that_there_can_be_the_status_says_so() {
    if !is_active() {
        return;
    }
    let full = Status::Inactive(Reason::Full);
    assert!(in_child(|| {
        let mut calls = 0;
        let report = leak::repeat(TOO_MANY, start_a_thread);
        *report.status() == full
            && leak::status() == full
            && *leak::scope(|| calls += 1).status() == full
            && *leak::repeat(8, || calls += 1).status() == full
            && calls == 1 + 9
    }));
}

#[inline(never)]
fn leave_by_depth(depth: usize) -> *mut c_void {
    if depth == 0 {
        malloc(10)
    } else {
        core::hint::black_box(leave_by_depth(depth - 1))
    }
}

#[test]
fn a_leak_by_another_way_in_each_run_is_counted() {
    if !is_active() {
        return;
    }
    for ways in [2, 3, 7, 40] {
        let mut blocks = Blocks(Vec::with_capacity(31));
        let mut run = 0;
        let report = leak::repeat(30, || {
            blocks.0.push(leave_by_depth(run % ways));
            run += 1;
        });
        assert_eq!(found(&report), (30, 300), "{ways} ways: {report}");
    }
}

#[test]
fn a_leak_in_every_third_run_is_counted() {
    if is_active() {
        assert_eq!(left_in(300, |run| run % 3 == 0), (100, 1_000));
        assert_eq!(left_in(30, |run| run % 3 == 1), (10, 100));
    }
}

#[test]
fn a_pool_that_fills_up_in_half_of_the_runs_is_not_reported() {
    if is_active() {
        assert_eq!(left_in(32, |run| run <= 16), (0, 0));
    }
}
