use core::ptr::NonNull;
use malloc_safe::{Close, CloseFailure, Owned, deallocator};

deallocator! { struct FileClose(u64) = file_close; }
unsafe extern "C" fn file_close(_: *mut u64) -> i32 {
    0
}
unsafe impl Close<u64> for FileClose {
    type Status = i32;

    unsafe fn close(_: NonNull<u64>) -> Result<(), CloseFailure<i32>> {
        Ok(())
    }
}

fn twice(file: Owned<u64, FileClose>) {
    let _ = Owned::close(file);
    let _ = Owned::close(file);
}

fn without_a_status(number: Owned<u64>) {
    let _ = Owned::close(number);
}

fn main() {}
