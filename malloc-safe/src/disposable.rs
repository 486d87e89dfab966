//! Structs of the caller's whose contents belong to the library.

use core::fmt;
use core::marker::PhantomData;
use core::mem;
use core::ops::Deref;

/// Gives back what a library put into a struct; the struct itself stays the caller's.
///
/// # Safety
///
/// The struct may be moved between calls of the library: it holds no pointer into itself, and the
/// library keeps none to it. If the type is `Send`, the contents may be given back in any thread.
///
/// # Examples
///
/// ```
/// # use core::ffi::c_char;
/// # use malloc_safe::{Disposable, Dispose};
/// # #[repr(C)]
/// # struct GitBuf { text: *mut c_char, reserved: usize, size: usize }
/// # unsafe fn git_buf_dispose(buffer: *mut GitBuf) {
/// #     unsafe { malloc_sys::free((*buffer).text.cast()) }
/// # }
/// struct BufDispose;
///
/// // SAFETY: git_buf_dispose gives back the text that the library put in; a git_buf has no pointer
/// // to itself.
/// unsafe impl Dispose<GitBuf> for BufDispose {
///     unsafe fn dispose(value: *mut GitBuf) {
///         // SAFETY: the caller hands over a buffer of the library's.
///         unsafe { git_buf_dispose(value) }
///     }
/// }
///
/// # let text = unsafe { malloc_sys::workload_string(4, b'-' as c_char) };
/// # let filled = GitBuf { text, reserved: 5, size: 4 };
/// // SAFETY: the library has filled it, and nobody else disposes of the text.
/// let buffer = unsafe { Disposable::<GitBuf, BufDispose>::new(filled) };
/// assert_eq!(buffer.size, 4);
/// ```
pub unsafe trait Dispose<S> {
    /// Gives the contents back.
    ///
    /// # Safety
    ///
    /// `value` points to a struct that satisfies the invariant of [`Disposable`], valid for reads
    /// and writes, whose contents are not used again.
    unsafe fn dispose(value: *mut S);
}

/// Owns the contents of a struct that the caller allocates and the library fills: `glob_t`,
/// `git_buf`.
///
/// The struct is lent shared only, because its fields tell the library what to give back. It is
/// `Send` if both the struct and `D` are; one with raw pointers in it is not.
///
/// # Invariant
///
/// The struct is such that `D` may give its contents back, once. One with a destructor of its own
/// does not compile where it is dropped: the library ends the contents, not Rust.
///
/// # Examples
///
/// ```
/// use malloc_safe::{Dispose, Disposable};
///
/// # #[cfg(unix)] {
/// struct GlobFree;
///
/// // SAFETY: globfree gives back what glob put in; a glob_t has no pointer to itself.
/// unsafe impl Dispose<libc::glob_t> for GlobFree {
///     unsafe fn dispose(value: *mut libc::glob_t) {
///         // SAFETY: the caller hands over a glob_t that glob filled.
///         unsafe { libc::globfree(value) }
///     }
/// }
///
/// // SAFETY: all zero is an empty glob_t, which globfree accepts.
/// let empty = unsafe { core::mem::zeroed() };
/// // SAFETY: as above; after glob, whatever its status, globfree is right.
/// let mut found = unsafe { Disposable::<libc::glob_t, GlobFree>::new(empty) };
/// // SAFETY: a C string, no flags, no callback, and a glob_t to fill.
/// let status = unsafe { libc::glob(c"/*".as_ptr(), 0, None, found.as_mut_ptr()) };
/// assert!(status == 0 && found.gl_pathc > 0);
/// // globfree here
/// # }
/// ```
#[repr(transparent)]
pub struct Disposable<S, D: Dispose<S>> {
    value: S,
    disposes: PhantomData<D>,
    // Invariant in both: a coercion must not exchange what disposes. The D above decides on Send.
    exactly_disposes: PhantomData<fn(D) -> D>,
    exactly_value: PhantomData<fn(S) -> S>,
}

impl<S, D: Dispose<S>> Disposable<S, D> {
    /// Takes over a struct, filled or fit to be given to the library for filling.
    ///
    /// # Safety
    ///
    /// `D` may give the contents back from now on, after whatever is done to them through
    /// [`as_mut_ptr`](Self::as_mut_ptr) and whatever safe code makes of them through a shared
    /// reference; nobody else does. What safe code can get out of a `&S`, a copy of it included,
    /// does not let it use the contents after that.
    ///
    /// # Examples
    ///
    /// An empty struct, as the library's initializer makes it, can be owned before it is filled:
    ///
    /// ```
    /// # use core::ffi::c_char;
    /// # use malloc_safe::{Disposable, Dispose};
    /// # #[repr(C)]
    /// # struct GitBuf { text: *mut c_char, reserved: usize, size: usize }
    /// # unsafe fn git_buf_dispose(buffer: *mut GitBuf) {
    /// #     unsafe { malloc_sys::free((*buffer).text.cast()) };
    /// #     unsafe { *buffer = EMPTY };
    /// # }
    /// # unsafe fn git_message_prettify(buffer: *mut GitBuf, _: *const c_char) -> i32 {
    /// #     let text = unsafe { malloc_sys::workload_string(4, b'-' as c_char) };
    /// #     unsafe { *buffer = GitBuf { text, reserved: 5, size: 4 } };
    /// #     0
    /// # }
    /// # const EMPTY: GitBuf = GitBuf { text: core::ptr::null_mut(), reserved: 0, size: 0 };
    /// # struct BufDispose;
    /// # unsafe impl Dispose<GitBuf> for BufDispose {
    /// #     unsafe fn dispose(value: *mut GitBuf) { unsafe { git_buf_dispose(value) } }
    /// # }
    /// // SAFETY: git_buf_dispose accepts GIT_BUF_INIT, and what the library makes of it.
    /// let buffer = unsafe { Disposable::<GitBuf, BufDispose>::new(EMPTY) };
    /// assert!(buffer.text.is_null());
    /// // git_buf_dispose here
    /// ```
    #[inline]
    pub unsafe fn new(value: S) -> Self {
        Self {
            value,
            disposes: PhantomData,
            exactly_disposes: PhantomData,
            exactly_value: PhantomData,
        }
    }

    /// The struct, for the library to fill or to change.
    ///
    /// What is written through it must keep to what [`new`](Self::new) asks for.
    ///
    /// ```
    /// # use core::ffi::c_char;
    /// # use malloc_safe::{Disposable, Dispose};
    /// # #[repr(C)]
    /// # struct GitBuf { text: *mut c_char, reserved: usize, size: usize }
    /// # unsafe fn git_buf_dispose(buffer: *mut GitBuf) {
    /// #     unsafe { malloc_sys::free((*buffer).text.cast()) };
    /// #     unsafe { *buffer = EMPTY };
    /// # }
    /// # unsafe fn git_message_prettify(buffer: *mut GitBuf, _: *const c_char) -> i32 {
    /// #     let text = unsafe { malloc_sys::workload_string(4, b'-' as c_char) };
    /// #     unsafe { *buffer = GitBuf { text, reserved: 5, size: 4 } };
    /// #     0
    /// # }
    /// # const EMPTY: GitBuf = GitBuf { text: core::ptr::null_mut(), reserved: 0, size: 0 };
    /// # struct BufDispose;
    /// # unsafe impl Dispose<GitBuf> for BufDispose {
    /// #     unsafe fn dispose(value: *mut GitBuf) { unsafe { git_buf_dispose(value) } }
    /// # }
    /// # let mut buffer = unsafe { Disposable::<GitBuf, BufDispose>::new(EMPTY) };
    /// // SAFETY: an empty buffer to fill, and a C string.
    /// let status = unsafe { git_message_prettify(buffer.as_mut_ptr(), c"text".as_ptr()) };
    /// assert_eq!((status, buffer.size), (0, 4));
    /// // Should the call fail half way, what it had put in would be given back all the same.
    /// ```
    #[inline]
    pub fn as_mut_ptr(&mut self) -> *mut S {
        &raw mut self.value
    }

    /// Gives the struct up: the caller now disposes of its contents.
    ///
    /// To hand the struct on to something that disposes of it by other means:
    ///
    /// ```
    /// # use core::ffi::c_char;
    /// # use malloc_safe::{Disposable, Dispose};
    /// # #[repr(C)]
    /// # struct GitBuf { text: *mut c_char, reserved: usize, size: usize }
    /// # unsafe fn git_buf_dispose(buffer: *mut GitBuf) {
    /// #     unsafe { malloc_sys::free((*buffer).text.cast()) };
    /// #     unsafe { *buffer = EMPTY };
    /// # }
    /// # unsafe fn git_message_prettify(buffer: *mut GitBuf, _: *const c_char) -> i32 {
    /// #     let text = unsafe { malloc_sys::workload_string(4, b'-' as c_char) };
    /// #     unsafe { *buffer = GitBuf { text, reserved: 5, size: 4 } };
    /// #     0
    /// # }
    /// # const EMPTY: GitBuf = GitBuf { text: core::ptr::null_mut(), reserved: 0, size: 0 };
    /// # struct BufDispose;
    /// # unsafe impl Dispose<GitBuf> for BufDispose {
    /// #     unsafe fn dispose(value: *mut GitBuf) { unsafe { git_buf_dispose(value) } }
    /// # }
    /// # let buffer = unsafe { Disposable::<GitBuf, BufDispose>::new(EMPTY) };
    /// let mut buffer: GitBuf = buffer.into_inner(); // from here on nothing is automatic
    /// assert_eq!(buffer.size, 0);
    /// // SAFETY: a buffer of the library's, not used again.
    /// unsafe { git_buf_dispose(&raw mut buffer) };
    /// ```
    #[inline]
    #[must_use = "without the struct its contents are leaked"]
    pub fn into_inner(self) -> S {
        let this = mem::ManuallyDrop::new(self);
        // SAFETY: a valid S, read once, as `this` is not dropped.
        unsafe { (&raw const this.value).read() }
    }
}

impl<S, D: Dispose<S>> Deref for Disposable<S, D> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.value
    }
}

impl<S: fmt::Debug, D: Dispose<S>> fmt::Debug for Disposable<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<S, D: Dispose<S>> Drop for Disposable<S, D> {
    #[inline]
    fn drop(&mut self) {
        const {
            assert!(
                !mem::needs_drop::<S>(),
                "the contents are ended by their library, not by Rust"
            );
        }
        // SAFETY: by the invariant, and once: the struct is not used after its drop.
        unsafe { D::dispose(&raw mut self.value) }
    }
}
