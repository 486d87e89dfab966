//! The curves as a picture. It is drawn once, as SVG; a PNG is a raster of that.

use std::fmt::Write as _;

use anyhow::Context as _;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};

use crate::curve::{self, Scale};
use crate::glyphs::{Anchor, Glyphs, Weight};
use crate::scenario::{Plan, Scenario};
use crate::timeline::{State, Track};
use crate::units;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 560.0;

/// Pixels of the PNG for each unit of the drawing, so that it is sharp on a fine screen.
const PIXELS: f32 = 2.0;

/// Where the curves are, with room around for the title and the axes.
const LEFT: f64 = 74.0;
const RIGHT: f64 = 974.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 500.0;

const INK: &str = "#262626";
const PALE: &str = "#e4e4e4";

/// The picture as SVG.
pub(crate) fn svg(plan: &Plan, tracks: &[Track]) -> anyhow::Result<Vec<u8>> {
    let mut drawing = Drawing {
        glyphs: Glyphs::load()?,
        body: String::new(),
    };
    let title = format!(
        "Resident memory of a loop over {} × {} from C",
        units::grouped(u64::from(plan.count)),
        units::bytes(plan.size.get() as u64)
    );
    let axes = Axes::over(tracks);
    drawing.axes(&title, &axes);
    drawing.curves(&axes, tracks);
    drawing.legend(tracks);
    let Drawing { glyphs, body } = drawing;
    let outlines = glyphs.outlines();
    // The page is a card of its own, so that it is readable on a dark one.
    let text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n\
         <defs>\n{outlines}</defs>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"8\" fill=\"white\"/>\n\
         {body}</svg>\n"
    );
    Ok(text.into_bytes())
}

/// The same picture as PNG.
pub(crate) fn png(plan: &Plan, tracks: &[Track]) -> anyhow::Result<Vec<u8>> {
    let svg = svg(plan, tracks)?;
    let tree = Tree::from_data(&svg, &Options::default()).context("cannot read the drawing")?;
    let size = tree.size().to_int_size();
    let size = size.scale_by(PIXELS).context("the picture is too large")?;
    let mut pixels =
        Pixmap::new(size.width(), size.height()).context("no memory for the picture")?;
    let scale = Transform::from_scale(PIXELS, PIXELS);
    resvg::render(&tree, scale, &mut pixels.as_mut());
    pixels
        .encode_png()
        .context("cannot write the picture as PNG")
}

/// The axes, and where a moment and a memory are on them.
struct Axes {
    time: Scale,
    memory: Scale,
    /// How much longer the upright axis is than what it has labels for.
    headroom: f64,
}

impl Axes {
    fn over(tracks: &[Track]) -> Self {
        let (time, memory) = curve::scales_of_what_was_seen(tracks);
        // A curve that piles up leaves the upper left to the legend; others need room above them.
        let mut piled = tracks.iter().map(|track| track.scenario.facts().piles_up);
        let headroom = if piled.any(|piled| piled) { 1.0 } else { 1.5 };
        Self {
            time,
            memory,
            headroom,
        }
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * seconds / self.time.end
    }

    fn y(&self, mebibytes: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * mebibytes / (self.memory.end * self.headroom)
    }
}

/// What is drawn so far.
struct Drawing {
    glyphs: Glyphs,
    body: String,
}

impl Drawing {
    fn text(&mut self, text: &str, place: (f64, f64), size: f64, weight: Weight, anchor: Anchor) {
        let text = self.glyphs.text(text, place, size, weight, anchor, "");
        self.add(&format!("<g fill=\"{INK}\">{}</g>", text.trim_end()));
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), looks: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.add(&format!(
            "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" {looks}/>"
        ));
    }

    fn add(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    fn axes(&mut self, title: &str, axes: &Axes) {
        let middle = f64::midpoint(LEFT, RIGHT);
        self.text(title, (middle, 32.0), 21.0, Weight::Bold, Anchor::Middle);
        let pale = format!("stroke=\"{PALE}\"");
        for (part, label) in (0..).zip(axes.memory.labels()) {
            let y = axes.y(axes.memory.at(part));
            self.line((LEFT, y), (RIGHT, y), &pale);
            let place = (LEFT - 9.0, y + 5.0);
            self.text(&label, place, 14.0, Weight::Regular, Anchor::End);
        }
        let ink = format!("stroke=\"{INK}\"");
        for (part, label) in (0..).zip(axes.time.labels()) {
            let x = axes.x(axes.time.at(part));
            self.line((x, BOTTOM), (x, BOTTOM + 5.0), &ink);
            let place = (x, BOTTOM + 21.0);
            self.text(&label, place, 14.0, Weight::Regular, Anchor::Middle);
        }
        self.line((LEFT, BOTTOM), (RIGHT, BOTTOM), &ink);
        self.line((LEFT, TOP), (LEFT, BOTTOM), &ink);
        let place = (middle, HEIGHT - 15.0);
        let below = "time since the loop started, s";
        self.text(below, place, 15.0, Weight::Regular, Anchor::Middle);
        let upright = self.glyphs.text(
            "resident memory, MiB",
            (22.0, f64::midpoint(TOP, BOTTOM)),
            15.0,
            Weight::Regular,
            Anchor::Middle,
            "rotate(-90)",
        );
        self.add(&format!("<g fill=\"{INK}\">{}</g>", upright.trim_end()));
    }

    fn curves(&mut self, axes: &Axes, tracks: &[Track]) {
        // Closer points than this are not to be told apart.
        let column = axes.time.end / (RIGHT - LEFT) / 4.0;
        for scenario in Scenario::layers() {
            let Some(track) = tracks.iter().find(|track| track.scenario == scenario) else {
                continue;
            };
            let steps = curve::thinned(&track.steps(), column);
            let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
                continue;
            };
            let mut path = String::new();
            for (index, (seconds, mebibytes)) in steps.iter().enumerate() {
                let command = if index == 0 { 'M' } else { 'L' };
                let (x, y) = (axes.x(*seconds), axes.y(*mebibytes));
                let _ = write!(path, "{command}{x:.1} {y:.1}"); // a String takes all
            }
            if scenario.facts().look.shaded {
                let (from, to) = (axes.x(first.0), axes.x(last.0));
                self.add(&format!(
                    "<path d=\"{path}L{to:.1} {BOTTOM}L{from:.1} {BOTTOM}Z\" fill=\"{}\" \
                     fill-opacity=\"0.08\"/>",
                    color(scenario)
                ));
            }
            self.add(&format!("<path d=\"{path}\" {}/>", stroke(scenario)));
        }
    }

    /// One line for each scenario, in the upper left: its stroke, its name, what became of it.
    fn legend(&mut self, tracks: &[Track]) {
        let rows = f64::from(u32::try_from(tracks.len()).unwrap_or(u32::MAX));
        self.add(&format!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"530\" height=\"{:.1}\" fill=\"white\" \
             fill-opacity=\"0.85\"/>",
            LEFT + 8.0,
            TOP + 8.0,
            rows * 23.0 + 5.0
        ));
        for (row, track) in (0_u32..).zip(tracks) {
            let y = TOP + 22.0 + f64::from(row) * 23.0;
            let x = LEFT + 18.0;
            self.line((x, y), (x + 38.0, y), &stroke(track.scenario));
            let (name, baseline) = (track.scenario.facts().name, y + 5.0);
            self.text(
                name,
                (x + 48.0, baseline),
                15.0,
                Weight::Bold,
                Anchor::Start,
            );
            let told = told(track);
            self.text(
                &told,
                (x + 112.0, baseline),
                15.0,
                Weight::Regular,
                Anchor::Start,
            );
        }
    }
}

fn color(scenario: Scenario) -> String {
    let [red, green, blue] = scenario.facts().look.color;
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// How a scenario's curve is drawn.
fn stroke(scenario: Scenario) -> String {
    let look = scenario.facts().look;
    let dashes = if look.dashed {
        " stroke-dasharray=\"9 6\""
    } else {
        ""
    };
    // Mitred, so that the narrowest spike is as high as its reading.
    format!(
        "fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"miter\"{dashes}",
        color(scenario),
        look.width
    )
}

/// What a scenario does and how far it climbed.
fn told(track: &Track) -> String {
    let habit = track.scenario.facts().habit;
    let peak = track.figures.peak_rss_bytes;
    let peak = peak.map(|peak| format!(": peak {}", units::bytes(peak)));
    match &track.state {
        State::Waiting | State::Running | State::Done => {
            format!("{habit}{}", peak.unwrap_or_default())
        }
        State::Stopped | State::Failed(_) => format!("{habit}: did not run to its end"),
        State::Unavailable(_) => "not available on this platform".to_owned(),
    }
}
