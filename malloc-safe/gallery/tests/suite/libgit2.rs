//! libgit2: structs of the caller's with the library's contents, handles, and the last error.

use core::ffi::{CStr, c_char, c_int, c_uint};
use core::ptr;
use core::slice;
use malloc_safe::{
    Borrowed, BorrowedCStr, Disposable, Dispose, Opaque, Out, Owned, deallocator, out,
};
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

impl Buffer {
    fn as_bytes(&self) -> &[u8] {
        if self.size == 0 {
            return &[];
        }
        // SAFETY: the library has stored so many bytes.
        unsafe { slice::from_raw_parts(self.text.cast(), self.size) }
    }
}

/// Strings that the library allocated, in a struct that the caller did.
#[repr(C)]
struct Strings {
    strings: *mut *mut c_char,
    count: usize,
}

impl Strings {
    fn iter(&self) -> impl Iterator<Item = &CStr> {
        (0..self.count).map(|position| {
            // SAFETY: one of the pointers that the library has stored.
            let string = unsafe { self.strings.add(position) };
            // SAFETY: as above.
            let string = unsafe { *string };
            // SAFETY: a C string, until the array is disposed of.
            unsafe { CStr::from_ptr(string) }
        })
    }
}

#[repr(C)]
struct Error {
    message: *const c_char,
    class: c_int,
}

enum RepositoryTag {}
enum ReferenceTag {}
type Repository = Opaque<RepositoryTag>;
type Reference = Opaque<ReferenceTag>;

deallocator! { struct FreeRepository(Repository) = git_repository_free; }
deallocator! { struct FreeReference(Reference) = git_reference_free; }

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

// Not safe: the library must have been initialised, which no type says.
unsafe extern "C" {
    safe fn git_libgit2_init() -> c_int;
    fn git_message_prettify(
        out: &mut Disposable<Buffer, GitDispose>,
        message: BorrowedCStr<'_>,
        strip_comments: c_int,
        comment: c_char,
    ) -> c_int;
    fn git_buf_dispose(buffer: *mut Buffer);
    fn git_strarray_dispose(strings: *mut Strings);
    fn git_repository_init(
        out: Out<'_, Owned<Repository, FreeRepository>>,
        path: BorrowedCStr<'_>,
        bare: c_uint,
    ) -> c_int;
    fn git_repository_open(
        out: Out<'_, Owned<Repository, FreeRepository>>,
        path: BorrowedCStr<'_>,
    ) -> c_int;
    fn git_repository_free(repository: *mut Repository);
    fn git_reference_symbolic_create(
        out: Out<'_, Owned<Reference, FreeReference>>,
        repository: Borrowed<'_, Repository>,
        name: BorrowedCStr<'_>,
        target: BorrowedCStr<'_>,
        force: c_int,
        log: Option<BorrowedCStr<'_>>,
    ) -> c_int;
    fn git_reference_free(reference: *mut Reference);
    fn git_reference_list(
        out: &mut Disposable<Strings, GitDispose>,
        repository: Borrowed<'_, Repository>,
    ) -> c_int;
    safe fn git_error_last() -> *const Error;
}

fn prettify(message: &CStr) -> (c_int, Disposable<Buffer, GitDispose>) {
    git_libgit2_init();
    let empty = Buffer {
        text: ptr::null_mut(),
        reserved: 0,
        size: 0,
    };
    // SAFETY: what git_buf_dispose accepts, before the library fills it and after.
    let mut buffer = unsafe { Disposable::new(empty) };
    // SAFETY: the library is initialised.
    let status = unsafe {
        git_message_prettify(
            &mut buffer,
            message.into(),
            1,
            c_char::from_ne_bytes([b'#']),
        )
    };
    (status, buffer)
}

#[test]
fn a_buffer_is_the_callers_and_its_contents_are_disposed_of() {
    let (status, buffer) = prettify(c"\n\nsubject   \n# a comment\n");
    assert_eq!(status, 0);
    assert_eq!(buffer.as_bytes(), b"subject\n");
}

#[test]
fn a_buffer_that_stays_empty_is_disposed_of_all_the_same() {
    let (status, buffer) = prettify(c"# only a comment");
    assert_eq!((status, buffer.as_bytes()), (0, &b""[..]));
}

#[test]
fn an_array_of_strings_is_the_callers_and_its_contents_are_disposed_of() {
    git_libgit2_init();
    let folder = env::temp_dir().join(format!("malloc-safe-gallery-{}", process::id()));
    let path = CString::new(folder.as_os_str().as_bytes()).expect("a path has no NUL");
    let path = path.as_c_str();
    // SAFETY: the library is initialised.
    let (status, repository) =
        out::owner(|out| unsafe { git_repository_init(out, path.into(), 1) });
    assert_eq!(status, 0);
    let repository = repository.expect("status 0");
    for name in [c"refs/heads/one", c"refs/heads/two"] {
        let (repository, target) = (Owned::lend(&repository), c"HEAD".into());
        // SAFETY: the library is initialised.
        let (status, _reference) = out::owner(|out| unsafe {
            git_reference_symbolic_create(out, repository, name.into(), target, 0, None)
        });
        assert_eq!(status, 0);
    }

    let empty = Strings {
        strings: ptr::null_mut(),
        count: 0,
    };
    // SAFETY: what git_strarray_dispose accepts, before the library fills it and after.
    let mut names = unsafe { Disposable::new(empty) };
    // SAFETY: the library is initialised.
    let status = unsafe { git_reference_list(&mut names, Owned::lend(&repository)) };
    assert_eq!(status, 0);
    let mut names: Vec<_> = names.iter().collect();
    names.sort_unstable();
    assert_eq!(names, [c"refs/heads/one", c"refs/heads/two"]);
    fs::remove_dir_all(folder).expect("the test's own folder");
}

#[test]
fn the_last_error_is_only_shown() {
    git_libgit2_init();
    // SAFETY: the library is initialised.
    let (status, repository) =
        out::owner(|out| unsafe { git_repository_open(out, c"/nonexistent".into()) });
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
