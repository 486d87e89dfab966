use crate::hostile::{Counting, Element};
use allocator_api2::alloc::{Allocator, Layout};
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use core::ffi::c_char;
use core::ptr::NonNull;
use malloc_safe::{Api2, CVec, Free, NulTerminated, Owned};
use static_assertions::{assert_impl_all, assert_not_impl_any};

type Heap = Api2<Counting>;
const HEAP: Heap = Api2::new();

assert_impl_all!(Vec<u8, Free>: Send, Sync);
assert_impl_all!(Vec<u8, Heap>: Send, Sync);
assert_not_impl_any!(Api2<crate::layout::AffineHeap>: Send, Sync);

#[test]
fn a_vector_in_c_s_heap_can_be_handed_to_c() {
    let mut text: Vec<u8, Free> = Vec::new_in(Free);
    text.extend_from_slice(b"for C\0");
    let (ptr, _, _, _) = text.into_raw_parts_with_alloc();
    // SAFETY: the vector had a malloc block with a C string in it, and gave it up.
    let text = unsafe { Owned::<NulTerminated<c_char>>::from_raw(ptr.cast()) };
    assert_eq!(text.expect("not NULL").to_c_str(), c"for C");
}

#[test]
fn a_block_of_c_becomes_a_vector() {
    let (ptr, len, capacity) = CVec::<u32>::try_from_iter([1, 2, 3])
        .expect("enough memory")
        .into_raw_parts();
    // SAFETY: a malloc block of that capacity, with so many elements.
    let mut numbers = unsafe { Vec::from_raw_parts_in(ptr, len, capacity, Free) };
    numbers.extend(4..100);
    assert_eq!(numbers.iter().sum::<u32>(), 99 * 50);
}

#[test]
fn other_collections_live_there_too() {
    let mut map = hashbrown::HashMap::new_in(HEAP);
    for n in 0..1000_u32 {
        map.insert(n, n.to_string());
    }
    assert_eq!(map.get(&999).map(String::as_str), Some("999"));
    assert_eq!(Counting::live(), 1);
    drop(map);
    let boxed = Box::new_in([7_u64; 4], HEAP);
    assert_eq!((boxed[3], Counting::live()), (7, 1));
    drop(boxed);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn elements_and_block_end_with_the_vector() {
    let dropped = Element::dropped_by(|| {
        let mut elements = Vec::new_in(HEAP);
        elements.extend((0..100).map(|value| Element { value, bomb: false }));
        elements.truncate(3);
        elements.shrink_to_fit();
        assert_eq!((elements.capacity(), Counting::live()), (3, 1));
    });
    assert_eq!((dropped, Counting::live()), (100, 0));
}

#[test]
fn memory_that_runs_out_is_an_error() {
    let mut numbers = Vec::<u64, Heap>::new_in(HEAP);
    Counting::with_budget(1, || {
        numbers.try_reserve_exact(2).expect("one");
        numbers.extend([1, 2]);
        assert!(numbers.try_reserve(1).is_err());
    });
    assert_eq!(numbers, [1, 2]);
    let most = layout(isize::MAX as usize, 1);
    assert!(Free.allocate(most).is_err() && Free.allocate_zeroed(most).is_err());
}

#[test]
fn nothing_needs_no_block() {
    Counting::with_budget(0, || {
        let units: Vec<(), Heap> =
            core::iter::repeat_n((), 1000).fold(Vec::new_in(HEAP), |mut v, ()| {
                v.push(());
                v
            });
        assert_eq!((units.len(), Counting::live()), (1000, 0));
        drop(Box::new_in((), HEAP));
    });
    let layout = Layout::from_size_align(0, 4096).expect("an alignment");
    let nothing = HEAP.allocate(layout).expect("it needs no memory");
    assert!(nothing.is_empty() && nothing.addr().get() % 4096 == 0);
    // SAFETY: allocated with this layout.
    unsafe { HEAP.deallocate(nothing.cast(), layout) };
}

#[repr(align(64))]
struct CacheLine(u8);

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("an alignment")
}

/// Takes a block through these layouts, and sees that it keeps its bytes and is aligned.
fn resized(heap: &impl Allocator, layouts: &[Layout]) {
    let mut before = layout(0, 1);
    let mut block = heap.allocate(before).expect("nothing");
    let mut written: &[u8] = &[];
    for &now in layouts {
        let ptr: NonNull<u8> = block.cast();
        let resized = if now.size() < before.size() {
            // SAFETY: allocated with the layout before, and not used again if this succeeds.
            unsafe { heap.shrink(ptr, before, now) }
        } else {
            // SAFETY: as above.
            unsafe { heap.grow(ptr, before, now) }
        };
        block = resized.expect("enough memory");
        assert_eq!(block.len(), now.size());
        assert!(block.addr().get() % now.align() == 0, "{now:?}");
        let kept = written.len().min(now.size());
        let first: NonNull<u8> = block.cast();
        // SAFETY: so many bytes were written before, and are in the block now.
        let seen = unsafe { core::slice::from_raw_parts(first.as_ptr(), kept) };
        assert_eq!(seen, &written[..kept]);
        written = &b"0123456789abcdefghijklmnopqrstuvwxyz"[..now.size().min(36)];
        // SAFETY: the block is so large.
        unsafe { first.copy_from_nonoverlapping(NonNull::from(written).cast(), written.len()) };
        before = now;
    }
    // SAFETY: allocated with this layout, and not used again.
    unsafe { heap.deallocate(block.cast(), before) };
}

#[test]
fn a_block_keeps_its_bytes_however_it_is_resized() {
    let usual = [
        layout(1, 16),
        layout(20, 1),
        layout(3, 8),
        layout(0, 8),
        layout(36, 4),
        layout(100_000, 16),
        layout(30, 2),
        layout(0, 1),
    ];
    resized(&HEAP, &usual);
    assert_eq!(Counting::live(), 0);
    resized(&Free, &usual);
}

#[cfg(unix)]
#[test]
fn blocks_are_aligned_as_strictly_as_they_are_asked_to_be() {
    resized(
        &Free,
        &[
            layout(10, 64),
            layout(1000, 4096),
            layout(2000, 4096),
            layout(36, 8),
            layout(36, 128),
            layout(7, 32),
            layout(0, 128),
        ],
    );

    let mut lines = Vec::new_in(Free);
    for n in 0..100 {
        lines.push(CacheLine(n));
        assert!(lines.as_ptr().addr() % 64 == 0);
    }
    assert!((0..).zip(&lines).all(|(n, line)| line.0 == n));
    lines.truncate(1);
    lines.shrink_to_fit();
    assert_eq!(lines[0].0, 0);

    let zeroes = layout(100, 256);
    let block = Free.allocate_zeroed(zeroes).expect("enough memory");
    // SAFETY: the bytes are written.
    assert_eq!(unsafe { block.as_ref() }, [0; 100]);
    // SAFETY: allocated with this layout, and not used again.
    unsafe { Free.deallocate(block.cast(), zeroes) };
}

#[test]
fn an_alignment_that_the_library_does_not_give_is_an_error() {
    assert!(HEAP.allocate(layout(64, 64)).is_err());
    let mut lines = Vec::<CacheLine, Heap>::new_in(HEAP);
    assert!(lines.try_reserve(1).is_err());

    let small = layout(8, 8);
    let block = HEAP.allocate(small).expect("enough memory").cast();
    // SAFETY: allocated with this layout; it fails, so the block is still there.
    assert!(unsafe { HEAP.grow(block, small, layout(64, 64)) }.is_err());
    // SAFETY: as above, and not used again.
    unsafe { HEAP.deallocate(block, small) };
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_small_block_is_aligned_as_a_large_type_is() {
    let heap = Api2::<crate::alloc::Grudging>::new();
    for align in [2, 4, 8, 16] {
        let block = heap.allocate(layout(1, align)).expect("enough room");
        assert!(block.addr().get() % align == 0);
    }
}

#[test]
fn zeroed_blocks_are_zero() {
    for now in [layout(1000, 8), layout(1, 16)] {
        let block = Free.allocate_zeroed(now).expect("enough memory");
        // SAFETY: the bytes are written.
        assert!(unsafe { block.as_ref() }.iter().all(|&byte| byte == 0));
        // SAFETY: allocated with this layout, and not used again.
        unsafe { Free.deallocate(block.cast(), now) };
    }
    let nothing = Free
        .allocate_zeroed(layout(0, 8))
        .expect("it needs no memory");
    assert!(nothing.is_empty());
}
