//! C's heap as allocator-api2 wants it: what its users write to own C memory with it.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

/// `malloc`, `realloc` and `free`, for types that need no stricter alignment than `malloc`'s.
#[derive(Clone, Copy)]
pub(crate) struct CHeap;

impl CHeap {
    fn block(ptr: *mut u8, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = NonNull::new(ptr).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(block, layout.size()))
    }

    fn fits(layout: Layout) -> Result<(), AllocError> {
        (layout.align() <= 2 * size_of::<usize>())
            .then_some(())
            .ok_or(AllocError)
    }
}

// SAFETY: blocks of malloc's live until they are freed, wherever the (empty) allocator moves.
unsafe impl Allocator for CHeap {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        Self::fits(layout)?;
        // SAFETY: malloc has no precondition.
        Self::block(
            unsafe { malloc_sys::malloc(layout.size().max(1)) }.cast(),
            layout,
        )
    }

    #[inline]
    unsafe fn deallocate(&self, ptr: NonNull<u8>, _: Layout) {
        // SAFETY: the caller hands over a block of this allocator's.
        unsafe { malloc_sys::free(ptr.as_ptr().cast()) }
    }

    #[inline]
    unsafe fn grow(
        &self,
        ptr: NonNull<u8>,
        _: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        Self::fits(new)?;
        // SAFETY: the caller hands over a block of this allocator's.
        Self::block(
            unsafe { malloc_sys::realloc(ptr.as_ptr().cast(), new.size().max(1)) }.cast(),
            new,
        )
    }
}
