//! This crate beside other owners of C memory, in one run.
//!
//! `cargo bench -p malloc-safe --bench rivals` prints how long a call takes with this crate, and
//! what the others take as multiples of that: the medians, over rounds in which all take turns, of
//! the ratios within a round. An arm that was faster in three of four rounds, and by 3 % in the
//! median, is marked with `<`. The last column is this crate once more: so far from 1.00 are two
//! equals on this machine.
//!
//! Where valgrind is installed a second table has the instructions of one call, which no other
//! load disturbs. `-- --no-count` leaves it out; `-- --only WORD` runs the tasks with that word in
//! their names. With `--features simdutf8` this crate checks UTF-8 as that feature does, the others
//! still as std.

mod adopt;
mod harness;
mod heap;
mod make;
mod view;

use std::env;
use std::fs;
use std::process::{Command, ExitCode};

use harness::{By, Task};

const MIB: usize = 1 << 20;

fn tasks() -> Vec<Task> {
    vec![
        adopt::number(),
        adopt::string("adopt 32 chars", 32, 4000),
        adopt::string("adopt 4 KiB of text", 4 << 10, 800),
        adopt::slice(),
        make::number(),
        make::c_string(),
        make::collect(),
        make::filter(),
        make::push(),
        view::bytes("1 MiB of bytes", MIB, 8, 101),
        view::string("1 MiB as &str", MIB, 8, 101),
        view::bounded("1 MiB, bound known", MIB, 8, 101),
        view::bytes("50 MiB of bytes", 50 * MIB, 1, 15),
        view::string("50 MiB as &str", 50 * MIB, 1, 15),
        view::bounded("50 MiB, bound known", 50 * MIB, 1, 15),
    ]
}

/// One row: the first figure is this crate's, the others are multiples of it.
fn row(name: &str, cell: impl Fn(By) -> Option<String>) {
    print!("{name:20}");
    for (by, title) in By::ALL {
        let width = title.len().max(8);
        print!(" {:>width$}", cell(by).unwrap_or_else(|| "–".to_owned()));
    }
    println!();
}

fn head(first: &str) {
    println!();
    row(first, |by| {
        let (_, title) = By::ALL.iter().find(|(column, _)| *column == by)?;
        Some((*title).to_owned())
    });
}

fn time(tasks: &[Task]) {
    head("ns, × that");
    for task in tasks {
        let times = task.time();
        row(task.name, |by| {
            if by == By::Us {
                return Some(format!("{:.1} ns", times.nanoseconds(by)?));
            }
            let ratio = times.ratio(by)?;
            let mark = if ratio.ahead { "<" } else { "" };
            Some(format!("{mark}{:.2}", ratio.median))
        });
    }
}

/// Instructions of one call: what some more calls add to a whole process.
fn instructions(task: &Task, by: By) -> Result<f64, String> {
    const FEW: u32 = 100;
    const MORE: u32 = 1100;
    let few = instructions_of(task, by, FEW)?;
    let more = instructions_of(task, by, MORE)?;
    #[allow(clippy::cast_precision_loss, reason = "some millions")]
    let added = more.saturating_sub(few) as f64;
    Ok(added / f64::from(MORE - FEW))
}

fn instructions_of(task: &Task, by: By, calls: u32) -> Result<u64, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let profile = env::temp_dir().join(format!("rivals-{}", std::process::id()));
    let column = By::ALL.iter().position(|(column, _)| *column == by);
    let valgrind = Command::new("valgrind")
        .args(["--tool=cachegrind", "--cache-sim=no"])
        .arg(format!("--cachegrind-out-file={}", profile.display()))
        .arg(this)
        .args(["--work", task.name])
        .arg(column.unwrap_or_default().to_string())
        .arg(format!("{calls:05}")) // as wide for few as for many
        .output()
        .map_err(|error| error.to_string())?;
    let text = fs::read_to_string(&profile).unwrap_or_default();
    drop(fs::remove_file(&profile));
    text.lines()
        .find_map(|line| line.strip_prefix("summary: "))
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| String::from_utf8_lossy(&valgrind.stderr).into_owned())
}

fn count(tasks: &[Task]) -> Result<(), String> {
    head("instructions");
    for task in tasks.iter().filter(|task| task.is_short()) {
        let mut counted = Vec::new();
        for (by, _) in By::ALL.iter().filter(|(by, _)| task.has(*by)) {
            counted.push((*by, instructions(task, *by)?));
        }
        let us = counted.iter().find(|(by, _)| *by == By::Us);
        let us = us.map_or(0.0, |&(_, count)| count);
        row(task.name, |column| {
            let (_, count) = counted.iter().find(|(by, _)| *by == column)?;
            let mark = if count + 0.5 < us { "<" } else { "" };
            Some(format!("{mark}{count:.0}"))
        });
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let after = |name: &str| {
        let position = arguments.iter().position(|argument| argument == name)?;
        arguments.get(position + 1..)
    };
    let mut tasks = tasks();
    if let Some([task, column, calls, ..]) = after("--work") {
        let column = column.parse().unwrap_or(0_usize);
        for task in tasks.iter().filter(|each| each.name == task) {
            task.work(By::ALL[column].0, calls.parse().unwrap_or(0));
        }
        return ExitCode::SUCCESS;
    }
    if let Some([word, ..]) = after("--only") {
        tasks.retain(|task| task.name.contains(word.as_str()));
    }
    time(&tasks);
    if after("--no-count").is_some() {
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("\nskipped: valgrind, which counts the instructions, is not installed");
        return ExitCode::SUCCESS;
    }
    match count(&tasks) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rivals: {error}");
            ExitCode::FAILURE
        }
    }
}
