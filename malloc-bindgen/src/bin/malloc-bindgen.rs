//! The command `malloc-bindgen`.
#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};
use malloc_bindgen::Audit;
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
  malloc-bindgen audit /usr/include/git2.h --files /git2/
  malloc-bindgen audit /usr/include/libxml2/libxml/tree.h -- $(pkg-config --cflags libxml-2.0)

Exit status: 0 if every slot is decided, 1 if some are not, 2 if the headers cannot be read.";

#[derive(Subcommand)]
enum Command {
    /// Lists the places about which the header does not say who frees.
    #[command(after_help = EXAMPLES)]
    Audit {
        /// Headers, read as one program would include them.
        #[arg(required = true)]
        headers: Vec<PathBuf>,
        /// Also counts functions of included files whose path contains this.
        #[arg(long, value_name = "PART")]
        files: Vec<String>,
        /// Prints every slot, decided or not, as JSON.
        #[arg(long)]
        json: bool,
        /// Arguments for clang, after --.
        #[arg(last = true)]
        clang: Vec<String>,
    },
}

fn main() -> ExitCode {
    let Command::Audit {
        headers,
        files,
        json,
        clang,
    } = Arguments::parse().command;
    let mut audit = Audit::new(headers);
    for part in files {
        audit = audit.files(part);
    }
    for argument in clang {
        audit = audit.clang_argument(argument);
    }
    let report = match audit.run() {
        Ok(report) => report,
        Err(error) => {
            let _ = writeln!(io::stderr(), "malloc-bindgen: {error}");
            return ExitCode::from(2);
        }
    };
    let text = if json {
        match serde_json::to_string_pretty(&report) {
            Ok(text) => text,
            Err(error) => {
                let _ = writeln!(io::stderr(), "malloc-bindgen: {error}");
                return ExitCode::from(2);
            }
        }
    } else {
        report.to_string()
    };
    // A reader that has seen enough, as head, closes the pipe.
    let _ = writeln!(io::stdout(), "{text}");
    ExitCode::from(u8::from(report.undecided().next().is_some()))
}
