//! The leak checker's memo is right in real libraries: every stack that it says it has seen before is
//! walked as well, and compared.
//!
//! `MALLOC_SAFE_CAPTURES=1000000` asks for so many of each library; a few thousand without.

#![cfg_attr(
    not(all(have_glib, have_libgit2, have_libxml2, have_openssl, have_sqlite3)),
    allow(unused_imports, reason = "each library needs others of them")
)]

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::ptr;
use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Mutex;

use gallery as _; // links the libraries
use malloc_watch::leak::{self, Status, validation};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(()); // all count together

/// Runs a program until the memo has answered often enough, and has every answer checked.
fn is_never_mistaken(mut program: impl FnMut(usize)) {
    if leak::status() != Status::Active {
        return; // the tests of the checker say so
    }
    let asked = env::var("MALLOC_SAFE_CAPTURES").map_or(5_000, |n| n.parse().expect("a number"));
    let _guard = ONE_AT_A_TIME.lock();
    let before = validation::captures();
    validation::validate(true);
    let _ = leak::scope(|| {
        for turn in 0.. {
            program(turn);
            if validation::captures() - before >= asked {
                break;
            }
            assert!(turn < 10_000_000, "this program allocates nothing");
        }
    });
    println!("{} stacks found again", validation::captures() - before);
    assert_eq!(validation::mismatches(), 0);
}

/// Some words, another number of them each turn, and a NUL.
fn sentence(turn: usize) -> Vec<u8> {
    let words = ["alpha", "beta", "gamma", "delta", "epsilon"];
    let mut text: Vec<u8> = Vec::new();
    for place in 0..=turn % 17 {
        text.extend_from_slice(words[(turn / 3 + place * 7) % words.len()].as_bytes());
        text.push(b' ');
    }
    text.push(0);
    text
}

#[test]
fn in_rust() {
    is_never_mistaken(|turn| {
        let text = String::from_utf8(sentence(turn)).expect("ASCII");
        let mut counted = BTreeMap::new();
        for word in text.split(' ') {
            *counted.entry(word.to_owned()).or_insert(0) += 1;
        }
        black_box(format!("{counted:?}"));
    });
}

#[cfg(unix)]
#[test]
fn in_the_c_library() {
    is_never_mistaken(|turn| {
        let text = sentence(turn);
        let mut regex = core::mem::MaybeUninit::uninit();
        let pattern = [c"al(p|q)ha", c"[a-d]*e+", c"^(.*) (beta|gamma)"][turn % 3];
        // SAFETY: a place, and a C string.
        let error =
            unsafe { libc::regcomp(regex.as_mut_ptr(), pattern.as_ptr(), libc::REG_EXTENDED) };
        assert_eq!(error, 0);
        // SAFETY: compiled; and a C string, without places for matches.
        unsafe { libc::regexec(regex.as_ptr(), text.as_ptr().cast(), 0, ptr::null_mut(), 0) };
        // SAFETY: compiled, and not used again.
        unsafe { libc::regfree(regex.as_mut_ptr()) };
        // SAFETY: a C string, without a place for the path.
        let path = unsafe { libc::realpath(c"/usr/lib".as_ptr(), ptr::null_mut()) };
        // SAFETY: malloc's, and not used again.
        unsafe { libc::free(path.cast()) };
    });
}

#[cfg(have_sqlite3)]
#[test]
fn in_sqlite() {
    unsafe extern "C" {
        fn sqlite3_open(path: *const c_char, database: *mut *mut c_void) -> c_int;
        fn sqlite3_exec(
            database: *mut c_void,
            sql: *const c_char,
            row: Option<
                extern "C" fn(*mut c_void, c_int, *mut *mut c_char, *mut *mut c_char) -> c_int,
            >,
            data: *mut c_void,
            message: *mut *mut c_char,
        ) -> c_int;
        fn sqlite3_close(database: *mut c_void) -> c_int;
    }
    let mut database = ptr::null_mut();
    // SAFETY: a C string, and a place for the result.
    let status = unsafe { sqlite3_open(c":memory:".as_ptr(), &raw mut database) };
    assert_eq!(status, 0);
    let run = |sql: &CStr| {
        // SAFETY: open, and a C string; no callback, and no wish for the message.
        let status = unsafe {
            sqlite3_exec(
                database,
                sql.as_ptr(),
                None,
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        assert_eq!(status, 0, "{sql:?}");
    };
    run(
        c"create table words (word text, length integer); create index by_length on words (length)",
    );
    is_never_mistaken(|turn| {
        let text = sentence(turn);
        let text = CStr::from_bytes_with_nul(&text).expect("one NUL");
        let text = text.to_str().expect("ASCII");
        let sql = match turn % 5 {
            0 => format!("insert into words values ('{text}', {})\0", text.len()),
            1 => {
                "select group_concat(upper(word)), count(*) from words group by length\0".to_owned()
            }
            2 => format!(
                "update words set word = word || 'x' where length = {}\0",
                text.len()
            ),
            3 => format!("delete from words where length < {}\0", turn % 30),
            _ => "with recursive n(i) as (select 1 union all select i + 1 from n where i < 9) \
                  select printf('%d', i) from n order by i desc\0"
                .to_owned(),
        };
        run(CStr::from_bytes_with_nul(sql.as_bytes()).expect("one NUL"));
    });
    // SAFETY: open, and not used again.
    assert_eq!(unsafe { sqlite3_close(database) }, 0);
}

#[cfg(have_libxml2)]
#[test]
fn in_libxml2() {
    unsafe extern "C" {
        fn xmlReadMemory(
            text: *const c_char,
            size: c_int,
            url: *const c_char,
            encoding: *const c_char,
            options: c_int,
        ) -> *mut c_void;
        fn xmlFreeDoc(document: *mut c_void);
        fn xmlXPathNewContext(document: *mut c_void) -> *mut c_void;
        fn xmlXPathFreeContext(context: *mut c_void);
        fn xmlXPathEvalExpression(path: *const c_char, context: *mut c_void) -> *mut c_void;
        fn xmlXPathFreeObject(object: *mut c_void);
    }
    is_never_mistaken(|turn| {
        let mut text = String::from("<words>");
        for depth in 0..turn % 7 {
            let _ = write!(text, "<word n='{depth}'>{turn}<nested/>");
        }
        for _ in 0..turn % 7 {
            text += "</word>";
        }
        text += "</words>";
        let size = c_int::try_from(text.len()).expect("short");
        // SAFETY: so many bytes; no address, the encoding from the text, no options.
        let document =
            unsafe { xmlReadMemory(text.as_ptr().cast(), size, ptr::null(), ptr::null(), 0) };
        assert!(!document.is_null());
        // SAFETY: a document.
        let context = unsafe { xmlXPathNewContext(document) };
        let path = [c"//word[@n > 2]/nested", c"count(//word) + 1", c"/words/*"][turn % 3];
        // SAFETY: a C string, and a context.
        let found = unsafe { xmlXPathEvalExpression(path.as_ptr(), context) };
        assert!(!found.is_null());
        // SAFETY: not used again.
        unsafe { xmlXPathFreeObject(found) };
        // SAFETY: not used again.
        unsafe { xmlXPathFreeContext(context) };
        // SAFETY: not used again.
        unsafe { xmlFreeDoc(document) };
    });
}

#[cfg(have_openssl)]
#[test]
fn in_openssl() {
    unsafe extern "C" {
        fn BN_dec2bn(number: *mut *mut c_void, text: *const c_char) -> c_int;
        fn BN_bn2hex(number: *const c_void) -> *mut c_char;
        fn BN_free(number: *mut c_void);
        fn CRYPTO_free(block: *mut c_void, file: *const c_char, line: c_int);
        fn EVP_get_digestbyname(name: *const c_char) -> *const c_void;
        fn EVP_Digest(
            data: *const c_void,
            count: usize,
            digest: *mut u8,
            size: *mut c_uint,
            kind: *const c_void,
            engine: *mut c_void,
        ) -> c_int;
    }
    is_never_mistaken(|turn| {
        let mut number = ptr::null_mut();
        let digits = format!("{}\0", "9".repeat(turn % 90 + 1));
        // SAFETY: a place, and a C string.
        let length = unsafe { BN_dec2bn(&raw mut number, digits.as_ptr().cast()) };
        assert_ne!(length, 0);
        // SAFETY: a number.
        let hex = unsafe { BN_bn2hex(number) };
        // SAFETY: OpenSSL's, and not used again.
        unsafe { CRYPTO_free(hex.cast(), ptr::null(), 0) };
        // SAFETY: not used again.
        unsafe { BN_free(number) };
        let name = [c"SHA256", c"SHA512", c"MD5"][turn % 3];
        // SAFETY: a C string.
        let kind = unsafe { EVP_get_digestbyname(name.as_ptr()) };
        let mut digest = [0; 64];
        let text = sentence(turn);
        // SAFETY: so many bytes, and room for the longest digest there is.
        let done = unsafe {
            EVP_Digest(
                text.as_ptr().cast(),
                text.len(),
                digest.as_mut_ptr(),
                ptr::null_mut(),
                kind,
                ptr::null_mut(),
            )
        };
        assert_eq!(done, 1);
    });
}

#[cfg(have_glib)]
#[test]
fn in_glib() {
    unsafe extern "C" {
        fn g_strsplit(text: *const c_char, by: *const c_char, most: c_int) -> *mut *mut c_char;
        fn g_strjoinv(by: *const c_char, words: *mut *mut c_char) -> *mut c_char;
        fn g_strfreev(words: *mut *mut c_char);
        fn g_free(block: *mut c_void);
        fn g_variant_parse(
            kind: *const c_void,
            text: *const c_char,
            end: *const c_char,
            rest: *mut *const c_char,
            error: *mut *mut c_void,
        ) -> *mut c_void;
        fn g_variant_print(variant: *mut c_void, annotated: c_int) -> *mut c_char;
        fn g_variant_unref(variant: *mut c_void);
    }
    is_never_mistaken(|turn| {
        let text = sentence(turn);
        // SAFETY: two C strings.
        let words = unsafe { g_strsplit(text.as_ptr().cast(), c" ".as_ptr(), 0) };
        // SAFETY: a C string, and strings up to a NULL.
        let joined = unsafe { g_strjoinv(c"-".as_ptr(), words) };
        // SAFETY: GLib's, and not used again.
        unsafe { g_free(joined.cast()) };
        // SAFETY: GLib's, and not used again.
        unsafe { g_strfreev(words) };
        let value = [
            c"[1, 2, 3]",
            c"{'a': <(1, 'b')>, 'c': <@as []>}",
            c"('x', true, 2.5)",
        ][turn % 3];
        let (any, whole) = (ptr::null(), ptr::null());
        // SAFETY: any type; a C string to its end; no wish for the rest, or for the error.
        let variant = unsafe {
            g_variant_parse(any, value.as_ptr(), whole, ptr::null_mut(), ptr::null_mut())
        };
        assert!(!variant.is_null());
        // SAFETY: a variant.
        let printed = unsafe { g_variant_print(variant, 1) };
        // SAFETY: GLib's, and not used again.
        unsafe { g_free(printed.cast()) };
        // SAFETY: the only reference, and not used again.
        unsafe { g_variant_unref(variant) };
    });
}

#[cfg(have_libgit2)]
#[test]
fn in_libgit2() {
    unsafe extern "C" {
        safe fn git_libgit2_init() -> c_int;
        safe fn git_libgit2_shutdown() -> c_int;
        fn git_config_new(config: *mut *mut c_void) -> c_int;
        fn git_config_free(config: *mut c_void);
        fn git_signature_new(
            signature: *mut *mut c_void,
            name: *const c_char,
            email: *const c_char,
            time: i64,
            offset: c_int,
        ) -> c_int;
        fn git_signature_free(signature: *mut c_void);
        fn git_patch_from_buffers(
            patch: *mut *mut c_void,
            old: *const c_void,
            old_len: usize,
            old_path: *const c_char,
            new: *const c_void,
            new_len: usize,
            new_path: *const c_char,
            options: *const c_void,
        ) -> c_int;
        fn git_patch_free(patch: *mut c_void);
    }
    assert!(git_libgit2_init() > 0);
    is_never_mistaken(|turn| {
        let mut config = ptr::null_mut();
        // SAFETY: a place.
        assert_eq!(unsafe { git_config_new(&raw mut config) }, 0);
        // SAFETY: not used again.
        unsafe { git_config_free(config) };
        let mut signature = ptr::null_mut();
        let name = sentence(turn);
        // SAFETY: a place, and C strings.
        let status = unsafe {
            git_signature_new(
                &raw mut signature,
                name.as_ptr().cast(),
                c"a@example.org".as_ptr(),
                0,
                0,
            )
        };
        assert_eq!(status, 0);
        // SAFETY: not used again.
        unsafe { git_signature_free(signature) };
        let (old, new) = (sentence(turn), sentence(turn + 5));
        let mut patch = ptr::null_mut();
        // SAFETY: a place; so many bytes of each text, no names, no options.
        let status = unsafe {
            git_patch_from_buffers(
                &raw mut patch,
                old.as_ptr().cast(),
                old.len(),
                ptr::null(),
                new.as_ptr().cast(),
                new.len(),
                ptr::null(),
                ptr::null(),
            )
        };
        assert_eq!(status, 0);
        // SAFETY: not used again.
        unsafe { git_patch_free(patch) };
    });
    assert!(git_libgit2_shutdown() >= 0);
}
