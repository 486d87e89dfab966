//! Owners for memory that C allocated: freed exactly once, by the right deallocator, at no cost.
//!
//! # The problem
//!
//! `strdup` hands over a block that the caller must free. Nothing in its declaration says so:
//!
//! ```
//! # use core::ffi::{CStr, c_char};
//! unsafe extern "C" {
//!     fn strdup(s: *const c_char) -> *mut c_char;
//! }
//!
//! // SAFETY: the argument is a C string.
//! let copy = unsafe { strdup(c"mine".as_ptr()) };
//! if !copy.is_null() {
//!     // SAFETY: not NULL, so a C string.
//!     let length = unsafe { CStr::from_ptr(copy) }.count_bytes();
//!     assert_eq!(length, 4);
//!     // SAFETY: from malloc, and not used again. An early return above would leak it.
//!     unsafe { libc::free(copy.cast()) };
//! }
//! ```
//!
//! # The same, owned
//!
//! An owner is the pointer, by ABI, and so the declaration itself can say who frees and how, and
//! what the function only looks at. Whoever writes `safe fn` in it promises that this is so, once;
//! the call then has nothing left to promise:
//!
//! ```
//! # use core::ffi::c_char;
//! use malloc_safe::{BorrowedCStr, NulTerminated, Owned};
//!
//! unsafe extern "C" {
//!     safe fn strdup(s: BorrowedCStr<'_>) -> Option<Owned<NulTerminated<c_char>>>;
//! }
//!
//! if let Some(copy) = strdup(c"mine".into()) {
//!     assert_eq!(copy.to_c_str().count_bytes(), 4);
//! } // freed, on every way out
//! ```
//!
//! A declaration that is not yours, in the crate `libc` or written by bindgen, stays as it is. What
//! it returns is adopted at the call:
//!
//! ```
//! use core::ffi::{CStr, c_char};
//! use malloc_safe::Owned;
//!
//! // SAFETY: the fill is not 0.
//! let raw: *mut c_char = unsafe { malloc_sys::workload_string(3, b'-' as c_char) };
//! // SAFETY: NULL, or a C string in a malloc block that is the caller's.
//! let dashes = unsafe { Owned::<CStr>::from_raw_c_str(raw) }.expect("enough memory");
//! assert_eq!(&*dashes, c"---");
//! ```
//!
//! # Transfer none, container, full
//!
//! These are GObject-introspection's words for what a function hands over.
//!
//! - **None:** the caller only looks. There is nothing to own: bind `&T`, a [`Borrowed`] string or
//!   handle, or, where no lifetime tells how long it may look, `*const T`.
//! - **Full:** the caller owns the block and everything in it: `Owned<[Owned<T>]>` frees the
//!   elements, then the array; so does `Owned<[Lent<T>], Each<Free>>`, which keeps them together.
//! - **Container:** the caller owns the outer block alone: `Owned<[Lent<T>]>` lends the elements
//!   as long as that lives, `Owned<[NonNull<T>]>` shows pointers.
//!
//! # Which type do I need?
//!
//! Most often an [`Owned<T, D>`](Owned): `T` says what is in the block, `D` who frees it. That is
//! [`Free`] (C's `free`, the default), or a name that [`deallocator!`] makes of a library's
//! function. NULL is the `None` of an `Option` around it.
//!
//! | C hands over | declare or adopt |
//! | --- | --- |
//! | `T *`, one object | `Option<Owned<T>>` ([`Owned`]) |
//! | `void *`, `X *`: a handle | `Option<Owned<Opaque<X>, D>>` ([`Opaque`]), or a type of [`handle!`] |
//! | a child that uses its parent until it ends | `Option<Owned<Opaque<Child<'p>>, D>>`, or `handle!` with a lifetime |
//! | `char *`, a string | `Option<Owned<NulTerminated<c_char>>>` ([`NulTerminated`]), then perhaps [`measure`](Owned::measure) |
//! | a buffer with a string in it | [`into_c_str`](Owned::into_c_str) on its bytes, or [`Owned::from_raw_bounded`] |
//! | pointer and length | [`Owned::from_raw_parts`] |
//! | pointer, length and capacity | [`CVec::from_raw_parts`] |
//! | an array ended by NULL | `Option<Owned<NulTerminated<*mut T>>>` ([`NulTerminated`]) |
//! | an array of strings ended by NULL | `Option<Owned<NulTerminated<LentCStr>, D>>` ([`LentCStr`], [`Lent`]), where `D` releases all of it, or [`Each<Free>`](Each) one after the other |
//! | an array of strings, and how many | `Owned<[LentCStr], D>` ([`Lent`]), or `Owned<[Owned<NulTerminated<c_char>>]>` to take them out |
//! | a linked list that is freed as a whole | `Option<Owned<T, D>>` with `D:` [`Linked<T>`](Linked), and [`Owned::nodes`] |
//! | a linked list that is freed node by node | `Option<Owned<T, NodeByNode<D>>>`: [`NodeByNode`] |
//! | a reference-counted object | `Option<Shared<T, D>>` ([`Shared`]) with `D:` [`RefCounted<T>`](RefCounted) |
//! | a secret | `Owned<T, Wipe<D>>` (`Wipe`, feature `zeroize`) |
//! | nothing, it only shows what it keeps | `Option<BorrowedCStr<'_>>` ([`BorrowedCStr`]), [`Borrowed<'_, T>`](Borrowed), [`Lease<'_, O>`](Lease) |
//!
//! | it comes back through | declare or adopt |
//! | --- | --- |
//! | a `T **` | [`Out<'_, Owned<T>>`](Out) |
//! | a `T **` and a `size_t *` | [`out::slice`] |
//! | a `T **` and a `size_t *` of a buffer that it reallocates, as `getline` does | [`out::in_out`] and a [`CVec<T>`](CVec) |
//! | a struct of the caller's, whose contents are the library's | [`Disposable<S, D>`](Disposable) with `D:` [`Dispose<S>`](Dispose) |
//!
//! | it is released by | declare or adopt |
//! | --- | --- |
//! | `free` | `Owned<T>` |
//! | a function of the library's | `Owned<T, D>`, with `D` from [`deallocator!`] |
//! | a function that wants the length too, as `munmap` | `Owned<[T], D>`, with `D` from [`deallocator!`] |
//! | a function whose status matters, as `fclose` | `Owned<T, D>` with `D:` [`Close<T>`](Close), and [`Owned::close`] |
//! | what is known at run time only | [`OwnedWith<T, F>`](OwnedWith) |
//!
//! | C gets | give it |
//! | --- | --- |
//! | an argument that it only looks at | [`BorrowedCStr<'_>`](BorrowedCStr) for a string, [`Borrowed<'_, T>`](Borrowed) for a handle, [`Owned::as_ptr`] for a pointer |
//! | room to write into | [`Owned::try_uninit`], or a [`CVec<T>`](CVec) and its [`spare_capacity_mut`](CVec::spare_capacity_mut) |
//! | a block to own | [`Owned::try_new`] and its kin, then [`Owned::into_raw`] |
//! | a block of the library's own allocator | the same with an [`Allocator`] |
//! | a block to own, and a function to release it with | [`Owned::into_raw_with_destructor`] |
//! | a buffer with room to grow | [`CVec<T>`](CVec) |
//!
//! The [`gallery`] has them with functions of SQLite, OpenSSL, libxml2, GLib, libgit2 and the C
//! library: the declaration and the call. [`migrating`] comes from a `Drop` of your own or from
//! another crate, which [`comparison`] sets beside this one.
//!
//! # What it does, and does not
//!
//! It releases each block once, with the deallocator in its type, also when a destructor panics;
//! NULL is `None`; NULL with length 0 is the empty slice, while a real block of length 0 is
//! freed; a failed conversion gives the owner back; a failed allocation is an error. An owner is
//! as large as the pointer and costs not one instruction more than calling `free` by hand:
//! `cargo bench -p malloc-safe --bench instructions` counts them.
//!
//! It does not check what a declaration promises: whoever writes `safe fn f() -> Owned<T, D>`, or
//! calls an `unsafe` constructor, answers for the pointee and the deallocator. It is no global
//! allocator, copies nothing unasked, and does not downcast.
//!
//! # What bad input does
//!
//! | | NULL | length 0 | too large | misaligned | over-aligned |
//! | --- | --- | --- | --- | --- | --- |
//! | [`Owned::from_raw`], [`Shared::from_raw`], [`Shared::retain`], [`Borrowed::from_raw`] | `None` | | | panics¹ | adopted² |
//! | [`Owned::from_raw_parts`], [`out::slice`] | empty, or an error with another length than 0 | empty, the block is freed | an error that owns the block | panics¹ | adopted², up to 2 KiB³ |
//! | [`CVec::from_raw_parts`] | empty, or an error with a length or a capacity | empty, the block is kept | an error that owns the block; so is a length above the capacity | panics¹ | adopted², cannot grow |
//! | [`out::in_out`] | empty, or an error with a length | empty, the block is kept | as above | panics¹ | adopted² |
//! | [`Owned::from_raw_c_str`] | `None` | | | | |
//! | [`Owned::from_raw_bounded`] | `None` | an error that owns the block | searched up to the first NUL | | |
//! | [`OwnedWith::new`] | cannot be | as the closure says | | panics¹ | adopted² |
//! | a declaration, [`Out`] | `None` | | | not checked | adopted² |
//! | [`Owned::try_new`] and its kin | | no block | an error | | does not compile |
//!
//! ¹ In debug builds; undefined behaviour otherwise, as in C. ² If the block is so aligned, as
//! `posix_memalign` does it. ³ From 4 KiB on it does not compile.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `std` (default) | errors become `std::io::Error`s, and bytes are written to a [`CVec<u8>`](CVec) |
//! | `serde` | owners are serialized as their contents |
//! | `zeroize` | `Wipe`, a deallocator that overwrites secrets before it releases them |
//! | `simdutf8` | conversions to `str` check UTF-8 with vector instructions |
//! | `allocator-api2` | collections of others in C's heap: [`Free`], and `Api2<A>` of an [`Allocator`] |
//!
//! Without `std` the crate is `no_std`; it never needs `alloc`. The instructions that `simdutf8`
//! uses are with `std` those that the processor is found to have at run time. The trait of
//! `allocator-api2` is that of its line 0.2, as of hashbrown and bumpalo.
#![no_std]
#![deny(unsafe_op_in_unsafe_fn, missing_docs)]

#[cfg(feature = "std")]
extern crate std;

mod alloc;
#[cfg(feature = "allocator-api2")]
mod api2;
mod borrowed;
mod close;
pub mod contents;
mod copy;
mod dealloc;
mod deallocator;
mod destructor;
mod disposable;
mod each;
mod error;
mod handle;
mod impls;
mod lease;
mod lent;
mod linked;
mod made;
mod never;
mod node_by_node;
mod opaque;
pub mod out;
mod owned;
mod owner;
mod pointee;
mod room;
#[cfg(feature = "serde")]
mod serialize;
mod shared;
mod show;
mod slice;
mod string;
mod terminated;
mod threads;
mod vec;
#[cfg(feature = "zeroize")]
mod wipe;
mod with;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use alloc::Allocator;
#[cfg(feature = "allocator-api2")]
pub use api2::Api2;
pub use borrowed::{Borrowed, BorrowedCStr};
pub use close::{Close, CloseError, CloseFailure};
pub use dealloc::{ContentBlind, Deallocator, Free};
pub use disposable::{Disposable, Dispose};
pub use each::Each;
pub use error::{AllocError, CStringError, IntoCStrError, NotTerminated, NotUtf8};
pub use lease::Lease;
pub use lent::{Lendable, Lent, LentCStr, LentIter, LentUntilNull};
pub use linked::{Linked, Nodes};
pub use node_by_node::{NextNode, NodeByNode};
pub use opaque::{HandleThreads, Opaque};
pub use out::Out;
pub use owned::Owned;
pub use owner::{Owner, RawOf};
pub use pointee::{BlockOf, Pointee};
pub use shared::{RefCounted, Shared};
pub use slice::{IntoIter, RawPartsError};
pub use terminated::{NulTerminated, Terminator};
pub use vec::{CVec, Drain};
#[cfg(feature = "zeroize")]
pub use wipe::Wipe;
pub use with::OwnedWith;

/// Every ownership shape of real C libraries, each as a declaration and a call.
#[cfg(doc)]
#[cfg_attr(unix, doc = "")]
#[cfg_attr(unix, doc = include_str!("../docs/gallery.md"))]
pub mod gallery {}

/// This crate beside the others that own memory allocated by C, as far as their sources go.
///
#[cfg(doc)]
#[doc = include_str!("../docs/comparison.md")]
pub mod comparison {}

/// From a newtype with a `Drop`, from mbox, malloced, malloc_buf and c_vec to this crate.
///
#[cfg(doc)]
#[doc = include_str!("../docs/migrating.md")]
pub mod migrating {}

/// The README's code is compiled and run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
