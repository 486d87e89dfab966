mod bytes;
mod edit;
mod grow;
mod oracle;
mod parts;
mod room;

use crate::hostile::{Counting, Element, Nothing};
use core::cell::Cell;
use core::marker::PhantomPinned;
use malloc_safe::{AllocError, CVec, Owned};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Bytes = CVec<u8, Counting>;
type Elements = CVec<Element, Counting>;

thread_local! {
    static MADE: Cell<usize> = const { Cell::new(0) };
}

fn element(value: u32) -> Element {
    MADE.set(MADE.get() + 1);
    Element { value, bomb: false }
}

fn with_bombs(bombs: &[bool]) -> Elements {
    let made = (0..).zip(bombs);
    CVec::try_from_iter_in(made.map(|(value, &bomb)| Element { value, bomb }))
        .expect("enough memory")
}

fn bytes(values: &[u8]) -> Bytes {
    CVec::try_from_iter_in(values.iter().copied()).expect("enough memory")
}

fn values(elements: &Elements) -> Vec<u32> {
    elements.iter().map(|element| element.value).collect()
}

#[test]
fn one_panicking_element_stops_neither_the_others_nor_the_block() {
    type End = fn(Elements);
    const ENDS: [End; 5] = [
        |vector| drop(vector),
        |mut vector| vector.clear(),
        |mut vector| vector.truncate(0),
        |vector| drop(vector.into_iter()),
        |vector| drop(vector.into_owned_slice()),
    ];
    for end in ENDS {
        for bomb in 0..3 {
            let mut bombs = [false; 3];
            bombs[bomb] = true;
            let mut vector = with_bombs(&bombs);
            vector.try_reserve(10).expect("enough memory");
            let dropped = Element::dropped_by(|| {
                assert!(catch_unwind(AssertUnwindSafe(|| end(vector))).is_err());
            });
            assert_eq!((dropped, Counting::live()), (3, 0));
        }
    }
}

#[test]
fn what_is_truncated_is_gone_even_if_it_panics() {
    let mut vector = with_bombs(&[false, false, true, false]);
    let dropped = Element::dropped_by(|| {
        assert!(catch_unwind(AssertUnwindSafe(|| vector.truncate(1))).is_err());
    });
    assert_eq!((dropped, vector.len(), Counting::live()), (3, 1, 1));
    vector.try_push(element(9)).expect("room");
    assert_eq!(values(&vector), [0, 9]);
}

#[test]
fn an_iterator_walks_from_both_ends_and_drops_the_rest() {
    let mut vector = with_bombs(&[false; 6]);
    vector.try_reserve(100).expect("enough memory");
    let mut iterator = vector.into_iter();
    let dropped = Element::dropped_by(|| {
        assert_eq!(iterator.next().map(|element| element.value), Some(0));
        assert_eq!(iterator.next_back().map(|element| element.value), Some(5));
        assert_eq!((iterator.as_slice()[0].value, iterator.len()), (1, 4));
        drop(iterator);
    });
    assert_eq!((dropped, Counting::live()), (6, 0));
}

#[test]
fn elements_without_a_size_have_one_block_and_all_the_room() {
    let mut vector = CVec::<Nothing, Counting>::new_in();
    assert_eq!((vector.capacity(), Counting::live()), (0, 0));
    let dropped = Element::dropped_by(|| {
        Counting::with_budget(1, || {
            for _ in 0..1000 {
                assert!(vector.try_push(Nothing).is_ok());
            }
        });
        assert_eq!((vector.len(), vector.capacity()), (1000, usize::MAX));
        assert_eq!(Counting::live(), 1);
        let slice = vector.into_owned_slice();
        assert_eq!((slice.len(), Counting::live()), (1000, 1));
        drop(slice);
    });
    assert_eq!((dropped, Counting::live()), (1000, 0));
}

#[test]
fn more_elements_without_a_size_than_can_be_counted_are_an_error() {
    let mut vector = CVec::<(), Counting>::new_in();
    vector.try_push(()).expect("enough memory");
    // SAFETY: they have no size, and every one is valid.
    unsafe { vector.set_len(usize::MAX) };
    assert!(vector.try_push(()).is_err());
    assert!(vector.try_extend([()]).is_err());
    assert_eq!((vector.pop(), vector.len()), (Some(()), usize::MAX - 1));
}

#[test]
fn a_vector_is_what_its_elements_are() {
    use core::borrow::{Borrow, BorrowMut};
    use std::collections::HashMap;

    let mut vector = bytes(b"abc");
    assert_eq!(format!("{vector:?}"), "[97, 98, 99]");
    assert_eq!(
        vector,
        CVec::<u8>::try_from_iter(*b"abc").expect("enough memory")
    );
    assert_ne!(vector, bytes(b"abd"));
    assert!(vector < bytes(b"abd") && vector.cmp(&bytes(b"ab")).is_gt());
    assert_eq!(AsRef::<[u8]>::as_ref(&vector), b"abc");
    assert_eq!(Borrow::<[u8]>::borrow(&vector), b"abc");
    for byte in &mut vector {
        *byte += 1;
    }
    AsMut::<[u8]>::as_mut(&mut vector)[0] = b'-';
    BorrowMut::<[u8]>::borrow_mut(&mut vector)[1] += 1;
    assert_eq!((&vector).into_iter().copied().collect::<Vec<_>>(), b"-dd");
    let found = HashMap::from([(vector, 1)]);
    assert_eq!(found.get(b"-dd".as_slice()), Some(&1)); // hashed as the slice that it lends
}

#[test]
fn what_cannot_be_moved_is_dropped_in_its_place() -> Result<(), AllocError> {
    let made = Owned::<[Element], Counting>::try_from_fn_in(3, |_| element(0))?;
    let (ptr, len) = Owned::into_raw_parts(made);
    // SAFETY: the same elements, in a block of the allocator's; that they may not move is news to
    // nobody.
    let pinned =
        unsafe { CVec::<(Element, PhantomPinned), Counting>::from_raw_parts(ptr.cast(), len, len) };
    let mut pinned = pinned.expect("they fit");
    let dropped = Element::dropped_by(|| {
        pinned.truncate(1);
        assert_eq!((pinned.len(), pinned.capacity()), (1, 3));
        drop(pinned);
    });
    assert_eq!((dropped, Counting::live()), (3, 0));
    Ok(())
}

/// Pairs of bytes, as [`oracle::run`] reads them.
fn operations() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}

proptest! {
    #[test]
    fn bytes_agree_with_a_vectors_under_any_operations(operations in operations()) {
        oracle::run::<u8>(&operations);
    }

    #[test]
    fn elements_with_destructors_agree_with_a_vectors(operations in operations()) {
        oracle::run::<Element>(&operations);
    }

    #[test]
    fn elements_without_a_size_agree_with_a_vectors(operations in operations()) {
        oracle::run::<Nothing>(&operations);
    }
}
