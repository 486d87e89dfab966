//! What people see while it runs and at the end: a live chart, plain lines, or the table alone.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use crate::cli::Cli;
use crate::lines;
use crate::live::Live;
use crate::protocol::Sample;
use crate::scenario::Plan;
use crate::table;
use crate::terminal;
use crate::timeline::Track;
use crate::units;

/// Where and how the run is shown.
pub(crate) struct View {
    page: Page,
    turns: Turns,
}

enum Turns {
    Hidden,
    Lines,
    Live(Box<Live>),
}

/// Where text goes, with the width and the characters that are to be had there.
struct Page {
    out: Box<dyn Write>,
    on_terminal: bool,
    ascii: bool,
}

impl Page {
    /// Asked each time, as a terminal changes its size.
    fn columns(&self) -> usize {
        let terminal = if self.on_terminal {
            terminal::of_output()
        } else {
            None
        };
        terminal::columns(terminal)
    }

    fn print(&mut self, text: &str) -> io::Result<()> {
        if self.ascii {
            self.out.write_all(terminal::in_ascii(text).as_bytes())?;
        } else {
            self.out.write_all(text.as_bytes())?;
        }
        self.out.flush()
    }
}

impl View {
    /// Takes standard output, or standard error where a file has the former for itself.
    ///
    /// A live chart is drawn anew after `frame` at the earliest.
    pub(crate) fn open(cli: &Cli, heading: &str, frame: Duration) -> Self {
        let taken = cli.output_is_taken();
        let mut page = Page {
            out: if taken {
                Box::new(io::stderr())
            } else {
                Box::new(io::stdout())
            },
            on_terminal: !taken && io::stdout().is_terminal(),
            ascii: terminal::is_ascii(),
        };
        if cli.quiet {
            let turns = Turns::Hidden;
            return Self { page, turns };
        }
        // If this cannot be written, the first turn cannot either, and that ends the run.
        let _ = page.print(&(units::wrapped(heading, page.columns()) + "\n"));
        let live = if page.on_terminal {
            Live::open(heading, page.ascii, frame)
        } else {
            None
        };
        let turns = live.map_or(Turns::Lines, |live| Turns::Live(Box::new(live)));
        Self { page, turns }
    }

    /// Whether a terminal shows the run, and not a file or another program.
    pub(crate) fn is_on_terminal(&self) -> bool {
        self.page.on_terminal
    }

    /// Shows a turn that is over, where turns are lines.
    pub(crate) fn turn(&mut self, plan: &Plan, track: &Track, sample: Sample) -> io::Result<()> {
        match self.turns {
            Turns::Lines => {
                let columns = self.page.columns();
                let line = lines::turn(plan, track, sample, columns);
                self.page.print(&(line + "\n"))
            }
            Turns::Hidden | Turns::Live(_) => Ok(()),
        }
    }

    /// Draws, where there is something to draw on and the last picture is old enough.
    pub(crate) fn frame(&mut self, plan: &Plan, tracks: &[Track]) -> io::Result<()> {
        match &mut self.turns {
            Turns::Live(live) => live.frame(plan, tracks),
            Turns::Hidden | Turns::Lines => Ok(()),
        }
    }

    /// Shows the end: the last picture, the table, the lesson, and `notes`.
    pub(crate) fn finish(
        mut self,
        plan: &Plan,
        tracks: &[Track],
        notes: &[String],
    ) -> io::Result<()> {
        let columns = self.page.columns();
        let mut text = match self.turns {
            Turns::Hidden => String::new(),
            Turns::Lines => "\n".to_owned(),
            Turns::Live(live) => live.close(plan, tracks) + "\n",
        };
        text.push_str(&table::table(tracks, columns));
        for paragraph in table::lesson(plan, tracks).iter().chain(notes) {
            text.push('\n');
            text.push_str(&units::wrapped(paragraph, columns));
            text.push('\n');
        }
        self.page.print(&text)
    }
}
