//! Who gives the memory back.

use core::ffi::CStr;
use core::ptr::NonNull;

use crate::NulTerminated;
use crate::contents::{Contents, Ignored};

/// Gives a block back to the library it came from.
///
/// The implementing type is a name for one deallocator; it is never instantiated by an owner,
/// which is why owners stay as small as the pointer. [`Free`] is the C library's `free`; for
/// others [`deallocator!`](crate::deallocator!) writes the implementation in one line.
///
/// # Safety
///
/// Write `release(p as T)` for `<Self as Deallocator<T>>::deallocate(p)`. The implementor
/// promises:
///
/// - **Destructor first:** `release(p as T)` is right although the destructor of `T` has run, or
///   has panicked half way, or the `T` has been moved out. For the plain structs of C that changes
///   nothing, and it may read them as `freeaddrinfo` does, if every `T` that safe code can make
///   of the contents through a shared reference (a `Cell` in it, say) is right to read.
/// - **Same block, same end:** where the type implements the trait for both `T` and `U`, and
///   [`Owned`](crate::Owned) has a conversion from one to the other, `release(p as T)` and
///   `release(p as U)` are both right for the block. A coercion to a supertype (a longer
///   lifetime to a shorter one) counts. Note that the `CStr` made of bytes ends with the first NUL, and the `str` made of that before
///   it: one that needs the exact size must not implement the trait for `CStr`.
/// - **No length:** a `[T]` may be released by its length, as `munmap` does: it is the one that the
///   owner was given, whatever has happened since. Only a block of an impossible length is released
///   as a slice of length 0 ([`RawPartsError`](crate::RawPartsError)): one that needs the exact
///   size cannot be used with [`Owned::from_raw_parts`](crate::Owned::from_raw_parts) on a length
///   that may be wrong.
/// - **Contents:** where [`Contents`](Self::Contents) is [`Ignored`], `release(p as T)` is right
///   whatever is in the block, and ends nothing else: what the `T` pointed to lives on.
/// - **Threads:** if the type is `Send`, it may be called from any thread. Mark a library whose
///   memory must be released where it was allocated as `!Send`. A plain `T` that is `Sync` may be
///   looked at in any thread while its owner is borrowed, whatever the deallocator is: one that may
///   not is an [`Opaque`](crate::Opaque).
///
/// # Examples
///
/// By hand, one name for a library with a function for each type:
///
/// ```
/// use core::ffi::c_char;
/// use core::ptr::NonNull;
/// use malloc_safe::{Deallocator, NulTerminated, Opaque, Owned, contents};
/// use malloc_sys::{counted, counted_release, token_free};
///
/// pub struct Library;
///
/// // SAFETY: token_free releases every token, whatever is in it, in any thread.
/// unsafe impl Deallocator<NulTerminated<c_char>> for Library {
///     type Contents = contents::Ignored;
///
///     unsafe fn deallocate(ptr: NonNull<NulTerminated<c_char>>) {
///         // SAFETY: the caller hands over a token.
///         unsafe { token_free(ptr.as_ptr().cast()) }
///     }
/// }
///
/// // SAFETY: counted_release drops the reference that the caller has, in any thread.
/// unsafe impl Deallocator<Opaque<counted>> for Library {
///     type Contents = contents::Read;
///
///     unsafe fn deallocate(ptr: NonNull<Opaque<counted>>) {
///         // SAFETY: the caller hands over a reference.
///         unsafe { counted_release(ptr.as_ptr().cast()) }
///     }
/// }
///
/// unsafe extern "C" {
///     safe fn token_new(n: usize, fill: c_char) -> Option<Owned<NulTerminated<c_char>, Library>>;
///     safe fn counted_new(value: u64) -> Option<Owned<Opaque<counted>, Library>>;
/// }
///
/// let token = token_new(2, b'-' as c_char).expect("enough memory");
/// assert_eq!(token.to_bytes(), b"--");
/// assert!(counted_new(1).is_some());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not release a `{T}`",
    label = "no deallocator of a `{T}`"
)]
pub unsafe trait Deallocator<T: ?Sized> {
    /// Whether it [reads](crate::contents::Read) what it releases, or [ignores](Ignored) it.
    type Contents: Contents;

    /// Whether what it releases is secret: then owners do not show it, in `Debug` or otherwise. As
    /// `Wipe` has it.
    const SECRET: bool = false;

    /// Releases the block at `ptr`.
    ///
    /// # Safety
    ///
    /// `ptr` is what this deallocator's library handed over, with its whole provenance; it is
    /// still allocated, and nobody uses it afterwards. Its `T` has been dropped or moved out. (Of a
    /// [`RefCounted`](crate::RefCounted) object: a reference, which nobody uses afterwards.)
    unsafe fn deallocate(ptr: NonNull<T>);
}

/// A [`Deallocator`] that ignores the contents, and so lets safe code overwrite them and move them
/// out: another name for `Deallocator<T, Contents = Ignored>`.
///
/// ```
/// use malloc_safe::{Owned, deallocator};
///
/// // A deallocator of one type may read it, so its owners lend shared only, unless its author
/// // says that it does not: free ignores what is in a block.
/// deallocator! { struct NumberFree(blind u64) = |number: *mut u64| {
///     // SAFETY: the owner hands over a malloc block.
///     unsafe { malloc_sys::free(number.cast()) }
/// }; }
///
/// // SAFETY: the function returns NULL, or a number in a malloc block of its own.
/// let number = unsafe { Owned::<u64, NumberFree>::from_raw(malloc_sys::workload_number(1)) };
/// let mut number = number.expect("enough memory");
/// *number += 1;
/// assert_eq!(*number, 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` may read what it releases, so safe code neither makes up the contents, nor overwrites them, nor moves them out",
    note = "write through `Owned::as_ptr`, or declare it `blind` if it reads nothing"
)]
pub trait ContentBlind<T: ?Sized>: Deallocator<T, Contents = Ignored> {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized, D: Deallocator<T, Contents = Ignored>> ContentBlind<T> for D {}

/// The C library's `free` (C11 7.22.3.3), for what `malloc` and its family returned.
///
/// It is the default deallocator of [`Owned`](crate::Owned).
///
/// ```
/// use core::ffi::c_char;
/// use malloc_safe::{NulTerminated, Owned};
///
/// unsafe extern "C" {
///     fn strdup(s: *const c_char) -> Option<Owned<NulTerminated<c_char>>>; // Free is the default
/// }
///
/// // SAFETY: the argument is a C string.
/// let copy = unsafe { strdup(c"mine now".as_ptr()) }.expect("enough memory");
/// assert_eq!(copy.to_c_str(), c"mine now");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Free;

// SAFETY: free takes any block of the malloc family by its address alone, from any thread, and
// reads nothing of it.
unsafe impl<T: ?Sized + Memory> Deallocator<T> for Free {
    type Contents = Ignored;

    #[inline]
    unsafe fn deallocate(ptr: NonNull<T>) {
        // SAFETY: the caller says that the block is malloc's and live.
        unsafe { malloc_sys::free(ptr.as_ptr().cast()) }
    }
}

/// A pointee whose block may be `free`'s: all but an `Opaque`. A handle's library has a function
/// that ends it; where that is `free`, a deallocator says so.
#[diagnostic::on_unimplemented(
    message = "nothing says that `free` ends a `{Self}`",
    label = "whose deallocator is not named",
    note = "name the library's function with `deallocator!`, and write `Owned<{Self}, ThatName>`"
)]
pub trait Memory {}

#[diagnostic::do_not_recommend]
impl<T: Unpin> Memory for T {}
impl<T> Memory for [T] {}
impl Memory for str {}
impl Memory for CStr {}
impl<T> Memory for NulTerminated<T> {}
