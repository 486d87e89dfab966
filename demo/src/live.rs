//! The live chart: all curves so far, and a line on each scenario's progress.
//!
//! It takes a part of the terminal below the cursor, not the whole screen, so
//! that the last picture stays in the scrollback. Keys are not read: the terminal
//! stays in its usual mode, and Ctrl-C comes as a signal.

use std::io;
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::{style, terminal};
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph};
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};

use crate::limit;
use crate::lines;
use crate::scenario::{Plan, Scenario};
use crate::timeline::{LAYERS, State, Track, mebibytes, seconds};
use crate::units;
use crate::view::FRAME;

/// Smaller than this, a chart would tell less than the lines it replaces.
const LEAST: (u16, u16) = (60, 16);

/// Taller than this, a curve gains nothing.
const TALLEST: u16 = 32;

/// The terminal while the chart has a part of it.
pub(crate) struct Live {
    /// Never dropped: its own `drop` panics when the terminal is gone and standard error with it.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<io::Stdout>>>,
    colored: bool,
    area: Rect,
    /// When the next picture is due.
    due: Option<Instant>,
}

impl Live {
    /// Takes a part of the terminal; `None` where that cannot be done, or is not worth it.
    pub(crate) fn open() -> Option<Self> {
        let (columns, rows) = terminal::size().ok()?;
        if columns < LEAST.0 || rows < LEAST.1 || !can_ask_for_the_cursor() {
            return None;
        }
        let viewport = Viewport::Inline((rows - 1).min(TALLEST));
        let backend = CrosstermBackend::new(io::stdout());
        let terminal = Terminal::with_options(backend, TerminalOptions { viewport }).ok()?;
        let colored = !style::Colored::ansi_color_disabled();
        Some(Self {
            terminal: ManuallyDrop::new(terminal),
            colored,
            area: Rect::default(),
            due: None,
        })
    }

    /// Whether the last picture is old enough for the next.
    pub(crate) fn is_due(&self) -> bool {
        self.due.is_none_or(|due| Instant::now() >= due)
    }

    /// Draws what is known now.
    pub(crate) fn draw(&mut self, plan: &Plan, tracks: &[Track]) -> io::Result<()> {
        let start = Instant::now();
        let frame = self
            .terminal
            .draw(|frame| render(frame, self.colored, plan, tracks))?;
        self.area = frame.buffer.area;
        let end = Instant::now();
        // On a slow machine at least half of the time is for hearing the children.
        self.due = Some(end + FRAME.max(end - start));
        Ok(())
    }

    /// Draws the last picture and gives the terminal back, with the cursor below it.
    pub(crate) fn close(mut self, plan: &Plan, tracks: &[Track]) -> io::Result<()> {
        // From scratch: the terminal itself may have written into the picture, as `^C` for Ctrl-C.
        self.terminal.clear()?;
        self.draw(plan, tracks)?;
        self.terminal.set_cursor_position(Position {
            x: 0,
            y: self.area.bottom().saturating_sub(1),
        })?;
        Ok(())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.terminal.show_cursor(); // fails only where there is no terminal any more
    }
}

/// Where the cursor is, is asked by a sequence that the terminal answers like a keyboard.
///
/// A background job would be stopped for that, and a dumb terminal answers nothing.
fn can_ask_for_the_cursor() -> bool {
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

fn render(frame: &mut Frame<'_>, colored: bool, plan: &Plan, tracks: &[Track]) {
    let status_height = u16::try_from(tracks.len()).unwrap_or(u16::MAX);
    let [chart, status] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(status_height + 1)])
            .areas(frame.area());
    render_chart(frame, chart, colored, plan, tracks);
    let status_lines: Vec<_> = tracks
        .iter()
        .map(|track| status_line(colored, plan, track))
        .collect();
    frame.render_widget(Paragraph::new(status_lines), status);
}

fn render_chart(frame: &mut Frame<'_>, area: Rect, colored: bool, plan: &Plan, tracks: &[Track]) {
    let (time, memory) = scales(plan, tracks);
    let dash = time.end / 36.0;
    // A cell has 2 × 4 dots; the labels beside the curves make theirs a little larger than this.
    let dot = (
        time.end / (2.0 * f64::from(area.width.max(1))),
        memory.end / (4.0 * f64::from(area.height.max(1))),
    );
    let curves: Vec<_> = LAYERS
        .iter()
        .filter_map(|scenario| tracks.iter().find(|track| track.scenario == *scenario))
        .map(|track| {
            let steps = thinned(&track.steps(), dot.0);
            if is_dashed(track.scenario) {
                let dots = dots(&dashes(&steps, dash), dot);
                (track, GraphType::Scatter, dots)
            } else {
                (track, GraphType::Line, steps)
            }
        })
        .collect();
    let datasets = curves.iter().map(|(track, graph_type, points)| {
        // Without colours, each curve is drawn with the first letter of its name.
        let letter = track.scenario.name().chars().next().unwrap_or('*');
        let marker = if colored {
            Marker::Braille
        } else {
            Marker::Custom(letter)
        };
        Dataset::default()
            .data(points)
            .marker(marker)
            .graph_type(*graph_type)
            .style(Style::new().fg(color(track.scenario)))
    });
    let chart = Chart::new(datasets.collect())
        .x_axis(time.axis("seconds"))
        .y_axis(memory.axis("MiB resident"));
    frame.render_widget(chart, area);
}

fn color(scenario: Scenario) -> Color {
    match scenario {
        Scenario::Leak => Color::Red,
        Scenario::Defer => Color::Yellow,
        Scenario::Retain => Color::Magenta,
        Scenario::Owned => Color::Green,
        Scenario::Free => Color::LightBlue,
    }
}

/// The upper one of two curves that lie on each other.
fn is_dashed(scenario: Scenario) -> bool {
    matches!(scenario, Scenario::Defer | Scenario::Free)
}

/// The axes of time and memory: long enough for what is planned, or for what was seen if that is more.
fn scales(plan: &Plan, tracks: &[Track]) -> (Scale, Scale) {
    let lingering = plan.interval.min(Duration::from_secs(1));
    let planned_time = (plan.interval * plan.count + lingering).as_secs_f64();
    let needs = tracks.iter().map(|track| limit::need(track.scenario, plan));
    let planned_memory = needs.max().map_or(0.0, mebibytes);

    let points = || tracks.iter().flat_map(|track| &track.samples);
    let seen_time = points()
        .map(|sample| sample.t_ns)
        .max()
        .map_or(0.0, seconds);
    let seen_memory = points()
        .filter_map(|sample| sample.rss_bytes)
        .max()
        .map_or(0.0, mebibytes);
    (
        Scale::over(planned_time.max(seen_time).max(0.01), 11),
        Scale::over(planned_memory.max(seen_memory), 6),
    )
}

/// An axis from 0, in equal parts that have short labels.
#[derive(Debug, PartialEq)]
struct Scale {
    end: f64,
    parts: u32,
}

impl Scale {
    /// The shortest axis of at most so many parts that `value` lies on.
    fn over(value: f64, most: u32) -> Self {
        let candidates = (4..=most).map(|parts| {
            let part = value / f64::from(parts);
            let power = 10_f64.powf(part.log10().floor());
            let round = [1.0, 2.0, 2.5, 5.0]
                .into_iter()
                .find(|step| step * power >= part);
            Self {
                end: round.unwrap_or(10.0) * power * f64::from(parts),
                parts,
            }
        });
        candidates
            .min_by(|one, other| one.end.total_cmp(&other.end))
            .unwrap_or(Self {
                end: value,
                parts: 1,
            })
    }

    fn axis<'a>(&self, title: &'a str) -> Axis<'a> {
        let label = |part: u32| {
            let value = self.end * f64::from(part) / f64::from(self.parts);
            format!("{}", (value * 1000.0).round() / 1000.0)
        };
        let labels = (0..=self.parts).map(label);
        Axis::default()
            .title(title)
            .bounds([0.0, self.end])
            .labels(labels)
            .style(Color::DarkGray)
    }
}

/// A part of a curve that is drawn without a gap.
type Piece = [(f64, f64); 2];

/// The parts of a stepped curve that lie in every other stretch of time.
fn dashes(steps: &[(f64, f64)], stretch: f64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for ends in steps.windows(2) {
        let [(from, low), (to, high)] = [ends[0], ends[1]];
        if from >= to {
            pieces.push([(from, low), (to, high)]); // a rise or a fall, too short to be cut
            continue;
        }
        let mut start = (from / (2.0 * stretch)).floor() * 2.0 * stretch;
        while start < to {
            let (left, right) = (start.max(from), (start + stretch).min(to));
            if left < right {
                pieces.push([(left, low), (right, high)]);
            }
            start += 2.0 * stretch;
        }
    }
    pieces
}

/// The same curve with at most four points in each column of dots: where it enters it, how far
/// down and up it goes, where it leaves.
fn thinned(steps: &[(f64, f64)], column: f64) -> Vec<(f64, f64)> {
    let in_column = |time: f64| (time / column).floor();
    let mut points = Vec::new();
    for stay in steps.chunk_by(|one, other| in_column(one.0).total_cmp(&in_column(other.0)).is_eq())
    {
        let (time, enters) = stay[0];
        let leaves = stay[stay.len() - 1].1;
        let lowest = stay.iter().map(|step| step.1).fold(enters, f64::min);
        let highest = stay.iter().map(|step| step.1).fold(enters, f64::max);
        points.extend([enters, lowest, highest, leaves].map(|memory| (time, memory)));
    }
    points.dedup();
    points
}

/// All dots of these pieces, which lines would connect; a dataset for each piece would be slow.
fn dots(pieces: &[Piece], (width, height): (f64, f64)) -> Vec<(f64, f64)> {
    let mut dots = Vec::new();
    for [(from, low), (to, high)] in pieces {
        let (along, up) = (to - from, high - low);
        let length = (along / width).max(up.abs() / height).ceil().max(1.0);
        let mut step = 0.0;
        while step <= length {
            let part = step / length;
            dots.push((from + along * part, low + up * part));
            step += 1.0;
        }
    }
    dots
}

fn status_line<'a>(colored: bool, plan: &Plan, track: &'a Track) -> Line<'a> {
    const BAR: u32 = 10;
    let stroke = match (colored, is_dashed(track.scenario)) {
        (true, false) => "━━━".to_owned(),
        (true, true) => "╺╸╺".to_owned(),
        (false, _) => track.scenario.name()[..1].repeat(3),
    };
    let style = Style::new().fg(color(track.scenario));
    let filled = (track.turns * BAR / plan.count) as usize;
    let bar = format!(
        "{}{}",
        "█".repeat(filled),
        "░".repeat(BAR as usize - filled)
    );
    let digits = plan.count.to_string().len();
    let turns = format!(" {:>digits$}/{}  ", track.turns, plan.count);
    let name = Span::styled(
        format!(" {stroke} {:<7}", track.scenario.name()),
        style.add_modifier(Modifier::BOLD),
    );
    let mut spans = vec![name, Span::styled(bar, style), Span::raw(turns)];
    match &track.state {
        State::Waiting => spans.push(Span::raw("waits for its turn")),
        State::Running => {
            let now = track.samples.last().and_then(|sample| sample.rss_bytes);
            spans.push(Span::raw(format!("{:<15}", lines::resident(now))));
            if let Some(read) = track.read {
                // The deed first: a narrow terminal cuts the end off.
                let deed = track.scenario.deed();
                spans.push(Span::raw(format!("  {deed}; read {}", lines::found(read))));
            }
        }
        State::Done => {
            let bytes = |figure: Option<u64>| figure.map_or_else(|| "n/a".to_owned(), units::bytes);
            let figures = &track.figures;
            let told = format!(
                "peak {}, at the end {}",
                bytes(figures.peak_rss_bytes),
                bytes(figures.end_rss_bytes)
            );
            spans.push(Span::raw(told));
        }
        State::Failed(reason) => {
            spans.push(Span::styled(reason.as_str(), Style::new().fg(Color::Red)));
        }
        State::Unavailable(reason) => spans.push(Span::raw(*reason)),
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_soon_after_what_they_show_and_divide_evenly() {
        assert_eq!(
            Scale::over(10.5, 11),
            Scale {
                end: 11.0,
                parts: 11
            }
        );
        assert_eq!(
            Scale::over(1016.0, 6),
            Scale {
                end: 1200.0,
                parts: 6
            }
        );
        assert_eq!(
            Scale::over(66.0, 6),
            Scale {
                end: 80.0,
                parts: 4
            }
        );
    }

    #[test]
    fn dashes_cover_every_other_stretch_and_all_rises() {
        let pieces = dashes(&[(0.0, 1.0), (5.0, 1.0), (5.0, 2.0)], 1.0);
        let expected = vec![
            [(0.0, 1.0), (1.0, 1.0)],
            [(2.0, 1.0), (3.0, 1.0)],
            [(4.0, 1.0), (5.0, 1.0)],
            [(5.0, 1.0), (5.0, 2.0)],
        ];
        assert_eq!(pieces, expected);
    }

    #[test]
    fn a_thinned_curve_reaches_as_far_in_each_column() {
        let crowded = [
            (0.1, 4.0),
            (0.2, 4.0),
            (0.2, 9.0),
            (0.3, 1.0),
            (0.4, 5.0),
            (3.5, 5.0),
            (3.5, 6.0),
        ];
        let expected = [
            (0.1, 4.0),
            (0.1, 1.0),
            (0.1, 9.0),
            (0.1, 5.0),
            (3.5, 5.0),
            (3.5, 6.0),
        ];
        assert_eq!(thinned(&crowded, 1.0), expected);
    }

    #[test]
    fn dots_leave_no_gap_in_a_piece_and_keep_those_between_pieces() {
        let pieces = [[(0.0, 1.0), (2.0, 1.0)], [(4.0, 1.0), (4.0, 3.0)]];
        let expected = [
            (0.0, 1.0),
            (1.0, 1.0),
            (2.0, 1.0),
            (4.0, 1.0),
            (4.0, 2.0),
            (4.0, 3.0),
        ];
        assert_eq!(dots(&pieces, (1.0, 1.0)), expected);
    }
}
