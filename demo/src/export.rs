//! The results for other programs: JSON with everything, CSV with the curves.

use std::fmt::Write as _;

use serde::Serialize;

use crate::protocol::{LeakSite, Sample};
use crate::scenario::{Plan, Scenario};
use crate::timeline::Track;

/// Grows when a field is renamed, removed or changes its meaning; not when one is added.
const VERSION: u32 = 1;

/// The fields are described in README.md, beside this crate's manifest.
#[derive(Serialize)]
struct Report<'a> {
    version: u32,
    count: u32,
    size_bytes: usize,
    interval_ms: u128,
    scenarios: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    scenario: Scenario,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    turns: u32,
    peak_rss_bytes: Option<u64>,
    end_rss_bytes: Option<u64>,
    baseline_rss_bytes: Option<u64>,
    live_blocks: Option<i64>,
    live_bytes: Option<i64>,
    wall_ns: Option<u64>,
    user_ns: Option<u64>,
    system_ns: Option<u64>,
    minor_faults: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    leak_sites: &'a [LeakSite],
    samples: &'a [Sample],
}

/// One JSON object and a newline; a figure that could not be read is null.
pub(crate) fn json(plan: &Plan, tracks: &[Track]) -> anyhow::Result<Vec<u8>> {
    let report = Report {
        version: VERSION,
        count: plan.count,
        size_bytes: plan.size.get(),
        interval_ms: plan.interval.as_millis(),
        scenarios: tracks.iter().map(entry).collect(),
    };
    let mut text = serde_json::to_vec(&report)?;
    text.push(b'\n');
    Ok(text)
}

fn entry(track: &Track) -> Entry<'_> {
    let figures = track.figures;
    Entry {
        scenario: track.scenario,
        error: track.state.error(),
        turns: track.turns,
        peak_rss_bytes: figures.peak_rss_bytes,
        end_rss_bytes: figures.end_rss_bytes,
        baseline_rss_bytes: track.baseline(),
        live_blocks: figures.live_blocks,
        live_bytes: figures.live_bytes,
        wall_ns: figures.wall_ns,
        user_ns: figures.user_ns,
        system_ns: figures.system_ns,
        minor_faults: figures.minor_faults,
        leak_sites: &track.leak_sites,
        samples: &track.samples,
    }
}

/// A line for each sample; a reading that could not be had is an empty field.
#[expect(
    clippy::unnecessary_wraps,
    reason = "all outputs are made by functions of one type"
)]
pub(crate) fn csv(_plan: &Plan, tracks: &[Track]) -> anyhow::Result<Vec<u8>> {
    let mut text = String::from("scenario,t_ns,rss_bytes\n");
    for track in tracks {
        for Sample { t_ns, rss_bytes } in &track.samples {
            let rss = rss_bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
            let _ = writeln!(text, "{},{t_ns},{rss}", track.scenario); // a String takes all
        }
    }
    Ok(text.into_bytes())
}
