//! Deallocators that are told the size, by a library that checks it.

use crate::hostile::{Counting, counted_block};
use core::alloc::Layout;
use core::cell::RefCell;
use core::ffi::{CStr, c_char, c_void};
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use malloc_safe::{ContentBlind, Deallocator, NulTerminated, Owned, deallocator};
use proptest::prelude::*;
use static_assertions::{assert_impl_all, assert_not_impl_any};

thread_local! {
    /// The sizes that were released in this thread.
    static RELEASED: RefCell<Vec<usize>> = RefCell::default();
}

/// As OPENSSL_clear_free and munmap: wants the size in bytes.
unsafe extern "C" fn release_bytes(block: *mut c_void, size: usize) -> i32 {
    RELEASED.with_borrow_mut(|released| released.push(size));
    let block = NonNull::new(block).expect("owners release no NULL");
    // SAFETY: the caller hands over a counted block.
    unsafe { Counting::deallocate(block) }
    0
}

mod ffi {
    #[repr(C)]
    pub(super) struct Item {
        pub(super) value: u64,
    }
}

/// Wants the number of items, and reads them.
unsafe extern "C" fn release_items(items: *mut ffi::Item, count: usize) {
    for position in 0..count {
        // SAFETY: the caller says how many items there are.
        let item = unsafe { items.add(position) };
        // SAFETY: as above.
        assert_eq!(unsafe { (*item).value }, 7);
    }
    // SAFETY: a counted block.
    unsafe { release_bytes(items.cast(), count) };
}

deallocator! { struct BytesFree([any]) = release_bytes; }
deallocator! { struct PathFree([any]) = release_bytes; }
deallocator! { struct AffineBytesFree([any]): !Send = release_bytes; }
deallocator! { struct ItemsFree([ffi::Item]) = release_items; }
deallocator! {
    struct ClosureFree([u16]) = |first: *mut u16, count| {
        // SAFETY: the owner hands over a counted block.
        unsafe { release_bytes(first.cast(), count) }
    };
}
// An array's type is no slice's.
deallocator! { struct ArrayFree([ffi::Item; 2]) = |pair: *mut [ffi::Item; 2]| {
    // SAFETY: as above.
    unsafe { release_items(pair.cast(), 2) }
}; }

fn filled<T: Copy, D: Deallocator<[T]>>(value: T, len: usize) -> Owned<[T], D> {
    let block = counted_block(Layout::array::<T>(len).expect("small")).cast::<T>();
    for position in 0..len {
        // SAFETY: the block has room for the elements.
        let place = unsafe { block.add(position) };
        // SAFETY: as above.
        unsafe { place.write(value) };
    }
    // SAFETY: that many elements in a counted block, whose size the test compares.
    unsafe { Owned::from_raw_parts(block.as_ptr(), len) }.expect("small")
}

/// The sizes that `run` releases.
fn released_by(run: impl FnOnce()) -> Vec<usize> {
    RELEASED.take();
    run();
    assert_eq!(Counting::live(), 0);
    RELEASED.take()
}

#[test]
fn the_size_in_bytes_is_that_of_the_elements() {
    assert_eq!(released_by(|| drop(filled::<_, BytesFree>(1_u8, 5))), [5]);
    assert_eq!(released_by(|| drop(filled::<_, PathFree>(1_u32, 5))), [20]);
    assert_eq!(
        released_by(|| drop(filled::<_, AffineBytesFree>(1_u32, 0))),
        [0]
    );
}

#[test]
fn without_a_block_nothing_is_released() {
    assert!(released_by(|| drop(Owned::<[u8], BytesFree>::empty())).is_empty());
}

#[test]
fn a_typed_function_gets_the_number_of_elements() {
    let items = released_by(|| {
        let block = counted_block(Layout::new::<[ffi::Item; 3]>()).cast::<[ffi::Item; 3]>();
        // SAFETY: room for three items.
        unsafe { block.write([7, 7, 7].map(|value| ffi::Item { value })) };
        // SAFETY: three items in a counted block.
        let items = unsafe { Owned::<[_], ItemsFree>::from_raw_parts(block.cast().as_ptr(), 3) };
        assert_eq!(items.expect("small").len(), 3);
    });
    assert_eq!(items, [3]);
    assert_eq!(
        released_by(|| drop(filled::<_, ClosureFree>(1_u16, 4))),
        [4]
    );
}

#[test]
fn an_array_is_released_as_one() {
    let items = released_by(|| {
        let block = counted_block(Layout::new::<[ffi::Item; 2]>()).cast::<[ffi::Item; 2]>();
        // SAFETY: room for two items.
        unsafe { block.write([7, 7].map(|value| ffi::Item { value })) };
        // SAFETY: two items in a counted block.
        drop(unsafe { Owned::<[ffi::Item; 2], ArrayFree>::from_raw(block.as_ptr()) });
    });
    assert_eq!(items, [2]);
}

#[test]
fn an_impossible_length_is_released_as_none() {
    let sizes = released_by(|| {
        let block = counted_block(Layout::new::<u64>()).cast::<u64>();
        // SAFETY: no element is claimed by an impossible length, and the function takes 0.
        let error =
            unsafe { Owned::<[u64], BytesFree>::from_raw_parts(block.as_ptr(), usize::MAX) };
        assert!(error.is_err());
    });
    assert_eq!(sizes, [0]);
}

proptest! {
    #[test]
    fn no_conversion_changes_the_size(len in 0_usize..50, taken in 0_usize..60) {
        let sizes = released_by(|| {
            // bytes -> str -> bytes -> an iterator that is dropped half way
            let text = filled::<_, BytesFree>(b'x', len).into_str().expect("ASCII");
            let mut bytes = text.into_bytes().into_iter();
            assert_eq!(bytes.by_ref().take(taken).count(), len.min(taken));
        });
        prop_assert_eq!(sizes, [len]);
        prop_assert_eq!(released_by(|| drop(filled::<_, BytesFree>(b'x', len).into_str())), [len]);
        let failed = released_by(|| drop(filled::<_, BytesFree>(0xff_u8, len.max(1)).into_str()));
        prop_assert_eq!(failed, [len.max(1)]);
        let room = released_by(|| {
            let room = filled::<_, BytesFree>(MaybeUninit::new(1_u64), len);
            // SAFETY: they were all written.
            drop(unsafe { room.assume_init() });
        });
        prop_assert_eq!(room, [len * 8]);
    }
}

assert_impl_all!(BytesFree: ContentBlind<[u8]>, ContentBlind<[u64]>, ContentBlind<str>, Send);
assert_not_impl_any!(BytesFree: Deallocator<CStr>, Deallocator<NulTerminated<c_char>>);
assert_not_impl_any!(BytesFree: Deallocator<u8>);
assert_not_impl_any!(AffineBytesFree: Send, Sync);
assert_impl_all!(ItemsFree: Deallocator<[ffi::Item]>);
assert_not_impl_any!(ItemsFree: ContentBlind<[ffi::Item]>, Deallocator<ffi::Item>);
assert_not_impl_any!(ItemsFree: Deallocator<[MaybeUninit<ffi::Item>]>, Deallocator<[u8]>);
assert_impl_all!(ArrayFree: Deallocator<[ffi::Item; 2]>);
assert_not_impl_any!(ArrayFree: Deallocator<[ffi::Item]>);
