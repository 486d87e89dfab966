//! The curves' geometry, common to the live chart and the picture: axes, dashes, thinning.

use std::time::Duration;

use crate::limit;
use crate::scenario::Plan;
use crate::timeline::{Track, mebibytes, seconds};

/// The axes of time and memory: long enough for what is planned, or for what was seen if that is more.
///
/// With at most so many parts.
pub(crate) fn scales(
    plan: &Plan,
    tracks: &[Track],
    most_times: u32,
    most_memories: u32,
) -> (Scale, Scale) {
    let lingering = plan.interval.min(Duration::from_secs(1));
    let planned_time = (plan.interval * plan.count + lingering).as_secs_f64();
    let needs = tracks.iter().map(|track| limit::need(track.scenario, plan));
    let planned_memory = needs.max().map_or(0.0, mebibytes);

    let (seen_time, seen_memory) = seen(tracks);
    (
        Scale::over(planned_time.max(seen_time).max(0.01), most_times.min(11)),
        Scale::over(planned_memory.max(seen_memory), most_memories.min(6)),
    )
}

/// The axes of time and memory, just long enough for what was seen.
pub(crate) fn scales_of_what_was_seen(tracks: &[Track]) -> (Scale, Scale) {
    let (time, memory) = seen(tracks);
    (
        Scale::over(time.max(0.001), 11),
        Scale::over(memory.max(1.0), 8),
    )
}

/// The last moment and the most memory of all samples.
fn seen(tracks: &[Track]) -> (f64, f64) {
    let points = || tracks.iter().flat_map(|track| &track.samples);
    let time = points().map(|sample| sample.t_ns).max();
    let memory = points().filter_map(|sample| sample.rss_bytes).max();
    (time.map_or(0.0, seconds), memory.map_or(0.0, mebibytes))
}

/// An axis from 0, in equal parts that have short labels.
#[derive(Debug, PartialEq)]
pub(crate) struct Scale {
    pub(crate) end: f64,
    pub(crate) parts: u32,
}

impl Scale {
    /// The shortest axis of at most so many parts that `value` lies on.
    fn over(value: f64, most: u32) -> Self {
        let most = most.max(1);
        let fewest = if most > 4 { 4 } else { most.min(2) };
        let candidates = (fewest..=most).rev().map(|parts| {
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

    /// What is written at the ends of the parts, from 0 on.
    pub(crate) fn labels(&self) -> Vec<String> {
        let label = |part: u32| {
            let value = self.at(part);
            format!("{}", (value * 1000.0).round() / 1000.0)
        };
        (0..=self.parts).map(label).collect()
    }

    /// Where this part begins.
    pub(crate) fn at(&self, part: u32) -> f64 {
        self.end * f64::from(part) / f64::from(self.parts)
    }
}

/// A part of a curve that is drawn without a gap.
pub(crate) type Piece = [(f64, f64); 2];

/// The parts of a stepped curve that lie in every other stretch of time.
pub(crate) fn dashes(steps: &[(f64, f64)], stretch: f64) -> Vec<Piece> {
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
pub(crate) fn thinned(steps: &[(f64, f64)], column: f64) -> Vec<(f64, f64)> {
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
pub(crate) fn dots(pieces: &[Piece], (width, height): (f64, f64)) -> Vec<(f64, f64)> {
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
            Scale::over(1016.0, 4),
            Scale {
                end: 1500.0,
                parts: 3
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
