//! Links the libraries of malloc-safe's gallery, those that are installed.
//!
//! `cargo test -p gallery` runs the gallery's page and the tests beside it against them, and
//! `cargo run -p gallery --example sqlite` (or `openssl`, `libxml2`) a small wrapper of one.

/// The libraries that pkg-config did not find, with the Debian packages that bring them.
pub const MISSING: &str = env!("GALLERY_MISSING");

/// The command that installs them.
pub const REMEDY: &str = env!("GALLERY_REMEDY");

#[cfg(doctest)]
#[doc = include_str!(concat!(env!("OUT_DIR"), "/gallery.md"))]
mod page {}
