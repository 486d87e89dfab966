//! Out-parameters: memory that comes back through a `T **`.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ptr;

use crate::{Deallocator, Free, Owned, Pointee, RawPartsError};

/// An empty place for C to put a pointer into: by ABI, a `T **` that points to NULL.
///
/// It stands in the declaration of the function; what C stores there has an owner at once, also
/// on the path where the function reports an error. A place that already owns something is
/// emptied first, because C would overwrite the pointer without looking.
///
/// Whoever declares a function with an `Out` promises that on every path, errors included, it
/// leaves there NULL or what satisfies the [invariant](Owned#invariant) of an owner. Where the
/// manual calls the pointer undefined after an error, declare a raw pointer instead.
///
/// ```
/// use core::ffi::{c_char, c_int};
/// use malloc_safe::{NulTerminated, Out, Owned};
///
/// unsafe extern "C" {
///     safe fn workload_string_out(
///         length: usize,
///         fill: c_char,
///         out: Out<'_, NulTerminated<c_char>>,
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
pub struct Out<'a, T: Pointee, D: Deallocator<T> = Free>(&'a mut Option<Owned<T, D>>);

impl<'a, T: Pointee, D: Deallocator<T>> Out<'a, T, D> {
    /// Empties `slot`, dropping what it owned, and offers it to one call.
    #[inline]
    pub fn new(slot: &'a mut Option<Owned<T, D>>) -> Self {
        *slot = None;
        Self(slot)
    }

    /// The same as a raw pointer, for a binding that was declared with one.
    ///
    /// Whoever writes through it owes what [`Owned::from_raw`] asks for.
    ///
    /// ```
    /// use core::ffi::c_char;
    /// use malloc_safe::{NulTerminated, Out, Owned};
    ///
    /// let mut text: Option<Owned<NulTerminated<c_char>>> = None;
    /// let out: *mut *mut c_char = Out::new(&mut text).into_raw().cast();
    /// // SAFETY: the function stores NULL or a C string in a malloc block.
    /// let status = unsafe { malloc_sys::workload_string_out(2, 45, out) };
    /// assert_eq!(status, 0);
    /// assert_eq!(text.expect("filled").to_bytes(), b"--");
    /// ```
    #[inline]
    pub fn into_raw(self) -> *mut *mut T {
        ptr::from_mut(self.0).cast() // a transparent owner in an Option is a nullable pointer
    }
}

/// Calls `fill` with an empty place, and returns its result beside what it left there.
///
/// ```
/// use core::ffi::{c_char, c_int};
/// use malloc_safe::{Free, NulTerminated, Out, out};
///
/// unsafe extern "C" {
///     fn asprintf(out: Out<'_, NulTerminated<c_char>>, format: *const c_char, ...) -> c_int;
/// }
///
/// // SAFETY: the format takes one int.
/// let (length, text) = out::owner(|out| unsafe { asprintf(out, c"%d".as_ptr(), 42 as c_int) });
/// assert_eq!(length, 2);
/// assert_eq!(text.expect("length is not -1").to_bytes(), b"42");
/// # let _: Option<malloc_safe::Owned<NulTerminated<c_char>, Free>> = None;
/// ```
#[inline]
pub fn owner<T: Pointee, D: Deallocator<T>, R>(
    fill: impl FnOnce(Out<'_, T, D>) -> R,
) -> (R, Option<Owned<T, D>>) {
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
