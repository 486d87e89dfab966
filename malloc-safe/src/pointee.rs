//! What an owner can point to.

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::threads::{Plain, Said};
use crate::{Deallocator, Lent, NulTerminated, Opaque, Owned, RefCounted, Shared};

/// What the owners know of a pointee, out of users' sight: a constant here is on no type of theirs.
pub(crate) mod layout {
    use core::ptr::NonNull;

    pub trait Layout {
        /// What the address is a multiple of.
        const ALIGN: usize;

        /// `Send` and `Sync` as an owner with the deallocator `D` is.
        type Threads<D>;

        /// Fails to compile for a pointee of which safe code must have no reference and no value.
        ///
        /// An `enum` without values could be matched. A struct without a size, as bindgen writes
        /// for one that C keeps to itself, can be copied out of its block, and a copy is no object
        /// of the library's. It is not made, lent, looked at or moved out:
        ///
        /// ```compile_fail,E0080
        /// # #[repr(C)]
        /// # #[derive(Clone, Copy)]
        /// # struct session { _unused: [u8; 0] }
        /// fn forge(copy: session) {
        ///     malloc_safe::Owned::try_new(copy);
        /// }
        /// # fn main() { forge(session { _unused: [] }) }
        /// ```
        ///
        /// ```compile_fail,E0080
        /// # struct session { _unused: [u8; 0] }
        /// fn lend(session: malloc_safe::Owned<session>) {
        ///     malloc_safe::Owned::lend(&session);
        /// }
        /// # fn main() { lend(unsafe { malloc_safe::Owned::from_raw(8 as *mut session) }.unwrap()) }
        /// ```
        ///
        /// ```compile_fail,E0080
        /// # struct session { _unused: [u8; 0] }
        /// fn look(session: malloc_safe::Owned<session>) -> usize {
        ///     session._unused.len()
        /// }
        /// # fn main() { look(unsafe { malloc_safe::Owned::from_raw(8 as *mut session) }.unwrap()); }
        /// ```
        ///
        /// ```compile_fail,E0080
        /// # struct session { _unused: [u8; 0] }
        /// fn take(session: malloc_safe::Owned<session>) -> session {
        ///     malloc_safe::Owned::into_inner(session)
        /// }
        /// # fn main() { take(unsafe { malloc_safe::Owned::from_raw(8 as *mut session) }.unwrap()); }
        /// ```
        ///
        /// Nor are elements without values, of an owner, a vector or its iterator:
        ///
        /// ```compile_fail,E0080
        /// enum File {}
        /// fn files(files: malloc_safe::Owned<[File]>) -> u32 {
        ///     match files[0] {}
        /// }
        /// # fn main() { files(malloc_safe::Owned::<[File]>::empty()); }
        /// ```
        ///
        /// ```compile_fail,E0080
        /// enum File {}
        /// fn files(files: malloc_safe::CVec<File>) -> u32 {
        ///     match files[0] {}
        /// }
        /// # fn main() { files(malloc_safe::CVec::new()); }
        /// ```
        const VISIBLE: () = ();

        /// Whether the pointer stands for no block at all.
        ///
        /// That is the empty slice that `Owned::from_raw_parts` makes of NULL and 0: it has no
        /// bytes, and its address is the alignment, which is in the first page of memory, where
        /// there are no blocks. A sized pointee always has its block, even one of size 0.
        fn is_unallocated(ptr: NonNull<Self>) -> bool;
    }
}

/// What an [`Owned`] can point to: a plain type, `[T]`, `str`, [`CStr`], and this
/// crate's [`NulTerminated`] and [`Opaque`].
///
/// C hands over nothing else: it has no trait objects. A plain type is one that is [`Unpin`]; for
/// one that is not, an owner of [`Opaque<T>`](Opaque) does as much. The trait is sealed.
///
/// For a function over all owners, the bound of their pointees:
///
/// ```
/// use malloc_safe::{Deallocator, Owned, Pointee};
///
/// /// Frees the blocks of several owners, the first one last.
/// fn drop_in_reverse<T: ?Sized + Pointee, D: Deallocator<T>>(mut owners: Vec<Owned<T, D>>) {
///     while owners.pop().is_some() {}
/// }
///
/// drop_in_reverse(vec![Owned::<[u8]>::empty()]);
/// drop_in_reverse(vec![Owned::<u64>::try_new(1)?, Owned::try_new(2)?]);
/// # Ok::<(), malloc_safe::AllocError<u64>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "an owner cannot point to `{Self}`",
    note = "for a type that is not `Unpin`, own `Opaque<{Self}>`"
)]
pub trait Pointee: layout::Layout {
    /// C's type: the block is a `Raw *`. For an `Opaque<X>` and a `NulTerminated<X>` that is `X`,
    /// for a plain type itself.
    type Raw;
}

#[diagnostic::do_not_recommend]
impl<T: Unpin> Pointee for T {
    type Raw = T;
}

#[diagnostic::do_not_recommend]
impl<T: Unpin> layout::Layout for T {
    type Threads<D> = Plain<Self, D>;

    const ALIGN: usize = align_of::<T>();

    const VISIBLE: () = {
        assert!(
            size_of::<Option<T>>() > 0,
            "the pointee has no values: own a malloc_safe::Opaque of it"
        );
        assert!(
            size_of::<T>() > 0,
            "the pointee has no size: own a malloc_safe::Opaque of it"
        );
    };

    #[inline]
    fn is_unallocated(_: NonNull<Self>) -> bool {
        false
    }
}

impl<T> Pointee for [T] {
    type Raw = T;
}

impl<T> layout::Layout for [T] {
    type Threads<D> = Plain<Self, D>;

    const ALIGN: usize = align_of::<T>();

    const VISIBLE: () = assert!(
        size_of::<Option<T>>() > 0,
        "the elements have no values: own an array of malloc_safe::Lent<malloc_safe::Opaque>"
    );

    #[inline]
    fn is_unallocated(ptr: NonNull<Self>) -> bool {
        if !ptr.is_empty() && size_of::<T>() != 0 {
            return false;
        }
        cold();
        ptr.addr().get() == align_of::<T>()
    }
}

/// Has the compiler lay out what follows aside: most slices have elements, and are told by that.
#[cold]
fn cold() {}

impl Pointee for str {
    type Raw = u8;
}

impl layout::Layout for str {
    type Threads<D> = Plain<Self, D>;

    const ALIGN: usize = 1;

    #[inline]
    fn is_unallocated(ptr: NonNull<Self>) -> bool {
        // A str is its bytes, and only the raw pointer may be looked at here.
        let Some(bytes) = NonNull::new(ptr.as_ptr() as *mut [u8]) else {
            return true;
        };
        <[u8]>::is_unallocated(bytes)
    }
}

impl Pointee for CStr {
    type Raw = c_char;
}

impl layout::Layout for CStr {
    type Threads<D> = Plain<Self, D>;

    const ALIGN: usize = 1;

    #[inline]
    fn is_unallocated(_: NonNull<Self>) -> bool {
        false // there is always the terminator
    }
}

impl<T> Pointee for NulTerminated<T> {
    type Raw = T;
}

impl<T> layout::Layout for NulTerminated<T> {
    type Threads<D> = Plain<Self, D>;

    const ALIGN: usize = align_of::<T>();

    #[inline]
    fn is_unallocated(_: NonNull<Self>) -> bool {
        false // there is always the terminator
    }
}

impl<X> Pointee for Opaque<X> {
    type Raw = X;
}

impl<X> layout::Layout for Opaque<X> {
    type Threads<D> = Said<D>;

    const ALIGN: usize = 1; // what C keeps there is not known

    #[inline]
    fn is_unallocated(_: NonNull<Self>) -> bool {
        false
    }
}

/// Says that a block of `X`s may be owned as `Self`.
///
/// It lets a deallocator that takes an `X *` release every view of such a block: one `X`, the same
/// as an [`Opaque`], a slice of them, a terminated run of them, the same not yet written, and for
/// `char` also bytes, [`CStr`] and `str`. Owners and other pointers in an array are blocks of
/// `T *`s. The macro [`deallocator!`](crate::deallocator!) writes its implementations
/// in these terms.
///
/// # Safety
///
/// A pointer to `Self` is the address of the block's first `X`.
///
/// # Examples
///
/// A struct that a library hands over and takes back as chars:
///
/// ```
/// use core::ffi::c_char;
/// use malloc_safe::{BlockOf, Owned, deallocator};
///
/// deallocator! { pub struct TokenFree(c_char) = malloc_sys::token_free; }
///
/// #[repr(transparent)]
/// struct Key([u8; 16]);
///
/// // SAFETY: the key starts with the first char of the token.
/// unsafe impl BlockOf<c_char> for Key {}
///
/// // SAFETY: no precondition.
/// let token = unsafe { malloc_sys::token_new(16, b'k' as c_char) };
/// // SAFETY: NULL, or a token with 16 chars, which are a key.
/// let key = unsafe { Owned::<Key, TokenFree>::from_raw(token.cast()) }.expect("enough memory");
/// assert_eq!(key.0, [b'k'; 16]);
/// ```
#[diagnostic::on_unimplemented(
    message = "a deallocator of `{X}` does not release a block of `{Self}`",
    note = "name the type that it releases in `deallocator!`, or write `(any)` for a function that releases every type"
)]
pub unsafe trait BlockOf<X>: Pointee {}

// SAFETY: the X is the block.
unsafe impl<X: Pointee> BlockOf<X> for X {}
// SAFETY: as one X, which Rust does not look into.
unsafe impl<X> BlockOf<X> for Opaque<X> {}
// SAFETY: the address of a slice is its first element's.
unsafe impl<X> BlockOf<X> for [X] {}
// SAFETY: as one X.
unsafe impl<X: Unpin> BlockOf<X> for MaybeUninit<X> {}
// SAFETY: as several.
unsafe impl<X> BlockOf<X> for [MaybeUninit<X>] {}
// SAFETY: as several.
unsafe impl<X> BlockOf<X> for NulTerminated<X> {}
// SAFETY: a C string is its chars.
unsafe impl BlockOf<c_char> for CStr {}
// SAFETY: it was made of a C string's chars.
unsafe impl BlockOf<c_char> for str {}
// SAFETY: bytes are chars, on the platforms where char is signed ...
unsafe impl BlockOf<i8> for [u8] {}
// SAFETY: ... and where it is not.
unsafe impl BlockOf<u8> for [i8] {}

// SAFETY: an owner is the pointer, so the address of the first element is that of a `Raw *`.
unsafe impl<T: Pointee, D: Deallocator<T>> BlockOf<*mut T::Raw> for [Owned<T, D>] {}
// SAFETY: as above; None is NULL.
unsafe impl<T: Pointee, D: Deallocator<T>> BlockOf<*mut T::Raw> for [Option<Owned<T, D>>] {}
// SAFETY: as above.
unsafe impl<T: Pointee, D: RefCounted<T>> BlockOf<*mut T::Raw> for [Shared<T, D>] {}
// SAFETY: as above.
unsafe impl<T: Pointee, D: RefCounted<T>> BlockOf<*mut T::Raw> for [Option<Shared<T, D>>] {}
// SAFETY: as above.
unsafe impl<T: Pointee> BlockOf<*mut T::Raw> for [NonNull<T>] {}
// SAFETY: as above.
unsafe impl<T: Pointee> BlockOf<*mut T::Raw> for [Option<NonNull<T>>] {}
// SAFETY: as above.
unsafe impl<T: Pointee> BlockOf<*mut T::Raw> for [Lent<T>] {}
// SAFETY: as above, up to the first NULL.
unsafe impl<T: Pointee> BlockOf<*mut T::Raw> for NulTerminated<Lent<T>> {}
