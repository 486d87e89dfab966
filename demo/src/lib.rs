//! A loop over memory that C allocates, run in several ways side by side.
//!
//! One process forgets every block and climbs to a gigabyte. One frees by hand,
//! one has an owner that frees, one frees as Go's `defer` would, and two show what
//! it costs to give memory back to the system each time. Each runs in a process of its
//! own, so that what one keeps is not mistaken for another's, and all are drawn on
//! one chart, live. The module [`scenario`] holds the loops, and says which faults
//! of the original cannot be written with an owner.
//!
//! The way of the data: `limit` decides whether the memory is there, `run` starts
//! `children`; each is a `child` that runs its [`scenario`], measures itself with
//! `meter`, and reports by `protocol`. The parent keeps what it hears in a
//! `timeline`, which `view` shows (`live` or as `lines`), and at the end `table`,
//! `picture` and `export` turn into what `output` writes. All that these know of a
//! scenario is in `facts`.

mod canvas;
mod child;
mod children;
mod cli;
mod curve;
mod export;
mod facts;
mod glyphs;
mod interrupt;
mod limit;
mod lines;
mod live;
mod meter;
mod output;
mod picture;
mod protocol;
mod run;
pub mod scenario;
mod table;
mod terminal;
mod timeline;
mod units;
mod view;

use std::env;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use cli::Cli;
use interrupt::Interrupt;
use limit::Room;
use output::Outputs;
use run::Ending;
use view::View;

/// Beside 0, and 2 from the parser of arguments; `--help` explains them.
const FAILED: u8 = 1;
const REFUSED: u8 = 3;
const INTERRUPTED: u8 = 130;

/// Runs the program with the arguments of this process.
pub fn run() -> ExitCode {
    // An argument that is no text is none of a child's.
    let arguments = env::args_os()
        .skip(1)
        .map_while(|argument| argument.into_string().ok());
    if let Some((scenario, plan)) = child::from_arguments(arguments) {
        // Nobody is left to hear an error: a report fails when the parent is gone.
        return child::run(scenario, &plan).map_or(ExitCode::from(FAILED), |()| ExitCode::SUCCESS);
    }
    let cli = Cli::from_arguments();
    let code = show(&cli).unwrap_or_else(|error| {
        complain(&error);
        FAILED
    });
    ExitCode::from(code)
}

/// Runs the scenarios, shows them, and writes what was asked for.
fn show(cli: &Cli) -> anyhow::Result<u8> {
    let plan = cli.plan();
    let scenarios = cli.scenarios();
    let order = match Room::below(Path::new("/")).order(&scenarios, &plan) {
        Ok(order) => order,
        Err(refusal) => {
            complain(&anyhow::Error::msg(refusal.to_string()));
            return Ok(REFUSED);
        }
    };
    // First of all: a signal must find neither an empty output nor a terminal that is being asked.
    let interrupt = Interrupt::listen()?;
    let outputs = Outputs::claim(cli).map_err(|error| match error.downcast() {
        Ok(output::Conflict(conflict)) => Cli::refuse(&conflict),
        Err(error) => error,
    })?;
    let heading = lines::heading(&plan, &scenarios, &order);
    let mut view = View::open(cli, &heading, run::FRAME);
    let (tracks, ending) = run::run(&plan, &scenarios, &order, &interrupt, &mut view);
    let (written, errors) = outputs.write(&plan, &tracks);
    let shown = view.finish(&plan, &tracks, &notes(cli, ending, &written));
    for error in &errors {
        complain(error);
    }
    if let Err(error) = &shown
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        complain(&anyhow::anyhow!("cannot write the table: {error}"));
    }
    let failed = tracks.iter().any(timeline::Track::failed);
    Ok(match ending {
        Ending::Interrupted => INTERRUPTED,
        Ending::Unread => FAILED,
        Ending::Complete if failed || shown.is_err() || !errors.is_empty() => FAILED,
        Ending::Complete => 0,
    })
}

/// Where the outputs went, or how to have a picture.
fn notes(cli: &Cli, ending: Ending, written: &[String]) -> Vec<String> {
    if !written.is_empty() {
        return vec![format!("Written: {}", written.join(", "))];
    }
    let offer = !cli.quiet && !cli.draws() && ending == Ending::Complete;
    let said = "For a picture of these curves, add --svg FILE or --png FILE.";
    offer.then(|| said.to_owned()).into_iter().collect()
}

fn complain(error: &anyhow::Error) {
    let columns = terminal::columns(terminal::of_error());
    let said = units::wrapped(&format!("error: {error:#}"), columns);
    let _ = writeln!(io::stderr(), "{said}"); // there is nowhere else to say that it failed
}
