//! What a run comes to: the table of figures, and the sentence that they teach.

use std::path::Path;

use crate::protocol::{Call, LeakSite};
use crate::scenario::{Plan, Scenario};
use crate::timeline::{State, Track};
use crate::units;

const HEAD: [[&str; 2]; 8] = [
    ["", "scenario"],
    ["peak", "RSS"],
    ["RSS at", "the end"],
    ["live C", "blocks"],
    ["live C", "bytes"],
    ["page", "faults"],
    ["user +", "sys CPU"],
    ["wall", "time"],
];

const UNKNOWN: &str = "n/a";

/// The figures of all scenarios, each in its column, and below it what went wrong.
pub(crate) fn table(tracks: &[Track]) -> String {
    let head = (0..2).map(|line| HEAD.map(|words| words[line].to_owned()));
    let rows: Vec<[String; 8]> = head.chain(tracks.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 8] = std::array::from_fn(|column| width(column).unwrap_or_default());

    let mut lines: Vec<String> = rows.iter().map(|row| aligned(row, &widths)).collect();
    let rule = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    lines.insert(2, "─".repeat(rule));
    for track in tracks {
        lines.extend(
            track
                .state
                .error()
                .map(|error| format!("{}: {error}", track.scenario)),
        );
    }
    for track in tracks {
        for site in &track.leak_sites {
            lines.push(String::new());
            lines.extend(leaked(track.scenario, site));
        }
    }
    lines.join("\n") + "\n"
}

/// The name to the left, the figures to the right of their columns.
fn aligned(cells: &[String; 8], widths: &[usize; 8]) -> String {
    let figures = cells
        .iter()
        .zip(widths)
        .skip(1)
        .map(|(cell, &width)| format!("  {cell:>width$}"));
    let line = format!(
        "{:<width$}{}",
        cells[0],
        figures.collect::<String>(),
        width = widths[0]
    );
    line.trim_end().to_owned()
}

/// What a scenario left behind, and the calls by which it was allocated, the innermost first.
fn leaked(scenario: Scenario, site: &LeakSite) -> Vec<String> {
    let here = std::env::current_dir().unwrap_or_default();
    let call = |call: &Call| {
        let file = call.file.as_ref().map(|file| {
            let file = Path::new(file);
            file.strip_prefix(&here).unwrap_or(file).display()
        });
        match (file, call.line) {
            (Some(file), Some(line)) => format!("    {}  {file}:{line}", call.function),
            _ => format!("    {}", call.function),
        }
    };
    let head = format!(
        "{scenario} left {} behind, {} in all, allocated by",
        blocks_of(site.blocks),
        units::bytes(site.bytes)
    );
    [head]
        .into_iter()
        .chain(site.calls.iter().map(call))
        .collect()
}

fn row(track: &Track) -> [String; 8] {
    let figures = &track.figures;
    let unknown = || UNKNOWN.to_owned();
    let peak = match (figures.peak_rss_bytes, track.highest_sample()) {
        (Some(peak), _) => units::bytes(peak),
        // A child that was ended could not tell its peak, but it was seen to get this far.
        (None, Some(seen)) => format!("≥ {}", units::bytes(seen)),
        (None, None) => unknown(),
    };
    let count = |figure: Option<i64>| figure.map_or_else(unknown, signed);
    let cpu = figures
        .user_ns
        .zip(figures.system_ns)
        .map(|(user, system)| user + system);
    [
        track.scenario.name().to_owned(),
        peak,
        figures.end_rss_bytes.map_or_else(unknown, units::bytes),
        count(figures.live_blocks),
        figures.live_bytes.map_or_else(unknown, |bytes| {
            u64::try_from(bytes).map_or_else(|_| signed(bytes), units::bytes)
        }),
        figures.minor_faults.map_or_else(unknown, units::grouped),
        cpu.map_or_else(unknown, units::time),
        figures.wall_ns.map_or_else(unknown, units::time),
    ]
}

fn signed(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", units::grouped(number.unsigned_abs()))
}

/// One sentence, made of what was measured in this run; `None` if nothing ran to its end.
pub(crate) fn lesson(plan: &Plan, tracks: &[Track]) -> Option<String> {
    let peak = |scenario: Scenario| {
        let track = tracks
            .iter()
            .find(|track| track.scenario == scenario && track.state == State::Done)?;
        Some((
            track,
            track.figures.peak_rss_bytes.or(track.highest_sample())?,
        ))
    };
    let mut clauses = Vec::new();
    if let Some((track, bytes)) = peak(Scenario::Leak) {
        let kept = match track.figures.live_blocks {
            Some(blocks) if blocks > 0 => {
                format!(" and kept {} for good", blocks_of(blocks.unsigned_abs()))
            }
            _ => String::new(),
        };
        clauses.push(format!("leak climbed to {}{kept}", units::bytes(bytes)));
    }
    if let Some((_, bytes)) = peak(Scenario::Defer) {
        clauses.push(format!(
            "defer climbed to {} before it let go",
            units::bytes(bytes)
        ));
    }
    if let Some((track, bytes)) = peak(Scenario::Owned) {
        let proof = if track.figures.live_blocks == Some(0) {
            " and left none"
        } else {
            ""
        };
        clauses.push(format!(
            "owned never passed {}{proof}, because an owner frees its block when its scope ends, unasked",
            units::bytes(bytes)
        ));
    } else {
        let kept_flat = [Scenario::Free, Scenario::Retain]
            .into_iter()
            .filter_map(|scenario| Some((scenario, peak(scenario)?.1)));
        clauses.extend(
            kept_flat.map(|(scenario, bytes)| {
                format!("{scenario} never passed {}", units::bytes(bytes))
            }),
        );
    }
    let last = clauses.pop()?;
    let said = if clauses.is_empty() {
        last
    } else {
        format!("{}; {last}", clauses.join(", "))
    };
    let work = format!(
        "{} of {}",
        blocks_of(u64::from(plan.count)),
        units::bytes(plan.size.get() as u64)
    );
    Some(format!("Over {work}, {said}."))
}

fn blocks_of(count: u64) -> String {
    if count == 1 {
        "1 block".to_owned()
    } else {
        format!("{} blocks", units::grouped(count))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use super::*;
    use crate::protocol::Figures;

    const PLAN: Plan = Plan {
        count: 20,
        size: NonZeroUsize::new(50 << 20).unwrap(),
        interval: Duration::from_millis(500),
    };

    fn measured(scenario: Scenario, peak: u64, live_blocks: Option<i64>) -> Track {
        let mut track = Track::new(scenario);
        track.state = State::Done;
        track.figures = Figures {
            peak_rss_bytes: Some(peak << 20),
            live_blocks,
            ..Figures::default()
        };
        track
    }

    #[test]
    fn the_lesson_names_the_measured_peaks() {
        let tracks = [
            measured(Scenario::Leak, 1005, Some(20)),
            measured(Scenario::Owned, 55, Some(0)),
        ];
        assert_eq!(
            lesson(&PLAN, &tracks).unwrap(),
            "Over 20 blocks of 50 MiB, leak climbed to 1,005 MiB and kept 20 blocks for good; owned never \
             passed 55 MiB and left none, because an owner frees its block when its scope ends, unasked."
        );
    }

    #[test]
    fn the_lesson_claims_nothing_that_was_not_measured() {
        let failed = Track {
            state: State::Failed("killed by SIGKILL".to_owned()),
            ..Track::new(Scenario::Leak)
        };
        assert_eq!(lesson(&PLAN, &[failed]), None);
        let tracks = [
            measured(Scenario::Leak, 1005, None),
            measured(Scenario::Retain, 55, None),
        ];
        assert_eq!(
            lesson(&PLAN, &tracks).unwrap(),
            "Over 20 blocks of 50 MiB, leak climbed to 1,005 MiB; retain never passed 55 MiB."
        );
    }

    #[test]
    fn what_is_unknown_is_not_zero() {
        let table = table(&[Track::new(Scenario::Owned)]);
        let row = table.lines().last().unwrap();
        assert_eq!(
            row.split_whitespace().collect::<Vec<_>>(),
            ["owned", "n/a", "n/a", "n/a", "n/a", "n/a", "n/a", "n/a"]
        );
    }
}
