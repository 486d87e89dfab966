use crate::declared::{token_new, tokens_live, workload_number};
use crate::hostile::{Counting, Element, counted_block};
use core::alloc::Layout;
use malloc_safe::{AllocError, Owned};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

#[test]
fn a_declared_function_returns_an_owner() {
    let mut number = workload_number(u64::MAX).expect("enough memory");
    *number -= 1;
    assert_eq!(*number, u64::MAX - 1);
}

#[test]
fn null_is_none() {
    // SAFETY: NULL is allowed.
    assert!(unsafe { Owned::<u64>::from_raw(core::ptr::null_mut()) }.is_none());
}

#[test]
fn the_block_is_freed_exactly_once() {
    let owner = Owned::<u64, Counting>::try_new_in(1).expect("enough memory");
    assert_eq!(Counting::live(), 1);
    drop(owner);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn the_contents_are_dropped_before_the_block() {
    let owner = Owned::<Element, Counting>::try_new_in(Element {
        value: 1,
        bomb: false,
    });
    let owner = owner.expect("enough memory");
    assert_eq!(Element::dropped_by(|| drop(owner)), 1);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn the_block_is_freed_even_if_the_contents_panic() {
    let owner = Owned::<Element, Counting>::try_new_in(Element {
        value: 1,
        bomb: true,
    });
    let owner = owner.expect("enough memory");
    let dropped = Element::dropped_by(|| {
        let panic = catch_unwind(AssertUnwindSafe(|| drop(owner)));
        assert!(panic.is_err());
    });
    assert_eq!((dropped, Counting::live()), (1, 0));
}

#[test]
fn giving_up_ownership_frees_nothing_and_can_be_undone() {
    let owner = Owned::<u64, Counting>::try_new_in(5).expect("enough memory");
    let address = Owned::as_ptr(&owner);
    let raw = Owned::into_raw(owner);
    assert_eq!((raw, Counting::live()), (address, 1));
    // SAFETY: `raw` came from into_raw and is not used again.
    let owner = unsafe { Owned::<u64, Counting>::from_raw(raw) };
    assert_eq!(owner.as_deref(), Some(&5));
    drop(owner);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_leaked_block_stays() {
    let number = Owned::leak(Owned::<u64, Counting>::try_new_in(5).expect("enough memory"));
    *number += 1;
    assert_eq!((*number, Counting::live()), (6, 1));
    let raw: *mut u64 = number;
    // SAFETY: the block was leaked, so it is nobody's.
    drop(unsafe { Owned::<u64, Counting>::from_raw(raw) });
}

#[test]
fn a_pointee_without_a_size_still_has_its_block() {
    let raw = counted_block(Layout::new::<u8>()).cast::<()>();
    // SAFETY: a counted block, which has room for nothing.
    let owner = unsafe { Owned::<(), Counting>::from_raw(raw.as_ptr()) };
    assert_eq!(Counting::live(), 1);
    drop(owner);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn an_owner_moves_to_another_thread_and_is_dropped_there() {
    let number = workload_number(3).expect("enough memory");
    let there = thread::spawn(move || *number + 1).join();
    assert_eq!(there.expect("no panic"), 4);
}

#[test]
fn a_library_with_its_own_heap_gets_its_blocks_back() {
    let before = tokens_live();
    let token = token_new(8, crate::declared::DASH).expect("enough memory");
    assert_eq!(tokens_live(), before + 1);
    assert_eq!(token.to_bytes(), b"--------");
    drop(token);
    assert_eq!(tokens_live(), before);
}

#[test]
fn an_owner_compares_hashes_and_prints_as_its_contents() -> Result<(), AllocError<u64>> {
    let (two, three) = (Owned::<u64>::try_new(2)?, Owned::<u64>::try_new(3)?);
    assert!(two < three && two != three && two == Owned::<u64, Counting>::try_new_in(2)?);
    assert_eq!(two.cmp(&three), core::cmp::Ordering::Less);
    assert_eq!(format!("{two} {two:?} {two:>3}"), "2 2   2");
    assert_eq!(format!("{two:p}"), format!("{:p}", Owned::as_ptr(&two)));
    let state = RandomState::new();
    assert_eq!(state.hash_one(&two), state.hash_one(2_u64));
    let map = HashMap::from([(two, "two")]);
    assert_eq!(map.get(&2), Some(&"two")); // Borrow<u64>
    assert_eq!(AsRef::<u64>::as_ref(&three), &3);
    Ok(())
}

#[cfg(debug_assertions)]
#[test]
fn a_misaligned_pointer_is_caught_in_debug_builds() {
    let mut numbers = [0_u64; 2];
    let misaligned = numbers.as_mut_ptr().wrapping_byte_add(1);
    // SAFETY: the check comes before the pointer is adopted, which is what is tested.
    let caught = catch_unwind(|| drop(unsafe { Owned::<u64>::from_raw(misaligned) }));
    assert!(caught.is_err());
}

#[test]
fn contents_that_are_moved_out_leave_a_released_block() {
    let element = Element {
        value: 3,
        bomb: false,
    };
    let owner = Owned::<_, Counting>::try_new_in(element).expect("enough memory");
    let mut moved = None;
    let dropped = Element::dropped_by(|| moved = Some(Owned::into_inner(owner)));
    assert_eq!((dropped, Counting::live()), (0, 0));
    assert_eq!(moved.expect("set above").value, 3);
}
