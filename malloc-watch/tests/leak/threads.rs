//! Scopes and threads.

use crate::support::{found, found_by, free, is_active, left_by, malloc};
use malloc_watch::leak;
use std::cell::Cell;
use std::sync::mpsc;
use std::thread;

#[test]
fn a_thread_that_comes_and_goes_leaves_nothing() {
    if is_active() {
        for _ in 0..20 {
            let (report, ()) = left_by(|| thread::spawn(|| ()).join().unwrap());
            assert_eq!(found(&report), (0, 0), "{report}");
        }
    }
}

#[test]
fn threads_are_in_the_scope_of_the_one_that_started_them() {
    if !is_active() {
        return;
    }
    let (report, blocks) = left_by(|| {
        let child = thread::spawn(|| {
            let grandchild = thread::spawn(|| malloc(20).expose_provenance());
            [malloc(10).expose_provenance(), grandchild.join().unwrap()]
        });
        child.join().unwrap()
    });
    assert_eq!(found(&report), (2, 30), "{report}");
    for block in blocks {
        // SAFETY: from malloc.
        unsafe { free(core::ptr::with_exposed_provenance_mut::<u8>(block)) };
    }
}

#[test]
fn a_thread_from_before_is_not_in_the_scope_but_its_frees_are_seen() {
    if !is_active() {
        return;
    }
    let (to_worker, work) = mpsc::sync_channel::<usize>(1);
    let (to_scope, done) = mpsc::sync_channel::<usize>(1);
    let worker = thread::spawn(move || {
        while let Ok(block) = work.recv() {
            // SAFETY: from malloc.
            unsafe { free(core::ptr::with_exposed_provenance_mut::<u8>(block)) };
            to_scope.send(malloc(50).expose_provenance()).unwrap();
        }
    });
    let (report, theirs) = left_by(|| {
        to_worker.send(malloc(10).expose_provenance()).unwrap();
        done.recv().unwrap()
    });
    assert_eq!(found_by(&report, "malloc"), (0, 0), "{report}");
    drop(to_worker);
    worker.join().unwrap();
    // SAFETY: from malloc.
    unsafe { free(core::ptr::with_exposed_provenance_mut::<u8>(theirs)) };
}

#[test]
fn a_thread_that_outlives_its_scope_is_in_the_one_around() {
    if !is_active() {
        return;
    }
    let mut inner = None;
    let (outer, block) = left_by(|| {
        let (go, wait) = mpsc::channel::<()>();
        let (report, thread) = left_by(|| {
            thread::spawn(move || {
                wait.recv().unwrap();
                malloc(66).expose_provenance()
            })
        });
        inner = Some(report);
        go.send(()).unwrap();
        thread.join().unwrap()
    });
    assert_eq!(found_by(&inner.unwrap(), "malloc"), (0, 0));
    assert_eq!(found_by(&outer, "malloc"), (1, 66), "{outer}");
    // Scopes that come later have nothing to do with what it left.
    let report = leak::scope(|| ());
    assert_eq!(found(&report), (0, 0), "{report}");
    // SAFETY: from malloc.
    unsafe { free(core::ptr::with_exposed_provenance_mut::<u8>(block)) };
}

struct AllocatesAtTheEnd {
    leaks: Cell<bool>,
}

impl Drop for AllocatesAtTheEnd {
    fn drop(&mut self) {
        // SAFETY: from malloc.
        unsafe { free(malloc(40)) };
        if self.leaks.get() {
            malloc(41);
        }
    }
}

thread_local! {
    static LAST: AllocatesAtTheEnd = const { AllocatesAtTheEnd { leaks: Cell::new(false) } };
}

#[test]
fn destructors_of_thread_locals_are_in_the_scope() {
    if !is_active() {
        return;
    }
    for leaks in [false, true] {
        let (report, ()) = left_by(|| {
            thread::spawn(move || LAST.with(|last| last.leaks.set(leaks)))
                .join()
                .unwrap();
        });
        let expected = if leaks { (1, 41) } else { (0, 0) };
        assert_eq!(found(&report), expected, "{report}");
    }
}
