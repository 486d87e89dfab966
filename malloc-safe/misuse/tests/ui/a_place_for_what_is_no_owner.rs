use core::ffi::{c_char, c_int};
use malloc_safe::Out;

unsafe extern "C" {
    safe fn error_message(out: Out<'_, c_char>) -> c_int;
}

fn main() {}
