//! Allocators: what a deallocator's blocks come from, for Rust to allocate as C does.

use core::ptr::NonNull;

use crate::slice::max_len;
use crate::{AllocError, Free};

/// Allocates blocks that the same type, as a [`Deallocator`](crate::Deallocator), releases.
///
/// # Safety
///
/// A block that [`allocate`](Self::allocate) returns is at least `size` bytes long, belongs to the
/// caller alone, is aligned for every type that fits in `size` and whose alignment is at most
/// [`ALIGNMENT`](Self::ALIGNMENT), and may be released as a `T` wherever `Self: Deallocator<T>`,
/// whatever is in it by then, and as a slice of as many elements as it has room for, or of fewer: a
/// deallocator that goes by the length is no allocator. A `T` of size 0 gets a block of as many
/// bytes as its alignment.
///
/// For every block `b` that is [`Self`'s to release](crate::Owned#invariant), `old` bytes of it,
/// and `new` that is not 0:
///
/// - `reallocate(b, old, new) == Some(c)`: `b` is no more; `c` is as `allocate(new)` returns it,
///   but that its first `min(old, new)` bytes are those of `b`. It may be `b`.
/// - `reallocate(b, old, new) == None`: `b` is what it was, and still the caller's.
///
/// A panic in `reallocate` ends the process: a vector, left with a block that is gone, would release
/// it again.
///
/// All of them may run in several threads at once, each with blocks of its own, even if the type is
/// not `Send`: any thread may call [`allocate`](Self::allocate), which is safe. A heap without a lock
/// has no such implementation.
///
/// # Examples
///
/// A library with an allocator of its own, such as SQLite:
///
/// ```
/// # use core::ffi::c_void;
/// use core::ptr::NonNull;
/// use malloc_safe::{Allocator, CVec, deallocator};
/// # unsafe fn sqlite3_free(block: *mut c_void) {
/// #     unsafe { malloc_sys::free(block) }
/// # }
/// # unsafe fn sqlite3_malloc64(size: u64) -> *mut c_void {
/// #     unsafe { malloc_sys::malloc(size as usize) }
/// # }
/// # unsafe fn sqlite3_realloc64(block: *mut c_void, size: u64) -> *mut c_void {
/// #     unsafe { malloc_sys::realloc(block, size as usize) }
/// # }
///
/// deallocator! {
///     /// SQLite's allocator.
///     pub struct Sqlite(any) = sqlite3_free;
/// }
///
/// // SAFETY: blocks of SQLite's are aligned to 8 bytes, and sqlite3_realloc64 keeps a block that
/// // it cannot make larger.
/// unsafe impl Allocator for Sqlite {
///     const ALIGNMENT: usize = 8;
///
///     fn allocate(size: usize) -> Option<NonNull<u8>> {
///         // SAFETY: no precondition.
///         NonNull::new(unsafe { sqlite3_malloc64(size as u64) }.cast())
///     }
///
///     unsafe fn reallocate(block: NonNull<u8>, _: usize, new: usize) -> Option<NonNull<u8>> {
///         // SAFETY: the caller says that the block is SQLite's and live.
///         NonNull::new(unsafe { sqlite3_realloc64(block.as_ptr().cast(), new as u64) }.cast())
///     }
/// }
///
/// let mut image = CVec::<u8, Sqlite>::new_in(); // for sqlite3_deserialize, which may grow it
/// image.try_extend_from_slice(b"SQLite format 3")?;
/// # Ok::<(), malloc_safe::AllocError>(())
/// ```
pub unsafe trait Allocator {
    /// The strictest alignment that blocks have, a power of two. Stricter types do not compile.
    const ALIGNMENT: usize;

    /// Returns a block of at least `size` bytes, not yet written, or `None`. `size` is not 0.
    fn allocate(size: usize) -> Option<NonNull<u8>>;

    /// Makes a block larger or smaller, perhaps in another place: `realloc` (C11 7.22.3.5), but
    /// never with NULL and never to size 0.
    ///
    /// `old` is how many bytes the caller knows the block to have, written or not. A library
    /// without such a function allocates, copies `min(old, new)` of them and releases.
    ///
    /// # Safety
    ///
    /// `block` is this allocator's to release and holds at least `old` bytes, written or not; `new`
    /// is not 0. After `Some`, nobody uses `block`.
    unsafe fn reallocate(block: NonNull<u8>, old: usize, new: usize) -> Option<NonNull<u8>>;
}

// SAFETY: malloc (C11 7.22.3) returns NULL or a block for the caller, aligned for every type
// with a fundamental alignment: two words, but for some embedded C libraries that give 4 bytes.
unsafe impl Allocator for Free {
    const ALIGNMENT: usize = if cfg!(any(target_os = "espidf", target_os = "zkvm")) {
        4
    } else {
        2 * size_of::<usize>()
    };

    #[inline]
    fn allocate(size: usize) -> Option<NonNull<u8>> {
        // SAFETY: malloc has no precondition.
        NonNull::new(unsafe { malloc_sys::malloc(size) }.cast())
    }

    // realloc keeps what is in the block and, where it returns NULL for a size that is not 0, the
    // block itself.
    #[inline]
    unsafe fn reallocate(block: NonNull<u8>, _: usize, new: usize) -> Option<NonNull<u8>> {
        // SAFETY: the caller says that the block is malloc's and live.
        NonNull::new(unsafe { malloc_sys::realloc(block.as_ptr().cast(), new) }.cast())
    }
}

/// How large a block for `count` values is; `count` is not 0, and values without a size have a
/// block all the same.
#[inline]
fn size_of_block<T, A: Allocator>(count: usize) -> Option<usize> {
    const {
        assert!(
            align_of::<T>() <= A::ALIGNMENT,
            "the type is over-aligned: this allocator's blocks are not aligned for it"
        );
    }
    debug_assert_ne!(count, 0, "malloc and realloc are not asked for nothing");
    if size_of::<T>() == 0 {
        return Some(align_of::<T>());
    }
    (count <= const { max_len::<T>() }).then(|| count * size_of::<T>())
}

/// Allocates room for `count` values.
#[inline]
pub(crate) fn allocate<T, A: Allocator>(count: usize) -> Result<NonNull<T>, AllocError> {
    size_of_block::<T, A>(count)
        .and_then(A::allocate)
        .map(NonNull::cast)
        .ok_or_else(|| AllocError::new(count, size_of::<T>(), ()))
}

/// [`Allocator::reallocate`], but that no panic leaves it, as the function is C's. It costs nothing
/// where there can be none.
///
/// # Safety
///
/// As there.
#[inline]
pub(crate) unsafe extern "C" fn reallocate_bytes<A: Allocator>(
    block: NonNull<u8>,
    old: usize,
    new: usize,
) -> Option<NonNull<u8>> {
    // SAFETY: the caller promises the same.
    unsafe { A::reallocate(block, old, new) }
}

/// Makes room for `count` values of a block with room for `old`, and keeps what is in both.
///
/// # Safety
///
/// The block is the allocator's to release, and has room for `old` values. After `Ok`, nobody uses
/// `block`.
#[inline]
pub(crate) unsafe fn reallocate<T, A: Allocator>(
    block: NonNull<T>,
    old: usize,
    count: usize,
) -> Result<NonNull<T>, AllocError> {
    size_of_block::<T, A>(count)
        .and_then(|size| {
            let old = old * size_of::<T>(); // no more than the block has
            // SAFETY: the caller says so, and no block's size is 0.
            unsafe { reallocate_bytes::<A>(block.cast(), old, size) }
        })
        .map(NonNull::cast)
        .ok_or_else(|| AllocError::new(count, size_of::<T>(), ()))
}
