//! What can fail. An error that cost somebody an owner or a value carries it back.

use core::error::Error;
use core::fmt;
use core::str::Utf8Error;

/// The C allocator returned NULL, or the size asked for cannot exist.
///
/// `V` is the value that was to be moved into the block, if there was one.
///
/// ```
/// use malloc_safe::Owned;
///
/// let error = Owned::<[u64]>::try_from_fn(usize::MAX, |_| 0).unwrap_err();
/// let expected = format!("cannot allocate {} elements of 8 bytes each", usize::MAX);
/// assert_eq!(error.to_string(), expected);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AllocError<V = ()> {
    count: usize,
    element_size: usize,
    value: V,
}

impl<V> AllocError<V> {
    pub(crate) fn new(count: usize, element_size: usize, value: V) -> Self {
        Self {
            count,
            element_size,
            value,
        }
    }

    pub(crate) fn with<U>(self, value: U) -> AllocError<U> {
        AllocError::new(self.count, self.element_size, value)
    }

    /// Gives back the value that found no room.
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::{Allocator, Owned, deallocator};
    /// # deallocator! { struct Full(any) = malloc_sys::free; }
    /// # // SAFETY: there are no blocks.
    /// # unsafe impl Allocator for Full {
    /// #     const ALIGNMENT: usize = 8;
    /// #     fn allocate(_: usize) -> Option<NonNull<u8>> { None }
    /// #     unsafe fn reallocate(_: NonNull<u8>, _: usize, _: usize) -> Option<NonNull<u8>> {
    /// #         None
    /// #     }
    /// # }
    /// // `Full` is the allocator of a library without memory.
    /// let error = Owned::<String, Full>::try_new_in("kept".to_owned()).unwrap_err();
    /// assert_eq!(error.into_value(), "kept");
    /// ```
    pub fn into_value(self) -> V {
        self.value
    }

    /// How many bytes the values would have taken; `None` if that is more than `usize::MAX`.
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let error = CVec::<u16>::try_with_capacity(isize::MAX as usize).unwrap_err();
    /// assert_eq!(error.requested_bytes(), Some(2 * isize::MAX as usize));
    /// ```
    pub fn requested_bytes(&self) -> Option<usize> {
        self.count.checked_mul(self.element_size)
    }

    /// Ends the program as Rust's own collections do where there is no memory, by
    /// `std::alloc::handle_alloc_error`.
    ///
    /// It makes an infallible form of every constructor, for a wrapper that would end anyway.
    ///
    /// # Panics
    ///
    /// If no block can have the size that was asked for, as `Vec` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let number = Owned::try_new(7).unwrap_or_else(|error| error.handle_alloc_error());
    /// assert_eq!(*number, 7);
    /// ```
    #[cfg(feature = "std")]
    #[cold]
    pub fn handle_alloc_error(self) -> ! {
        let size = self.requested_bytes().unwrap_or(usize::MAX);
        let Ok(layout) = std::alloc::Layout::from_size_align(size, 1) else {
            panic!("capacity overflow: {self}");
        };
        std::alloc::handle_alloc_error(layout)
    }
}

impl<V> fmt::Display for AllocError<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.element_size {
            1 => write!(f, "cannot allocate {} bytes", self.count),
            size => write!(
                f,
                "cannot allocate {} elements of {size} bytes each",
                self.count
            ),
        }
    }
}

// By hand: the value need not be Debug for the failure to be.
impl<V> fmt::Debug for AllocError<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllocError")
            .field("count", &self.count)
            .field("element_size", &self.element_size)
            .finish_non_exhaustive()
    }
}

impl<V> Error for AllocError<V> {}

/// A C string could not be made of some bytes.
///
/// ```
/// use core::ffi::CStr;
/// use malloc_safe::Owned;
///
/// let error = Owned::<CStr>::try_from_bytes(b"half\0done").unwrap_err();
/// assert_eq!(error.to_string(), "byte 4 is NUL, which would end the C string there");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CStringError {
    /// The bytes hold a NUL, so C would see a shorter string.
    InteriorNul {
        /// Where the first one is, counted from 0.
        position: usize,
    },
    /// There was no memory for the string and its terminator.
    Alloc(AllocError),
}

impl fmt::Display for CStringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InteriorNul { position } => {
                write!(
                    f,
                    "byte {position} is NUL, which would end the C string there"
                )
            }
            Self::Alloc(error) => error.fmt(f),
        }
    }
}

impl Error for CStringError {}

impl From<AllocError> for CStringError {
    fn from(error: AllocError) -> Self {
        Self::Alloc(error)
    }
}

/// An owner's bytes are not UTF-8. It holds the owner, unchanged.
///
/// ```
/// use core::ffi::CStr;
/// use malloc_safe::Owned;
///
/// let name = Owned::<CStr>::try_from_bytes(b"caf\xe9")?;
/// let error = name.into_str().unwrap_err();
/// assert_eq!(error.utf8_error().valid_up_to(), 3);
/// assert_eq!(error.into_owner().to_bytes(), b"caf\xe9");
/// # Ok::<(), malloc_safe::CStringError>(())
/// ```
pub struct NotUtf8<O> {
    owner: O,
    source: Utf8Error,
}

impl<O> NotUtf8<O> {
    pub(crate) fn new(owner: O, source: Utf8Error) -> Self {
        Self { owner, source }
    }

    /// Gives back the owner that could not be converted.
    ///
    /// To go on with the bytes as they are:
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    ///
    /// let name = Owned::<CStr>::try_from_bytes(b"caf\xe9")?; // Latin-1
    /// let name: Owned<CStr> = name.into_str().unwrap_err().into_owner();
    /// assert_eq!(name.to_string_lossy(), "caf\u{fffd}");
    /// # Ok::<(), malloc_safe::CStringError>(())
    /// ```
    pub fn into_owner(self) -> O {
        self.owner
    }

    /// Where the bytes stop being UTF-8.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let line = Owned::<[u8]>::try_from_slice(b"cut \xc3")?;
    /// let error = line.into_str().unwrap_err().utf8_error();
    /// assert_eq!(error.valid_up_to(), 4);
    /// assert_eq!(error.error_len(), None); // the rest may be in the next block that is read
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn utf8_error(&self) -> Utf8Error {
        self.source
    }
}

impl<O> fmt::Display for NotUtf8<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl<O> fmt::Debug for NotUtf8<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotUtf8")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl<O> Error for NotUtf8<O> {}

/// A C string could not be made of an owner. It holds the owner, with the same bytes in it.
///
/// ```
/// use malloc_safe::CVec;
///
/// let mut line = CVec::<u8>::new();
/// line.try_extend_from_slice(b"half\0done")?;
/// let error = line.try_into_c_str().unwrap_err();
/// assert_eq!(error.to_string(), "byte 4 is NUL, which would end the C string there");
/// assert_eq!(*error.into_owner(), *b"half\0done");
/// # Ok::<(), malloc_safe::AllocError>(())
/// ```
pub struct IntoCStrError<O> {
    owner: O,
    source: CStringError,
}

impl<O> IntoCStrError<O> {
    pub(crate) fn new(owner: O, source: CStringError) -> Self {
        Self { owner, source }
    }

    /// Gives back the owner that could not be converted.
    ///
    /// To mend what was wrong, in the same block:
    ///
    /// ```
    /// use malloc_safe::CVec;
    ///
    /// let mut line = CVec::<u8>::try_from_iter(*b"half\0done")?;
    /// line = line.try_into_c_str().unwrap_err().into_owner();
    /// line.truncate(4);
    /// assert_eq!(&*line.try_into_c_str()?, c"half");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_owner(self) -> O {
        self.owner
    }

    /// Whether a NUL was in the way, or there was no memory for the terminator.
    ///
    /// ```
    /// use malloc_safe::{CStringError, CVec};
    ///
    /// let mut bytes = CVec::<u8>::new();
    /// bytes.try_extend_from_slice(b"a\0b")?;
    /// let error = bytes.try_into_c_str().unwrap_err();
    /// assert_eq!(error.c_string_error(), CStringError::InteriorNul { position: 1 });
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn c_string_error(&self) -> CStringError {
        self.source
    }
}

impl<O> fmt::Display for IntoCStrError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl<O> fmt::Debug for IntoCStrError<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoCStrError")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl<O> Error for IntoCStrError<O> {}

/// No byte of an owner's is NUL, so it is no C string. It holds the owner, unchanged.
///
/// ```
/// use malloc_safe::Owned;
///
/// let error = Owned::<[u8]>::try_from_slice(b"endless")?.into_c_str().unwrap_err();
/// assert_eq!(error.to_string(), "none of the 7 bytes is NUL, so no C string ends there");
/// assert_eq!(*error.into_owner(), *b"endless");
/// # Ok::<(), malloc_safe::AllocError>(())
/// ```
pub struct NotTerminated<O> {
    owner: O,
    searched: usize,
}

impl<O> NotTerminated<O> {
    pub(crate) fn new(owner: O, searched: usize) -> Self {
        Self { owner, searched }
    }

    /// Gives back the owner that could not be converted.
    ///
    /// To append what is missing:
    ///
    /// ```
    /// use malloc_safe::{CVec, Owned};
    ///
    /// let bytes = Owned::<[u8]>::try_from_slice(b"endless")?;
    /// let bytes = bytes.into_c_str().unwrap_err().into_owner();
    /// assert_eq!(&*CVec::from(bytes).try_into_c_str()?, c"endless");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_owner(self) -> O {
        self.owner
    }

    /// How many bytes were searched.
    ///
    /// ```
    /// use core::ffi::{CStr, c_char};
    /// use malloc_safe::Owned;
    ///
    /// // SAFETY: no precondition.
    /// let text = unsafe { malloc_sys::workload_string(8, b'-' as c_char) };
    /// // SAFETY: NULL, or a C string in a malloc block of nine bytes.
    /// let error = unsafe { Owned::<CStr>::from_raw_bounded(text, 5) }.unwrap_err();
    /// assert_eq!(error.searched(), 5);
    /// assert_eq!(*error.into_owner(), *b"-----");
    /// ```
    pub fn searched(&self) -> usize {
        self.searched
    }
}

impl<O> fmt::Display for NotTerminated<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let searched = self.searched;
        write!(
            f,
            "none of the {searched} bytes is NUL, so no C string ends there"
        )
    }
}

impl<O> fmt::Debug for NotTerminated<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotTerminated")
            .field("searched", &self.searched)
            .finish_non_exhaustive()
    }
}

impl<O> Error for NotTerminated<O> {}

#[cfg(feature = "std")]
mod io {
    use super::{AllocError, CStringError};
    use std::io;

    impl<V> From<AllocError<V>> for io::Error {
        /// Keeps the kind alone: a message would need memory, which is what there is none of. A
        /// value in the error is dropped.
        fn from(_: AllocError<V>) -> Self {
            io::ErrorKind::OutOfMemory.into()
        }
    }

    impl From<CStringError> for io::Error {
        fn from(error: CStringError) -> Self {
            match error {
                CStringError::Alloc(error) => error.into(),
                error @ CStringError::InteriorNul { .. } => {
                    Self::new(io::ErrorKind::InvalidInput, error)
                }
            }
        }
    }
}
