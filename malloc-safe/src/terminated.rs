//! Runs of elements that end with a zero, and C strings in particular.

use core::ffi::{CStr, c_char};
use core::fmt::{self, Debug as _, Write as _};
use core::ptr::NonNull;
use core::str::Utf8Error;

use crate::never::{Never, Pinned};
use crate::show::Show;
use crate::string::from_utf8;
use crate::{Deallocator, NotUtf8, Owned};

/// A pointee: elements of type `T` up to and including the first zero.
///
/// `Owned<NulTerminated<c_char>, D>` is what a function returns that C declares as `char *`. The
/// length is not stored, so the owner is a thin pointer that can stand in the declaration; each
/// look at the contents searches for the end. [`Owned::measure`] does so once and for all.
///
/// The type itself has no size and no [`Deref`](core::ops::Deref): everything goes through the
/// owner's pointer, because a reference to the first element would not reach the others.
///
/// ```
/// use core::ffi::c_char;
/// use malloc_safe::{NulTerminated, Owned};
///
/// unsafe extern "C" {
///     // A null path is refused by the function; the result is the caller's.
///     fn realpath(path: *const c_char, _: *mut c_char) -> Option<Owned<NulTerminated<c_char>>>;
/// }
///
/// // SAFETY: a C string, and NULL asks for a malloc block.
/// let root = unsafe { realpath(c"/usr/..".as_ptr(), core::ptr::null_mut()) };
/// assert_eq!(root.expect("it exists").to_str(), Ok("/"));
/// ```
#[repr(C)]
pub struct NulTerminated<T> {
    first: [T; 0],
}

// Never: nobody may move the elements' place, which does not hold them.
impl<T> Unpin for NulTerminated<T> where Pinned<T>: Never {}

/// An element with a value that ends a run: zero, NULL.
///
/// Sealed: implemented for the integers of up to 64 bits and for raw pointers.
///
/// ```
/// use malloc_safe::{Deallocator, NulTerminated, Owned, Terminator};
///
/// /// How many elements a run has, whatever ends it.
/// fn count<T, D>(run: &Owned<NulTerminated<T>, D>) -> usize
/// where
///     T: Terminator,
///     D: Deallocator<NulTerminated<T>>,
/// {
///     run.to_slice().len()
/// }
///
/// // SAFETY: NULL with ENOMEM, or a malloc block of pointers that NULL ends.
/// let names = unsafe { Owned::from_raw(malloc_sys::workload_name_list().cast()) };
/// let names: Owned<NulTerminated<*const core::ffi::c_char>> = names.expect("enough memory");
/// assert!(count(&names) > 1);
/// ```
pub trait Terminator: Copy + sealed::Sealed {
    #[doc(hidden)]
    fn is_end(self) -> bool;

    /// Shows the elements before the end: a string of bytes, or a list.
    #[doc(hidden)]
    fn show(run: &[Self], f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! terminator {
    ($($integer:ty)*) => {$(
        impl sealed::Sealed for $integer {}
        impl Terminator for $integer {
            #[inline]
            fn is_end(self) -> bool {
                self == 0
            }

            fn show(run: &[Self], f: &mut fmt::Formatter<'_>) -> fmt::Result {
                run.fmt(f)
            }
        }
    )*};
}

terminator!(i16 u16 i32 u32 i64 u64 isize usize);

/// Bytes are shown as a string, signed or not: one of the two is C's `char`.
macro_rules! byte_terminator {
    ($($byte:ty)*) => {$(
        impl sealed::Sealed for $byte {}
        impl Terminator for $byte {
            #[inline]
            fn is_end(self) -> bool {
                self == 0
            }

            fn show(run: &[Self], f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_char('"')?;
                for byte in run {
                    write!(f, "{}", byte.to_ne_bytes().escape_ascii())?;
                }
                f.write_char('"')
            }
        }
    )*};
}

byte_terminator!(i8 u8);

impl<T> sealed::Sealed for *mut T {}
impl<T> Terminator for *mut T {
    #[inline]
    fn is_end(self) -> bool {
        self.is_null()
    }

    fn show(run: &[Self], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        run.fmt(f)
    }
}

impl<T> sealed::Sealed for *const T {}
impl<T> Terminator for *const T {
    #[inline]
    fn is_end(self) -> bool {
        self.is_null()
    }

    fn show(run: &[Self], f: &mut fmt::Formatter<'_>) -> fmt::Result {
        run.fmt(f)
    }
}

/// The elements before the terminator, which is searched for.
///
/// # Safety
///
/// `run` points to a terminated run, which nobody writes meanwhile.
unsafe fn before_the_end<T: Terminator>(run: NonNull<NulTerminated<T>>) -> NonNull<[T]> {
    let first: NonNull<T> = run.cast();
    let mut end = first;
    let mut len = 0;
    // SAFETY: `end` has not passed the terminator, so the element is in the block.
    while !unsafe { end.read() }.is_end() {
        // SAFETY: behind an element that is not the terminator there is another.
        end = unsafe { end.add(1) };
        len += 1;
    }
    NonNull::slice_from_raw_parts(first, len)
}

impl<T: Terminator> Show for NulTerminated<T> {
    unsafe fn show(ptr: NonNull<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: the caller says that there is a terminated run.
        let elements = unsafe { before_the_end(ptr) };
        // SAFETY: so many elements come before the terminator, and they are borrowed.
        T::show(unsafe { elements.as_ref() }, f)
    }
}

impl<T: Terminator, D: Deallocator<NulTerminated<T>>> Owned<NulTerminated<T>, D> {
    /// The elements before the terminator.
    ///
    /// This searches for the end, element by element; for `char` use [`Owned::to_c_str`], which
    /// asks `strlen`.
    ///
    /// ```
    /// use malloc_safe::{NulTerminated, Owned};
    ///
    /// let wide = Owned::<[u32]>::try_from_slice(&[0x4d, 0x61, 0])?;
    /// let (ptr, _) = Owned::into_raw_parts(wide);
    /// // SAFETY: the block ends with a zero, and its owner gave it up.
    /// let wide = unsafe { Owned::<NulTerminated<u32>>::from_raw(ptr.cast()) }.expect("not NULL");
    /// assert_eq!(wide.to_slice(), [0x4d, 0x61]);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn to_slice(&self) -> &[T] {
        // SAFETY: a terminated run by the invariant of the owner.
        let elements = unsafe { before_the_end(self.as_non_null()) };
        // SAFETY: that many elements come before the terminator, and `self` is borrowed.
        unsafe { elements.as_ref() }
    }
}

/// What `char *` means when the callee allocated it.
///
/// Each method searches for the terminator with `strlen` (C11 7.24.6.3).
impl<D: Deallocator<NulTerminated<c_char>>> Owned<NulTerminated<c_char>, D> {
    /// The string, with its terminator.
    ///
    /// ```
    /// # use core::ffi::c_char;
    /// # use malloc_safe::{NulTerminated, Owned};
    /// # unsafe extern "C" {
    /// #     safe fn workload_string(n: usize, c: c_char) -> Option<Owned<NulTerminated<c_char>>>;
    /// # }
    /// # use malloc_sys as _;
    /// let dashes = workload_string(3, b'-' as c_char).expect("enough memory");
    /// assert_eq!(dashes.to_c_str(), c"---");
    /// ```
    #[inline]
    pub fn to_c_str(&self) -> &CStr {
        let first: *mut c_char = self.as_non_null().cast().as_ptr();
        // SAFETY: a terminated string by the invariant of the owner, which is borrowed.
        unsafe { CStr::from_ptr(first) }
    }

    /// The bytes before the terminator.
    ///
    /// ```
    /// # use core::ffi::c_char;
    /// # use malloc_safe::{NulTerminated, Owned};
    /// # unsafe extern "C" {
    /// #     safe fn workload_string(n: usize, c: c_char) -> Option<Owned<NulTerminated<c_char>>>;
    /// # }
    /// # use malloc_sys as _;
    /// let dashes = workload_string(3, b'-' as c_char).expect("enough memory");
    /// assert_eq!(dashes.to_bytes(), b"---");
    /// ```
    #[inline]
    pub fn to_bytes(&self) -> &[u8] {
        self.to_c_str().to_bytes()
    }

    /// The string as UTF-8.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`], if the bytes are something else. The owner still has them.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::ffi::c_char;
    /// # use malloc_safe::{NulTerminated, Owned};
    /// # unsafe extern "C" {
    /// #     safe fn workload_string(n: usize, c: c_char) -> Option<Owned<NulTerminated<c_char>>>;
    /// # }
    /// # use malloc_sys as _;
    /// let dashes = workload_string(3, b'-' as c_char).expect("enough memory");
    /// assert_eq!(dashes.to_str(), Ok("---"));
    ///
    /// let latin1 = workload_string(2, 0xe9_u8 as c_char).expect("enough memory");
    /// assert!(latin1.to_str().is_err());
    /// assert_eq!(latin1.to_bytes(), b"\xe9\xe9"); // still there
    /// ```
    #[inline]
    pub fn to_str(&self) -> Result<&str, Utf8Error> {
        from_utf8(self.to_bytes())
    }

    /// Searches for the terminator once and keeps the length beside the pointer.
    ///
    /// ```
    /// use core::ffi::{CStr, c_char};
    /// use malloc_safe::{NulTerminated, Owned};
    /// # unsafe extern "C" {
    /// #     safe fn workload_string(n: usize, c: c_char) -> Option<Owned<NulTerminated<c_char>>>;
    /// # }
    /// # use malloc_sys as _;
    ///
    /// let dashes: Owned<CStr> = workload_string(1000, b'-' as c_char).expect("memory").measure();
    /// assert_eq!(dashes.count_bytes(), 1000); // no search
    /// ```
    #[inline]
    pub fn measure(self) -> Owned<CStr, D>
    where
        D: Deallocator<CStr>,
    {
        let len = self.to_bytes().len();
        let first = Self::into_non_null(self).cast();
        // SAFETY: the block was owned, and its terminator is where to_bytes found it.
        unsafe { Owned::from_measured(first, len) }
    }

    /// Turns the string into an owned `str`.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`], with the measured string in it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::ffi::c_char;
    /// # use malloc_safe::{NulTerminated, Owned};
    /// # unsafe extern "C" {
    /// #     safe fn workload_string(n: usize, c: c_char) -> Option<Owned<NulTerminated<c_char>>>;
    /// # }
    /// # use malloc_sys as _;
    /// let dashes = workload_string(3, b'-' as c_char).expect("enough memory");
    /// let dashes: Owned<str> = dashes.into_str().expect("UTF-8");
    /// assert_eq!(dashes.len(), 3); // no search
    /// ```
    #[inline]
    pub fn into_str(self) -> Result<Owned<str, D>, NotUtf8<Owned<CStr, D>>>
    where
        D: Deallocator<CStr> + Deallocator<str>,
    {
        self.measure().into_str()
    }
}
