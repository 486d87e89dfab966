use crate::declared::{CString, DASH, names, strings, workload_string_out};
use crate::hostile::{Counting, counted_block};
use core::alloc::Layout;
use core::ffi::CStr;
use malloc_safe::{Free, Out, Owned, out};
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
    let mut slot = Some(Owned::<u64, Counting>::try_new(1).expect("enough memory"));
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
        out::owner::<u64, Counting, ()>(|out| {
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
