//! The curves as a picture: SVG, or PNG with the same drawing.

use anyhow::{Context as _, anyhow};
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::scenario::{Plan, Scenario};
use crate::timeline::{LAYERS, State, Track};
use crate::units;

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 560;

/// The bitmap is drawn that much larger and then averaged, as its lines have hard edges.
const OVERSAMPLING: u32 = 3;

const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(38, 38, 38);
const PALE: RGBColor = RGBColor(228, 228, 228);

/// How a curve looks. Curves that lie on each other differ in width, and the upper one is dashed.
struct Look {
    color: RGBColor,
    width: u32,
    dashed: bool,
}

fn look(scenario: Scenario) -> Look {
    let (color, width, dashed) = match scenario {
        Scenario::Leak => (RGBColor(214, 39, 40), 5, false),
        Scenario::Defer => (RGBColor(255, 187, 51), 3, true),
        Scenario::Retain => (RGBColor(190, 160, 225), 7, false),
        Scenario::Owned => (RGBColor(0, 140, 90), 4, false),
        Scenario::Free => (RGBColor(30, 60, 200), 2, true),
    };
    Look {
        color,
        width,
        dashed,
    }
}

/// The picture as SVG.
pub(crate) fn svg(plan: &Plan, tracks: &[Track]) -> anyhow::Result<Vec<u8>> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
    draw(&area, 1, plan, tracks)?;
    drop(area);
    text.push('\n');
    Ok(text.into_bytes())
}

/// The picture as PNG.
pub(crate) fn png(plan: &Plan, tracks: &[Track]) -> anyhow::Result<Vec<u8>> {
    let (width, height) = (WIDTH * OVERSAMPLING, HEIGHT * OVERSAMPLING);
    let mut large = vec![0; (width * height * 3) as usize];
    let area = BitMapBackend::with_buffer(&mut large, (width, height)).into_drawing_area();
    draw(&area, OVERSAMPLING, plan, tracks)?;
    drop(area);

    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&averaged(&large, OVERSAMPLING as usize))?;
    writer.finish()?;
    Ok(file)
}

/// Each square of `side` × `side` pixels becomes one.
fn averaged(large: &[u8], side: usize) -> Vec<u8> {
    let row = WIDTH as usize * side * 3;
    let mut small = Vec::with_capacity(large.len() / (side * side));
    for rows in large.chunks_exact(row * side) {
        for x in 0..WIDTH as usize {
            for channel in 0..3 {
                let first = x * side * 3 + channel;
                let square =
                    (0..side).flat_map(|dy| (0..side).map(move |dx| dy * row + first + dx * 3));
                let sum: usize = square.map(|index| usize::from(rows[index])).sum();
                small.push(u8::try_from(sum / (side * side)).unwrap_or(u8::MAX));
            }
        }
    }
    small
}

/// Draws everything, `scale` times as large.
fn draw<Backend: DrawingBackend>(
    area: &DrawingArea<Backend, Shift>,
    scale: u32,
    plan: &Plan,
    tracks: &[Track],
) -> anyhow::Result<()> {
    // Plotters measures text by the font, and a bitmap has no other; registering it twice is harmless.
    for (style, font) in [
        (FontStyle::Normal, notosans::REGULAR_TTF),
        (FontStyle::Bold, notosans::BOLD_TTF),
    ] {
        register_font(FONT, style, font)
            .map_err(|_| anyhow!("the font that comes with the program is damaged"))?;
    }
    draw_with_font(area, scale, plan, tracks)
        .map_err(|error| anyhow!("{error}"))
        .context("cannot draw the curves")
}

fn draw_with_font<Backend: DrawingBackend>(
    area: &DrawingArea<Backend, Shift>,
    scale: u32,
    plan: &Plan,
    tracks: &[Track],
) -> Result<(), DrawingAreaErrorKind<Backend::ErrorType>> {
    let pixels = |size: u32| size * scale;
    let text = |size: u32| (FONT, f64::from(pixels(size))).into_font().color(&INK);
    area.fill(&WHITE)?;

    let curves: Vec<(&Track, Vec<(f64, f64)>)> = LAYERS
        .iter()
        .filter_map(|scenario| tracks.iter().find(|track| track.scenario == *scenario))
        .map(|track| (track, track.steps()))
        .collect();
    let points = || curves.iter().flat_map(|(_, steps)| steps);
    let longest = points().map(|point| point.0).fold(0.0, f64::max).max(1e-3);
    let highest = points().map(|point| point.1).fold(1.0, f64::max);

    // A curve that piles up leaves the upper left to the legend; others need room above them.
    let piled = tracks.iter().any(|track| track.scenario.piles_up());
    let headroom = if piled { 1.06 } else { 1.5 };

    let title = format!(
        "Resident memory of a loop over {} × {} from C",
        units::grouped(u64::from(plan.count)),
        units::bytes(plan.size.get() as u64)
    );
    let mut chart = ChartBuilder::on(area)
        .margin(pixels(14))
        .margin_right(pixels(26))
        .caption(
            title,
            (FONT, f64::from(pixels(21)), FontStyle::Bold, &INK).into_text_style(area),
        )
        .x_label_area_size(pixels(44))
        .y_label_area_size(pixels(60))
        .build_cartesian_2d(0.0..longest * 1.01, 0.0..highest * headroom)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE.mix(0.0))
        .bold_line_style(PALE.stroke_width(scale))
        .axis_style(INK.stroke_width(scale))
        .label_style(text(14))
        .axis_desc_style(text(15))
        .x_desc("time since the loop started, s")
        .y_desc("resident memory, MiB")
        .x_label_formatter(&|seconds| number(*seconds))
        .y_label_formatter(&|mebibytes| number(*mebibytes))
        .draw()?;

    for (track, steps) in curves {
        let Look {
            color,
            width,
            dashed,
        } = look(track.scenario);
        let style = color.stroke_width(pixels(width));
        if track.scenario == Scenario::Leak {
            // What nobody gets back is shaded: the eye goes there first.
            chart.draw_series(AreaSeries::new(steps.clone(), 0.0, color.mix(0.08)))?;
        }
        if dashed {
            chart.draw_series(DashedLineSeries::new(steps, pixels(9), pixels(6), style))?;
        } else {
            chart.draw_series(LineSeries::new(steps, style))?;
        }
    }
    legend(chart.plotting_area(), scale, tracks)
}

/// One line for each scenario, in the upper left: its stroke, its name, what became of it.
fn legend<Backend: DrawingBackend, Coordinates: CoordTranslate>(
    plotting_area: &DrawingArea<Backend, Coordinates>,
    scale: u32,
    tracks: &[Track],
) -> Result<(), DrawingAreaErrorKind<Backend::ErrorType>> {
    let area = plotting_area.strip_coord_spec();
    let at = |x: u32, y: u32| ((x * scale).cast_signed(), (y * scale).cast_signed());
    let text = |style| (FONT, f64::from(15 * scale), style).into_font().color(&INK);
    for (row, track) in (0..).zip(tracks) {
        let Look {
            color,
            width,
            dashed,
        } = look(track.scenario);
        let y = 22 + row * 23;
        let style = color.stroke_width(width * scale);
        let ends = [at(18, y), at(56, y)];
        if dashed {
            area.draw(&DashedPathElement::new(ends, 9 * scale, 6 * scale, style))?;
        } else {
            area.draw(&PathElement::new(ends, style))?;
        }
        area.draw(&Text::new(
            track.scenario.name(),
            at(66, y - 8),
            text(FontStyle::Bold),
        ))?;
        area.draw(&Text::new(
            told(track),
            at(122, y - 8),
            text(FontStyle::Normal),
        ))?;
    }
    Ok(())
}

/// What a scenario does and how far it climbed.
fn told(track: &Track) -> String {
    let habit = match track.scenario {
        Scenario::Leak => "never freed",
        Scenario::Free => "freed by hand each turn",
        Scenario::Defer => "freed when the function returns",
        Scenario::Owned => "freed by its owner each turn",
        Scenario::Retain => "owned, freed pages kept for the next turn",
    };
    let peak = track
        .figures
        .peak_rss_bytes
        .map(|peak| format!(": peak {}", units::bytes(peak)));
    match &track.state {
        State::Waiting | State::Running | State::Done => {
            format!("{habit}{}", peak.unwrap_or_default())
        }
        State::Failed(_) => format!("{habit}: did not run to its end"),
        State::Unavailable(_) => "not available on this platform".to_owned(),
    }
}

/// A label of an axis: at most three decimals, and none that say nothing.
fn number(value: f64) -> String {
    let rounded = (value * 1000.0).round() / 1000.0;
    format!("{rounded}")
}
