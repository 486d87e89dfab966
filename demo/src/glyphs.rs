//! Text as outlines of the font that comes with the program: a picture then looks the same
//! wherever it is shown, whatever fonts there are.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Context as _;
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// The weight of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// Which point of a text its position is; the height is always that of the baseline.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// The fonts, and which of their glyphs were used.
pub(crate) struct Glyphs {
    regular: Face<'static>,
    bold: Face<'static>,
    used: BTreeSet<(Weight, u16)>,
}

impl Glyphs {
    pub(crate) fn load() -> anyhow::Result<Self> {
        let face = |font| Face::parse(font, 0).context("the program's own font is damaged");
        Ok(Self {
            regular: face(notosans::REGULAR_TTF)?,
            bold: face(notosans::BOLD_TTF)?,
            used: BTreeSet::new(),
        })
    }

    fn face(&self, weight: Weight) -> &Face<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    /// An SVG group that shows `text` at `place`; a screen reader reads its label.
    ///
    /// `transform` comes after the place, as `rotate(-90)`.
    pub(crate) fn text(
        &mut self,
        text: &str,
        place: (f64, f64),
        size: f64,
        weight: Weight,
        anchor: Anchor,
        transform: &str,
    ) -> String {
        let face = self.face(weight);
        let scale = size / f64::from(face.units_per_em());
        // Noto Sans has a glyph for everything that is written here; 0 is its empty box.
        let glyphs: Vec<GlyphId> = text
            .chars()
            .map(|character| face.glyph_index(character).unwrap_or(GlyphId(0)))
            .collect();
        let advances = glyphs.iter().map(|glyph| face.glyph_hor_advance(*glyph));
        let advances: Vec<u32> = advances
            .map(|advance| advance.unwrap_or(0).into())
            .collect();
        let width: u32 = advances.iter().sum();
        let shift = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -f64::from(width) / 2.0,
            Anchor::End => -f64::from(width),
        };
        let (x, y) = place;
        let label = text
            .replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('<', "&lt;");
        let mut group = format!(
            "<g aria-label=\"{label}\" transform=\"translate({x:.1} {y:.1}) {transform} \
             scale({scale:.6} -{scale:.6}) translate({shift:.0} 0)\">"
        );
        let mut start = 0;
        for (glyph, advance) in glyphs.iter().zip(advances) {
            let id = id(weight, glyph.0);
            let _ = write!(group, "<use href=\"#{id}\" x=\"{start}\"/>"); // a String takes all
            start += advance;
        }
        group.push_str("</g>\n");
        self.used
            .extend(glyphs.iter().map(|glyph| (weight, glyph.0)));
        group
    }

    /// The outlines of all glyphs that were used, for the picture's `defs`.
    pub(crate) fn outlines(&self) -> String {
        let mut all = String::new();
        for &(weight, glyph) in &self.used {
            let mut path = Path(String::new());
            // A space has no outline, and none is drawn.
            let _ = self.face(weight).outline_glyph(GlyphId(glyph), &mut path);
            let _ = writeln!(all, "<path id=\"{}\" d=\"{}\"/>", id(weight, glyph), path.0);
        }
        all
    }
}

fn id(weight: Weight, glyph: u16) -> String {
    match weight {
        Weight::Regular => format!("r{glyph}"),
        Weight::Bold => format!("b{glyph}"),
    }
}

/// An outline in SVG's words, in units of the font.
struct Path(String);

impl Path {
    fn push(&mut self, command: char, numbers: &[f32]) {
        self.0.push(command);
        for (index, number) in numbers.iter().enumerate() {
            if index > 0 {
                self.0.push(' ');
            }
            let _ = write!(self.0, "{number}"); // a String takes all
        }
    }
}

impl OutlineBuilder for Path {
    fn move_to(&mut self, x: f32, y: f32) {
        self.push('M', &[x, y]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.push('L', &[x, y]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.push('Q', &[x1, y1, x, y]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.push('C', &[x1, y1, x2, y2, x, y]);
    }

    fn close(&mut self) {
        self.0.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_character_that_is_written() {
        let glyphs = Glyphs::load().unwrap();
        let written = (' '..='~').chain("×≥…".chars());
        for character in written {
            assert!(
                glyphs.regular.glyph_index(character).is_some(),
                "{character}"
            );
            assert!(glyphs.bold.glyph_index(character).is_some(), "{character}");
        }
    }

    #[test]
    fn each_glyph_is_defined_once_and_labels_are_readable() {
        let mut glyphs = Glyphs::load().unwrap();
        let place = (1.0, 2.0);
        let text = glyphs.text("a<a", place, 10.0, Weight::Regular, Anchor::End, "");
        assert!(text.contains("aria-label=\"a&lt;a\""), "{text}");
        assert_eq!(text.matches("<use ").count(), 3);
        assert_eq!(glyphs.outlines().matches("<path ").count(), 2);
    }
}
