//! Pointers that change hands for a while only: transfer none.

use core::ffi::{CStr, c_char};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::{NulTerminated, Pointee};

/// A pointer that is only lent: an argument that C looks at, a result that C keeps.
///
/// It is to [`Owned`](crate::Owned) what `BorrowedFd` is to `OwnedFd`: the same pointer by ABI, for
/// `'a`, and without a destructor. A function that takes it in the place of a `*const T` needs no
/// `unsafe` at the call, where nothing else asks for it. One that shows a part of what it was given
/// returns it, with the lifetime of the argument. `Option<Borrowed<'_, T>>` is a pointer that may
/// be NULL.
///
/// It is meant for what a reference cannot say: a terminated run, as of a [`CStr`], and an
/// [`Opaque`](crate::Opaque) handle. For a plain `T`, declare `&T`. It stays in its thread, but for
/// a terminated run: a handle that may be shared is lent anew in the other thread.
///
/// Whoever declares a function with it promises that the function
///
/// - is right for every `T` that safe code can lend it, in every thread that it can be lent in, and
///   does no more to it than a shared reference allows, which for an [`Opaque`](crate::Opaque) is
///   anything but ending it;
/// - keeps no pointer into it for longer than `'a`, unless C sees to it that the object lives so
///   long: with a reference of its own, as `X509_set_pubkey` takes, or as whatever keeps the
///   pointer ends by `'a` (a child `Opaque<Child<'a>>`, as a statement of its database);
/// - returns one only if no other function that safe code can call ends what it points to within
///   `'a`. An error message that the next call overwrites is not lent for `'a`: bind a pointer.
///
/// # Invariant
///
/// The pointer is good for reading a valid `T` for `'a`: what C gave, with its whole provenance, or
/// the whole of a borrowed string. As long as it is lent, nobody, C included, writes it outside an
/// `UnsafeCell`.
///
/// # Examples
///
/// ```
/// use core::ffi::c_char;
/// use malloc_safe::{BorrowedCStr, NulTerminated, Owned};
///
/// unsafe extern "C" {
///     safe fn strdup(string: BorrowedCStr<'_>) -> Option<Owned<NulTerminated<c_char>>>;
///     safe fn strlen(string: BorrowedCStr<'_>) -> usize;
/// }
///
/// let copy = strdup(c"mine".into()).expect("enough memory");
/// assert_eq!(strlen(Owned::lend(&copy)), 4);
/// ```
///
/// What is lent does not outlive its owner:
///
/// ```compile_fail,E0505
/// # use core::ffi::{CStr, c_char};
/// # use malloc_safe::{Borrowed, Owned};
/// let string = Owned::<CStr>::try_from_bytes(b"gone").unwrap();
/// let lent = Borrowed::from(&*string);
/// drop(string);
/// lent.to_c_str();
/// ```
#[repr(transparent)]
pub struct Borrowed<'a, T> {
    ptr: NonNull<T>,
    lent: PhantomData<&'a T>,
}

/// A string in a declaration: `const char *`.
pub type BorrowedCStr<'a> = Borrowed<'a, NulTerminated<c_char>>;

impl<T: Pointee> Borrowed<'_, T> {
    /// Wraps a pointer that C only showed; NULL is `None`.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or satisfies the [invariant](Self#invariant) for `'a`.
    ///
    /// # Panics
    ///
    /// In debug builds, if `ptr` is not aligned for `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::BorrowedCStr;
    ///
    /// // SAFETY: the function shows a string that lives for ever.
    /// let name = unsafe { malloc_sys::workload_name() }.cast_mut();
    /// // SAFETY: as just said, and nobody writes it.
    /// let name = unsafe { BorrowedCStr::<'static>::from_raw(name) };
    /// assert_eq!(name.expect("not NULL").to_c_str(), c"workload");
    /// ```
    #[inline]
    pub unsafe fn from_raw(ptr: *mut T::Raw) -> Option<Self> {
        let ptr: *mut T = ptr.cast();
        debug_assert!(ptr.is_aligned(), "{ptr:p} is not aligned for the pointee");
        NonNull::new(ptr).map(Self::new)
    }

    /// Lends a pointer that satisfies the invariant.
    #[inline]
    pub(crate) fn new(ptr: NonNull<T>) -> Self {
        const { T::VISIBLE };
        Self {
            ptr,
            lent: PhantomData,
        }
    }

    /// The pointer, for a binding that was declared with one. Good for `'a`, and, where it was made
    /// of a reference, for reading only.
    ///
    /// ```
    /// use malloc_safe::BorrowedCStr;
    ///
    /// let lent = BorrowedCStr::from(c"four");
    /// // SAFETY: a C string, which strlen only reads.
    /// assert_eq!(unsafe { libc::strlen(lent.as_ptr()) }, 4);
    /// ```
    #[inline]
    pub fn as_ptr(self) -> *mut T::Raw {
        self.ptr.as_ptr().cast()
    }
}

impl<'a> BorrowedCStr<'a> {
    /// The string, found with `strlen` (C11 7.24.6.3).
    ///
    /// ```
    /// use core::ffi::c_int;
    /// use malloc_safe::BorrowedCStr;
    ///
    /// unsafe extern "C" {
    ///     // The part of the string from the first such character on.
    ///     safe fn strchr(string: BorrowedCStr<'_>, character: c_int) -> Option<BorrowedCStr<'_>>;
    /// }
    ///
    /// let rest = strchr(c"key=value".into(), b'='.into()).expect("there is one");
    /// assert_eq!(rest.to_c_str(), c"=value");
    /// ```
    #[inline]
    pub fn to_c_str(self) -> &'a CStr {
        // SAFETY: by the invariant a terminated string, which nobody writes, for 'a.
        unsafe { CStr::from_ptr(self.ptr.as_ptr().cast()) }
    }
}

/// Lends a string, its terminator included.
impl<'a> From<&'a CStr> for BorrowedCStr<'a> {
    #[inline]
    fn from(string: &'a CStr) -> Self {
        Self::new(NonNull::from(string.to_bytes_with_nul()).cast())
    }
}

impl<T> Clone for Borrowed<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Borrowed<'_, T> {}

impl<T> fmt::Debug for Borrowed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Borrowed").field(&self.ptr).finish()
    }
}

// Neither Send nor Sync, but for strings and the like: a function that is declared to take it may
// be right in one thread alone. Where the owner may be shared, it can be lent in the other thread.

// SAFETY: scenario: another thread gets the pointer and reads the run, as through a `&CStr`.
unsafe impl<T: Sync> Send for Borrowed<'_, NulTerminated<T>> {}

// SAFETY: it can be copied out of a `&Borrowed`: the same.
unsafe impl<T: Sync> Sync for Borrowed<'_, NulTerminated<T>> {}
