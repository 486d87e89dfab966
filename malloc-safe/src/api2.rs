//! The trait `Allocator` of the crate `allocator-api2`: collections of others in C's heap.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator as Api2Allocator, Layout};

use crate::alloc::reallocate_bytes;
use crate::{Allocator, Deallocator, Free};

/// A collection with this allocator has its block from `malloc`:
/// `allocator_api2::vec::Vec<T, Free>`.
///
/// On Unix, also layouts that are aligned more strictly than `malloc`'s blocks are served, by
/// `posix_memalign`; elsewhere they are an error. A layout of size 0 gets no block: the pointer of
/// an empty collection is dangling, and not C's to free.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use malloc_safe::{CVec, Free};
///
/// let mut names = Vec::new_in(Free);
/// names.push(7_u32);
/// let (ptr, len, capacity, _) = names.into_raw_parts_with_alloc();
/// // SAFETY: with an element in it the vector had a malloc block, which it gave up.
/// let names = unsafe { CVec::<u32>::from_raw_parts(ptr, len, capacity) }?;
/// assert_eq!(*names, [7]);
/// # Ok::<(), malloc_safe::RawPartsError<u32>>(())
/// ```
// SAFETY: every block is malloc's, as large as the layout and aligned for it, until it is freed or
// reallocated; copies of Free are the same allocator.
unsafe impl Api2Allocator for Free {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        allocate::<Self>(layout, over_aligned)
    }

    #[inline]
    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 || layout.align() > Self::ALIGNMENT {
            let block = self.allocate(layout)?;
            // SAFETY: the block is new, and so large.
            unsafe { block.cast::<u8>().write_bytes(0, layout.size()) };
            return Ok(block);
        }
        // SAFETY: calloc has no precondition. It need not touch fresh pages.
        let block = unsafe { malloc_sys::calloc(1, size_of_block(layout)) };
        sized(NonNull::new(block.cast()), layout)
    }

    #[inline]
    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller promises the same.
        unsafe { deallocate::<Self>(ptr, layout) }
    }

    #[inline]
    unsafe fn grow(
        &self,
        ptr: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller promises the same.
        unsafe { resize::<Self>(ptr, old, new, over_aligned) }
    }

    #[inline]
    unsafe fn shrink(
        &self,
        ptr: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller promises the same.
        unsafe { resize::<Self>(ptr, old, new, over_aligned) }
    }
}

/// Any [`Allocator`] of this crate's as one of `allocator-api2`'s: `Vec<T, Api2<SqliteHeap>>`.
///
/// [`Free`] needs no such wrapper. A layout that is aligned more strictly than
/// [`Allocator::ALIGNMENT`] is an error; one of size 0 gets no block.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use malloc_safe::{Api2, Free};
///
/// // The same for the allocator of a library.
/// let mut numbers = Vec::new_in(Api2::<Free>::new());
/// numbers.extend([1, 2, 3]);
/// assert_eq!(numbers, [1, 2, 3]);
/// ```
///
/// No coercion exchanges the allocator of a collection, not even for a supertype, which may have
/// another heap:
///
/// ```compile_fail
/// # use core::marker::PhantomData;
/// # use core::ptr::NonNull;
/// # use malloc_safe::{Allocator, Api2, Deallocator};
/// # struct Arena<'a>(PhantomData<&'a ()>);
/// # unsafe impl<T> Deallocator<T> for Arena<'_> {
/// #     type Contents = malloc_safe::contents::Ignored;
/// #     unsafe fn deallocate(_: NonNull<T>) {}
/// # }
/// # unsafe impl Allocator for Arena<'_> {
/// #     const ALIGNMENT: usize = 1;
/// #     fn allocate(_: usize) -> Option<NonNull<u8>> { None }
/// #     unsafe fn reallocate(_: NonNull<u8>, _: usize, _: usize) -> Option<NonNull<u8>> { None }
/// # }
/// fn shorten<'short>(allocator: Api2<Arena<'static>>) -> Api2<Arena<'short>> {
///     allocator
/// }
/// ```
#[repr(transparent)]
pub struct Api2<A: Allocator + Deallocator<u8>>(
    PhantomData<*const ()>, // neither Send nor Sync, but for what is said below
    // Invariant in A: a coercion must not exchange one allocator for another.
    PhantomData<fn(A) -> A>,
);

// SAFETY: scenario: a collection with this allocator goes to another thread, and releases there.
unsafe impl<A: Allocator + Deallocator<u8> + Send> Send for Api2<A> {}

// SAFETY: scenario: two threads have collections with `&Api2`. Each allocates and releases through
// it, so a block may be released in a thread that did not allocate it: A must be Send as well.
unsafe impl<A: Allocator + Deallocator<u8> + Send + Sync> Sync for Api2<A> {}

impl<A: Allocator + Deallocator<u8>> Api2<A> {
    /// The allocator; there is nothing in it.
    ///
    /// ```
    /// use allocator_api2::boxed::Box;
    /// use malloc_safe::{Api2, Free};
    ///
    /// let number = Box::new_in(7, Api2::<Free>::new());
    /// assert_eq!(*number, 7);
    /// ```
    pub const fn new() -> Self {
        Self(PhantomData, PhantomData)
    }
}

// SAFETY: every block is A's, as large as the layout and aligned for it, until it is released or
// reallocated; all values of the type are the same allocator.
unsafe impl<A: Allocator + Deallocator<u8>> Api2Allocator for Api2<A> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        allocate::<A>(layout, |_| None)
    }

    #[inline]
    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller promises the same.
        unsafe { deallocate::<A>(ptr, layout) }
    }

    #[inline]
    unsafe fn grow(
        &self,
        ptr: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller promises the same.
        unsafe { resize::<A>(ptr, old, new, |_| None) }
    }

    #[inline]
    unsafe fn shrink(
        &self,
        ptr: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller promises the same.
        unsafe { resize::<A>(ptr, old, new, |_| None) }
    }
}

impl<A: Allocator + Deallocator<u8>> Default for Api2<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Allocator + Deallocator<u8>> Clone for Api2<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Allocator + Deallocator<u8>> Copy for Api2<A> {}

impl<A: Allocator + Deallocator<u8>> fmt::Debug for Api2<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api2")
    }
}

/// Allocates what an [`Allocator`] cannot: a layout aligned more strictly than its blocks are.
type OverAligned = fn(Layout) -> Option<NonNull<u8>>;

#[cfg(unix)]
fn over_aligned(layout: Layout) -> Option<NonNull<u8>> {
    let mut block = core::ptr::null_mut();
    // SAFETY: a place for a pointer; the alignment is a power of two, and as one that malloc does
    // not give it is a multiple of a pointer's size.
    let status =
        unsafe { malloc_sys::posix_memalign(&raw mut block, layout.align(), layout.size()) };
    (status == 0).then_some(NonNull::new(block.cast())?)
}

#[cfg(not(unix))]
fn over_aligned(_: Layout) -> Option<NonNull<u8>> {
    None // what Windows has for it, free does not release
}

/// A block's alignment is promised for types that fit in it.
#[inline]
fn size_of_block(layout: Layout) -> usize {
    layout.size().max(layout.align())
}

#[inline]
fn sized(block: Option<NonNull<u8>>, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
    let block = block.ok_or(AllocError)?;
    Ok(NonNull::slice_from_raw_parts(block, layout.size()))
}

#[inline]
fn allocate<A: Allocator>(
    layout: Layout,
    over_aligned: OverAligned,
) -> Result<NonNull<[u8]>, AllocError> {
    let block = if layout.size() == 0 {
        NonNull::new(core::ptr::without_provenance_mut(layout.align()))
    } else if layout.align() > A::ALIGNMENT {
        over_aligned(layout)
    } else {
        A::allocate(size_of_block(layout))
    };
    sized(block, layout)
}

/// # Safety
///
/// `ptr` is from here, with this layout, and not used again.
#[inline]
unsafe fn deallocate<A: Deallocator<u8>>(ptr: NonNull<u8>, layout: Layout) {
    if layout.size() > 0 {
        // SAFETY: so there is a block of the allocator's, which the caller gives up.
        unsafe { A::deallocate(ptr) }
    }
}

/// # Safety
///
/// `ptr` is from here, with the layout `old`. After `Ok` it is not used again.
#[inline]
unsafe fn resize<A: Allocator + Deallocator<u8>>(
    ptr: NonNull<u8>,
    old: Layout,
    new: Layout,
    over_aligned: OverAligned,
) -> Result<NonNull<[u8]>, AllocError> {
    if old.size() > 0 && new.size() > 0 && new.align() <= A::ALIGNMENT {
        // SAFETY: there is a block, of that size at least, and the caller gives it up if this
        // succeeds. How it was aligned does not matter to the allocator that made it.
        let block = unsafe { reallocate_bytes::<A>(ptr, old.size(), size_of_block(new)) };
        return sized(block, new);
    }
    let block = allocate::<A>(new, over_aligned)?;
    let kept = old.size().min(new.size());
    // SAFETY: both are at least so large, and apart, as the new one is new.
    unsafe { block.cast().copy_from_nonoverlapping(ptr, kept) };
    if old.size() > 0 {
        // SAFETY: so there is a block of the allocator's, which the caller gives up.
        unsafe { release_old::<A>(ptr) };
    }
    Ok(block)
}

/// No panic leaves it, as the function is C's: the collection, which has not heard of its new block,
/// would release the old one again.
///
/// # Safety
///
/// The block is the allocator's to release, and not used again.
unsafe extern "C" fn release_old<A: Deallocator<u8>>(block: NonNull<u8>) {
    // SAFETY: the caller promises the same.
    unsafe { A::deallocate(block) }
}
