//! The report as lines that a CI service shows beside the code.

use core::fmt::{self, Display};
use std::env;

use super::display::amount_of;
use super::paths;
use super::report::{Report, Site};
use crate::stack::Frame;

/// A workflow command of GitHub's for each site.
pub(super) struct Annotations<'r>(pub(super) &'r Report);

impl Display for Annotations<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .sites()
            .iter()
            .try_for_each(|site| write_site(site, f))
    }
}

fn write_site(site: &Site, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("::error ")?;
    if let Some(frame) = site.frames().iter().find(|frame| is_the_programs(frame))
        && let Some(file) = &frame.file
    {
        let here = env::current_dir().unwrap_or_default();
        let file = file.strip_prefix(here).unwrap_or(file);
        write!(f, "file={}", escaped_property(&file.to_string_lossy()))?;
        if let Some(line) = frame.line {
            write!(f, ",line={line}")?;
        }
    }
    let function = site.frames().first().map(|frame| &*frame.function);
    let amount = amount_of(site.blocks(), site.bytes());
    let message = format!("{amount} left behind by {}", function.unwrap_or_default());
    writeln!(f, "::{}", escaped(&message))
}

/// Whether a line is in code that is in the program's own repository, as far as its path tells.
fn is_the_programs(frame: &Frame) -> bool {
    let file = frame.file.as_ref().map(|file| file.to_string_lossy());
    file.is_some_and(|file| {
        paths::in_toolchain(&file).is_none()
            && paths::in_registry(&file).is_none()
            && !file.contains("/usr/include/")
    })
}

/// What a command's message may not have as it is.
fn escaped(text: &str) -> String {
    let text = text.replace('%', "%25");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

/// What a command's property may not have either.
fn escaped_property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
