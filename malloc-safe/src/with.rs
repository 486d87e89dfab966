//! Deallocators that are values: known only at run time, or in need of more than the pointer.

use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::{self, NonNull};

use crate::{Borrowed, Pointee};

/// Owns a block together with the closure that releases it.
///
/// For a `free` that takes its heap as an argument, a function pointer out of a plug-in, a size
/// that the block alone does not tell. The closure is stored beside the pointer, never boxed; where
/// the deallocator is a plain function, [`Owned`](crate::Owned) is smaller and can stand in a
/// declaration.
///
/// The destructor of `T` runs first, then the closure, even if that destructor panics. The
/// contents are lent shared only, as the closure may read them.
///
/// # Invariant
///
/// The pointer is what the library handed over, with its whole provenance; the block is live,
/// holds a valid `T`, nobody else uses it, and `release` gives it back.
///
/// # Threads
///
/// `Send` if `T` and the closure are, `Sync` if `T` is: the closure is not reachable through a
/// shared owner. An [`Opaque`](crate::Opaque) keeps it in its thread.
///
/// # Examples
///
/// ```
/// use core::ptr::NonNull;
/// use malloc_safe::OwnedWith;
///
/// let heap = std::cell::Cell::new(1); // what the library calls a context
/// // SAFETY: no precondition.
/// let block = NonNull::new(unsafe { malloc_sys::workload_number(5) }).expect("enough memory");
/// // SAFETY: a number in a malloc block, released once by the closure.
/// let number = unsafe {
///     OwnedWith::new(block, |block: NonNull<u64>| {
///         heap.set(heap.get() - 1);
///         malloc_sys::free(block.as_ptr().cast());
///     })
/// };
/// assert_eq!(*number, 5);
/// drop(number);
/// assert_eq!(heap.get(), 0);
/// ```
pub struct OwnedWith<T: ?Sized + Pointee, F: FnOnce(NonNull<T>)> {
    ptr: NonNull<T>,
    release: ManuallyDrop<F>,
    owns: PhantomData<T>,
}

impl<T: ?Sized + Pointee, F: FnOnce(NonNull<T>)> OwnedWith<T, F> {
    /// Adopts a block, to be released by `release`.
    ///
    /// NULL is the caller's to check, with [`NonNull::new`]; for a pointer and a length there is
    /// [`NonNull::slice_from_raw_parts`].
    ///
    /// # Safety
    ///
    /// `ptr` satisfies the [invariant](Self#invariant). `release` need be right for this block
    /// alone, once, but is so although the `T` has been dropped or has panicked in its destructor,
    /// whatever safe code has made of the contents through a shared reference (a `Cell` in them,
    /// say), and, if the owner is `Send`, in any thread.
    ///
    /// # Panics
    ///
    /// In debug builds, if `ptr` is not aligned for `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::ptr::NonNull;
    /// use malloc_safe::OwnedWith;
    ///
    /// // SAFETY: no precondition.
    /// let block = NonNull::new(unsafe { malloc_sys::workload_number(5) }).expect("enough memory");
    /// // The function came out of a plug-in.
    /// let release: unsafe extern "C" fn(*mut core::ffi::c_void) = malloc_sys::free;
    /// // SAFETY: a number in a malloc block, which free releases once.
    /// let number = unsafe {
    ///     OwnedWith::new(block, |block: NonNull<u64>| release(block.as_ptr().cast()))
    /// };
    /// assert_eq!(*number, 5);
    /// ```
    #[inline]
    pub unsafe fn new(ptr: NonNull<T>, release: F) -> Self {
        debug_assert!(
            ptr.addr().get() % T::ALIGN == 0,
            "{ptr:p} is not aligned for the pointee"
        );
        Self {
            ptr,
            release: ManuallyDrop::new(release),
            owns: PhantomData,
        }
    }

    /// Gives up ownership: the block, and what would have released it.
    ///
    /// # Safety
    ///
    /// The closure is called with this pointer alone, once at most, and with what
    /// [`new`](Self::new) asks for; it is not handed to code that could do otherwise. (As a safe
    /// function it would let anybody release anything.)
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::OwnedWith;
    /// # let block = unsafe { malloc_sys::workload_number(5) };
    /// # let block = NonNull::new(block).expect("enough memory");
    /// # // SAFETY: a number in a malloc block, released once by the closure.
    /// # let number = unsafe {
    /// #     OwnedWith::new(block, |block: NonNull<u64>| malloc_sys::free(block.as_ptr().cast()))
    /// # };
    /// // SAFETY: the closure is called once, with this pointer.
    /// let (block, release) = unsafe { OwnedWith::into_parts(number) };
    /// release(block);
    /// ```
    #[inline]
    #[must_use = "without the pointer the block is leaked"]
    pub unsafe fn into_parts(this: Self) -> (NonNull<T>, F) {
        let mut this = ManuallyDrop::new(this);
        // SAFETY: `this` is not dropped, so its closure is taken once.
        let release = unsafe { ManuallyDrop::take(&mut this.release) };
        (this.ptr, release)
    }

    /// The pointer as C gave it, good as long as the owner lives.
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::OwnedWith;
    /// # let block = unsafe { malloc_sys::workload_number(5) };
    /// # let block = NonNull::new(block).expect("enough memory");
    /// # // SAFETY: a number in a malloc block, released once by the closure.
    /// # let number = unsafe {
    /// #     OwnedWith::new(block, |block: NonNull<u64>| malloc_sys::free(block.as_ptr().cast()))
    /// # };
    /// // SAFETY: the owner keeps the number.
    /// assert_eq!(unsafe { OwnedWith::as_ptr(&number).read() }, 5);
    /// ```
    #[inline]
    pub fn as_ptr(this: &Self) -> *mut T::Raw {
        this.ptr.as_ptr().cast()
    }
}

impl<T: ?Sized + Pointee, F: FnOnce(NonNull<T>)> OwnedWith<T, F> {
    #[inline]
    pub(crate) fn as_non_null(&self) -> NonNull<T> {
        self.ptr
    }
}

impl<T: Pointee, F: FnOnce(NonNull<T>)> OwnedWith<T, F> {
    /// Lends the pointer to a function that is declared to take it.
    ///
    /// ```
    /// use core::ffi::c_char;
    /// use core::ptr::NonNull;
    /// use malloc_safe::{BorrowedCStr, NulTerminated, OwnedWith};
    ///
    /// unsafe extern "C" {
    ///     safe fn strlen(string: BorrowedCStr<'_>) -> usize;
    /// }
    ///
    /// # // SAFETY: no precondition.
    /// # let block = unsafe { malloc_sys::token_new(3, b'-' as c_char) };
    /// let token = NonNull::new(block.cast::<NulTerminated<c_char>>()).expect("enough memory");
    /// // SAFETY: a C string, which token_free releases.
    /// let token = unsafe {
    ///     OwnedWith::new(token, |token: NonNull<_>| malloc_sys::token_free(token.as_ptr().cast()))
    /// };
    /// assert_eq!(strlen(OwnedWith::lend(&token)), 3);
    /// ```
    #[inline]
    pub fn lend(this: &Self) -> Borrowed<'_, T> {
        Borrowed::new(this.ptr)
    }
}

/// Borrows the contents. Not for a pointee that Rust must not look into: those are not [`Unpin`].
impl<T: ?Sized + Pointee + Unpin, F: FnOnce(NonNull<T>)> Deref for OwnedWith<T, F> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        const { T::VISIBLE };
        // SAFETY: by the invariant there is a valid T, unshared but for borrows of `self`.
        unsafe { self.ptr.as_ref() }
    }
}

// SAFETY: scenario: a worker receives the owner and drops it: the T is dropped and the closure
// called there.
unsafe impl<T: ?Sized + Pointee + Send, F: FnOnce(NonNull<T>) + Send> Send for OwnedWith<T, F> {}

// SAFETY: scenario: two threads hold `&OwnedWith` and read the T. The closure is out of reach.
unsafe impl<T: ?Sized + Pointee + Sync, F: FnOnce(NonNull<T>)> Sync for OwnedWith<T, F> {}

impl<T: ?Sized + Pointee, F: FnOnce(NonNull<T>)> Drop for OwnedWith<T, F> {
    fn drop(&mut self) {
        /// Calls the closure at the end of its scope, panic or not.
        struct Release<T: ?Sized, F: FnOnce(NonNull<T>)>(NonNull<T>, Option<F>);

        impl<T: ?Sized, F: FnOnce(NonNull<T>)> Drop for Release<T, F> {
            fn drop(&mut self) {
                if let Some(release) = self.1.take() {
                    release(self.0);
                }
            }
        }

        // SAFETY: the owner is being dropped, so its closure is taken once.
        let release = unsafe { ManuallyDrop::take(&mut self.release) };
        let _release = Release(self.ptr, Some(release));
        // SAFETY: by the invariant there is a valid T, and nothing uses it after the owner.
        unsafe { ptr::drop_in_place(self.ptr.as_ptr()) }
    }
}
