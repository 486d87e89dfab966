//! Each ownership shape against the real library, a module for each.
//!
//! Run as it is, under AddressSanitizer with leak detection, and under valgrind: every test also
//! proves that nothing is leaked, freed twice or read after its end.

use gallery as _; // links the libraries

use std::env;

#[cfg(have_glib)]
mod glib;
#[cfg(unix)]
mod libc;
#[cfg(have_libgit2)]
mod libgit2;
#[cfg(have_libxml2)]
mod libxml2;
#[cfg(have_openssl)]
mod openssl;
#[cfg(have_sqlite3)]
mod sqlite;

#[test]
fn libraries_that_are_not_installed_are_named() {
    if gallery::MISSING.is_empty() {
        return;
    }
    assert!(
        env::var_os("MALLOC_SAFE_REQUIRE_LIBRARIES").is_none(),
        "MALLOC_SAFE_REQUIRE_LIBRARIES is set, but pkg-config did not find {}",
        gallery::MISSING
    );
    skipped::note(
        &format!(
            "the gallery of {}: pkg-config did not find them",
            gallery::MISSING
        ),
        gallery::REMEDY,
    );
}

#[test]
fn no_wrapper_has_more_than_60_lines_of_code() {
    for wrapper in [
        include_str!("../../examples/sqlite/wrapper.rs"),
        include_str!("../../examples/openssl/wrapper.rs"),
        include_str!("../../examples/libxml2/wrapper.rs"),
    ] {
        let lines = wrapper.lines().map(str::trim_start);
        let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
        assert!(code.count() <= 60);
    }
}
