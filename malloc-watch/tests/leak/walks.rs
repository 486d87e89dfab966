//! What a scope's end, which looks at the blocks since it began, does to those that move meanwhile, and
//! what it costs later.

use crate::support::{found, found_by, free, in_child, is_active, left_by, malloc, realloc};
use malloc_watch::leak::{self, Reason, Status};
use std::ffi::c_void;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, ptr, thread};

#[test]
fn a_block_that_another_thread_reallocates_is_found_once_and_in_its_scope() {
    static HANDED: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    static MOVING: AtomicBool = AtomicBool::new(false);
    static DONE: AtomicBool = AtomicBool::new(false);
    static MOVES: AtomicU64 = AtomicU64::new(0);
    if !is_active() {
        return;
    }
    let mover = thread::spawn(|| {
        while !DONE.load(Ordering::SeqCst) {
            let mut block = HANDED.swap(ptr::null_mut(), Ordering::SeqCst);
            if block.is_null() {
                thread::yield_now();
                continue;
            }
            while MOVING.load(Ordering::SeqCst) {
                let size = 200_000 + 150_000 * (MOVES.fetch_add(1, Ordering::SeqCst) & 1);
                // SAFETY: from malloc or realloc, and replaced with the result.
                block = unsafe { realloc(block, usize::try_from(size).unwrap()) };
            }
            // SAFETY: from realloc, and not used again.
            unsafe { free(block) };
        }
    });
    for _ in 0..200 {
        MOVING.store(true, Ordering::SeqCst);
        let (report, ()) = left_by(|| {
            let before = MOVES.load(Ordering::SeqCst);
            HANDED.store(malloc(200_000), Ordering::SeqCst);
            while MOVES.load(Ordering::SeqCst) < before + 3 {
                thread::yield_now();
            }
        });
        assert_eq!(report.blocks(), 1, "{report}");
        MOVING.store(false, Ordering::SeqCst);
        let (report, ()) = left_by(|| ());
        assert_eq!(found(&report), (0, 0), "{report}");
    }
    DONE.store(true, Ordering::SeqCst);
    mover.join().unwrap();
}

/// A site that nobody else has.
///
/// # Safety
///
/// As for `realloc`.
#[inline(never)]
unsafe fn reallocated_outside(block: *mut c_void) -> usize {
    // SAFETY: the caller's promise.
    let block = unsafe { realloc(block, 20) };
    black_box(block.expose_provenance()) // not the last call
}

#[test]
fn a_block_that_a_thread_without_scope_reallocates_in_one_of_the_process_stays_in_its_own() {
    if !is_active() {
        return;
    }
    let (to_outsider, from_scope) = mpsc::sync_channel::<usize>(1);
    let (to_scope, from_outsider) = mpsc::sync_channel::<usize>(1);
    let outsider = thread::spawn(move || {
        let block = ptr::with_exposed_provenance_mut(from_scope.recv().unwrap());
        // SAFETY: from malloc, and replaced with the result.
        to_scope
            .send(unsafe { reallocated_outside(block) })
            .unwrap();
    });
    let mut inner = None;
    let (outer, block) = left_by(|| {
        let block = malloc(10).expose_provenance();
        let mut moved = block;
        inner = Some(leak::process_scope(|| {
            to_outsider.send(block).unwrap();
            moved = from_outsider.recv().unwrap();
        }));
        moved
    });
    outsider.join().unwrap();
    assert_eq!(found_by(&inner.unwrap(), "reallocated_outside"), (1, 20));
    assert_eq!(found_by(&outer, "reallocated_outside"), (1, 20), "{outer}");
    // SAFETY: from realloc, and not used again.
    unsafe { free(ptr::with_exposed_provenance_mut::<u8>(block)) };
}

#[test]
fn a_block_for_whose_record_there_is_no_memory_is_not_lost_in_silence() {
    if !is_active() {
        return;
    }
    let held = in_child(|| {
        // What this thread needs for itself.
        let _ = left_by(|| {
            // SAFETY: from malloc, and not used again.
            unsafe { free(malloc(1)) }
        });
        let Ok(status) = fs::read_to_string("/proc/self/statm") else {
            return true; // nobody says how much there is now
        };
        let pages: u64 = status.split(' ').next().unwrap().parse().unwrap();
        let limit = libc::rlimit {
            rlim_cur: pages * 4096 + (6 << 20),
            rlim_max: libc::RLIM_INFINITY,
        };
        // SAFETY: a limit.
        let set = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
        assert_eq!(set, 0);
        // SAFETY: no precondition; in pages of its own, which begin where no others have been.
        let report = leak::scope(|| black_box(unsafe { libc::malloc(black_box(5 << 20)) }));
        match report.status() {
            Status::Active => report.blocks() == 1,
            Status::Inactive(reason) => *reason == Reason::NoMemory,
        }
    });
    assert!(held);
}

#[test]
fn memory_that_was_in_use_once_costs_later_scopes_nothing() {
    if !is_active() {
        return;
    }
    // Alone, as other tests have blocks of their own.
    let held = in_child(|| {
        // SAFETY: no precondition.
        let pages = || unsafe { malloc_sys::interpose_pages() };
        leak::scope(|| ()).assert_none();
        let before = pages();
        let (report, ()) = left_by(|| {
            let blocks: Vec<_> = (0..100_000).map(|_| malloc(400)).collect();
            for block in blocks {
                // SAFETY: from malloc, and not used again.
                unsafe { free(block) };
            }
        });
        report.blocks() == 0 && pages() <= before + 16
    });
    assert!(
        held,
        "the kernel has no membarrier, perhaps: Linux 4.14 is the first that does"
    );
}

/// Processor time of this thread.
fn processor_time() -> Duration {
    // SAFETY: numbers, which may be zero.
    let mut now: libc::timespec = unsafe { core::mem::zeroed() };
    // SAFETY: a clock of this system's, and a place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut now) };
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).expect("below a second"),
    )
}

#[test]
fn a_small_scope_looks_at_its_own_blocks_and_not_at_all_that_live_around_it() {
    if !is_active() {
        return;
    }
    let mut blocks = Vec::with_capacity(1_000_000);
    let mut small_scopes = Duration::ZERO;
    let mut all = Duration::ZERO;
    let report = leak::scope(|| {
        blocks.extend((0..1_000_000).map(|_| malloc(24).expose_provenance()));
        let start = processor_time();
        for _ in 0..20 {
            let (report, block) = left_by(|| malloc(24));
            assert_eq!(report.bytes(), 24, "{report}");
            // SAFETY: from malloc, and not used again.
            unsafe { free(block) };
        }
        small_scopes = processor_time().saturating_sub(start);
        all = processor_time();
    });
    all = processor_time().saturating_sub(all);
    assert!(report.blocks() >= 1_000_000);
    // One look at all of them is what twenty small scopes may take together.
    assert!(small_scopes < all, "{small_scopes:?} {all:?}");
    for block in blocks {
        // SAFETY: from malloc, and not used again.
        unsafe { free(ptr::with_exposed_provenance_mut::<u8>(block)) };
    }
}
