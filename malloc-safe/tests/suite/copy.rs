//! Copies of owners, in blocks of their own.

use crate::hostile::Counting;
use core::ffi::CStr;
use malloc_safe::Owned;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn a_copy_is_equal_and_a_block_of_its_own() {
    let number = Owned::<u32, Counting>::try_new_in(7).expect("memory");
    let words = Owned::<[String], Counting>::try_from_fn_in(3, |n| n.to_string()).expect("memory");
    let string = Owned::<CStr, Counting>::try_from_bytes_in(b"text").expect("memory");
    let text = Owned::<str, Counting>::try_from_str_in("grüezi").expect("memory");
    let copies = (
        number.try_clone().expect("memory"),
        words.try_clone().expect("memory"),
        string.try_clone().expect("memory"),
        text.try_clone().expect("memory"),
    );
    assert_eq!(Counting::live(), 8);
    drop((number, words, string, text));
    assert_eq!(*copies.0, 7);
    assert_eq!(*copies.1, ["0", "1", "2"]);
    assert_eq!(&*copies.2, c"text");
    assert_eq!(&*copies.3, "grüezi");
    drop(copies);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn what_is_empty_has_an_empty_copy() {
    let text = Owned::<str, Counting>::try_from_str_in("").expect("no memory is needed");
    assert_eq!(text.try_clone().expect("nor here"), text);
    let none = Owned::<[u8], Counting>::try_from_slice_in(&[]).expect("nor here");
    assert!(none.try_clone().expect("nor here").is_empty());
    assert_eq!(Counting::live(), 0);
}

#[test]
fn without_memory_there_is_no_copy_and_the_value_comes_back() {
    let number = Owned::<u32, Counting>::try_new_in(7).expect("memory");
    let error = Counting::with_budget(0, || number.try_clone()).expect_err("no memory");
    assert_eq!(error.into_value(), 7);
    let text = Owned::<str, Counting>::try_from_str_in("text").expect("memory");
    let error = Counting::with_budget(0, || text.try_clone()).expect_err("no memory");
    assert_eq!(error.to_string(), "cannot allocate 4 bytes");
}

#[test]
fn a_clone_that_panics_leaks_nothing() {
    struct Second(u32);
    impl Clone for Second {
        fn clone(&self) -> Self {
            assert_ne!(self.0, 1, "the second clone");
            Self(self.0)
        }
    }
    let two = Owned::<[Second], Counting>::try_from_fn_in(2, |n| Second(u32::from(n == 1)))
        .expect("memory");
    catch_unwind(AssertUnwindSafe(|| two.try_clone()))
        .err()
        .expect("a panic");
    assert_eq!(Counting::live(), 1);
}

#[cfg(feature = "std")]
#[test]
fn a_size_that_cannot_be_panics_as_a_vectors_does() {
    let error: malloc_safe::AllocError =
        Owned::<[u64]>::try_from_fn(usize::MAX, |_| 0).expect_err("too large");
    let panic = catch_unwind(|| error.handle_alloc_error()).expect_err("a panic");
    let message = panic.downcast_ref::<String>().expect("a message");
    assert!(
        message.starts_with("capacity overflow: cannot allocate "),
        "{message}"
    );
}
