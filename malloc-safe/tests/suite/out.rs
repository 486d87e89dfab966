#[cfg(unix)]
mod streams;

use crate::declared::{CString, DASH, names, strings, workload_string_out};
use crate::hostile::{Counting, Element, counted_block};
use core::alloc::Layout;
use core::ffi::CStr;
use malloc_safe::{CVec, Free, Out, Owned, RawPartsError, out};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn an_out_parameter_is_owned_at_once() {
    let (status, text) = out::owner(|out| workload_string_out(4, DASH, out));
    assert_eq!(status, 0);
    assert_eq!(text.expect("status 0").to_bytes(), b"----");
}

#[test]
fn an_error_leaves_none() {
    let (status, text) = out::owner(|out| workload_string_out(usize::MAX, DASH, out));
    assert_eq!(status, libc::ENOMEM);
    assert!(text.is_none());
}

#[test]
fn a_used_place_is_emptied_before_c_overwrites_it() {
    let mut slot = Some(Owned::<u64, Counting>::try_new_in(1).expect("enough memory"));
    let out = Out::new(&mut slot);
    assert_eq!(Counting::live(), 0);
    // SAFETY: the place is a pointer to read from.
    assert!(unsafe { out.into_raw().read() }.is_null());
    assert!(slot.is_none());
}

#[test]
fn a_place_can_serve_call_after_call() {
    let mut text: Option<CString> = None;
    for length in 1..4 {
        assert_eq!(workload_string_out(length, DASH, Out::new(&mut text)), 0);
        assert_eq!(
            text.as_ref().map(|text| text.to_bytes().len()),
            Some(length)
        );
    }
}

#[test]
fn what_a_panicking_call_left_is_freed() {
    let panic = catch_unwind(AssertUnwindSafe(|| {
        out::owner::<Owned<u64, Counting>, ()>(|out| {
            let block = counted_block(Layout::new::<u64>()).cast::<u64>();
            // SAFETY: room for a u64.
            unsafe { block.write(7) };
            // SAFETY: the place holds a pointer, and the block is a counted u64.
            unsafe { out.into_raw().write(block.as_ptr()) };
            panic!("after filling")
        })
    }));
    assert!(panic.is_err());
    assert_eq!(Counting::live(), 0);

    let fill = |ptr: *mut *mut u8, len: *mut usize| {
        // SAFETY: a place for a pointer.
        unsafe { ptr.write(counted_block(Layout::new::<[u8; 4]>()).as_ptr()) };
        // SAFETY: a place for a length.
        unsafe { len.write(0) };
        panic!("after filling")
    };
    let panic = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the places hold a counted block, of no bytes, when the closure panics.
        unsafe { out::slice::<u8, Counting, ()>(fill) }
    }));
    assert!(panic.is_err());
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_pointer_and_a_length_become_a_slice() {
    for length in [0, 1, 4096] {
        let call = |ptr: *mut *mut u8, len: *mut usize| {
            // SAFETY: both out-parameters are valid.
            unsafe { malloc_sys::workload_buffer(length, 7, ptr, len) }
        };
        // SAFETY: the function stores NULL and 0, or a malloc block and its length.
        let (status, bytes) = unsafe { out::slice::<u8, Free, _>(call) };
        assert_eq!(status, 0);
        let bytes = bytes.expect("pointer and length fit");
        assert_eq!(bytes.len(), length);
        assert!(bytes.iter().all(|&byte| byte == 7));
    }
}

#[test]
fn transfer_full_frees_the_strings_and_the_array() {
    for count in [0, 1, 5] {
        let strings = strings(count, 10);
        assert_eq!(strings.len(), count);
        assert!(
            strings
                .iter()
                .all(|string| string.to_bytes() == b"----------")
        );
    }
}

#[test]
fn a_string_moved_out_of_its_array_outlives_it() {
    let last = strings(3, 2).into_iter().next_back().expect("three");
    assert_eq!(last.to_bytes(), b"--");
}

#[test]
fn transfer_container_frees_the_array_alone() {
    let names = names();
    // SAFETY: the names live forever.
    let first = unsafe { CStr::from_ptr(names[0].as_ptr()) };
    drop(names);
    assert_eq!(first, c"string");
}

/// A function that uses its places as references, and says how many numbers it left.
fn by_reference(
    call: impl FnOnce(&mut *mut u32, &mut usize) -> usize,
) -> impl FnOnce(*mut *mut u32, *mut usize) -> (usize, usize) {
    |block, capacity| {
        // SAFETY: the places are valid, apart from each other, and used here alone.
        let block = unsafe { &mut *block };
        // SAFETY: as above.
        let length = call(block, unsafe { &mut *capacity });
        (length, length)
    }
}

/// Lends a vector with room for eight numbers, two of them there, to a function that leaves what
/// `call` says.
fn lend(
    call: impl FnOnce(&mut *mut u32, &mut usize) -> usize,
) -> (
    CVec<u32, Counting>,
    Result<usize, RawPartsError<u32, Counting>>,
) {
    let mut vector = CVec::try_with_capacity_in(8).expect("enough memory");
    vector.try_extend([1, 2]).expect("room");
    // SAFETY: the tests leave a counted block and the room in it, or numbers that cannot be right.
    let result = unsafe { out::in_out(&mut vector, by_reference(call)) };
    (vector, result)
}

/// A counted block with numbers in it.
fn written(values: &[u32]) -> *mut u32 {
    let block = CVec::<u32, Counting>::try_from_iter_in(values.iter().copied());
    block.expect("enough memory").into_raw_parts().0
}

#[test]
fn a_lent_block_comes_back_as_c_left_it() {
    let (left, length) = lend(|_, capacity| *capacity - 7);
    assert_eq!(
        (&*left, left.capacity(), length.ok()),
        (&[1][..], 8, Some(1))
    );

    let (refused, length) = lend(|_, _| 0);
    assert!(refused.is_empty() && refused.capacity() == 8 && length.is_ok());

    let (replaced, length) = lend(|block, capacity| {
        // SAFETY: the block that was lent, replaced in the next line.
        drop(unsafe { Owned::<u32, Counting>::from_raw(*block) });
        (*block, *capacity) = (written(&[7, 8, 9]), 3);
        3
    });
    assert_eq!((&*replaced, length.ok()), (&[7, 8, 9][..], Some(3)));
    drop((left, refused, replaced));
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_vector_without_a_block_is_lent_as_null_and_zero() {
    let mut vector = CVec::<u32, Counting>::new_in();
    let call = by_reference(|block, capacity| {
        assert!(block.is_null() && *capacity == 0);
        (*block, *capacity) = (written(&[5]), 1);
        1
    });
    // SAFETY: the call leaves a counted block with one number.
    unsafe { out::in_out(&mut vector, call) }.expect("they fit");
    assert_eq!(*vector, [5]);
}

#[test]
fn null_is_no_block_whatever_the_capacity_says() {
    let (vector, result) = lend(|block, capacity| {
        // SAFETY: the block that was lent, replaced by NULL.
        drop(unsafe { Owned::<u32, Counting>::from_raw(*block) });
        (*block, *capacity) = (core::ptr::null_mut(), 120); // as glibc's getline does
        0
    });
    assert!(result.is_ok());
    assert_eq!((vector.capacity(), Counting::live()), (0, 0));
}

#[test]
fn a_length_that_does_not_fit_is_an_error_that_owns_the_block() {
    let (vector, error) = lend(|_, _| usize::MAX); // -1, taken for a length
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("length {} is beyond the capacity, 8", usize::MAX)
    );
    assert_eq!((vector.capacity(), Counting::live()), (0, 1));
    drop(error);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_call_that_panics_loses_neither_block_nor_vector() {
    let mut vector = CVec::<u32, Counting>::try_from_iter_in([1, 2]).expect("enough memory");
    for replaced in [false, true] {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let call = by_reference(|block, capacity| {
                if replaced {
                    // SAFETY: the block that was lent, replaced in the next line.
                    drop(unsafe { Owned::<u32, Counting>::from_raw(*block) });
                    (*block, *capacity) = (written(&[7, 8, 9]), 3);
                }
                panic!("in the call")
            });
            // SAFETY: the places hold a counted block and its room when the call panics.
            drop(unsafe { out::in_out(&mut vector, call) });
        }));
        assert!(panic.is_err());
        let capacity = if replaced { 3 } else { 2 };
        assert_eq!((vector.len(), vector.capacity()), (0, capacity));
        assert_eq!(Counting::live(), 1);
    }
}

#[test]
fn elements_are_dropped_before_their_block_is_lent() {
    let elements = (0..3).map(|value| Element {
        value,
        bomb: value == 1,
    });
    let mut vector = CVec::<_, Counting>::try_from_iter_in(elements).expect("enough memory");
    let dropped = Element::dropped_by(|| {
        let panic = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the call is not reached.
            let _: Result<(), _> = unsafe { out::in_out(&mut vector, |_, _| unreachable!()) };
        }));
        assert!(panic.is_err());
    });
    assert_eq!((dropped, vector.len(), vector.capacity()), (3, 0, 3));
}
