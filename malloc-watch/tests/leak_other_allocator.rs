//! The leak checker in a program whose Rust has a heap of its own.

use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use malloc_watch::leak::{self, Status};

/// Takes from one piece and gives nothing back.
struct Piece;

const SIZE: usize = 64 << 20;

#[repr(align(4096))]
struct Pages(core::cell::UnsafeCell<[u8; SIZE]>);

// SAFETY: each byte is given to one caller alone.
unsafe impl Sync for Pages {}

static PAGES: Pages = Pages(core::cell::UnsafeCell::new([0; SIZE]));
static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: blocks are apart, as large and as aligned as asked for, up to a page, and stay for ever.
unsafe impl GlobalAlloc for Piece {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let room = layout.size() + layout.align();
        let start = TAKEN.fetch_add(room, Ordering::Relaxed);
        if start + room > SIZE {
            return ptr::null_mut();
        }
        let start = start.next_multiple_of(layout.align());
        PAGES.0.get().cast::<u8>().wrapping_add(start)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Piece = Piece;

#[test]
fn what_c_leaves_behind_is_found_and_a_report_says_that_rusts_is_not_seen() {
    if leak::status() != Status::Active {
        return; // the tests of the checker say why
    }
    assert!(!leak::sees_rust());
    let report = leak::scope(|| core::mem::forget(black_box(vec![1_u8; 100])));
    assert_eq!(report.blocks(), 0);
    assert!(
        report.to_string().contains("#[global_allocator]"),
        "{report}"
    );
    // SAFETY: a C string.
    let report = leak::scope(|| black_box(unsafe { libc::strdup(c"forgotten".as_ptr()) }));
    assert_eq!((report.blocks(), report.bytes()), (1, 10), "{report}");
    assert!(
        report.to_string().contains("#[global_allocator]"),
        "{report}"
    );
}
