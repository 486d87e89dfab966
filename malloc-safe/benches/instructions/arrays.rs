//! Several elements: counted, terminated, owned one by one, moved out one by one.

use std::ffi::{CStr, c_char};
use std::ptr;
use std::slice;

use malloc_safe::{Each, Free, LentCStr, NulTerminated, Owned, RawPartsError, out};

use crate::{Pair, distinct, pair};

pub(crate) const PAIRS: &[Pair] = &[
    pair!("Owned<[u8]>", slice_owned, slice_by_hand),
    pair!("Owned<[u8]>, into_iter", bytes_owned, bytes_by_hand),
    pair!("Owned<NulTerminated<*const T>>", list_owned, list_by_hand),
    pair!("Owned<[Owned<T>]>", deep_owned, deep_by_hand),
    pair!("Owned<[LentCStr], Each>", each_owned, each_by_hand),
    pair!("Owned<NulTerminated<LentCStr>>", lent_owned, lent_by_hand),
];

/// A length that no slice can have, or NULL with a length: refused by owners, and by hand.
fn is_impossible<T>(ptr: *const T, len: usize) -> bool {
    len > isize::MAX as usize / size_of::<T>() || (ptr.is_null() && len != 0)
}

fn buffer_owned() -> (i32, Result<Owned<[u8]>, RawPartsError<u8>>) {
    let call = |ptr: *mut *mut u8, len: *mut usize| {
        // SAFETY: both out-parameters are valid.
        unsafe { malloc_sys::workload_buffer(40, 45, ptr, len) }
    };
    // SAFETY: the function stores NULL and 0, or a malloc block and its length.
    unsafe { out::slice::<u8, Free, _>(call) }
}

/// The block and its length; NULL if there is none.
fn buffer_by_hand() -> (*mut u8, usize) {
    let (mut ptr, mut len) = (ptr::null_mut(), 0);
    // SAFETY: both out-parameters are valid.
    let status = unsafe { malloc_sys::workload_buffer(40, 45, &raw mut ptr, &raw mut len) };
    if status != 0 || is_impossible(ptr, len) {
        // SAFETY: NULL, or transfer full and not used again.
        unsafe { malloc_sys::free(ptr.cast()) };
        return (ptr::null_mut(), 0);
    }
    (ptr, len)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn slice_owned() -> u64 {
    distinct!();
    match buffer_owned() {
        (0, Ok(bytes)) => bytes.len() as u64 + bytes.last().map_or(0, |&byte| u64::from(byte)),
        _ => 0,
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn slice_by_hand() -> u64 {
    distinct!();
    let (ptr, len) = buffer_by_hand();
    if ptr.is_null() {
        return 0;
    }
    // SAFETY: not NULL, and the function says that so many bytes are there.
    let bytes = unsafe { slice::from_raw_parts(ptr, len) };
    let sum = bytes.len() as u64 + bytes.last().map_or(0, |&byte| u64::from(byte));
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(ptr.cast()) };
    sum
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bytes_owned() -> u64 {
    distinct!();
    match buffer_owned() {
        (0, Ok(bytes)) => {
            let mut hash = 0_u64;
            for byte in bytes {
                hash = hash.rotate_left(5) ^ u64::from(byte);
            }
            hash
        }
        _ => 0,
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn bytes_by_hand() -> u64 {
    distinct!();
    let (ptr, len) = buffer_by_hand();
    if ptr.is_null() {
        return 0;
    }
    let mut hash = 0_u64;
    for position in 0..len {
        // SAFETY: not NULL, and the function says that so many bytes are there.
        let byte = unsafe { ptr.add(position) };
        // SAFETY: as above.
        hash = hash.rotate_left(5) ^ u64::from(unsafe { byte.read() });
    }
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(ptr.cast()) };
    hash
}

unsafe extern "C" {
    safe fn workload_name_list() -> Option<Owned<NulTerminated<*const c_char>>>;
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn list_owned() -> u64 {
    distinct!();
    workload_name_list().map_or(0, |names| names.to_slice().len() as u64)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn list_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let names = unsafe { malloc_sys::workload_name_list() };
    if names.is_null() {
        return 0;
    }
    let mut len = 0;
    // SAFETY: not past the NULL.
    let mut name = unsafe { names.read() };
    while !name.is_null() {
        len += 1;
        // SAFETY: behind a name there is another, or the NULL.
        let next = unsafe { names.add(len) };
        // SAFETY: as above.
        name = unsafe { next.read() };
    }
    // SAFETY: as many names were found.
    let length = unsafe { slice::from_raw_parts(names, len) }.len() as u64;
    // SAFETY: transfer container, and not used again.
    unsafe { malloc_sys::free(names.cast()) };
    length
}

type CString = Owned<NulTerminated<c_char>>;

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn deep_owned() -> u64 {
    distinct!();
    let call = |ptr: *mut *mut Option<CString>, len: *mut usize| {
        // SAFETY: both out-parameters are valid.
        unsafe { malloc_sys::workload_strings(5, 10, 45, ptr.cast(), len) }
    };
    // SAFETY: the function stores NULL and 0, or an array of strings, all of them malloc's.
    match unsafe { out::slice::<Option<CString>, Free, _>(call) } {
        (0, Ok(strings)) => strings.len() as u64,
        _ => 0,
    }
}

/// The array and its length; NULL if there is none.
fn strings_by_hand() -> (*mut *mut c_char, usize) {
    let (mut ptr, mut len) = (ptr::null_mut(), 0);
    // SAFETY: both out-parameters are valid.
    let status = unsafe { malloc_sys::workload_strings(5, 10, 45, &raw mut ptr, &raw mut len) };
    if status != 0 || is_impossible(ptr, len) {
        // SAFETY: NULL, or transfer full and not used again.
        unsafe { malloc_sys::free(ptr.cast()) };
        return (ptr::null_mut(), 0);
    }
    (ptr, len)
}

/// Frees each string, then the array.
fn free_strings(ptr: *mut *mut c_char, len: usize) {
    // SAFETY: not NULL, and the function says that so many strings are there.
    for &string in unsafe { slice::from_raw_parts(ptr, len) } {
        if !string.is_null() {
            // SAFETY: transfer full, and not used again.
            unsafe { malloc_sys::free(string.cast()) };
        }
    }
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(ptr.cast()) };
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn deep_by_hand() -> u64 {
    distinct!();
    let (ptr, len) = strings_by_hand();
    if ptr.is_null() {
        return 0;
    }
    free_strings(ptr, len);
    len as u64
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn each_owned() -> u64 {
    distinct!();
    let call = |ptr: *mut *mut LentCStr, len: *mut usize| {
        // SAFETY: both out-parameters are valid.
        unsafe { malloc_sys::workload_strings(5, 10, 45, ptr.cast(), len) }
    };
    // SAFETY: the function stores NULL and 0, or an array of strings, all of them malloc's.
    let (status, strings) = unsafe { out::slice::<LentCStr, Each<Free>, _>(call) };
    let Ok(strings) = strings else {
        return 0;
    };
    if status != 0 {
        return 0;
    }
    let mut sum = 0;
    for string in strings.iter().flatten() {
        sum += string.count_bytes();
    }
    sum as u64
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn each_by_hand() -> u64 {
    distinct!();
    let (ptr, len) = strings_by_hand();
    if ptr.is_null() {
        return 0;
    }
    let mut sum = 0;
    // SAFETY: not NULL, and the function says that so many strings are there.
    for &string in unsafe { slice::from_raw_parts(ptr, len) } {
        if !string.is_null() {
            // SAFETY: not NULL, so a C string.
            sum += unsafe { CStr::from_ptr(string) }.count_bytes();
        }
    }
    free_strings(ptr, len);
    sum as u64
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn lent_owned() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let names = unsafe { malloc_sys::workload_name_list() };
    // SAFETY: NULL, or an array of names that live forever, in a malloc block, up to a NULL.
    let names = unsafe { Owned::<NulTerminated<LentCStr>>::from_raw(names.cast()) };
    names.map_or(0, |names| {
        let lengths = names.iter().map(CStr::count_bytes);
        lengths.sum::<usize>() as u64
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn lent_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let names = unsafe { malloc_sys::workload_name_list() };
    if names.is_null() {
        return 0;
    }
    let mut sum = 0;
    let mut next = names;
    loop {
        // SAFETY: not past the NULL.
        let name = unsafe { next.read() };
        if name.is_null() {
            break;
        }
        // SAFETY: not NULL, so a C string.
        sum += unsafe { CStr::from_ptr(name) }.count_bytes();
        // SAFETY: behind a name there is another, or the NULL.
        next = unsafe { next.add(1) };
    }
    // SAFETY: transfer container, and not used again.
    unsafe { malloc_sys::free(names.cast()) };
    sum as u64
}
