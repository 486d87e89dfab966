//! Threads that allocate, hand over and free while scopes open and close.

use crate::support::{found_by, free, is_active, left_by, malloc};
use core::hint::black_box;
use malloc_watch::leak;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

/// A small generator: the order is to be mixed, not unpredictable.
struct Mixed(u64);

impl Mixed {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("less than a usize")
    }
}

#[inline(never)]
fn stressed(size: usize) -> usize {
    black_box(malloc(size).expose_provenance()) // not the last call
}

fn free_address(block: usize) {
    // SAFETY: from malloc.
    unsafe { free(core::ptr::with_exposed_provenance_mut::<u8>(block)) };
}

/// Every thread's scope finds exactly what the thread left, whatever others do with the rest.
#[test]
fn counts_are_exact_while_blocks_change_hands() {
    const TURNS: u64 = 400;
    if !is_active() {
        return;
    }
    let exchange = Mutex::new(VecDeque::with_capacity(1 << 16));
    thread::scope(|threads| {
        for seed in 1..=4 {
            let exchange = &exchange;
            threads.spawn(move || {
                let mut mixed = Mixed(seed);
                for turn in 0..TURNS {
                    let mut kept = Vec::with_capacity(64);
                    let mut bytes = 0;
                    let (report, handed) = left_by(|| {
                        let mut handed = Vec::with_capacity(64);
                        for _ in 0..60 {
                            let size = mixed.below(2_000);
                            let block = stressed(size);
                            match mixed.below(3) {
                                0 => free_address(block),
                                1 => {
                                    kept.push(block);
                                    bytes += size as u64;
                                }
                                _ => handed.push(block),
                            }
                        }
                        // To others, which free them at any time; and some of theirs.
                        let theirs: Vec<usize> = {
                            let mut exchange = exchange.lock().unwrap();
                            let count = exchange.len().min(30);
                            exchange.drain(..count).collect()
                        };
                        theirs.into_iter().for_each(free_address);
                        handed.iter().copied().for_each(free_address);
                        for _ in 0..handed.len() {
                            exchange.lock().unwrap().push_back(stressed(100));
                        }
                        handed.len()
                    });
                    let (blocks, found) = found_by(&report, "stressed");
                    // Of the handed ones any number is left.
                    let foreign = blocks - kept.len() as u64;
                    assert!(foreign <= handed as u64, "turn {turn}: {report}");
                    assert_eq!(found, bytes + 100 * foreign, "turn {turn}: {report}");
                    kept.into_iter().for_each(free_address);
                }
            });
        }
        // Scopes of the process come and go meanwhile.
        for _ in 0..50 {
            let report = leak::process_scope(thread::yield_now);
            assert_eq!(*report.status(), leak::Status::Active);
        }
    });
    exchange
        .into_inner()
        .unwrap()
        .into_iter()
        .for_each(free_address);
}

/// All threads of one scope: the sum is exact once they are joined.
#[test]
fn a_scope_over_many_threads_finds_what_none_of_them_freed() {
    if !is_active() {
        return;
    }
    let (report, blocks) = left_by(|| {
        let exchange = Mutex::new(Vec::with_capacity(1 << 16));
        thread::scope(|threads| {
            for seed in 1..=6 {
                let exchange = &exchange;
                threads.spawn(move || {
                    let mut mixed = Mixed(seed * 77);
                    for _ in 0..3_000 {
                        let block = stressed(64);
                        let mut exchange = exchange.lock().unwrap();
                        exchange.push(block);
                        if mixed.below(8) != 0 {
                            let at = mixed.below(exchange.len());
                            free_address(exchange.swap_remove(at));
                        }
                    }
                });
            }
        });
        let left: Vec<usize> = exchange.into_inner().unwrap();
        left
    });
    let left = blocks.len() as u64;
    assert_eq!(found_by(&report, "stressed"), (left, 64 * left), "{report}");
    blocks.into_iter().for_each(free_address);
}
