//! Who gives the memory back.

use core::ptr::NonNull;

/// Gives a block back to the library it came from.
///
/// The implementing type is a name for one deallocator; it is never instantiated by an owner,
/// which is why owners stay as small as the pointer. [`Free`] is the C library's `free`; for
/// others [`deallocator!`](crate::deallocator) writes the implementation in one line.
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
///   `release(p as U)` are both right for the block. A coercion to a subtype counts.
///   Note that the `CStr` made of bytes ends with the first NUL, and the `str` made of that before
///   it: one that needs the exact size must not implement the trait for `CStr`.
/// - **No length:** a `[T]` may be released by its length, as `munmap` does: it is the one that the
///   owner was given, whatever has happened since. Only a block of an impossible length is released
///   as a slice of length 0 ([`RawPartsError`](crate::RawPartsError)): one that needs the exact
///   size cannot be used with [`Owned::from_raw_parts`](crate::Owned::from_raw_parts) on a length
///   that may be wrong.
/// - **Threads:** if the type is `Send`, it may be called from any thread. Mark a library whose
///   memory must be released where it was allocated as `!Send`.
///
/// # Examples
///
/// By hand, one name for a library with a function for each type:
///
/// ```
/// use core::ffi::c_char;
/// use core::ptr::NonNull;
/// use malloc_safe::{Deallocator, NulTerminated, Owned};
/// use malloc_sys::{counted, counted_release, token_free};
///
/// pub struct Library;
///
/// // SAFETY: token_free releases every token, whatever is in it, in any thread.
/// unsafe impl Deallocator<NulTerminated<c_char>> for Library {
///     unsafe fn deallocate(ptr: NonNull<NulTerminated<c_char>>) {
///         // SAFETY: the caller hands over a token.
///         unsafe { token_free(ptr.as_ptr().cast()) }
///     }
/// }
///
/// // SAFETY: counted_release drops the reference that the caller has, in any thread.
/// unsafe impl Deallocator<counted> for Library {
///     unsafe fn deallocate(ptr: NonNull<counted>) {
///         // SAFETY: the caller hands over a reference.
///         unsafe { counted_release(ptr.as_ptr()) }
///     }
/// }
///
/// unsafe extern "C" {
///     safe fn token_new(n: usize, fill: c_char) -> Option<Owned<NulTerminated<c_char>, Library>>;
///     safe fn counted_new(value: u64) -> Option<Owned<counted, Library>>;
/// }
///
/// let token = token_new(2, b'-' as c_char).expect("enough memory");
/// assert_eq!(token.to_bytes(), b"--");
/// assert!(counted_new(1).is_some());
/// ```
pub unsafe trait Deallocator<T: ?Sized> {
    /// Releases the block at `ptr`.
    ///
    /// # Safety
    ///
    /// `ptr` is what this deallocator's library handed over, with its whole provenance; it is
    /// still allocated, and nobody uses it afterwards. Its `T` has been dropped or moved out. (Of a
    /// [`RefCounted`](crate::RefCounted) object: a reference, which nobody uses afterwards.)
    unsafe fn deallocate(ptr: NonNull<T>);
}

/// A [`Deallocator`] that ignores the contents, and so lets safe code overwrite them.
///
/// `freeaddrinfo` follows pointers in what it releases: were `*a = *b` possible with two owned
/// lists, it would release one of them twice. Only with a content-blind deallocator does
/// [`Owned`](crate::Owned) lend its contents mutably
/// ([`Owned::leak`](crate::Owned::leak) apart, after which nothing is released), or own a value of
/// Rust's ([`Owned::try_new`](crate::Owned::try_new)).
///
/// # Safety
///
/// `deallocate` is right for the block whatever bytes are in it, also as every `U` that an owner
/// of this `T` can be converted to.
///
/// # Examples
///
/// ```
/// use malloc_safe::{ContentBlind, Owned, deallocator};
///
/// // A deallocator of one type may read it, so its owners lend shared only ...
/// deallocator! { struct NumberFree(u64) = |number: *mut u64| {
///     // SAFETY: the owner hands over a malloc block.
///     unsafe { malloc_sys::free(number.cast()) }
/// }; }
///
/// // SAFETY: ... unless its author says that it does not: free ignores what is in a block.
/// unsafe impl ContentBlind<u64> for NumberFree {}
///
/// // SAFETY: the function returns NULL, or a number in a malloc block of its own.
/// let number = unsafe { Owned::<u64, NumberFree>::from_raw(malloc_sys::workload_number(1)) };
/// let mut number = number.expect("enough memory");
/// *number += 1;
/// assert_eq!(*number, 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` may read what it releases, so safe code neither makes up the contents nor overwrites them",
    note = "write through `Owned::as_ptr`, or implement `ContentBlind` if it reads nothing"
)]
pub unsafe trait ContentBlind<T: ?Sized>: Deallocator<T> {}

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
unsafe impl<T: ?Sized> Deallocator<T> for Free {
    #[inline]
    unsafe fn deallocate(ptr: NonNull<T>) {
        // SAFETY: the caller says that the block is malloc's and live.
        unsafe { malloc_sys::free(ptr.as_ptr().cast()) }
    }
}

// SAFETY: free reads nothing of the block.
unsafe impl<T: ?Sized> ContentBlind<T> for Free {}

/// Names a library's deallocator, so that it can stand in an owner's type.
///
/// - `(c_void)` releases blocks of whatever type, as `free` does, without looking into them
///   ([`ContentBlind`]). A function that takes a `void *` but reads the object, such as
///   `g_object_unref`, needs the type named: `(GObject)`.
/// - `(X)` releases what the library declares as `X *`: an `X`, a slice of them, a
///   [`NulTerminated`](crate::NulTerminated) run of them, either not yet written; for `c_char` also
///   bytes, `CStr` and `str` ([`BlockOf`](crate::BlockOf)). An owner of anything else with this
///   deallocator does not compile. It may read what it releases, so its owners lend their
///   contents shared only.
/// - `([c_void])` releases slices of whatever type, and `str`, with a function that takes the
///   address and the size in bytes, as `munmap` does, without looking into them; `([X])` releases
///   slices of `X` with one that takes the first `X` and their number. Neither releases a C string,
///   whose size changes on its way to `str`. A block of which the library was given another size
///   than that of the slice is not such a deallocator's to release.
/// - `: !Send` after the parentheses keeps the owner in its thread.
/// - After `=` stands a function, or any expression that gives one: a function pointer is read at
///   each release, a closure can add arguments.
/// - Conditional compilation goes in front of the macro: `#[cfg(unix)] deallocator! { … }`.
///
/// # Safety
///
/// There is no `unsafe` to write here: whoever adopts a pointer, or declares a function to return
/// an owner, promises that the block is this deallocator's to release, in the full sense of the
/// [invariant](crate::Owned#invariant). For `(c_void)` that includes: whatever is in it.
///
/// # Examples
///
/// ```
/// use core::ffi::c_char;
/// use malloc_safe::{NulTerminated, Owned, deallocator};
/// use malloc_sys::token_free;
///
/// deallocator! {
///     /// Releases a token.
///     pub struct TokenFree(c_char) = token_free;
/// }
///
/// unsafe extern "C" {
///     safe fn token_new(
///         length: usize,
///         fill: c_char,
///     ) -> Option<Owned<NulTerminated<c_char>, TokenFree>>;
/// }
///
/// let token = token_new(3, b'x' as c_char).expect("enough memory");
/// assert_eq!(token.to_bytes(), b"xxx");
/// ```
///
/// A library may keep its deallocator in a variable that a program can set, as libxml2 does with
/// `xmlFree`, or want more than the pointer, as OpenSSL does with the file and line of the caller:
///
/// ```
/// use core::ffi::{c_char, c_int, c_void};
/// use malloc_safe::deallocator;
///
/// # #[allow(non_upper_case_globals)]
/// # static mut xmlFree: unsafe extern "C" fn(*mut c_void) = malloc_sys::free;
/// deallocator! {
///     struct XmlFree(c_void) = |block| {
///         // SAFETY: nobody sets the variable while the library is in use.
///         let free = unsafe { xmlFree };
///         // SAFETY: the owner hands over a live block of libxml2's.
///         unsafe { free(block) }
///     };
/// }
///
/// # unsafe extern "C" fn CRYPTO_free(block: *mut c_void, _: *const c_char, _: c_int) {
/// #     unsafe { malloc_sys::free(block) }
/// # }
/// deallocator! {
///     struct CryptoFree(c_void) = |block| {
///         // SAFETY: the owner hands over a live block of OpenSSL's.
///         unsafe { CRYPTO_free(block, c"".as_ptr(), 0) }
///     };
/// }
/// ```
///
/// A function that wants the size gets it from the slice:
///
/// ```
/// use malloc_safe::{Owned, deallocator};
///
/// # #[cfg(unix)] {
/// deallocator! { struct Unmap([c_void]) = libc::munmap; }
///
/// let (prot, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
/// // SAFETY: a new mapping, wherever there is room.
/// let pages = unsafe { libc::mmap(core::ptr::null_mut(), 8192, prot, flags, -1, 0) };
/// assert_ne!(pages, libc::MAP_FAILED);
/// // SAFETY: 8192 bytes, all zero, to be unmapped as a whole.
/// let mut pages = unsafe { Owned::<[u8], Unmap>::from_raw_parts(pages.cast(), 8192) }?;
/// pages[8191] = 1;
/// // munmap(pages, 8192) here
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[macro_export]
macro_rules! deallocator {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident($($pointee:tt)+) $(: !$send:ident)? = $release:expr;
    ) => {
        $crate::__deallocator_type!($(#[$attribute])* $visibility $name $($send)?);
        $crate::__deallocator_impl!($name ($release) [$($pointee)+] $($pointee)+);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __deallocator_type {
    ($(#[$attribute:meta])* $visibility:vis $name:ident) => {
        $(#[$attribute])*
        $visibility struct $name;
    };
    ($(#[$attribute:meta])* $visibility:vis $name:ident Send) => {
        $(#[$attribute])*
        $visibility struct $name([*mut (); 0]);
    };
}

/// Walks along the path of the pointee: one that ends in `c_void` means any type.
#[doc(hidden)]
#[macro_export]
macro_rules! __deallocator_impl {
    ($name:ident ($release:expr) [$($pointee:tt)+] c_void) => {
        // SAFETY: the function gets the address alone, whatever the type; that it is right for
        // the block is promised by whoever adopts it ("`D`'s to release").
        unsafe impl<__Block: ?::core::marker::Sized> $crate::Deallocator<__Block> for $name {
            $crate::__deallocator_impl!(@deallocate __Block ::core::ffi::c_void, $release);
        }
        // SAFETY: as above: so does whoever adopts the block, that it is whatever is in it.
        unsafe impl<__Block: ?::core::marker::Sized> $crate::ContentBlind<__Block> for $name {}
    };
    ($name:ident ($release:expr) [$($pointee:tt)+] $(::)? $segment:ident :: $($rest:tt)+) => {
        $crate::__deallocator_impl!($name ($release) [$($pointee)+] $($rest)+);
    };
    ($name:ident ($release:expr) [$($pointee:tt)+] [c_void]) => {
        // SAFETY: the function gets the address and the size in bytes, whatever the type; that they
        // are right for the block is promised by whoever adopts it ("`D`'s to release").
        unsafe impl<__Element> $crate::Deallocator<[__Element]> for $name {
            $crate::__deallocator_impl!(
                @sized [__Element], ::core::ffi::c_void, ::core::mem::size_of::<__Element>(), $release
            );
        }
        // SAFETY: as above: a str is its bytes.
        unsafe impl $crate::Deallocator<str> for $name {
            #[inline]
            unsafe fn deallocate(ptr: ::core::ptr::NonNull<str>) {
                // SAFETY: a cast keeps the address, so it is still not NULL.
                let bytes = unsafe { ::core::ptr::NonNull::new_unchecked(ptr.as_ptr() as *mut [u8]) };
                // SAFETY: the caller hands over the bytes with the str.
                unsafe { <Self as $crate::Deallocator<[u8]>>::deallocate(bytes) }
            }
        }
        // SAFETY: whoever adopts the block promises as well that it is whatever is in it.
        unsafe impl<__Element> $crate::ContentBlind<[__Element]> for $name {}
        // SAFETY: as above.
        unsafe impl $crate::ContentBlind<str> for $name {}
    };
    ($name:ident ($release:expr) [$($pointee:tt)+] [$(::)? $segment:ident :: $($rest:tt)+]) => {
        $crate::__deallocator_impl!($name ($release) [$($pointee)+] [$($rest)+]);
    };
    ($name:ident ($release:expr) [[$element:ty]] [$last:ty]) => {
        // SAFETY: as for any type, for slices of one.
        unsafe impl $crate::Deallocator<[$element]> for $name {
            $crate::__deallocator_impl!(@sized [$element], $element, 1, $release);
        }
    };
    ($name:ident ($release:expr) [$($pointee:tt)+] $($other:tt)+) => {
        // SAFETY: as for any type, for the blocks of one.
        unsafe impl<__Block> $crate::Deallocator<__Block> for $name
        where
            __Block: ?::core::marker::Sized + $crate::BlockOf<$($pointee)+>,
        {
            $crate::__deallocator_impl!(@deallocate __Block $($pointee)+, $release);
        }
    };
    (@deallocate $block:ident $pointee:ty, $release:expr) => {
        #[inline]
        unsafe fn deallocate(ptr: ::core::ptr::NonNull<$block>) {
            // A safe function around the user's expression: in edition 2021 the body of an
            // unsafe one would let it do anything unmarked.
            #[inline]
            fn __malloc_safe_release(ptr: *mut $pointee) {
                // Hides the function from the expression, which could call it with any address.
                fn __malloc_safe_release() {}
                __malloc_safe_release();
                let release = $release;
                // SAFETY: the caller of deallocate hands over a live block of this function's.
                let _ = unsafe { release(ptr) };
            }
            __malloc_safe_release(ptr.as_ptr().cast())
        }
    };
    (@sized $block:ty, $first:ty, $unit:expr, $release:expr) => {
        #[inline]
        unsafe fn deallocate(ptr: ::core::ptr::NonNull<$block>) {
            // As above.
            #[inline]
            fn __malloc_safe_release(ptr: *mut $first, size: usize) {
                fn __malloc_safe_release() {}
                __malloc_safe_release();
                let release = $release;
                // SAFETY: as above, and of this size.
                let _ = unsafe { release(ptr, size) };
            }
            __malloc_safe_release(ptr.as_ptr().cast(), ptr.len() * $unit)
        }
    };
}
