//! Adopting what C returned, reading it, giving it back.
//!
//! Every arm checks for NULL, as C asks for. Where a rival cannot measure, `strlen` is called for
//! it; malloc_buf cannot but check that a string is UTF-8; cbox's owner of strings never frees, so
//! that is done for it.

use std::ffi::{CStr, c_char};
use std::ptr;
use std::slice;

use allocator_api2::boxed::Box as BoxIn;
use c_vec::CVec;
use cbox::{CBox, CSemiBox, DisposeRef};
use malloc_buf::Malloc;
use malloc_safe::{NulTerminated, Owned};
use malloc_sys::{free, workload_buffer, workload_number, workload_string};
use malloced::Malloced;
use mbox::{MBox, MString};

use crate::harness::{By, Task};
use crate::heap::CHeap;

const DASH: c_char = c_char::from_ne_bytes([b'-']);

mod declared {
    use super::{NulTerminated, Owned, c_char};

    unsafe extern "C" {
        pub(super) safe fn workload_number(value: u64) -> Option<Owned<u64>>;
        pub(super) safe fn workload_string(
            length: usize,
            fill: c_char,
        ) -> Option<Owned<NulTerminated<c_char>>>;
    }
}

/// What cbox wants to know of a number.
#[repr(transparent)]
struct Number(u64);

impl DisposeRef for Number {
    type RefTo = u64;
}

impl From<*mut u64> for &Number {
    fn from(ptr: *mut u64) -> Self {
        // SAFETY: called by a box that owns a number.
        unsafe { &*ptr.cast() }
    }
}

/// Frees for c_vec, and by hand.
fn release<T>(ptr: *mut T) {
    // SAFETY: called once for each block that came from malloc.
    unsafe { free(ptr.cast()) }
}

fn number_from_c() -> *mut u64 {
    // SAFETY: no precondition.
    unsafe { workload_number(7) }
}

fn string_from_c(length: usize) -> *mut c_char {
    // SAFETY: no precondition.
    unsafe { workload_string(length, DASH) }
}

/// A buffer of 40 bytes, which is NULL if there is no memory.
fn buffer_from_c() -> (*mut u8, usize) {
    let (mut ptr, mut len) = (ptr::null_mut(), 0);
    // SAFETY: two valid out-parameters.
    let status = unsafe { workload_buffer(40, b'-', &raw mut ptr, &raw mut len) };
    assert_eq!(status, 0, "no memory");
    (ptr, len)
}

#[inline]
fn strlen(string: *const c_char) -> usize {
    // SAFETY: every arm asks with a terminated string.
    unsafe { libc::strlen(string) }
}

/// Looks at the bytes without reading them all.
#[inline]
fn look(bytes: &[u8]) -> u64 {
    bytes.last().map_or(0, |&byte| u64::from(byte)) ^ bytes.len() as u64
}

pub(crate) fn number() -> Task {
    Task::new("adopt a u64", 4000, 201)
        .arm(By::Us, || declared::workload_number(7).map_or(0, |n| *n))
        .arm(By::Hand, || {
            let ptr = number_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: not NULL, so a number.
            let value = unsafe { ptr.read() };
            release(ptr);
            value
        })
        .arm(By::Mbox, || {
            let ptr = number_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: a number in a malloc block of its own.
            *unsafe { MBox::from_raw(ptr) }
        })
        .arm(By::Malloced, || {
            let ptr = number_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: a number in a malloc block of its own.
            *unsafe { Malloced::from_raw(ptr) }
        })
        .arm(By::MallocBuf, || {
            let ptr = number_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: a number in a malloc block of its own.
            *unsafe { Malloc::from_ptr(ptr) }
        })
        .arm(By::CVec, || {
            let ptr = number_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: one number in a malloc block of its own.
            let number = unsafe { CVec::new_with_dtor(ptr, 1, release) };
            number[0]
        })
        .arm(By::CBox, || {
            let ptr = number_from_c();
            if ptr.is_null() {
                return 0;
            }
            CSemiBox::<Number>::new(ptr).0
        })
        .arm(By::Std, || {
            let ptr = number_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: not NULL, so a number.
            let copy = Box::new(unsafe { ptr.read() });
            release(ptr);
            *std::hint::black_box(copy)
        })
        .arm(By::AllocatorApi2, || {
            let ptr = number_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: a number in a malloc block of its own.
            *unsafe { BoxIn::from_raw_in(ptr, CHeap) }
        })
}

pub(crate) fn string(name: &'static str, length: usize, calls: u32) -> Task {
    Task::new(name, calls, 201)
        .arm(By::Us, move || {
            declared::workload_string(length, DASH).map_or(0, |string| look(string.to_bytes()))
        })
        .arm(By::Hand, move || {
            let ptr = string_from_c(length);
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: not NULL, so a C string.
            let seen = look(unsafe { CStr::from_ptr(ptr) }.to_bytes());
            release(ptr);
            seen
        })
        .arm(By::Mbox, move || {
            let ptr = string_from_c(length);
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: a terminated ASCII string in a malloc block of its own.
            look(unsafe { MString::from_raw_unchecked(ptr) }.as_bytes())
        })
        .arm(By::Malloced, move || {
            let ptr = string_from_c(length);
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: a terminated string in a malloc block of its own.
            look(unsafe { Malloced::<CStr>::from_ptr(ptr) }.to_bytes())
        })
        .arm(By::MallocBuf, move || {
            let ptr = string_from_c(length);
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: a terminated string in a malloc block of its own.
            unsafe { Malloc::from_c_str(ptr) }.map_or(0, |string| look(string.as_bytes()))
        })
        .arm(By::CVec, move || {
            let ptr = string_from_c(length);
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: as many bytes in a malloc block of their own.
            let bytes = unsafe { CVec::new_with_dtor(ptr.cast::<u8>(), strlen(ptr), release) };
            look(bytes.as_ref())
        })
        .arm(By::CBox, move || {
            let ptr = string_from_c(length);
            if ptr.is_null() {
                return 0;
            }
            let string = CBox::<str>::new(ptr);
            let seen = look(string.as_bytes());
            // SAFETY: the box gives up its block.
            release(unsafe { string.unwrap() });
            seen
        })
        .arm(By::Std, move || {
            let ptr = string_from_c(length);
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: not NULL, so a C string.
            let copy = unsafe { CStr::from_ptr(ptr) }.to_owned();
            release(ptr);
            look(copy.as_bytes())
        })
        .arm(By::AllocatorApi2, move || {
            let ptr = string_from_c(length);
            if ptr.is_null() {
                return 0;
            }
            let bytes = ptr::slice_from_raw_parts_mut(ptr.cast::<u8>(), strlen(ptr));
            // SAFETY: as many bytes in a malloc block of their own.
            look(&unsafe { BoxIn::from_raw_in(bytes, CHeap) })
        })
}

pub(crate) fn slice() -> Task {
    Task::new("adopt 40 bytes", 4000, 201)
        .arm(By::Us, || {
            let (ptr, len) = buffer_from_c();
            // SAFETY: NULL and 0, or as long as the function says, in a malloc block of its own.
            match unsafe { Owned::<[u8]>::from_raw_parts(ptr, len) } {
                Ok(bytes) => look(&bytes),
                Err(_) => 0,
            }
        })
        .arm(By::Hand, || {
            let (ptr, len) = buffer_from_c();
            if ptr.is_null() || isize::try_from(len).is_err() {
                release(ptr);
                return 0;
            }
            // SAFETY: not NULL, and as long as the function says.
            let seen = look(unsafe { slice::from_raw_parts(ptr, len) });
            release(ptr);
            seen
        })
        .arm(By::Mbox, || {
            let (ptr, len) = buffer_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: not NULL, as long as the function says, in a malloc block of its own.
            look(&unsafe { MBox::from_raw_parts(ptr, len) })
        })
        .arm(By::Malloced, || {
            let (ptr, len) = buffer_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: not NULL, as long as the function says, in a malloc block of its own.
            look(&unsafe { Malloced::slice_from_raw_parts(ptr, len) })
        })
        .arm(By::MallocBuf, || {
            let (ptr, len) = buffer_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: not NULL, as long as the function says, in a malloc block of its own.
            look(&unsafe { Malloc::from_array(ptr, len) })
        })
        .arm(By::CVec, || {
            let (ptr, len) = buffer_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: not NULL, as long as the function says, in a malloc block of its own.
            look(unsafe { CVec::new_with_dtor(ptr, len, release) }.as_ref())
        })
        .arm(By::Std, || {
            let (ptr, len) = buffer_from_c();
            if ptr.is_null() {
                return 0;
            }
            // SAFETY: not NULL, and as long as the function says.
            let copy = unsafe { slice::from_raw_parts(ptr, len) }.to_vec();
            release(ptr);
            look(std::hint::black_box(&copy))
        })
        .arm(By::AllocatorApi2, || {
            let (ptr, len) = buffer_from_c();
            if ptr.is_null() {
                return 0;
            }
            let bytes = ptr::slice_from_raw_parts_mut(ptr, len);
            // SAFETY: not NULL, as long as the function says, in a malloc block of its own.
            look(&unsafe { BoxIn::from_raw_in(bytes, CHeap) })
        })
}
