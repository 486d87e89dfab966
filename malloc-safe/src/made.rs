//! Owners of what Rust makes in C's heap, fallibly.
//!
//! The short names allocate with `malloc`, so that `Owned::try_new(5)` says all there is to say; the
//! same with `_in` does so with the allocator of the type.

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::alloc::allocate;
use crate::owned::Block;
use crate::pointee::layout::Layout as _;
use crate::string::find_nul;
use crate::{AllocError, Allocator, CStringError, ContentBlind, Deallocator, Owned};

/// A single value in C's heap.
impl<T: Unpin> Owned<T> {
    /// Moves a value into a block of its own, which C may be given to release.
    ///
    /// # Errors
    ///
    /// [`AllocError`] with the value in it, if there is no memory.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let point = Owned::try_new((0.5, 2.0))?;
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
    /// let line = Owned::try_new(CacheLine([0; 64]));
    /// ```
    #[inline]
    pub fn try_new(value: T) -> Result<Self, AllocError<T>> {
        Self::try_new_in(value)
    }
}

impl<T: Unpin, A: Allocator + Deallocator<T>> Owned<T, A> {
    /// [`try_new`](Owned::try_new), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use malloc_safe::{Free, Owned};
    ///
    /// let number = Owned::<_, Free>::try_new_in(7)?; // or a library's in the place of Free
    /// assert_eq!(*number, 7);
    /// # Ok::<(), malloc_safe::AllocError<i32>>(())
    /// ```
    #[inline]
    pub fn try_new_in(value: T) -> Result<Self, AllocError<T>>
    where
        A: ContentBlind<T>, // else it is Linked, perhaps, and the value no node of a list
    {
        const { T::VISIBLE };
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
impl<T> Owned<[T]> {
    /// Copies a slice into a block of its own; an empty one needs none.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let primes = Owned::try_from_slice(&[2, 3, 5])?;
    /// assert_eq!(*primes, [2, 3, 5]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_from_slice(values: &[T]) -> Result<Self, AllocError>
    where
        T: Copy,
    {
        Self::try_from_slice_in(values)
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
    /// let squares = Owned::try_from_fn(4, |position| position * position)?;
    /// assert_eq!(*squares, [0, 1, 4, 9]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_from_fn(len: usize, make: impl FnMut(usize) -> T) -> Result<Self, AllocError>
    where
        T: Unpin,
    {
        Self::try_from_fn_in(len, make)
    }
}

impl<T, A: Allocator + Deallocator<[T]>> Owned<[T], A> {
    /// [`try_from_slice`](Owned::try_from_slice), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use malloc_safe::{Free, Owned};
    ///
    /// let primes = Owned::<[u16], Free>::try_from_slice_in(&[2, 3, 5])?;
    /// assert_eq!(*primes, [2, 3, 5]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_from_slice_in(values: &[T]) -> Result<Self, AllocError>
    where
        T: Copy,
    {
        Self::try_filled_by(values.len(), |ptr| {
            let from = NonNull::from(values).cast();
            // SAFETY: room for all the values, in a block that is new and so apart from them.
            unsafe { ptr.copy_from_nonoverlapping(from, values.len()) };
        })
    }

    /// [`try_from_fn`](Owned::try_from_fn), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use malloc_safe::{Free, Owned};
    ///
    /// let squares = Owned::<[usize], Free>::try_from_fn_in(4, |position| position * position)?;
    /// assert_eq!(*squares, [0, 1, 4, 9]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_from_fn_in(len: usize, mut make: impl FnMut(usize) -> T) -> Result<Self, AllocError>
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
impl<T> Owned<[MaybeUninit<T>]> {
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
        Self::try_uninit_in(len)
    }

    /// Allocates room for `len` elements and writes zeros to it; 0 need no block. What is there is as from
    /// `calloc` (C11 7.22.3.2), which may know pages to be zero and leave them untouched; this writes
    /// every byte.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::Owned;
    ///
    /// let zeros = Owned::<[MaybeUninit<u16>]>::try_zeroed(3)?;
    /// // SAFETY: zeros are numbers.
    /// assert_eq!(unsafe { zeros.assume_init() }[..], [0, 0, 0]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_zeroed(len: usize) -> Result<Self, AllocError> {
        Self::try_zeroed_in(len)
    }
}

impl<T, A: Allocator + Deallocator<[MaybeUninit<T>]>> Owned<[MaybeUninit<T>], A> {
    /// [`try_uninit`](Owned::try_uninit), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::{Free, Owned};
    ///
    /// let room = Owned::<[MaybeUninit<u64>], Free>::try_uninit_in(16)?;
    /// assert_eq!(room.len(), 16);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_uninit_in(len: usize) -> Result<Self, AllocError> {
        Self::try_filled_by(len, |_| ()) // a MaybeUninit is valid as it comes
    }

    /// [`try_zeroed`](Owned::try_zeroed), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::{Free, Owned};
    ///
    /// let zeros = Owned::<[MaybeUninit<u64>], Free>::try_zeroed_in(16)?;
    /// assert_eq!(zeros.len(), 16);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_zeroed_in(len: usize) -> Result<Self, AllocError> {
        Self::try_filled_by(len, |room| {
            // SAFETY: room for `len` elements.
            unsafe { room.write_bytes(0, len) }
        })
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
impl Owned<CStr> {
    /// Copies bytes and ends them with a NUL.
    ///
    /// # Errors
    ///
    /// [`CStringError`], if one of the bytes is NUL, or if there is no memory.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let name = Owned::try_from_bytes(b"libc")?;
    /// assert_eq!(&*name, c"libc");
    /// # Ok::<(), malloc_safe::CStringError>(())
    /// ```
    #[inline]
    pub fn try_from_bytes(bytes: &[u8]) -> Result<Self, CStringError> {
        Self::try_from_bytes_in(bytes)
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
    /// let title = Owned::try_from_c_str(c"libc")?;
    /// // SAFETY: a C string in a malloc block, given up to the function.
    /// let length = unsafe { take_string(Owned::into_raw_c_str(title)) };
    /// assert_eq!(length, 4);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_from_c_str(string: &CStr) -> Result<Self, AllocError> {
        Self::try_from_c_str_in(string)
    }
}

impl<A: Allocator + Deallocator<CStr>> Owned<CStr, A> {
    /// [`try_from_bytes`](Owned::try_from_bytes), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::{Free, Owned};
    ///
    /// let name = Owned::<CStr, Free>::try_from_bytes_in(b"libc")?;
    /// assert_eq!(&*name, c"libc");
    /// # Ok::<(), malloc_safe::CStringError>(())
    /// ```
    #[inline]
    pub fn try_from_bytes_in(bytes: &[u8]) -> Result<Self, CStringError> {
        match find_nul(bytes) {
            Some(position) => Err(CStringError::InteriorNul { position }),
            None => Ok(Self::terminated(bytes)?),
        }
    }

    /// [`try_from_c_str`](Owned::try_from_c_str), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::{Free, Owned};
    ///
    /// let name = Owned::<CStr, Free>::try_from_c_str_in(c"libc")?;
    /// assert_eq!(&*name, c"libc");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_from_c_str_in(string: &CStr) -> Result<Self, AllocError> {
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
