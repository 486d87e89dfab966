//! Running the program and reading what it said.

use std::process::{Command, Output, Stdio};

use demo::scenario::Scenario;

/// The names of all scenarios.
pub(crate) fn names() -> Vec<String> {
    Scenario::ALL.iter().map(ToString::to_string).collect()
}

/// A run of three small blocks that takes no time.
pub(crate) const SMALL: [&str; 6] = ["--count", "3", "--size", "1MiB", "--interval", "0ms"];

pub(crate) fn demo() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_malloc-safe-demo"));
    command.stdin(Stdio::null());
    for name in ["NO_COLOR", "COLUMNS", "LC_ALL"] {
        command.env_remove(name);
    }
    command.env("LANG", "C.UTF-8");
    command
}

/// What a run left behind.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("standard output is text"),
            err: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

pub(crate) fn run(arguments: &[&str]) -> Run {
    demo()
        .args(arguments)
        .output()
        .expect("the program starts")
        .into()
}

/// The same in a shell that first runs `limit`, such as a `ulimit`.
#[cfg(unix)]
pub(crate) fn run_under(limit: &str, arguments: &[&str]) -> Run {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        &format!("{limit} && exec \"$0\" \"$@\""),
        env!("CARGO_BIN_EXE_malloc-safe-demo"),
    ]);
    shell
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .env_remove("COLUMNS")
        .stdin(Stdio::null())
        .output()
        .expect("sh starts")
        .into()
}

/// The report of one scenario in a run's JSON.
#[track_caller]
pub(crate) fn scenario<'a>(report: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let scenarios = report["scenarios"]
        .as_array()
        .expect("there is a list of scenarios");
    scenarios
        .iter()
        .find(|scenario| scenario["scenario"] == name)
        .expect("the scenario is in it")
}

/// A small run with these arguments beside, as JSON.
#[track_caller]
pub(crate) fn json(arguments: &[&str]) -> serde_json::Value {
    let Run { code, out, err } = run(&[arguments, &["--json", "-", "--quiet"]].concat());
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str(&out).expect("standard output is one JSON object")
}
