//! Copies of what Rust or an owner has, in blocks of their own.
//!
//! Owners are not `Clone`, which could not say that there is no memory.

use core::ffi::CStr;

use crate::{AllocError, Allocator, ContentBlind, Deallocator, Owned};

impl Owned<str> {
    /// Copies text. What C gets is bytes with a length; for a C string see
    /// [`try_from_bytes`](Owned::try_from_bytes).
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let greeting = Owned::<str>::try_from_str("grüezi")?;
    /// assert_eq!(&*greeting, "grüezi");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_from_str(text: &str) -> Result<Self, AllocError> {
        Self::try_from_str_in(text)
    }
}

impl<A: Allocator + Deallocator<str> + Deallocator<[u8]>> Owned<str, A> {
    /// [`try_from_str`](Owned::try_from_str), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use malloc_safe::{Free, Owned};
    ///
    /// let text = Owned::<str, Free>::try_from_str_in("text")?; // or a library's
    /// assert_eq!(&*text, "text");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_from_str_in(text: &str) -> Result<Self, AllocError> {
        let bytes = Owned::into_non_null(Owned::<[u8], A>::try_from_slice_in(text.as_bytes())?);
        // SAFETY: the block was owned, and holds a copy of text.
        Ok(unsafe { Self::from_utf8_parts(bytes.cast(), bytes.len()) })
    }

    /// A copy of the text in a block of the same allocator.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let text = Owned::<str>::try_from_str("text")?;
    /// assert_eq!(text.try_clone()?, text);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_clone(&self) -> Result<Self, AllocError> {
        Self::try_from_str_in(self)
    }
}

impl<T: Unpin + Clone, A: Allocator + ContentBlind<T>> Owned<T, A> {
    /// A copy of the value in a block of the same allocator.
    ///
    /// # Errors
    ///
    /// [`AllocError`] with the copy in it, if there is no memory.
    ///
    /// # Panics
    ///
    /// If cloning the value does.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let number = Owned::try_new(7)?;
    /// assert_eq!(number.try_clone()?, number);
    /// # Ok::<(), malloc_safe::AllocError<i32>>(())
    /// ```
    pub fn try_clone(&self) -> Result<Self, AllocError<T>> {
        Self::try_new_in((**self).clone())
    }
}

impl<T: Unpin + Clone, A: Allocator + Deallocator<[T]>> Owned<[T], A> {
    /// Copies of the elements in a block of the same allocator.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory; then nothing was cloned.
    ///
    /// # Panics
    ///
    /// If cloning an element does; those already made are dropped.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let primes = Owned::<[u16]>::try_from_slice(&[2, 3, 5])?;
    /// assert_eq!(primes.try_clone()?, primes);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    pub fn try_clone(&self) -> Result<Self, AllocError> {
        Self::try_from_fn_in(self.len(), |position| self[position].clone())
    }
}

impl<A: Allocator + Deallocator<CStr>> Owned<CStr, A> {
    /// A copy of the string in a block of the same allocator, as `strdup` (POSIX) makes one.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::Owned;
    ///
    /// let name = Owned::<CStr>::try_from_bytes(b"libc")?;
    /// assert_eq!(name.try_clone()?, name);
    /// # Ok::<(), malloc_safe::CStringError>(())
    /// ```
    pub fn try_clone(&self) -> Result<Self, AllocError> {
        Self::try_from_c_str_in(self)
    }
}
