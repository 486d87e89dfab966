//! What a run comes to: the table of figures, and the sentence that they teach.

use std::path::Path;

use crate::protocol::{Call, LeakSite};
use crate::scenario::{Plan, Scenario};
use crate::timeline::{State, Track};
use crate::units;

const UNKNOWN: &str = "n/a";

/// A figure of every scenario.
struct Column {
    /// Above it, in two lines.
    head: [&'static str; 2],
    /// Beside it, where there is no room for columns.
    label: &'static str,
    cell: fn(&Track) -> String,
}

/// From left to right, which is the order of importance but for the bytes: they are the blocks
/// times the size.
const COLUMNS: [Column; 7] = [
    Column {
        head: ["peak", "RSS"],
        label: "peak",
        cell: peak,
    },
    Column {
        head: ["RSS at", "the end"],
        label: "end",
        cell: |track| bytes(track.figures.end_rss_bytes),
    },
    Column {
        head: ["live C", "blocks"],
        label: "live blocks",
        cell: |track| count(track.figures.live_blocks),
    },
    Column {
        head: ["live C", "bytes"],
        label: "live bytes",
        cell: live_bytes,
    },
    Column {
        head: ["page", "faults"],
        label: "page faults",
        cell: |track| {
            track
                .figures
                .minor_faults
                .map_or_else(unknown, units::grouped)
        },
    },
    Column {
        head: ["user +", "sys CPU"],
        label: "CPU",
        cell: processor_time,
    },
    Column {
        head: ["wall", "time"],
        label: "wall",
        cell: |track| track.figures.wall_ns.map_or_else(unknown, units::time),
    },
];

/// In which order columns give way, by their places in `COLUMNS`.
const DISPENSABLE: [usize; 3] = [3, 6, 5];

/// Of a run that was cut short: how far each scenario got.
const TURNS: Column = Column {
    head: ["", "turns"],
    label: "turns",
    cell: |track| units::grouped(u64::from(track.turns)),
};

/// The figures of all scenarios, and below them what went wrong and what was left behind.
pub(crate) fn table(tracks: &[Track], columns: usize) -> String {
    let mut blocks = vec![figures(tracks, columns)];
    if tracks.iter().any(|track| track.state == State::Stopped) {
        let said = "interrupted: these are the figures until then";
        blocks[0].push_str(&units::wrapped(said, columns));
        blocks[0].push('\n');
    }
    for track in tracks.iter().filter(|track| track.state != State::Stopped) {
        if let Some(error) = track.state.error() {
            let said = format!("{}: {error}", track.scenario);
            blocks[0].push_str(&units::indented(&said, columns, "  "));
            blocks[0].push('\n');
        }
    }
    for track in tracks {
        let sites = track.leak_sites.iter();
        blocks.extend(sites.map(|site| leaked(track.scenario, site, columns)));
    }
    blocks.join("\n")
}

/// All figures: in columns as far as they fit, else a few lines for each scenario.
fn figures(tracks: &[Track], columns: usize) -> String {
    let turns = tracks.iter().any(Track::is_cut_short).then_some(&TURNS);
    let given_way = |most: usize| DISPENSABLE.into_iter().take(most).collect::<Vec<_>>();
    (0..=DISPENSABLE.len())
        .map(given_way)
        .map(|gone| {
            let stay = (0..COLUMNS.len()).filter(|place| !gone.contains(place));
            let stay = turns.into_iter().chain(stay.map(|place| &COLUMNS[place]));
            in_columns(tracks, &stay.collect::<Vec<_>>())
        })
        .find(|lines| lines.iter().all(|line| width(line) <= columns))
        .unwrap_or_else(|| {
            let all = turns.into_iter().chain(&COLUMNS).collect::<Vec<_>>();
            let scenarios = tracks.iter();
            scenarios
                .flat_map(|track| in_lines(track, &all, columns))
                .collect()
        })
        .into_iter()
        .map(|line| line + "\n")
        .collect()
}

fn width(line: &str) -> usize {
    line.chars().count()
}

/// The scenarios' names to the left, the figures to the right of their columns.
fn in_columns(tracks: &[Track], columns: &[&Column]) -> Vec<String> {
    let names = tracks.iter().map(|track| track.scenario.facts().name);
    let names: Vec<_> = ["", ""].into_iter().chain(names).collect();
    let widest = names.iter().map(|name| width(name)).max();
    let mut lines: Vec<String> = names
        .iter()
        .map(|name| format!("{name:<0$}", widest.unwrap_or_default()))
        .collect();
    for column in columns {
        let head = column.head.into_iter().map(str::to_owned);
        let cells: Vec<_> = head.chain(tracks.iter().map(column.cell)).collect();
        let widest = cells.iter().map(|cell| width(cell)).max();
        for (line, cell) in lines.iter_mut().zip(cells) {
            let aligned = format!("  {cell:>0$}", widest.unwrap_or_default());
            line.push_str(&aligned);
        }
    }
    let rule = lines.iter().map(|line| width(line)).max();
    lines.insert(2, "─".repeat(rule.unwrap_or_default()));
    lines
}

/// The scenario's name, and below it as many figures in each line as fit.
fn in_lines(track: &Track, columns: &[&Column], most: usize) -> Vec<String> {
    let mut lines = vec![track.scenario.facts().name.to_owned()];
    let mut line = String::new();
    for column in columns {
        let figure = format!("  {} {}", column.label, (column.cell)(track));
        if width(&line) + width(&figure) > most && !line.is_empty() {
            lines.push(units::indented(&std::mem::take(&mut line), most, "    "));
        }
        line.push_str(&figure);
    }
    lines.push(units::indented(&line, most, "    "));
    lines
}

/// What a scenario left behind, and the calls by which it was allocated, the innermost first.
fn leaked(scenario: Scenario, site: &LeakSite, columns: usize) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let head = format!(
        "{scenario} left {} behind, {} in all, allocated by",
        blocks_of(site.blocks),
        units::bytes(site.bytes)
    );
    let mut lines = vec![units::wrapped(&head, columns)];
    if is_c_hidden(&site.calls) {
        let said = "    (a C function that is missing here: its call of malloc was its last, so that it had left)";
        lines.push(units::indented(said, columns, "      "));
    }
    for call in &site.calls {
        let function = format!("    {}", call.function);
        let place = call.file.as_ref().zip(call.line);
        let place = place.map(|(file, line)| format!("{}:{line}", seen_from(&here, file)));
        let place = place.unwrap_or_default();
        if width(&function) + 2 + width(&place) <= columns {
            lines.push(format!("{function}  {place}").trim_end().to_owned());
        } else {
            lines.push(units::indented(&function, columns, "      "));
            let place = format!("      {place}");
            lines.push(units::indented(&place, columns, "      "));
        }
    }
    lines.join("\n") + "\n"
}

/// Whether the innermost call is Rust's, though all blocks are C's.
fn is_c_hidden(calls: &[Call]) -> bool {
    let innermost = calls.first().and_then(|call| call.file.as_deref());
    innermost.is_some_and(|file| Path::new(file).extension().is_some_and(|end| end == "rs"))
}

/// The path as it is read in this folder.
fn seen_from(here: &Path, file: &str) -> String {
    let inside = Path::new(file).strip_prefix(here).ok();
    let inside = inside.filter(|_| here.parent().is_some()); // all is below the root
    inside.map_or_else(|| file.to_owned(), |inside| inside.display().to_string())
}

fn unknown() -> String {
    UNKNOWN.to_owned()
}

fn peak(track: &Track) -> String {
    match (track.figures.peak_rss_bytes, track.highest_sample()) {
        (Some(peak), _) => units::bytes(peak),
        // A child that was ended could not tell its peak, but it was seen to get this far.
        (None, Some(seen)) => format!("≥ {}", units::bytes(seen)),
        (None, None) => unknown(),
    }
}

fn bytes(figure: Option<u64>) -> String {
    figure.map_or_else(unknown, units::bytes)
}

fn count(figure: Option<i64>) -> String {
    figure.map_or_else(unknown, signed)
}

fn live_bytes(track: &Track) -> String {
    track.figures.live_bytes.map_or_else(unknown, |bytes| {
        u64::try_from(bytes).map_or_else(|_| signed(bytes), units::bytes)
    })
}

fn processor_time(track: &Track) -> String {
    let figures = &track.figures;
    let both = figures.user_ns.zip(figures.system_ns);
    both.map_or_else(unknown, |(user, system)| units::time(user + system))
}

fn signed(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", units::grouped(number.unsigned_abs()))
}

/// One sentence, made of what was measured in this run; `None` if nothing ran to its end.
pub(crate) fn lesson(plan: &Plan, tracks: &[Track]) -> Option<String> {
    let done: Vec<_> = tracks
        .iter()
        .filter(|track| track.state == State::Done)
        .filter_map(|track| {
            let peak = track.figures.peak_rss_bytes.or(track.highest_sample())?;
            Some((track, units::bytes(peak)))
        })
        .collect();
    let piled_up = |(track, _): &&(&Track, String)| track.scenario.facts().piles_up;
    let mut clauses = Vec::new();
    for (track, peak) in done.iter().filter(piled_up) {
        let then = match track.figures.live_blocks {
            Some(0) => " before it let go".to_owned(),
            Some(blocks) => format!(" and kept {} for good", blocks_of(blocks.unsigned_abs())),
            None => String::new(),
        };
        clauses.push(format!("{} climbed to {peak}{then}", track.scenario));
    }
    let owned = done
        .iter()
        .find(|(track, _)| track.scenario == Scenario::Owned);
    if let Some((track, peak)) = owned {
        let proof = if track.figures.live_blocks == Some(0) {
            " and left none"
        } else {
            ""
        };
        clauses.push(format!(
            "owned never passed {peak}{proof}, because an owner frees its block when its scope ends, unasked",
        ));
    } else {
        let flat = done.iter().filter(|one| !piled_up(one));
        clauses.extend(flat.map(|(track, peak)| format!("{} never passed {peak}", track.scenario)));
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
        let table = table(&[Track::new(Scenario::Owned)], 80);
        let row = table.lines().last().unwrap();
        assert_eq!(
            row.split_whitespace().collect::<Vec<_>>(),
            ["owned", "n/a", "n/a", "n/a", "n/a", "n/a", "n/a", "n/a"]
        );
    }

    /// Figures as wide as those of the default run.
    fn wide(scenario: Scenario) -> Track {
        let mut track = measured(scenario, 1005, Some(20));
        track.figures.end_rss_bytes = Some(1_053_500_000);
        track.figures.live_bytes = Some(1_048_576_000);
        track.figures.wall_ns = Some(10_021_000_000);
        track.figures.user_ns = Some(212_345_678);
        track.figures.system_ns = Some(312_345_678);
        track.figures.minor_faults = Some(256_412);
        track
    }

    #[test]
    fn columns_give_way_and_no_line_is_wider_than_the_terminal() {
        let tracks = Scenario::ALL.map(wide);
        for columns in 20..=200 {
            let table = table(&tracks, columns);
            for line in table.lines() {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
            for scenario in Scenario::ALL {
                assert!(table.contains(scenario.facts().name));
            }
            assert!(
                table.contains("256,412") && table.contains("1,005 MiB"),
                "{table}"
            );
        }
        let at = |columns| table(&tracks, columns);
        let heads = ["bytes", "time", "sys CPU"];
        for (columns, shown) in [(100, 3), (80, 2), (62, 1), (52, 0)] {
            let table = at(columns);
            let head = table.lines().nth(1).unwrap();
            let seen = heads.iter().skip(heads.len() - shown);
            assert!(
                seen.clone().all(|word| head.contains(word)),
                "{columns}: {table}"
            );
            assert!(head.contains("faults"), "{columns}: {table}");
        }
        assert!(at(40).starts_with("leak\n  peak "), "{}", at(40));
    }

    #[test]
    fn an_interrupted_run_says_so_once_and_how_far_each_got() {
        let mut tracks = Scenario::ALL.map(wide);
        for track in &mut tracks {
            track.state = State::Stopped;
            track.turns = 7;
        }
        let table = table(&tracks, 100);
        assert_eq!(table.matches("interrupted").count(), 1, "{table}");
        assert!(table.lines().nth(1).unwrap().contains("turns"), "{table}");
    }

    #[test]
    fn a_c_function_that_a_tail_call_hid_is_said_to_be_missing() {
        let call = |function: &str, file: &str| Call {
            function: function.to_owned(),
            file: Some(file.to_owned()),
            line: Some(1),
        };
        let mut site = LeakSite {
            blocks: 1,
            bytes: 1,
            calls: vec![call("demo::leak", "/a.rs")],
        };
        assert!(leaked(Scenario::Leak, &site, 200).contains("missing"));
        site.calls.insert(0, call("workload_buffer", "/a.c"));
        assert!(!leaked(Scenario::Leak, &site, 200).contains("missing"));
    }

    #[test]
    fn a_path_is_shortened_by_the_folder_but_keeps_the_root() {
        assert_eq!(seen_from(Path::new("/a"), "/a/b.c"), "b.c");
        assert_eq!(seen_from(Path::new("/"), "/a/b.c"), "/a/b.c");
    }
}
