//! The live chart: all curves so far, and a line on each scenario's progress.
//!
//! While it runs it has the terminal's other screen, so that a terminal that changes its size is
//! simply drawn anew. At the end the last picture is printed on the usual screen, and stays in the
//! scrollback. Keys are not read: the terminal stays in its usual mode, and Ctrl-C comes as a
//! signal.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use crossterm::style::{self, Color};
use crossterm::terminal::{self as screen, Clear, ClearType};
use crossterm::{cursor, execute, queue};

use crate::canvas::{Canvas, Chart, Pen, Style};
use crate::curve;
use crate::interrupt::Suspension;
use crate::lines;
use crate::scenario::{Plan, Scenario};
use crate::terminal;
use crate::timeline::{State, Track};
use crate::units;

/// Smaller than this, a chart would tell less than the lines it replaces.
const LEAST: (usize, usize) = (60, 16);

/// Taller than this, a curve gains nothing.
const TALLEST: usize = 32;

/// The terminal while the chart has its other screen.
pub(crate) struct Live {
    heading: String,
    ink: Ink,
    /// The time from one picture to the next.
    frame: Duration,
    /// When the next picture is due.
    due: Option<Instant>,
    /// Of the last picture: its columns and rows.
    size: (usize, usize),
    suspension: Suspension,
}

/// What there is to draw with.
#[derive(Clone, Copy)]
struct Ink {
    colored: bool,
    ascii: bool,
}

impl Live {
    /// Takes the other screen; `None` where that cannot be done, or is not worth it.
    pub(crate) fn open(heading: &str, ascii: bool, frame: Duration) -> Option<Self> {
        let size = size()?;
        if size.0 < LEAST.0 || size.1 < LEAST.1 || !has_the_terminal_to_itself() {
            return None;
        }
        let live = Self {
            heading: heading.to_owned(),
            ink: Ink {
                colored: !style::Colored::ansi_color_disabled(),
                ascii,
            },
            frame,
            due: None,
            size,
            suspension: Suspension::listen(),
        };
        Self::enter().is_ok().then_some(live)
    }

    /// Draws what is known now, if the last picture is old enough.
    pub(crate) fn frame(&mut self, plan: &Plan, tracks: &[Track]) -> io::Result<()> {
        if self.suspension.is_asked_for() {
            Self::leave();
            Suspension::stop_until_continued();
            Self::enter()?;
        } else if self.due.is_some_and(|due| Instant::now() < due) {
            return Ok(());
        }
        let start = Instant::now();
        let size = size().unwrap_or(self.size);
        let picture = picture(size, &self.heading, self.ink, plan, tracks);
        let mut bytes = Vec::new();
        if size != self.size {
            self.size = size;
            queue!(bytes, Clear(ClearType::All))?; // a terminal that changes its size moves lines
        }
        for (row, line) in (0..).zip(picture.lines(self.ink.colored)) {
            queue!(bytes, cursor::MoveTo(0, row), Clear(ClearType::CurrentLine))?;
            bytes.extend_from_slice(line.as_bytes());
        }
        let mut out = io::stdout().lock();
        out.write_all(&bytes)?;
        out.flush()?;
        let end = Instant::now();
        // On a slow machine at least half of the time is for hearing the children.
        self.due = Some(end + self.frame.max(end - start));
        Ok(())
    }

    /// Gives the screen back, and returns the last picture for the usual one.
    pub(crate) fn close(self, plan: &Plan, tracks: &[Track]) -> String {
        let Some((columns, rows)) = size() else {
            return String::new(); // no terminal any more, which takes the table either
        };
        if columns < LEAST.0 || rows < LEAST.1 {
            return String::new();
        }
        let picture = picture((columns, rows - 1), "", self.ink, plan, tracks);
        let lines = picture.lines(self.ink.colored).into_iter();
        lines.map(|line| line + "\n").collect()
    }

    fn enter() -> io::Result<()> {
        execute!(io::stdout(), screen::EnterAlternateScreen, cursor::Hide)
    }

    fn leave() {
        // Fails only where there is no terminal any more.
        let _ = execute!(io::stdout(), cursor::Show, screen::LeaveAlternateScreen);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        Self::leave();
    }
}

/// The columns that are used of the terminal, and its rows.
fn size() -> Option<(usize, usize)> {
    let (columns, rows) = screen::size().ok().filter(|(columns, _)| *columns > 0)?;
    let columns = terminal::columns(Some(usize::from(columns)));
    Some((columns, usize::from(rows)))
}

/// Whether this is no job in the background, which would draw over what the shell does.
fn has_the_terminal_to_itself() -> bool {
    if std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb") {
        return false;
    }
    #[cfg(unix)]
    {
        use nix::unistd::{getpgrp, tcgetpgrp};

        tcgetpgrp(io::stdout()).is_ok_and(|foreground| foreground == getpgrp())
    }
    #[cfg(not(unix))]
    true
}

/// The heading, the curves, and below them a line on each scenario.
fn picture(
    (columns, rows): (usize, usize),
    heading: &str,
    ink: Ink,
    plan: &Plan,
    tracks: &[Track],
) -> Canvas {
    let rows = rows.min(TALLEST);
    let mut canvas = Canvas::new(columns, rows);
    let heading = units::wrapped(heading, columns);
    let status = rows.saturating_sub(tracks.len());
    // The heading is the first to give way.
    let spare = status.saturating_sub(10);
    let top = heading.lines().count().min(spare);
    for (row, line) in heading.lines().take(top).enumerate() {
        canvas.write(0, row, line, Style::PLAIN);
    }
    draw_curves(&mut canvas, top..status, columns, ink, plan, tracks);
    let lines = status_lines(ink, plan, tracks, columns);
    for (row, line) in (status..).zip(lines) {
        let mut column = 0;
        for (text, style) in line {
            canvas.write(column, row, &text, style);
            column += text.chars().count();
        }
    }
    if ink.ascii {
        canvas.make_ascii(terminal::ascii);
    }
    canvas
}

fn draw_curves(
    canvas: &mut Canvas,
    rows: std::ops::Range<usize>,
    columns: usize,
    ink: Ink,
    plan: &Plan,
    tracks: &[Track],
) {
    // As many labels as stay apart.
    let most = |places: usize| u32::try_from(places).unwrap_or(u32::MAX);
    let (time, memory) = curve::scales(plan, tracks, most(columns / 8), most(rows.len() / 2));
    let style = Style::of(Color::DarkGrey);
    let Some(mut chart) = Chart::draw(canvas, rows, time, memory, style) else {
        return; // a terminal that became too small
    };
    for scenario in Scenario::layers() {
        let Some(track) = tracks.iter().find(|track| track.scenario == scenario) else {
            continue;
        };
        let look = scenario.facts().look;
        let pen = if ink.colored && !ink.ascii {
            Pen::Braille
        } else {
            Pen::Letter(look.letter)
        };
        let style = Style::of(look.terminal_color);
        chart.curve(&track.steps(), look.dashed, pen, style);
    }
}

/// How much of the scenarios' progress is told, the same of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Detail {
    bar: bool,
    /// Which of the wordings, or the last of those that have fewer.
    wording: usize,
}

/// From the most to the least.
const DETAILS: [Detail; 5] = [
    Detail {
        bar: true,
        wording: 0,
    },
    Detail {
        bar: true,
        wording: 1,
    },
    Detail {
        bar: true,
        wording: 2,
    },
    Detail {
        bar: false,
        wording: 2,
    },
    Detail {
        bar: false,
        wording: usize::MAX,
    },
];

/// A line in pieces of one look each.
type Line = Vec<(String, Style)>;

fn width(line: &Line) -> usize {
    line.iter().map(|(text, _)| text.chars().count()).sum()
}

/// A line on each scenario's progress, with as much as the columns hold.
fn status_lines(ink: Ink, plan: &Plan, tracks: &[Track], columns: usize) -> Vec<Line> {
    let all = |detail: Detail| {
        let lines = tracks.iter();
        lines.map(move |track| status_line(ink, plan, track, detail))
    };
    let [more @ .., least] = DETAILS;
    let fits = |detail: &Detail| all(*detail).all(|line| width(&line) <= columns);
    all(more.into_iter().find(fits).unwrap_or(least)).collect()
}

fn status_line(ink: Ink, plan: &Plan, track: &Track, detail: Detail) -> Line {
    const BAR: u32 = 10;
    let facts = track.scenario.facts();
    let stroke = match (ink.colored && !ink.ascii, facts.look.dashed) {
        (true, false) => "━━━".to_owned(),
        (true, true) => "╺╸╺".to_owned(),
        (false, _) => facts.look.letter.to_string().repeat(3),
    };
    let style = Style::of(facts.look.terminal_color);
    let bold = Style {
        bold: true,
        ..style
    };
    let mut line = vec![(format!(" {stroke} {:<7}", facts.name), bold)];
    if detail.bar {
        let filled = (track.turns * BAR / plan.count) as usize;
        let bar = "█".repeat(filled) + &"░".repeat(BAR as usize - filled);
        line.push((bar + " ", style));
    }
    let digits = plan.count.to_string().len();
    let turns = format!("{:>digits$}/{}  ", track.turns, plan.count);
    line.push((turns, Style::PLAIN));
    let mut wordings = wordings(track);
    let last = wordings.len() - 1;
    let told = wordings.swap_remove(detail.wording.min(last));
    let looks = if track.failed() {
        Style::of(Color::DarkRed)
    } else {
        Style::PLAIN
    };
    line.push((told, looks));
    line
}

/// What a scenario does now or came to, from the longest wording to the shortest; at least one.
fn wordings(track: &Track) -> Vec<String> {
    let bytes = |figure: Option<u64>| figure.map_or_else(|| "n/a".to_owned(), units::bytes);
    match &track.state {
        State::Waiting => vec!["waits for its turn".to_owned(), "waits".to_owned()],
        State::Running | State::Stopped => {
            let now = track.samples.last().and_then(|sample| sample.rss_bytes);
            let resident = lines::resident(now);
            let mut wordings = Vec::new();
            if let Some(read) = track.read {
                let (deed, found) = (track.scenario.facts().deed, lines::found(read));
                wordings.push(format!("{resident:<15}  {deed}; read {found}"));
                wordings.push(format!("{resident:<15}  {deed}"));
            }
            wordings.push(resident);
            wordings
        }
        State::Done => {
            let peak = bytes(track.figures.peak_rss_bytes);
            let end = bytes(track.figures.end_rss_bytes);
            vec![
                format!("peak {peak}, at the end {end}"),
                format!("peak {peak}, end {end}"),
                format!("peak {peak}"),
            ]
        }
        State::Failed(reason) => vec![reason.clone(), "failed".to_owned()],
        State::Unavailable(reason) => vec![(*reason).to_owned(), "not available".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn a_status_line_keeps_its_numbers_whole_at_every_width() {
        let plan = Plan {
            count: 20,
            size: NonZeroUsize::new(50 << 20).unwrap(),
            interval: Duration::from_millis(500),
        };
        let ink = Ink {
            colored: true,
            ascii: false,
        };
        let mut track = Track::new(Scenario::Retain);
        track.turns = 20;
        track.state = State::Done;
        track.figures.peak_rss_bytes = Some(1_053_500_000);
        track.figures.end_rss_bytes = Some(1_053_500_000);
        let tracks = [track, Track::new(Scenario::Leak)];
        for columns in 40..=200 {
            let lines = status_lines(ink, &plan, &tracks, columns);
            let text = |line: &Line| {
                line.iter()
                    .map(|(text, _)| text.as_str())
                    .collect::<String>()
            };
            let (done, waiting) = (text(&lines[0]), text(&lines[1]));
            assert!(
                done.contains("20/20  peak 1,004.7 MiB"),
                "{columns}: {done}"
            );
            assert_eq!(
                done.contains('█'),
                waiting.contains('░'),
                "{columns}: {waiting}"
            );
            for line in lines {
                assert!(width(&line) <= columns, "{columns}: {}", text(&line));
            }
        }
    }
}
