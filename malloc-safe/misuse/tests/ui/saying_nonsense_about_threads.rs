use malloc_safe::{deallocator, handle};

deallocator! { struct AnyFree(any): Send = libc::free; }
deallocator! { struct NumberFree(u64): Copy = number_free; }
handle! { struct Number(u64): Sync = number_free; }

unsafe extern "C" {
    fn number_free(number: *mut u64);
}

fn main() {}
