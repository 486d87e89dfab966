//! A picture of characters: text, and curves of dots among it, in colours.

use crossterm::Command as _;
use crossterm::style::{Attribute, Color, SetAttribute, SetForegroundColor};

use crate::curve::{self, Scale};

/// How characters look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) color: Color,
    pub(crate) bold: bool,
}

impl Style {
    /// Text as the terminal has it.
    pub(crate) const PLAIN: Self = Self::of(Color::Reset);

    pub(crate) const fn of(color: Color) -> Self {
        Self { color, bold: false }
    }
}

/// What a curve is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pen {
    /// Dots, of which a character has two beside four.
    Braille,
    /// A character for each place that the curve goes through.
    Letter(char),
}

/// Rows of characters.
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    cells: Vec<(char, Style)>,
}

/// An empty Braille character; each dot is a bit more.
const NO_DOTS: u32 = 0x2800;

/// The bits of the dots, row by row.
const DOTS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            cells: vec![(' ', Style::PLAIN); width * height],
        }
    }

    /// Writes text from a place to the right, as far as the row goes.
    pub(crate) fn write(&mut self, column: usize, row: usize, text: &str, style: Style) {
        for (column, character) in (column..self.width).zip(text.chars()) {
            self.put(column, row, character, style);
        }
    }

    fn put(&mut self, column: usize, row: usize, character: char, style: Style) {
        if let Some(cell) = self.cell(column, row) {
            *cell = (character, style);
        }
    }

    fn cell(&mut self, column: usize, row: usize) -> Option<&mut (char, Style)> {
        let inside = column < self.width && row < self.height;
        inside.then(|| &mut self.cells[row * self.width + column])
    }

    /// Adds a dot to those of its character.
    fn dot(&mut self, column: usize, row: usize, (right, down): (usize, usize), style: Style) {
        let Some((character, looks)) = self.cell(column, row) else {
            return;
        };
        let before = u32::from(*character);
        let dots = if (NO_DOTS..NO_DOTS + 256).contains(&before) {
            before
        } else {
            NO_DOTS
        };
        *character = char::from_u32(dots | DOTS[down][right]).unwrap_or(' ');
        *looks = style;
    }

    /// Replaces each character that is not ASCII.
    pub(crate) fn make_ascii(&mut self, instead: fn(char) -> char) {
        for (character, _) in &mut self.cells {
            *character = instead(*character);
        }
    }

    /// The rows as text without spaces at their ends, and with the sequences that colour them.
    pub(crate) fn lines(&self, colored: bool) -> Vec<String> {
        let rows = self.cells.chunks(self.width.max(1));
        rows.map(|row| line(row, colored)).collect()
    }
}

fn line(row: &[(char, Style)], colored: bool) -> String {
    let end = row.iter().rposition(|(character, _)| *character != ' ');
    let mut text = String::new();
    let mut looks = Style::PLAIN;
    for (character, style) in &row[..end.map_or(0, |last| last + 1)] {
        if colored && looks != *style && *character != ' ' {
            looks = *style;
            text.push_str(&sequence(looks));
        }
        text.push(*character);
    }
    if looks != Style::PLAIN {
        text.push_str(&sequence(Style::PLAIN));
    }
    text
}

/// The sequence after which text looks like this, whatever it looked like before.
fn sequence(style: Style) -> String {
    let mut sequence = String::new();
    let _ = SetAttribute(Attribute::Reset).write_ansi(&mut sequence); // a String takes all
    if style.color != Color::Reset {
        let _ = SetForegroundColor(style.color).write_ansi(&mut sequence);
    }
    if style.bold {
        let _ = SetAttribute(Attribute::Bold).write_ansi(&mut sequence);
    }
    sequence
}

/// Axes on a part of a canvas, and the curves above them.
pub(crate) struct Chart<'a> {
    canvas: &'a mut Canvas,
    /// Where the curves are.
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    time: Scale,
    memory: Scale,
}

impl<'a> Chart<'a> {
    /// Draws the axes on these rows; `None` where they are too few, or too short.
    pub(crate) fn draw(
        canvas: &'a mut Canvas,
        rows: std::ops::Range<usize>,
        time: Scale,
        memory: Scale,
        style: Style,
    ) -> Option<Self> {
        let names = memory.labels();
        let margin = names.iter().map(String::len).max().unwrap_or_default();
        let left = margin + 1; // the axis itself
        let width = canvas.width.checked_sub(left).filter(|width| *width > 1)?;
        let height = rows.len().checked_sub(2).filter(|height| *height > 1)?;
        let (top, below) = (rows.start, rows.start + height);
        for row in top..below {
            canvas.put(margin, row, '│', style);
        }
        canvas.put(margin, below, '└', style);
        canvas.write(left, below, &"─".repeat(width), style);
        let chart = Self {
            canvas,
            left,
            top,
            width,
            height,
            time,
            memory,
        };
        for (part, name) in (0..).zip(names) {
            let row = chart.row(chart.memory.at(part));
            let column = margin - name.len();
            chart.canvas.write(column, row, &name, style);
        }
        let mut names = chart.time.labels();
        if let Some(last) = names.last_mut() {
            last.push_str(" s");
        }
        for (part, name) in (0..).zip(names) {
            let middle = left + place(chart.time.at(part), chart.time.end, width);
            let column = middle.saturating_sub(name.len() / 2).max(left);
            let column = column.min(left + width - name.len());
            chart.canvas.write(column, below + 1, &name, style);
        }
        chart.canvas.write(left, top, "MiB resident", style);
        Some(chart)
    }

    fn row(&self, memory: f64) -> usize {
        self.top + self.height - 1 - place(memory, self.memory.end, self.height)
    }

    /// Draws a curve of steps; of one that is dashed, every other stretch of time.
    pub(crate) fn curve(&mut self, steps: &[(f64, f64)], dashed: bool, pen: Pen, style: Style) {
        let (along, up) = match pen {
            Pen::Braille => (2, 4),
            Pen::Letter(_) => (1, 1),
        };
        let (columns, rows) = (self.width * along, self.height * up);
        let dot = (apart(self.time.end, columns), apart(self.memory.end, rows));
        let steps = curve::thinned(steps, dot.0);
        let pieces = if dashed {
            curve::dashes(&steps, self.time.end / 36.0)
        } else {
            steps.windows(2).map(|ends| [ends[0], ends[1]]).collect()
        };
        for (time, memory) in curve::dots(&pieces, dot) {
            let x = place(time, self.time.end, columns);
            let y = rows - 1 - place(memory, self.memory.end, rows);
            let (column, row) = (self.left + x / along, self.top + y / up);
            match pen {
                Pen::Braille => self.canvas.dot(column, row, (x % along, y % up), style),
                Pen::Letter(letter) => self.canvas.put(column, row, letter, style),
            }
        }
    }
}

/// Which of so many places a value belongs to, if the last one is for the end of the axis.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places of a screen, and a cast of too large a number ends at the largest"
)]
fn place(value: f64, end: f64, places: usize) -> usize {
    let place = (value / apart(end, places)).round() as usize;
    place.min(places.saturating_sub(1))
}

/// How far apart such places are.
#[expect(clippy::cast_precision_loss, reason = "places of a screen")]
fn apart(end: f64, places: usize) -> f64 {
    end / places.saturating_sub(1).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: Style = Style::of(Color::DarkRed);

    fn scale(end: f64, parts: u32) -> Scale {
        Scale { end, parts }
    }

    #[test]
    fn a_line_ends_where_its_text_and_its_colours_end() {
        let mut canvas = Canvas::new(8, 2);
        canvas.write(1, 0, "ab", RED);
        assert_eq!(canvas.lines(false), [" ab", ""]);
        let colored = " \u{1b}[0m\u{1b}[38;5;1mab\u{1b}[0m";
        assert_eq!(canvas.lines(true), [colored, ""]);
    }

    #[test]
    fn text_is_cut_at_the_edge_and_nothing_is_written_below_it() {
        let mut canvas = Canvas::new(3, 1);
        canvas.write(1, 0, "long", RED);
        canvas.write(0, 1, "below", RED);
        assert_eq!(canvas.lines(false), [" lo"]);
    }

    #[test]
    fn axes_have_labels_at_their_ends_and_a_curve_goes_from_corner_to_corner() {
        let mut canvas = Canvas::new(16, 6);
        let (time, memory) = (scale(10.0, 2), scale(30.0, 3));
        let mut chart = Chart::draw(&mut canvas, 0..6, time, memory, Style::PLAIN).unwrap();
        let steps = [(0.0, 0.0), (10.0, 0.0), (10.0, 30.0)];
        chart.curve(&steps, false, Pen::Letter('l'), RED);
        let expected = [
            "30│MiB residentl",
            "20│            l",
            "10│            l",
            "0 │lllllllllllll",
            "  └─────────────",
            "   0     5  10 s",
        ];
        let lines = canvas.lines(false);
        assert_eq!(lines.len(), expected.len());
        for (line, expected) in lines.iter().zip(expected) {
            assert_eq!(line.replace("0 │", " 0│"), expected.replace("0 │", " 0│"));
        }
    }

    #[test]
    fn dots_share_a_character() {
        let mut canvas = Canvas::new(3, 4);
        let chart = Chart::draw(&mut canvas, 0..4, scale(1.0, 1), scale(1.0, 1), RED);
        assert!(chart.is_none(), "one column is no chart");
        let mut canvas = Canvas::new(1, 1);
        canvas.dot(0, 0, (0, 0), RED);
        canvas.dot(0, 0, (1, 3), RED);
        assert_eq!(canvas.lines(false), ["⢁"]);
    }
}
