//! Prints what tests skipped, for the crate `skipped`.
//!
//! A macro, as it has to run in rustdoc itself: what a documentation test prints is captured.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::process::parent_id;
use std::path::Path;

use proc_macro::TokenStream;

/// Prints the notes of the cargo that runs this rustdoc, and expands to nothing.
#[proc_macro]
pub fn print(_: TokenStream) -> TokenStream {
    if let Some(out) = env::var_os("OUT_DIR") {
        let notes = Path::new(&out).join("notes");
        let run = notes.join(parent_id().to_string());
        let text = fs::read_to_string(run).unwrap_or_default(); // nothing was skipped
        let _ = io::stderr().write_all(list(&text).as_bytes());
        let _ = fs::remove_dir_all(notes); // those of runs without an end as well
    }
    TokenStream::new()
}

/// Each remedy once, below all that it brings.
fn list(notes: &str) -> String {
    let mut remedies: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (reason, remedy) in notes.lines().filter_map(|note| note.split_once('\t')) {
        remedies.entry(remedy).or_default().insert(reason);
    }
    if remedies.is_empty() {
        return "\nNo test was skipped on this machine.\n".to_owned();
    }
    let mut list = String::from("\nSkipped on this machine, and how to run it:\n");
    for (remedy, reasons) in remedies {
        for reason in reasons {
            let _ = writeln!(list, "- {reason}"); // a String takes all
        }
        let _ = writeln!(list, "    {remedy}");
    }
    list
}
