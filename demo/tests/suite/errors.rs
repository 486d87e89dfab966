//! Bad input: the message, the exit status, and that nothing ran.

use crate::support::run;
#[cfg(target_os = "linux")]
use crate::support::{json, run_under, scenario};

#[test]
fn what_cannot_be_understood_names_the_value_and_a_better_one() {
    let mistakes: [&[&str]; 11] = [
        &["--size", "0"],
        &["--size", "99999TiB"],
        &["--size", "99999999999999999999999"],
        &["--size", "big"],
        &["--count", "0"],
        &["--count", "18446744073709551616", "--size", "1GiB"],
        &["--interval", "soon"],
        &["--interval", "10us"],
        &["--interval", "1year"],
        &["--json", "-", "--csv", "-"],
        &["--svg", "same", "--png", "same"],
    ];
    let messages = mistakes.map(|arguments| {
        let run = run(arguments);
        assert_eq!(
            (run.code, run.out.as_str()),
            (Some(2), ""),
            "{arguments:?}: {}",
            run.err
        );
        let message = run.err.lines().next().unwrap_or_default();
        format!("demo {}\n    {message}", arguments.join(" "))
    });
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn an_unknown_scenario_is_a_usage_error_with_a_guess() {
    let run = run(&["--scenario", "leek"]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.err.contains("'leek'") && run.err.contains("'leak'"),
        "{}",
        run.err
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_leak_that_does_not_fit_is_refused_before_anything_runs() {
    let run = run_under("ulimit -v 307200", &[]);
    assert_eq!((run.code, run.out.as_str()), (Some(3), ""));
    insta::assert_snapshot!(run.err);
}

#[test]
#[cfg(target_os = "linux")]
fn the_largest_product_is_refused_not_overflowed() {
    let run = run(&[
        "--count",
        "100000",
        "--size",
        "128TiB",
        "--scenario",
        "owned,leak",
    ]);
    assert_eq!((run.code, run.out.as_str()), (Some(3), ""));
    assert!(run.err.contains("12,800,000 TiB"), "{}", run.err);
}

#[test]
#[cfg(target_os = "linux")]
fn when_c_has_no_memory_the_scenario_says_so_and_the_others_go_on() {
    let arguments = [
        "--scenario",
        "leak,owned",
        "--count",
        "8",
        "--size",
        "8MiB",
        "--interval",
        "0ms",
    ];
    // A limit that is not looked at beforehand, so that malloc has to return NULL.
    let run = run_under("ulimit -d 40960", &arguments);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert!(
        run.out.contains("leak: C had no memory for block"),
        "{}",
        run.out
    );
    assert!(run.out.contains("owned  8/8"), "{}", run.out);
}

#[test]
#[cfg(target_os = "linux")]
fn a_scenario_is_run_once_however_often_it_is_asked_for() {
    let arguments = [
        "--scenario",
        "owned,owned",
        "--scenario",
        "owned",
        "--count",
        "1",
        "--size",
        "1B",
    ];
    let report = json(&[&arguments[..], &["--interval", "0ms"]].concat());
    assert_eq!(report["scenarios"].as_array().map(Vec::len), Some(1));
    assert_eq!(scenario(&report, "owned")["live_blocks"], 0);
}
