//! What a capture costs that the hooks' first look has no answer to, in instructions, which callgrind
//! counts exactly.

use core::hint::black_box;
use std::process::Command;
use std::{env, eprintln, format};

use super::probe::{on_a_bare_thread, probe};
use crate::stack::{frames, validate};

/// Set in the process that is counted: how many frames, how many captures, and whether each walks.
const COUNTED: &str = "MALLOC_SAFE_COUNTED_CAPTURES";

#[inline(never)]
fn capturing(depth: usize, captures: usize) {
    if depth > 1 {
        capturing(depth - 1, captures);
        black_box(());
        return;
    }
    for _ in 0..captures {
        black_box(probe());
    }
}

#[test]
#[ignore = "counts instructions under valgrind, in an optimised build"]
fn the_cost_of_a_capture() {
    if let Ok(counted) = env::var(COUNTED) {
        let numbers = counted
            .split(' ')
            .map(|number| number.parse().expect("a number"));
        let [depth, captures, walks] = numbers.collect::<Vec<usize>>()[..] else {
            panic!("three numbers: {counted}");
        };
        let around = on_a_bare_thread(|| frames(probe()).len());
        validate(walks == 1);
        on_a_bare_thread(|| capturing(depth - around, captures));
        return;
    }
    for depth in [5, 10, 36, 64] {
        let each = [0, 1].map(|walks| {
            let [few, many] = [1_000, 11_000].map(|captures| instructions(depth, captures, walks));
            (many - few) / 10_000
        });
        let [found, walked] = each;
        eprintln!("{depth} frames: {found} instructions if found again, {walked} if walked");
        let mark = 140 + 7 * depth as u64;
        assert!(found <= mark, "not {mark}, the probe and the loop included");
    }
}

fn instructions(depth: usize, captures: usize, walks: usize) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().expect("this test"))
        .args(["--ignored", "the_cost_of_a_capture", "--test-threads=1"])
        .env(COUNTED, format!("{depth} {captures} {walks}"))
        .output()
        .expect("valgrind");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let collected = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("no count: {text}"));
    count.trim().parse().expect("a count")
}
