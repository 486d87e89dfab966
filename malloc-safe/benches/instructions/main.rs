//! Counts instructions: adopting, reading and dropping through an owner costs not one more than
//! the same by hand.
//!
//! `cargo bench -p malloc-safe --bench instructions` runs each pair of functions under callgrind,
//! which counts instructions exactly, prints the counts, and fails if an owner costs more. It
//! needs valgrind; without it, it says so, and fails only if `MALLOC_SAFE_REQUIRE_VALGRIND` is set.
//!
//! What is by hand is written as carefully as C asks for: NULL is checked, and so is the length
//! where the owner checks it.

mod arrays;
mod blocks;
mod strings;

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode};

/// The same work twice, under the names that callgrind is told to count in.
struct Pair {
    name: &'static str,
    owned: (&'static str, extern "C" fn() -> u64),
    by_hand: (&'static str, extern "C" fn() -> u64),
}

/// A pair of functions that are exported under their own names.
macro_rules! pair {
    ($name:literal, $owned:ident, $by_hand:ident) => {
        $crate::Pair {
            name: $name,
            owned: (stringify!($owned), $owned),
            by_hand: (stringify!($by_hand), $by_hand),
        }
    };
}
use pair;

/// The compiler makes one function of two that compile to the same, as these pairs do; the line
/// that it is called in keeps them apart, for the price of the same instructions in both.
macro_rules! distinct {
    () => {
        std::hint::black_box(line!())
    };
}
use distinct;

fn pairs() -> impl Iterator<Item = &'static Pair> {
    [blocks::PAIRS, strings::PAIRS, arrays::PAIRS]
        .into_iter()
        .flatten()
}

const RUNS: u64 = 1000;

/// Instructions in a function and what it calls, over `RUNS` calls of it.
fn count(function: &str) -> Result<u64, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let profile = env::temp_dir().join(format!("instructions-{}.{function}", std::process::id()));
    let valgrind = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--toggle-collect={function}"))
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(this)
        .args(["--count", function])
        .output()
        .map_err(|error| format!("valgrind does not run: {error}"))?;
    let text = fs::read_to_string(&profile).unwrap_or_default();
    drop(fs::remove_file(&profile));
    text.lines()
        .find_map(|line| {
            line.strip_prefix("summary: ")
                .or(line.strip_prefix("totals: "))
        })
        .and_then(|total| total.trim().parse().ok())
        .filter(|&total| total > 0)
        .ok_or_else(|| {
            format!(
                "callgrind counted nothing: {}",
                String::from_utf8_lossy(&valgrind.stderr)
            )
        })
}

/// What the process under callgrind does.
fn run(function: &str) {
    for (name, work) in pairs().flat_map(|pair| [pair.owned, pair.by_hand]) {
        if name == function {
            black_box(work()); // symbols are bound on the first call
            for _ in 0..RUNS {
                black_box(work());
            }
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some("--count") {
        run(&arguments.next().unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind, which counts the instructions, is not installed");
        return ExitCode::from(u8::from(
            env::var_os("MALLOC_SAFE_REQUIRE_VALGRIND").is_some(),
        ));
    }
    println!("instructions a call, malloc and free included\n");
    println!("{:30} {:>9} {:>9}", "", "by hand", "owned");
    let mut worse = 0;
    for pair in pairs() {
        match (count(pair.by_hand.0), count(pair.owned.0)) {
            (Ok(by_hand), Ok(owned)) => {
                let per_call = |total: u64| total / (RUNS + 1);
                println!(
                    "{:30} {:>9} {:>9}",
                    pair.name,
                    per_call(by_hand),
                    per_call(owned)
                );
                if owned > by_hand {
                    println!("    {} more in {} calls", owned - by_hand, RUNS + 1);
                    worse += 1;
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                println!("{}: {error}", pair.name);
                worse += 1;
            }
        }
    }
    println!("\n{} passed, {worse} failed", pairs().count() - worse);
    ExitCode::from(u8::from(worse > 0))
}
