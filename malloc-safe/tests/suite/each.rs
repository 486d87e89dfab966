use crate::hostile::{Counting, counted_c_str};
use crate::layout::AffineFree;
use crate::lent::counted_array;
use core::cell::Cell;
use core::ffi::c_char;
use core::ptr::{self, NonNull};
use malloc_safe::{ContentBlind, Deallocator, Each, Free, Lent, LentCStr, NulTerminated, Owned};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn string(bytes: &[u8]) -> *mut NulTerminated<c_char> {
    Owned::into_raw_c_str(counted_c_str(bytes)).cast()
}

#[test]
fn the_elements_of_a_terminated_array_are_released_and_then_the_array() {
    let array = counted_array(&[string(b"a"), string(b"bc"), ptr::null_mut()]);
    // SAFETY: two strings and a NULL, all in counted blocks.
    let array = unsafe {
        Owned::<NulTerminated<LentCStr>, Each<Counting>>::from_raw(array.cast().as_ptr())
    };
    let array = array.expect("not NULL");
    assert!(array.iter().eq([c"a", c"bc"]));
    assert_eq!(Counting::live(), 3);
    drop(array);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn the_elements_of_a_counted_array_are_released_but_for_its_nulls() {
    let array = counted_array(&[ptr::null_mut(), string(b"a"), ptr::null_mut(), string(b"b")]);
    // SAFETY: two strings and two NULLs, all in counted blocks.
    let array = unsafe { Owned::<[LentCStr], Each<Counting>>::from_raw_parts(array.as_ptr(), 4) };
    drop(array.expect("small"));
    assert_eq!(Counting::live(), 0);
}

#[test]
fn an_array_of_no_elements_is_released() {
    let array = counted_array::<NulTerminated<c_char>>(&[ptr::null_mut()]);
    // SAFETY: a NULL in a counted block.
    drop(unsafe {
        Owned::<NulTerminated<LentCStr>, Each<Counting>>::from_raw(array.cast().as_ptr())
    });
    let array = counted_array::<NulTerminated<c_char>>(&[]);
    // SAFETY: a counted block of which nothing is claimed.
    drop(unsafe { Owned::<[LentCStr], Each<Counting>>::from_raw_parts(array.as_ptr(), 0) });
    assert_eq!(Counting::live(), 0);
}

thread_local! { static CALLS: Cell<u32> = const { Cell::new(0) }; }

/// Panics at its second call, having released.
struct PanicsOnce;

// SAFETY: as Counting.
unsafe impl<T: ?Sized> Deallocator<T> for PanicsOnce {
    type Contents = malloc_safe::contents::Read;
    unsafe fn deallocate(ptr: NonNull<T>) {
        // SAFETY: the caller hands over a counted block.
        unsafe { Counting::deallocate(ptr) };
        CALLS.set(CALLS.get() + 1);
        assert_ne!(CALLS.get(), 2, "the second element explodes");
    }
}

#[test]
fn a_panic_over_one_element_spares_neither_the_others_nor_the_array() {
    let strings = [string(b"a"), string(b"b"), string(b"c"), ptr::null_mut()];
    let array = counted_array(&strings).cast().as_ptr();
    // SAFETY: three strings and a NULL, all in counted blocks.
    let array =
        unsafe { Owned::<NulTerminated<LentCStr>, Each<PanicsOnce, Counting>>::from_raw(array) };
    assert!(catch_unwind(AssertUnwindSafe(|| drop(array))).is_err());
    assert_eq!((CALLS.replace(0), Counting::live()), (3, 0));

    let strings = [string(b"a"), string(b"b"), string(b"c")];
    let array = counted_array(&strings).as_ptr();
    // SAFETY: three strings, all in counted blocks.
    let array =
        unsafe { Owned::<[LentCStr], Each<PanicsOnce, Counting>>::from_raw_parts(array, 3) };
    assert!(catch_unwind(AssertUnwindSafe(|| drop(array))).is_err());
    assert_eq!((CALLS.get(), Counting::live()), (3, 0));
}

assert_impl_all!(Each<Free>: Send, Sync, Deallocator<[LentCStr]>, Deallocator<[Lent<u64>]>);
assert_not_impl_any!(Each<AffineFree, Free>: Send, Sync);
assert_not_impl_any!(Each<Free, AffineFree>: Send, Sync);
// It reads the array that it releases, so nothing may overwrite the pointers.
assert_not_impl_any!(Each<Free>: ContentBlind<[LentCStr]>);
