use crate::hostile::{Counting, counted_block, counted_c_str, counted_free};
use core::alloc::Layout;
use core::ffi::{CStr, c_char};
use core::ptr::{self, NonNull};
use malloc_safe::{
    Borrowed, Deallocator, Lent, LentCStr, NulTerminated, Opaque, Owned, deallocator,
};
use proptest::prelude::*;
use static_assertions::{assert_impl_all, assert_not_impl_any};

/// An array of pointers in a counted block.
pub(crate) fn counted_array<T>(elements: &[*mut T]) -> NonNull<Lent<T>> {
    let array = counted_block(Layout::for_value(elements)).cast::<*mut T>();
    // SAFETY: the block is new, and has room for the elements.
    unsafe { array.copy_from_nonoverlapping(NonNull::from(elements).cast(), elements.len()) };
    array.cast()
}

fn literal(string: &'static CStr) -> *mut NulTerminated<c_char> {
    string.as_ptr().cast_mut().cast()
}

fn counted<T, D: Deallocator<[Lent<T>]>>(elements: &[*mut T]) -> Owned<[Lent<T>], D> {
    let array = counted_array(elements).as_ptr();
    // SAFETY: a counted block with that many pointers, to what the tests keep alive.
    unsafe { Owned::from_raw_parts(array, elements.len()) }.expect("a small array")
}

/// The elements, which may not be NULL, and a NULL.
fn terminated<T>(elements: &[*mut T]) -> Owned<NulTerminated<Lent<T>>, Counting> {
    let array = counted_array(&[elements, &[ptr::null_mut()]].concat());
    // SAFETY: a counted block with pointers to what the tests keep alive, and a NULL.
    unsafe { Owned::from_raw(array.cast().as_ptr()) }.expect("not NULL")
}

#[test]
fn a_counted_array_shows_every_element_and_null_as_none() {
    let names = [literal(c"one"), ptr::null_mut(), literal(c"")];
    let names = counted::<_, Counting>(&names);
    assert_eq!((names.len(), names.is_empty()), (3, false));
    assert!(names.iter().eq([Some(c"one"), None, Some(c"")]));
    assert!(names.iter().rev().eq([Some(c""), None, Some(c"one")]));
    assert_eq!(names.get(0), Some(Some(c"one")));
    assert_eq!(names.get(1), Some(None));
    assert_eq!(names.get(3), None);
    assert_eq!(names.iter().nth(2), Some(Some(c"")));
    assert_eq!((names.iter().len(), names.iter().count()), (3, 3));
    drop(names);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_terminated_array_ends_before_its_null() {
    let names = terminated(&[literal(c"one"), literal(c"two")]);
    assert!((&names).into_iter().eq([c"one", c"two"]));
    assert_eq!((names.get(1), names.get(2)), (Some(c"two"), None));
    assert_eq!((names.len(), names.is_empty()), (2, false));
    let mut elements = names.iter();
    assert_eq!(elements.by_ref().count(), 2);
    assert_eq!((elements.next(), elements.next()), (None, None));
    drop(names);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_null_alone_is_the_empty_array() {
    let none = terminated::<NulTerminated<c_char>>(&[]);
    assert_eq!((none.len(), none.get(0)), (0, None));
    assert!(none.is_empty());
}

#[test]
fn no_block_is_an_empty_array_too() {
    // SAFETY: NULL with 0 is allowed.
    let none = unsafe { Owned::<[LentCStr]>::from_raw_parts(ptr::null_mut(), 0) };
    let none = none.expect("allowed");
    assert!(none.is_empty() && none.iter().next().is_none());
}

#[test]
fn plain_structs_are_lent_by_reference() {
    let (mut one, mut two) = ([1_u64, 2], [3, 4]);
    let (one, two) = (&raw mut one, &raw mut two);
    let pairs = terminated(&[one, two, one]);
    assert_eq!(pairs.iter().map(|pair| pair[1]).sum::<u64>(), 8);
    let pairs = counted::<_, Counting>(&[one, ptr::null_mut()]);
    assert_eq!(pairs.iter().flatten().next_back(), Some(&[1, 2]));
}

#[test]
fn handles_are_lent_to_be_passed_on() {
    let mut block = 0_u8;
    let handle: *mut Opaque = (&raw mut block).cast();
    let handles = terminated(&[handle]);
    let lent: Vec<Borrowed<'_, Opaque>> = handles.iter().collect();
    assert_eq!(lent[0].as_ptr(), handle.cast());
}

#[test]
fn strings_may_stand_in_the_block_of_their_array() {
    // As from backtrace_symbols: a pointer, and the string behind it.
    let block = counted_block(Layout::array::<*mut c_char>(2).expect("small"));
    // SAFETY: the block has room for two pointers.
    let behind = unsafe { block.cast::<*mut u8>().add(1) }.cast::<u8>();
    // SAFETY: three bytes fit where a pointer does.
    unsafe { behind.copy_from_nonoverlapping(NonNull::from(b"in\0").cast(), 3) };
    // SAFETY: and the pointer before it.
    unsafe { block.cast().write(behind) };
    let array = block.cast().as_ptr();
    // SAFETY: one element, whose string lives as long as the block.
    let symbols = unsafe { Owned::<[LentCStr], Counting>::from_raw_parts(array, 1) };
    assert_eq!(symbols.expect("small").get(0), Some(Some(c"in")));
    assert_eq!(Counting::live(), 0);
}

#[test]
fn debug_shows_the_strings() {
    let names = terminated(&[literal(c"a"), literal(c"b\n")]);
    assert_eq!(format!("{names:?}"), r#"["a", "b\n"]"#);
    assert_eq!(format!("{:?}", names.iter()), r#"["a", "b\n"]"#);
    let names = counted::<_, Counting>(&[literal(c"a"), ptr::null_mut()]);
    assert_eq!(format!("{:?}", names.iter()), r#"[Some("a"), None]"#);
}

/// g_strfreev: releases the strings and the array.
unsafe extern "C" fn strfreev(array: *mut *mut c_char) {
    let mut next = array;
    loop {
        // SAFETY: the array ends with a NULL, which has not been passed.
        let string = unsafe { *next };
        if string.is_null() {
            break;
        }
        // SAFETY: the tests give strings in counted blocks.
        unsafe { counted_free(string.cast()) };
        // SAFETY: as above.
        next = unsafe { next.add(1) };
    }
    // SAFETY: so is the array.
    unsafe { counted_free(array.cast()) };
}

deallocator! { struct StrFreeV(*mut c_char) = strfreev; }
deallocator! {
    /// The same with the element's type spelled out.
    struct LentFreeV(LentCStr) = |array: *mut LentCStr| {
        // SAFETY: an element is its pointer.
        unsafe { strfreev(array.cast()) }
    };
}

fn counted_string(bytes: &[u8]) -> *mut NulTerminated<c_char> {
    Owned::into_raw_c_str(counted_c_str(bytes)).cast()
}

#[test]
fn a_deep_deallocator_releases_the_strings_with_the_array() {
    let strings = || [counted_string(b"a"), counted_string(b"b"), ptr::null_mut()];
    let array = counted_array(&strings()).cast().as_ptr();
    // SAFETY: two strings and a NULL, all in counted blocks.
    let array = unsafe { Owned::<NulTerminated<LentCStr>, StrFreeV>::from_raw(array) };
    assert!(array.expect("not NULL").iter().eq([c"a", c"b"]));
    let array = counted_array(&strings()).cast().as_ptr();
    // SAFETY: as above.
    drop(unsafe { Owned::<NulTerminated<LentCStr>, LentFreeV>::from_raw(array) });
    assert_eq!(Counting::live(), 0);
}

assert_impl_all!(StrFreeV: Deallocator<NulTerminated<LentCStr>>, Deallocator<[LentCStr]>);
assert_impl_all!(LentFreeV: Deallocator<NulTerminated<LentCStr>>, Deallocator<[LentCStr]>);
assert_not_impl_any!(StrFreeV: Deallocator<[Lent<u16>]>, Deallocator<[c_char]>);

mod in_a_declaration {
    #![deny(improper_ctypes, improper_ctypes_definitions)]
    use super::StrFreeV;
    use malloc_safe::{LentCStr, NulTerminated, Owned};

    pub(super) extern "C" fn pass(
        array: Option<Owned<NulTerminated<LentCStr>, StrFreeV>>,
    ) -> Option<Owned<NulTerminated<LentCStr>, StrFreeV>> {
        array
    }
}

#[test]
fn a_terminated_array_is_proper_in_a_declaration() {
    assert!(in_a_declaration::pass(None).is_none());
}

proptest! {
    #[test]
    fn elements_from_both_ends_are_a_vectors(
        present in prop::collection::vec(any::<bool>(), 0..20),
        from_the_back in prop::collection::vec(any::<bool>(), 0..24),
    ) {
        let mut values: Vec<usize> = (0..present.len()).collect();
        let pointers: Vec<*mut usize> = values
            .iter_mut()
            .zip(&present)
            .map(|(value, &present)| if present { &raw mut *value } else { ptr::null_mut() })
            .collect();
        let expected: Vec<Option<usize>> =
            present.iter().enumerate().map(|(n, &present)| present.then_some(n)).collect();
        let array = counted::<_, Counting>(&pointers);
        let (mut ours, mut oracle) = (array.iter(), expected.iter());
        for back in from_the_back {
            prop_assert_eq!(ours.len(), oracle.len());
            let (got, want) =
                if back { (ours.next_back(), oracle.next_back()) } else { (ours.next(), oracle.next()) };
            prop_assert_eq!(got.map(Option::<&usize>::copied), want.copied());
        }

        let run: Vec<*mut usize> = pointers.iter().copied().take_while(|p| !p.is_null()).collect();
        let length = run.len();
        let run = terminated(&run);
        prop_assert!(run.iter().copied().eq(0..length));
        prop_assert_eq!(run.len(), length);
    }
}
