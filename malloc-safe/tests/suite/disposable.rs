//! With the C library's `glob`, whose struct is the caller's.
#![cfg(unix)]

use core::cell::Cell;
use malloc_safe::{Disposable, Dispose};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::ffi::CStr;

struct GlobFree;

// SAFETY: globfree gives back what glob put in; a glob_t has no pointer to itself.
unsafe impl Dispose<libc::glob_t> for GlobFree {
    unsafe fn dispose(value: *mut libc::glob_t) {
        // SAFETY: the caller hands over a glob_t that glob filled, or an empty one.
        unsafe { libc::globfree(value) }
    }
}

fn glob(pattern: &CStr) -> (i32, Disposable<libc::glob_t, GlobFree>) {
    // SAFETY: integers and pointers may be all zero.
    let empty = unsafe { core::mem::zeroed::<libc::glob_t>() };
    // SAFETY: an empty glob_t is globfree's to accept, and glob leaves one that is.
    let mut found = unsafe { Disposable::new(empty) };
    // SAFETY: a C string, no flags, no callback, a glob_t to fill.
    let status = unsafe { libc::glob(pattern.as_ptr(), 0, None, found.as_mut_ptr()) };
    (status, found)
}

#[test]
fn what_glob_found_is_given_back() {
    // LeakSanitizer and valgrind see it if not.
    let (status, found) = glob(c"/*");
    assert_eq!(status, 0);
    assert!(found.gl_pathc > 0);
}

#[test]
fn what_glob_did_not_find_is_given_back_too() {
    let (status, found) = glob(c"/no/such/path*");
    assert_eq!((status, found.gl_pathc), (libc::GLOB_NOMATCH, 0));
}

#[test]
fn a_moved_struct_is_disposed_of_once() {
    thread_local! { static CALLS: Cell<u32> = const { Cell::new(0) }; }
    struct Count;
    // SAFETY: a number has nothing to give back.
    unsafe impl Dispose<u32> for Count {
        unsafe fn dispose(_: *mut u32) {
            CALLS.set(CALLS.get() + 1);
        }
    }
    let before = CALLS.get();
    // SAFETY: as above.
    let moved = vec![unsafe { Disposable::<u32, Count>::new(7) }];
    assert_eq!((*moved[0], CALLS.get() - before), (7, 0));
    drop(moved);
    assert_eq!(CALLS.get() - before, 1);
    // SAFETY: as above.
    assert_eq!(unsafe { Disposable::<u32, Count>::new(8) }.into_inner(), 8);
    assert_eq!(CALLS.get() - before, 1);
}

assert_impl_all!(Disposable<libc::glob_t, GlobFree>: core::ops::Deref);
assert_not_impl_any!(Disposable<libc::glob_t, GlobFree>: core::ops::DerefMut, Clone, Copy, Send);
