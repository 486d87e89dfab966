//! Ends before the end: Ctrl-C, a killed child, a killed parent, a reader that leaves.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::process::{Process, all_processes};

use crate::support::{demo, names, scenario};

/// A run of so many turns, 200 ms each, once all of its children have begun.
fn start(count: u32, arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut command = demo();
    command
        .args(["--size", "64KiB", "--interval", "200ms"])
        .args(["--count", &count.to_string()]);
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut begun = 0;
    while begun < names().len() {
        let mut line = String::new();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended at once");
        begun += usize::from(line.contains(&format!(" 1/{count} ")));
    }
    (child, out)
}

fn finish(mut child: Child, mut out: BufReader<ChildStdout>) -> (Option<i32>, String, String) {
    let (mut text, mut errors) = (String::new(), String::new());
    out.read_to_string(&mut text).unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    (child.wait().unwrap().code(), text, errors)
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// The processes that `parent` has started, with their arguments.
fn children_of(parent: &Child) -> Vec<(Pid, Vec<String>)> {
    let parent = parent.id().cast_signed();
    let is_child = |process: &Process| process.stat().is_ok_and(|stat| stat.ppid == parent);
    let children = all_processes()
        .unwrap()
        .filter_map(Result::ok)
        .filter(is_child);
    children
        .map(|child| {
            (
                Pid::from_raw(child.pid()),
                child.cmdline().unwrap_or_default(),
            )
        })
        .collect()
}

/// Whether they all end soon; one that only waits to be collected has ended.
fn all_end(processes: &[(Pid, Vec<String>)]) -> bool {
    let ended = |pid: Pid| match Process::new(pid.as_raw()).and_then(|process| process.stat()) {
        Ok(stat) => stat.state == 'Z' || stat.state == 'X',
        Err(_) => true,
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if processes.iter().all(|(pid, _)| ended(*pid)) {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn ctrl_c_ends_the_children_and_reports_what_was_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.json");
    let (child, out) = start(1000, &["--json", file.to_str().unwrap()]);
    let children = children_of(&child);
    assert_eq!(children.len(), names().len());
    kill(pid(&child), Signal::SIGINT).unwrap();
    let (code, out, err) = finish(child, out);
    assert_eq!((code, err.as_str()), (Some(130), ""));
    assert!(all_end(&children));
    assert_eq!(out.matches("interrupted").count(), 1, "{out}");
    let row = out
        .lines()
        .find(|line| line.starts_with("leak") && line.contains('≥'))
        .expect("a row in the table");
    let cells: Vec<_> = row.split_whitespace().collect();
    let turns: u32 = cells[1].parse().expect("how far it got comes first");
    assert!((1..1000).contains(&turns), "{row}");
    assert_eq!(
        row.matches("n/a").count(),
        2,
        "all but the live blocks is known: {row}"
    );

    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let leak = scenario(&report, "leak");
    assert_eq!(leak["error"], "stopped before its end");
    assert_eq!(leak["turns"], turns);
    assert!(leak["wall_ns"].is_u64() && leak["minor_faults"].is_u64());
    assert!(leak["peak_rss_bytes"].is_null() && leak["baseline_rss_bytes"].is_u64());
    assert!(leak["samples"].as_array().unwrap().len() >= 3);
}

#[test]
fn when_a_child_is_killed_the_others_report() {
    let (child, out) = start(10, &[]);
    let children = children_of(&child);
    let (victim, _) = children
        .iter()
        .find(|(_, arguments)| arguments.iter().any(|name| name == "defer"))
        .unwrap();
    kill(*victim, Signal::SIGKILL).unwrap();
    let (code, out, err) = finish(child, out);
    assert_eq!((code, err.as_str()), (Some(1), ""));
    assert!(out.contains("\ndefer: killed by SIGKILL\n"), "{out}");
    for name in names().iter().filter(|name| *name != "defer") {
        assert!(
            out.contains(&format!("\n{name:<6} 10/10 ")),
            "{name}: {out}"
        );
    }
    assert!(
        out.contains("\nOver 10 blocks of 64 KiB, leak climbed to "),
        "{out}"
    );
    assert!(!out.contains("defer climbed"), "{out}");
}

#[test]
fn when_the_parent_is_killed_the_children_end() {
    let (mut child, out) = start(1000, &[]);
    let children = children_of(&child);
    assert_eq!(children.len(), names().len());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(all_end(&children));
    drop(out);
}

#[test]
fn when_nobody_reads_on_it_ends_without_a_panic() {
    let (child, out) = start(1000, &[]);
    let children = children_of(&child);
    drop(out); // as `head` does
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(String::from_utf8(ended.stderr).unwrap(), "");
    assert!(all_end(&children));
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_stays_ignored() {
    let mut shell = std::process::Command::new("sh");
    shell.args([
        "-c",
        "trap '' HUP && exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_malloc-safe-demo"),
        "--count",
        "5",
        "--size",
        "64KiB",
        "--interval",
        "200ms",
    ]);
    let mut child = shell
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(" 1/5 ") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended at once");
    }
    kill(pid(&child), Signal::SIGHUP).unwrap();
    let (code, out, err) = finish(child, out);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains(" 5/5 "), "{out}");
}
