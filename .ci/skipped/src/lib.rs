//! What tests skipped on this machine, told in one place at the end of a run.
//!
//! `cargo test --workspace` tests the documentation of libraries last, in the order of their names,
//! and of this workspace's names `skipped` is the last. Its documentation has no example; that it
//! is looked for is when the list is printed.

use std::io::{self, Write as _};

/// Says that a test was skipped, for which reason, and how to have it run; the list at the end
/// repeats it.
///
/// `remedy` is a command where there is one.
pub fn note(reason: &str, remedy: &str) {
    // Not eprintln, which the harness captures; in one piece, as tests run beside it.
    let said = format!("\nskipped: {reason}\n");
    let _ = io::stderr().write_all(said.as_bytes());
    #[cfg(unix)]
    keep(reason, remedy);
}

/// Adds the note to those of the cargo that runs this test.
#[cfg(unix)]
fn keep(reason: &str, remedy: &str) {
    let notes = std::path::Path::new(env!("OUT_DIR")).join("notes");
    let run = notes.join(std::os::unix::process::parent_id().to_string());
    let note = format!("{}\t{}\n", one_line(reason), one_line(remedy));
    let written = std::fs::create_dir_all(&notes).and_then(|()| {
        let mut file = std::fs::OpenOptions::new();
        let mut file = file.create(true).append(true).open(run)?;
        file.write_all(note.as_bytes())
    });
    if let Err(error) = written {
        let _ = writeln!(io::stderr(), "\nthe list will lack this: {error}");
    }
}

#[cfg(unix)]
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(all(unix, doctest))]
skipped_list::print!();
