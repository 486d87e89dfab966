//! Uses the packaged crates as somebody would who wraps a C library.

use core::ffi::{CStr, c_char};
use malloc_safe::{NulTerminated, Out, Owned, out};

unsafe extern "C" {
    fn strdup(s: *const c_char) -> Option<Owned<NulTerminated<c_char>>>;
    fn asprintf(out: Out<'_, Owned<NulTerminated<c_char>>>, format: *const c_char, ...) -> i32;
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // SAFETY: the argument is a C string.
    let copy = unsafe { strdup(c"owned".as_ptr()) }.ok_or("out of memory")?;
    // SAFETY: the format takes one string.
    let (length, text) =
        out::owner(|out| unsafe { asprintf(out, c"<%s>".as_ptr(), Owned::as_ptr(&copy)) });
    assert_eq!(length, 7);
    println!("{}", text.ok_or("out of memory")?.to_str()?);
    println!("{}", Owned::<CStr>::try_from_bytes(b"made in Rust")?.into_str()?);
    Ok(())
}
