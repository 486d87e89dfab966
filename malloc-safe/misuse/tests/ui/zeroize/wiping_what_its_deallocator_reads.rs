use malloc_safe::{Owned, Wipe, deallocator};

unsafe extern "C" fn free_list(_: *mut u64) {}

deallocator! { struct FreeList(u64) = free_list; }

fn list(_: Owned<u64, Wipe<FreeList>>) {}

fn main() {}
