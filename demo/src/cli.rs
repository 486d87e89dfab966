//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};

use crate::scenario::{Plan, Scenario};

/// More than this no process can address: 47 bits on the usual 64-bit machine.
///
/// Times [`MAX_COUNT`] it still fits in a `u64`, so that sums of blocks need no check.
const MAX_SIZE: u64 = if usize::BITS == 64 {
    1 << 47
} else {
    isize::MAX as u64
};
const MAX_COUNT: i64 = 100_000;
const MAX_INTERVAL_SECONDS: u64 = 60 * 60;

const AFTER_HELP: &str = "\
Exit status:
    0  every scenario ran to its end
    1  something failed: a child was killed, C had no memory, an output could not be written
    2  the command line cannot be understood or obeyed
    3  refused: a scenario needs more memory than is available
  130  stopped by Ctrl-C, SIGTERM or SIGHUP; what was seen until then is reported

Examples:
  malloc-safe-demo
      all scenarios, live on one chart
  malloc-safe-demo --scenario leak,owned --svg two.svg
      two of them, drawn to a file
  malloc-safe-demo --interval 0ms --json - --quiet
      measure, one after another, as JSON";

/// Runs one loop over C memory in several ways, each in its own process, and shows what becomes of its memory.
///
/// On a terminal the processes are drawn live on one chart, elsewhere each turn is a line.
/// A table of what was measured and its lesson follow.
/// NO_COLOR is respected.
#[derive(Debug, Parser)]
#[command(name = "malloc-safe-demo", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to run: repeat it or separate by commas [default: all]
    #[arg(long, value_name = "NAME", value_enum, value_delimiter = ',')]
    scenario: Vec<Choice>,

    /// Turns of the loop, one block each
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u32).range(1..=MAX_COUNT))]
    count: u32,

    /// Bytes in a block: 4KiB, 50MiB, 1GiB; 50MB is decimal. Below about 32MiB glibc keeps freed
    /// blocks, so that free and owned do not return to the base
    #[arg(long, default_value = "50MiB", value_parser = size)]
    size: NonZeroUsize,

    /// From one turn to the next; 0ms measures: no waiting, one scenario after another
    #[arg(long, default_value = "500ms", value_parser = interval)]
    interval: Duration,

    /// Draw the curves as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<Target>,

    /// Draw the curves as PNG
    #[arg(long, value_name = "FILE")]
    pub(crate) png: Option<Target>,

    /// Write figures and samples as JSON, described in demo/README.md; what cannot be read on this
    /// platform is null
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<Target>,

    /// Write the samples as CSV: scenario,t_ns,rss_bytes
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<Target>,

    /// Show only the table and the lesson, not the turns
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// A scenario, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    One(Scenario),
    All,
}

impl ValueEnum for Choice {
    fn value_variants<'a>() -> &'a [Self] {
        static CHOICES: LazyLock<Vec<Choice>> = LazyLock::new(|| {
            let each = Scenario::ALL.into_iter().map(Choice::One);
            each.chain([Choice::All]).collect()
        });
        &CHOICES
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::One(scenario) => scenario.to_possible_value(),
            Self::All => Some(PossibleValue::new("all").help("Every one of them")),
        }
    }
}

/// Where an output goes: a file, or `-` for standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    StandardOutput,
    File(PathBuf),
}

impl Cli {
    /// The arguments of this process; ends it where they ask for help or make no sense.
    pub(crate) fn from_arguments() -> Self {
        let cli = Self::parse();
        if let Err(conflict) = cli.check_targets() {
            Self::refuse(&conflict)
        }
        cli
    }

    /// Ends the program as one whose arguments contradict each other.
    pub(crate) fn refuse(conflict: &str) -> ! {
        Self::command()
            .error(ErrorKind::ArgumentConflict, conflict)
            .exit()
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan {
            count: self.count,
            size: self.size,
            interval: self.interval,
        }
    }

    /// The scenarios asked for, each once, in the order in which they are shown.
    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        let all = self.scenario.is_empty() || self.scenario.contains(&Choice::All);
        let asked_for =
            |scenario: &Scenario| all || self.scenario.contains(&Choice::One(*scenario));
        Scenario::ALL.into_iter().filter(asked_for).collect()
    }

    /// Whether a file takes standard output, so that nothing else may be written there.
    pub(crate) fn output_is_taken(&self) -> bool {
        self.targets()
            .any(|(_, target)| *target == Target::StandardOutput)
    }

    /// Whether the run is to become a picture.
    pub(crate) fn draws(&self) -> bool {
        self.svg.is_some() || self.png.is_some()
    }

    fn targets(&self) -> impl Iterator<Item = (&'static str, &Target)> {
        let all = [
            ("--svg", &self.svg),
            ("--png", &self.png),
            ("--json", &self.json),
            ("--csv", &self.csv),
        ];
        all.into_iter()
            .filter_map(|(option, target)| Some((option, target.as_ref()?)))
    }

    fn check_targets(&self) -> Result<(), String> {
        let targets: Vec<_> = self.targets().collect();
        for (index, (option, target)) in targets.iter().enumerate() {
            if let Some((other, _)) = targets[..index]
                .iter()
                .find(|(_, earlier)| earlier == target)
            {
                return Err(conflict(other, option, target));
            }
        }
        Ok(())
    }
}

/// What is wrong with two writers of one file.
pub(crate) fn conflict(one: &str, other: &str, target: &Target) -> String {
    let place = match target {
        Target::StandardOutput => "standard output".to_owned(),
        Target::File(path) => path.display().to_string(),
    };
    format!("{one} and {other} would both write to {place}; give one of them another file")
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("a file needs a name; use - for standard output".to_owned()),
            "-" => Ok(Self::StandardOutput),
            path => Ok(Self::File(path.into())),
        }
    }
}

fn size(text: &str) -> Result<NonZeroUsize, String> {
    let bytes = match parse_size::parse_size(text) {
        Ok(bytes) => bytes,
        Err(parse_size::Error::PosOverflow) => u64::MAX, // refused below, with all that are too large
        Err(_) => return Err("this is not a size; write it like 50MiB".to_owned()),
    };
    if bytes > MAX_SIZE {
        let most = crate::units::bytes(MAX_SIZE);
        return Err(format!(
            "no process can address more than {most}; take a smaller block"
        ));
    }
    let size = usize::try_from(bytes).ok().and_then(NonZeroUsize::new);
    size.ok_or_else(|| "a block needs at least one byte; take 1B or more".to_owned())
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval =
        humantime::parse_duration(text).map_err(|_| "this is not a time; write it like 500ms")?;
    if interval > Duration::from_secs(MAX_INTERVAL_SECONDS) {
        return Err("turns may be at most 1h apart; take a shorter interval".to_owned());
    }
    if !interval.as_nanos().is_multiple_of(1_000_000) {
        return Err("turns are whole milliseconds apart; write it like 500ms".to_owned());
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_declared_without_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_are_binary_with_an_i_and_decimal_without() {
        assert_eq!(size("50MiB").unwrap().get(), 50 << 20);
        assert_eq!(size("1 GiB").unwrap().get(), 1 << 30);
        assert_eq!(size("50MB").unwrap().get(), 50_000_000);
        assert_eq!(size("4096").unwrap().get(), 4096);
    }

    #[test]
    fn the_most_blocks_of_the_largest_size_do_not_overflow() {
        assert!(MAX_SIZE.checked_mul(MAX_COUNT.cast_unsigned()).is_some());
    }

    #[test]
    fn scenarios_come_once_and_in_order_however_they_are_given() {
        let cli = Cli::parse_from(["demo", "--scenario", "owned,leak", "--scenario", "owned"]);
        assert_eq!(cli.scenarios(), [Scenario::Leak, Scenario::Owned]);
        let cli = Cli::parse_from(["demo", "--scenario", "owned,all"]);
        assert_eq!(cli.scenarios(), Scenario::ALL);
    }
}
