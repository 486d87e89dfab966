//! Scopes of the process: looked at by the sites that nobody else has.

use crate::support::{found_by, free, is_active, left_by, malloc};
use core::hint::black_box;
use malloc_watch::leak;
use std::sync::mpsc;
use std::thread;

#[inline(never)]
fn from_every_thread(size: usize) -> usize {
    black_box("functions that compile to the same are made one");
    black_box(malloc(size).expose_provenance()) // not the last call
}

#[inline(never)]
fn overlapping(size: usize) -> usize {
    black_box("not the same as the other function");
    black_box(malloc(size).expose_provenance()) // not the last call
}

fn free_all(blocks: impl IntoIterator<Item = usize>) {
    for block in blocks {
        // SAFETY: from malloc.
        unsafe { free(core::ptr::with_exposed_provenance_mut::<u8>(block)) };
    }
}

#[test]
fn threads_from_before_are_in_a_scope_of_the_process() {
    if !is_active() {
        return;
    }
    let (to_worker, work) = mpsc::sync_channel::<usize>(1);
    let (to_scope, done) = mpsc::sync_channel::<usize>(1);
    let worker = thread::spawn(move || {
        for size in work {
            to_scope.send(from_every_thread(size)).unwrap();
        }
    });
    let ask = |size: usize| {
        to_worker.send(size).unwrap();
        done.recv().unwrap()
    };
    let before = ask(1);
    let mut blocks = vec![before];
    let report = leak::process_scope(|| {
        blocks.push(ask(10));
        blocks.push(from_every_thread(100));
        free_all([ask(7)]);
    });
    blocks.push(ask(1_000));
    assert_eq!(found_by(&report, "from_every_thread"), (2, 110), "{report}");
    free_all(blocks);
    drop(to_worker);
    worker.join().unwrap();
}

#[test]
fn scopes_of_the_process_overlap() {
    if !is_active() {
        return;
    }
    let (started, wait_for_start) = mpsc::channel::<()>();
    let (end, wait_for_end) = mpsc::channel::<()>();
    let first = thread::spawn(move || {
        leak::process_scope(|| {
            started.send(()).unwrap();
            wait_for_end.recv().unwrap();
        })
    });
    wait_for_start.recv().unwrap();
    let mut blocks = vec![overlapping(1)];
    let mut first_report = None;
    let mut inner = None;
    let second_report = leak::process_scope(|| {
        blocks.push(overlapping(10));
        // A thread's scope in both of them.
        let (report, block) = left_by(|| overlapping(100));
        inner = Some(report);
        blocks.push(block);
        end.send(()).unwrap();
        first_report = Some(first.join().unwrap());
        blocks.push(overlapping(1_000));
    });
    let name = "overlapping";
    assert_eq!(found_by(&first_report.unwrap(), name), (3, 111));
    assert_eq!(found_by(&second_report, name), (3, 1_110));
    assert_eq!(found_by(&inner.unwrap(), name), (1, 100));
    let later = leak::process_scope(|| ());
    assert_eq!(found_by(&later, name), (0, 0));
    free_all(blocks);
}
