//! Memory handed to C together with the function that releases it.

use core::ffi::c_void;

use crate::{Deallocator, Owned, Pointee};

impl<T: Pointee, D: Deallocator<T>> Owned<T, D> {
    /// Gives up ownership to C: the pointer, and the function with which C ends it.
    ///
    /// For `sqlite3_result_text` and `g_object_set_data_full`, and for any callback with a
    /// `void *` of user data and a function to destroy that: C calls the function once, when it
    /// needs the block no more, and it does what dropping the owner would have done. NULL does
    /// nothing, as with `free`.
    ///
    /// Whoever lets C call it promises what [`Owned::from_raw`] asks for, and for a `T` or a `D`
    /// that is not `Send`, that C does so in this thread; for a `T` that borrows, that C does so while
    /// the borrow lasts, which the pointer no longer says. A destructor that panics aborts the program,
    /// as C has no way to pass a panic on.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// # #[cfg(unix)] {
    /// let mut key = 0;
    /// let value = Owned::<u64>::try_new(7)?;
    /// let (value, destroy) = Owned::into_raw_with_destructor(value);
    /// // SAFETY: room for a key.
    /// unsafe { libc::pthread_key_create(&raw mut key, Some(destroy)) };
    /// // SAFETY: the key is new, and gets this value alone.
    /// unsafe { libc::pthread_setspecific(key, value.cast()) };
    /// // The C library destroys the value at the end of the thread.
    /// # unsafe { destroy(libc::pthread_getspecific(key)) };
    /// # unsafe { libc::pthread_key_delete(key) };
    /// # }
    /// # Ok::<(), malloc_safe::AllocError<u64>>(())
    /// ```
    ///
    /// A C string goes as an `Owned<NulTerminated<c_char>, D>`: see
    /// [`into_nul_terminated`](Owned::into_nul_terminated).
    #[inline]
    #[must_use = "without the pointer the block is leaked"]
    pub fn into_raw_with_destructor(
        this: Self,
    ) -> (*mut T::Raw, unsafe extern "C" fn(*mut c_void)) {
        unsafe extern "C" fn destroy<T: Pointee, D: Deallocator<T>>(ptr: *mut c_void) {
            // SAFETY: whoever lets C call this hands over what the owner gave up, or NULL.
            drop(unsafe { Owned::<T, D>::from_raw(ptr.cast()) });
        }
        (Self::into_raw(this), destroy::<T, D>)
    }
}
