//! Getting room and elements, with memory that runs out and iterators that cannot be trusted.

use super::{Bytes, Elements, MADE, bytes, element, values, with_bombs};
use crate::hostile::{Counting, Element};
use core::iter;
use malloc_safe::{CVec, Owned};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn memory_that_runs_out_at_any_step_costs_no_element_and_no_block() {
    type Step = fn(&mut Elements) -> bool;
    const STEPS: [Step; 11] = [
        |vector| vector.try_push(element(0)).is_ok(),
        |vector| (1..9).all(|value| vector.try_push(element(value)).is_ok()),
        |vector| vector.try_extend((9..30).map(element)).is_ok(),
        |vector| vector.try_shrink_to_fit().is_ok(),
        |vector| {
            // An iterator that promises nothing: room is made again and again.
            let promised_by_none = (30..99).filter(|_| true);
            vector.try_extend(promised_by_none.map(element)).is_ok()
        },
        |vector| vector.try_reserve_exact(500).is_ok(),
        |vector| {
            *vector = core::mem::take(vector).into_owned_slice().into();
            vector.try_push(element(99)).is_ok()
        },
        |vector| vector.pop().is_some() && vector.try_reserve(1000).is_ok(),
        |vector| {
            vector.truncate(50);
            vector.try_shrink_to_fit().is_ok()
        },
        |vector| {
            let collected = Elements::try_from_iter_in((0..5).map(element));
            collected.is_ok_and(|fresh| vector.try_extend(fresh).is_ok())
        },
        |vector| {
            let slice = Owned::<[Element], Counting>::try_from_iter_in((0..9).map(element));
            slice.is_ok_and(|fresh| vector.try_extend(fresh).is_ok())
        },
    ];

    // What there is after each step when memory is enough.
    let mut vector = Elements::new_in();
    let mut after = vec![Vec::new()];
    for step in STEPS {
        assert!(step(&mut vector));
        after.push(values(&vector));
    }
    drop(vector);

    let mut complete = false;
    let mut budget = 0;
    while !complete {
        let made = MADE.get();
        let dropped = Element::dropped_by(|| {
            let mut vector = Elements::new_in();
            let done = Counting::with_budget(budget, || {
                STEPS.iter().take_while(|step| step(&mut vector)).count()
            });
            let now = values(&vector);
            complete = done == STEPS.len();
            if complete {
                assert_eq!(now, after[done]);
            } else {
                let (before, then) = (&after[done], &after[done + 1]);
                let shrinks = then.len() < before.len();
                assert!(shrinks || now.starts_with(before) && then.starts_with(&now));
                assert!(!shrinks || now.starts_with(then));
            }
            drop(vector);
            assert_eq!(Counting::live(), 0);
        });
        assert_eq!(dropped, MADE.get() - made, "with {budget} allocations");
        budget += 1;
    }
    assert!(budget > 12, "every step was refused once");
}

#[test]
fn an_element_that_finds_no_room_comes_back() {
    let mut vector = Elements::new_in();
    let error = Counting::with_budget(0, || vector.try_push(element(7)).unwrap_err());
    assert_eq!(
        error.to_string(),
        "cannot allocate 4 elements of 8 bytes each"
    );
    assert_eq!(error.into_value().value, 7);

    let mut numbers = 0..100;
    let error = Counting::with_budget(2, || {
        vector.try_extend(iter::from_fn(|| numbers.next().map(element)))
    });
    let element = error.unwrap_err().into_value().expect("one was in hand");
    assert_eq!((element.value, vector.len()), (8, 8));
    assert_eq!(values(&vector), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(numbers.next(), Some(9)); // the iterator was lent, and goes on
}

#[test]
fn an_iterator_without_an_end_is_refused_before_it_is_asked() {
    let mut vector = bytes(b"before");
    let error = vector
        .try_extend(iter::repeat_with(|| unreachable!()))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot allocate {} bytes", usize::MAX)
    );
    assert_eq!(error.into_value(), None);
    assert_eq!(*vector, *b"before");
}

#[test]
fn a_size_that_cannot_be_is_an_error() {
    let mut vector = CVec::<u64, Counting>::try_from_iter_in([1]).expect("enough memory");
    for additional in [usize::MAX, usize::MAX / 8, isize::MAX as usize / 8] {
        assert!(vector.try_reserve(additional).is_err());
        assert!(vector.try_reserve_exact(additional).is_err());
    }
    assert!(CVec::<u64>::try_with_capacity(isize::MAX as usize / 8 + 1).is_err());
    assert_eq!((&*vector, vector.capacity()), (&[1][..], 1));
}

#[test]
fn many_elements_need_few_allocations() {
    let pushed = |budget| {
        Counting::with_budget(budget, || {
            let mut vector = Bytes::new_in();
            (0..10_000_usize).all(|n| vector.try_push(n.to_le_bytes()[0]).is_ok())
        })
    };
    assert!(pushed(10) && !pushed(9)); // 32 bytes, and then twice as many nine times
}

#[test]
fn a_size_hint_is_trusted_for_room_and_nothing_else() {
    /// Yields as many as it says, and promises what it likes.
    struct Hint(core::ops::Range<u8>, (usize, Option<usize>));
    impl Iterator for Hint {
        type Item = u8;
        fn next(&mut self) -> Option<u8> {
            self.0.next()
        }
        fn size_hint(&self) -> (usize, Option<usize>) {
            self.1
        }
    }
    let expected: Vec<u8> = (0..100).collect();
    for hint in [
        (0, None),
        (0, Some(usize::MAX)),
        (0, Some(0)),
        (300, Some(300)),
        (7, Some(7)),
    ] {
        let vector = Bytes::try_from_iter_in(Hint(0..100, hint)).expect("enough memory");
        assert_eq!(*vector, *expected);
        assert!(vector.capacity() < 350);
        let slice = Owned::<[u8], Counting>::try_from_iter_in(Hint(0..100, hint));
        assert_eq!(*slice.expect("enough memory"), *expected);
    }
}

#[test]
fn an_iterator_that_says_none_is_not_asked_again() {
    let mut turn = 0;
    let mut vector = Bytes::new_in();
    let every_third_none = iter::from_fn(|| {
        turn += 1;
        (turn % 3 > 0).then_some(turn)
    });
    vector.try_extend(every_third_none).expect("enough memory");
    assert_eq!(*vector, [1, 2]);
}

#[test]
fn an_iterator_that_panics_leaves_what_it_had_yielded() {
    for position in [0, 3, 4, 5, 20] {
        let mut vector = with_bombs(&[false; 2]);
        let made = MADE.get();
        let dropped = Element::dropped_by(|| {
            let panic = catch_unwind(AssertUnwindSafe(|| {
                vector.try_extend(
                    (0..)
                        .map(|value| {
                            assert_ne!(value, position, "no element there");
                            element(value)
                        })
                        .take(30),
                )
            }));
            assert!(panic.is_err());
            assert_eq!(values(&vector)[2..], (0..position).collect::<Vec<_>>());
            drop(vector);
        });
        assert_eq!((dropped, Counting::live()), (MADE.get() - made + 2, 0));
    }
}

#[test]
fn shrinking_gives_back_room_and_without_elements_the_block() {
    let mut vector = bytes(&[1; 100]);
    vector.truncate(3);
    vector.try_shrink_to_fit().expect("enough memory");
    assert_eq!((&*vector, vector.capacity()), (&[1; 3][..], 3));
    Counting::with_budget(0, || {
        vector.try_shrink_to_fit().expect("there is nothing to do");
        vector.clear();
        vector.try_shrink_to_fit().expect("nor to allocate");
    });
    assert_eq!((vector.capacity(), Counting::live()), (0, 0));
}
