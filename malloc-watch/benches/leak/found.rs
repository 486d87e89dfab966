//! What other tools say that was left behind, read from their logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::arms::Tally;
use crate::process;
use crate::workloads::Workload;

/// What a tool says that was left behind.
pub(crate) struct Found {
    /// As far as the tool counts.
    pub(crate) tally: Option<Tally>,
    /// In the tool's own words, if it does not.
    pub(crate) words: String,
    /// What names the places.
    text: String,
}

impl Found {
    fn counted(tally: Tally, text: String) -> Self {
        Self {
            tally: Some(tally),
            words: String::new(),
            text,
        }
    }

    pub(crate) fn by_memcheck(folder: &Path) -> Result<Self, String> {
        let text = all_files(folder)?;
        Ok(Self::counted(memcheck_tally(&text), text))
    }

    pub(crate) fn by_sanitizer(folder: &Path) -> Result<Self, String> {
        let text = all_files(folder)?;
        Ok(Self::counted(sanitizer_tally(&text), text))
    }

    pub(crate) fn by_mtrace(log: &Path, program: &Path) -> Result<Self, String> {
        let mut command = Command::new("sh");
        // Its exit status says whether there are leaks.
        command.args(["-c", "mtrace \"$0\" \"$1\" || true"]);
        let text = process::run(command.arg(program).arg(log))?.output;
        Ok(Self::counted(mtrace_tally(&text), text))
    }

    pub(crate) fn by_heaptrack(folder: &Path) -> Result<Self, String> {
        let mut command = Command::new("heaptrack_print");
        command.args(["--print-leaks=1", "--print-peaks=0"]);
        command.args(["--print-allocators=0", "--print-temporary=0"]);
        command.arg("--file").arg(first_file(folder)?);
        let text = process::run(command.stderr(Stdio::null()))?.output;
        let total = text
            .lines()
            .find_map(|line| line.strip_prefix("total memory leaked: "));
        Ok(Self {
            tally: None,
            words: total.unwrap_or("nothing").to_owned(),
            text,
        })
    }
}

fn all_files(folder: &Path) -> Result<String, String> {
    let mut text = String::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        text += &fs::read_to_string(path).map_err(|error| error.to_string())?;
    }
    Ok(text)
}

fn first_file(folder: &Path) -> Result<PathBuf, String> {
    let mut entries = fs::read_dir(folder).map_err(|error| error.to_string())?;
    match entries.next() {
        Some(Ok(entry)) => Ok(entry.path()),
        _ => Err("heaptrack wrote nothing".to_owned()),
    }
}

/// The number that stands before a word, with or without commas.
fn number_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or_default().trim_end();
    let digits = before.rsplit(' ').next().unwrap_or_default();
    digits.replace(',', "").parse().unwrap_or_default()
}

fn memcheck_tally(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines() {
        if line.contains(" definitely lost: ") || line.contains(" indirectly lost: ") {
            tally.bytes += number_before(line, " bytes");
            tally.blocks += number_before(line, " blocks");
        }
    }
    tally
}

fn sanitizer_tally(text: &str) -> Tally {
    let summary = text.lines().find(|line| line.starts_with("SUMMARY: "));
    let summary = summary.unwrap_or_default();
    Tally {
        blocks: number_before(summary, " allocation"),
        bytes: number_before(summary, " byte"),
    }
}

/// Lines of an address, a size in hexadecimal, and the caller.
fn mtrace_tally(text: &str) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines().filter(|line| line.starts_with("0x")) {
        let size = line.split_whitespace().nth(1).unwrap_or_default();
        if let Ok(size) = u64::from_str_radix(size.trim_start_matches("0x"), 16) {
            tally.blocks += 1;
            tally.bytes += size;
        }
    }
    tally
}

impl Found {
    /// Whether the C function is named, by name or by its file, and whether its Rust caller is.
    pub(crate) fn names(&self, workload: &Workload) -> (bool, bool) {
        let has = |part: &str| self.text.contains(part);
        let caller = workload.caller;
        (
            has(workload.allocator) || has("workload.c:"),
            has(&format!("work::{caller}")) || has(&format!("4work{}{caller}", caller.len())),
        )
    }
}
