//! The loop in C, in Rust with an owner, with memory retained, with one buffer, and in Go:
//! interleaved in one run.
//!
//! `cargo bench -p demo --bench loops` prints medians as ratios to C, and to Go if `go` is
//! installed (it is built with cgo from `loop.go`). Each program runs the loop without waiting and
//! measures itself; each round runs every program once, in an order that rotates, so that a noisy
//! neighbour hits them alike. `-- --rounds 21` for more rounds, `--count` and `--size` (bytes) for
//! another loop.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::Value;

/// What a program says of its loop, in the order of the table's columns.
const FIGURES: [&str; 4] = ["wall_ns", "user_ns", "system_ns", "minor_faults"];

struct Arm {
    name: &'static str,
    command: Vec<String>,
    rounds: Vec<[f64; 4]>,
}

impl Arm {
    fn new(name: &'static str, command: Vec<String>) -> Self {
        Self {
            name,
            command,
            rounds: Vec::new(),
        }
    }

    fn run(&mut self) -> Result<(), Box<dyn Error>> {
        let output = Command::new(&self.command[0])
            .args(&self.command[1..])
            .output()?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} ended with {}: {stderr}", self.name, output.status).into());
        }
        let said: Value = serde_json::from_slice(&output.stdout)?;
        let said = said["scenarios"].get(0).unwrap_or(&said); // the demo's own report
        let mut figures = [0.0; 4];
        for (figure, name) in figures.iter_mut().zip(FIGURES) {
            *figure = said[name]
                .as_f64()
                .ok_or_else(|| format!("{} said no {name}", self.name))?;
        }
        self.rounds.push(figures);
        Ok(())
    }

    fn wall(round: &[f64; 4]) -> f64 {
        round[0]
    }

    fn cpu(round: &[f64; 4]) -> f64 {
        round[1] + round[2]
    }

    fn faults(round: &[f64; 4]) -> f64 {
        round[3]
    }

    /// The median over the rounds of this arm's figure over the other's in the same round.
    fn ratio(&self, over: &Self, figure: fn(&[f64; 4]) -> f64) -> f64 {
        let both = self.rounds.iter().zip(&over.rounds);
        median(
            both.map(|(this, other)| figure(this) / figure(other))
                .collect(),
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn built(mut command: Command) -> Result<(), Box<dyn Error>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

fn build_c(csrc: &Path, loops: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let program = out.join("loop-c");
    let mut cc = Command::new("cc");
    // -O3, as cc compiles the same source for the Rust side in a release build.
    cc.args(["-std=c11", "-D_DEFAULT_SOURCE", "-O3", "-I"])
        .arg(csrc)
        .arg("-I")
        .arg(csrc.join("workload"))
        .arg("-o")
        .arg(&program);
    cc.arg(loops.join("loop.c"))
        .arg(csrc.join("workload/workload.c"));
    built(cc)?;
    Ok(program)
}

fn build_go(csrc: &Path, loops: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let (object, library) = (out.join("workload.o"), out.join("libworkload.a"));
    let mut cc = Command::new("cc");
    cc.args(["-std=c11", "-D_DEFAULT_SOURCE", "-O3", "-c", "-I"])
        .arg(csrc)
        .arg("-o")
        .arg(&object)
        .arg(csrc.join("workload/workload.c"));
    built(cc)?;
    // An archive: Go names the library several times, and an object would be there as often.
    let mut ar = Command::new("ar");
    ar.arg("rcs").arg(&library).arg(&object);
    built(ar)?;
    let program = out.join("loop-go");
    let mut go = Command::new("go");
    go.args(["build", "-o"])
        .arg(&program)
        .arg(loops.join("loop.go"));
    go.env(
        "CGO_CFLAGS",
        format!("-O3 -I{0} -I{0}/workload", csrc.display()),
    );
    go.env("CGO_LDFLAGS", library.display().to_string());
    go.env("GO111MODULE", "off")
        .env("GOCACHE", out.join("go-cache"));
    built(go)?;
    Ok(program)
}

fn option(name: &str, default: usize) -> Result<usize, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().collect();
    match arguments.iter().position(|argument| argument == name) {
        Some(position) => {
            let value = arguments
                .get(position + 1)
                .ok_or_else(|| format!("{name} wants a number"))?;
            Ok(value
                .parse()
                .map_err(|error| format!("{name} {value}: {error}"))?)
        }
        None => Ok(default),
    }
}

fn compare() -> Result<(), Box<dyn Error>> {
    let rounds = option("--rounds", 15)?.max(1);
    let count = option("--count", 20)?.to_string();
    let size = option("--size", 50 << 20)?.to_string();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (csrc, loops) = (demo.join("../csrc"), demo.join("benches/loops"));
    let out = Path::new(env!("CARGO_TARGET_TMPDIR"));

    let ours = |scenario: &str| -> Vec<String> {
        let options = ["--scenario", scenario, "--count", &count, "--size", &size];
        let options = options
            .iter()
            .chain(&["--interval", "0ms", "--quiet", "--json", "-"]);
        let options = options.map(|&option| option.to_owned());
        [env!("CARGO_BIN_EXE_malloc-safe-demo").to_owned()]
            .into_iter()
            .chain(options)
            .collect()
    };
    let other = |program: &Path| vec![program.display().to_string(), count.clone(), size.clone()];
    let mut arms = vec![
        Arm::new("C", other(&build_c(&csrc, &loops, out)?)),
        Arm::new("owned", ours("owned")),
        Arm::new("retain", ours("retain")),
        Arm::new("reuse", ours("reuse")),
    ];
    match build_go(&csrc, &loops, out) {
        Ok(program) => arms.push(Arm::new("Go", other(&program))),
        Err(error) => println!("without Go: {error}"),
    }

    for round in 0..=rounds {
        for turn in 0..arms.len() {
            let arm = (round + turn) % arms.len();
            arms[arm].run()?;
        }
        if round == 0 {
            // The first run on a cold machine is several times slower.
            for arm in &mut arms {
                arm.rounds.clear();
            }
        }
    }

    println!("{count} blocks of {size} bytes, medians of {rounds} interleaved rounds\n");
    for base in [0, 4] {
        let Some(over) = arms.get(base) else { continue };
        println!(
            "{:8} {:>12} {:>12} {:>14}",
            "", "wall", "CPU", "minor faults"
        );
        for arm in &arms {
            println!(
                "{:8} {:>10.3} × {:>10.3} × {:>12.3} ×",
                arm.name,
                arm.ratio(over, Arm::wall),
                arm.ratio(over, Arm::cpu),
                arm.ratio(over, Arm::faults),
            );
        }
        println!("  times what {} takes\n", over.name);
    }
    for arm in &arms {
        println!(
            "{}: {} minor faults",
            arm.name,
            median(arm.rounds.iter().map(Arm::faults).collect())
        );
    }
    let retained = arms[1].ratio(&arms[2], Arm::wall);
    println!("retain is {retained:.1} times as fast as owned");
    let (wall, cpu) = (
        arms[3].ratio(&arms[2], Arm::wall),
        arms[3].ratio(&arms[2], Arm::cpu),
    );
    println!("reuse takes {wall:.3} × the wall time and {cpu:.3} × the CPU time of retain");
    Ok(())
}

fn main() -> ExitCode {
    match compare() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("loops: {error}");
            ExitCode::FAILURE
        }
    }
}
