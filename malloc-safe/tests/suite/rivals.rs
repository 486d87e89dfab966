//! Faults that other owners of C memory have had, each with our type in its place.

use crate::declared::CString;
use crate::hostile::{Counting, Element, Nothing, counted_block, counted_c_str};
use crate::layout::TokenFreeAny;
use core::alloc::Layout;
use core::ffi::CStr;
use core::ptr;
use malloc_safe::{CStringError, CVec, Opaque, Owned, RawPartsError};
use static_assertions::{assert_impl_all, assert_not_impl_any};

type Bytes = Owned<[u8], Counting>;

/// malloc_buf 1.0 and mbox 0.7 make a null or misaligned slice of it, c_vec 2.0 panics.
#[test]
fn null_with_length_zero_is_an_empty_slice_at_an_aligned_address() {
    // SAFETY: NULL with 0 is allowed.
    let empty = unsafe { Owned::<[u64], Counting>::from_raw_parts(ptr::null_mut(), 0) };
    let empty = empty.expect("allowed");
    assert!(empty.is_empty() && Owned::as_ptr(&empty).cast::<u64>().is_aligned());
}

/// objc2's private owner takes a real block of no bytes for the empty slice and leaks it.
#[test]
fn a_real_block_of_length_zero_is_still_freed() {
    // SAFETY: malloc has no precondition.
    let block = unsafe { malloc_sys::malloc(0) };
    assert!(!block.is_null(), "glibc and the others return a block");
    // SAFETY: a malloc block of which no byte is claimed. A leak is found by LeakSanitizer.
    drop(unsafe { Owned::<[u8]>::from_raw_parts(block.cast(), 0) });

    let block = counted_block(Layout::new::<u8>());
    // SAFETY: a counted block of which no byte is claimed.
    drop(unsafe { Bytes::from_raw_parts(block.as_ptr(), 0) });
    assert_eq!(Counting::live(), 0);
}

/// c_vec 2.0 frees the block and never drops what is in it.
#[test]
fn elements_are_dropped_with_their_block() {
    let elements = Owned::<[Element], Counting>::try_from_fn_in(3, |_| Element {
        value: 0,
        bomb: false,
    });
    assert_eq!(Element::dropped_by(|| drop(elements)), 3);
}

/// c_vec 2.0 is never Send, whatever it holds.
#[test]
fn an_owner_of_plain_data_can_be_sent() {
    let bytes = Owned::<[u8]>::try_from_slice(b"sent").expect("enough memory");
    let there = std::thread::spawn(move || bytes.len()).join();
    assert_eq!(there.expect("no panic"), 4);
}

/// malloc_buf 1.0 frees through a pointer that it derived from `&T`.
#[test]
fn the_pointer_that_is_freed_is_the_one_that_c_gave() {
    let block = counted_block(Layout::new::<u64>());
    // SAFETY: room for a u64.
    unsafe { block.cast::<u64>().write(1) };
    // SAFETY: a counted block with a u64 in it.
    let mut owner = unsafe { Owned::<u64, Counting>::from_raw(block.cast().as_ptr()) };
    let owner = owner.as_mut().expect("not NULL");
    **owner += 1; // a reference comes and goes; the stored pointer is not derived from it
    assert_eq!(Owned::as_ptr(owner).addr(), block.addr().get());
    // SAFETY: the owner still owns its u64, and no reference to it is alive.
    assert_eq!(unsafe { Owned::as_ptr(owner).read() }, 2);
}

/// malloc_buf 1.0 leaks the block, mbox 0.7 frees it, when the bytes are not UTF-8.
#[test]
fn bytes_that_are_not_utf8_come_back_with_their_owner() {
    let error = counted_c_str(b"\xff").into_str().unwrap_err();
    assert_eq!(Counting::live(), 1);
    assert_eq!(&*error.into_owner(), c"\xff");
    assert_eq!(Counting::live(), 0);
}

/// malloc_buf 1.0, and for a while the windows crate, cannot give ownership up.
#[test]
fn every_owner_gives_up_its_pointer() {
    let raw = Owned::into_raw(Owned::<u8, Counting>::try_new_in(1).expect("enough memory"));
    // SAFETY: what into_raw gave.
    drop(unsafe { Owned::<u8, Counting>::from_raw(raw) });
    let raw = Owned::into_raw_c_str(counted_c_str(b"x"));
    // SAFETY: what into_raw_c_str gave.
    drop(unsafe { Owned::<CStr, Counting>::from_raw_c_str(raw) });
    let raw = Owned::into_raw(counted_c_str(b"x").into_nul_terminated());
    // SAFETY: what into_raw gave.
    drop(unsafe { CString::<Counting>::from_raw(raw) });
    let (ptr, len) = Owned::into_raw_parts(Bytes::try_from_slice_in(b"xy").expect("enough memory"));
    // SAFETY: what into_raw_parts gave.
    drop(unsafe { Bytes::from_raw_parts(ptr, len) });
    assert_eq!(Counting::live(), 0);
}

/// mbox 0.7 makes a CStr with a NUL inside from a safe call.
#[test]
fn an_interior_nul_is_refused_with_its_position() {
    let error = Owned::<CStr, Counting>::try_from_bytes_in(b"a\0b").unwrap_err();
    assert_eq!(error, CStringError::InteriorNul { position: 1 });
}

/// mbox 0.7 allocates for as many elements as an iterator may yield at most, and aborts if it cannot.
#[test]
fn a_few_elements_of_very_many_take_little_room() {
    let few = || (0..usize::MAX).filter(|n| *n < 3).take_while(|n| *n < 2);
    assert_eq!(few().size_hint(), (0, Some(usize::MAX)));
    let vector = CVec::<usize, Counting>::try_from_iter_in(few()).expect("enough memory for two");
    assert!(*vector == [0, 1] && vector.capacity() < 10);
    let slice = Owned::<[usize], Counting>::try_from_iter_in(few()).expect("enough memory for two");
    assert_eq!(*slice, [0, 1]);
    // As many at least cannot be had, which is an error.
    assert!(CVec::<usize, Counting>::try_from_iter_in(0..usize::MAX).is_err());
}

/// mbox 0.7 is refused by `improper_ctypes` when it stands in an Option in a declaration.
#[test]
fn an_optional_owner_is_proper_in_a_declaration() {
    #[deny(improper_ctypes, improper_ctypes_definitions)]
    mod declared {
        use core::ffi::{CStr, c_char};
        use malloc_safe::{NulTerminated, Out, Owned};

        unsafe extern "C" {
            pub(super) fn strdup(s: *const c_char) -> Option<Owned<NulTerminated<c_char>>>;
        }
        pub(super) extern "C" fn defined(
            in_full: Option<Owned<u64>>,
            _: Out<'_, Owned<u64>>,
        ) -> Option<Owned<u64>> {
            in_full
        }
        pub(super) fn _views(_: &CStr) {}
    }
    // SAFETY: the argument is a C string.
    let copy = unsafe { declared::strdup(c"copied".as_ptr()) };
    assert_eq!(copy.expect("enough memory").to_bytes(), b"copied");
    assert!(declared::defined(None, malloc_safe::Out::new(&mut None)).is_none());
}

/// malloced 1.3 yields ten values from two elements of no size, and runs 22 destructors.
#[test]
fn elements_of_no_size_are_counted_not_addressed() {
    let nothings = Owned::<[Nothing], Counting>::try_from_fn_in(2, |_| Nothing);
    let mut iterator = nothings.expect("enough memory").into_iter();
    let dropped = Element::dropped_by(|| {
        let yielded = core::iter::from_fn(|| iterator.next_back())
            .take(10)
            .count();
        assert_eq!(yielded, 2);
        drop(iterator);
    });
    assert_eq!(dropped, 2);
}

/// Most: the block is leaked if the destructor of an element panics.
#[test]
fn a_panicking_destructor_does_not_leak_the_block() {
    let elements = Owned::<[Element], Counting>::try_from_fn_in(3, |n| Element {
        value: 0,
        bomb: n == 1,
    });
    let elements = elements.expect("enough memory");
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(elements)));
    assert!(panic.is_err());
    assert_eq!(Counting::live(), 0);
}

/// RUSTSEC-2024-0357 and git2-rs#1211: a callee's NULL with a length becomes a slice.
#[test]
fn null_with_a_length_never_becomes_a_slice() {
    // SAFETY: NULL is allowed.
    let result: Result<Bytes, RawPartsError<u8, Counting>> =
        unsafe { Bytes::from_raw_parts(ptr::null_mut(), 1) };
    assert!(result.is_err());
}

/// mbox 0.7 aborts, cbox 0.3 writes through NULL.
#[test]
fn a_failed_allocation_is_an_error() {
    Counting::with_budget(0, || {
        let error = Owned::<_, Counting>::try_new_in(7_u64).unwrap_err();
        assert_eq!(error.into_value(), 7);
        let error = Owned::<CStr, Counting>::try_from_bytes_in(b"name").unwrap_err();
        assert!(matches!(error, CStringError::Alloc(_)));
        assert!(Bytes::try_from_slice_in(b"bytes").is_err());
    });
}

/// cbox 0.3 has an owner, `CBox`, without a destructor.
#[test]
fn every_owner_releases_its_block() {
    drop(Owned::<u8, Counting>::try_new_in(1).expect("enough memory"));
    drop(Bytes::try_from_slice_in(b"bytes").expect("enough memory"));
    drop(counted_c_str(b"measured"));
    drop(counted_c_str(b"terminated").into_nul_terminated());
    drop(counted_c_str(b"text").into_str().expect("ASCII"));
    assert_eq!(Counting::live(), 0);
}

/// foreign-types 0.5 makes a reference to no bytes of a handle, and of that the pointer again.
#[test]
fn a_handle_is_never_a_reference() {
    assert_not_impl_any!(
        Owned<Opaque, TokenFreeAny>: core::ops::Deref, core::ops::DerefMut, AsRef<Opaque>, AsMut<Opaque>
    );
    assert_impl_all!(Owned<u64>: core::ops::Deref, core::ops::DerefMut, AsRef<u64>, AsMut<u64>);
}
