//! The C functions of the workload, declared with owners: what a wrapper's author writes.

use core::ffi::{c_char, c_int};
use core::ptr::NonNull;
use malloc_safe::{NulTerminated, Out, Owned, deallocator, out};
use malloc_sys as _;

deallocator! {
    /// Releases a token.
    pub(crate) struct TokenFree(c_char) = malloc_sys::token_free;
}

pub(crate) type CString<D = malloc_safe::Free> = Owned<NulTerminated<c_char>, D>;

unsafe extern "C" {
    pub(crate) safe fn functionMalloc() -> Option<CString>;
    pub(crate) safe fn workload_string(length: usize, fill: c_char) -> Option<CString>;
    pub(crate) safe fn workload_number(value: u64) -> Option<Owned<u64>>;
    pub(crate) safe fn workload_string_out(
        length: usize,
        fill: c_char,
        out: Out<'_, Owned<NulTerminated<c_char>>>,
    ) -> c_int;
    pub(crate) safe fn token_new(length: usize, fill: c_char) -> Option<CString<TokenFree>>;
    pub(crate) safe fn tokens_live() -> usize;
}

pub(crate) const DASH: c_char = c_char::from_ne_bytes([b'-']);

/// Transfer full: every string and the array are the caller's.
pub(crate) fn strings(count: usize, length: usize) -> Owned<[CString]> {
    let call = |out: *mut *mut CString, count_out| {
        // SAFETY: both out-parameters are valid, and a string's owner is its pointer.
        unsafe { malloc_sys::workload_strings(count, length, DASH, out.cast(), count_out) }
    };
    // SAFETY: the function stores NULL and 0, or a malloc array of that many malloc strings.
    let (status, strings) = unsafe { out::slice(call) };
    assert_eq!(status, 0);
    strings.expect("the function's pointer and count fit")
}

/// Transfer container: the array is the caller's, the names are not.
pub(crate) fn names() -> Owned<[NonNull<c_char>]> {
    let call = |out: *mut *mut NonNull<c_char>, count_out| {
        // SAFETY: both out-parameters are valid.
        unsafe { malloc_sys::workload_names(out.cast(), count_out) }
    };
    // SAFETY: the function stores NULL and 0, or a malloc array of that many pointers, none NULL.
    let (status, names) = unsafe { out::slice(call) };
    assert_eq!(status, 0);
    names.expect("the function's pointer and count fit")
}
