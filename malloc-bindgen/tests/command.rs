//! The command, as a shell runs it.
#![cfg(feature = "cli")]
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::{Command, Output};

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_malloc-bindgen"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Whether there is a libclang; where one is required there is.
fn without_libclang(output: &Output) -> bool {
    let none = text(&output.stderr).contains("libclang is needed");
    assert!(
        !none || std::env::var_os("MALLOC_BINDGEN_REQUIRE").is_none(),
        "no libclang"
    );
    none
}

#[test]
fn the_exit_status_and_the_last_line_say_what_is_left_to_decide() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("open.h", "char *f(void);\nint g(int);\n");
    write(
        "decided.h",
        "__attribute__((annotate(\"malloc_safe:static\"))) const char *f(void);\n",
    );
    let open = run(directory.path(), &["audit", "open.h"]);
    if without_libclang(&open) {
        assert_eq!(open.status.code(), Some(2));
        skipped::note(
            "the command malloc-bindgen: there is no libclang",
            "apt-get install libclang-dev",
        );
        return;
    }
    assert_eq!(open.status.code(), Some(1));
    assert_eq!(
        text(&open.stdout),
        "open.h:1  f  return  char *\n2 functions, 1 slots, 1 undecided\n"
    );
    let decided = run(directory.path(), &["audit", "decided.h"]);
    assert_eq!(decided.status.code(), Some(0));
    assert_eq!(text(&decided.stdout), "1 functions, 1 slots, 0 undecided\n");
    let both = run(directory.path(), &["audit", "--json", "open.h"]);
    let json: serde_json::Value = serde_json::from_slice(&both.stdout).unwrap();
    assert_eq!(json["functions"], 2);
    assert_eq!(json["slots"][0]["function"], "f");
    assert_eq!(json["slots"][0]["place"], "return");
    assert_eq!(json["slots"][0]["line"], 1);
    assert!(json["slots"][0]["decision"].is_null());
}

#[test]
fn a_header_that_is_not_there_is_named_and_told_by_the_status() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &["audit", "missing.h"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("malloc-bindgen: cannot read missing.h: "));
    assert_eq!(text(&output.stdout), "");
}
