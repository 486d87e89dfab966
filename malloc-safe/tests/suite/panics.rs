//! A panic where a block is no more, and its owner does not know it yet, ends the process: the next
//! release would be the second.

use crate::hostile::Element;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};
use malloc_safe::{Allocator, CVec, Deallocator, Free, Owned, contents};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{self, Command};

/// Set in the process that is to end.
const VICTIM: &str = "MALLOC_SAFE_VICTIM";

const RELEASED_TWICE: i32 = 3;
const SURVIVED: i32 = 4;

static GONE: AtomicBool = AtomicBool::new(false);

/// Breaks its promise: it panics once the block is gone.
struct Panicking;

// SAFETY: malloc's blocks, which free releases; and a second release ends the process first.
unsafe impl<T: ?Sized> Deallocator<T> for Panicking
where
    Free: Deallocator<T>,
{
    type Contents = contents::Read;
    unsafe fn deallocate(block: NonNull<T>) {
        if GONE.swap(true, Ordering::Relaxed) {
            process::exit(RELEASED_TWICE);
        }
        // SAFETY: the caller's promise.
        unsafe { Free::deallocate(block) };
        panic!("after the release")
    }
}

// SAFETY: malloc's blocks; and nobody gets any further with the panic than these tests look.
unsafe impl Allocator for Panicking {
    const ALIGNMENT: usize = Free::ALIGNMENT;

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        Free::allocate(size)
    }

    unsafe fn reallocate(_: NonNull<u8>, _: usize, _: usize) -> Option<NonNull<u8>> {
        GONE.store(true, Ordering::Relaxed);
        panic!("after the release")
    }
}

/// Runs the test of this name once more in a process of its own, where it does what is forbidden.
fn ends_the_process(test: &str, forbidden: impl FnOnce()) {
    if env::var_os(VICTIM).is_some() {
        drop(catch_unwind(AssertUnwindSafe(forbidden)));
        process::exit(SURVIVED);
    }
    let victim = Command::new(env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env(VICTIM, "1")
        .output()
        .expect("this test runs");
    let said = String::from_utf8_lossy(&victim.stderr);
    assert!(said.contains("after the release"), "{said}");
    assert!(said.contains("cannot unwind"), "{said}");
    assert!(
        ![Some(RELEASED_TWICE), Some(SURVIVED), Some(0)].contains(&victim.status.code()),
        "{}",
        victim.status
    );
}

#[test]
fn a_panic_while_a_vector_grows_ends_the_process() {
    ends_the_process(
        "panics::a_panic_while_a_vector_grows_ends_the_process",
        || {
            let mut vec = CVec::<u8, Panicking>::try_with_capacity_in(1).expect("memory");
            let _ = vec.try_reserve(100);
        },
    );
}

#[cfg(feature = "allocator-api2")]
#[test]
fn a_panic_while_a_foreign_collection_grows_ends_the_process() {
    use allocator_api2::vec::Vec;
    use malloc_safe::Api2;

    ends_the_process(
        "panics::a_panic_while_a_foreign_collection_grows_ends_the_process",
        || {
            let mut vec = Vec::with_capacity_in(1, Api2::<Panicking>::new());
            vec.push(1_u8);
            vec.reserve(100);
        },
    );
}

#[cfg(feature = "allocator-api2")]
#[test]
fn a_panic_while_a_foreign_collection_gives_its_block_back_ends_the_process() {
    use allocator_api2::alloc::{Allocator as _, Layout};
    use malloc_safe::Api2;

    ends_the_process(
        "panics::a_panic_while_a_foreign_collection_gives_its_block_back_ends_the_process",
        || {
            let allocator = Api2::<Panicking>::new();
            let (byte, nothing) = (Layout::new::<u8>(), Layout::new::<()>());
            let block = allocator.allocate(byte).expect("memory").cast();
            // SAFETY: of this layout, and not used after `Ok`.
            let _ = unsafe { allocator.shrink(block, byte, nothing) };
        },
    );
}

/// Panics once the block is gone, as a deallocator must not.
struct Loud;

// SAFETY: malloc's blocks, which free releases, whatever is in them.
unsafe impl<T: ?Sized> Deallocator<T> for Loud {
    type Contents = contents::Ignored;

    unsafe fn deallocate(block: NonNull<T>) {
        // SAFETY: the caller's promise.
        unsafe { malloc_sys::free(block.as_ptr().cast()) };
        panic!("after the release")
    }
}

// SAFETY: malloc's blocks.
unsafe impl Allocator for Loud {
    const ALIGNMENT: usize = Free::ALIGNMENT;

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        Free::allocate(size)
    }

    unsafe fn reallocate(block: NonNull<u8>, old: usize, new: usize) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        unsafe { Free::reallocate(block, old, new) }
    }
}

#[test]
fn what_was_moved_out_is_dropped_although_the_release_panics() {
    let element = Element {
        value: 1,
        bomb: false,
    };
    let owner = Owned::<_, Loud>::try_new_in(element).expect("enough memory");
    let mut panicked = false;
    let dropped = Element::dropped_by(|| {
        panicked = catch_unwind(AssertUnwindSafe(|| Owned::into_inner(owner))).is_err();
    });
    assert_eq!((panicked, dropped), (true, 1));
}
