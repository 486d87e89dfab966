//! That the numbers are true: blocks left behind, and memory taken and given back.

use serde_json::Value;

use crate::support::{json, names, scenario};

const MIB: u64 = 1 << 20;

#[track_caller]
fn bytes(value: &Value) -> u64 {
    value.as_u64().expect("a number of bytes")
}

#[test]
fn leak_leaves_every_block_and_the_others_none() {
    let report = json(&["--count", "20", "--size", "64KiB", "--interval", "0ms"]);
    assert_eq!(scenario(&report, "leak")["live_blocks"], 20);
    assert!(bytes(&scenario(&report, "leak")["live_bytes"]) >= 20 * 64 * 1024);
    for name in names().iter().filter(|name| *name != "leak") {
        assert_eq!(scenario(&report, name)["live_blocks"], 0, "{name}");
        assert_eq!(scenario(&report, name)["live_bytes"], 0, "{name}");
    }
}

#[test]
fn leak_and_defer_climb_by_all_blocks_and_owned_by_one() {
    let report = json(&["--count", "4", "--size", "8MiB", "--interval", "0ms"]);
    let over_baseline = |name: &str, figure: &str| {
        let scenario = scenario(&report, name);
        bytes(&scenario[figure]).saturating_sub(bytes(&scenario["baseline_rss_bytes"]))
    };
    assert!(over_baseline("leak", "peak_rss_bytes") >= 31 * MIB);
    assert!(over_baseline("leak", "end_rss_bytes") >= 31 * MIB);
    assert!(over_baseline("defer", "peak_rss_bytes") >= 31 * MIB);
    for name in ["free", "owned", "retain", "reuse"] {
        assert!(over_baseline(name, "peak_rss_bytes") < 16 * MIB, "{name}");
    }
}

#[test]
fn the_curve_of_owned_returns_to_its_base_after_each_turn() {
    // Above 32 MiB, where glibc always returns a freed block to the system.
    let report = json(&[
        "--scenario",
        "owned,defer",
        "--count",
        "3",
        "--size",
        "40MiB",
        "--interval",
        "0ms",
    ]);
    let rss: Vec<u64> = samples(&report, "owned");
    let [baseline, turns @ .., _end] = &rss[..] else {
        panic!("too few samples: {rss:?}")
    };
    assert_eq!(turns.len(), 6);
    for turn in turns.chunks(2) {
        assert!(turn[0] >= baseline + 39 * MIB, "filled: {rss:?}");
        assert!(turn[1] <= baseline + 2 * MIB, "released: {rss:?}");
    }
    let defer = samples(&report, "defer");
    assert!(
        defer[defer.len() - 2] >= 119 * MIB && defer[defer.len() - 1] <= defer[0] + 2 * MIB,
        "{defer:?}"
    );
}

#[test]
fn pages_that_are_kept_are_not_faulted_in_again() {
    let report = json(&[
        "--scenario",
        "owned,retain,reuse",
        "--count",
        "8",
        "--size",
        "40MiB",
        "--interval",
        "0ms",
    ]);
    let faults = |name: &str| bytes(&scenario(&report, name)["minor_faults"]);
    for name in ["retain", "reuse"] {
        let (kept, owned) = (faults(name), faults("owned"));
        assert!(owned >= 4 * kept, "{name}: {owned} and {kept}");
    }
}

#[track_caller]
fn samples(report: &Value, name: &str) -> Vec<u64> {
    let samples = scenario(report, name)["samples"]
        .as_array()
        .expect("a list of samples");
    assert!(samples.is_sorted_by_key(|sample| sample["t_ns"].as_u64()));
    samples
        .iter()
        .map(|sample| bytes(&sample["rss_bytes"]))
        .collect()
}
