//! One block, one owner.

use core::marker::PhantomData;
use core::mem;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};

use crate::pointee::layout::Layout;
use crate::threads::Elsewhere;
use crate::{Borrowed, ContentBlind, Deallocator, Free, Pointee};

/// Owns what a C function returned, and gives it back with `D` when dropped.
///
/// It is as small as the pointer, and never NULL, so `Option<Owned<T, D>>` is the C pointer
/// itself: it can stand in the declaration of the function, and then nobody can forget to free.
///
/// | the C function hands over | the type |
/// | --- | --- |
/// | one `T` | `Owned<T, D>` |
/// | a `void *`, or a struct that it keeps to itself | [`Owned<Opaque<Tag>, D>`](crate::Opaque) |
/// | a string | `Owned<NulTerminated<c_char>, D>`, or [`Owned<CStr, D>`] once measured |
/// | a pointer and a length | [`Owned<[T], D>`] |
/// | an array of owned things (transfer full) | `Owned<[Owned<T, D>], D>`, with `Option<Owned<T, D>>` where one may be NULL |
/// | an array of borrowed things (transfer container) | `Owned<[Lent<T>], D>` ([`Lent`](crate::Lent)), or `Owned<[NonNull<T>], D>` for the pointers |
///
/// The destructor of `T` runs before the block is released, and the block is released even if
/// that destructor panics.
///
/// # Invariant
///
/// The pointer is what the library handed over, with its whole provenance; the block is live, is
/// `D`'s to release, holds a valid `T`, and nobody else uses it. Or it is an empty slice without
/// a block ([`Pointee`]).
///
/// *`D`'s to release* means that releasing the block with `D` is right
///
/// - although the destructor of `T` has run, or the `T` was moved out;
/// - whatever safe code has made of the contents through what the owner lends: anything, if `D` is
///   [`ContentBlind`]; otherwise what a shared reference allows, as to a `Cell` in `T`;
/// - after each conversion that the owner offers;
/// - from any thread, if `D` is `Send`.
///
/// `T` must be what is really there. For bytes that C has not written, use
/// [`MaybeUninit`](core::mem::MaybeUninit); for a `void *`, or a struct that C keeps to itself,
/// [`Opaque`](crate::Opaque). A pointee that is not [`Unpin`], as `Opaque` is not, has no
/// [`Deref`] and cannot be moved out or in; one whose deallocator may read it has no [`DerefMut`].
///
/// # Threads
///
/// An owner is `Send` if both `T` and `D` are: sending it moves the `T` and calls `D` in the
/// other thread. It is `Sync` if both are. Of an [`Opaque`](crate::Opaque), `D` alone decides, where
/// it speaks for its handles ([`HandleThreads`](crate::HandleThreads)).
///
/// Where the owner stays in its thread, a borrow of its contents need not: a `&T` leaves wherever
/// `T` is `Sync`. That is to say that a plain `T` may be read in any thread while its owner is
/// borrowed, and that C does not write it meanwhile but as other threads may see (an atomic in it
/// by atomic operations alone). What C's functions must not be given in another thread is an
/// `Opaque`: [`Borrowed`] keeps it in its own.
///
/// # Long lists
///
/// A node that owns the next is dropped with it, and so on: a list of 100,000 nodes overflows the
/// stack, as one of `Box`es does. Take the rest out of each node before it ends:
///
/// ```
/// use malloc_safe::Owned;
///
/// struct Node {
///     next: Option<Owned<Node>>,
/// }
///
/// impl Drop for Node {
///     fn drop(&mut self) {
///         let mut rest = self.next.take();
///         while let Some(mut node) = rest {
///             rest = node.next.take(); // the node ends without a rest
///         }
///     }
/// }
///
/// let mut list = None;
/// for _ in 0..1_000_000 {
///     list = Some(Owned::try_new(Node { next: list })?);
/// }
/// drop(list);
/// # Ok::<(), malloc_safe::AllocError<Node>>(())
/// ```
///
/// # Examples
///
/// ```
/// use malloc_safe::Owned;
///
/// unsafe extern "C" {
///     safe fn workload_number(value: u64) -> Option<Owned<u64>>;
/// }
/// # use malloc_sys as _;
///
/// let mut number = workload_number(41).expect("NULL means out of memory");
/// *number += 1;
/// assert_eq!(*number, 42);
/// // Freed here, exactly once.
/// ```
///
/// # C reference
///
/// C11 7.22.3: a block from `malloc` and its family lives until `free` or `realloc`.
#[repr(transparent)]
pub struct Owned<T: ?Sized + Pointee, D: Deallocator<T> = Free> {
    ptr: NonNull<T>,
    owns: Elsewhere<T>,
    // Invariant in D: a coercion must not exchange one deallocator for another.
    deallocator: PhantomData<fn(D) -> D>,
}

/// Taking over a block with one `T` in it.
impl<T: Pointee, D: Deallocator<T>> Owned<T, D> {
    /// Adopts a pointer that C returned; NULL is `None`.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or satisfies the [invariant](Owned#invariant): a live, aligned block that
    /// holds a valid `T`, is `D`'s to release, and that nobody else uses or releases from now on.
    ///
    /// # Panics
    ///
    /// In debug builds, if `ptr` is not aligned for `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// // SAFETY: the function returns NULL, or a number in a malloc block of its own.
    /// let number = unsafe { Owned::<u64>::from_raw(malloc_sys::workload_number(7)) };
    /// assert_eq!(number.as_deref(), Some(&7));
    /// ```
    #[inline]
    pub unsafe fn from_raw(ptr: *mut T::Raw) -> Option<Self> {
        let ptr: *mut T = ptr.cast();
        debug_assert!(ptr.is_aligned(), "{ptr:p} is not aligned for the pointee");
        // SAFETY: not NULL, and the caller promises the invariant.
        NonNull::new(ptr).map(|ptr| unsafe { Self::from_non_null(ptr) })
    }

    /// Gives up ownership: the caller, or the C function that gets the pointer, now releases it.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let number = Owned::<u64>::try_new(3)?;
    /// let raw = Owned::into_raw(number);
    /// // SAFETY: `raw` came from into_raw and is not used again.
    /// let number = unsafe { Owned::<u64>::from_raw(raw) };
    /// assert_eq!(number.as_deref(), Some(&3));
    /// # Ok::<(), malloc_safe::AllocError<u64>>(())
    /// ```
    #[inline]
    #[must_use = "without the pointer the block is leaked"]
    pub fn into_raw(this: Self) -> *mut T::Raw {
        Self::into_non_null(this).as_ptr().cast()
    }

    /// Lends the pointer to a function that is declared to take it.
    ///
    /// ```
    /// use malloc_safe::{BorrowedCStr, NulTerminated, Owned};
    /// # use core::ffi::c_char;
    ///
    /// unsafe extern "C" {
    ///     safe fn workload_string(
    ///         length: usize,
    ///         fill: c_char,
    ///     ) -> Option<Owned<NulTerminated<c_char>>>;
    ///     safe fn strlen(string: BorrowedCStr<'_>) -> usize;
    /// }
    /// # use malloc_sys as _;
    ///
    /// let string = workload_string(3, b'x' as c_char).expect("enough memory");
    /// assert_eq!(strlen(Owned::lend(&string)), 3);
    /// ```
    #[inline]
    pub fn lend(this: &Self) -> Borrowed<'_, T> {
        Borrowed::new(this.ptr)
    }

    /// Owns the same block as something else: another view of it, or what it is by now.
    ///
    /// # Safety
    ///
    /// The block satisfies the [invariant](Owned#invariant) as a `U`; what becomes of a destructor of
    /// `T`, which is not run, is the caller's business.
    ///
    /// # Examples
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// #[repr(C)]
    /// struct Header {
    ///     kind: u32,
    /// }
    /// #[repr(C)]
    /// struct Message {
    ///     header: Header,
    ///     body: u32,
    /// }
    ///
    /// let message = Message { header: Header { kind: 1 }, body: 7 };
    /// let message = Owned::try_new(message).ok().expect("enough memory");
    /// // SAFETY: a message begins with its header, and free releases it as either.
    /// let header: Owned<Header> = unsafe { Owned::cast(message) };
    /// assert_eq!(header.kind, 1);
    /// // SAFETY: the block holds a whole message.
    /// let message: Owned<Message> = unsafe { Owned::cast(header) };
    /// assert_eq!(message.body, 7);
    /// ```
    #[inline]
    pub unsafe fn cast<U: Pointee>(this: Self) -> Owned<U, D>
    where
        D: Deallocator<U>,
    {
        // SAFETY: the block was owned, and the caller promises the rest.
        unsafe { Owned::from_non_null(Self::into_non_null(this).cast()) }
    }

    /// Moves the contents out, and releases the block.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let name = Owned::<String>::try_new("moved".to_owned())?;
    /// let name: String = Owned::into_inner(name);
    /// assert_eq!(name, "moved");
    /// # Ok::<(), malloc_safe::AllocError<String>>(())
    /// ```
    #[inline]
    pub fn into_inner(this: Self) -> T
    where
        T: Unpin,
        D: ContentBlind<T>, // else the deallocator may end what the contents point to
    {
        const { T::VISIBLE };
        let block = Block::<T, D>(Self::into_non_null(this), PhantomData);
        // SAFETY: by the invariant there is a valid T, read once; `block` releases without it.
        let value = unsafe { block.0.read() };
        drop(block); // before the value is returned: should this panic, the value is dropped
        value
    }
}

impl<T: ?Sized + Pointee, D: Deallocator<T>> Owned<T, D> {
    /// Adopts a pointer that is known not to be NULL.
    ///
    /// # Safety
    ///
    /// `ptr` satisfies the [invariant](Owned#invariant) of the type.
    ///
    /// # Examples
    ///
    /// ```
    /// use core::ptr::NonNull;
    /// use malloc_safe::Owned;
    ///
    /// // SAFETY: malloc has no precondition.
    /// let block = NonNull::new(unsafe { libc::malloc(4) }.cast::<u32>()).expect("memory");
    /// // SAFETY: room for a number.
    /// unsafe { block.write(7) };
    /// // SAFETY: a new block of malloc's that holds a number.
    /// let number = unsafe { Owned::<u32>::from_non_null(block) };
    /// assert_eq!(*number, 7);
    /// ```
    #[inline]
    pub unsafe fn from_non_null(ptr: NonNull<T>) -> Self {
        Self {
            ptr,
            owns: Elsewhere::NEW,
            deallocator: PhantomData,
        }
    }

    /// Gives up ownership: the pointer, which is not NULL.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let ptr = Owned::into_non_null(Owned::<[u8]>::try_from_slice(b"text")?);
    /// assert_eq!(ptr.len(), 4); // a slice's length goes with it
    /// // SAFETY: what into_non_null gave, once.
    /// drop(unsafe { Owned::<[u8]>::from_non_null(ptr) });
    /// # Ok::<(), malloc_safe::AllocError>(())
    /// ```
    #[inline]
    #[must_use = "without the pointer the block is leaked"]
    pub fn into_non_null(this: Self) -> NonNull<T> {
        mem::ManuallyDrop::new(this).ptr
    }

    #[inline]
    pub(crate) fn as_non_null(&self) -> NonNull<T> {
        self.ptr
    }

    /// The pointer as C gave it, to pass to functions that only look or write through it.
    ///
    /// The owner keeps the block; the pointer is good as long as the owner lives. An empty slice
    /// without a block gives a dangling pointer of length 0: ask [`Owned::into_raw_parts`] for
    /// the NULL that C means.
    ///
    /// ```
    /// use core::ffi::c_char;
    /// use malloc_safe::{NulTerminated, Owned};
    /// # unsafe extern "C" {
    /// #     safe fn workload_string(n: usize, c: c_char) -> Option<Owned<NulTerminated<c_char>>>;
    /// # }
    /// # use malloc_sys as _;
    ///
    /// let digits = workload_string(2, b'7' as c_char).expect("enough memory");
    /// // SAFETY: a C string, which atoi reads.
    /// assert_eq!(unsafe { libc::atoi(Owned::as_ptr(&digits).cast()) }, 77);
    /// ```
    #[inline]
    pub fn as_ptr(this: &Self) -> *mut T::Raw {
        this.ptr.as_ptr().cast()
    }

    /// Makes the contents live as long as the program, and never frees them.
    ///
    /// ```
    /// use malloc_safe::Owned;
    ///
    /// let forever: &'static mut u64 = Owned::leak(Owned::<u64>::try_new(9)?);
    /// assert_eq!(*forever, 9);
    /// # unsafe { malloc_sys::free((&raw mut *forever).cast()) };
    /// # Ok::<(), malloc_safe::AllocError<u64>>(())
    /// ```
    #[inline]
    pub fn leak<'a>(this: Self) -> &'a mut T
    where
        T: Unpin + 'a,
        D: 'a,
    {
        const { T::VISIBLE };
        // SAFETY: the invariant holds, and with the owner gone nothing ends or shares the block.
        unsafe { Self::into_non_null(this).as_mut() }
    }
}

/// Borrows the contents. Not for a pointee that Rust must not look into: those are not [`Unpin`].
///
/// A pointee without values, the old way to name a struct that C keeps to itself, does not compile
/// here; [`Opaque`](crate::Opaque) is the new one:
///
/// ```compile_fail,E0080
/// enum File {}
/// fn look(file: malloc_safe::Owned<File>) {
///     match *file {}
/// }
/// # fn main() { look(unsafe { malloc_safe::Owned::from_raw(8 as *mut File) }.unwrap()) }
/// ```
impl<T: ?Sized + Pointee + Unpin, D: Deallocator<T>> Deref for Owned<T, D> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        const { T::VISIBLE };
        // SAFETY: by the invariant there is a valid T, unshared but for borrows of `self`.
        unsafe { self.ptr.as_ref() }
    }
}

/// Lends the contents mutably, where releasing them does not depend on what they are.
impl<T: ?Sized + Pointee + Unpin, D: ContentBlind<T>> DerefMut for Owned<T, D> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        const { T::VISIBLE };
        // SAFETY: as in deref, and `self` is borrowed exclusively.
        unsafe { self.ptr.as_mut() }
    }
}

// SAFETY: scenario: a worker thread receives the owner, reads the T and drops both. It owns the
// block alone (invariant); using the T there needs T: Send, releasing it there needs D: Send. Of a
// handle, D says both.
unsafe impl<T: ?Sized + Pointee, D: Deallocator<T>> Send for Owned<T, D> where
    <T as Layout>::Threads<D>: Send
{
}

// SAFETY: scenario: two threads hold `&Owned`, read the T and lend it to C's functions. Reading needs
// T: Sync; D: Sync says that the functions may be called at once.
unsafe impl<T: ?Sized + Pointee, D: Deallocator<T>> Sync for Owned<T, D> where
    <T as Layout>::Threads<D>: Sync
{
}

impl<T: ?Sized + Pointee, D: Deallocator<T>> Drop for Owned<T, D> {
    #[inline]
    fn drop(&mut self) {
        let _block = Block::<T, D>(self.ptr, PhantomData);
        // SAFETY: by the invariant there is a valid T, and nothing uses it after the owner.
        unsafe { ptr::drop_in_place(self.ptr.as_ptr()) }
    }
}

/// A block whose contents are gone, or going: released at the end of its scope, panic or not.
pub(crate) struct Block<T: ?Sized + Pointee, D: Deallocator<T>>(
    pub(crate) NonNull<T>,
    pub(crate) PhantomData<fn(D) -> D>,
);

impl<T: ?Sized + Pointee, D: Deallocator<T>> Drop for Block<T, D> {
    #[inline]
    fn drop(&mut self) {
        if !T::is_unallocated(self.0) {
            // SAFETY: whoever made the Block had a live block of D's, emptied or about to be.
            unsafe { D::deallocate(self.0) }
        }
    }
}
