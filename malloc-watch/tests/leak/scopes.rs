//! What is in a scope, and what is not.

use crate::support::{found, found_by, free, is_active, left_by, malloc, realloc};
use malloc_watch::leak;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

#[test]
fn an_empty_scope_is_empty() {
    if is_active() {
        for _ in 0..3 {
            println!("the harness keeps this line in a buffer");
            let report = leak::scope(|| ());
            assert_eq!(found(&report), (0, 0), "{report}");
        }
    }
}

#[test]
fn what_the_harness_captures_is_not_left_by_the_code() {
    if !is_active() {
        return;
    }
    let (report, ()) = left_by(|| {
        for line in 0..1_000 {
            println!("line {line} of some that make the buffer grow");
            eprintln!("line {line} of some that make the buffer grow");
        }
    });
    assert_eq!(found(&report), (0, 0), "{report}");
}

#[test]
fn the_handle_of_the_current_thread_is_the_runtimes() {
    if is_active() {
        let (report, _) = left_by(|| thread::current().id());
        assert_eq!(found(&report), (0, 0), "{report}");
    }
}

#[test]
fn blocks_from_before_and_after_are_not_in_it() {
    if !is_active() {
        return;
    }
    let before = malloc(1);
    let (report, inside) = left_by(|| malloc(2));
    let after = malloc(4);
    assert_eq!(found(&report), (1, 2), "{report}");
    for block in [before, inside, after] {
        // SAFETY: from malloc.
        unsafe { free(block) };
    }
}

#[test]
fn what_the_call_returns_is_dropped_first() {
    if is_active() {
        let report = leak::scope(|| Vec::from([Box::new(1), Box::new(2)]));
        assert_eq!(found(&report), (0, 0), "{report}");
        let captured = Box::new([1_u8; 100]);
        let report = leak::scope(move || captured.len());
        assert_eq!(found(&report), (0, 0), "{report}");
    }
}

#[test]
fn an_inner_scope_hands_what_it_left_to_the_outer_one() {
    if !is_active() {
        return;
    }
    let mut inner = Vec::with_capacity(2);
    let (outer, blocks) = left_by(|| {
        let first = malloc(1);
        for size in [10, 100] {
            inner.push(left_by(|| malloc(size)));
        }
        let last = malloc(1_000);
        [first, last]
    });
    for ((report, _), bytes) in inner.iter().zip([10, 100]) {
        assert_eq!(found(report), (1, bytes), "{report}");
    }
    assert_eq!(found(&outer), (4, 1_111), "{outer}");
    for block in blocks
        .into_iter()
        .chain(inner.into_iter().map(|(_, block)| block))
    {
        // SAFETY: from malloc.
        unsafe { free(block) };
    }
}

#[test]
fn what_is_freed_after_the_inner_scope_is_not_in_the_outer_one() {
    if is_active() {
        let mut inner = None;
        let (outer, ()) = left_by(|| {
            let (report, block) = left_by(|| malloc(10));
            inner = Some(report);
            // SAFETY: from malloc.
            unsafe { free(block) };
        });
        assert_eq!(found(&inner.unwrap()), (1, 10));
        assert_eq!(found(&outer), (0, 0), "{outer}");
    }
}

#[test]
fn scopes_of_two_threads_overlap_and_do_not_mix() {
    if !is_active() {
        return;
    }
    let (to_other, from_first) = mpsc::channel::<()>();
    let (to_first, from_other) = mpsc::channel::<()>();
    let other = thread::spawn(move || {
        let (report, block) = left_by(|| {
            let block = malloc(30);
            to_first.send(()).unwrap();
            from_first.recv().unwrap(); // the first scope has ended
            block
        });
        // SAFETY: from malloc.
        unsafe { free(block) };
        found_by(&report, "malloc")
    });
    let (report, block) = left_by(|| {
        from_other.recv().unwrap();
        malloc(4)
    });
    to_other.send(()).unwrap();
    assert_eq!(found_by(&report, "malloc"), (1, 4), "{report}");
    assert_eq!(other.join().unwrap(), (1, 30));
    // SAFETY: from malloc.
    unsafe { free(block) };
}

#[test]
fn a_block_that_is_reallocated_inside_is_inside() {
    if !is_active() {
        return;
    }
    let before = malloc(10);
    // SAFETY: from malloc.
    let (report, block) = left_by(|| unsafe { realloc(before, 20) });
    assert_eq!(found(&report), (1, 20), "{report}");
    // SAFETY: from realloc.
    unsafe { free(block) };
}

#[test]
fn a_block_that_somebody_outside_reallocates_stays_in_its_scope() {
    if !is_active() {
        return;
    }
    let (to_outsider, from_scope) = mpsc::sync_channel::<usize>(1);
    let (to_scope, from_outsider) = mpsc::sync_channel::<usize>(1);
    let outsider = thread::spawn(move || {
        let block = core::ptr::with_exposed_provenance_mut(from_scope.recv().unwrap());
        // SAFETY: from malloc.
        let block = unsafe { realloc(block, 50_000) };
        to_scope.send(block.expose_provenance()).unwrap();
    });
    let (report, block) = left_by(|| {
        to_outsider.send(malloc(10).expose_provenance()).unwrap();
        from_outsider.recv().unwrap()
    });
    outsider.join().unwrap();
    // The channels keep lists of the threads that waited.
    let mut sites = report.sites().iter();
    assert!(sites.any(|site| site.bytes() == 50_000), "{report}");
    // SAFETY: from realloc.
    unsafe { free(core::ptr::with_exposed_provenance_mut::<u8>(block)) };
}

#[test]
fn a_panic_inside_passes_through_and_leaves_the_checker_whole() {
    if !is_active() {
        return;
    }
    let mut lost = None;
    let (outer, ()) = left_by(|| {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            left_by(|| {
                lost = Some(malloc(8));
                panic!("a message of the test");
            })
        }));
        let payload = panic.map(|_| ()).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"a message of the test"));
        drop(payload);
    });
    // The panicking scope handed over to the one around it.
    assert_eq!(found_by(&outer, "malloc"), (1, 8), "{outer}");
    // SAFETY: from malloc.
    unsafe { free(lost.unwrap()) };
    let (report, block) = left_by(|| malloc(3));
    assert_eq!(found(&report), (1, 3), "{report}");
    // SAFETY: from malloc.
    unsafe { free(block) };
}

#[test]
fn ten_thousand_scopes_one_after_the_other() {
    if is_active() {
        for size in 1..10_000 {
            let mut leaked = None;
            let blocks = {
                let report = leak::scope(|| {
                    let block = malloc(size);
                    if size % 5_000 == 0 {
                        leaked = Some(block);
                    } else {
                        // SAFETY: from malloc.
                        unsafe { free(block) };
                    }
                });
                found(&report).0
            };
            assert_eq!(blocks, u64::from(leaked.is_some()));
            if let Some(block) = leaked {
                // SAFETY: from malloc.
                unsafe { free(block) };
            }
        }
    }
}

#[test]
fn the_value_comes_with_the_report_and_its_blocks_are_live() {
    if !is_active() {
        return;
    }
    let (block, report) = leak::scope_returning(|| malloc(19));
    assert_eq!(found(&report), (1, 19), "{report}");
    // SAFETY: from malloc.
    unsafe { free(block) };
    let (sum, report) = leak::scope_returning(|| vec![1, 2, 3].into_iter().sum::<i32>());
    assert_eq!((sum, found(&report)), (6, (0, 0)), "{report}");
}

#[test]
fn a_guard_reports_what_was_left_since_it_was_opened() {
    if !is_active() {
        return;
    }
    let before = malloc(11);
    let guard = leak::ScopeGuard::open();
    let inside = malloc(12);
    // SAFETY: from malloc, and not used again.
    unsafe { free(before) };
    let report = guard.finish();
    let after = malloc(13);
    assert_eq!(found(&report), (1, 12), "{report}");
    for block in [inside, after] {
        // SAFETY: from malloc, and not used again.
        unsafe { free(block) };
    }
    // One that is dropped, as by a panic, leaves nothing open.
    drop(leak::ScopeGuard::open());
    let (report, ()) = left_by(|| ());
    assert_eq!(found(&report), (0, 0));
}
