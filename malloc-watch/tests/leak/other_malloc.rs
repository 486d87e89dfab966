//! Another allocator, preloaded: its blocks stay its own, and the checker says that it sees none.

use crate::support::{free, left_by, malloc, realloc};
use core::ffi::{CStr, c_void};
use core::{mem, ptr};
use malloc_watch::leak::{self, Reason, Status};
use std::env;
use std::process::Command;

const LIBRARIES: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
    "/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0",
    "/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4",
    "/usr/lib/llvm-14/lib/clang/14.0.6/lib/linux/libclang_rt.scudo_standalone-x86_64.so",
];

/// Runs under whichever malloc there is; the test below brings others.
#[test]
fn the_family_is_that_of_one_allocator() {
    let block = malloc(1_000);
    // SAFETY: a live block of malloc's.
    assert!(unsafe { libc::malloc_usable_size(block) } >= 1_000);
    // SAFETY: a live block, replaced by the result.
    let block = unsafe { realloc(block, 100_000) };
    // SAFETY: as above.
    assert!(unsafe { libc::malloc_usable_size(block) } >= 100_000);
    // SAFETY: a live block, not used again.
    unsafe { free(block) };
    // SAFETY: no precondition.
    let zeroed = unsafe { libc::calloc(10, 100) }.cast::<u8>();
    // SAFETY: 1,000 bytes that calloc zeroed.
    let bytes = unsafe { core::slice::from_raw_parts(zeroed, 1_000) };
    assert!(bytes.iter().all(|&byte| byte == 0));
    // SAFETY: a live block, not used again.
    unsafe { free(zeroed) };
    let mut aligned = ptr::null_mut();
    // SAFETY: a place for the block, and a power of two.
    let status = unsafe { libc::posix_memalign(&raw mut aligned, 256, 10) };
    assert_eq!(status, 0);
    assert_eq!(aligned.addr() % 256, 0);
    // SAFETY: a live block, not used again.
    unsafe { free(aligned) };
    cpp_allocates_and_frees();
    // A pair that C libraries make: allocated inside the C library, freed outside.
    // SAFETY: a C string.
    let copy = unsafe { libc::strdup(c"copied".as_ptr()) };
    // SAFETY: from strdup, and not used again.
    unsafe { free(copy) };
}

/// C++'s operators may be another allocator's, and call its functions directly.
fn cpp_allocates_and_frees() {
    let symbol = |name: &CStr| {
        // SAFETY: C strings; the library's constructors are harmless.
        unsafe {
            libc::dlopen(
                c"libstdc++.so.6".as_ptr(),
                libc::RTLD_NOW | libc::RTLD_GLOBAL,
            )
        };
        // SAFETY: a C string.
        unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
    };
    let (new, delete) = (symbol(c"_Znwm"), symbol(c"_ZdlPv"));
    if new.is_null() || delete.is_null() {
        return;
    }
    // SAFETY: the operator's type.
    let new: unsafe extern "C" fn(usize) -> *mut c_void = unsafe { mem::transmute(new) };
    // SAFETY: the operator's type.
    let delete: unsafe extern "C" fn(*mut c_void) = unsafe { mem::transmute(delete) };
    // SAFETY: no precondition.
    let block = unsafe { new(77) };
    // SAFETY: from the operator, and not used again.
    unsafe { delete(block) };
}

/// For the test below: whether a leak is reported, or the reason why not.
#[test]
fn a_block_is_found_or_the_other_allocator_is_named() {
    let (report, block) = left_by(|| malloc(8));
    match leak::status() {
        Status::Active => assert_eq!(report.bytes(), 8),
        Status::Inactive(reason) => {
            let preloaded = env::var("LD_PRELOAD").unwrap_or_default();
            if LIBRARIES.contains(&&*preloaded) {
                let expected = Reason::OtherMalloc { object: preloaded };
                assert_eq!(reason, expected);
            }
            assert!(std::panic::catch_unwind(|| report.assert_none()).is_err());
        }
    }
    // SAFETY: from malloc, and not used again.
    unsafe { free(block) };
}

#[test]
fn other_allocators_keep_their_blocks_and_are_named() {
    if leak::status() != Status::Active {
        return;
    }
    let require = env::var_os("MALLOC_SAFE_REQUIRE_LIBRARIES").is_some();
    for library in LIBRARIES {
        if !std::path::Path::new(library).exists() {
            assert!(!require || !cfg!(target_arch = "x86_64"), "{library}");
            skipped::note(
                &format!("another allocator, preloaded: there is no {library}"),
                "apt-get install libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0",
            );
            continue;
        }
        let this = env::current_exe().expect("a path");
        let output = Command::new(this)
            .args([
                "other_malloc::the_family",
                "other_malloc::a_block",
                "--test-threads=2",
            ])
            .env("LD_PRELOAD", library)
            .env_remove("MALLOC_SAFE_REQUIRE_LEAK")
            .output()
            .expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{library}: {output:?}");
        assert!(text.contains("2 passed"), "{library}: {text}");
    }
}
