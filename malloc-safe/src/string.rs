//! Owned strings whose length is known: `Owned<CStr, D>` and `Owned<str, D>`.

use core::ffi::{CStr, c_char};
use core::ptr::NonNull;
use core::str::{self, Utf8Error};

use crate::{Deallocator, NotTerminated, NotUtf8, NulTerminated, Owned};

// A pointer to a CStr is taken apart and put together below as a pointer to its bytes with the
// terminator. Were the standard library to make it thin, this would fail rather than misbehave.
const _: () = assert!(size_of::<*const CStr>() == size_of::<*const [c_char]>());

/// A C string with its length.
impl<D: Deallocator<CStr>> Owned<CStr, D> {
    /// Adopts a `char *` and measures it, with `strlen` (C11 7.24.6.3); NULL is `None`.
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

    /// Adopts a `char *` that ends within `bound` bytes; NULL is `Ok(None)`.
    ///
    /// For a buffer whose size is known: the search stops there, and is faster than one without a
    /// bound (`memchr`, C17 7.24.5.1).
    ///
    /// # Errors
    ///
    /// [`NotTerminated`], if none of the first `bound` bytes is NUL. It owns the block, as those
    /// bytes.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or a live block that is [`D`'s to release](Owned#invariant), as a string or as
    /// bytes, and that nobody else uses or releases from now on. Its bytes up to the first NUL, or
    /// as many as `bound`, are valid; `bound` may be larger than the block if there is a NUL in it.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    ///
    /// // SAFETY: the function returns NULL, or a C string in a malloc block of four bytes.
    /// let dashes = unsafe { Owned::<CStr>::from_raw_bounded(malloc_sys::workload_string(3, 45), 4) }?;
    /// assert_eq!(dashes.as_deref(), Some(c"---"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub unsafe fn from_raw_bounded(
        ptr: *mut c_char,
        bound: usize,
    ) -> Result<Option<Self>, NotTerminated<Owned<[u8], D>>>
    where
        D: Deallocator<[u8]>,
    {
        let Some(first) = NonNull::new(ptr) else {
            return Ok(None);
        };
        let bound = bound.min(isize::MAX as usize); // no block is larger
        // SAFETY: the caller says that the bytes are valid up to the first NUL or the bound.
        if let Some(len) = unsafe { search(first.cast(), bound) } {
            // SAFETY: the caller hands over the block, and its terminator was found at `len`.
            Ok(Some(unsafe { Self::from_measured(first, len) }))
        } else {
            let bytes = NonNull::slice_from_raw_parts(first.cast(), bound);
            // SAFETY: the caller hands over the block, of which all these bytes were searched.
            Err(NotTerminated::new(
                unsafe { Owned::from_non_null(bytes) },
                bound,
            ))
        }
    }

    /// Gives up ownership, and the length: the pointer that C wants.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    ///
    /// let string = Owned::<CStr>::try_from_bytes(b"text")?;
    /// let ptr = Owned::into_raw_c_str(string); // for a function that frees it
    /// // SAFETY: what into_raw_c_str gave, once.
    /// drop(unsafe { Owned::<CStr>::from_raw_c_str(ptr) });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// use core::ffi::{CStr, c_char};
    /// use malloc_safe::{NulTerminated, Owned};
    ///
    /// unsafe extern "C" {
    ///     // A function that takes ownership says so in its declaration; this one frees at once.
    ///     safe fn free(string: Owned<NulTerminated<c_char>>);
    /// }
    ///
    /// let string = Owned::<CStr>::try_from_bytes(b"yours")?;
    /// free(string.into_nul_terminated());
    /// # Ok::<(), malloc_safe::CStringError>(())
    /// ```
    #[inline]
    pub fn into_nul_terminated(self) -> Owned<NulTerminated<c_char>, D>
    where
        D: Deallocator<NulTerminated<c_char>>,
    {
        // SAFETY: the block was owned, and the string is still terminated.
        unsafe { Owned::from_non_null(Self::into_non_null(self).cast()) }
    }

    /// The bytes, without the terminator, which stays in the block behind them.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    ///
    /// let mut word = Owned::<CStr>::try_from_bytes(b"shout")?.into_bytes();
    /// word.make_ascii_uppercase(); // bytes may be overwritten, as a CStr may not
    /// assert_eq!(*word, *b"SHOUT");
    /// # Ok::<(), malloc_safe::CStringError>(())
    /// ```
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
        match from_utf8(self.to_bytes()) {
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
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let text = Owned::<[u8]>::try_from_slice("grüezi".as_bytes())?.into_str()?;
    /// assert_eq!(&*text, "grüezi");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn into_str(self) -> Result<Owned<str, D>, NotUtf8<Self>>
    where
        D: Deallocator<str>,
    {
        match from_utf8(&self) {
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

    /// Takes the bytes for a C string that ends at the first NUL; what is behind it stays in the
    /// block, out of sight.
    ///
    /// A deallocator that needs the exact size does not release a `CStr`, and has no such conversion.
    ///
    /// # Errors
    ///
    /// [`NotTerminated`], with the owner in it, if no byte is NUL.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let field = Owned::<[u8]>::try_from_slice(b"name\0\0\0\0")?;
    /// assert_eq!(&*field.into_c_str()?, c"name");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn into_c_str(self) -> Result<Owned<CStr, D>, NotTerminated<Self>>
    where
        D: Deallocator<CStr>,
    {
        if let Some(len) = find_nul(&self) {
            let first = Self::into_non_null(self).cast();
            // SAFETY: owned bytes, the first NUL of which is at `len`; so there is a block.
            Ok(unsafe { Owned::from_measured(first, len) })
        } else {
            let searched = self.len();
            Err(NotTerminated::new(self, searched))
        }
    }
}

impl<D: Deallocator<str>> Owned<str, D> {
    /// # Safety
    ///
    /// The block at `first` (or the empty slice's address) is the caller's to hand over, is `D`'s
    /// to release, and holds `len` bytes of UTF-8.
    #[inline]
    pub(crate) unsafe fn from_utf8_parts(first: NonNull<u8>, len: usize) -> Self {
        let bytes = NonNull::slice_from_raw_parts(first, len);
        // SAFETY: a cast keeps the address, so it is still not NULL.
        let text = unsafe { NonNull::new_unchecked(bytes.as_ptr() as *mut str) };
        // SAFETY: the caller promises the invariant.
        unsafe { Self::from_non_null(text) }
    }

    /// The bytes of the text; nothing is copied.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    ///
    /// let string = Owned::<CStr>::try_from_bytes(b"text")?;
    /// let text: Owned<str> = string.into_str()?;
    /// assert_eq!(*text.into_bytes(), *b"text");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

/// Where the first NUL is.
#[inline]
pub(crate) fn find_nul(bytes: &[u8]) -> Option<usize> {
    // The pointer of no bytes may dangle, and memchr wants a block even so (C11 7.24.1p2).
    let block = if bytes.is_empty() { &[1] } else { bytes };
    // SAFETY: the bytes of a slice are valid.
    unsafe { search(NonNull::from(block).cast(), bytes.len()) }
}

/// The distance to the first NUL, if that is less than `bound`.
///
/// # Safety
///
/// `first` points into a block, whose bytes are valid up to the first NUL, or as many as `bound`.
#[inline]
unsafe fn search(first: NonNull<u8>, bound: usize) -> Option<usize> {
    // SAFETY: memchr reads one byte after the other, and none behind the first match.
    let found = unsafe { libc::memchr(first.as_ptr().cast(), 0, bound) };
    (!found.is_null()).then(|| found.addr() - first.addr().get())
}

/// What [`str::from_utf8`] says.
#[inline]
pub(crate) fn from_utf8(bytes: &[u8]) -> Result<&str, Utf8Error> {
    #[cfg(feature = "simdutf8")]
    if let Ok(text) = simdutf8::compat::from_utf8(bytes) {
        return Ok(text);
    }
    // Without the feature; and with it for the error, whose type is the standard library's.
    str::from_utf8(bytes)
}
