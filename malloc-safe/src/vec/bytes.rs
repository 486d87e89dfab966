//! Vectors of bytes: a destination for `Write`, and the makings of a C string.

use core::ffi::CStr;
use core::fmt;

use super::CVec;
use crate::{Allocator, CStringError, Deallocator, IntoCStrError, Owned};

impl<A: Allocator + Deallocator<[u8]> + Deallocator<CStr>> CVec<u8, A> {
    /// Ends the bytes with a NUL and gives them to an owner of a C string; nothing is copied but
    /// what growing by one byte may move.
    ///
    /// # Errors
    ///
    /// [`IntoCStrError`] with the vector in it, if one of the bytes is NUL, or if there is no
    /// memory for the terminator.
    ///
    /// ```
    /// use core::ffi::CStr;
    /// use malloc_safe::{CVec, Owned};
    ///
    /// let mut path = CVec::<u8>::new();
    /// path.try_extend_from_slice(b"/usr")?;
    /// path.try_extend_from_slice(b"/lib")?;
    /// let path: Owned<CStr> = path.try_into_c_str()?;
    /// assert_eq!(&*path, c"/usr/lib");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_into_c_str(mut self) -> Result<Owned<CStr, A>, IntoCStrError<Self>> {
        if let Some(position) = crate::string::find_nul(&self) {
            let error = CStringError::InteriorNul { position };
            return Err(IntoCStrError::new(self, error));
        }
        if let Err(error) = self.try_reserve_exact(1) {
            return Err(IntoCStrError::new(self, error.into()));
        }
        let len = self.len();
        self.spare_capacity_mut()[0].write(0);
        let first = Owned::into_non_null(self.into_owned_slice()).cast();
        // SAFETY: the block was owned; none of its `len` bytes is NUL, and one was written behind.
        Ok(unsafe { Owned::from_measured(first, len) })
    }
}

/// Appends text; the error says nothing more than that there is no memory.
///
/// ```
/// use core::fmt::Write as _;
/// use malloc_safe::CVec;
///
/// let mut line = CVec::<u8>::new();
/// write!(line, "{} blocks", 20)?;
/// assert_eq!(line, *b"20 blocks");
/// # Ok::<(), core::fmt::Error>(())
/// ```
impl<A: Allocator + Deallocator<[u8]>> fmt::Write for CVec<u8, A> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.try_extend_from_slice(text.as_bytes())
            .map_err(|_| fmt::Error)
    }
}

#[cfg(feature = "std")]
mod io {
    use super::CVec;
    use crate::{Allocator, Deallocator};
    use std::io::{self, Write};

    /// Appends, and reports [`OutOfMemory`](io::ErrorKind::OutOfMemory) instead of aborting.
    ///
    /// ```
    /// use malloc_safe::CVec;
    /// use std::io::Write as _;
    ///
    /// let mut line = CVec::<u8>::new();
    /// write!(line, "{} blocks", 20)?;
    /// assert_eq!(*line, *b"20 blocks");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    impl<A: Allocator + Deallocator<[u8]>> Write for CVec<u8, A> {
        #[inline]
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.write_all(bytes)?;
            Ok(bytes.len())
        }

        #[inline]
        fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.try_extend_from_slice(bytes)?;
            Ok(())
        }

        #[inline]
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
