use crate::declared::{CString, DASH, functionMalloc, token_new, workload_string};
use crate::hostile::{Counting, counted_block, counted_c_str};
use core::alloc::Layout;
use malloc_safe::{NulTerminated, Owned};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

#[test]
fn function_malloc_is_50_mib_that_end() {
    let dashes = functionMalloc().expect("enough memory");
    assert_eq!(dashes.to_bytes().len(), 50 << 20);
}

#[test]
fn an_empty_string_is_a_block_too() {
    let empty = workload_string(0, DASH).expect("enough memory");
    assert_eq!((empty.to_bytes(), empty.to_str()), (&b""[..], Ok("")));
    assert_eq!(empty.measure().count_bytes(), 0);
}

#[test]
fn null_from_c_is_none() {
    assert!(workload_string(usize::MAX, DASH).is_none());
    assert!(token_new(usize::MAX, DASH).is_none());
}

#[test]
fn bytes_that_are_not_utf8_stay_owned() {
    let latin = counted_c_str(b"caf\xe9").into_nul_terminated();
    assert!(latin.to_str().is_err());
    let error = latin.into_str().unwrap_err();
    assert_eq!(Counting::live(), 1);
    assert_eq!(
        error.to_string(),
        "incomplete utf-8 byte sequence from index 3"
    );
    let latin = error.into_owner();
    assert_eq!((latin.to_bytes(), Counting::live()), (&b"caf\xe9"[..], 1));
    drop(latin);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn measuring_keeps_the_block() {
    let string = counted_c_str(b"abc").into_nul_terminated();
    let address = Owned::as_ptr(&string).addr();
    let measured = string.measure();
    assert_eq!(Owned::as_ptr(&measured).cast::<u8>().addr(), address);
    assert_eq!(Counting::live(), 1);
}

#[test]
fn a_string_compares_hashes_and_is_found_as_a_c_str() {
    let string = |text| counted_c_str(text).into_nul_terminated();
    assert_eq!(string(b"same"), string(b"same"));
    assert_ne!(
        string(b"same"),
        workload_string(4, DASH).expect("enough memory")
    );
    assert!(string(b"a") < string(b"b"));
    assert_eq!(format!("{:?}", string(b"q\"\n")), r#""q\"\n""#);
    let state = RandomState::new();
    assert_eq!(state.hash_one(string(b"x")), state.hash_one(c"x"));
    assert_eq!(HashMap::from([(string(b"key"), 1)]).get(c"key"), Some(&1));
    assert_eq!(BTreeMap::from([(string(b"key"), 1)]).get(c"key"), Some(&1));
}

fn terminated<T: Copy>(elements: &[T], end: T) -> Owned<NulTerminated<T>, Counting> {
    let layout = Layout::array::<T>(elements.len() + 1).expect("small");
    let first = counted_block(layout).cast::<T>();
    for (position, element) in elements.iter().chain([&end]).enumerate() {
        // SAFETY: the block has room for the elements and the end.
        let place = unsafe { first.add(position) };
        // SAFETY: as above, and malloc aligns.
        unsafe { place.write(*element) };
    }
    // SAFETY: a counted block that ends with the terminator.
    unsafe { Owned::from_raw(first.as_ptr().cast()) }.expect("not NULL")
}

#[test]
fn an_array_of_pointers_ends_with_null() {
    let (one, two) = (c"one".as_ptr(), c"two".as_ptr());
    let names = terminated(&[one, two], core::ptr::null());
    assert_eq!(names.to_slice(), [one, two]);
    drop(names);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn debug_shows_the_text() {
    let string: CString = workload_string(3, DASH).expect("enough memory");
    assert_eq!(format!("{string:?}"), r#""---""#);
}

proptest! {
    #[test]
    fn a_wide_string_ends_at_its_first_zero(
        units in prop::collection::vec(1_u32.., 0..40),
    ) {
        let string = terminated(&units, 0);
        prop_assert_eq!(string.to_slice(), &units[..]);
        drop(string);
        prop_assert_eq!(Counting::live(), 0);
    }

    #[test]
    fn a_narrow_string_is_what_c_str_says(
        bytes in prop::collection::vec(1_u8.., 0..200),
    ) {
        let string = counted_c_str(&bytes).into_nul_terminated();
        prop_assert_eq!(string.to_bytes(), &bytes[..]);
        prop_assert_eq!(string.to_str().ok(), core::str::from_utf8(&bytes).ok());
        let characters: Vec<_> = bytes.iter().map(|byte| core::ffi::c_char::from_ne_bytes([*byte])).collect();
        prop_assert_eq!(string.to_slice().to_vec(), characters);
    }
}
