//! Finds the libraries with pkg-config, and makes the gallery's page into a test of them.
//!
//! - What is found is linked, and sets a `cfg` such as `have_sqlite3`.
//! - What is missing is named in `GALLERY_MISSING`, so that a test can say what it skipped.
//! - The page's blocks only compile where they are documented, as nothing is linked there. Here
//!   a copy of the page lets those run whose library was found.

use std::env;
use std::fs;
use std::path::Path;

/// A library: its name in the page's blocks and in `cfg`, pkg-config's, the first version that has
/// every function of the gallery, and Debian's package.
const LIBRARIES: [(&str, &str, &str, &str); 5] = [
    ("sqlite3", "sqlite3", "3.36", "libsqlite3-dev"),
    ("openssl", "libcrypto", "3.0", "libssl-dev"),
    ("libxml2", "libxml-2.0", "2.9", "libxml2-dev"),
    ("glib", "gobject-2.0", "2.44", "libglib2.0-dev"),
    ("libgit2", "libgit2", "1.1", "libgit2-dev"),
];

const PAGE: &str = "../docs/gallery.md";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={PAGE}");
    let mut found = Vec::new();
    let mut missing = Vec::new();
    let mut remedy = "apt-get install pkg-config".to_owned();
    for (name, package, version, debian) in LIBRARIES {
        println!("cargo::rustc-check-cfg=cfg(have_{name})");
        let mut probe = pkg_config::Config::new();
        if probe.atleast_version(version).probe(package).is_ok() {
            println!("cargo::rustc-cfg=have_{name}");
            found.push(name);
        } else {
            missing.push(format!("{name} {version} (Debian: {debian})"));
            remedy = remedy + " " + debian;
        }
    }
    if !missing.is_empty() {
        // There is no such file, so they are looked for again the next time.
        println!("cargo::rerun-if-changed=missing");
    }
    println!("cargo::rustc-env=GALLERY_MISSING={}", missing.join(", "));
    println!("cargo::rustc-env=GALLERY_REMEDY={remedy}");

    let page = fs::read_to_string(PAGE).expect("the page is beside this crate");
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("gallery.md"), runnable(&page, &found))
        .expect("cargo's folder can be written to");
}

/// The page with the blocks of the libraries in `found` to be run, and those of the others left as
/// text. Lines keep their numbers.
fn runnable(page: &str, found: &[&str]) -> String {
    let mut copy = String::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        match line.strip_prefix("```rust,no_run,") {
            Some(library) if found.contains(&library) => {
                copy += "```rust\nuse gallery as _; "; // links the libraries
                copy += lines.next().unwrap_or_default();
            }
            Some(library) => {
                assert!(
                    LIBRARIES.iter().any(|(name, ..)| *name == library),
                    "{PAGE} has a block for {library}, which is not in LIBRARIES"
                );
                copy += "```text";
            }
            None => copy += line,
        }
        copy.push('\n');
    }
    copy
}
