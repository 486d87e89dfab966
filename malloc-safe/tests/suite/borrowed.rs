use crate::declared::{CString, DASH, workload_number, workload_string};
use core::cell::Cell;
use core::ffi::{CStr, c_char};
use core::ptr::{self, NonNull};
use malloc_safe::{Borrowed, BorrowedCStr, Opaque, Owned, OwnedWith};
use static_assertions::{assert_impl_all, assert_not_impl_any};

unsafe extern "C" {
    safe fn strcmp(one: BorrowedCStr<'_>, other: BorrowedCStr<'_>) -> i32;
}

#[test]
fn it_is_the_pointer_and_null_is_none() {
    assert_eq!(
        size_of::<Option<BorrowedCStr>>(),
        size_of::<*const c_char>()
    );
    let string = c"text";
    assert_eq!(
        BorrowedCStr::from(string).as_ptr().cast_const().cast(),
        string.as_ptr()
    );
    // SAFETY: NULL is allowed.
    assert!(unsafe { BorrowedCStr::from_raw(ptr::null_mut()) }.is_none());
}

#[test]
fn owners_and_strings_are_lent_without_unsafe() -> Result<(), malloc_safe::CStringError> {
    let copy = workload_string(4, DASH).expect("enough memory");
    assert_eq!(strcmp(Owned::lend(&copy), c"----".into()), 0);
    let measured = Owned::<CStr>::try_from_bytes(b"----")?;
    assert_eq!(strcmp((&*measured).into(), Owned::lend(&copy)), 0);
    assert_eq!(Owned::lend(&copy).to_c_str(), &*measured);
    Ok(())
}

#[test]
fn each_owner_lends_its_pointer() {
    let number = workload_number(7).expect("enough memory");
    assert_eq!(Owned::lend(&number).as_ptr(), Owned::as_ptr(&number));

    let block = NonNull::new(Owned::into_raw(number)).expect("an owner's");
    let free = |block: NonNull<u64>| {
        // SAFETY: the owner hands over its block.
        unsafe { malloc_sys::free(block.as_ptr().cast()) }
    };
    // SAFETY: a number in a malloc block, released once by the closure.
    let number = unsafe { OwnedWith::new(block, free) };
    assert_eq!(OwnedWith::lend(&number).as_ptr(), block.as_ptr());
}

#[test]
fn what_is_lent_lives_as_long_as_its_owner_and_not_as_the_pointer() {
    fn view(owner: &CString) -> &CStr {
        Owned::lend(owner).to_c_str()
    }
    let copy = workload_string(4, DASH).expect("enough memory");
    assert_eq!(view(&copy), c"----");
}

#[test]
fn it_is_shared_by_threads_where_a_reference_would_be() {
    assert_impl_all!(BorrowedCStr: Send, Sync, Copy);
    assert_not_impl_any!(Borrowed<'_, Opaque>: Send, Sync);
    assert_not_impl_any!(Borrowed<'_, Cell<u8>>: Send, Sync);
}

/// Covariant, as a reference is.
fn _shorter<'a>(lent: BorrowedCStr<'static>, _: &'a str) -> BorrowedCStr<'a> {
    lent
}
