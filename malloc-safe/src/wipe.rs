//! Secrets: overwritten before they are released.

use core::ffi::{CStr, c_char};
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use zeroize::Zeroize;

use crate::contents::{Ignored, Read};
use crate::owned::Block;
use crate::{ContentBlind, Deallocator, Free, NulTerminated};

/// Overwrites a block with zeros, then releases it with `D`.
///
/// The writes are volatile, so the compiler keeps them although nobody reads the block again. `D`
/// must not read it either: it is [`ContentBlind`].
///
/// What is overwritten is the pointee, as large as Rust knows it to be: the elements of a slice,
/// the bytes of a `str`, a `CStr` with its terminator, a `NulTerminated<c_char>` up to its
/// terminator (which `strlen` searches for), a plain `T`. A pointee of no size that Rust knows, as
/// an [`Opaque`](crate::Opaque) or another `NulTerminated`, does not compile; neither does a struct
/// of no size, which often stands for one of C's:
///
/// ```compile_fail,E0080
/// # use malloc_safe::{Owned, Wipe};
/// struct Key {
///     _unused: [u8; 0],
/// }
/// fn end(key: Owned<Key, Wipe>) {} // would wipe nothing
/// # fn main() { end(unsafe { Owned::from_raw(8 as *mut Key) }.unwrap()) }
/// ```
///
/// It does not reach
///
/// - copies: what was moved out of the owner, or copied from it; what `realloc` left behind when it
///   moved the block; what C kept;
/// - the rest of the block, behind a string's terminator or the elements that are counted;
/// - what the contents point to: an array of secrets is an `Owned<[Owned<T, Wipe>]>`, or has
///   [`Each<Wipe, Free>`](crate::Each);
/// - what is never dropped: [`Owned::leak`](crate::Owned::leak), `mem::forget`, an abort.
///
/// ```
/// use core::ffi::c_char;
/// use malloc_safe::{NulTerminated, Owned, Wipe};
///
/// unsafe extern "C" {
///     // The caller is to free the password.
///     safe fn workload_string(
///         length: usize,
///         fill: c_char,
///     ) -> Option<Owned<NulTerminated<c_char>, Wipe>>;
/// }
/// # use malloc_sys as _;
///
/// let password = workload_string(8, b'*' as c_char).expect("enough memory");
/// assert_eq!(password.to_bytes(), b"********");
/// // overwritten and freed here
/// ```
pub struct Wipe<D = Free>(PhantomData<D>);

impl<D> fmt::Debug for Wipe<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wipe")
    }
}

// SAFETY: what D promises; as it ignores the contents, it may release zeros.
unsafe impl<T: Unpin, D: ContentBlind<T>> Deallocator<T> for Wipe<D> {
    type Contents = Ignored;
    const SECRET: bool = true;

    #[inline]
    unsafe fn deallocate(ptr: NonNull<T>) {
        const {
            assert!(
                size_of::<T>() > 0,
                "there is nothing to wipe: the pointee has no size"
            );
        }
        let _block = Block::<T, D>(ptr, PhantomData);
        // SAFETY: the caller hands over the block, which holds a T.
        unsafe { wipe(ptr.cast(), size_of::<T>()) }
    }
}

// SAFETY: as above.
unsafe impl<T: Unpin, D: ContentBlind<[T]>> Deallocator<[T]> for Wipe<D> {
    type Contents = Ignored;
    const SECRET: bool = true;

    #[inline]
    unsafe fn deallocate(ptr: NonNull<[T]>) {
        const {
            assert!(
                size_of::<T>() > 0,
                "there is nothing to wipe: the elements have no size"
            );
        }
        let _block = Block::<[T], D>(ptr, PhantomData);
        // SAFETY: the caller hands over the block, which holds as many elements.
        unsafe { wipe(ptr.cast(), ptr.len() * size_of::<T>()) }
    }
}

// SAFETY: as above.
unsafe impl<D: ContentBlind<str>> Deallocator<str> for Wipe<D> {
    type Contents = Ignored;
    const SECRET: bool = true;

    #[inline]
    unsafe fn deallocate(ptr: NonNull<str>) {
        let _block = Block::<str, D>(ptr, PhantomData);
        let size = (ptr.as_ptr() as *mut [u8]).len();
        // SAFETY: the caller hands over the block, which holds as many bytes.
        unsafe { wipe(ptr.cast(), size) }
    }
}

// SAFETY: as above.
unsafe impl<D: ContentBlind<CStr>> Deallocator<CStr> for Wipe<D> {
    type Contents = Ignored;
    const SECRET: bool = true;

    #[inline]
    unsafe fn deallocate(ptr: NonNull<CStr>) {
        let _block = Block::<CStr, D>(ptr, PhantomData);
        let size = (ptr.as_ptr() as *mut [u8]).len(); // with the terminator
        // SAFETY: the caller hands over the block, which holds as many bytes.
        unsafe { wipe(ptr.cast(), size) }
    }
}

// SAFETY: as above.
unsafe impl<D: ContentBlind<NulTerminated<c_char>>> Deallocator<NulTerminated<c_char>> for Wipe<D> {
    type Contents = Read; // up to the terminator
    const SECRET: bool = true;

    #[inline]
    unsafe fn deallocate(ptr: NonNull<NulTerminated<c_char>>) {
        let _block = Block::<_, D>(ptr, PhantomData);
        // SAFETY: the caller hands over the block, which holds a terminated string.
        let length = unsafe { libc::strlen(ptr.cast().as_ptr()) };
        // SAFETY: as above: as many bytes come before the terminator.
        unsafe { wipe(ptr.cast(), length) }
    }
}

/// Overwrites bytes so that the compiler cannot leave it out.
///
/// # Safety
///
/// The bytes are in one block, and nobody else uses them.
#[inline]
unsafe fn wipe(first: NonNull<u8>, size: usize) {
    let mut bytes = NonNull::slice_from_raw_parts(first.cast::<MaybeUninit<u8>>(), size);
    // SAFETY: the caller says so; and whatever is in them, a MaybeUninit is valid.
    unsafe { bytes.as_mut() }.zeroize();
}
