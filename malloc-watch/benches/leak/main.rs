//! What the leak checker costs, and whether it finds what there is.
//!
//! `cargo bench -p malloc-watch --bench leak` builds a program (`program/`) without
//! and with the checker's hooks, runs its workloads in processes of their own, plain, with the
//! hooks and no scope open, and in a scope, interleaved in an order that rotates, and prints the
//! medians of the rounds' ratios. It fails if what was found is not what there was, or if a stack
//! names the wrong functions. Options, after `--`:
//!
//! - `--rounds 21`: rather than 7.
//! - `--debug`: the programs are built as `cargo test` builds a test, without optimisation.
//! - `--allocations 1000000`: another size, where the workload has one.
//! - `--only B,D`: these workloads.
//! - `--marks`: fails also if a ratio is above its mark. For a machine that does nothing else.
//! - `--tools`: other tools beside it, as far as they are installed.
//! - `--instructions`: counts instead of times, by callgrind.

mod arms;
mod found;
mod instructions;
mod process;
mod table;
mod tools;
mod workloads;

use std::env;
use std::process::ExitCode;

use arms::{Profile, Programs};

#[derive(Default)]
struct Options {
    rounds: Option<usize>,
    allocations: Option<u64>,
    only: String,
    profile: Profile,
    marks: bool,
    tools: bool,
    instructions: bool,
}

impl Options {
    fn read() -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{argument} needs a value"))
            };
            match argument.as_str() {
                "--rounds" => options.rounds = Some(positive(&value()?)?),
                "--allocations" => options.allocations = Some(positive(&value()?)? as u64),
                "--only" => options.only = value()?,
                "--debug" => options.profile = Profile::Dev,
                "--marks" => options.marks = true,
                "--tools" => options.tools = true,
                "--instructions" => options.instructions = true,
                "--bench" => {} // from cargo
                other => return Err(format!("there is no option {other:?}")),
            }
        }
        Ok(options)
    }
}

fn positive(word: &str) -> Result<usize, String> {
    word.parse()
        .ok()
        .filter(|&number| number > 0)
        .ok_or_else(|| format!("{word:?} is not a number above 0"))
}

fn run() -> Result<bool, String> {
    let options = Options::read()?;
    let only: Vec<&str> = options
        .only
        .split(',')
        .filter(|name| !name.is_empty())
        .collect();
    for name in &only {
        if workloads::ALL
            .iter()
            .all(|workload| workload.letter != *name)
        {
            return Err(format!("there is no workload {name:?}"));
        }
    }
    let programs = Programs::build(options.profile)?;
    if options.instructions {
        instructions::print(&programs, &only)?;
        return Ok(true);
    }
    if options.tools {
        tools::print(&programs, &only, options.rounds, options.allocations)?;
        return Ok(true);
    }
    let rounds = options.rounds.unwrap_or(7);
    let result = table::print(&programs, &only, rounds, options.allocations)?;
    Ok(result.exact && (result.within_marks || !options.marks))
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
