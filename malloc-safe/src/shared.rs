//! Reference-counted objects: several owners, the last of which ends the object.

use core::fmt;
use core::marker::PhantomData;
use core::mem;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::pointee::layout::Layout;
use crate::threads::Elsewhere;
use crate::{Borrowed, Deallocator, Pointee};

/// A [`Deallocator`] that drops one of several references, and its counterpart that adds one.
///
/// As equations, for an object with `n` references: `retain` makes it `n + 1`, `deallocate` makes
/// it `n - 1` and ends the object at 0, and what `retain` and then `deallocate` leave is what was
/// there before.
///
/// # Safety
///
/// - The equations hold for every `n` that safe code can reach: it can forget any number of clones.
///   Where the library's counter could wrap, `retain` aborts first, as `Arc` does.
/// - A pointer stays valid as long as one reference is left, and the object does not move.
/// - As long as references are left, neither function writes a byte of the `T` outside an
///   `UnsafeCell` (an atomic, a `Cell`): a count that the `T` shows must be in one. If the `T` is
///   `Sync`, a borrow of it may be in any thread, whatever the deallocator says: an atomic in it is
///   written by atomic operations of C's alone. Otherwise name the object an
///   [`Opaque`](crate::Opaque).
/// - Both are right whatever safe code has made of the contents through a shared reference.
/// - If the type is `Send` and `Sync`, several threads may add and drop references at once, and
///   whoever drops the last one sees everything that was done through the others.
///
/// # Examples
///
/// ```
/// use core::ptr::NonNull;
/// use malloc_safe::{Opaque, RefCounted, Shared, deallocator};
/// use malloc_sys::{counted, counted_release, counted_retain};
///
/// deallocator! { pub struct Release(counted) = counted_release; } // drops a reference
///
/// // SAFETY: the library's counter is atomic, counts these two alone, and is not in view.
/// unsafe impl RefCounted<Opaque<counted>> for Release {
///     unsafe fn retain(ptr: NonNull<Opaque<counted>>) {
///         // SAFETY: the caller has a live object.
///         unsafe { counted_retain(ptr.as_ptr().cast()) }
///     }
/// }
///
/// # // SAFETY: the function returns NULL, or an object and its first reference.
/// # let one = unsafe { Shared::<Opaque<counted>, Release>::from_raw(malloc_sys::counted_new(7)) };
/// # let one = one.expect("enough memory");
/// let two = one.clone(); // retain
/// drop(one); // deallocate
/// // SAFETY: `two` keeps the object alive.
/// assert_eq!(unsafe { malloc_sys::counted_references(Shared::as_ptr(&two)) }, 1);
/// ```
pub unsafe trait RefCounted<T>: Deallocator<T> {
    /// Adds a reference.
    ///
    /// # Safety
    ///
    /// `ptr` is an object of this library's with at least one reference, with its whole
    /// provenance.
    unsafe fn retain(ptr: NonNull<T>);
}

/// Owns one reference to an object that counts them; `clone` adds one.
///
/// As small as the pointer and never NULL, so `Option<Shared<T, D>>` can stand in a declaration,
/// like [`Owned`](crate::Owned). The contents are lent shared only, as others may be reading them.
///
/// # Invariant
///
/// The pointer is what the library handed over, with its whole provenance, and one of the
/// object's references is this owner's. As long as it is, nobody, C included, writes the `T`
/// outside an `UnsafeCell`, nor uses it so that a shared borrow, in any thread if the `T` is `Sync`,
/// would race with it. (For an [`Opaque`](crate::Opaque) that asks nothing.) An owner of a `T` with a destructor does not compile where it is
/// dropped: the library ends the object, not Rust.
///
/// # Threads
///
/// A clone in another thread uses the same `T` there, so both `Send` and `Sync` need `T` and `D`
/// to be both; of an [`Opaque`](crate::Opaque), `D` to say so ([`HandleThreads`](crate::HandleThreads)).
///
/// # Examples
///
/// ```
/// use core::ptr::NonNull;
/// use malloc_safe::{Opaque, RefCounted, Shared, deallocator};
/// use malloc_sys::{counted, counted_references, counted_release, counted_retain};
///
/// deallocator! { pub struct Release(counted) = counted_release; }
///
/// // SAFETY: the library adds one and drops one, atomically.
/// unsafe impl RefCounted<Opaque<counted>> for Release {
///     unsafe fn retain(ptr: NonNull<Opaque<counted>>) {
///         // SAFETY: the caller has a live object.
///         unsafe { counted_retain(ptr.as_ptr().cast()) }
///     }
/// }
///
/// unsafe extern "C" {
///     safe fn counted_new(value: u64) -> Option<Shared<Opaque<counted>, Release>>;
/// }
///
/// let one = counted_new(7).expect("enough memory");
/// let two = one.clone();
/// drop(one);
/// // SAFETY: `two` keeps the object alive.
/// assert_eq!(unsafe { counted_references(Shared::as_ptr(&two)) }, 1);
/// ```
#[repr(transparent)]
pub struct Shared<T: Pointee, D: RefCounted<T>> {
    ptr: NonNull<T>,
    owns: Elsewhere<T>,
    // Invariant in both: a coercion must not exchange what counts.
    exactly_counts: PhantomData<fn(D) -> D>,
    exactly_owns: PhantomData<fn(T) -> T>,
}

impl<T: Pointee, D: RefCounted<T>> Shared<T, D> {
    /// Adopts a reference that C handed over (transfer full); NULL is `None`.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or an aligned, valid object of `D`'s library that satisfies the
    /// [invariant](Shared#invariant), and one of its references is handed over with it.
    ///
    /// # Panics
    ///
    /// In debug builds, if `ptr` is not aligned for `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::{Opaque, RefCounted, Shared, deallocator};
    /// # use malloc_sys::{counted, counted_release, counted_retain};
    /// # deallocator! { pub struct Release(counted) = counted_release; }
    /// # unsafe impl RefCounted<Opaque<counted>> for Release {
    /// #     unsafe fn retain(ptr: NonNull<Opaque<counted>>) { unsafe { counted_retain(ptr.as_ptr().cast()) } }
    /// # }
    /// # unsafe extern "C" { safe fn counted_new(value: u64) -> Option<Shared<Opaque<counted>, Release>>; }
    /// // SAFETY: the function hands over the one reference to a new object, or NULL.
    /// let object = unsafe { Shared::<Opaque<counted>, Release>::from_raw(malloc_sys::counted_new(4)) };
    /// assert!(object.is_some());
    /// ```
    #[inline]
    pub unsafe fn from_raw(ptr: *mut T::Raw) -> Option<Self> {
        let ptr: *mut T = ptr.cast();
        debug_assert!(ptr.is_aligned(), "{ptr:p} is not aligned for the pointee");
        NonNull::new(ptr).map(|ptr| Self {
            ptr,
            owns: Elsewhere::NEW,
            exactly_counts: PhantomData,
            exactly_owns: PhantomData,
        })
    }

    /// Adds a reference to an object that C only showed (transfer none); NULL is `None`.
    ///
    /// # Safety
    ///
    /// `ptr` is NULL, or an aligned, valid object of `D`'s library that somebody holds a reference
    /// to during the call, and that satisfies the [invariant](Shared#invariant) from then on.
    ///
    /// # Panics
    ///
    /// In debug builds, if `ptr` is not aligned for `T`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::{Opaque, RefCounted, Shared, deallocator};
    /// # use malloc_sys::{counted, counted_release, counted_retain};
    /// # deallocator! { pub struct Release(counted) = counted_release; }
    /// # unsafe impl RefCounted<Opaque<counted>> for Release {
    /// #     unsafe fn retain(ptr: NonNull<Opaque<counted>>) { unsafe { counted_retain(ptr.as_ptr().cast()) } }
    /// # }
    /// // SAFETY: the function returns NULL or an object that the library keeps.
    /// let default = unsafe { Shared::<Opaque<counted>, Release>::retain(malloc_sys::counted_default()) };
    /// assert!(default.is_some());
    /// ```
    #[inline]
    pub unsafe fn retain(ptr: *mut T::Raw) -> Option<Self> {
        // SAFETY: dropped in no case: the reference is another's until one is added.
        let borrowed = mem::ManuallyDrop::new(unsafe { Self::from_raw(ptr) });
        (*borrowed).clone()
    }

    /// Gives up this reference: the caller, or the C function that gets it, now drops it.
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::{Opaque, RefCounted, Shared, deallocator};
    /// # use malloc_sys::{counted, counted_release, counted_retain};
    /// # deallocator! { pub struct Release(counted) = counted_release; }
    /// # unsafe impl RefCounted<Opaque<counted>> for Release {
    /// #     unsafe fn retain(ptr: NonNull<Opaque<counted>>) { unsafe { counted_retain(ptr.as_ptr().cast()) } }
    /// # }
    /// # unsafe extern "C" { safe fn counted_new(value: u64) -> Option<Shared<Opaque<counted>, Release>>; }
    /// let object = counted_new(1).expect("enough memory");
    /// let raw = Shared::into_raw(object.clone());
    /// // SAFETY: the reference that into_raw gave up.
    /// unsafe { counted_release(raw) };
    /// # // SAFETY: kept alive by `object`.
    /// assert_eq!(unsafe { malloc_sys::counted_references(Shared::as_ptr(&object)) }, 1);
    /// ```
    #[inline]
    #[must_use = "without the pointer the reference is leaked"]
    pub fn into_raw(this: Self) -> *mut T::Raw {
        mem::ManuallyDrop::new(this).ptr.as_ptr().cast()
    }

    /// The pointer as C gave it, good as long as the owner lives.
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::{Opaque, RefCounted, Shared, deallocator};
    /// # use malloc_sys::{counted, counted_release, counted_retain};
    /// # deallocator! { pub struct Release(counted) = counted_release; }
    /// # unsafe impl RefCounted<Opaque<counted>> for Release {
    /// #     unsafe fn retain(ptr: NonNull<Opaque<counted>>) { unsafe { counted_retain(ptr.as_ptr().cast()) } }
    /// # }
    /// # unsafe extern "C" { safe fn counted_new(value: u64) -> Option<Shared<Opaque<counted>, Release>>; }
    /// let object = counted_new(9).expect("enough memory");
    /// // SAFETY: the owner keeps the object alive.
    /// assert_eq!(unsafe { malloc_sys::counted_value(Shared::as_ptr(&object)) }, 9);
    /// ```
    #[inline]
    pub fn as_ptr(this: &Self) -> *mut T::Raw {
        this.ptr.as_ptr().cast()
    }

    /// Lends the pointer to a function that is declared to take it.
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::{Opaque, RefCounted, Shared, deallocator};
    /// # use malloc_sys::{counted, counted_release, counted_retain};
    /// # deallocator! { pub struct Release(counted) = counted_release; }
    /// # unsafe impl RefCounted<Opaque<counted>> for Release {
    /// #     unsafe fn retain(ptr: NonNull<Opaque<counted>>) { unsafe { counted_retain(ptr.as_ptr().cast()) } }
    /// # }
    /// # unsafe extern "C" { safe fn counted_new(value: u64) -> Option<Shared<Opaque<counted>, Release>>; }
    /// use malloc_safe::Borrowed;
    ///
    /// unsafe extern "C" {
    ///     safe fn counted_value(object: Borrowed<'_, Opaque<counted>>) -> u64;
    /// }
    ///
    /// let object = counted_new(9).expect("enough memory");
    /// assert_eq!(counted_value(Shared::lend(&object)), 9);
    /// ```
    #[inline]
    pub fn lend(this: &Self) -> Borrowed<'_, T> {
        Borrowed::new(this.ptr)
    }

    /// Whether both hold a reference to the same object.
    ///
    /// ```
    /// # use core::ptr::NonNull;
    /// # use malloc_safe::{Opaque, RefCounted, Shared, deallocator};
    /// # use malloc_sys::{counted, counted_release, counted_retain};
    /// # deallocator! { pub struct Release(counted) = counted_release; }
    /// # unsafe impl RefCounted<Opaque<counted>> for Release {
    /// #     unsafe fn retain(ptr: NonNull<Opaque<counted>>) { unsafe { counted_retain(ptr.as_ptr().cast()) } }
    /// # }
    /// # unsafe extern "C" { safe fn counted_new(value: u64) -> Option<Shared<Opaque<counted>, Release>>; }
    /// let one = counted_new(1).expect("enough memory");
    /// assert!(Shared::ptr_eq(&one, &one.clone()));
    /// assert!(!Shared::ptr_eq(&one, &counted_new(1).expect("enough memory")));
    /// ```
    #[inline]
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.ptr == other.ptr
    }
}

/// Adds a reference, as C's `…_ref` and `…_up_ref` do; nothing is copied.
impl<T: Pointee, D: RefCounted<T>> Clone for Shared<T, D> {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: this owner has a reference, so the object is live.
        unsafe { D::retain(self.ptr) };
        Self { ..*self }
    }
}

/// Borrows the contents. Not for a pointee that Rust must not look into: those are not [`Unpin`].
impl<T: Unpin, D: RefCounted<T>> Deref for Shared<T, D> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        const { T::VISIBLE };
        // SAFETY: by the invariant there is a valid T, which lives while `self` does, and which
        // nobody writes outside an UnsafeCell.
        unsafe { self.ptr.as_ref() }
    }
}

// SAFETY: scenario: one thread sends a clone to another, and both use the T and drop their
// reference, either of them last. The T is used by both at once (Sync) and may end in the other
// (Send), and the count goes up and down in both (D).
unsafe impl<T, D> Send for Shared<T, D>
where
    T: Pointee,
    D: RefCounted<T>,
    <T as Layout>::Threads<D>: Send + Sync,
{
}

// SAFETY: scenario: two threads hold `&Shared` and clone it: the same as sending it.
unsafe impl<T, D> Sync for Shared<T, D>
where
    T: Pointee,
    D: RefCounted<T>,
    <T as Layout>::Threads<D>: Send + Sync,
{
}

impl<T: Pointee, D: RefCounted<T>> fmt::Debug for Shared<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&self.ptr).finish()
    }
}

impl<T: Pointee, D: RefCounted<T>> Drop for Shared<T, D> {
    #[inline]
    fn drop(&mut self) {
        const {
            assert!(
                !mem::needs_drop::<T>(),
                "a shared object is ended by its library, not by Rust"
            );
        }
        // SAFETY: this owner's reference is dropped, once; the pointer is not used again.
        unsafe { D::deallocate(self.ptr) }
    }
}
