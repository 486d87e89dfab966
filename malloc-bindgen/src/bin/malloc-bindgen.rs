//! The command `malloc-bindgen`.
#![forbid(unsafe_code)]

use clap::{Args, Parser, Subcommand};
use malloc_bindgen::{Audit, Error, Report, draft};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Says of each place in a C header that hands over memory whether anything says who frees it.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  malloc-bindgen audit /usr/include/sqlite3.h
  malloc-bindgen draft /usr/include/sqlite3.h > sqlite3.owned.toml
  malloc-bindgen audit /usr/include/sqlite3.h --facts sqlite3.owned.toml
  malloc-bindgen audit /usr/include/git2.h --files /git2/
  malloc-bindgen audit /usr/include/libxml2/libxml/tree.h -- $(pkg-config --cflags libxml-2.0)

Exit status: 0 if every slot is decided, 1 if some are not, 2 if the headers cannot be read.";

#[derive(Subcommand)]
enum Command {
    /// Lists the places about which the header does not say who frees.
    #[command(after_help = EXAMPLES)]
    Audit {
        #[command(flatten)]
        what: What,
        /// Prints every slot, decided or not, as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prints a file of facts with a question for each such place, to fill in.
    #[command(after_help = EXAMPLES)]
    Draft {
        #[command(flatten)]
        what: What,
    },
}

#[derive(Args)]
struct What {
    /// Headers, read as one program would include them.
    #[arg(required = true)]
    headers: Vec<PathBuf>,
    /// Also counts functions of included files whose path contains this.
    #[arg(long, value_name = "PART")]
    files: Vec<String>,
    /// A file of facts: what a person has decided.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,
    /// Arguments for clang, after --.
    #[arg(last = true)]
    clang: Vec<String>,
}

impl What {
    fn audit(self) -> Result<Report, Error> {
        let mut audit = Audit::new(self.headers);
        for part in self.files {
            audit = audit.files(part);
        }
        for argument in self.clang {
            audit = audit.clang_argument(argument);
        }
        if let Some(facts) = self.facts {
            audit = audit.facts(facts);
        }
        audit.run()
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok((text, decided)) => {
            // A reader that has seen enough, as head, closes the pipe.
            let _ = writeln!(io::stdout(), "{}", text.trim_end());
            ExitCode::from(u8::from(!decided))
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "malloc-bindgen: {error}");
            ExitCode::from(2)
        }
    }
}

/// What to print, and whether every slot is decided.
fn run(command: Command) -> Result<(String, bool), Box<dyn std::error::Error>> {
    Ok(match command {
        Command::Audit { what, json } => {
            let report = what.audit()?;
            let text = if json {
                serde_json::to_string_pretty(&report)?
            } else {
                report.to_string()
            };
            (text, report.undecided().next().is_none())
        }
        Command::Draft { what } => (draft(&what.audit()?), true),
    })
}
