//! Whether the hooks survive the linker: the checker is active, and finds what C left behind.

use malloc_watch::leak::{self, Status};
use std::hint::black_box;

#[inline(never)]
fn innermost() -> *mut libc::c_void {
    // SAFETY: no precondition.
    black_box(unsafe { libc::malloc(black_box(7)) })
}

#[inline(never)]
fn middle() -> *mut libc::c_void {
    let block = innermost();
    black_box(block)
}

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
    // By name or by address, beyond the function that called malloc.
    let stack = leak::scope(|| black_box(middle()));
    assert!(stack.sites()[0].frames().len() > 2, "{stack}");
    // Where the heap lies beside address 0, what there is not must not be taken for a block there.
    leak::scope(|| {
        // SAFETY: no precondition.
        unsafe { libc::free(black_box(libc::malloc(100))) };
        // SAFETY: no precondition.
        let none = black_box(unsafe { libc::malloc(black_box(usize::MAX >> 2)) });
        assert!(none.is_null());
    })
    .assert_none();
}
