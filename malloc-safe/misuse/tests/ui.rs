//! What must not compile: each file in `ui/` with the message that its author sees.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Messages change from one compiler to the next; these are this one's.
const RECORDED_WITH: &str = "rustc 1.95.";

#[test]
fn misuse_does_not_compile() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("rustc runs")
        .stdout;
    if !version.starts_with(RECORDED_WITH.as_bytes()) {
        let version = String::from_utf8_lossy(&version);
        assert!(
            env::var_os("MALLOC_SAFE_REQUIRE_UI").is_none(),
            "MALLOC_SAFE_REQUIRE_UI is set, but the messages are those of {RECORDED_WITH} and \
             this is {version}: record them with TRYBUILD=overwrite"
        );
        skipped::note(
            &format!(
                "what must not compile: the messages are those of {RECORDED_WITH}, this is {version}"
            ),
            "cargo +1.95 test -p misuse",
        );
        return;
    }
    // Messages list what implements a trait, and so depend on the features.
    let folder = Path::new(if cfg!(feature = "zeroize") {
        "tests/ui/zeroize"
    } else {
        "tests/ui"
    });
    let entries = fs::read_dir(folder).expect("the folder is beside this file");
    let mut cases: Vec<_> = entries
        .map(|entry| entry.expect("a name").path())
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect();
    cases.sort();
    let all = cases.len();
    if is_in_the_compilers_paths(&workspace()) {
        cases.retain(|case| !names_the_compilers_sources(case));
    }
    if cases.len() < all {
        skipped::note(
            &format!(
                "{} of {all} cases that must not compile: trybuild takes a folder of this checkout, {}, \
                 for one of the compiler's",
                all - cases.len(),
                workspace().display()
            ),
            "cargo test -p misuse, in a checkout with a longer path",
        );
    }
    let tests = trybuild::TestCases::new();
    for case in cases {
        tests.compile_fail(case);
    }
}

fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("two below it").to_owned()
}

/// Whether such a path is a part of those of the compiler's own sources, as `/src` is.
///
/// trybuild then replaces it in the middle of them.
fn is_in_the_compilers_paths(folder: &Path) -> bool {
    Path::new("/rustc/library/core/src/marker.rs")
        .to_string_lossy()
        .contains(&*folder.to_string_lossy())
}

fn names_the_compilers_sources(case: &Path) -> bool {
    let message = fs::read_to_string(case.with_extension("stderr")).unwrap_or_default();
    message.contains("$RUST")
}
