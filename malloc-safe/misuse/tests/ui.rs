//! What must not compile: each file in `ui/` with the message that its author sees.

use std::env;
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
    trybuild::TestCases::new().compile_fail(if cfg!(feature = "zeroize") {
        "tests/ui/zeroize/*.rs"
    } else {
        "tests/ui/*.rs"
    });
}
