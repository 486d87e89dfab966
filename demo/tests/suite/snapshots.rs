//! The whole of what is printed, with measured numbers taken out.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::collections::BTreeSet;

use crate::support::{SMALL, json, names, run};

#[test]
fn plain_output_tells_every_turn_then_the_table_and_the_lesson() {
    let run = run(&SMALL);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let row = r"(?m)^(\w+) +\S+ MiB +\S+ MiB +(\d+) +(\d+ M?i?B) +[\d,]+ +\S+ m?s +\S+ m?s$";
    insta::with_settings!({filters => vec![
        (row, "$1 [peak] [end] $2 $3 [faults] [cpu] [time]"),
        (r"RSS \S+ MiB", "RSS [now]"),
        (r"(climbed to|never passed) \S+ MiB", "$1 [peak]"),
        (r"─+", "─"),
        (r"(?m)^    (\S+) .*/(\w+\.\w+):\d+$", "[call] $1 $2:[line]"),
        (r" {2,}", "  "),
    ]}, {
        insta::assert_snapshot!(run.out);
    });
}

#[test]
fn json_has_every_figure_in_a_fixed_order() {
    let run = run(&[
        &SMALL[..],
        &["--scenario", "leak,owned", "--json", "-", "--quiet"],
    ]
    .concat());
    assert_eq!(run.code, Some(0), "{}", run.err);
    insta::with_settings!({filters => vec![
        (r#""(\w*rss_bytes|live_bytes|\w+_ns|minor_faults)":\d+"#, r#""$1":[number]"#),
        (r#"\{"t_ns":\[number\],"rss_bytes":\[number\]\}"#, "[sample]"),
        (r#""leak_sites":\[\{"blocks":3,"bytes":3145728,"calls":\[\{"function":"workload_buffer",.*?\}\]\}\]"#, "[leak sites]"),
        (r",", ",\n"),
    ]}, {
        insta::assert_snapshot!(run.out);
    });
}

#[test]
fn every_field_of_the_json_is_described() {
    fn fields(value: &serde_json::Value, all: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(object) => {
                all.extend(object.keys().cloned());
                object.values().for_each(|value| fields(value, all));
            }
            serde_json::Value::Array(array) => array.iter().for_each(|value| fields(value, all)),
            _ => {}
        }
    }
    let mut all = BTreeSet::new();
    fields(&json(&SMALL), &mut all);
    assert!(all.contains("calls"), "{all:?}");
    let page = include_str!("../../README.md");
    for field in all {
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
}

#[test]
fn the_readme_has_a_row_for_each_scenario() {
    let page = include_str!("../../../README.md");
    for name in names() {
        assert!(page.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn quiet_shows_the_table_and_the_lesson_alone() {
    let run = run(&[&SMALL[..], &["--quiet"]].concat());
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.out.trim_start().starts_with("peak"), "{}", run.out);
    assert!(run.out.contains("Over 3 blocks of 1 MiB"), "{}", run.out);
    assert!(!run.out.contains("took"), "{}", run.out);
}

#[test]
fn help_names_every_option_and_exit_status() {
    let run = run(&["--help"]);
    assert_eq!(run.code, Some(0));
    insta::assert_snapshot!(run.out);
}
