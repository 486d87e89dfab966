//! How large a vector's block is, and that all of it is given back.

use core::cell::Cell;
use core::ptr::NonNull;
use malloc_safe::{Allocator, CVec, Deallocator, Free, Owned};

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
    static RELEASED: Cell<usize> = const { Cell::new(0) };
}

/// malloc and free, remembering the last size asked for and the last length released.
struct Recording;

// SAFETY: as Free.
unsafe impl<T> Deallocator<[T]> for Recording {
    type Contents = malloc_safe::contents::Ignored;
    unsafe fn deallocate(ptr: NonNull<[T]>) {
        RELEASED.set(ptr.len());
        // SAFETY: the caller promises as much.
        unsafe { Free::deallocate(ptr) }
    }
}

// SAFETY: as Free.
unsafe impl Allocator for Recording {
    const ALIGNMENT: usize = Free::ALIGNMENT;

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        ASKED.set(size);
        Free::allocate(size)
    }

    unsafe fn reallocate(block: NonNull<u8>, old: usize, new: usize) -> Option<NonNull<u8>> {
        assert_eq!(old, ASKED.replace(new), "what the block is known to have");
        // SAFETY: the caller promises as much.
        unsafe { Free::reallocate(block, old, new) }
    }
}

fn with_room() -> CVec<u16, Recording> {
    let mut vector = CVec::try_with_capacity_in(10).expect("enough memory");
    vector.try_extend([1, 2, 3]).expect("room");
    vector
}

#[test]
fn the_whole_block_is_released_not_the_elements_alone() {
    // So that a deallocator that wipes reaches what was popped.
    type End = fn(CVec<u16, Recording>);
    const ENDS: [End; 3] = [
        |vector| drop(vector),
        |vector| drop(vector.into_iter()),
        |mut vector| {
            vector.clear();
            vector.try_shrink_to_fit().expect("it only frees");
        },
    ];
    for end in ENDS {
        RELEASED.set(0);
        end(with_room());
        assert_eq!(RELEASED.get(), 10);
    }
}

#[test]
fn a_block_grows_to_what_is_asked_for_or_twice_what_it_was() {
    let mut vector = with_room();
    assert_eq!(ASKED.get(), 20);
    vector.try_reserve_exact(8).expect("enough memory");
    assert_eq!((vector.capacity(), ASKED.get()), (11, 22));
    vector.try_reserve(9).expect("enough memory");
    assert_eq!((vector.capacity(), ASKED.get()), (22, 44));
    vector.try_reserve(100).expect("enough memory");
    assert_eq!((vector.capacity(), ASKED.get()), (103, 206));
    vector.try_shrink_to_fit().expect("enough memory");
    assert_eq!((vector.capacity(), ASKED.get()), (3, 6));
}

#[test]
fn a_first_block_is_worth_allocating() {
    fn first<T: Unpin>(element: T) -> usize {
        let mut vector = CVec::<T, Recording>::new_in();
        assert!(vector.try_push(element).is_ok());
        vector.capacity()
    }
    assert_eq!((first(0_u8), first(0_u16), first(0_u64)), (32, 16, 4));
    assert_eq!((first([0_u8; 3]), first([0_u64; 9])), (10, 4));
    assert_eq!((first([0_u64; 1000]), first(())), (1, usize::MAX));
}

#[test]
fn a_collected_slice_has_no_room_to_spare() {
    let odd = (0..100_u16).filter(|n| n % 2 > 0); // promises nothing
    let slice = Owned::<[u16], Recording>::try_from_iter_in(odd).expect("enough memory");
    assert_eq!((slice.len(), ASKED.get()), (50, 100));
}
