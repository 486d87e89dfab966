//! What a report says, and how.

use crate::support::{free, is_active, left_by, malloc};
use malloc_watch::leak::{self, Reason, Report, Status};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[inline(never)]
fn copies_a_string() -> *mut libc::c_char {
    // SAFETY: a C string.
    core::hint::black_box(unsafe { libc::strdup(c"forgotten".as_ptr()) })
}

fn message(report: &Report) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| report.assert_none())).unwrap_err();
    *panic.downcast().expect("a message")
}

#[test]
fn nothing_left_behind_is_said_so_and_asserted() {
    if is_active() {
        let report = leak::scope(|| ());
        report.assert_none();
        assert_eq!(report.to_string(), "no block left behind\n");
    }
}

#[test]
fn the_message_names_the_c_function_and_its_caller() {
    if !is_active() {
        return;
    }
    let (report, copy) = left_by(copies_a_string);
    let site = &report.sites()[0];
    let functions: Vec<&str> = site.frames().iter().map(|frame| &*frame.function).collect();
    assert!(functions[0].contains("strdup"), "{functions:?}");
    assert!(functions[1].ends_with("copies_a_string"), "{functions:?}");
    assert!(
        site.frames()[0]
            .object
            .as_deref()
            .unwrap()
            .contains("libc.so")
    );
    let file = site.frames()[1].file.as_ref().unwrap();
    assert!(file.ends_with("tests/leak/report.rs"), "{file:?}");
    let text = message(&report);
    let mut lines = text.lines();
    let first = "1 block, 10 bytes left behind, from 1 site";
    assert!(lines.next().unwrap().contains(first), "{text}");
    assert!(text.contains("tests/leak/report.rs:"), "{text}");
    for outside in [
        "within",
        "rust_begin_short_backtrace",
        "start_thread",
        "clone",
    ] {
        assert!(!text.contains(outside), "{text}");
    }
    // SAFETY: from strdup.
    unsafe { free(copy) };
}

#[test]
fn sites_are_merged_and_the_most_bytes_come_first() {
    if !is_active() {
        return;
    }
    let (report, blocks) = left_by(|| {
        let mut blocks = [core::ptr::null_mut(); 8];
        for (number, block) in blocks.iter_mut().enumerate() {
            *block = if number < 5 {
                copies_a_string().cast()
            } else {
                malloc(1_000)
            };
        }
        blocks
    });
    let sites: Vec<_> = report
        .sites()
        .iter()
        .map(|site| (site.blocks(), site.bytes()))
        .collect();
    assert_eq!(sites, [(3, 3_000), (5, 50)], "{report}");
    assert!(
        report
            .to_string()
            .starts_with("8 blocks, 3,050 bytes left behind, from 2 sites\n")
    );
    for block in blocks {
        // SAFETY: from malloc or strdup.
        unsafe { free(block) };
    }
}

#[test]
fn colours_are_only_in_the_alternate_form() {
    if is_active() {
        let (report, block) = left_by(|| malloc(5));
        assert!(!format!("{report}").contains('\x1b'));
        assert!(format!("{report:#}").contains('\x1b'));
        // SAFETY: from malloc.
        unsafe { free(block) };
    }
}

#[test]
fn an_inactive_checker_runs_the_code_and_fails_the_assertion_with_the_reason() {
    let Status::Inactive(reason) = leak::status() else {
        return; // proven where the suite runs under valgrind and the sanitizers
    };
    let mut runs = 0;
    for report in [
        leak::scope(|| runs += 1),
        leak::process_scope(|| runs += 1),
        leak::repeat(4, || runs += 1),
    ] {
        assert_eq!(*report.status(), Status::Inactive(reason.clone()));
        assert!(message(&report).contains(&reason.to_string()));
    }
    assert_eq!(runs, 7);
}

#[test]
fn every_reason_says_what_to_do() {
    let other = Reason::OtherMalloc {
        object: "libjemalloc.so.2".to_owned(),
    };
    assert!(other.to_string().contains("libjemalloc.so.2"));
    for reason in [
        Reason::Valgrind,
        Reason::Sanitizer,
        Reason::StaticLibc,
        Reason::Platform,
        Reason::Hidden,
        Reason::NoMemory,
        Reason::Full,
        other,
    ] {
        let text = reason.to_string();
        assert!(text.contains("; "), "what is wrong; what to do: {text}");
    }
}

#[test]
fn a_report_serializes_with_the_fields_of_its_page() {
    if !is_active() {
        return;
    }
    let (report, copy) = left_by(copies_a_string);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    assert_eq!(json["inactive"], serde_json::Value::Null);
    assert_eq!((&json["blocks"], &json["bytes"]), (&1.into(), &10.into()));
    let frames = &json["sites"][0]["frames"];
    assert!(frames[0]["function"].as_str().unwrap().contains("strdup"));
    assert!(frames[0]["object"].as_str().unwrap().contains("libc.so"));
    assert!(
        frames[1]["file"]
            .as_str()
            .unwrap()
            .ends_with("tests/leak/report.rs")
    );
    assert!(frames[1]["line"].as_u64().unwrap() > 0);
    // SAFETY: from strdup.
    unsafe { free(copy) };
}

#[test]
fn a_known_leak_is_allowed_by_a_pattern_and_the_others_stay() {
    if !is_active() {
        return;
    }
    let (report, blocks) = left_by(|| [copies_a_string().cast(), malloc(1_001)]);
    let rest = report.clone().allowing(&["copies_a_*"]);
    assert_eq!((rest.blocks(), rest.bytes()), (1, 1_001), "{rest}");
    let none = report
        .clone()
        .allowing(&["^strdup$", "tests/leak/report.rs"]);
    none.assert_none();
    let all = report.allowing(&["nobody's function"]);
    assert_eq!(all.blocks(), 2);
    for block in blocks {
        // SAFETY: from malloc or strdup.
        unsafe { free(block) };
    }
}

/// For the test below, in a process of its own.
#[test]
#[ignore = "the test below runs it, with a variable set"]
fn a_leak_that_the_environment_may_allow() {
    if is_active() {
        leak::scope(copies_a_string).assert_none();
    }
}

#[test]
fn the_environment_allows_leaks_and_the_report_says_so() {
    if !is_active() {
        return;
    }
    let fails_with = |patterns: &str| {
        let this = std::env::current_exe().expect("a path");
        let output = std::process::Command::new(this)
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("report::a_leak_that_the_environment_may_allow")
            .env("MALLOC_WATCH_ALLOW", patterns)
            .env("GITHUB_ACTIONS", "true")
            .output()
            .expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (!output.status.success(), text)
    };
    assert!(!fails_with("something else, leak:copies_a_string").0);
    let (fails, text) = fails_with("something else");
    assert!(fails);
    // The same leak, as a line beside the code.
    let place = "::error file=malloc-watch/tests/leak/report.rs,line=";
    let place_inside = "::error file=tests/leak/report.rs,line=";
    assert!(
        text.contains(place) || text.contains(place_inside),
        "{text}"
    );
    assert!(
        text.contains("1 block, 10 bytes left behind by strdup"),
        "{text}"
    );
}

#[test]
fn a_report_of_a_scope_names_repeat_where_there_is_something_to_tell_apart() {
    if !is_active() {
        return;
    }
    let (report, block) = left_by(|| malloc(7));
    assert!(report.to_string().contains("leak::repeat"), "{report}");
    // SAFETY: from malloc.
    unsafe { free(block) };
    let report = leak::repeat(4, || malloc(7));
    assert!(!report.to_string().contains("leak::repeat"), "{report}");
}

#[test]
fn calls_inside_of_a_librarys_are_folded_to_the_one_that_the_program_made() {
    if !is_active() {
        return;
    }
    let (report, channel) = left_by(|| core::hint::black_box(std::sync::mpsc::channel::<u8>()));
    let text = report.to_string();
    let (_, called) = text
        .split_once("calls inside of\n")
        .expect("a line for them");
    let function = called.trim_start().lines().next().unwrap_or_default();
    assert!(function.contains("channel"), "{text}");
    let frames = report.sites()[0].frames();
    let shown = text.matches("\n    ").count();
    assert!(frames.len() > shown, "{text}");
    drop(channel);
}
