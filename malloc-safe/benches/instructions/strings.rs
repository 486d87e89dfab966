//! Terminated strings, measured and not, with a deallocator of their own, through an out-parameter.

use std::ffi::{CStr, c_char, c_int};
use std::hint::black_box;
use std::ptr;

use malloc_safe::{NulTerminated, Out, Owned, deallocator, out};

use crate::{Pair, distinct, pair};

pub(crate) const PAIRS: &[Pair] = &[
    pair!("Owned<NulTerminated<c_char>>", string_owned, string_by_hand),
    pair!("Owned<CStr>", measured_owned, measured_by_hand),
    pair!("Owned<str>", text_owned, text_by_hand),
    pair!(
        "Owned<CStr>, made in Rust",
        c_string_owned,
        c_string_by_hand
    ),
    pair!("Out", out_owned, out_by_hand),
    pair!("own deallocator", token_owned, token_by_hand),
];

const DASH: c_char = c_char::from_ne_bytes([b'-']);

deallocator! { struct TokenFree(c_char) = malloc_sys::token_free; }

unsafe extern "C" {
    safe fn workload_string(length: usize, fill: c_char) -> Option<Owned<NulTerminated<c_char>>>;
    safe fn workload_string_out(
        length: usize,
        fill: c_char,
        out: Out<'_, Owned<NulTerminated<c_char>>>,
    ) -> c_int;
    safe fn token_new(
        length: usize,
        fill: c_char,
    ) -> Option<Owned<NulTerminated<c_char>, TokenFree>>;
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn string_owned() -> u64 {
    distinct!();
    workload_string(40, DASH).map_or(0, |string| string.to_bytes().len() as u64)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn string_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let string = unsafe { malloc_sys::workload_string(40, DASH) };
    if string.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a C string.
    let length = unsafe { CStr::from_ptr(string) }.to_bytes().len() as u64;
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(string.cast()) };
    length
}

/// Looks at the length and the contents.
fn look(string: &CStr) -> u64 {
    let bytes = string.to_bytes();
    bytes.first().map_or(0, |&byte| u64::from(byte)) ^ bytes.len() as u64
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn measured_owned() -> u64 {
    distinct!();
    let Some(string) = workload_string(40, DASH) else {
        return 0;
    };
    look(&string.measure())
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn measured_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let string = unsafe { malloc_sys::workload_string(40, DASH) };
    if string.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a C string.
    let seen = look(unsafe { CStr::from_ptr(string) });
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(string.cast()) };
    seen
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn text_owned() -> u64 {
    distinct!();
    let text = workload_string(40, DASH).and_then(|string| string.into_str().ok());
    text.map_or(0, |text| text.len() as u64)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn text_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let string = unsafe { malloc_sys::workload_string(40, DASH) };
    if string.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a C string.
    let text = unsafe { CStr::from_ptr(string) }.to_str();
    let length = text.map_or(0, |text| text.len() as u64);
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(string.cast()) };
    length
}

const KEY: &[u8] = b"key=value; path=/";

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn c_string_owned() -> u64 {
    distinct!();
    let string = Owned::<CStr>::try_from_bytes(black_box(KEY));
    string.map_or(0, |string| {
        black_box(string).to_bytes_with_nul().len() as u64
    })
}

/// Keeps the length beside the pointer, and refuses what is too long, as the owner does.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn c_string_by_hand() -> u64 {
    distinct!();
    let key = black_box(KEY);
    // SAFETY: as many bytes are there.
    let found = !key.is_empty() // memchr wants a block, even for no bytes
        && !unsafe { libc::memchr(key.as_ptr().cast(), 0, key.len()) }.is_null();
    if found {
        return 0;
    }
    let size = key.len() + 1;
    if isize::try_from(size).is_err() {
        return 0;
    }
    // SAFETY: malloc has no precondition.
    let string: *mut u8 = unsafe { malloc_sys::malloc(size) }.cast();
    if string.is_null() {
        return 0;
    }
    // SAFETY: room for the bytes, in a block that is new.
    unsafe { ptr::copy_nonoverlapping(key.as_ptr(), string, key.len()) };
    // SAFETY: the block is one byte longer.
    let end = unsafe { string.add(key.len()) };
    // SAFETY: in the block.
    unsafe { end.write(0) };
    let (string, size) = black_box((string, size));
    // SAFETY: from malloc, and not used again.
    unsafe { malloc_sys::free(string.cast()) };
    size as u64
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn out_owned() -> u64 {
    distinct!();
    let (status, string) = out::owner(|out| workload_string_out(40, DASH, out));
    string.map_or(0, |string| match status {
        0 => string.to_bytes().len() as u64,
        _ => 0,
    })
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn out_by_hand() -> u64 {
    distinct!();
    let mut string = ptr::null_mut();
    // SAFETY: a valid out-parameter.
    let status = unsafe { malloc_sys::workload_string_out(40, DASH, &raw mut string) };
    if string.is_null() {
        return 0;
    }
    let length = match status {
        // SAFETY: not NULL, so a C string.
        0 => unsafe { CStr::from_ptr(string) }.to_bytes().len() as u64,
        _ => 0,
    };
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(string.cast()) };
    length
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn token_owned() -> u64 {
    distinct!();
    token_new(40, DASH).map_or(0, |token| token.to_bytes().len() as u64)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn token_by_hand() -> u64 {
    distinct!();
    // SAFETY: no precondition.
    let token = unsafe { malloc_sys::token_new(40, DASH) };
    if token.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a C string.
    let length = unsafe { CStr::from_ptr(token) }.to_bytes().len() as u64;
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::token_free(token) };
    length
}
