//! The program in its three arms, and what it says.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Ended};
use crate::workloads::Workload;

/// Without hooks; with hooks, and no scope open; in a scope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arm {
    Plain,
    Off,
    Exact,
}

impl Arm {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Off, Self::Exact];
}

/// The program, built twice.
pub(crate) struct Programs {
    pub(crate) plain: PathBuf,
    pub(crate) hooked: PathBuf,
}

impl Programs {
    pub(crate) fn build(profile: Profile) -> Result<Self, String> {
        Ok(Self {
            plain: Variant::Plain.build(profile)?,
            hooked: Variant::Hooked.build(profile)?,
        })
    }

    pub(crate) fn command(&self, arm: Arm, workload: &Workload, allocations: u64) -> Command {
        let mut command = Command::new(match arm {
            Arm::Plain => &self.plain,
            Arm::Off | Arm::Exact => &self.hooked,
        });
        command.arg(workload.name).arg(allocations.to_string());
        if arm == Arm::Exact {
            command.arg("scope");
        }
        command
    }

    pub(crate) fn run(
        &self,
        arm: Arm,
        workload: &Workload,
        allocations: u64,
    ) -> Result<Run, String> {
        let ended = process::run(&mut self.command(arm, workload, allocations))?;
        Run::read(&ended)
    }
}

/// How the program is compiled.
#[derive(Clone, Copy, Default)]
pub(crate) enum Profile {
    #[default]
    Release,
    /// Cargo's profile for builds without optimisation, whose folder has another name.
    Dev,
}

/// A build of the program.
pub(crate) enum Variant<'a> {
    Plain,
    Hooked,
    /// By the nightly toolchain with this sanitizer, for this target.
    Sanitized {
        sanitizer: &'a str,
        target: &'a str,
    },
}

impl Variant<'_> {
    /// Builds the program in a folder of its own, and says where it is.
    pub(crate) fn build(&self, profile: Profile) -> Result<PathBuf, String> {
        let (profile, products) = match profile {
            Profile::Release => ("release", "release"),
            Profile::Dev => ("dev", "debug"),
        };
        let stable = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let (folder, mut command) = match self {
            Self::Plain => ("plain", Command::new(stable)),
            Self::Hooked => ("hooked", Command::new(stable)),
            Self::Sanitized { sanitizer, .. } => {
                let mut rustup = Command::new("rustup");
                rustup
                    .args(["run", "nightly", "cargo"])
                    .env("RUSTFLAGS", format!("-Zsanitizer={sanitizer}"));
                // This benchmark's toolchain, which cargo passes on.
                for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
                    rustup.env_remove(variable);
                }
                (*sanitizer, rustup)
            }
        };
        let mut folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("churn")
            .join(folder);
        command
            .args([
                "build",
                "--quiet",
                "--profile",
                profile,
                "--package",
                "churn",
            ])
            .arg("--target-dir")
            .arg(&folder)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        match self {
            Self::Plain => {}
            Self::Hooked => {
                command.args(["--features", "leak"]);
            }
            Self::Sanitized { target, .. } => {
                command.args(["--target", target]);
                folder.push(target);
            }
        }
        process::run(&mut command)?;
        Ok(folder.join(products).join("churn"))
    }
}

/// Blocks and bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
}

/// One run of the program.
pub(crate) struct Run {
    /// Processor time of the workload, the opening of the scope included.
    pub(crate) work: Duration,
    /// Processor time from the end of the workload to the finished report.
    pub(crate) report: Duration,
    /// Of the whole process.
    pub(crate) cpu: Duration,
    /// Most resident memory at the end of the workload, in KiB.
    pub(crate) work_peak: u32,
    /// And of the whole process.
    pub(crate) peak: u32,
    pub(crate) truth: Tally,
    pub(crate) found: Option<Tally>,
    pub(crate) sites: Vec<Site>,
}

pub(crate) struct Site {
    pub(crate) tally: Tally,
    pub(crate) functions: Vec<String>,
}

impl Run {
    pub(crate) fn read(ended: &Ended) -> Result<Self, String> {
        let mut run = Self {
            work: Duration::ZERO,
            report: Duration::ZERO,
            cpu: ended.cpu,
            work_peak: 0,
            peak: ended.peak,
            truth: Tally::default(),
            found: None,
            sites: Vec::new(),
        };
        for line in ended.output.lines() {
            let mut words = line.split('\t');
            let what = words.next().unwrap_or_default();
            let mut number = || -> Result<u64, String> {
                let word = words.next().unwrap_or_default();
                word.parse()
                    .map_err(|_| format!("the program said {line:?}: {word:?} is no number"))
            };
            match what {
                "work" => run.work = Duration::from_nanos(number()?),
                "peak" => run.work_peak = u32::try_from(number()?).unwrap_or_default(),
                "report" => run.report = Duration::from_nanos(number()?),
                "truth" | "found" | "site" => {
                    let tally = Tally {
                        blocks: number()?,
                        bytes: number()?,
                    };
                    match what {
                        "truth" => run.truth = tally,
                        "found" => run.found = Some(tally),
                        _ => run.sites.push(Site {
                            tally,
                            functions: words.map(str::to_owned).collect(),
                        }),
                    }
                }
                _ => return Err(format!("the program said {line:?}")),
            }
        }
        if run.work.is_zero() {
            return Err("the program did not say how long it worked".to_owned());
        }
        Ok(run)
    }
}

impl Site {
    /// Whether the innermost frame is the C function, and whether its Rust caller follows: perhaps
    /// after `functionMalloc`, which an optimised build jumps out of.
    pub(crate) fn names(&self, workload: &Workload) -> (bool, bool) {
        let is = |function: &String, name: &str| {
            function == name || function.ends_with(&format!("::{name}"))
        };
        let mut functions = self.functions.iter();
        let c = functions.next();
        let rust = functions.find(|function| *function != "functionMalloc");
        (
            c.is_some_and(|function| is(function, workload.allocator)),
            rust.is_some_and(|function| is(function, workload.caller)),
        )
    }
}
