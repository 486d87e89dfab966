//! Whose a source file is, as far as its path tells.

/// The path below `library/`, of a file of the Rust toolchain's own: `/rustc/<commit>/library/`, as the
/// project builds its toolchains; `rustc-1.97.1/library/` below some folder, as distributions do; and
/// `rustlib/src/rust/library/`, with the component rust-src.
pub(super) fn in_toolchain(file: &str) -> Option<&str> {
    let (root, inside) = file.split_once("/library/")?;
    let is_toolchain = root.split('/').any(|part| {
        part == "rustc" || part == "rustlib" || part.starts_with("rustc-") || part == "rust-src"
    });
    is_toolchain.then_some(inside)
}

/// The path from the crate on, of a file in a registry's folder: below
/// `~/.cargo/registry/src/index.…/`.
pub(super) fn in_registry(file: &str) -> Option<&str> {
    let (_, inside) = file.split_once("/registry/src/")?;
    Some(inside.split_once('/')?.1)
}

#[cfg(test)]
mod tests {
    use super::{in_registry, in_toolchain};

    #[test]
    fn the_toolchain_is_known_wherever_it_was_built() {
        for root in [
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860",
            "/usr/src/rustc-1.97.1",
            "/usr/src/debug/rust/rustc-1.88.0-src",
            "/root/.rustup/toolchains/stable/lib/rustlib/src/rust",
        ] {
            let file = format!("{root}/library/std/src/io/stdio.rs");
            assert_eq!(in_toolchain(&file), Some("std/src/io/stdio.rs"));
        }
        for file in [
            "/home/me/library/core/src/lib.rs",
            "src/library/alloc/src/lib.rs",
        ] {
            assert_eq!(in_toolchain(file), None);
        }
    }

    #[test]
    fn a_registrys_file_begins_with_its_crate() {
        let file = "/home/me/.cargo/registry/src/index.example-0123/libc-0.2.0/src/lib.rs";
        assert_eq!(in_registry(file), Some("libc-0.2.0/src/lib.rs"));
        assert_eq!(in_registry("/home/me/src/registry/src.rs"), None);
    }
}
