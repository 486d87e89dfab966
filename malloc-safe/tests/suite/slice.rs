use crate::hostile::{Counting, Element, Nothing, counted_block};
use core::alloc::Layout;
use core::ptr;
use malloc_safe::{AllocError, Owned};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Numbers = Owned<[u32], Counting>;
type Elements = Owned<[Element], Counting>;

fn elements(bombs: &[bool]) -> Elements {
    let made = Owned::try_from_fn_in(bombs.len(), |position| Element {
        value: u32::try_from(position).expect("few"),
        bomb: bombs[position],
    });
    made.expect("enough memory")
}

#[test]
fn null_with_length_zero_is_empty() {
    // SAFETY: NULL is allowed.
    let empty = unsafe { Numbers::from_raw_parts(ptr::null_mut(), 0) }.expect("allowed");
    assert!(empty.is_empty());
    assert_eq!(empty.into_iter().count(), 0);
}

#[test]
fn a_block_of_length_zero_is_freed() {
    let block = counted_block(Layout::new::<u32>());
    // SAFETY: a counted block of which no element is claimed.
    let empty = unsafe { Numbers::from_raw_parts(block.cast().as_ptr(), 0) }.expect("allowed");
    assert_eq!((empty.len(), Counting::live()), (0, 1));
    drop(empty);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn null_with_a_length_is_an_error() {
    // SAFETY: NULL is allowed.
    let error = unsafe { Numbers::from_raw_parts(ptr::null_mut(), 3) }.unwrap_err();
    assert_eq!(error.length(), 3);
    assert_eq!(
        error.to_string(),
        "NULL with length 3: only length 0 may come without a block"
    );
    assert!(error.into_block().is_none());
}

#[test]
fn a_length_beyond_isize_max_is_an_error_that_owns_the_block() {
    for length in [usize::MAX, isize::MAX as usize / 4 + 1] {
        let block = counted_block(Layout::new::<u32>());
        // SAFETY: a counted block, and a length that cannot be right.
        let error = unsafe { Numbers::from_raw_parts(block.cast().as_ptr(), length) }.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("length {length} makes the block larger than isize::MAX bytes")
        );
        assert_eq!((error.length(), Counting::live()), (length, 1));
        let block = error.into_block().expect("not NULL");
        assert!(block.is_empty());
        drop(block);
        assert_eq!(Counting::live(), 0);
    }
}

#[test]
fn a_dropped_error_frees_its_block() {
    let block = counted_block(Layout::new::<u32>());
    // SAFETY: a counted block, and a length that cannot be right.
    drop(unsafe { Numbers::from_raw_parts(block.cast().as_ptr(), usize::MAX) });
    assert_eq!(Counting::live(), 0);
}

#[test]
fn raw_parts_make_a_round_trip() -> Result<(), AllocError> {
    let (ptr, len) = Owned::into_raw_parts(Numbers::try_from_slice_in(&[1, 2, 3])?);
    // SAFETY: what into_raw_parts gave, not used again.
    let numbers = unsafe { Numbers::from_raw_parts(ptr, len) }.expect("what it was");
    assert_eq!(*numbers, [1, 2, 3]);
    assert_eq!(
        Owned::into_raw_parts(Numbers::empty()),
        (ptr::null_mut(), 0)
    );
    assert_eq!(
        Owned::into_raw_parts(Owned::<[()], Counting>::empty()),
        (ptr::null_mut(), 0)
    );
    Ok(())
}

#[test]
fn elements_are_dropped_and_then_the_block() {
    let elements = elements(&[false; 3]);
    assert_eq!(Element::dropped_by(|| drop(elements)), 3);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn one_panicking_element_stops_neither_the_others_nor_the_block() {
    for bomb in 0..3 {
        let mut bombs = [false; 3];
        bombs[bomb] = true;
        let elements = elements(&bombs);
        let dropped = Element::dropped_by(|| {
            assert!(catch_unwind(AssertUnwindSafe(|| drop(elements))).is_err());
        });
        assert_eq!((dropped, Counting::live()), (3, 0));
    }
}

#[test]
fn an_iterator_dropped_half_way_drops_the_rest_even_if_it_panics() {
    for bomb in 1..4 {
        let mut bombs = [false; 5];
        bombs[bomb] = true;
        let mut iterator = elements(&bombs).into_iter();
        let dropped = Element::dropped_by(|| {
            assert_eq!(iterator.next().map(|element| element.value), Some(0));
            assert_eq!(iterator.next_back().map(|element| element.value), Some(4));
            assert_eq!(iterator.as_slice().len(), 3);
            assert!(catch_unwind(AssertUnwindSafe(|| drop(iterator))).is_err());
        });
        assert_eq!((dropped, Counting::live()), (5, 0));
    }
}

#[test]
fn elements_without_a_size_come_from_both_ends_once() {
    let nothings = Owned::<[Nothing], Counting>::try_from_fn_in(5, |_| Nothing);
    let mut iterator = nothings.expect("enough memory").into_iter();
    let dropped = Element::dropped_by(|| {
        let mut taken = 0;
        while iterator.next_back().is_some() && iterator.next().is_some() {
            taken += 2;
        }
        assert_eq!((taken, iterator.len()), (4, 0)); // the fifth came from the back
        assert!(iterator.next().is_none() && iterator.next_back().is_none());
        drop(iterator);
    });
    assert_eq!((dropped, Counting::live()), (5, 0));
}

#[test]
fn elements_without_a_size_may_have_no_block() {
    // SAFETY: NULL with 0 is allowed.
    let none = unsafe { Owned::<[Nothing], Counting>::from_raw_parts(ptr::null_mut(), 0) };
    assert_eq!(Element::dropped_by(|| drop(none)), 0);
}

#[test]
fn a_slice_is_borrowed_and_changed_in_place() -> Result<(), AllocError> {
    let mut numbers = Numbers::try_from_slice_in(&[3, 1, 2])?;
    numbers.sort_unstable();
    for number in &mut numbers {
        *number *= 10;
    }
    assert_eq!((&numbers).into_iter().sum::<u32>(), 60);
    assert_eq!(
        format!("{numbers:?} {:?}", numbers.iter()),
        "[10, 20, 30] Iter([10, 20, 30])"
    );
    assert_eq!(
        format!("{:?}", numbers.into_iter()),
        "IntoIter([10, 20, 30])"
    );
    Ok(())
}

#[cfg(debug_assertions)]
#[test]
fn a_misaligned_slice_is_caught_in_debug_builds() {
    let mut numbers = [0_u64; 2];
    let misaligned: *mut u32 = numbers.as_mut_ptr().cast::<u32>().wrapping_byte_add(1);
    // SAFETY: the check comes before the pointer is adopted, which is what is tested.
    let caught = catch_unwind(|| drop(unsafe { Numbers::from_raw_parts(misaligned, 1) }));
    assert!(caught.is_err());
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Front,
    Back,
    Skip(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        Just(Step::Front),
        Just(Step::Back),
        (0..4_usize).prop_map(Step::Skip)
    ];
    prop::collection::vec(step, 0..12)
}

/// Walks any iterator, so that the owner's can be compared with a vector's.
fn walk<T>(
    mut iterator: impl DoubleEndedIterator<Item = T> + ExactSizeIterator,
    steps: &[Step],
) -> Vec<(Option<T>, usize)> {
    let mut seen = Vec::new();
    for step in steps {
        let item = match step {
            Step::Front => iterator.next(),
            Step::Back => iterator.next_back(),
            Step::Skip(n) => iterator.nth(*n),
        };
        seen.push((item, iterator.len()));
    }
    seen
}

proptest! {
    #[test]
    fn the_iterator_agrees_with_a_vectors(
        numbers in prop::collection::vec(any::<u32>(), 0..10),
        steps in steps(),
    ) {
        let owned = Numbers::try_from_slice_in(&numbers)?;
        prop_assert_eq!(walk(owned.into_iter(), &steps), walk(numbers.into_iter(), &steps));
        prop_assert_eq!(Counting::live(), 0);
    }

    #[test]
    fn the_iterator_agrees_with_a_vectors_for_elements_without_a_size(
        len in 0..10_usize,
        steps in steps(),
    ) {
        let owned = Owned::<[()], Counting>::try_from_fn_in(len, |_| ())?;
        prop_assert_eq!(walk(owned.into_iter(), &steps), walk(vec![(); len].into_iter(), &steps));
        prop_assert_eq!(Counting::live(), 0);
    }

    #[test]
    fn every_element_is_dropped_once_however_the_walk_ends(
        len in 0..10_usize,
        steps in steps(),
    ) {
        let elements = elements(&vec![false; len]);
        let dropped = Element::dropped_by(|| drop(walk(elements.into_iter(), &steps)));
        prop_assert_eq!((dropped, Counting::live()), (len, 0));
    }
}
