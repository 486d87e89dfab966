//! The report as a text that fits a terminal.

use core::fmt::{self, Display};
use std::borrow::Cow;
use std::path::Path;
use std::{env, format};

use super::allow;
use super::frames::is_library;
use super::paths;
use super::report::{Report, Site};
use crate::stack::Frame;
use crate::status::{self, Status};

/// Sites beyond these are only counted.
const MOST_SITES: usize = 16;
/// Frames beyond these are only counted.
const MOST_FRAMES: usize = 24;
const WIDTH: usize = 100;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const DIM: &str = "\x1b[2m";

/// Text between the codes that switch a colour on and off, if colours are wanted.
fn painted(f: &mut fmt::Formatter<'_>, colour: &str, text: &str) -> fmt::Result {
    if f.alternate() {
        write!(f, "{colour}{text}\x1b[0m")
    } else {
        f.write_str(text)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Status::Inactive(reason) = self.status() {
            painted(f, RED, "the leak checker is inactive, so nothing is proven")?;
            return writeln!(f, ": {reason}");
        }
        if self.sites().is_empty() {
            writeln!(f, "no block left behind")?;
            return what_is_out_of_sight(self, f);
        }
        let sites = match self.sites().len() {
            1 => "1 site".into(),
            number => format!("{} sites", grouped(number as u64)),
        };
        let amount = amount_of(self.blocks(), self.bytes());
        painted(f, RED, &format!("{amount} left behind, from {sites}"))?;
        writeln!(f)?;
        let is_direct = |site: &&Site| site.blocks() > site.indirect_blocks();
        let (direct, indirect): (Vec<&Site>, Vec<&Site>) = self.sites().iter().partition(is_direct);
        for site in direct.iter().take(MOST_SITES) {
            writeln!(f)?;
            Display::fmt(site, f)?;
        }
        rest_of(direct.get(MOST_SITES..).unwrap_or_default(), "", f)?;
        rest_of(&indirect, ", each of which belongs to one above", f)?;
        if !self.is_sorted() {
            writeln!(f, "\nToo many blocks to tell which belong to others.")?;
        }
        if self.may_be_set_up_once() {
            let hint = "What is set up once, or replaces what was there, may be among these: \
                        leak::repeat reports only what grows.";
            writeln!(f)?;
            painted(f, DIM, hint)?;
            writeln!(f)?;
        }
        what_is_out_of_sight(self, f)
    }
}

/// Sites that are only counted.
fn rest_of(sites: &[&Site], of_what_kind: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if sites.is_empty() {
        return Ok(());
    }
    let blocks = sites.iter().map(|site| site.blocks()).sum();
    let bytes = sites.iter().map(|site| site.bytes()).sum();
    let number = match sites.len() {
        1 => "1 more site".into(),
        number => format!("{} more sites", grouped(number as u64)),
    };
    writeln!(
        f,
        "\n… and {} from {number}{of_what_kind}",
        amount_of(blocks, bytes)
    )
}

/// What the report cannot know, a line each.
fn what_is_out_of_sight(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let allowed = report.allowed();
    if allowed.blocks > 0 {
        let amount = amount_of(allowed.blocks, allowed.bytes);
        writeln!(f, "\n{amount} allowed by {}", allow::VARIABLE)?;
    }
    match report.running_threads() {
        0 => {}
        1 => writeln!(f, "\n1 thread that was started inside is still running")?,
        more => writeln!(
            f,
            "\n{more} threads that were started inside are still running"
        )?,
    }
    let others = report.sites_of_other_threads();
    if !others.is_empty() {
        let blocks = others.iter().map(Site::blocks).sum();
        let bytes = others.iter().map(Site::bytes).sum();
        let amount = amount_of(blocks, bytes);
        writeln!(f)?;
        painted(f, RED, &format!("{amount} of other threads"))?;
        writeln!(
            f,
            ", which ran before and allocated meanwhile: perhaps a pool that worked for this code.\n\
             process_scope and process_repeat count them; without_other_threads leaves them out"
        )?;
        for site in others.iter().take(MOST_SITES) {
            writeln!(f)?;
            Display::fmt(site, f)?;
        }
    }
    if status::sees_rust() {
        return Ok(());
    }
    let note = "Rust's own blocks are not seen: its #[global_allocator] is not malloc";
    painted(f, DIM, note)?;
    writeln!(f)
}

impl Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        painted(f, BOLD, &amount_of(self.blocks(), self.bytes()))?;
        if self.owned_blocks() > 0 {
            let owned = amount_of(self.owned_blocks(), self.owned_bytes());
            write!(f, ", to which {owned} belong")?;
        }
        writeln!(f)?;
        let shown = self.frames().len().min(MOST_FRAMES);
        for run in self.frames()[..shown].chunk_by(|one, next| is_library(one) == is_library(next))
        {
            match run {
                [inside @ .., called] if is_library(called) && inside.len() > 1 => {
                    let more = inside.len();
                    painted(f, DIM, &format!("    … {more} calls inside of"))?;
                    writeln!(f)?;
                    Display::fmt(called, f)?;
                }
                _ => run.iter().try_for_each(|frame| Display::fmt(frame, f))?,
            }
        }
        match self.frames().len() - shown {
            0 => Ok(()),
            more => writeln!(f, "    … {more} more calls"),
        }
    }
}

/// On one line if it is short enough, else on two.
impl Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let function = shortened(&self.function, WIDTH - 4);
        let place = place(self);
        let fits = 4 + function.chars().count() + 2 + place.chars().count() <= WIDTH;
        let gap = if fits { "  " } else { "\n        " };
        write!(f, "    {function}")?;
        if !place.is_empty() {
            f.write_str(gap)?;
            painted(f, DIM, &place)?;
        }
        writeln!(f)
    }
}

/// The file and line, or the library, as briefly as they can be understood.
fn place(frame: &Frame) -> String {
    let Some(file) = &frame.file else {
        let object = frame.object.as_deref().unwrap_or_default();
        return object.rsplit('/').next().unwrap_or_default().to_string();
    };
    let here = env::current_dir().ok();
    let file = here
        .and_then(|here| file.strip_prefix(here).ok())
        .unwrap_or(file);
    let file = shortened_path(file);
    match frame.line {
        Some(line) => format!("{file}:{line}"),
        None => file.into_owned(),
    }
}

/// Without the folders of the toolchain or of a registry, where nobody's files are.
fn shortened_path(file: &Path) -> Cow<'_, str> {
    let file = file.to_string_lossy();
    if let Some(inside) = paths::in_toolchain(&file) {
        return Cow::Owned(format!("library/{inside}"));
    }
    match paths::in_registry(&file) {
        Some(inside) => Cow::Owned(inside.to_owned()),
        None => file,
    }
}

/// The beginning and the end of a name, which say most.
fn shortened(name: &str, width: usize) -> Cow<'_, str> {
    let length = name.chars().count();
    if length <= width {
        return Cow::Borrowed(name);
    }
    let kept = (width - 1) / 2;
    let start: String = name.chars().take(kept).collect();
    let end: String = name.chars().skip(length - kept).collect();
    Cow::Owned(format!("{start}…{end}"))
}

pub(super) fn amount_of(blocks: u64, bytes: u64) -> String {
    let plural = |number: u64, word: &str| {
        let s = if number == 1 { "" } else { "s" };
        format!("{} {word}{s}", grouped(number))
    };
    format!("{}, {}", plural(blocks, "block"), plural(bytes, "byte"))
}

/// With a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| str::from_utf8(group).expect("digits"))
        .collect();
    groups.join(",")
}
