//! A real library, loaded at run time.

use crate::support::{found, is_active, left_by};
use core::ffi::{c_char, c_int, c_void};
use core::mem;
use malloc_safe::{Deallocator, NulTerminated, Owned};
use malloc_watch::leak;
use std::env;
use std::sync::OnceLock;

type Mprintf = unsafe extern "C" fn(*const c_char, ...) -> *mut c_char;
type Free = unsafe extern "C" fn(*mut c_void);
type Open = unsafe extern "C" fn(*const c_char, *mut *mut c_void) -> c_int;
type Prepare = unsafe extern "C" fn(
    *mut c_void,
    *const c_char,
    c_int,
    *mut *mut c_void,
    *mut *const c_char,
) -> c_int;
type OfHandle = unsafe extern "C" fn(*mut c_void) -> c_int;

#[derive(Clone, Copy)]
struct Sqlite {
    mprintf: Mprintf,
    free: Free,
    open: Open,
    prepare: Prepare,
    finalize: OfHandle,
    close: OfHandle,
}

/// libsqlite3, with what it allocates once allocated.
fn sqlite() -> Option<Sqlite> {
    static LIBRARY: OnceLock<Option<Sqlite>> = OnceLock::new();
    let loaded = *LIBRARY.get_or_init(|| {
        // SAFETY: a C string; the library's constructors are harmless.
        let handle = unsafe { libc::dlopen(c"libsqlite3.so.0".as_ptr(), libc::RTLD_NOW) };
        if handle.is_null() {
            return None;
        }
        let symbol = |name: &core::ffi::CStr| {
            // SAFETY: an open library, and a C string.
            let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
            assert!(!address.is_null(), "{name:?}");
            address
        };
        // SAFETY: the function's type in sqlite3.h.
        let initialize: unsafe extern "C" fn() -> c_int =
            unsafe { mem::transmute(symbol(c"sqlite3_initialize")) };
        // SAFETY: no precondition.
        assert_eq!(unsafe { initialize() }, 0);
        Some(Sqlite {
            // SAFETY: the function's type in sqlite3.h.
            mprintf: unsafe { mem::transmute::<*mut c_void, Mprintf>(symbol(c"sqlite3_mprintf")) },
            // SAFETY: the function's type in sqlite3.h.
            free: unsafe { mem::transmute::<*mut c_void, Free>(symbol(c"sqlite3_free")) },
            // SAFETY: the function's type in sqlite3.h.
            open: unsafe { mem::transmute::<*mut c_void, Open>(symbol(c"sqlite3_open")) },
            // SAFETY: the function's type in sqlite3.h.
            prepare: unsafe {
                mem::transmute::<*mut c_void, Prepare>(symbol(c"sqlite3_prepare_v2"))
            },
            // SAFETY: the function's type in sqlite3.h.
            finalize: unsafe {
                mem::transmute::<*mut c_void, OfHandle>(symbol(c"sqlite3_finalize"))
            },
            // SAFETY: the function's type in sqlite3.h.
            close: unsafe { mem::transmute::<*mut c_void, OfHandle>(symbol(c"sqlite3_close")) },
        })
    });
    if loaded.is_none() {
        assert!(
            env::var_os("MALLOC_SAFE_REQUIRE_LIBRARIES").is_none(),
            "MALLOC_SAFE_REQUIRE_LIBRARIES is set, but libsqlite3.so.0 cannot be loaded"
        );
        skipped::note(
            "leaks of a library that was loaded: there is no libsqlite3.so.0",
            "apt-get install libsqlite3-0",
        );
    }
    loaded
}

/// The deallocator of the library that was loaded.
enum SqliteFree {}

// SAFETY: sqlite3_free releases the block, and looks at nothing in it.
unsafe impl Deallocator<NulTerminated<c_char>> for SqliteFree {
    type Contents = malloc_safe::contents::Read;
    unsafe fn deallocate(text: core::ptr::NonNull<NulTerminated<c_char>>) {
        let sqlite = sqlite().expect("there is a block of it");
        // SAFETY: the caller's promise.
        unsafe { (sqlite.free)(text.as_ptr().cast()) };
    }
}

#[test]
fn a_string_of_sqlites_that_is_not_freed_is_found_with_its_stack() {
    let (true, Some(sqlite)) = (is_active(), sqlite()) else {
        return;
    };
    // SAFETY: a format for one string.
    let print = || unsafe { (sqlite.mprintf)(c"hello %s".as_ptr(), c"world".as_ptr()) };
    let (report, text) = left_by(print);
    assert_eq!(report.blocks(), 1, "{report}");
    assert!((12..200).contains(&report.bytes()), "{report}");
    let frames = report.sites()[0].frames();
    let has = |name: &str| frames.iter().any(|frame| frame.function.contains(name));
    assert!(has("sqlite3_mprintf"), "{report}");
    assert!(
        report.to_string().contains("tests/leak/library.rs:"),
        "{report}"
    );
    let library = frames[0].object.as_deref().unwrap_or_default();
    assert!(library.contains("libsqlite3"), "{report}");
    // SAFETY: from sqlite3_mprintf.
    unsafe { (sqlite.free)(text.cast()) };
}

#[test]
fn a_string_of_sqlites_that_is_owned_leaves_nothing() {
    let (true, Some(sqlite)) = (is_active(), sqlite()) else {
        return;
    };
    let (report, ()) = left_by(|| {
        // SAFETY: a format for one string.
        let text = unsafe { (sqlite.mprintf)(c"hello %s".as_ptr(), c"world".as_ptr()) };
        // SAFETY: a C string that is sqlite3_free's to release.
        let text = unsafe { Owned::<NulTerminated<c_char>, SqliteFree>::from_raw(text.cast()) };
        assert_eq!(text.expect("enough memory").to_bytes(), b"hello world");
    });
    assert_eq!(found(&report), (0, 0), "{report}");
}

/// Opens a database in memory and prepares a statement, which keeps the database from being closed.
fn open_and_prepare(sqlite: Sqlite) -> (*mut c_void, *mut c_void) {
    let (mut database, mut statement) = (core::ptr::null_mut(), core::ptr::null_mut());
    // SAFETY: a C string, and a place for the handle.
    let opened = unsafe { (sqlite.open)(c":memory:".as_ptr(), &raw mut database) };
    assert_eq!(opened, 0);
    let sql = c"SELECT name, sql FROM sqlite_master ORDER BY name";
    // SAFETY: an open database, a C string, and a place for the handle.
    let prepared = unsafe {
        (sqlite.prepare)(
            database,
            sql.as_ptr(),
            -1,
            &raw mut statement,
            core::ptr::null_mut(),
        )
    };
    assert_eq!(prepared, 0);
    (database, statement)
}

fn close(sqlite: Sqlite, (database, statement): (*mut c_void, *mut c_void)) {
    // SAFETY: a live statement, not used again.
    unsafe { (sqlite.finalize)(statement) };
    // SAFETY: a live database, not used again.
    assert_eq!(unsafe { (sqlite.close)(database) }, 0);
}

#[test]
fn a_database_that_is_not_closed_is_one_leak_with_all_that_belongs_to_it() {
    let (true, Some(sqlite)) = (is_active(), sqlite()) else {
        return;
    };
    close(sqlite, open_and_prepare(sqlite)); // what the library keeps
    let (report, handles) = left_by(|| open_and_prepare(sqlite));
    assert!(report.blocks() > 10, "{report}");
    let is_direct = |site: &&leak::Site| site.blocks() > site.indirect_blocks();
    let direct: Vec<_> = report.sites().iter().filter(is_direct).collect();
    assert_eq!(direct.len(), 1, "{report}");
    assert_eq!(direct[0].owned_blocks() + 1, report.blocks(), "{report}");
    let text = report.to_string();
    assert!(
        text.contains("each of which belongs to one above"),
        "{text}"
    );
    close(sqlite, handles);
}
