//! What an owner can point to.

use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::NulTerminated;

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for T {}
    impl<T> Sealed for [T] {}
    impl Sealed for str {}
    impl Sealed for core::ffi::CStr {}
}

/// What an [`Owned`](crate::Owned) can point to: any sized type, `[T]`, `str` and [`CStr`].
///
/// C hands over nothing else: it has no trait objects. The trait is sealed.
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
pub trait Pointee: sealed::Sealed {
    /// Whether the pointer stands for no block at all.
    ///
    /// That is the empty slice that [`Owned::from_raw_parts`](crate::Owned::from_raw_parts) makes
    /// of NULL and 0: it has no bytes, and its address is the alignment, which is in the first page
    /// of memory, where there are no blocks. A sized pointee always has its block, even one of size 0.
    #[doc(hidden)]
    fn is_unallocated(ptr: NonNull<Self>) -> bool;

    /// What the address is a multiple of.
    #[doc(hidden)]
    const ALIGNMENT: usize;

    /// Fails to compile for an `enum` without values that stands for a C struct: safe code could
    /// `match` a reference to one.
    #[doc(hidden)]
    const INHABITED: () = ();
}

impl<T> Pointee for T {
    const ALIGNMENT: usize = align_of::<T>();

    const INHABITED: () = assert!(
        size_of::<Option<T>>() > 0,
        "the pointee has no values: use malloc_safe::Opaque"
    );

    #[inline]
    fn is_unallocated(_: NonNull<Self>) -> bool {
        false
    }
}

impl<T> Pointee for [T] {
    const ALIGNMENT: usize = align_of::<T>();

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
    const ALIGNMENT: usize = 1;

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
    const ALIGNMENT: usize = 1;

    #[inline]
    fn is_unallocated(_: NonNull<Self>) -> bool {
        false // there is always the terminator
    }
}

/// Says that a block of `X`s may be owned as `Self`.
///
/// It lets a deallocator that takes an `X *` release every view of such a block: one `X`, a slice
/// of them, a terminated run of them, the same not yet written, and for `char` also bytes,
/// [`CStr`] and `str`. The macro [`deallocator!`](crate::deallocator) writes its implementations
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
    note = "name the type that it releases in `deallocator!`, or `c_void` for any"
)]
pub unsafe trait BlockOf<X>: Pointee {}

// SAFETY: the X is the block.
unsafe impl<X> BlockOf<X> for X {}
// SAFETY: the address of a slice is its first element's.
unsafe impl<X> BlockOf<X> for [X] {}
// SAFETY: as one X.
unsafe impl<X> BlockOf<X> for MaybeUninit<X> {}
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
