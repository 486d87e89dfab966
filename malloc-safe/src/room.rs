//! Room for one value: a block that nothing has been written to yet, or zeros.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::alloc::allocate;
use crate::pointee::layout::Layout as _;
use crate::{AllocError, Allocator, ContentBlind, Deallocator, Owned};

/// Room for C to fill with one value.
impl<T: Unpin> Owned<MaybeUninit<T>> {
    /// Allocates room for a value and writes nothing.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::Owned;
    ///
    /// let mut time = Owned::<MaybeUninit<libc::timespec>>::try_uninit()?;
    /// // SAFETY: room for a timespec.
    /// let status = unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, time.as_mut_ptr()) };
    /// assert_eq!(status, 0);
    /// // SAFETY: clock_gettime says that it wrote it.
    /// let time = unsafe { time.assume_init() };
    /// assert!(time.tv_sec > 0);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_uninit() -> Result<Self, AllocError> {
        Self::try_uninit_in()
    }

    /// Allocates room for a value and writes zeros to it. What is there is as from `calloc` (C11
    /// 7.22.3.2), which may know pages to be zero and leave them untouched; this writes every byte.
    ///
    /// # Errors
    ///
    /// [`AllocError`], if there is no memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::Owned;
    ///
    /// let options = Owned::<MaybeUninit<libc::timeval>>::try_zeroed()?;
    /// // SAFETY: zeros are numbers.
    /// let options = unsafe { options.assume_init() };
    /// assert_eq!((options.tv_sec, options.tv_usec), (0, 0));
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_zeroed() -> Result<Self, AllocError> {
        Self::try_zeroed_in()
    }
}

impl<T: Unpin, A: Allocator + Deallocator<MaybeUninit<T>>> Owned<MaybeUninit<T>, A> {
    /// [`try_uninit`](Owned::try_uninit), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::{Free, Owned};
    ///
    /// let room = Owned::<MaybeUninit<u64>, Free>::try_uninit_in()?; // or a library's
    /// assert_eq!(*room.write(7), 7);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_uninit_in() -> Result<Self, AllocError> {
        const { MaybeUninit::<T>::VISIBLE };
        let room = allocate::<MaybeUninit<T>, A>(1)?;
        // SAFETY: a new block of the allocator's own, and a MaybeUninit is valid as it comes.
        Ok(unsafe { Self::from_non_null(room) })
    }

    /// [`try_zeroed`](Owned::try_zeroed), in a block of another allocator.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::{Free, Owned};
    ///
    /// let zero = Owned::<MaybeUninit<u64>, Free>::try_zeroed_in()?; // or a library's
    /// // SAFETY: zeros are a number.
    /// assert_eq!(unsafe { *zero.assume_init() }, 0);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn try_zeroed_in() -> Result<Self, AllocError> {
        let room = Self::try_uninit_in()?;
        // SAFETY: room for one value, owned alone.
        unsafe { room.as_non_null().write_bytes(0, 1) };
        Ok(room)
    }
}

impl<T: Unpin, D: Deallocator<MaybeUninit<T>>> Owned<MaybeUninit<T>, D> {
    /// Says that the value has been written.
    ///
    /// # Safety
    ///
    /// The room holds a valid `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::Owned;
    ///
    /// let mut room = Owned::<MaybeUninit<u32>>::try_uninit()?;
    /// // SAFETY: room for a number, and any bytes are one.
    /// unsafe { libc::memset(room.as_mut_ptr().cast(), 0xff, 4) };
    /// // SAFETY: memset wrote it.
    /// let number = unsafe { room.assume_init() };
    /// assert_eq!(*number, u32::MAX);
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub unsafe fn assume_init(self) -> Owned<T, D>
    where
        D: Deallocator<T>,
    {
        let value: NonNull<T> = Self::into_non_null(self).cast();
        // SAFETY: the block was owned, and the caller says that it holds a value.
        unsafe { Owned::from_non_null(value) }
    }

    /// Moves a value into the room. It asks for no memory, so it does not fail.
    ///
    /// ```
    /// use core::mem::MaybeUninit;
    /// use malloc_safe::Owned;
    ///
    /// let room = Owned::<MaybeUninit<String>>::try_uninit()?;
    /// assert_eq!(*room.write("late".to_owned()), "late");
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    pub fn write(self, value: T) -> Owned<T, D>
    where
        D: ContentBlind<T>,
    {
        let room: NonNull<T> = Self::into_non_null(self).cast();
        // SAFETY: room for one value, aligned.
        unsafe { room.write(value) };
        // SAFETY: the block was owned, and holds the value.
        unsafe { Owned::from_non_null(room) }
    }
}
