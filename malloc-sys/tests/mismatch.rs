//! The headers' attributes make gcc refuse a C caller that releases with the wrong function.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output};

const RIGHT: &str = "
    void right(void) {
        free(workload_string(1, 'x'));
        token_free(token_new(1, 'x'));
        counted_release(counted_new(1));
    }";
const WRONG: [&str; 3] = [
    "void wrong(void) { token_free(workload_string(1, 'x')); }",
    "void wrong(void) { free(token_new(1, 'x')); }",
    "void wrong(void) { free(counted_new(1)); }",
];

fn compile(name: &str, code: &str) -> io::Result<Output> {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(name)
        .with_extension("c");
    fs::write(&source, format!("#include \"malloc_sys.h\"\n{code}\n"))?;
    Command::new("gcc")
        .args([
            "-std=c11",
            "-Wall",
            "-Werror=mismatched-dealloc",
            "-c",
            "-o",
        ])
        .arg(source.with_extension("o"))
        .arg("-I")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("csrc"))
        .arg(&source)
        .output()
}

#[test]
fn gcc_refuses_a_wrong_deallocator() {
    let right = compile("right", RIGHT);
    if !right.as_ref().is_ok_and(|right| right.status.success()) {
        // gcc 11 was the first to know the warning.
        skipped::note(
            &format!("that gcc refuses a wrong deallocator: no gcc that can tell: {right:?}"),
            "apt-get install gcc",
        );
        return;
    }
    for (number, code) in WRONG.iter().enumerate() {
        let wrong = compile(&format!("wrong{number}"), code).expect("gcc ran before");
        let said = String::from_utf8_lossy(&wrong.stderr);
        assert!(!wrong.status.success(), "{code} compiled: {said}");
        assert!(said.contains("mismatched-dealloc"), "{said}");
    }
}
