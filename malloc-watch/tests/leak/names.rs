//! How frames are named, in libraries of C and C++ that come and go.

use crate::support::is_active;
use core::ffi::{CStr, c_void};
use core::hint::black_box;
use core::mem;
use malloc_watch::leak::{self, Report};
use std::env;
use std::ffi::CString;
use std::path::Path;
use std::process::Command;

type Allocate = unsafe extern "C" fn(usize) -> *mut c_void;

/// Builds a library with one function, which allocates, and stands behind so many bytes of code: two
/// of them are then no different but in their file, if they are loaded at the same place.
fn plugin(name: &str) -> Option<CString> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let source = folder.join(name).with_extension("c");
    let library = folder.join(format!("lib{name}.so"));
    let code = "#include <stdlib.h>\n\
         void *plugin_allocate(size_t size) { void *block = malloc(size); \
         __asm__ volatile(\"\" : : \"r\"(block)); return block; }\n";
    std::fs::write(&source, code).expect("a folder for tests");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-g0", "-s", "-o"])
        .args([&library, &source])
        .status();
    if !built.is_ok_and(|status| status.success()) {
        assert!(env::var_os("MALLOC_SAFE_REQUIRE_CC").is_none(), "no cc");
        skipped::note(
            "names in a library of C: there is no C compiler",
            "apt-get install gcc",
        );
        return None;
    }
    Some(CString::new(library.to_str()?).expect("no NUL"))
}

/// Loads a library and calls its function, which nobody frees after.
fn allocate_in(library: &CStr, function: &CStr, size: usize) -> *mut c_void {
    // SAFETY: a C string; the constructors of these libraries are harmless.
    let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
    assert!(!handle.is_null(), "{library:?}");
    // SAFETY: an open library, and a C string.
    let symbol = unsafe { libc::dlsym(handle, function.as_ptr()) };
    // SAFETY: a function of this type, by the libraries' own contract.
    let allocate: Allocate = unsafe { mem::transmute(symbol) };
    // SAFETY: no precondition.
    black_box(unsafe { allocate(size) });
    handle
}

fn close(handle: *mut c_void) {
    // SAFETY: opened once, closed once; nothing of it is used any more.
    unsafe { libc::dlclose(handle) };
}

/// The innermost function of the site that has so many bytes: the loader keeps blocks of its own.
fn innermost(report: &Report, bytes: u64) -> &str {
    let site = report.sites().iter().find(|site| site.bytes() == bytes);
    &site.unwrap_or_else(|| panic!("{report}")).frames()[0].function
}

#[test]
fn the_functions_of_cpp_have_the_names_that_programs_write() {
    let library = c"libstdc++.so.6";
    // SAFETY: a C string; the library's constructors are harmless.
    let is_there = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW) };
    if !is_active() || is_there.is_null() {
        skipped::note(
            "names in C++: there is no libstdc++.so.6",
            "apt-get install libstdc++6",
        );
        return;
    }
    let report = leak::scope(|| allocate_in(library, c"_Znwm", 33));
    assert_eq!(innermost(&report, 33), "operator new(unsigned long)");
}

#[test]
fn a_library_that_is_loaded_names_its_function() {
    let (true, Some(library)) = (is_active(), plugin("loaded")) else {
        return;
    };
    let report = leak::scope(|| allocate_in(&library, c"plugin_allocate", 34));
    assert_eq!(innermost(&report, 34), "plugin_allocate");
}

#[test]
fn a_library_that_was_closed_keeps_its_file_and_the_place_in_it() {
    let (true, Some(library)) = (is_active(), plugin("closed")) else {
        return;
    };
    let report = leak::scope(|| close(allocate_in(&library, c"plugin_allocate", 35)));
    let name = innermost(&report, 35);
    assert!(name.starts_with("libclosed.so+0x"), "{report}");
}

#[test]
fn of_two_libraries_at_one_place_neither_is_named_alone() {
    let (true, Some(first), Some(second)) = (is_active(), plugin("first"), plugin("second")) else {
        return;
    };
    let mut places = [core::ptr::null_mut(); 2];
    let report = leak::scope(|| {
        for (library, place) in [&first, &second].into_iter().zip(&mut places) {
            let handle = allocate_in(library, c"plugin_allocate", 36);
            // SAFETY: an open library, and a C string.
            *place = unsafe { libc::dlsym(handle, c"plugin_allocate".as_ptr()) };
            close(handle);
        }
    });
    if places[0] == places[1] {
        // One site, or two where the compiler unrolls the loop.
        let mut names = report.sites().iter().map(|site| &site.frames()[0].function);
        assert!(
            names
                .any(|name| name.starts_with("libfirst.so+0x")
                    && name.contains(" or libsecond.so+0x")),
            "{report}"
        );
    } else {
        skipped::note(
            "names of two libraries at one place: the loader put them at two",
            "cargo test -p malloc-watch",
        );
    }
}
