//! Owned strings whose length is known: `Owned<CStr, D>` and `Owned<str, D>`.

use core::ffi::{CStr, c_char};
use core::ptr::NonNull;
use core::str;

use crate::{Deallocator, NotUtf8, NulTerminated, Owned};

// A pointer to a CStr is taken apart and put together below as a pointer to its bytes with the
// terminator. Were the standard library to make it thin, this would fail rather than misbehave.
const _: () = assert!(size_of::<*const CStr>() == size_of::<*const [c_char]>());

/// A C string with its length.
impl<D: Deallocator<CStr>> Owned<CStr, D> {
    /// Adopts a `char *` and measures it; NULL is `None`.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or a live block with a terminated string in it that is `D`'s to release and
    /// that nobody else uses or releases from now on.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    ///
    /// // SAFETY: the function returns NULL, or a C string in a malloc block.
    /// let dashes = unsafe { Owned::<CStr>::from_raw_c_str(malloc_sys::workload_string(3, 45)) };
    /// assert_eq!(dashes.as_deref(), Some(c"---"));
    /// ```
    #[inline]
    pub unsafe fn from_raw_c_str(ptr: *mut c_char) -> Option<Self> {
        let first = NonNull::new(ptr)?;
        // SAFETY: the caller says that there is a terminated string.
        let len = unsafe { CStr::from_ptr(ptr) }.count_bytes();
        // SAFETY: the caller hands over the block, and its terminator was found at `len`.
        Some(unsafe { Self::from_measured(first, len) })
    }

    /// Gives up ownership, and the length: the pointer that C wants.
    #[inline]
    #[must_use = "without the pointer the block is leaked"]
    pub fn into_raw_c_str(this: Self) -> *mut c_char {
        Self::into_non_null(this).cast().as_ptr()
    }

    /// # Safety
    ///
    /// The block at `first` is the caller's to hand over, is `D`'s to release, and holds `len`
    /// bytes that are not zero, then one that is.
    #[inline]
    pub(crate) unsafe fn from_measured(first: NonNull<c_char>, len: usize) -> Self {
        let bytes = NonNull::slice_from_raw_parts(first, len + 1);
        // SAFETY: a cast keeps the address, so it is still not NULL.
        let string = unsafe { NonNull::new_unchecked(bytes.as_ptr() as *mut CStr) };
        // SAFETY: the caller promises the rest of the invariant.
        unsafe { Self::from_non_null(string) }
    }

    /// Forgets the length, for a function that takes a thin owner.
    #[inline]
    pub fn into_nul_terminated(self) -> Owned<NulTerminated<c_char>, D>
    where
        D: Deallocator<NulTerminated<c_char>>,
    {
        // SAFETY: the block was owned, and the string is still terminated.
        unsafe { Owned::from_non_null(Self::into_non_null(self).cast()) }
    }

    /// The bytes, without the terminator, which stays in the block behind them.
    #[inline]
    pub fn into_bytes(self) -> Owned<[u8], D>
    where
        D: Deallocator<[u8]>,
    {
        let len = self.count_bytes();
        let bytes = NonNull::slice_from_raw_parts(Self::into_non_null(self).cast::<u8>(), len);
        // SAFETY: the block was owned and holds `len` bytes and the terminator.
        unsafe { Owned::from_non_null(bytes) }
    }

    /// Turns the string into an owned `str`, in place.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`], with the owner in it, if the bytes are not UTF-8.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    ///
    /// let greeting = Owned::<CStr>::try_from_bytes("grüezi".as_bytes())?;
    /// assert_eq!(&*greeting.into_str()?, "grüezi");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn into_str(self) -> Result<Owned<str, D>, NotUtf8<Self>>
    where
        D: Deallocator<str>,
    {
        match str::from_utf8(self.to_bytes()) {
            Ok(text) => {
                let len = text.len();
                let first = Self::into_non_null(self).cast::<u8>();
                // SAFETY: the block was owned, and its first `len` bytes were just found to be
                // UTF-8.
                Ok(unsafe { Owned::from_utf8_parts(first, len) })
            }
            Err(error) => Err(NotUtf8::new(self, error)),
        }
    }
}

impl<D: Deallocator<[u8]>> Owned<[u8], D> {
    /// Turns the bytes into an owned `str`, in place.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`], with the owner in it, if the bytes are not UTF-8.
    #[inline]
    pub fn into_str(self) -> Result<Owned<str, D>, NotUtf8<Self>>
    where
        D: Deallocator<str>,
    {
        match str::from_utf8(&self) {
            Ok(text) => {
                let len = text.len();
                let first = Self::into_non_null(self).cast();
                // SAFETY: owned bytes, just found to be UTF-8; an empty slice without a block
                // keeps its address.
                Ok(unsafe { Owned::from_utf8_parts(first, len) })
            }
            Err(error) => Err(NotUtf8::new(self, error)),
        }
    }
}

impl<D: Deallocator<str>> Owned<str, D> {
    /// # Safety
    ///
    /// The block at `first` (or the empty slice's address) is the caller's to hand over, is `D`'s
    /// to release, and holds `len` bytes of UTF-8.
    #[inline]
    unsafe fn from_utf8_parts(first: NonNull<u8>, len: usize) -> Self {
        let bytes = NonNull::slice_from_raw_parts(first, len);
        // SAFETY: a cast keeps the address, so it is still not NULL.
        let text = unsafe { NonNull::new_unchecked(bytes.as_ptr() as *mut str) };
        // SAFETY: the caller promises the invariant.
        unsafe { Self::from_non_null(text) }
    }

    /// The bytes of the text; nothing is copied.
    #[inline]
    pub fn into_bytes(self) -> Owned<[u8], D>
    where
        D: Deallocator<[u8]>,
    {
        let text = Self::into_non_null(self);
        // SAFETY: a cast keeps the address, so it is still not NULL.
        let bytes = unsafe { NonNull::new_unchecked(text.as_ptr() as *mut [u8]) };
        // SAFETY: every str is its bytes, and the block was owned.
        unsafe { Owned::from_non_null(bytes) }
    }
}
