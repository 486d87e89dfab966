//! Destructors with a status, which must not go unseen.

use core::error::Error;
use core::fmt;
use core::mem;
use core::ptr::NonNull;

use crate::{Deallocator, Owned, Pointee};

/// A [`Deallocator`] whose function says whether it succeeded, as `fclose` and `sqlite3_close` do.
///
/// [`Owned::close`] calls it and returns what it says. A drop cannot: it calls
/// [`deallocate`](Deallocator::deallocate), and the status is lost, as in C where nobody looks at
/// it. An object that refuses to be closed is then leaked.
///
/// # Safety
///
/// `close` either releases the block, and returns `Ok` or [`CloseFailure::Released`], or leaves it
/// as it was, still the deallocator's to release, and returns [`CloseFailure::Kept`]. Whatever is
/// promised of `deallocate` holds for `close` as well.
///
/// # Examples
///
/// ```
/// use core::ffi::c_int;
/// use core::ptr::NonNull;
/// use malloc_safe::{Close, CloseFailure, Opaque, Owned, deallocator};
///
/// pub enum Sqlite {}
/// # unsafe extern "C" fn sqlite3_close(_: *mut Opaque<Sqlite>) -> c_int { 5 }
///
/// deallocator! { pub struct SqliteClose(Opaque<Sqlite>) = sqlite3_close; }
///
/// // SAFETY: a connection that is busy is left open.
/// unsafe impl Close<Opaque<Sqlite>> for SqliteClose {
///     type Status = c_int;
///
///     unsafe fn close(ptr: NonNull<Opaque<Sqlite>>) -> Result<(), CloseFailure<c_int>> {
///         // SAFETY: the caller hands over a connection.
///         match unsafe { sqlite3_close(ptr.as_ptr()) } {
///             0 => Ok(()),
///             busy => Err(CloseFailure::Kept(busy)),
///         }
///     }
/// }
///
/// # let database = unsafe { Owned::<Opaque<Sqlite>, SqliteClose>::from_raw(8 as *mut Sqlite) }.unwrap();
/// if let Err(error) = Owned::close(database) {
///     println!("{error}");
///     let database: Owned<_, SqliteClose> = error.into_owner().expect("it is kept");
///     // finish its statements, and try again
/// }
/// ```
pub unsafe trait Close<T: ?Sized>: Deallocator<T> {
    /// What the function says when it fails: an `int`, or what is made of it and of `errno`.
    type Status;

    /// Releases the block at `ptr`, or says why not.
    ///
    /// # Errors
    ///
    /// [`CloseFailure`], with what the function said and what has become of the block.
    ///
    /// # Safety
    ///
    /// As [`Deallocator::deallocate`], but for the block being still in use after
    /// [`CloseFailure::Kept`].
    unsafe fn close(ptr: NonNull<T>) -> Result<(), CloseFailure<Self::Status>>;
}

/// What has become of a block whose [`close`](Close::close) failed.
///
/// An implementation of [`Close::close`] makes one of what the function returned:
///
/// ```
/// use core::ffi::c_int;
/// use malloc_safe::CloseFailure;
///
/// fn sqlite3_closed(status: c_int) -> Result<(), CloseFailure<c_int>> {
///     if status == 0 { Ok(()) } else { Err(CloseFailure::Kept(status)) }
/// }
///
/// fn fclosed(status: c_int) -> Result<(), CloseFailure<c_int>> {
///     if status == 0 { Ok(()) } else { Err(CloseFailure::Released(status)) }
/// }
///
/// assert_eq!(sqlite3_closed(5), Err(CloseFailure::Kept(5))); // SQLITE_BUSY
/// assert_eq!(fclosed(-1), Err(CloseFailure::Released(-1))); // EOF
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseFailure<S> {
    /// It is gone all the same: `fclose` could not write the rest, but there is no stream any more.
    Released(S),
    /// It is still there: `sqlite3_close` found unfinished statements.
    Kept(S),
}

impl<T: ?Sized + Pointee, D: Close<T>> Owned<T, D> {
    /// Releases the block now, and returns what its deallocator says.
    ///
    /// # Errors
    ///
    /// [`CloseError`], if the deallocator reports a failure; it holds the owner if the block is
    /// still there.
    ///
    /// A `T` with a destructor does not compile: it would be lost on an object that is kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::ptr::NonNull;
    /// use malloc_safe::{Close, CloseFailure, Opaque, Owned, deallocator};
    ///
    /// pub enum File {}
    ///
    /// deallocator! {
    ///     pub struct FileClose(Opaque<File>) = |file: *mut Opaque<File>| {
    ///         // SAFETY: the owner hands over an open stream.
    ///         unsafe { libc::fclose(file.cast()) }
    ///     };
    /// }
    ///
    /// // SAFETY: after fclose there is no stream, whatever it returns (C11 7.21.5.1).
    /// unsafe impl Close<Opaque<File>> for FileClose {
    ///     type Status = std::io::Error;
    ///
    ///     unsafe fn close(ptr: NonNull<Opaque<File>>) -> Result<(), CloseFailure<Self::Status>> {
    ///         // SAFETY: the caller hands over an open stream.
    ///         match unsafe { libc::fclose(ptr.as_ptr().cast()) } {
    ///             0 => Ok(()),
    ///             _ => Err(CloseFailure::Released(std::io::Error::last_os_error())),
    ///         }
    ///     }
    /// }
    ///
    /// // SAFETY: the function returns NULL or an open stream.
    /// let file = unsafe { Owned::<Opaque<File>, FileClose>::from_raw(libc::tmpfile().cast()) };
    /// Owned::close(file.expect("a temporary file"))?;
    /// # Ok::<(), malloc_safe::CloseError<Opaque<File>, FileClose>>(())
    /// ```
    pub fn close(this: Self) -> Result<(), CloseError<T, D>> {
        const {
            assert!(
                !mem::needs_drop::<T>(),
                "an object that its deallocator may keep has no destructor in Rust"
            );
        }
        let ptr = Self::into_non_null(this);
        if T::is_unallocated(ptr) {
            return Ok(());
        }
        // SAFETY: the block was owned.
        match unsafe { D::close(ptr) } {
            Ok(()) => Ok(()),
            Err(CloseFailure::Released(status)) => Err(CloseError {
                status,
                owner: None,
            }),
            Err(CloseFailure::Kept(status)) => {
                // SAFETY: the block is as it was, by the contract of Close.
                let owner = Some(unsafe { Self::from_non_null(ptr) });
                Err(CloseError { status, owner })
            }
        }
    }
}

/// A deallocator reported a failure. If the block is still there, this owns it.
///
/// ```
/// # use core::ptr::NonNull;
/// # use malloc_safe::{Close, CloseError, CloseFailure, Deallocator, Owned};
/// # struct Busy;
/// # unsafe impl Deallocator<u64> for Busy {
/// #     type Contents = malloc_safe::contents::Read;
/// #     unsafe fn deallocate(ptr: NonNull<u64>) {
/// #         unsafe { malloc_sys::free(ptr.as_ptr().cast()) }
/// #     }
/// # }
/// # unsafe impl Close<u64> for Busy {
/// #     type Status = i32;
/// #     unsafe fn close(_: NonNull<u64>) -> Result<(), CloseFailure<i32>> {
/// #         Err(CloseFailure::Kept(5))
/// #     }
/// # }
/// # let handle = unsafe { Owned::<u64, Busy>::from_raw(malloc_sys::workload_number(1)) }.unwrap();
/// let error = Owned::close(handle).expect_err("it is busy");
/// assert_eq!(
///     error.to_string(),
///     "closing failed with status 5: the object is still open, and owned by this error"
/// );
/// ```
#[must_use = "it may own the object that could not be closed"]
pub struct CloseError<T: ?Sized + Pointee, D: Close<T>> {
    status: D::Status,
    owner: Option<Owned<T, D>>,
}

impl<T: ?Sized + Pointee, D: Close<T>> CloseError<T, D> {
    /// What the deallocator said.
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::{Close, CloseError, CloseFailure, Deallocator, Owned};
    /// # struct Busy;
    /// # unsafe impl Deallocator<u64> for Busy {
    /// #     type Contents = malloc_safe::contents::Read;
    /// #     unsafe fn deallocate(ptr: NonNull<u64>) {
    /// #         unsafe { malloc_sys::free(ptr.as_ptr().cast()) }
    /// #     }
    /// # }
    /// # unsafe impl Close<u64> for Busy {
    /// #     type Status = i32;
    /// #     unsafe fn close(_: NonNull<u64>) -> Result<(), CloseFailure<i32>> {
    /// #         Err(CloseFailure::Kept(5))
    /// #     }
    /// # }
    /// # let handle = unsafe { Owned::<u64, Busy>::from_raw(malloc_sys::workload_number(1)) }.unwrap();
    /// let error = Owned::close(handle).expect_err("it is busy");
    /// assert_eq!(*error.status(), 5);
    /// ```
    pub fn status(&self) -> &D::Status {
        &self.status
    }

    /// Gives the owner back; `None` if the block is gone.
    ///
    /// ```
    /// # use core::{ffi::c_int, ptr::NonNull};
    /// # use malloc_safe::{Close, CloseFailure, Owned, deallocator};
    /// # deallocator! { struct SqliteClose(any) = malloc_sys::free; }
    /// # unsafe impl Close<u64> for SqliteClose {
    /// #     type Status = c_int;
    /// #     unsafe fn close(statements: NonNull<u64>) -> Result<(), CloseFailure<c_int>> {
    /// #         match unsafe { statements.read() } {
    /// #             0 => Ok(unsafe { malloc_sys::free(statements.as_ptr().cast()) }),
    /// #             _ => Err(CloseFailure::Kept(5)),
    /// #         }
    /// #     }
    /// # }
    /// # unsafe extern "C" { safe fn workload_number(n: u64) -> Option<Owned<u64, SqliteClose>>; }
    /// # use malloc_sys as _;
    /// # let database = workload_number(1).expect("enough memory");
    /// let error = Owned::close(database).unwrap_err();
    /// let mut database = error.into_owner().expect("a busy connection is kept");
    /// // finish its statements
    /// # *database = 0;
    /// assert!(Owned::close(database).is_ok());
    /// ```
    pub fn into_owner(self) -> Option<Owned<T, D>> {
        self.owner
    }

    /// What the deallocator said, and the owner; `None` if the block is gone.
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::{Close, CloseError, CloseFailure, Deallocator, Owned};
    /// # struct Busy;
    /// # unsafe impl Deallocator<u64> for Busy {
    /// #     type Contents = malloc_safe::contents::Read;
    /// #     unsafe fn deallocate(ptr: NonNull<u64>) {
    /// #         unsafe { malloc_sys::free(ptr.as_ptr().cast()) }
    /// #     }
    /// # }
    /// # unsafe impl Close<u64> for Busy {
    /// #     type Status = i32;
    /// #     unsafe fn close(_: NonNull<u64>) -> Result<(), CloseFailure<i32>> {
    /// #         Err(CloseFailure::Kept(5))
    /// #     }
    /// # }
    /// # let handle = unsafe { Owned::<u64, Busy>::from_raw(malloc_sys::workload_number(1)) }.unwrap();
    /// let error = Owned::close(handle).expect_err("it is busy");
    /// let (status, handle) = error.into_parts();
    /// assert!(status == 5 && handle.is_some());
    /// ```
    pub fn into_parts(self) -> (D::Status, Option<Owned<T, D>>) {
        (self.status, self.owner)
    }
}

impl<T: ?Sized + Pointee, D: Close<T, Status: fmt::Display>> fmt::Display for CloseError<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.owner {
            Some(_) => "the object is still open, and owned by this error",
            None => "the object is gone all the same",
        };
        write!(f, "closing failed with status {}: {state}", self.status)
    }
}

impl<T: ?Sized + Pointee, D: Close<T, Status: fmt::Debug>> fmt::Debug for CloseError<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloseError")
            .field("status", &self.status)
            .field("kept", &self.owner.is_some())
            .finish()
    }
}

impl<T: ?Sized + Pointee, D: Close<T, Status: fmt::Debug + fmt::Display>> Error
    for CloseError<T, D>
{
}
