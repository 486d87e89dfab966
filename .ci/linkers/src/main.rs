//! Whether the hooks survive the linker: the checker is active, and finds what C left behind.

use malloc_safe::leak::{self, Status};
use std::hint::black_box;

fn main() {
    assert_eq!(leak::status(), Status::Active);
    let leaked = leak::scope(|| {
        for _ in 0..1_000 {
            // SAFETY: a C string.
            black_box(unsafe { libc::strdup(c"forgotten".as_ptr()) });
        }
        std::thread::spawn(|| black_box(vec![1_u8; 500]).leak()).join().expect("no panic");
    });
    assert_eq!((leaked.blocks(), leaked.bytes()), (1_001, 10_500), "{leaked}");
    leak::scope(|| black_box(vec![1; 500])).assert_none();
}
