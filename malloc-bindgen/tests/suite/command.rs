//! The command, as a shell runs it.

use crate::libclang;
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
    let said = text(&open.stderr);
    if said.contains("libclang is needed") {
        libclang::note_missing(&said);
        assert_eq!(open.status.code(), Some(2));
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
