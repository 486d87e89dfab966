//! libgit2: structs of the caller's with the library's contents, handles, and the last error.

use core::ffi::{CStr, c_char, c_int, c_uint};
use core::slice;
use malloc_safe::{Disposable, Dispose, Opaque, Out, Owned, deallocator, out};
use std::env;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process;

/// Bytes that the library allocated, in a struct that the caller did.
#[repr(C)]
struct Buffer {
    text: *mut c_char,
    reserved: usize,
    size: usize,
}

#[repr(C)]
struct Strings {
    strings: *mut *mut c_char,
    count: usize,
}

#[repr(C)]
struct Error {
    message: *const c_char,
    class: c_int,
}

enum RepositoryTag {}
enum RemoteTag {}
type Repository = Opaque<RepositoryTag>;
type Remote = Opaque<RemoteTag>;

deallocator! { struct FreeRepository(Repository) = git_repository_free; }
deallocator! { struct FreeRemote(Remote) = git_remote_free; }

struct GitDispose;

// SAFETY: git_buf_dispose gives back what the library put in, nothing if that is nothing; the
// struct has no pointer to itself.
unsafe impl Dispose<Buffer> for GitDispose {
    unsafe fn dispose(value: *mut Buffer) {
        // SAFETY: the caller hands over a buffer of the library's.
        unsafe { git_buf_dispose(value) }
    }
}

// SAFETY: as for a buffer.
unsafe impl Dispose<Strings> for GitDispose {
    unsafe fn dispose(value: *mut Strings) {
        // SAFETY: the caller hands over an array of the library's.
        unsafe { git_strarray_dispose(value) }
    }
}

unsafe extern "C" {
    safe fn git_libgit2_init() -> c_int;
    fn git_message_prettify(
        out: *mut Buffer,
        message: *const c_char,
        strip_comments: c_int,
        comment: c_char,
    ) -> c_int;
    fn git_buf_dispose(buffer: *mut Buffer);
    fn git_strarray_dispose(strings: *mut Strings);
    fn git_repository_init(
        out: Out<'_, Repository, FreeRepository>,
        path: *const c_char,
        bare: c_uint,
    ) -> c_int;
    fn git_repository_open(out: Out<'_, Repository, FreeRepository>, path: *const c_char) -> c_int;
    fn git_repository_free(repository: *mut Repository);
    fn git_remote_create(
        out: Out<'_, Remote, FreeRemote>,
        repository: *mut Repository,
        name: *const c_char,
        url: *const c_char,
    ) -> c_int;
    fn git_remote_free(remote: *mut Remote);
    fn git_remote_list(out: *mut Strings, repository: *mut Repository) -> c_int;
    safe fn git_error_last() -> *const Error;
}

fn prettify(message: &CStr) -> (c_int, Disposable<Buffer, GitDispose>) {
    git_libgit2_init();
    let empty = Buffer {
        text: core::ptr::null_mut(),
        reserved: 0,
        size: 0,
    };
    // SAFETY: what git_buf_dispose accepts, before the library fills it and after.
    let mut buffer = unsafe { Disposable::<_, GitDispose>::new(empty) };
    // SAFETY: a buffer to fill and a C string.
    let status = unsafe {
        git_message_prettify(buffer.as_mut_ptr(), message.as_ptr(), 1, b'#'.cast_signed())
    };
    (status, buffer)
}

#[test]
fn a_buffer_is_the_callers_and_its_contents_are_disposed_of() {
    let (status, buffer) = prettify(c"\n\nsubject   \n# a comment\n");
    assert_eq!(status, 0);
    // SAFETY: so many bytes, as long as the buffer lives.
    let text = unsafe { slice::from_raw_parts(buffer.text.cast::<u8>(), buffer.size) };
    assert_eq!(text, b"subject\n");
}

#[test]
fn a_buffer_that_stays_empty_is_disposed_of_all_the_same() {
    let (status, buffer) = prettify(c"# only a comment");
    assert_eq!((status, buffer.size), (0, 0));
}

#[test]
fn an_array_of_strings_is_the_callers_and_its_contents_are_disposed_of() {
    git_libgit2_init();
    let folder = env::temp_dir().join(format!("malloc-safe-gallery-{}", process::id()));
    let path = CString::new(folder.as_os_str().as_bytes()).expect("a path has no NUL");
    // SAFETY: a C string.
    let (status, repository) =
        out::owner(|out| unsafe { git_repository_init(out, path.as_ptr(), 1) });
    assert_eq!(status, 0);
    let repository = repository.expect("status 0");
    for name in [c"origin", c"fork"] {
        // SAFETY: an open repository and C strings.
        let (status, _remote) = out::owner(|out| unsafe {
            let url = c"https://example.org/".as_ptr();
            git_remote_create(out, Owned::as_ptr(&repository), name.as_ptr(), url)
        });
        assert_eq!(status, 0);
    }

    let empty = Strings {
        strings: core::ptr::null_mut(),
        count: 0,
    };
    // SAFETY: what git_strarray_dispose accepts, before the library fills it and after.
    let mut names = unsafe { Disposable::<_, GitDispose>::new(empty) };
    // SAFETY: an array to fill, and an open repository.
    let status = unsafe { git_remote_list(names.as_mut_ptr(), Owned::as_ptr(&repository)) };
    assert_eq!(status, 0);
    // SAFETY: so many strings, as long as the array lives.
    let names = unsafe { slice::from_raw_parts(names.strings, names.count) };
    // SAFETY: each is a C string, as long as the array lives.
    let names: Vec<_> = names
        .iter()
        .map(|name| unsafe { CStr::from_ptr(*name) })
        .collect();
    assert_eq!(names, [c"fork", c"origin"]);
    fs::remove_dir_all(folder).expect("the test's own folder");
}

#[test]
fn the_last_error_is_only_shown() {
    git_libgit2_init();
    // SAFETY: a C string.
    let (status, repository) =
        out::owner(|out| unsafe { git_repository_open(out, c"/nonexistent".as_ptr()) });
    assert_eq!((status, repository.is_none()), (-3, true)); // GIT_ENOTFOUND
    // SAFETY: NULL or this thread's error, until its next call.
    let error = unsafe { git_error_last().as_ref() }.expect("there was an error");
    // SAFETY: a C string of the error's. Not the caller's to free.
    let message = unsafe { CStr::from_ptr(error.message) }.to_string_lossy();
    assert!(
        error.class != 0 && message.contains("/nonexistent"),
        "{message}"
    );
}
