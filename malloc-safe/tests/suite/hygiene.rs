//! The macros in a scope where every name that they could mean is something else.

#![allow(
    non_camel_case_types,
    non_upper_case_globals,
    dead_code,
    unused_macros,
    unused_qualifications,
    reason = "the names are those that the macros might use"
)]

use malloc_safe::{ContentBlind, Deallocator, Owned};
use static_assertions::{assert_impl_all, assert_not_impl_any};

mod shadowed {
    // Types, modules and traits.
    type u8 = u16;
    type u32 = ();
    type usize = ();
    type str = ();
    type bool = ();
    enum Some {}
    enum None {}
    enum Ok {}
    enum Err {}
    struct Option;
    struct Result;
    struct Vec;
    struct Box;
    struct String;
    struct PhantomData;
    struct NonNull;
    struct Formatter;
    struct Cell;
    struct Ignored;
    struct Read;
    struct Opaque;
    struct BlockOf;
    struct Affine;
    struct Shareable;
    struct __Block;
    struct __Element;
    trait Send {}
    trait Sync {}
    trait Sized {}
    trait Debug {}
    trait Clone {}
    trait Drop {}
    trait Owner {}
    trait HandleThreads {}
    mod core {}
    mod std {}
    mod alloc {}
    mod fmt {}
    mod libc {}
    mod contents {}
    mod malloc_safe {}

    // Values, which no pattern can bind anew.
    static release: () = ();
    static retain: () = ();
    static ptr: () = ();
    static size: () = ();
    static block: () = ();
    static bytes: () = ();
    static owner: () = ();
    static lent: () = ();
    static f: () = ();
    const this: () = ();
    fn drop() {}
    fn size_of() {}

    // Macros.
    macro_rules! stringify {
        () => {};
    }
    macro_rules! compile_error {
        () => {};
    }
    macro_rules! assert {
        () => {};
    }

    // The caller's own, with a name of C's.
    pub(super) struct c_void {
        pub(super) deep: *mut i8,
    }
    pub(super) struct any(i8);
    pub(super) struct blind(i8);
    pub(super) struct Pair<'a, T>(*mut T, &'a i8);

    ::malloc_safe::deallocator! { pub(super) struct AnyFree(any) = ::malloc_sys::free; }
    ::malloc_safe::deallocator! {
        pub(super) struct SizedFree([any]) = |it, length| super::sized_free(it, length);
    }
    ::malloc_safe::deallocator! { pub(super) struct VoidFree(c_void) = |_: *mut _| (); }
    ::malloc_safe::deallocator! { pub(super) struct NamedAnyFree(self::any) = |_: *mut _| (); }
    ::malloc_safe::deallocator! { pub(super) struct NamedBlindFree(blind) = |_: *mut _| (); }
    ::malloc_safe::deallocator! { pub(super) struct BlindFree(blind self::any) = |_: *mut _| (); }
    ::malloc_safe::deallocator! {
        pub(super) struct Generic<'a, T: ::core::fmt::Debug>(Pair<'a, T>): Send + Sync = |_: *mut _| ();
    }
    ::malloc_safe::handle! {
        pub(super) struct Handle<'a>(c_void): Send + Sync = |_: *mut _| (), clone = |_: *mut _| ();
    }
}

thread_local! {
    static SIZE: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

fn sized_free(block: *mut core::ffi::c_void, size: usize) {
    SIZE.set(size);
    // SAFETY: the tests below own malloc blocks alone.
    unsafe { malloc_sys::free(block) }
}

#[test]
fn a_text_is_as_long_as_its_bytes_whatever_u8_is() {
    // SAFETY: no precondition.
    let block = unsafe { malloc_sys::calloc(1, 7) };
    // SAFETY: seven bytes in a malloc block.
    let bytes = unsafe { Owned::<[u8], shadowed::SizedFree>::from_raw_parts(block.cast(), 7) };
    drop(bytes.expect("small").into_str().expect("ASCII"));
    assert_eq!(SIZE.get(), 7);
}

assert_impl_all!(shadowed::AnyFree: ContentBlind<u64>, core::fmt::Debug, Send, Sync);
assert_impl_all!(shadowed::VoidFree: Deallocator<shadowed::c_void>);
assert_not_impl_any!(shadowed::VoidFree: Deallocator<u64>, ContentBlind<shadowed::c_void>);
assert_impl_all!(shadowed::NamedAnyFree: Deallocator<[shadowed::any]>);
assert_not_impl_any!(shadowed::NamedAnyFree: Deallocator<u64>, ContentBlind<[shadowed::any]>);
assert_impl_all!(shadowed::NamedBlindFree: Deallocator<[shadowed::blind]>);
assert_not_impl_any!(shadowed::NamedBlindFree: ContentBlind<[shadowed::blind]>);
assert_impl_all!(shadowed::BlindFree: ContentBlind<[shadowed::any]>);
assert_not_impl_any!(shadowed::BlindFree: Deallocator<u64>);
// A name for each type.
assert_impl_all!(shadowed::Generic<'static, u64>: Deallocator<shadowed::Pair<'static, u64>>, Send, Sync);
assert_not_impl_any!(shadowed::Generic<'static, u64>: Deallocator<shadowed::Pair<'static, u32>>);
assert_impl_all!(shadowed::Handle<'static>: Send, Sync, Clone, core::fmt::Debug);

/// A glob brings no constant that another type's could be taken for.
mod glob {
    use malloc_safe::*;

    #[test]
    fn the_alignment_of_an_allocator_is_its_own() {
        assert_eq!(Free::ALIGNMENT, <Free as Allocator>::ALIGNMENT);
        assert!(size_of::<Owned<u8>>() <= Free::ALIGNMENT);
    }
}
