//! The macro that names a library's deallocator, and what it is made of.

/// Names a library's deallocator, so that it can stand in an owner's type.
///
/// The parentheses say what it releases. `any` and `blind` are words of the macro; a type with such
/// a name is written with its path.
///
/// | | releases | with a function that takes | the contents |
/// | --- | --- | --- | --- |
/// | `(any)` | blocks of whatever type, as `free` does | a `void *` | are ignored |
/// | `(X)` | what the library declares as `X *` | an `X *` | may be read |
/// | `(blind X)` | the same | the same | are ignored |
/// | `([any])` | slices of whatever type, and `str` | the address, and the size in bytes, as `munmap` does | are ignored |
/// | `([X])` | slices of `X` | the first `X`, and their number | may be read |
///
/// - Contents that are ignored may be written, moved out and made in Rust ([`ContentBlind`](crate::ContentBlind)). The
///   others are lent shared only. A function that takes a `void *` but reads the object, such as
///   `g_object_unref`, needs the type named: `(GObject)`. `blind` is for an array that goes without
///   its elements.
/// - What `(X)` releases is an `X`, an [`Opaque<X>`](crate::Opaque), a slice of `X`s, a
///   [`NulTerminated`](crate::NulTerminated) run of them, either not yet written; for `c_char` also
///   bytes, `CStr` and `str` ([`BlockOf`](crate::BlockOf)). An owner of anything else with this
///   deallocator does not compile.
/// - Neither `([any])` nor `([X])` releases a C string, whose size changes on its way to `str`. A
///   block of which the library was given another size than that of the slice is not such a
///   deallocator's to release.
/// - Lifetimes and types in `X`: `(Opaque<Child<'_>>)` releases a child of whatever parent;
///   `struct NodeFree<T>(Node<T>)` is a name for each `T`.
///
/// After the parentheses it says what other threads may do:
///
/// | | an owner may be sent, and released there | it may be used by several at once |
/// | --- | --- | --- |
/// | `(any)`, `([any])` | if its contents may | if its contents may |
/// | the same with `: !Send` | no | no |
/// | `(X)`, `([X])` | no | no |
/// | the same with `: Send` | if its contents may, or are [`Opaque`](crate::Opaque) | no |
/// | the same with `: Send + Sync` | the same | if its contents may, or are `Opaque` |
///
/// - After `=` stands a function, or any expression that gives one: a function pointer is read at
///   each release, a closure can add arguments.
/// - Conditional compilation goes in front of the macro: `#[cfg(unix)] deallocator! { … }`.
///
/// # Safety
///
/// There is no `unsafe` to write here: whoever adopts a pointer, or declares a function to return
/// an owner, promises that the block is this deallocator's to release, in the full sense of the
/// [invariant](crate::Owned#invariant). For `(any)` that includes: whatever is in it; and for `: Send`, that the library's functions for it may be called in any thread,
/// for `Sync` also in several at once.
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
///     struct XmlFree(any) = |block| {
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
///     struct CryptoFree(any) = |block| {
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
/// deallocator! { struct Unmap([any]) = libc::munmap; }
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
        $visibility:vis struct $name:ident
        $(<$($lifetime:lifetime),* $(,)? $($generic:ident $(: $bound:path)?),* $(,)?>)?
        ($($pointee:tt)+)
        $(: $(! $not:ident)? $($send:ident)? $(+ $sync:ident)?)?
        = $release:expr;
    ) => {
        $crate::__deallocator! {
            @kind
            {
                [$(#[$attribute])* $visibility] $name
                [$($($lifetime),*)?] [$($($generic $(: $bound)?),*)?] [$($($generic),*)?]
                [$($(! $not)? $($send)? $(+ $sync)?)?]
            }
            ($release) $($pointee)+
        }
    };
}

/// What [`deallocator!`](crate::deallocator!) stands for. Nothing here is named but through `$crate`
/// and the caller's own tokens: whatever is in scope there has no say.
#[doc(hidden)]
#[macro_export]
macro_rules! __deallocator {
    // Which kind it is.
    (@kind $head:tt ($release:expr) any) => {
        $crate::__deallocator! { @any $head ($release) }
    };
    (@kind $head:tt ($release:expr) [any]) => {
        $crate::__deallocator! { @any_slice $head ($release) }
    };
    (@kind $head:tt ($release:expr) blind :: $($pointee:tt)+) => { // a path
        $crate::__deallocator! { @typed $head Read ($release) blind :: $($pointee)+ }
    };
    (@kind $head:tt ($release:expr) blind < $($pointee:tt)+) => { // a type with parameters
        $crate::__deallocator! { @typed $head Read ($release) blind < $($pointee)+ }
    };
    (@kind $head:tt ($release:expr) blind $($pointee:tt)+) => {
        $crate::__deallocator! { @typed $head Ignored ($release) $($pointee)+ }
    };
    (@kind $head:tt ($release:expr) $($pointee:tt)+) => {
        $crate::__deallocator! { @typed $head Read ($release) $($pointee)+ }
    };

    // Blocks of whatever type.
    (@any
        {
            $before:tt $name:ident [$($lifetime:lifetime),*] [$($parameter:tt)*]
            [$($generic:ident),*] $threads:tt
        }
        ($release:expr)
    ) => {
        $crate::__deallocator! {
            @struct any $threads $before $name [$($lifetime),*] [$($parameter)*] [$($generic),*]
        }
        // SAFETY: the function gets the address alone, whatever the type; that it is right for the
        // block, whatever is in it, is promised by whoever adopts it ("`D`'s to release").
        unsafe impl<$($lifetime,)* __Block, $($parameter)*> $crate::Deallocator<__Block>
            for $name<$($lifetime,)* $($generic),*>
        where
            __Block: ?$crate::__private::Sized,
        {
            type Contents = $crate::contents::Ignored;

            $crate::__deallocator! {
                @deallocate __Block, [$crate::__private::c_void] [$($lifetime),*] [$($parameter)*]
                [$($generic),*] ($release)
            }
        }
    };
    (@any_slice
        {
            $before:tt $name:ident [$($lifetime:lifetime),*] [$($parameter:tt)*]
            [$($generic:ident),*] $threads:tt
        }
        ($release:expr)
    ) => {
        $crate::__deallocator! {
            @struct any $threads $before $name [$($lifetime),*] [$($parameter)*] [$($generic),*]
        }
        // SAFETY: the function gets the address and the size in bytes, whatever the type; that they
        // are right for the block, whatever is in it, is promised by whoever adopts it.
        unsafe impl<$($lifetime,)* __Element, $($parameter)*> $crate::Deallocator<[__Element]>
            for $name<$($lifetime,)* $($generic),*>
        {
            type Contents = $crate::contents::Ignored;

            $crate::__deallocator! {
                @deallocate_sized [__Element] [$crate::__private::c_void]
                [$crate::__private::size_of::<__Element>()]
                [$($lifetime),*] [$($parameter)*] [$($generic),*] ($release)
            }
        }
        // SAFETY: as above: a str is its bytes.
        unsafe impl<$($lifetime,)* $($parameter)*> $crate::Deallocator<$crate::__private::str>
            for $name<$($lifetime,)* $($generic),*>
        {
            type Contents = $crate::contents::Ignored;

            #[inline]
            unsafe fn deallocate(
                __malloc_safe_ptr: $crate::__private::NonNull<$crate::__private::str>,
            ) {
                let __malloc_safe_bytes = $crate::__private::bytes_of_str(__malloc_safe_ptr);
                // SAFETY: the caller hands over the bytes with the str.
                unsafe {
                    <Self as $crate::Deallocator<[$crate::__private::u8]>>::deallocate(
                        __malloc_safe_bytes,
                    )
                }
            }
        }
    };

    // Blocks of one type: slices with their length, or any form of it.
    (@typed
        {
            $before:tt $name:ident [$($lifetime:lifetime),*] [$($parameter:tt)*]
            [$($generic:ident),*] $threads:tt
        }
        $contents:ident ($release:expr) [$element:ty]
    ) => {
        $crate::__deallocator! {
            @struct named $threads $before $name [$($lifetime),*] [$($parameter)*] [$($generic),*]
        }
        // SAFETY: as for any type, for slices of one.
        unsafe impl<$($lifetime,)* $($parameter)*> $crate::Deallocator<[$element]>
            for $name<$($lifetime,)* $($generic),*>
        {
            type Contents = $crate::contents::$contents;

            $crate::__deallocator! {
                @deallocate_sized [$element] [$element] [1]
                [$($lifetime),*] [$($parameter)*] [$($generic),*] ($release)
            }
        }
    };
    (@typed $head:tt $contents:ident ($release:expr) $($pointee:tt)+) => {
        $crate::__deallocator! { @lifetimes $head $contents ($release) [$($pointee)+] [] $($pointee)+ }
    };

    // A lifetime that is left out gets a name, as it stands in a bound.
    (@lifetimes $head:tt $contents:ident $release:tt $pointee:tt [$($done:tt)*] '_ $($rest:tt)*) => {
        $crate::__deallocator! {
            @lifetimes $head $contents $release $pointee [$($done)* '__lent] $($rest)*
        }
    };
    (@lifetimes
        $head:tt $contents:ident $release:tt $pointee:tt [$($done:tt)*] $next:tt $($rest:tt)*
    ) => {
        $crate::__deallocator! {
            @lifetimes $head $contents $release $pointee [$($done)* $next] $($rest)*
        }
    };
    (@lifetimes
        {
            $before:tt $name:ident [$($lifetime:lifetime),*] [$($parameter:tt)*]
            [$($generic:ident),*] $threads:tt
        }
        $contents:ident ($release:expr) [$($pointee:tt)+] [$($named:tt)+]
    ) => {
        $crate::__deallocator! {
            @struct named $threads $before $name [$($lifetime),*] [$($parameter)*] [$($generic),*]
        }
        // SAFETY: as for any type, for the blocks of one.
        unsafe impl<$($lifetime,)* '__lent, __Block, $($parameter)*> $crate::Deallocator<__Block>
            for $name<$($lifetime,)* $($generic),*>
        where
            __Block: ?$crate::__private::Sized + $crate::BlockOf<$($named)+>,
        {
            type Contents = $crate::contents::$contents;

            $crate::__deallocator! {
                @deallocate __Block, [$($pointee)+] [$($lifetime),*] [$($parameter)*]
                [$($generic),*] ($release)
            }
        }
    };

    // The name itself, which is Send and Sync as it says.
    (@struct any [] $($rest:tt)+) => {
        $crate::__deallocator! { @name Shareable $($rest)+ }
    };
    (@struct any [! Send] $($rest:tt)+) => {
        $crate::__deallocator! { @name Affine $($rest)+ }
    };
    (@struct any $threads:tt $($rest:tt)+) => {
        $crate::__private::compile_error! {
            "after `(any)` stands `: !Send`, or nothing: its owners are Send and Sync if the contents are"
        }
    };
    (@struct named $threads:tt $before:tt $name:ident
        [$($lifetime:lifetime),*] [$($parameter:tt)*] [$($generic:ident),*]
    ) => {
        $crate::__deallocator! {
            @named $threads $before $name [$($lifetime),*] [$($parameter)*] [$($generic),*]
        }
        // SAFETY: `: Send` and `Sync` are said of what it releases.
        unsafe impl<$($lifetime,)* $($parameter)*> $crate::HandleThreads
            for $name<$($lifetime,)* $($generic),*>
        {
        }
    };
    (@named [] $($rest:tt)+) => {
        $crate::__deallocator! { @name Affine $($rest)+ }
    };
    (@named [! Send] $($rest:tt)+) => {
        $crate::__deallocator! { @name Affine $($rest)+ }
    };
    (@named [Send] $($rest:tt)+) => {
        $crate::__deallocator! { @name Sendable $($rest)+ }
    };
    (@named [Send + Sync] $($rest:tt)+) => {
        $crate::__deallocator! { @name Shareable $($rest)+ }
    };
    (@named $threads:tt $($rest:tt)+) => {
        $crate::__private::compile_error! {
            "after the parentheses of a named type stands `: Send`, `: Send + Sync`, or nothing"
        }
    };
    (@name
        $threads:ident [$($before:tt)*] $name:ident
        [$($lifetime:lifetime),*] [$($parameter:tt)*] [$($generic:ident),*]
    ) => {
        $($before)* struct $name<$($lifetime,)* $($parameter)*>(
            $crate::__private::$threads,
            $crate::__private::PhantomData<fn() -> ($(&$lifetime (),)* $($generic,)*)>,
        );

        impl<$($lifetime,)* $($parameter)*> $crate::__private::Debug
            for $name<$($lifetime,)* $($generic),*>
        {
            fn fmt(
                &self,
                __malloc_safe_f: &mut $crate::__private::Formatter<'_>,
            ) -> $crate::__private::FmtResult {
                __malloc_safe_f.write_str($crate::__private::stringify!($name))
            }
        }
    };

    // The function of the trait.
    (@deallocate
        $block:ty, [$($pointee:tt)+] [$($lifetime:lifetime),*] [$($parameter:tt)*]
        [$($generic:ident),*] ($release:expr)
    ) => {
        #[inline]
        unsafe fn deallocate(__malloc_safe_ptr: $crate::__private::NonNull<$block>) {
            // A safe function around the user's expression: in edition 2021 the body of an
            // unsafe one would let it do anything unmarked.
            #[inline]
            fn __malloc_safe_release<$($lifetime,)* $($parameter)*>(
                __malloc_safe_ptr: *mut $($pointee)+,
            ) {
                // Hides the function from the expression, which could call it with any address.
                fn __malloc_safe_release() {}
                __malloc_safe_release();
                let __malloc_safe_function = $release;
                // SAFETY: the caller of deallocate hands over a live block of this function's.
                let _ = unsafe { __malloc_safe_function(__malloc_safe_ptr) };
            }
            __malloc_safe_release::<$($generic),*>(__malloc_safe_ptr.as_ptr().cast())
        }
    };
    (@deallocate_sized
        $block:ty [$($first:tt)+] [$unit:expr] [$($lifetime:lifetime),*] [$($parameter:tt)*]
        [$($generic:ident),*] ($release:expr)
    ) => {
        #[inline]
        unsafe fn deallocate(__malloc_safe_ptr: $crate::__private::NonNull<$block>) {
            // As above.
            #[inline]
            fn __malloc_safe_release<$($lifetime,)* $($parameter)*>(
                __malloc_safe_ptr: *mut $($first)+,
                __malloc_safe_size: $crate::__private::usize,
            ) {
                fn __malloc_safe_release() {}
                __malloc_safe_release();
                let __malloc_safe_function = $release;
                // SAFETY: as above, and of this size.
                let _ = unsafe { __malloc_safe_function(__malloc_safe_ptr, __malloc_safe_size) };
            }
            __malloc_safe_release::<$($generic),*>(
                __malloc_safe_ptr.as_ptr().cast(),
                __malloc_safe_ptr.len() * $unit,
            )
        }
    };
}
