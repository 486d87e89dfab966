use core::ffi::{CStr, c_char};
use malloc_safe::{Owned, deallocator};

#[repr(C)]
pub struct Entry {
    name: *mut c_char, // entry_free frees it too
}

impl Entry {
    pub fn name(&self) -> &CStr {
        // SAFETY: only the library makes entries.
        unsafe { CStr::from_ptr(self.name) }
    }
}

unsafe extern "C" {
    fn entry_free(entry: *mut Entry);
}

deallocator! { pub struct EntryFree(Entry) = entry_free; }

fn one(entry: Owned<Entry, EntryFree>) -> Entry {
    Owned::into_inner(entry)
}

fn several(entries: Owned<[Entry], EntryFree>) {
    for entry in entries {
        println!("{:?}", entry.name());
    }
}

fn main() {}
