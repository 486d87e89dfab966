//! A vector's pointer, length and capacity, and what C may make of them.

use crate::hostile::{Counting, counted_block};
use core::alloc::Layout;
use core::ptr;
use malloc_safe::{CVec, Owned};

type Numbers = CVec<u32, Counting>;

fn numbers(values: &[u32]) -> Numbers {
    CVec::try_from_iter_in(values.iter().copied()).expect("enough memory")
}

#[test]
fn null_with_zero_and_zero_is_empty() {
    // SAFETY: NULL is allowed.
    let empty = unsafe { Numbers::from_raw_parts(ptr::null_mut(), 0, 0) }.expect("allowed");
    assert!(empty.is_empty());
    assert_eq!(empty.into_raw_parts(), (ptr::null_mut(), 0, 0));
    assert!(Numbers::new_in().as_ptr().is_aligned());
}

#[test]
fn null_with_a_length_or_a_capacity_is_an_error() {
    for (len, capacity) in [(0, 3), (3, 3), (3, 0)] {
        // SAFETY: NULL is allowed.
        let error = unsafe { Numbers::from_raw_parts(ptr::null_mut(), len, capacity) }.unwrap_err();
        assert_eq!((error.length(), error.capacity()), (len, Some(capacity)));
        assert_eq!(
            error.to_string(),
            format!(
                "NULL with length {len} and capacity {capacity}: only 0 and 0 may come without a \
                 block"
            )
        );
        assert!(error.into_block().is_none());
    }
}

#[test]
fn numbers_that_no_block_can_have_are_an_error_that_owns_the_block() {
    let beyond = isize::MAX as usize / 4 + 1;
    for (len, capacity, message) in [
        (2, 1, "length 2 is beyond the capacity, 1".to_owned()),
        (
            0,
            beyond,
            format!("capacity {beyond} makes the block larger than isize::MAX bytes"),
        ),
    ] {
        let block = counted_block(Layout::new::<u32>());
        // SAFETY: a counted block, and numbers that cannot be right.
        let error = unsafe { Numbers::from_raw_parts(block.cast().as_ptr(), len, capacity) };
        let error = error.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(Counting::live(), 1);
        drop(error.into_block().expect("not NULL"));
        assert_eq!(Counting::live(), 0);

        let block = counted_block(Layout::new::<u32>());
        // SAFETY: as above.
        drop(unsafe { Numbers::from_raw_parts(block.cast().as_ptr(), len, capacity) });
        assert_eq!(Counting::live(), 0);
    }
}

#[cfg(debug_assertions)]
#[test]
fn a_misaligned_block_is_caught_in_debug_builds() {
    let mut numbers = [0_u64; 2];
    let misaligned: *mut u32 = numbers.as_mut_ptr().cast::<u32>().wrapping_byte_add(1);
    let caught = std::panic::catch_unwind(|| {
        // SAFETY: the check comes before the pointer is adopted, which is what is tested.
        drop(unsafe { Numbers::from_raw_parts(misaligned, 1, 1) });
    });
    assert!(caught.is_err());
}

#[test]
fn a_block_of_c_grows_with_what_is_in_it() {
    let block = counted_block(Layout::new::<[u32; 2]>()).cast::<u32>();
    // SAFETY: room for a number.
    unsafe { block.write(1) };
    // SAFETY: a counted block with room for two numbers, the first of which is written.
    let adopted = unsafe { Numbers::from_raw_parts(block.as_ptr(), 1, 2) };
    let mut adopted = adopted.expect("they fit");
    adopted.try_extend(2..10).expect("enough memory");
    assert_eq!(*adopted, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(Counting::live(), 1);
}

#[test]
fn a_real_block_without_room_is_grown_given_back_or_freed() {
    let adopt = || {
        let block = counted_block(Layout::new::<u8>());
        // SAFETY: a counted block of which nothing is claimed.
        let empty = unsafe { Numbers::from_raw_parts(block.cast().as_ptr(), 0, 0) };
        empty.expect("they fit")
    };
    drop(adopt());
    assert_eq!(Counting::live(), 0);

    let (block, len, capacity) = adopt().into_raw_parts();
    assert!(!block.is_null() && len == 0 && capacity == 0);
    // SAFETY: what into_raw_parts gave.
    drop(unsafe { Numbers::from_raw_parts(block, len, capacity) });

    let mut grown = adopt();
    grown.try_push(1).expect("enough memory");
    assert_eq!((&*grown, Counting::live()), (&[1][..], 1));
    drop(grown);

    let mut shrunk = adopt();
    shrunk.try_shrink_to_fit().expect("it only frees");
    assert_eq!(Counting::live(), 0);
    assert!(adopt().into_owned_slice().is_empty());
    assert_eq!(adopt().into_iter().count(), 0);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_slice_and_a_vector_change_places_without_a_copy() {
    let vector = numbers(&[1, 2, 3]);
    let address = vector.as_ptr().addr();
    let slice: Owned<[u32], Counting> = vector.into();
    let vector = CVec::from(slice);
    assert_eq!((vector.as_ptr().addr(), vector.capacity()), (address, 3));

    let nothing = CVec::from(Owned::<[u32], Counting>::empty());
    assert_eq!(nothing.into_raw_parts(), (ptr::null_mut(), 0, 0));
    let nothing = Numbers::new_in().into_owned_slice();
    assert_eq!(Owned::into_raw_parts(nothing), (ptr::null_mut(), 0));
}

#[test]
fn without_a_size_there_is_still_a_pointer_for_c() {
    let units = CVec::<(), Counting>::try_from_iter_in([(); 5]).expect("enough memory");
    let (ptr, len) = Owned::into_raw_parts(units.into_owned_slice());
    assert!(!ptr.is_null() && len == 5);
    // SAFETY: what into_raw_parts gave.
    let slice = unsafe { Owned::<[()], Counting>::from_raw_parts(ptr, len) }.expect("they fit");
    let mut units = CVec::from(slice);
    units.try_push(()).expect("enough memory");
    assert_eq!((units.len(), Counting::live()), (6, 1));
    let (ptr, len, capacity) = units.into_raw_parts();
    // SAFETY: what into_raw_parts gave.
    drop(unsafe { CVec::<(), Counting>::from_raw_parts(ptr, len, capacity) });
    assert_eq!(Counting::live(), 0);
}

#[test]
fn the_room_behind_the_elements_is_c_s_to_write() {
    let mut vector = Numbers::try_with_capacity_in(4).expect("enough memory");
    vector.try_push(1).expect("room");
    let room = vector.spare_capacity_mut();
    assert_eq!(room.len(), 3);
    room[0].write(2);
    // SAFETY: the third of four places, which the pointer reaches.
    let third = unsafe { vector.as_mut_ptr().add(2) };
    // SAFETY: room for a number.
    unsafe { third.write(3) };
    // SAFETY: three elements are written.
    unsafe { vector.set_len(3) };
    assert_eq!(*vector, [1, 2, 3]);
    assert!(Numbers::new_in().spare_capacity_mut().is_empty());
}

/// Aligned for more than the allocator promises: adopted and released, but never grown.
#[cfg(unix)]
#[test]
fn an_over_aligned_block_of_c_is_adopted() {
    #[repr(align(64))]
    struct CacheLine([u8; 64]);

    let mut block = ptr::null_mut();
    // SAFETY: a place for a pointer, and an alignment that is a power of two.
    let status = unsafe { malloc_sys::posix_memalign(&raw mut block, 64, 128) };
    assert_eq!(status, 0);
    let first: *mut CacheLine = block.cast();
    // SAFETY: room for two lines.
    unsafe { first.write(CacheLine([1; 64])) };
    // SAFETY: a malloc block with room for two lines, one of them written.
    let lines = unsafe { CVec::<CacheLine>::from_raw_parts(first, 1, 2) }.expect("they fit");
    assert_eq!(lines[0].0[63], 1);
}
