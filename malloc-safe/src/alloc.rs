//! Allocating in C's heap from Rust, fallibly.

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::owned::Block;
use crate::slice::max_len;
use crate::string::find_nul;
use crate::{AllocError, CStringError, ContentBlind, Deallocator, Free, Owned};

/// Allocates blocks that the same type, as a [`Deallocator`], releases.
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
/// let mut image = CVec::<u8, Sqlite>::new(); // for sqlite3_deserialize, which may grow it
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

/// A single value in C's heap.
impl<T: Unpin, A: Allocator + Deallocator<T>> Owned<T, A> {
    /// Moves a value into a block of its own, which C may be given to release.
    ///
    /// # Errors
    ///
    /// [`AllocError`] with the value in it, if there is no memory.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let point = Owned::<(f64, f64)>::try_new((0.5, 2.0))?;
    /// assert_eq!(point.1, 2.0);
    /// # Ok::<(), malloc_safe::AllocError<(f64, f64)>>(())
    /// ```
    ///
    /// A type that needs a stricter alignment than `malloc` gives does not compile:
    ///
    /// ```compile_fail,E0080
    /// use malloc_safe::Owned;
    ///
    /// #[repr(align(64))]
    /// struct CacheLine([u8; 64]);
    /// let line = Owned::<CacheLine>::try_new(CacheLine([0; 64]));
    /// ```
    #[inline]
    pub fn try_new(value: T) -> Result<Self, AllocError<T>>
    where
        A: ContentBlind<T>, // else it is Linked, perhaps, and the value no node of a list
    {
        match allocate::<T, A>(1) {
            Ok(ptr) => {
                // SAFETY: room for one T, aligned.
                unsafe { ptr.write(value) };
                // SAFETY: the block is new, the allocator's own, and holds the value.
                Ok(unsafe { Self::from_non_null(ptr) })
            }
            Err(_) => Err(AllocError::new(1, size_of::<T>(), value)),
        }
    }
}

/// Several values in C's heap.
impl<T, A: Allocator + Deallocator<[T]>> Owned<[T], A> {
    /// Copies a slice into a block of its own; an empty one needs none.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let primes = Owned::<[u16]>::try_from_slice(&[2, 3, 5])?;
    /// assert_eq!(*primes, [2, 3, 5]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_from_slice(values: &[T]) -> Result<Self, AllocError>
    where
        T: Copy,
    {
        Self::try_filled_by(values.len(), |ptr| {
            let from = NonNull::from(values).cast();
            // SAFETY: room for all the values, in a block that is new and so apart from them.
            unsafe { ptr.copy_from_nonoverlapping(from, values.len()) };
        })
    }

    /// Makes `len` elements, each the result of `make` for its position; 0 need no block.
    ///
    /// If `make` panics, the elements made so far are dropped and the block is released.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; `make` has not been called then.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let squares = Owned::<[usize]>::try_from_fn(4, |position| position * position)?;
    /// assert_eq!(*squares, [0, 1, 4, 9]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_from_fn(len: usize, mut make: impl FnMut(usize) -> T) -> Result<Self, AllocError>
    where
        T: Unpin,
    {
        /// The elements made so far, dropped should `make` panic, and then the block.
        struct Partial<T, A: Deallocator<[T]>> {
            made: usize,
            block: Block<[T], A>,
        }
        impl<T, A: Deallocator<[T]>> Drop for Partial<T, A> {
            fn drop(&mut self) {
                let made = NonNull::slice_from_raw_parts(self.block.0.cast::<T>(), self.made);
                // SAFETY: that many elements have been written, and nothing else uses them.
                unsafe { core::ptr::drop_in_place(made.as_ptr()) }
            }
        }

        Self::try_filled_by(len, |ptr| {
            let block = Block(NonNull::slice_from_raw_parts(ptr, len), PhantomData);
            let mut partial = Partial::<T, A> { made: 0, block };
            while partial.made < len {
                let element = make(partial.made);
                // SAFETY: `made` is less than the `len` elements that the block has room for.
                let place = unsafe { ptr.add(partial.made) };
                // SAFETY: room for one element, aligned.
                unsafe { place.write(element) };
                partial.made += 1;
            }
            core::mem::forget(partial);
        })
    }

    /// Allocates `len` elements and has `fill` make every one of them valid.
    #[inline]
    fn try_filled_by(len: usize, fill: impl FnOnce(NonNull<T>)) -> Result<Self, AllocError> {
        if len == 0 {
            return Ok(Self::empty());
        }
        let ptr = allocate::<T, A>(len)?;
        fill(ptr);
        // SAFETY: a new block of the allocator's own, whose `len` elements `fill` made valid: it is
        // one of the closures in this file.
        Ok(unsafe { Self::from_non_null(NonNull::slice_from_raw_parts(ptr, len)) })
    }
}

/// Room for C to fill.
impl<T, A: Allocator + Deallocator<[MaybeUninit<T>]>> Owned<[MaybeUninit<T>], A> {
    /// Allocates room for `len` elements and writes none; 0 need no block.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::Owned;
    ///
    /// let mut room = Owned::<[MaybeUninit<u8>]>::try_uninit(16)?;
    /// let bytes: *mut u8 = room.as_mut_ptr().cast();
    /// // SAFETY: room for 16 bytes.
    /// unsafe { libc::memset(bytes.cast(), b'-'.into(), 16) };
    /// // SAFETY: memset wrote them all.
    /// let dashes = unsafe { room.assume_init() };
    /// assert_eq!(*dashes, [b'-'; 16]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_uninit(len: usize) -> Result<Self, AllocError> {
        Self::try_filled_by(len, |_| ()) // a MaybeUninit is valid as it comes
    }
}

impl<T, D: Deallocator<[MaybeUninit<T>]>> Owned<[MaybeUninit<T>], D> {
    /// Says that the elements have been written.
    ///
    /// # Safety
    ///
    /// Every element holds a valid `T`.
    ///
    /// # Examples
    ///
    /// Only after C has said that it wrote them:
    ///
    /// ```
    /// use core::ffi::c_int;
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::Owned;
    ///
    /// let mut pair = Owned::<[MaybeUninit<c_int>]>::try_uninit(2)?;
    /// let first: *mut c_int = pair.as_mut_ptr().cast();
    /// let second = first.wrapping_add(1);
    /// // SAFETY: two C strings, and a place for each number of the format.
    /// let read = unsafe { libc::sscanf(c"3 4".as_ptr(), c"%d %d".as_ptr(), first, second) };
    /// assert_eq!(read, 2);
    /// // SAFETY: sscanf says that it wrote both.
    /// let pair = unsafe { pair.assume_init() };
    /// assert_eq!(*pair, [3, 4]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub unsafe fn assume_init(self) -> Owned<[T], D>
    where
        D: Deallocator<[T]>,
    {
        let room = Self::into_non_null(self);
        let elements = NonNull::slice_from_raw_parts(room.cast::<T>(), room.len());
        // SAFETY: the block was owned, and the caller says that it holds valid elements.
        unsafe { Owned::from_non_null(elements) }
    }
}

/// C strings made in Rust, for functions that release what they are given.
impl<A: Allocator + Deallocator<CStr>> Owned<CStr, A> {
    /// Copies bytes and ends them with a NUL.
    ///
    /// # Errors
    ///
    /// [`CStringError`], if one of the bytes is NUL, or if there is no memory.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    ///
    /// let name = Owned::<CStr>::try_from_bytes(b"libc")?;
    /// assert_eq!(&*name, c"libc");
    /// # Ok::<(), malloc_safe::CStringError>(())
    /// ```
    #[inline]
    pub fn try_from_bytes(bytes: &[u8]) -> Result<Self, CStringError> {
        match find_nul(bytes) {
            Some(position) => Err(CStringError::InteriorNul { position }),
            None => Ok(Self::terminated(bytes)?),
        }
    }

    /// Copies a C string.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// # Examples
    ///
    /// A copy for a function that keeps what it is given, and frees it with `free` in the end:
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    /// # // Stands for g_variant_new_take_string.
    /// # unsafe fn take_string(string: *mut core::ffi::c_char) -> usize {
    /// #     unsafe { Owned::<CStr>::from_raw_c_str(string) }.map_or(0, |s| s.count_bytes())
    /// # }
    ///
    /// let title = Owned::<CStr>::try_from_c_str(c"libc")?;
    /// // SAFETY: a C string in a malloc block, given up to the function.
    /// let length = unsafe { take_string(Owned::into_raw_c_str(title)) };
    /// assert_eq!(length, 4);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_from_c_str(string: &CStr) -> Result<Self, AllocError> {
        Self::terminated(string.to_bytes())
    }

    /// Copies bytes that hold no NUL, and appends one.
    #[inline]
    fn terminated(bytes: &[u8]) -> Result<Self, AllocError> {
        let len = bytes.len(); // at most isize::MAX, so one more does not overflow
        let ptr = allocate::<u8, A>(len + 1)?;
        // SAFETY: room for `len` bytes, in a block that is new and so apart from them.
        unsafe { ptr.copy_from_nonoverlapping(NonNull::from(bytes).cast(), len) };
        // SAFETY: the block is one byte longer.
        let end = unsafe { ptr.add(len) };
        // SAFETY: that byte is in the block.
        unsafe { end.write(0) };
        // SAFETY: a new block of the allocator's own; the callers know that the bytes hold no
        // NUL, and one was written behind them.
        Ok(unsafe { Self::from_measured(ptr.cast::<c_char>(), len) })
    }
}
