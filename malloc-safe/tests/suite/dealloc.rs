//! The macro's forms.

use core::cell::Cell;
use core::ffi::{CStr, c_char, c_void};
use malloc_safe::{Deallocator, NulTerminated, Owned, deallocator};
use static_assertions::{assert_impl_all, assert_not_impl_any};

thread_local! { static CALLS: Cell<u32> = const { Cell::new(0) }; }

unsafe extern "C" fn counted_free(block: *mut c_void) {
    CALLS.set(CALLS.get() + 1);
    // SAFETY: the tests below own malloc blocks alone.
    unsafe { malloc_sys::free(block) }
}

mod ffi {
    #[repr(C)]
    pub(super) struct Record {
        pub(super) key: u32,
        pub(super) name: *mut core::ffi::c_char,
    }
}

/// Has a status, as sqlite3_close does, and reads what it releases.
unsafe extern "C" fn record_close(record: *mut ffi::Record) -> i32 {
    // SAFETY: an owner's record is valid until its deallocator ends it.
    let name = unsafe { (*record).name };
    // SAFETY: the record's name is a malloc block.
    unsafe { counted_free(name.cast()) };
    // SAFETY: so is the record.
    unsafe { counted_free(record.cast()) };
    0
}

static VARIABLE: unsafe extern "C" fn(*mut c_void) = counted_free;

deallocator! {
    /// Any type, by a path.
    struct AnyFree(any) = counted_free;
}
deallocator! { struct LibcPathFree(any) = counted_free; }
deallocator! { struct VariableFree(any) = VARIABLE; }
deallocator! { struct CharFree(c_char) = |string: *mut c_char| {
    // SAFETY: the owner hands over a malloc block.
    unsafe { counted_free(string.cast()) }
}; }
deallocator! { struct RecordClose(ffi::Record) = record_close; }

#[test]
fn each_form_calls_its_function_once() {
    let before = CALLS.get();
    // SAFETY: calloc has no precondition; the blocks hold any u64.
    let block = || unsafe { malloc_sys::calloc(1, 8) }.cast::<u64>();
    // SAFETY: a new block, for free in each case.
    drop(unsafe { Owned::<u64, AnyFree>::from_raw(block()) });
    // SAFETY: as above.
    drop(unsafe { Owned::<u64, LibcPathFree>::from_raw(block()) });
    // SAFETY: as above.
    drop(unsafe { Owned::<u64, VariableFree>::from_raw(block()) });
    // SAFETY: as above; eight zero bytes are an empty string.
    drop(unsafe { Owned::<CStr, CharFree>::from_raw_c_str(block().cast()) });
    assert_eq!(CALLS.get() - before, 4);
}

#[test]
fn a_typed_destructor_gets_the_contents_as_they_were() {
    let before = CALLS.get();
    let name = Owned::<CStr>::try_from_bytes(b"rec").expect("enough memory");
    let record = ffi::Record {
        key: 1,
        name: Owned::into_raw_c_str(name),
    };
    let record = Owned::into_raw(Owned::<ffi::Record>::try_new(record).expect("enough memory"));
    // SAFETY: a malloc block with a record in it, whose name is a malloc block.
    let record = unsafe { Owned::<ffi::Record, RecordClose>::from_raw(record) }.expect("not NULL");
    assert_eq!(record.key, 1);
    drop(record);
    assert_eq!(CALLS.get() - before, 2);
}

assert_impl_all!(AnyFree: Deallocator<u8>, Deallocator<[u8]>, Deallocator<CStr>, Deallocator<str>);
assert_impl_all!(LibcPathFree: Deallocator<ffi::Record>);
assert_impl_all!(CharFree: Deallocator<c_char>, Deallocator<[c_char]>, Deallocator<CStr>);
assert_impl_all!(CharFree: Deallocator<NulTerminated<c_char>>, Deallocator<str>);
assert_not_impl_any!(CharFree: Deallocator<u64>, Deallocator<ffi::Record>);
assert_impl_all!(RecordClose: Deallocator<ffi::Record>);
assert_not_impl_any!(RecordClose: Deallocator<u8>, Deallocator<c_void>, Deallocator<CStr>);
