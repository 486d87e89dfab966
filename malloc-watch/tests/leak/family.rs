//! Every function of the allocation family.

use crate::support::{found, free, is_active, left_by, malloc, realloc};
use core::ffi::c_void;
use core::hint::black_box;
use core::ptr;

unsafe extern "C" {
    fn pvalloc(size: usize) -> *mut c_void;
    fn valloc(size: usize) -> *mut c_void;
}

/// Allocates in a scope, in which exactly this is found; then frees it in another.
fn is_seen(bytes: u64, allocate: impl Fn() -> *mut c_void) {
    if !is_active() {
        return;
    }
    let (report, block) = left_by(|| black_box(allocate()));
    assert!(!block.is_null());
    assert_eq!(found(&report), (1, bytes), "{report}");
    let (report, ()) = left_by(|| {
        // SAFETY: each of these functions' blocks is for free.
        unsafe { free(block) };
    });
    assert_eq!(found(&report), (0, 0), "{report}");
    let (report, ()) = left_by(|| {
        // SAFETY: as above.
        unsafe { free(black_box(allocate())) };
    });
    assert_eq!(found(&report), (0, 0), "{report}");
}

#[test]
fn malloc_is_seen() {
    is_seen(123, || malloc(123));
    is_seen(0, || malloc(0));
    is_seen(50 << 20, || malloc(50 << 20));
}

#[test]
fn calloc_is_seen() {
    // SAFETY: no precondition.
    is_seen(21, || unsafe { libc::calloc(3, 7) });
}

#[test]
fn realloc_of_null_is_seen() {
    // SAFETY: NULL is allowed.
    is_seen(77, || unsafe { realloc(ptr::null_mut(), 77) });
}

#[test]
fn reallocarray_is_seen() {
    // SAFETY: NULL is allowed.
    is_seen(40, || unsafe { libc::reallocarray(ptr::null_mut(), 4, 10) });
}

#[test]
fn aligned_alloc_is_seen() {
    // SAFETY: a power of two, and a multiple of it.
    is_seen(128, || unsafe { libc::aligned_alloc(64, 128) });
}

#[test]
fn posix_memalign_is_seen() {
    is_seen(100, || {
        let mut block = ptr::null_mut();
        // SAFETY: a valid out-parameter, and a power of two.
        assert_eq!(unsafe { libc::posix_memalign(&raw mut block, 256, 100) }, 0);
        assert_eq!(block.addr() % 256, 0);
        block
    });
}

#[test]
fn memalign_is_seen() {
    // SAFETY: a power of two.
    is_seen(33, || unsafe { libc::memalign(4096, 33) });
}

#[test]
fn valloc_and_pvalloc_are_seen() {
    // SAFETY: no precondition.
    is_seen(10, || unsafe { valloc(10) });
    // SAFETY: no precondition.
    is_seen(10, || unsafe { pvalloc(10) });
}

#[test]
fn rust_allocates_in_the_same_heap() {
    if is_active() {
        let (report, _kept) = left_by(|| black_box(vec![0_u64; 4]));
        assert_eq!(found(&report), (1, 32), "{report}");
    }
}

#[test]
fn realloc_counts_the_last_size_once_wherever_it_moves() {
    if !is_active() {
        return;
    }
    for size in [1, 60, 100_000, 1 << 24] {
        let (report, block) = left_by(|| {
            let block = malloc(50);
            let in_its_way = malloc(50);
            // SAFETY: from malloc.
            let block = unsafe { realloc(block, size) };
            // SAFETY: from malloc.
            unsafe { free(in_its_way) };
            block
        });
        assert_eq!(found(&report), (1, size as u64), "{report}");
        // SAFETY: from realloc.
        unsafe { free(block) };
    }
}

#[test]
fn realloc_to_nothing_frees() {
    if is_active() {
        // SAFETY: from malloc; glibc frees it.
        let (report, block) = left_by(|| unsafe { realloc(malloc(50), 0) });
        assert!(block.is_null());
        assert_eq!(found(&report), (0, 0), "{report}");
    }
}

#[test]
fn realloc_that_fails_leaves_the_block_with_its_size() {
    if !is_active() {
        return;
    }
    let (report, block) = left_by(|| {
        let block = malloc(50);
        // SAFETY: from malloc.
        assert!(unsafe { realloc(block, usize::MAX / 2) }.is_null());
        // SAFETY: still that block; the product overflows.
        assert!(unsafe { libc::reallocarray(block, usize::MAX, 2) }.is_null());
        block
    });
    assert_eq!(found(&report), (1, 50), "{report}");
    // SAFETY: from malloc, and still there.
    unsafe { free(block) };
}

#[test]
fn failures_are_those_of_the_c_library() {
    if !is_active() {
        return;
    }
    let errno = || std::io::Error::last_os_error().raw_os_error();
    let (report, ()) = left_by(|| {
        let half = black_box(usize::MAX / 2 + 1);
        // SAFETY: no precondition.
        assert!(black_box(unsafe { libc::malloc(half) }).is_null());
        assert_eq!(errno(), Some(libc::ENOMEM));
        // SAFETY: no precondition.
        assert!(black_box(unsafe { libc::calloc(half, 2) }).is_null());
        assert_eq!(errno(), Some(libc::ENOMEM));
        let mut out = ptr::dangling_mut();
        // SAFETY: a valid out-parameter.
        let status = unsafe { libc::posix_memalign(&raw mut out, 3, 8) };
        assert_eq!((status, out), (libc::EINVAL, ptr::dangling_mut()));
        // SAFETY: a valid out-parameter.
        let status = unsafe { libc::posix_memalign(&raw mut out, 16, half) };
        assert_eq!((status, out), (libc::ENOMEM, ptr::dangling_mut()));
        // SAFETY: no precondition.
        assert!(black_box(unsafe { pvalloc(usize::MAX) }).is_null());
    });
    assert_eq!(found(&report), (0, 0), "{report}");
}

#[test]
fn errno_survives() {
    if !is_active() {
        return;
    }
    // SAFETY: no precondition.
    let errno = unsafe { libc::__errno_location() };
    let set = |value: i32| {
        // SAFETY: this thread's errno.
        unsafe { errno.write(value) };
    };
    let get = || {
        // SAFETY: this thread's errno.
        unsafe { errno.read() }
    };
    let (report, ()) = left_by(|| {
        set(4711);
        let small = malloc(10);
        assert_eq!(get(), 4711);
        let large = malloc(1 << 26); // beyond what the shadow has seen
        assert_eq!(get(), 4711);
        // SAFETY: from malloc.
        unsafe { free(small) };
        // SAFETY: from malloc.
        unsafe { free(large) };
        assert_eq!(get(), 4711);
    });
    assert_eq!(found(&report), (0, 0), "{report}");
}

#[test]
fn the_usable_size_is_the_c_librarys() {
    if is_active() {
        let (_, (block, usable)) = left_by(|| {
            let block = malloc(100);
            // SAFETY: from malloc.
            (block, unsafe { libc::malloc_usable_size(block) })
        });
        assert!((100..200).contains(&usable), "{usable}");
        // SAFETY: from malloc.
        unsafe { free(block) };
    }
}
