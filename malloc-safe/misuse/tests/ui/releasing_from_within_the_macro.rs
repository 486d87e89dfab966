#![forbid(unsafe_op_in_unsafe_fn)]
use malloc_safe::deallocator;

deallocator! {
    struct Sneaky(any) = {
        __malloc_safe_release(core::ptr::without_provenance_mut(0x1000));
        libc::free
    };
}

fn main() {}
