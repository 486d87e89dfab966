//! Out-parameters: memory that comes back through a `T **`.

use core::fmt;
use core::marker::PhantomData;
use core::mem::{self, ManuallyDrop};
use core::ptr;

use crate::{Allocator, CVec, Deallocator, Owned, Owner, RawOf, RawPartsError};

/// An empty place for C to put a pointer into: by ABI, a `T **` that points to NULL.
///
/// It stands in the declaration of the function, with the owner that C's pointer becomes: an
/// [`Owned`], a [`Shared`](crate::Shared), a handle ([`Owner`]). What C stores there has that owner at
/// once, also on the path where the function reports an error. A place that already owns something
/// is emptied first, because C would overwrite the pointer without looking.
///
/// Whoever declares a function with an `Out` promises that
///
/// - on every path, errors included, it leaves there NULL or what satisfies the invariant of the
///   owner ([of an `Owned`](Owned#invariant)). Where the manual calls the pointer undefined after an
///   error, declare a raw pointer instead;
/// - it does so before it returns, and keeps no pointer to the place. `open_memstream` writes there
///   whenever its stream is flushed: that is what [`slice()`] is for.
///
/// What C stores is not looked at, not even for its alignment.
///
/// ```
/// use core::ffi::{c_char, c_int};
/// use malloc_safe::{NulTerminated, Out, Owned};
///
/// unsafe extern "C" {
///     safe fn workload_string_out(
///         length: usize,
///         fill: c_char,
///         out: Out<'_, Owned<NulTerminated<c_char>>>,
///     ) -> c_int;
/// }
/// # use malloc_sys as _;
///
/// let mut text: Option<Owned<NulTerminated<c_char>>> = None;
/// let status = workload_string_out(3, b'x' as c_char, Out::new(&mut text));
/// assert_eq!(status, 0);
/// assert_eq!(text.expect("status 0 fills it").to_bytes(), b"xxx");
/// ```
#[repr(transparent)]
pub struct Out<'a, O: Owner>(&'a mut Option<O>);

impl<'a, O: Owner> Out<'a, O> {
    /// Empties `slot`, dropping what it owned, and offers it to one call.
    ///
    /// One place for a call after another, with nothing leaked in between:
    ///
    /// ```
    /// use core::ffi::{c_char, c_int};
    /// use malloc_safe::{NulTerminated, Out, Owned};
    ///
    /// # unsafe extern "C" {
    /// #     safe fn workload_string_out(
    /// #         length: usize, fill: c_char, out: Out<'_, Owned<NulTerminated<c_char>>>,
    /// #     ) -> c_int;
    /// # }
    /// # use malloc_sys as _;
    /// let mut text = None;
    /// for length in 1..=3 {
    ///     // What the last call left is freed here, before C overwrites the pointer to it.
    ///     let status = workload_string_out(length, b'x' as c_char, Out::new(&mut text));
    ///     assert_eq!(status, 0);
    /// }
    /// assert_eq!(text.expect("filled").to_bytes(), b"xxx");
    /// ```
    #[inline]
    pub fn new(slot: &'a mut Option<O>) -> Self {
        *slot = None;
        Self(slot)
    }

    /// The place as a raw pointer, for a binding that was declared with one.
    ///
    /// Whoever writes through it owes what [`Owned::from_raw`] asks for.
    ///
    /// ```
    /// use core::ffi::c_char;
    /// use malloc_safe::{NulTerminated, Out, Owned};
    ///
    /// let mut text: Option<Owned<NulTerminated<c_char>>> = None;
    /// let out = Out::new(&mut text).into_raw();
    /// // SAFETY: the function stores NULL or a C string in a malloc block.
    /// let status = unsafe { malloc_sys::workload_string_out(2, 45, out) };
    /// assert_eq!(status, 0);
    /// assert_eq!(text.expect("filled").to_bytes(), b"--");
    /// ```
    #[inline]
    pub fn into_raw(self) -> *mut *mut RawOf<O> {
        ptr::from_mut(self.0).cast() // by the contract of Owner
    }
}

impl<O: Owner> fmt::Debug for Out<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place: *const Option<O> = self.0;
        f.debug_tuple("Out").field(&place).finish()
    }
}

/// Calls `fill` with an empty place, and returns its result beside what it left there.
///
/// ```
/// use core::ffi::{c_char, c_int};
/// use malloc_safe::{NulTerminated, Out, Owned, out};
///
/// unsafe extern "C" {
///     safe fn workload_string_out(
///         length: usize,
///         fill: c_char,
///         out: Out<'_, Owned<NulTerminated<c_char>>>,
///     ) -> c_int;
/// }
/// # use malloc_sys as _;
///
/// let (status, text) = out::owner(|out| workload_string_out(2, b'-' as c_char, out));
/// assert_eq!(status, 0);
/// assert_eq!(text.expect("status 0 fills it").to_bytes(), b"--");
/// ```
#[inline]
pub fn owner<O: Owner, R>(fill: impl FnOnce(Out<'_, O>) -> R) -> (R, Option<O>) {
    let mut slot = None;
    let result = fill(Out::new(&mut slot));
    (result, slot)
}

/// Calls `fill` with places for a pointer and a length, holding NULL and 0, and returns its result
/// beside the slice that it left there.
///
/// If `fill` panics, what it left is released.
///
/// # Errors
///
/// As [`Owned::from_raw_parts`], if the pointer and the length do not fit each other.
///
/// # Safety
///
/// However `fill` ends, the two places satisfy what [`Owned::from_raw_parts`] asks for. For a C
/// function that counts in another type, have `fill` give it a variable of that type and convert
/// the count; casting `len` to an `int *` leaves half of it unwritten, and -1 a large length.
///
/// # Panics
///
/// As [`Owned::from_raw_parts`], in debug builds, if the pointer is not aligned for `T`.
///
/// # Examples
///
/// ```
/// use malloc_safe::{Free, out};
///
/// // SAFETY: the function stores NULL and 0, or a malloc block and its length.
/// let (status, bytes) = unsafe {
///     out::slice::<u8, Free, _>(|ptr, len| malloc_sys::workload_buffer(5, b'-', ptr, len))
/// };
/// assert_eq!(status, 0);
/// assert_eq!(*bytes?, *b"-----");
/// # Ok::<(), malloc_safe::RawPartsError<u8>>(())
/// ```
///
/// A function may fill the places later than it gets them, as `open_memstream` does: `fill` is all
/// that happens until they are filled.
///
/// ```
/// # #[cfg(unix)] {
/// # use core::ffi::c_char;
/// use malloc_safe::{Free, out};
///
/// unsafe extern "C" {
///     fn open_memstream(block: *mut *mut c_char, length: *mut usize) -> *mut libc::FILE;
/// }
///
/// // SAFETY: without a stream NULL and 0 stay there; once it is closed, a malloc block and the
/// // number of bytes in it, which may be NUL.
/// let (status, bytes) = unsafe {
///     out::slice::<u8, Free, _>(|block, length| {
///         let stream = open_memstream(block.cast(), length);
///         if stream.is_null() {
///             return -1;
///         }
///         libc::fputs(c"written".as_ptr(), stream);
///         libc::fputc(0, stream);
///         libc::fclose(stream)
///     })
/// };
/// assert_eq!(status, 0);
/// assert_eq!(*bytes?, *b"written\0");
/// # }
/// # Ok::<(), malloc_safe::RawPartsError<u8>>(())
/// ```
#[inline]
#[allow(
    clippy::type_complexity,
    reason = "a name for it would hide that it is a plain pair"
)]
pub unsafe fn slice<T, D: Deallocator<[T]>, R>(
    fill: impl FnOnce(*mut *mut T, *mut usize) -> R,
) -> (R, Result<Owned<[T], D>, RawPartsError<T, D>>) {
    /// The two places. What `fill` leaves there is released even if it panics.
    struct Places<T, D: Deallocator<[T]>>(*mut T, usize, PhantomData<D>);

    impl<T, D: Deallocator<[T]>> Drop for Places<T, D> {
        fn drop(&mut self) {
            // SAFETY: the caller of `slice` says so.
            drop(unsafe { Owned::<[T], D>::from_raw_parts(self.0, self.1) });
        }
    }

    let mut places = Places::<T, D>(ptr::null_mut(), 0, PhantomData);
    let result = fill(&raw mut places.0, &raw mut places.1);
    let places = ManuallyDrop::new(places);
    // SAFETY: the caller says so, and the places are not used again.
    (result, unsafe { Owned::from_raw_parts(places.0, places.1) })
}

/// Lends a vector's block to a C function that may replace it by a larger one, as `getline` does,
/// and takes back what the function left.
///
/// The elements are dropped first. `call` gets places that hold the block and its capacity, or
/// NULL and 0; it returns a result, and how many elements are in the block by then, as far as C's
/// answer tells (none after an error). The result is handed on. Where C left NULL there is no
/// block, whatever the capacity says: `getline` leaves that when memory runs out.
///
/// If `call` panics, the vector keeps the block that C left, without elements.
///
/// # Errors
///
/// As [`CVec::from_raw_parts`], if the pointer, the length and the capacity do not fit each other:
/// -1 taken for a length, say. The error owns the block then, and the vector has none.
///
/// # Safety
///
/// However `call` ends, the first place holds NULL, or what [`CVec::from_raw_parts`] asks of a
/// pointer: a block of `A`'s. The second holds how many elements the block has room for: where C
/// counts bytes and `T` is larger, have `call` give it a variable of its own. If `call` returns,
/// the first so many elements as it says are valid, if the numbers can be right at all.
///
/// # Examples
///
/// ```
/// use malloc_safe::{CVec, out};
/// # #[cfg(unix)] {
/// # use core::ffi::c_char;
/// unsafe extern "C" {
///     fn getline(line: *mut *mut c_char, capacity: *mut usize, from: *mut libc::FILE) -> isize;
/// }
///
/// # // SAFETY: no precondition.
/// # let file = unsafe { libc::tmpfile() };
/// # assert!(!file.is_null());
/// # // SAFETY: a C string, and a stream that is open.
/// # unsafe { libc::fputs(c"first\nsecond\n".as_ptr(), file) };
/// # // SAFETY: a stream that is open.
/// # unsafe { libc::rewind(file) };
/// let mut line = CVec::<u8>::new();
/// let mut lengths = Vec::new();
/// loop {
///     // SAFETY: getline leaves NULL, or a malloc block and its size; it returns how many bytes
///     // it wrote, or -1 after the last line.
///     let read = unsafe {
///         out::in_out(&mut line, |block, capacity| {
///             let read = getline(block.cast(), capacity, file);
///             (read, read.try_into().unwrap_or(0))
///         })
///     }?;
///     if read < 0 {
///         break;
///     }
///     lengths.push(line.trim_ascii_end().len());
/// }
/// assert_eq!(lengths, [5, 6]);
/// # // SAFETY: a stream that is open, and not used again.
/// # unsafe { libc::fclose(file) };
/// # }
/// # Ok::<(), malloc_safe::RawPartsError<u8>>(())
/// ```
///
/// # C reference
///
/// POSIX.1-2008, `getline` and `getdelim`.
#[inline]
pub unsafe fn in_out<T, A: Allocator + Deallocator<[T]>, R>(
    vector: &mut CVec<T, A>,
    call: impl FnOnce(*mut *mut T, *mut usize) -> (R, usize),
) -> Result<R, RawPartsError<T, A>> {
    /// The two places, and where the block goes back to.
    struct Loan<'a, T, A: Allocator + Deallocator<[T]>> {
        ptr: *mut T,
        capacity: usize,
        vector: &'a mut CVec<T, A>,
    }

    impl<T, A: Allocator + Deallocator<[T]>> Loan<'_, T, A> {
        /// # Safety
        ///
        /// The places hold what the caller of `in_out` promises, and the first `len` elements of
        /// the block are valid, unless there cannot be so many. They are not used again.
        unsafe fn give_back(&mut self, len: usize) -> Result<(), RawPartsError<T, A>> {
            let room = if self.ptr.is_null() { 0 } else { self.capacity };
            // SAFETY: the caller says so.
            *self.vector = unsafe { CVec::from_raw_parts(self.ptr, len, room) }?;
            Ok(())
        }
    }

    impl<T, A: Allocator + Deallocator<[T]>> Drop for Loan<'_, T, A> {
        fn drop(&mut self) {
            // SAFETY: `call` has panicked, no element is claimed, and the caller of `in_out`
            // promises the rest. What does not fit is released with its error.
            drop(unsafe { self.give_back(0) });
        }
    }

    vector.clear();
    let (ptr, _, capacity) = mem::take(vector).into_raw_parts();
    let mut loan = Loan {
        ptr,
        capacity,
        vector,
    };
    let (result, len) = call(&raw mut loan.ptr, &raw mut loan.capacity);
    let mut loan = ManuallyDrop::new(loan);
    // SAFETY: the caller of `in_out` promises it, and the places are not dropped.
    unsafe { loan.give_back(len) }?;
    Ok(result)
}
