use core::ptr::NonNull;
use malloc_safe::{RefCounted, Shared, deallocator};

deallocator! { struct Unref(u64) = unref; }
unsafe extern "C" fn unref(_: *mut u64) {}
unsafe impl RefCounted<u64> for Unref {
    unsafe fn retain(_: NonNull<u64>) {}
}

fn alias(one: Shared<u64, Unref>) {
    let two = one.clone();
    *one += 1;
    drop(two);
}

fn main() {}
