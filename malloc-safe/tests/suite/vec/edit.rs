//! What changes a vector in the middle drops each element once, also when a closure, a clone or a
//! destructor panics, and loses nothing where there is no memory. That it does what std's vector does,
//! the judge in `oracle.rs` says.

use super::{Elements, element, values};
use crate::hostile::Counting;
use malloc_safe::CVec;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DROPPED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    static CLONES: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// An element whose destructor panics, or whose clone does after so many.
#[derive(PartialEq, Debug)]
struct Bomb(u32, bool);

impl Drop for Bomb {
    fn drop(&mut self) {
        DROPPED.with_borrow_mut(|dropped| dropped.push(self.0));
        assert!(!self.1, "the destructor of {}", self.0);
    }
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        let left = CLONES.get();
        assert!(left > 0, "the clone of {}", self.0);
        CLONES.set(left - 1);
        Self(self.0 + 100, false)
    }
}

fn bombs(count: u32, armed: &[u32]) -> CVec<Bomb> {
    DROPPED.take();
    CLONES.set(u32::MAX);
    CVec::try_from_iter((0..count).map(|n| Bomb(n, armed.contains(&n)))).expect("memory")
}

fn numbers(vec: &[Bomb]) -> Vec<u32> {
    vec.iter().map(|bomb| bomb.0).collect()
}

/// Runs what panics, and checks that each of the first elements has been dropped or is still there,
/// once, in the end.
fn blasts(mut vec: CVec<Bomb>, change: impl FnOnce(&mut CVec<Bomb>)) -> Vec<u32> {
    let count = u32::try_from(vec.len()).expect("few");
    catch_unwind(AssertUnwindSafe(|| change(&mut vec))).expect_err("a panic");
    let left = numbers(&vec);
    vec.iter_mut().for_each(|bomb| bomb.1 = false);
    drop(vec);
    let mut dropped = DROPPED.take();
    dropped.retain(|&n| n < count);
    dropped.sort_unstable();
    assert_eq!(dropped, (0..count).collect::<Vec<_>>());
    left
}

#[test]
fn a_panic_while_retaining_keeps_what_was_not_looked_at() {
    let left = blasts(bombs(6, &[]), |vec| {
        vec.retain(|bomb| {
            assert!(bomb.0 < 3);
            bomb.0 == 1
        });
    });
    assert_eq!(left, [1, 3, 4, 5]);
    let left = blasts(bombs(6, &[2]), |vec| vec.retain(|bomb| bomb.0 % 2 == 1));
    assert_eq!(left, [1, 3, 4, 5]);
}

#[test]
fn a_panic_while_removing_duplicates_keeps_what_was_not_looked_at() {
    let left = blasts(bombs(5, &[1]), |vec| vec.dedup_by(|_, _| true));
    assert_eq!(left, [0, 2, 3, 4]);
    let left = blasts(bombs(4, &[]), |vec| {
        vec.dedup_by(|element, kept| {
            assert!(element.0 < 2);
            kept.0 == 0
        });
    });
    assert_eq!(left, [0, 2, 3]);
}

#[test]
fn a_panic_while_draining_closes_the_gap() {
    let left = blasts(bombs(6, &[2]), |vec| drop(vec.drain(1..4)));
    assert_eq!(left, [0, 4, 5]);
    let left = blasts(bombs(6, &[]), |vec| {
        for bomb in vec.drain(1..4) {
            assert!(bomb.0 < 2);
        }
    });
    assert_eq!(left, [0, 4, 5]);
}

#[test]
fn a_drain_that_is_forgotten_leaks_and_drops_nothing_twice() {
    let mut vec = bombs(4, &[]);
    std::mem::forget(vec.drain(1..2));
    assert_eq!(numbers(&vec), [0]);
    drop(vec);
    assert_eq!(DROPPED.take(), [0]);
}

#[test]
fn a_clone_that_panics_leaves_the_copies_made() {
    let left = blasts(bombs(3, &[]), |vec| {
        CLONES.set(2);
        let _ = vec.try_extend_from_within(..);
    });
    assert_eq!(left, [0, 1, 2, 100, 101]);
    let left = blasts(bombs(2, &[]), |vec| {
        CLONES.set(1);
        let _ = vec.try_clone();
    });
    assert_eq!(left, [0, 1]);
}

#[test]
fn elements_without_a_size_are_counted() {
    let mut vec = CVec::<()>::try_from_iter([(); 5]).expect("memory");
    vec.remove(1);
    vec.swap_remove(0);
    vec.try_insert(3, ()).expect("memory");
    let mut calls = 0;
    vec.retain(|()| {
        calls += 1;
        calls % 2 == 0
    });
    assert_eq!((vec.len(), calls), (2, 4));
    assert_eq!(vec.drain(..1).count(), 1);
    assert_eq!(vec.try_split_off(0).expect("memory").len(), 1);
    assert!(vec.is_empty());
}

#[test]
fn positions_that_are_not_there_are_named() {
    let message = |change: fn(&mut CVec<u8>)| {
        let mut vec = CVec::<u8>::try_from_iter([1, 2, 3]).expect("memory");
        let panic = catch_unwind(AssertUnwindSafe(|| change(&mut vec))).expect_err("a panic");
        assert_eq!(vec, [1, 2, 3], "nothing has changed");
        panic.downcast_ref::<String>().expect("a message").clone()
    };
    assert_eq!(
        message(|vec| {
            let _ = vec.try_insert(4, 0);
        }),
        "index 4 is beyond a vector of 3"
    );
    assert_eq!(
        message(|vec| drop(vec.try_split_off(9))),
        "index 9 is beyond a vector of 3"
    );
    assert_eq!(
        message(|vec| {
            let _ = vec.remove(3);
        }),
        "there is no element 3 in a vector of 3"
    );
    assert_eq!(
        message(|vec| {
            let _ = vec.swap_remove(7);
        }),
        "there is no element 7 in a vector of 3"
    );
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
    let reversed = message(|vec| drop(vec.drain(2..1)));
    assert_eq!(
        reversed,
        "the range from Included(2) to Excluded(1) is none of a vector of 3"
    );
    let beyond = message(|vec| drop(vec.drain(..=usize::MAX)));
    assert!(beyond.ends_with("is none of a vector of 3"), "{beyond}");
}

#[test]
fn without_memory_nothing_is_changed_or_lost() {
    let make = |values: &[u32]| -> Elements {
        CVec::try_from_iter_in(values.iter().map(|&value| element(value))).expect("memory")
    };
    let full = || {
        let mut vec = make(&[1, 2, 3]);
        vec.try_shrink_to_fit().expect("memory");
        vec
    };
    let refused = |change: &dyn Fn(&mut Elements)| {
        let mut vec = full();
        Counting::with_budget(0, || change(&mut vec));
        assert_eq!(values(&vec), [1, 2, 3]);
    };
    refused(&|vec| {
        let error = vec.try_insert(0, element(9)).expect_err("no memory");
        assert_eq!(error.into_value().value, 9);
    });
    refused(&|vec| {
        vec.try_resize_with(4, || unreachable!("nothing was to be made"))
            .expect_err("no memory");
    });
    refused(&|vec| {
        vec.try_split_off(1).expect_err("no memory");
    });
    let mut vec = full();
    let mut other = make(&[4, 5]);
    Counting::with_budget(0, || vec.try_append(&mut other)).expect_err("no memory");
    assert_eq!((values(&vec), values(&other)), (vec![1, 2, 3], vec![4, 5]));
    // For the removed elements, and for the vector itself: each refused once.
    for budget in 0..2 {
        Counting::with_budget(budget, || vec.try_splice(1..2, &mut other)).expect_err("no memory");
        assert_eq!((values(&vec), values(&other)), (vec![1, 2, 3], vec![4, 5]));
    }
    let removed = Counting::with_budget(2, || vec.try_splice(1..2, &mut other)).expect("memory");
    assert_eq!(
        (values(&vec), values(&removed)),
        (vec![1, 4, 5, 3], vec![2])
    );
    drop((vec, other, removed));
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_vector_is_compared_with_slices_arrays_and_stds() {
    let ours = CVec::<u8>::try_from_iter([1, 2]).expect("memory");
    assert_eq!(ours, [1, 2]);
    assert_eq!(ours, &[1, 2]);
    assert_eq!(ours, [1, 2][..]);
    assert_eq!(ours, &[1, 2][..]);
    assert_ne!(ours, &mut [1][..]);
    #[cfg(feature = "std")]
    assert_eq!(ours, vec![1, 2]);
}
