//! The committed bindings are what bindgen makes of the headers today.
//!
//! The comparison needs a build that generated bindings. Where it did not (no libclang, or the
//! feature `bindgen` is off) the test says so, and fails if `MALLOC_SYS_REQUIRE_BINDGEN` asks
//! for proof. `MALLOC_SYS_UPDATE_BINDINGS=1` writes the generated ones into the source tree.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

const MODULES: [&str; 6] = [
    "stdlib.rs",
    "counted.rs",
    "interpose.rs",
    "memo.rs",
    "token.rs",
    "workload.rs",
];

fn committed(module: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/bindings")
        .join(module)
}

fn generated(module: &str) -> PathBuf {
    Path::new(env!("OUT_DIR")).join(module)
}

/// Without white space and trailing commas, which depend on whether rustfmt was there to run.
fn tokens(path: &Path) -> String {
    let text = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
    let dense: String = text
        .chars()
        .filter(|character| !character.is_whitespace())
        .collect();
    dense.replace(",)", ")")
}

#[test]
fn committed_bindings_are_current() {
    let asked_to_write = env::var_os("MALLOC_SYS_UPDATE_BINDINGS").is_some();
    let asked_for_proof = env::var_os("MALLOC_SYS_REQUIRE_BINDGEN").is_some();
    if let Some(reason) = option_env!("MALLOC_SYS_BINDINGS_REASON") {
        assert!(
            !asked_to_write,
            "MALLOC_SYS_UPDATE_BINDINGS is set, but none were generated: {reason}"
        );
        assert!(
            !asked_for_proof,
            "MALLOC_SYS_REQUIRE_BINDGEN is set, but this build used the committed bindings, and \
             there is nothing to compare them with: {reason}"
        );
        skipped::note(
            &format!("whether the committed bindings are current: {reason}"),
            "apt-get install libclang-dev",
        );
        return;
    }
    if asked_to_write {
        for module in MODULES {
            let (from, to) = (generated(module), committed(module));
            if let Err(error) = fs::copy(from, &to) {
                panic!("cannot write {}: {error}", to.display());
            }
        }
    }
    for module in MODULES {
        let text = fs::read_to_string(committed(module)).expect("the module is committed");
        assert!(
            text.contains("unsafe extern \"C\""),
            "{module} binds nothing"
        );
        assert_eq!(
            tokens(&committed(module)),
            tokens(&generated(module)),
            "src/bindings/{module} is out of date; run \
             `MALLOC_SYS_UPDATE_BINDINGS=1 cargo test -p malloc-sys --test bindings` and commit it"
        );
    }
}
