//! Takes turns: each round runs every arm of a task once, so that a noisy moment hits them alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Who does the work: the columns of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Us,
    Hand,
    Mbox,
    Malloced,
    MallocBuf,
    CVec,
    CBox,
    Std,
    AllocatorApi2,
    /// This crate once more: what differs between the two is noise.
    UsAgain,
}

impl By {
    pub(crate) const ALL: [(Self, &str); 10] = [
        (Self::Us, "malloc-safe"),
        (Self::Hand, "by hand"),
        (Self::Mbox, "mbox"),
        (Self::Malloced, "malloced"),
        (Self::MallocBuf, "malloc_buf"),
        (Self::CVec, "c_vec"),
        (Self::CBox, "cbox"),
        (Self::Std, "std"),
        (Self::AllocatorApi2, "alloc-api2"),
        (Self::UsAgain, "(again)"),
    ];
}

type Batch = Box<dyn Fn(u32) -> Duration>;

/// The same work by several hands.
pub(crate) struct Task {
    pub(crate) name: &'static str,
    /// How often the work is done in one turn.
    calls: u32,
    rounds: usize,
    arms: Vec<(By, Batch)>,
}

impl Task {
    pub(crate) fn new(name: &'static str, calls: u32, rounds: usize) -> Self {
        Self {
            name,
            calls,
            rounds,
            arms: Vec::new(),
        }
    }

    /// Adds an arm whose work needs no preparation.
    pub(crate) fn arm<R>(mut self, by: By, work: impl Fn() -> R + Clone + 'static) -> Self {
        let batch = move |calls| {
            let start = Instant::now();
            for _ in 0..calls {
                black_box(work());
            }
            start.elapsed()
        };
        self.add(by, batch);
        self
    }

    /// Adds an arm that works on what `prepare` makes, which is not part of the time.
    pub(crate) fn arm_on<T: 'static, R>(
        mut self,
        by: By,
        prepare: impl Fn() -> T + Clone + 'static,
        work: impl Fn(T) -> R + Clone + 'static,
    ) -> Self {
        let batch = move |calls| {
            let prepared: Vec<T> = (0..calls).map(|_| prepare()).collect();
            let start = Instant::now();
            for item in prepared {
                black_box(work(item));
            }
            start.elapsed()
        };
        self.add(by, batch);
        self
    }

    /// Replaces an arm.
    pub(crate) fn instead<T: 'static, R>(
        mut self,
        by: By,
        prepare: impl Fn() -> T + Clone + 'static,
        work: impl Fn(T) -> R + Clone + 'static,
    ) -> Self {
        self.arms
            .retain(|(arm, _)| *arm != by && (by, *arm) != (By::Us, By::UsAgain));
        self.arm_on(by, prepare, work)
    }

    fn add(&mut self, by: By, batch: impl Fn(u32) -> Duration + Clone + 'static) {
        if by == By::Us {
            self.arms.push((By::UsAgain, Box::new(batch.clone())));
        }
        self.arms.push((by, Box::new(batch)));
    }

    /// Whether each arm's work is so short that its instructions are worth counting.
    pub(crate) fn is_short(&self) -> bool {
        self.calls >= 100
    }

    pub(crate) fn has(&self, by: By) -> bool {
        self.arms.iter().any(|(arm, _)| *arm == by)
    }

    /// Does one arm's work some times, for a counter of instructions to watch.
    pub(crate) fn work(&self, by: By, calls: u32) {
        for (_, batch) in self.arms.iter().filter(|(arm, _)| *arm == by) {
            batch(calls);
        }
    }

    /// Times all arms in turns, the order rotating and every other round reversed, until each has
    /// had every place as often as the others.
    pub(crate) fn time(&self) -> Times {
        let mut times = Times {
            calls: self.calls,
            arms: self.arms.iter().map(|&(by, _)| (by, Vec::new())).collect(),
        };
        let rounds = self.rounds.next_multiple_of(2 * self.arms.len());
        let warm_up = 1 + rounds / 10;
        for round in 0..warm_up + rounds {
            for turn in 0..self.arms.len() {
                let forward = (round / 2 + turn) % self.arms.len();
                let arm = match round % 2 {
                    0 => forward,
                    _ => self.arms.len() - 1 - forward,
                };
                let spent = self.arms[arm].1(self.calls);
                if round >= warm_up {
                    times.arms[arm].1.push(spent.as_secs_f64());
                }
            }
        }
        times
    }
}

/// What each arm took in each round.
pub(crate) struct Times {
    calls: u32,
    arms: Vec<(By, Vec<f64>)>,
}

/// How an arm did beside this crate.
pub(crate) struct Ratio {
    pub(crate) median: f64,
    /// Whether it was faster in three of four rounds, and by 3 % in the median.
    pub(crate) ahead: bool,
}

impl Times {
    fn of(&self, by: By) -> Option<&[f64]> {
        let (_, times) = self.arms.iter().find(|(arm, _)| *arm == by)?;
        Some(times)
    }

    /// The median time of one call, in nanoseconds.
    pub(crate) fn nanoseconds(&self, by: By) -> Option<f64> {
        let times = self.of(by)?.to_vec();
        Some(quantile(times, 0.5) * 1e9 / f64::from(self.calls))
    }

    /// The ratio to this crate in the same round, over all rounds.
    pub(crate) fn ratio(&self, by: By) -> Option<Ratio> {
        let both = self.of(by)?.iter().zip(self.of(By::Us)?);
        let ratios: Vec<f64> = both.map(|(this, us)| this / us).collect();
        let median = quantile(ratios.clone(), 0.5);
        let ahead = median < 0.97 && quantile(ratios, 0.75) < 1.0;
        Some(Ratio { median, ahead })
    }
}

fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a small count is a small count"
    )]
    let position = (values.len() as f64 * share) as usize;
    values[position.min(values.len() - 1)]
}
