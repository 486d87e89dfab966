//! What is known of each scenario's run so far: its samples, its progress, its end.

use crate::protocol::{Figures, LeakSite, Message, Sample};
use crate::scenario::{ReadBack, Scenario};

/// One scenario's run, as its child told it.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) scenario: Scenario,
    pub(crate) state: State,
    /// In the order of time; the first is from before the loop.
    pub(crate) samples: Vec<Sample>,
    /// Turns that are over.
    pub(crate) turns: u32,
    /// What the last block held.
    pub(crate) read: Option<ReadBack>,
    /// Up to the last turn; the rest only of a child that lived to tell it.
    pub(crate) figures: Figures,
    /// Where the blocks came from that it left behind.
    pub(crate) leak_sites: Vec<LeakSite>,
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Running,
    Done,
    /// Ended with the whole run, because someone asked for it.
    Stopped,
    /// Ended before its time, or said itself that it could not do its work.
    Failed(String),
    /// Not to be had on this platform; nobody's fault.
    Unavailable(&'static str),
}

impl Track {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let state = scenario
            .unavailable()
            .map_or(State::Waiting, State::Unavailable);
        Self {
            scenario,
            state,
            samples: Vec::new(),
            turns: 0,
            read: None,
            figures: Figures::default(),
            leak_sites: Vec::new(),
        }
    }

    /// Takes in what the child said; returns the sample that ended a turn, if that was it.
    pub(crate) fn apply(&mut self, message: Message) -> Option<Sample> {
        let mut turn_over = false;
        let sample = match message {
            Message::Ready { sample } => {
                self.state = State::Running;
                sample
            }
            Message::Filled { read, sample, .. } => {
                self.read = Some(read);
                sample
            }
            Message::LetGo { turn, sample, used } => {
                self.turns = turn;
                turn_over = true;
                self.figures = Figures {
                    end_rss_bytes: sample.rss_bytes,
                    wall_ns: Some(sample.t_ns),
                    user_ns: used.map(|used| used.user_ns),
                    system_ns: used.map(|used| used.system_ns),
                    minor_faults: used.map(|used| used.minor_faults),
                    ..Figures::default()
                };
                sample
            }
            Message::Done {
                sample,
                figures,
                error,
            } => {
                self.figures = figures;
                self.state = error.map_or(State::Done, State::Failed);
                sample
            }
            Message::After { sample } => sample,
            Message::Left {
                live_blocks,
                live_bytes,
                leak_sites,
            } => {
                self.figures.live_blocks = live_blocks;
                self.figures.live_bytes = live_bytes;
                self.leak_sites = leak_sites;
                return None;
            }
        };
        self.samples.push(sample);
        // The system's peak may lag behind its readings, and the last of them comes after it.
        if let Some(peak) = self.figures.peak_rss_bytes {
            self.figures.peak_rss_bytes = self.highest_sample().max(Some(peak));
        }
        turn_over.then_some(sample)
    }

    /// Whether it began, and was ended before its last turn.
    pub(crate) fn is_cut_short(&self) -> bool {
        matches!(self.state, State::Stopped | State::Failed(_))
    }

    /// Whether something went wrong, other than that the platform lacks the scenario.
    pub(crate) fn failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// Resident memory before the loop.
    pub(crate) fn baseline(&self) -> Option<u64> {
        self.samples.first()?.rss_bytes
    }

    /// The most that any sample showed; the true peak is at least this.
    pub(crate) fn highest_sample(&self) -> Option<u64> {
        self.samples
            .iter()
            .filter_map(|sample| sample.rss_bytes)
            .max()
    }

    /// The curve in seconds and MiB, as steps: a reading holds until the next one.
    pub(crate) fn steps(&self) -> Vec<(f64, f64)> {
        let mut steps: Vec<(f64, f64)> = Vec::with_capacity(2 * self.samples.len());
        for sample in &self.samples {
            let Some(rss) = sample.rss_bytes else {
                continue;
            };
            let (time, memory) = (seconds(sample.t_ns), mebibytes(rss));
            if let Some(&(_, before)) = steps.last() {
                steps.push((time, before));
            }
            steps.push((time, memory));
        }
        steps
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 104 days")]
pub(crate) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

impl State {
    /// Why there are no figures, or only some.
    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) => Some(reason),
            Self::Unavailable(reason) => Some(reason),
            Self::Stopped => Some("stopped before its end"),
            Self::Waiting | Self::Running | Self::Done => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_holds_each_reading_until_the_next() {
        let mut track = Track::new(Scenario::Owned);
        for (t_ns, mebibytes) in [(0, 4), (1_000_000_000, 54), (2_000_000_000, 4)] {
            track.samples.push(Sample {
                t_ns,
                rss_bytes: Some(mebibytes << 20),
            });
        }
        assert_eq!(
            track.steps(),
            [(0.0, 4.0), (1.0, 4.0), (1.0, 54.0), (2.0, 54.0), (2.0, 4.0)]
        );
    }

    #[test]
    fn no_sample_is_above_the_peak() {
        let sample = |t_ns, rss_bytes| Sample { t_ns, rss_bytes };
        let mut track = Track::new(Scenario::Leak);
        track.apply(Message::Done {
            sample: sample(1, Some(30)),
            figures: Figures {
                peak_rss_bytes: Some(20),
                ..Figures::default()
            },
            error: None,
        });
        assert_eq!(track.figures.peak_rss_bytes, Some(30));
        track.apply(Message::After {
            sample: sample(2, Some(40)),
        });
        assert_eq!(track.figures.peak_rss_bytes, Some(40));
    }

    #[test]
    fn readings_that_the_platform_does_not_give_leave_no_curve() {
        let mut track = Track::new(Scenario::Owned);
        track.samples.push(Sample {
            t_ns: 0,
            rss_bytes: None,
        });
        assert!(track.steps().is_empty());
        assert_eq!(track.baseline(), None);
    }
}
