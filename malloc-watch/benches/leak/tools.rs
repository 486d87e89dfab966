//! Other tools that find leaks of C memory, beside this one in the same rounds.
//!
//! Each runs the program without hooks. Their cost is that of the whole process and of what it
//! starts, as they make their reports at its end; what makes a report later (heaptrack_print, the
//! script mtrace) is not counted.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::arms::{Arm, Profile, Programs, Run, Variant};
use crate::found::Found;
use crate::process::{self, Ended};
use crate::table::{median, tally};
use crate::workloads::{self, Workload};

/// Where the others take tens of times as long, fewer say enough.
const ROUNDS: usize = 3;
const ALLOCATIONS: u64 = 1_000_000;
/// Unless other workloads are asked for.
const WORKLOADS: [&str; 2] = ["B", "D"];

enum Kind {
    Memcheck,
    Heaptrack,
    /// With libraries to be loaded first, if it is not in the program.
    Sanitizer(Option<String>),
    /// With glibc's library that has `mtrace`.
    Mtrace(PathBuf),
}

struct Tool {
    name: &'static str,
    kind: Kind,
    program: PathBuf,
}

/// The tools that are installed. Names the others, and why.
fn installed(programs: &Programs) -> Vec<Tool> {
    let runs = |name: &str| {
        process::run(Command::new(name).arg("--version"))
            .map(|_| ())
            .map_err(|_| format!("{name} is not installed"))
    };
    let tool = |name, kind, program: Result<PathBuf, String>| match program {
        Ok(program) => Some(Tool {
            name,
            kind,
            program,
        }),
        Err(reason) => {
            println!("skipped: {name}: {reason}");
            None
        }
    };
    let plain = || programs.plain.clone();
    let lsan = leak_sanitizer();
    let debug = library("libc_malloc_debug.so.0");
    [
        tool(
            "valgrind memcheck",
            Kind::Memcheck,
            runs("valgrind").map(|()| plain()),
        ),
        tool(
            "heaptrack",
            Kind::Heaptrack,
            runs("heaptrack").map(|()| plain()),
        ),
        tool(
            "LeakSanitizer (gcc's, preloaded)",
            Kind::Sanitizer(lsan.clone().ok()),
            lsan.map(|_| plain()),
        ),
        tool(
            "LeakSanitizer (nightly)",
            Kind::Sanitizer(None),
            sanitized("leak"),
        ),
        tool(
            "AddressSanitizer (nightly)",
            Kind::Sanitizer(None),
            sanitized("address"),
        ),
        tool(
            "mtrace",
            Kind::Mtrace(debug.clone().unwrap_or_default()),
            debug.and_then(|_| runs("mtrace")).map(|()| plain()),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Where gcc would take a library from.
fn library(name: &str) -> Result<PathBuf, String> {
    let missing = format!("{name} is not installed");
    let said = process::run(Command::new("gcc").arg(format!("-print-file-name={name}")))
        .map_err(|_| missing.clone())?;
    // Without one, gcc says the name again.
    let path = Path::new(said.output.trim());
    path.is_absolute()
        .then(|| path.to_owned())
        .filter(|path| path.exists())
        .ok_or(missing)
}

/// With a second library whose start allocates: until something does, LeakSanitizer's `signal`,
/// which the Rust runtime calls first of all, leads nowhere.
fn leak_sanitizer() -> Result<String, String> {
    let itself = library("liblsan.so")?;
    let second = library("libstdc++.so.6")?;
    Ok(format!("{}:{}", itself.display(), second.display()))
}

fn sanitized(sanitizer: &str) -> Result<PathBuf, String> {
    let missing = |_| "there is no nightly toolchain".to_owned();
    let said = process::run(Command::new("rustup").args(["run", "nightly", "rustc", "-vV"]))
        .map_err(missing)?;
    let target = said
        .output
        .lines()
        .find_map(|line| line.strip_prefix("host: "));
    let target = target.ok_or("rustc does not say for which machine it is")?;
    Variant::Sanitized { sanitizer, target }.build(Profile::Release)
}

impl Tool {
    fn run(
        &self,
        workload: &Workload,
        allocations: u64,
        folder: &Path,
    ) -> Result<(Run, Found), String> {
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let log = folder.join("log");
        let options = format!("exitcode=0:log_path={}", log.display());
        let mut command = Command::new(match &self.kind {
            Kind::Memcheck => "valgrind",
            Kind::Heaptrack => "heaptrack",
            // Sets the variables below for the program alone.
            Kind::Sanitizer(_) | Kind::Mtrace(_) => "env",
        });
        match &self.kind {
            Kind::Memcheck => {
                command
                    .args(["--leak-check=full", "--num-callers=50"])
                    .arg(format!("--log-file={}", log.display()));
            }
            Kind::Heaptrack => {
                command.arg("--output").arg(&log);
            }
            Kind::Sanitizer(preload) => {
                command.arg(format!("LSAN_OPTIONS={options}"));
                command.arg(format!("ASAN_OPTIONS=detect_leaks=1:{options}"));
                if let Some(libraries) = preload {
                    command.arg(format!("LD_PRELOAD={libraries}"));
                }
            }
            Kind::Mtrace(library) => {
                command.arg(format!("LD_PRELOAD={}", library.display()));
                command.arg(format!("MALLOC_TRACE={}", log.display()));
            }
        }
        command
            .arg(&self.program)
            .arg(workload.name)
            .arg(allocations.to_string())
            .stderr(Stdio::null());
        if matches!(self.kind, Kind::Mtrace(_)) {
            command.arg("mtrace");
        }
        let ended = process::run(&mut command)?;
        let ended = Ended {
            output: programs_lines(&ended),
            ..ended
        };
        let found = match &self.kind {
            Kind::Memcheck => Found::by_memcheck(folder),
            Kind::Heaptrack => Found::by_heaptrack(folder),
            Kind::Sanitizer(_) => Found::by_sanitizer(folder),
            Kind::Mtrace(_) => Found::by_mtrace(&log, &self.program),
        }?;
        fs::remove_dir_all(folder).map_err(|error| error.to_string())?;
        Ok((Run::read(&ended)?, found))
    }
}

/// Without what a tool prints in between.
fn programs_lines(ended: &Ended) -> String {
    let own = |line: &&str| {
        ["truth\t", "work\t", "peak\t"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    ended
        .output
        .lines()
        .filter(own)
        .collect::<Vec<_>>()
        .join("\n")
}

pub(crate) fn print(
    programs: &Programs,
    only: &[&str],
    rounds: Option<usize>,
    allocations: Option<u64>,
) -> Result<(), String> {
    let rounds = rounds.unwrap_or(ROUNDS);
    let allocations = allocations.unwrap_or(ALLOCATIONS);
    let only = if only.is_empty() { &WORKLOADS } else { only };
    let tools = installed(programs);
    let folder = env::temp_dir().join(format!("churn-{}", std::process::id()));
    println!(
        "\nprocessor time of the whole process and most resident memory, as ratios to the plain \
         one's, medians of {rounds} rounds;\nleft behind and found: blocks / bytes\n"
    );
    for workload in workloads::ALL
        .iter()
        .filter(|workload| only.contains(&workload.letter))
    {
        let allocations = workload.allocations(Some(allocations));
        let mut costs: Vec<Vec<(f64, f64)>> = (0..=tools.len()).map(|_| Vec::new()).collect();
        let mut last = Vec::new();
        for _ in 0..rounds {
            last.clear();
            let plain = programs.run(Arm::Plain, workload, allocations)?;
            let ratios = |run: &Run| {
                (
                    run.cpu.as_secs_f64() / plain.cpu.as_secs_f64(),
                    f64::from(run.peak) / f64::from(plain.peak),
                )
            };
            let exact = programs.run(Arm::Exact, workload, allocations)?;
            costs[0].push(ratios(&exact));
            let all_sites = |pick: fn((bool, bool)) -> bool| {
                !exact.sites.is_empty() && exact.sites.iter().all(|site| pick(site.names(workload)))
            };
            let names = (all_sites(|names| names.0), all_sites(|names| names.1));
            last.push((exact.truth, exact.found, String::new(), names));
            for (place, tool) in tools.iter().enumerate() {
                let (run, found) = tool.run(workload, allocations, &folder)?;
                costs[place + 1].push(ratios(&run));
                let names = found.names(workload);
                last.push((run.truth, found.tally, found.words, names));
            }
        }
        let truth = last.first().map(|&(truth, ..)| truth).unwrap_or_default();
        println!(
            "{}: {} left behind\n{:34} {:>7} {:>6} {:>20} {:>6} {:>11} {:>12}",
            workload.title(allocations),
            tally(truth),
            "",
            "cpu",
            "RSS",
            "found",
            "equal",
            "C function",
            "Rust caller"
        );
        let names = ["malloc_watch::leak"]
            .into_iter()
            .chain(tools.iter().map(|tool| tool.name));
        for ((name, costs), (truth, found, words, (c, rust))) in names.zip(&costs).zip(last) {
            let yes = |yes: bool| if yes { "yes" } else { "no" };
            println!(
                "{name:34} {:>7.2} {:>6.2} {:>20} {:>6} {:>11} {:>12}",
                median(costs.iter().map(|cost| cost.0).collect()),
                median(costs.iter().map(|cost| cost.1).collect()),
                found.map_or(words, tally),
                yes(found == Some(truth)),
                yes(c),
                yes(rust),
            );
        }
        println!();
    }
    Ok(())
}
