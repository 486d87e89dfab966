//! The live chart: all curves so far, and a line on each scenario's progress.
//!
//! While it runs it has the terminal's other screen, so that a terminal that changes its size is
//! simply drawn anew. At the end the last picture is printed on the usual screen, and stays in the
//! scrollback. Keys are not read: the terminal stays in its usual mode, and Ctrl-C comes as a
//! signal.

use std::io;
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::{CrosstermBackend, IntoCrossterm as _};
use ratatui::buffer::{Buffer, Cell};
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::crossterm::{Command as _, execute, style, terminal as screen};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph, Widget as _};

use crate::curve::{self, Scale};
use crate::interrupt::Suspension;
use crate::lines;
use crate::scenario::{Plan, Scenario};
use crate::terminal;
use crate::timeline::{State, Track};
use crate::units;

/// Smaller than this, a chart would tell less than the lines it replaces.
const LEAST: (u16, u16) = (60, 16);

/// Taller than this, a curve gains nothing.
const TALLEST: u16 = 32;

/// The terminal while the chart has its other screen.
pub(crate) struct Live {
    /// Never dropped: its own `drop` panics when the terminal is gone and standard error with it.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<io::Stdout>>>,
    heading: String,
    ink: Ink,
    /// The time from one picture to the next.
    frame: Duration,
    /// When the next picture is due.
    due: Option<Instant>,
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
        let (columns, rows) = screen::size().ok()?;
        if columns < LEAST.0 || rows < LEAST.1 || !has_the_terminal_to_itself() {
            return None;
        }
        let suspension = Suspension::listen();
        execute!(io::stdout(), EnterAlternateScreen).ok()?;
        let Ok(terminal) = Terminal::new(CrosstermBackend::new(io::stdout())) else {
            let _ = execute!(io::stdout(), LeaveAlternateScreen); // there is no terminal any more
            return None;
        };
        Some(Self {
            terminal: ManuallyDrop::new(terminal),
            heading: heading.to_owned(),
            ink: Ink {
                colored: !style::Colored::ansi_color_disabled(),
                ascii,
            },
            frame,
            due: None,
            suspension,
        })
    }

    /// Draws what is known now, if the last picture is old enough.
    pub(crate) fn frame(&mut self, plan: &Plan, tracks: &[Track]) -> io::Result<()> {
        if self.suspension.is_asked_for() {
            self.leave();
            Suspension::stop_until_continued();
            execute!(io::stdout(), EnterAlternateScreen)?;
            self.terminal.clear()?;
        } else if self.due.is_some_and(|due| Instant::now() < due) {
            return Ok(());
        }
        let start = Instant::now();
        let (heading, ink) = (self.heading.as_str(), self.ink);
        self.terminal.draw(|frame| {
            let area = drawn_on(frame.area());
            render(frame.buffer_mut(), area, heading, ink, plan, tracks);
        })?;
        let end = Instant::now();
        // On a slow machine at least half of the time is for hearing the children.
        self.due = Some(end + self.frame.max(end - start));
        Ok(())
    }

    /// Gives the screen back, and returns the last picture for the usual one.
    pub(crate) fn close(self, plan: &Plan, tracks: &[Track]) -> String {
        let Ok((columns, rows)) = screen::size() else {
            return String::new(); // no terminal any more, which takes the table either
        };
        if columns < LEAST.0 || rows < LEAST.1 {
            return String::new();
        }
        let area = drawn_on(Rect::new(0, 0, columns, rows - 1));
        let mut picture = Buffer::empty(area);
        render(&mut picture, area, "", self.ink, plan, tracks);
        printed(&picture, self.ink.colored)
    }

    fn leave(&mut self) {
        let _ = self.terminal.show_cursor(); // fails only where there is no terminal any more
        let _ = execute!(io::stdout(), LeaveAlternateScreen);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.leave();
    }
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

/// The part of the screen that is used.
fn drawn_on(screen: Rect) -> Rect {
    let wished = terminal::columns(Some(usize::from(screen.width)));
    Rect {
        width: u16::try_from(wished).map_or(screen.width, |wished| wished.min(screen.width)),
        height: screen.height.min(TALLEST),
        ..screen
    }
}

/// The picture as text, with the sequences that colour it.
fn printed(picture: &Buffer, colored: bool) -> String {
    let width = usize::from(picture.area.width.max(1));
    let mut text = String::new();
    for row in picture.content.chunks(width) {
        let end = row.iter().rposition(|cell| cell.symbol() != " ");
        let mut styled = None;
        for cell in &row[..end.map_or(0, |last| last + 1)] {
            let style = (cell.fg, cell.modifier.contains(Modifier::BOLD));
            if colored && styled != Some(style) {
                styled = Some(style);
                text.push_str(&sequence(style));
            }
            text.push_str(cell.symbol());
        }
        if styled.is_some() {
            text.push_str("\x1b[0m");
        }
        text.push('\n');
    }
    text
}

/// The sequence after which text looks like this, whatever it looked like before.
fn sequence((color, bold): (Color, bool)) -> String {
    let mut sequence = String::from("\x1b[0m");
    let _ = style::SetForegroundColor(color.into_crossterm()).write_ansi(&mut sequence); // a String takes all
    if bold {
        let _ = style::SetAttribute(style::Attribute::Bold).write_ansi(&mut sequence);
    }
    sequence
}

fn render(buffer: &mut Buffer, area: Rect, heading: &str, ink: Ink, plan: &Plan, tracks: &[Track]) {
    let columns = usize::from(area.width);
    let heading = units::wrapped(heading, columns);
    let status_height = length(tracks.len());
    // The heading is the first to give way.
    let spare = area.height.saturating_sub(status_height + 10);
    let heading_height = length(heading.lines().count()).min(spare);
    let [top, chart, status] = Layout::vertical([
        Constraint::Length(heading_height),
        Constraint::Fill(1),
        Constraint::Length(status_height),
    ])
    .areas(area);
    Paragraph::new(heading).render(top, buffer);
    render_chart(buffer, chart, ink, plan, tracks);
    let status_lines: Vec<_> = tracks
        .iter()
        .map(|track| status_line(ink, plan, track, columns))
        .collect();
    Paragraph::new(status_lines).render(status, buffer);
    if ink.ascii {
        buffer.content.iter_mut().for_each(to_ascii);
    }
}

fn length(lines: usize) -> u16 {
    u16::try_from(lines).unwrap_or(u16::MAX)
}

fn to_ascii(cell: &mut Cell) {
    if let Some(character) = cell.symbol().chars().next() {
        cell.set_char(terminal::ascii(character));
    }
}

fn render_chart(buffer: &mut Buffer, area: Rect, ink: Ink, plan: &Plan, tracks: &[Track]) {
    // As many labels as stay apart.
    let (time, memory) = curve::scales(
        plan,
        tracks,
        u32::from(area.width / 8),
        u32::from(area.height / 2),
    );
    let dash = time.end / 36.0;
    // A cell has 2 × 4 dots; the labels beside the curves make theirs a little larger than this.
    let dot = (
        time.end / (2.0 * f64::from(area.width.max(1))),
        memory.end / (4.0 * f64::from(area.height.max(1))),
    );
    let curves: Vec<_> = Scenario::layers()
        .iter()
        .filter_map(|scenario| tracks.iter().find(|track| track.scenario == *scenario))
        .map(|track| {
            let look = track.scenario.facts().look;
            let steps = curve::thinned(&track.steps(), dot.0);
            if look.dashed {
                let dots = curve::dots(&curve::dashes(&steps, dash), dot);
                (look, GraphType::Scatter, dots)
            } else {
                (look, GraphType::Line, steps)
            }
        })
        .collect();
    let datasets = curves.iter().map(|(look, graph_type, points)| {
        let marker = if ink.colored && !ink.ascii {
            Marker::Braille
        } else {
            Marker::Custom(look.letter)
        };
        Dataset::default()
            .data(points)
            .marker(marker)
            .graph_type(*graph_type)
            .style(Style::new().fg(look.terminal_color))
    });
    Chart::new(datasets.collect())
        .x_axis(axis(&time, "seconds"))
        .y_axis(axis(&memory, "MiB resident"))
        .render(area, buffer);
}

fn axis<'a>(scale: &Scale, title: &'a str) -> Axis<'a> {
    Axis::default()
        .title(title)
        .bounds([0.0, scale.end])
        .labels(scale.labels())
        .style(Color::DarkGray)
}

/// As much of a scenario's progress as the columns hold.
fn status_line<'a>(ink: Ink, plan: &Plan, track: &Track, columns: usize) -> Line<'a> {
    const BAR: u32 = 10;
    let facts = track.scenario.facts();
    let stroke = match (ink.colored && !ink.ascii, facts.look.dashed) {
        (true, false) => "━━━".to_owned(),
        (true, true) => "╺╸╺".to_owned(),
        (false, _) => facts.look.letter.to_string().repeat(3),
    };
    let style = Style::new().fg(facts.look.terminal_color);
    let filled = (track.turns * BAR / plan.count) as usize;
    let bar = "█".repeat(filled) + &"░".repeat(BAR as usize - filled);
    let name = format!(" {stroke} {:<7}", facts.name);
    let digits = plan.count.to_string().len();
    let turns = format!("{:>digits$}/{}  ", track.turns, plan.count);
    let failed = matches!(track.state, State::Failed(_));

    let width = |text: &str| text.chars().count();
    let room = columns.saturating_sub(width(&name) + width(&turns));
    let wordings = wordings(track);
    let chosen = wordings.iter().find_map(|wording| {
        let beside_a_bar = BAR as usize + 1 + width(wording) <= room;
        (beside_a_bar || width(wording) <= room).then_some((wording, beside_a_bar))
    });
    let (told, with_bar) = chosen.map_or(("", false), |(told, bar)| (told.as_str(), bar));
    let mut spans = vec![Span::styled(name, style.add_modifier(Modifier::BOLD))];
    if with_bar {
        spans.push(Span::styled(bar + " ", style));
    }
    spans.push(Span::raw(turns));
    let alarm = Style::new().fg(Color::Red);
    spans.push(Span::styled(
        told.to_owned(),
        if failed { alarm } else { Style::new() },
    ));
    Line::from(spans)
}

/// What a scenario does now or came to, from the longest wording to the shortest.
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
        for columns in 40..=200 {
            let line = status_line(ink, &plan, &track, columns);
            assert!(line.width() <= columns, "{columns}: {line}");
            assert!(
                line.to_string().contains("20/20  peak 1,004.7 MiB"),
                "{columns}: {line}"
            );
        }
    }

    #[test]
    fn a_printed_picture_ends_each_line_where_its_colours_end() {
        let mut picture = Buffer::empty(Rect::new(0, 0, 8, 2));
        picture.set_string(0, 0, "ab", Style::new().fg(Color::Red));
        assert_eq!(printed(&picture, false), "ab\n\n");
        assert_eq!(printed(&picture, true), "\x1b[0m\x1b[38;5;1mab\x1b[0m\n\n");
    }
}
