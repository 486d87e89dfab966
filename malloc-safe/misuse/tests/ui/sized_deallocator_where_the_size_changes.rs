use core::ffi::CStr;
use malloc_safe::{Owned, deallocator};

deallocator! { struct Unmap([any]) = libc::munmap; }

fn shrink(page: Owned<[u8], Unmap>) {
    let _ = page.into_c_str(); // munmap would get the length of the string
}

fn adopt(_: Owned<CStr, Unmap>) {}

fn one(_: Owned<u64, Unmap>) {}

fn main() {}
