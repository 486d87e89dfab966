//! Large blocks: adopting one that C has filled, looking at it, giving it back.
//!
//! Filling is not part of the time. As text, every arm makes a `&str`; cbox neither checks that it
//! is one nor frees it, so both are done for it.

use std::ffi::{CStr, c_char};
use std::ptr;
use std::slice;

use allocator_api2::boxed::Box as BoxIn;
use c_vec::CVec;
use cbox::CBox;
use malloc_buf::Malloc;
use malloc_safe::{NulTerminated, Owned};
use malloc_sys::{free, workload_buffer, workload_string};
use malloced::Malloced;
use mbox::{MBox, MString};

use crate::harness::{By, Task};
use crate::heap::CHeap;

/// Frees for c_vec, and by hand.
fn release<T>(ptr: *mut T) {
    // SAFETY: called once for each block that came from malloc.
    unsafe { free(ptr.cast()) }
}

fn filled(length: usize) -> (*mut u8, usize) {
    let (mut ptr, mut len) = (ptr::null_mut(), 0);
    // SAFETY: two valid out-parameters.
    let status = unsafe { workload_buffer(length, b'-', &raw mut ptr, &raw mut len) };
    assert_eq!(status, 0, "no memory for {length} bytes");
    (ptr, len)
}

fn text(length: usize) -> *mut c_char {
    // SAFETY: no precondition.
    let text = unsafe { workload_string(length, c_char::from_ne_bytes([b'-'])) };
    assert!(!text.is_null(), "no memory for {length} bytes");
    text
}

fn strlen(string: *const c_char) -> usize {
    // SAFETY: every arm asks with a terminated string.
    unsafe { libc::strlen(string) }
}

fn look(bytes: &[u8]) -> u64 {
    bytes.last().map_or(0, |&byte| u64::from(byte)) ^ bytes.len() as u64
}

fn read(text: Result<&str, std::str::Utf8Error>) -> u64 {
    text.map_or(0, |text| look(text.as_bytes()))
}

pub(crate) fn bytes(name: &'static str, length: usize, calls: u32, rounds: usize) -> Task {
    let make = move || filled(length);
    Task::new(name, calls, rounds)
        .arm_on(By::Us, make, |(ptr, len)| {
            // SAFETY: as many bytes in a malloc block of their own.
            unsafe { Owned::<[u8]>::from_raw_parts(ptr, len) }.map_or(0, |bytes| look(&bytes))
        })
        .arm_on(By::Hand, make, |(ptr, len)| {
            // SAFETY: as many bytes are there.
            let seen = look(unsafe { slice::from_raw_parts(ptr, len) });
            release(ptr);
            seen
        })
        .arm_on(By::Mbox, make, |(ptr, len)| {
            // SAFETY: as many bytes in a malloc block of their own.
            look(&unsafe { MBox::from_raw_parts(ptr, len) })
        })
        .arm_on(By::Malloced, make, |(ptr, len)| {
            // SAFETY: as many bytes in a malloc block of their own.
            look(&unsafe { Malloced::slice_from_raw_parts(ptr, len) })
        })
        .arm_on(By::MallocBuf, make, |(ptr, len)| {
            // SAFETY: as many bytes in a malloc block of their own.
            look(&unsafe { Malloc::from_array(ptr, len) })
        })
        .arm_on(By::CVec, make, |(ptr, len)| {
            // SAFETY: as many bytes in a malloc block of their own.
            look(unsafe { CVec::new_with_dtor(ptr, len, release) }.as_ref())
        })
        .arm_on(By::Std, make, |(ptr, len)| {
            // SAFETY: as many bytes are there.
            let copy = unsafe { slice::from_raw_parts(ptr, len) }.to_vec();
            release(ptr);
            look(std::hint::black_box(&copy))
        })
        .arm_on(By::AllocatorApi2, make, |(ptr, len)| {
            let bytes = ptr::slice_from_raw_parts_mut(ptr, len);
            // SAFETY: as many bytes in a malloc block of their own.
            look(&unsafe { BoxIn::from_raw_in(bytes, CHeap) })
        })
}

pub(crate) fn string(name: &'static str, length: usize, calls: u32, rounds: usize) -> Task {
    let make = move || text(length);
    Task::new(name, calls, rounds)
        .arm_on(By::Us, make, |ptr| {
            // SAFETY: a terminated string in a malloc block of its own.
            let string = unsafe { Owned::<NulTerminated<c_char>>::from_raw(ptr.cast()) };
            string.map_or(0, |string| read(string.to_str()))
        })
        .arm_on(By::Hand, make, |ptr| {
            // SAFETY: a terminated string.
            let seen = read(unsafe { CStr::from_ptr(ptr) }.to_str());
            release(ptr);
            seen
        })
        .arm_on(By::Mbox, make, |ptr| {
            // SAFETY: a terminated string in a malloc block of its own.
            unsafe { MString::from_raw(ptr) }.map_or(0, |text| look(text.as_bytes()))
        })
        .arm_on(By::Malloced, make, |ptr| {
            // SAFETY: a terminated string in a malloc block of its own.
            read(unsafe { Malloced::<CStr>::from_ptr(ptr) }.to_str())
        })
        .arm_on(By::MallocBuf, make, |ptr| {
            // SAFETY: a terminated string in a malloc block of its own.
            unsafe { Malloc::from_c_str(ptr) }.map_or(0, |text| look(text.as_bytes()))
        })
        .arm_on(By::CVec, make, |ptr| {
            // SAFETY: as many bytes in a malloc block of their own.
            let bytes = unsafe { CVec::new_with_dtor(ptr.cast::<u8>(), strlen(ptr), release) };
            read(std::str::from_utf8(bytes.as_ref()))
        })
        .arm_on(By::CBox, make, |ptr| {
            let string = CBox::<str>::new(ptr);
            let seen = read(std::str::from_utf8(string.as_bytes()));
            // SAFETY: the box gives up its block.
            release(unsafe { string.unwrap() });
            seen
        })
        .arm_on(By::Std, make, |ptr| {
            // SAFETY: a terminated string.
            let copy = unsafe { CStr::from_ptr(ptr) }.to_str().map(str::to_owned);
            release(ptr);
            copy.map_or(0, |text| look(std::hint::black_box(&text).as_bytes()))
        })
        .arm_on(By::AllocatorApi2, make, |ptr| {
            let bytes = ptr::slice_from_raw_parts_mut(ptr.cast::<u8>(), strlen(ptr));
            // SAFETY: as many bytes in a malloc block of their own.
            read(std::str::from_utf8(&unsafe {
                BoxIn::from_raw_in(bytes, CHeap)
            }))
        })
}

/// As [`string`], where the caller knows how large the block is: only this crate makes use of it.
pub(crate) fn bounded(name: &'static str, length: usize, calls: u32, rounds: usize) -> Task {
    let make = move || text(length);
    let bound = length + 1;
    string(name, length, calls, rounds)
        .instead(By::Us, make, move |ptr| {
            // SAFETY: a string that ends within the bound, in a malloc block of its own.
            let string = unsafe { Owned::<CStr>::from_raw_bounded(ptr, bound) };
            let text = string.ok().flatten().map(Owned::<CStr>::into_str);
            text.map_or(0, |text| text.map_or(0, |text| look(text.as_bytes())))
        })
        .instead(By::Hand, make, move |ptr| {
            // SAFETY: as many bytes are there.
            let bytes = unsafe { slice::from_raw_parts(ptr.cast::<u8>(), bound) };
            let string = CStr::from_bytes_until_nul(bytes);
            let seen = string.map_or(0, |string| read(string.to_str()));
            release(ptr);
            seen
        })
}
