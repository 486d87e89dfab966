//! Functions of the C library that allocate.

use crate::support::{found, free, is_active, left_by};
use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use malloc_watch::leak::Site;

unsafe extern "C" {
    fn asprintf(out: *mut *mut c_char, format: *const c_char, ...) -> c_int;
}

/// What `allocate` leaves is found, with a function of this name first; `release` frees all of it.
fn is_seen<T: Copy>(function: &str, allocate: impl Fn() -> T, release: impl Fn(T)) {
    if !is_active() {
        return;
    }
    release(allocate()); // what the library sets up once, such as a locale's tables
    let (report, resource) = left_by(&allocate);
    assert!(report.blocks() >= 1, "{function}");
    let names = report.sites().iter().flat_map(Site::frames);
    assert!(
        names.clone().any(|frame| frame.function.contains(function)),
        "{function}: {report}"
    );
    assert!(
        names
            .clone()
            .filter_map(|frame| frame.file.as_ref())
            .any(|file| file.ends_with("tests/leak/libc_callers.rs")),
        "{function}: {report}"
    );
    release(resource);
    let (report, ()) = left_by(|| release(allocate()));
    assert_eq!(found(&report), (0, 0), "{function}: {report}");
}

#[test]
fn strdup_is_seen_with_its_length_and_its_caller() {
    // SAFETY: a C string.
    let copy = || unsafe { libc::strdup(c"nine char".as_ptr()) };
    // SAFETY: from strdup.
    is_seen("strdup", copy, |copy| unsafe { free(copy) });
    if is_active() {
        let (report, copy) = left_by(copy);
        assert_eq!(found(&report), (1, 10));
        // SAFETY: from strdup.
        unsafe { free(copy) };
    }
}

#[test]
fn asprintf_is_seen() {
    let print = || {
        let mut text: *mut c_char = ptr::null_mut();
        // SAFETY: a valid out-parameter, and a format for one string.
        let length = unsafe { asprintf(&raw mut text, c"<%s>".as_ptr(), c"text".as_ptr()) };
        assert_eq!(length, 6);
        text
    };
    // SAFETY: from asprintf.
    is_seen("asprintf", print, |text| unsafe { free(text) });
}

#[test]
fn getline_is_seen() {
    let read = || {
        // SAFETY: C strings.
        let file = unsafe { libc::fopen(c"/proc/self/status".as_ptr(), c"r".as_ptr()) };
        assert!(!file.is_null());
        let (mut line, mut capacity) = (ptr::null_mut(), 0);
        // SAFETY: NULL and 0 are allowed, and the file is open.
        let length = unsafe { libc::getline(&raw mut line, &raw mut capacity, file) };
        assert!(length > 0);
        // SAFETY: open, and not used again.
        unsafe { libc::fclose(file) };
        line
    };
    // SAFETY: from getline.
    is_seen("getline", read, |line| unsafe { free(line) });
}

#[test]
fn realpath_is_seen() {
    // SAFETY: a C string, and NULL for a block to be made.
    let resolve = || unsafe { libc::realpath(c"/proc/self".as_ptr(), ptr::null_mut()) };
    // SAFETY: from realpath.
    is_seen("realpath", resolve, |path| unsafe { free(path) });
}

#[test]
fn open_memstream_is_seen() {
    let write = || {
        let (mut text, mut length) = (ptr::null_mut(), 0);
        // SAFETY: out-parameters that live until the stream is closed.
        let stream = unsafe { libc::open_memstream(&raw mut text, &raw mut length) };
        // SAFETY: a C string, and an open stream.
        unsafe { libc::fputs(c"hello".as_ptr(), stream) };
        // SAFETY: open, and not used again.
        unsafe { libc::fclose(stream) };
        assert_eq!(length, 5);
        text
    };
    // SAFETY: from open_memstream.
    is_seen("memstream", write, |text| unsafe { free(text) });
}

#[test]
fn opendir_is_seen() {
    // SAFETY: a C string.
    let open = || unsafe { libc::opendir(c"/".as_ptr()) };
    is_seen("opendir", open, |directory| {
        // SAFETY: from opendir.
        unsafe { libc::closedir(directory) };
    });
}

#[test]
fn getaddrinfo_is_seen() {
    let look_up = || {
        let mut list = ptr::null_mut();
        // SAFETY: all zero is valid for integers and pointers.
        let mut hints: libc::addrinfo = unsafe { core::mem::zeroed() };
        hints.ai_flags = libc::AI_NUMERICHOST;
        let host: &CStr = c"127.0.0.1";
        // SAFETY: C strings or NULL, and a valid out-parameter.
        let status = unsafe {
            libc::getaddrinfo(host.as_ptr(), ptr::null(), &raw const hints, &raw mut list)
        };
        assert_eq!(status, 0);
        list
    };
    is_seen("getaddrinfo", look_up, |list| {
        // SAFETY: from getaddrinfo.
        unsafe { libc::freeaddrinfo(list) };
    });
}
