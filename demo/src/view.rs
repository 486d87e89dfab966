//! What people see while it runs and at the end: a live chart, plain lines, or the table alone.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use crate::cli::Cli;
use crate::lines;
use crate::live::Live;
use crate::protocol::Sample;
use crate::scenario::Plan;
use crate::table;
use crate::timeline::Track;
use crate::units;

/// The time between two pictures of the live chart.
pub(crate) const FRAME: Duration = Duration::from_millis(50);

/// Where and how the run is shown.
pub(crate) struct View {
    out: Box<dyn Write>,
    on_terminal: bool,
    turns: Turns,
    /// The width of the terminal; without one, lines are as long as they are.
    columns: usize,
}

enum Turns {
    Hidden,
    Lines,
    Live(Box<Live>),
}

impl View {
    /// Takes standard output, or standard error where a file has the former for itself.
    pub(crate) fn open(cli: &Cli, heading: &str) -> Self {
        let taken = cli.output_is_taken();
        let mut out: Box<dyn Write> = if taken {
            Box::new(io::stderr())
        } else {
            Box::new(io::stdout())
        };
        let terminal = !taken && io::stdout().is_terminal();
        let size = if terminal {
            ratatui::crossterm::terminal::size().ok()
        } else {
            None
        };
        let columns = match size {
            // Some terminals do not know how wide they are, and say 0.
            None | Some((0, _)) => usize::MAX,
            Some((columns, _)) => usize::from(columns),
        };
        if cli.quiet {
            return Self {
                out,
                on_terminal: terminal,
                turns: Turns::Hidden,
                columns,
            };
        }
        // If this cannot be written, the first turn cannot either, and that ends the run.
        let _ = writeln!(out, "{}", units::wrapped(heading, columns)).and_then(|()| out.flush());
        let live = if terminal { Live::open() } else { None };
        let turns = live.map_or(Turns::Lines, |live| Turns::Live(Box::new(live)));
        Self {
            out,
            on_terminal: terminal,
            turns,
            columns,
        }
    }

    /// Whether a terminal shows the run, and not a file or another program.
    pub(crate) fn is_on_terminal(&self) -> bool {
        self.on_terminal
    }

    /// Shows a turn that is over, where turns are lines.
    pub(crate) fn turn(&mut self, plan: &Plan, track: &Track, sample: Sample) -> io::Result<()> {
        match self.turns {
            Turns::Lines => lines::write(&mut self.out, plan, track, sample),
            Turns::Hidden | Turns::Live(_) => Ok(()),
        }
    }

    /// Draws, where there is something to draw on and the last picture is old enough.
    pub(crate) fn frame(&mut self, plan: &Plan, tracks: &[Track]) -> io::Result<()> {
        if let Turns::Live(live) = &mut self.turns
            && live.is_due()
            && live.draw(plan, tracks).is_err()
        {
            // The terminal no longer says where its cursor is, as after a resize it must.
            self.turns = Turns::Lines;
            return writeln!(self.out);
        }
        Ok(())
    }

    /// Shows the end: the last picture, the table, the lesson.
    pub(crate) fn finish(mut self, plan: &Plan, tracks: &[Track]) -> io::Result<()> {
        let mut text = table::table(tracks);
        if let Some(lesson) = table::lesson(plan, tracks) {
            text.push('\n');
            text.push_str(&units::wrapped(&lesson, self.columns));
            text.push('\n');
        }
        match self.turns {
            Turns::Hidden => {}
            Turns::Lines => text.insert(0, '\n'),
            Turns::Live(live) => {
                let _ = live.close(plan, tracks); // a terminal that is gone does not take the table either
                text.insert(0, '\n');
            }
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}
