//! A deallocator that counts, and elements whose destructors panic.
//!
//! Counting is per thread, and so per test.

use core::alloc::Layout;
use core::cell::{Cell, RefCell};
use core::ffi::{CStr, c_void};
use core::ptr::NonNull;
use malloc_safe::{Allocator, Deallocator};
use std::collections::HashSet;

thread_local! {
    static LIVE: RefCell<HashSet<usize>> = RefCell::default();
    static BUDGET: Cell<usize> = const { Cell::new(usize::MAX) };
    static DROPPED: Cell<usize> = const { Cell::new(0) };
}

/// malloc and free, refusing what it did not allocate and what is already gone.
#[derive(Debug)]
pub(crate) struct Counting;

impl Counting {
    /// How many of its blocks are live in this thread.
    pub(crate) fn live() -> usize {
        LIVE.with_borrow(HashSet::len)
    }

    /// Lets so many allocations and reallocations of this thread succeed during `run`, and no more.
    pub(crate) fn with_budget<R>(allocations: usize, run: impl FnOnce() -> R) -> R {
        BUDGET.set(allocations);
        let result = run();
        BUDGET.set(usize::MAX);
        result
    }
}

// SAFETY: the blocks are malloc's, and so is the release; sets of addresses only watch.
unsafe impl<T: ?Sized> Deallocator<T> for Counting {
    type Contents = malloc_safe::contents::Ignored;
    unsafe fn deallocate(ptr: NonNull<T>) {
        let known = LIVE.with_borrow_mut(|live| live.remove(&ptr.addr().get()));
        assert!(known, "{ptr:p} is released twice, or was never allocated");
        // SAFETY: the block is live, and malloc's.
        unsafe { malloc_sys::free(ptr.as_ptr().cast()) }
    }
}

// SAFETY: malloc's blocks, with malloc's alignment.
unsafe impl Allocator for Counting {
    const ALIGNMENT: usize = align_of::<libc::max_align_t>();

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        assert_ne!(size, 0, "allocators are never asked for nothing");
        let left = BUDGET.get().checked_sub(1)?;
        BUDGET.set(left);
        // SAFETY: malloc has no precondition.
        let block = NonNull::new(unsafe { malloc_sys::malloc(size) }.cast())?;
        LIVE.with_borrow_mut(|live| live.insert(block.addr().get()));
        Some(block)
    }

    /// Always moves, so that a pointer that was kept is one into a freed block.
    unsafe fn reallocate(old: NonNull<u8>, kept: usize, size: usize) -> Option<NonNull<u8>> {
        let new = Self::allocate(size)?;
        // SAFETY: the caller says that the old block is so long, and the new one is apart from it.
        unsafe { new.copy_from_nonoverlapping(old, kept.min(size)) };
        // SAFETY: the caller gives the old block up.
        unsafe { <Self as Deallocator<u8>>::deallocate(old) };
        Some(new)
    }
}

/// A block of raw memory that the counting deallocator accepts, for tests that adopt.
pub(crate) fn counted_block(layout: Layout) -> NonNull<u8> {
    Counting::allocate(layout.size().max(1)).expect("enough memory")
}

/// The same release as a C function.
pub(crate) unsafe extern "C" fn counted_free(block: *mut c_void) {
    let block = NonNull::new(block).expect("owners release no NULL");
    // SAFETY: the caller hands over a counted block.
    unsafe { Counting::deallocate(block) }
}

/// Counts its destructor's runs in this thread; `bomb` makes that destructor panic.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Element {
    pub(crate) value: u32,
    pub(crate) bomb: bool,
}

impl Element {
    /// How many destructors `run` causes to run in this thread.
    pub(crate) fn dropped_by(run: impl FnOnce()) -> usize {
        let before = DROPPED.get();
        run();
        DROPPED.get() - before
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
        assert!(!self.bomb, "element {} explodes", self.value);
    }
}

/// The same without a size.
#[derive(Clone)]
pub(crate) struct Nothing;

impl Drop for Nothing {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

/// A C string in a counted block.
pub(crate) fn counted_c_str(bytes: &[u8]) -> malloc_safe::Owned<CStr, Counting> {
    malloc_safe::Owned::try_from_bytes_in(bytes).expect("no NUL, enough memory")
}
