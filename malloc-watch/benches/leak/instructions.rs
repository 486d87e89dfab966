//! Instructions an allocation, counted by callgrind: exact, whatever else the machine does.
//!
//! Under callgrind `malloc` stays the program's, so that the hooks work; what starting up and the
//! report cost drops out of the difference between two runs.

use std::fs;
use std::process::{Command, Stdio};

use crate::arms::{Arm, Programs};
use crate::process;
use crate::workloads::{self, Workload};

const FEW: u64 = 100_000;
const MANY: u64 = 200_000;

pub(crate) fn print(programs: &Programs, chosen: &[&str]) -> Result<(), String> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind, which counts the instructions, is not installed");
        return Ok(());
    }
    println!(
        "\ninstructions an allocation, with its free: the difference between {FEW} and {MANY}\n"
    );
    println!("{:46} {:>8} {:>8} {:>8}", "", "plain", "off", "exact");
    for workload in workloads::ALL.iter().filter(|workload| workload.scales) {
        if !chosen.is_empty() && !chosen.contains(&workload.letter) {
            continue;
        }
        print!("{:46}", workload.title(MANY));
        for arm in Arm::ALL {
            let few = count(programs, arm, workload, FEW)?;
            let many = count(programs, arm, workload, MANY)?;
            let each = many.saturating_sub(few) / (MANY - FEW);
            print!(" {each:>8}");
        }
        println!();
    }
    Ok(())
}

fn count(
    programs: &Programs,
    arm: Arm,
    workload: &Workload,
    allocations: u64,
) -> Result<u64, String> {
    let program = programs.command(arm, workload, allocations);
    let profile = programs.plain.with_file_name("callgrind.out");
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--tool=callgrind"])
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(program.get_program())
        .args(program.get_args())
        // It remarks on the checker's system calls.
        .stderr(Stdio::null());
    process::run(&mut command)?;
    let text = fs::read_to_string(&profile).map_err(|error| error.to_string())?;
    drop(fs::remove_file(&profile));
    text.lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| "callgrind counted nothing".to_owned())
}
