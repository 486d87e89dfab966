//! Telling a leak from what is set up once.

use std::collections::HashMap;

use super::report::Report;
use super::scope::{Open, within};
use super::scopes::{ProcessRuns, Runs, Successive};
use crate::hooks::Busy;
use crate::stack::{StackEnd, StackId};
use crate::status::Reason;

/// Fewer runs than this cannot tell growth from set-up.
const FEWEST: usize = 4;

/// Makes a call once to warm up and then `runs` times, and reports what grows with the runs.
///
/// A site, that is one stack, is reported if blocks of it survive from at least one of **any two
/// runs in a row**, or from three runs or more without a gap of more than a quarter of all; then all
/// that survived from the runs count, and those of the warm-up do not. Survive means: live after the
/// last run, so that what a later run frees does not count. The sites that are not reported alone are
/// judged once more together, as a leak may take another way in each run. So a leak of one block in each run, in
/// each third one, or by another call path each time, is reported, with the blocks and bytes of exactly
/// those runs; and these are not:
///
/// - what is allocated once, in whichever run;
/// - a result that is kept until the next run, or a pool that fills up;
/// - what doubles: the n-th growth comes after twice as many runs as the one before.
///
/// A pool that fills up more slowly than in three quarters of the runs looks like a leak: more runs tell.
///
/// A buffer that `realloc` makes larger in each run is one block, of the last run, and is not
/// reported: to the C library it looks like a kept result.
///
/// What is a block of a run, and of whom, is as in [`scope`](super::scope()); and what threads from
/// elsewhere allocate during the runs, such as the workers of a pool, counts as well if it grows.
///
/// # Panics
///
/// If `runs` is less than 4, which cannot tell growth from set-up; or if the call does, with its
/// payload, and nothing is reported then.
///
/// # Examples
///
/// ```
/// use std::cell::OnceCell;
/// use malloc_watch::leak;
///
/// # if leak::status() == leak::Status::Active {
/// let cache = OnceCell::new();
/// let report = leak::repeat(8, || {
///     cache.get_or_init(|| vec![0; 100]); // made once
///     // SAFETY: a C string.
///     unsafe { libc::strdup(c"forgotten".as_ptr()) } // made in each run
/// });
/// assert_eq!((report.blocks(), report.bytes()), (8, 80));
/// # }
/// ```
#[track_caller]
pub fn repeat<R>(runs: usize, call: impl FnMut() -> R) -> Report {
    run::<Runs, R>("repeat", runs, call)
}

/// Makes a call once to warm up and then `runs` times, and reports what grows with the runs, whichever
/// thread of the process allocates it.
///
/// Like [`repeat`], but for code that hands its work to threads which run already. Everything else that
/// the process does meanwhile is seen too, such as the other tests of a binary.
///
/// # Panics
///
/// As [`repeat`].
///
/// # Examples
///
/// ```
/// use malloc_watch::leak;
/// use std::sync::mpsc;
/// use std::thread;
///
/// # if leak::status() == leak::Status::Active {
/// let (to_worker, work) = mpsc::channel::<mpsc::Sender<()>>();
/// thread::spawn(move || {
///     for done in work {
///         // SAFETY: no precondition.
///         unsafe { malloc_sys::workload_number(7) }; // lost
///         done.send(()).unwrap();
///     }
/// });
/// let report = leak::process_repeat(8, || {
///     let (done, is_done) = mpsc::channel();
///     to_worker.send(done).unwrap();
///     is_done.recv().unwrap();
/// });
/// assert!(report.to_string().contains("workload_number"));
/// # }
/// ```
#[track_caller]
pub fn process_repeat<R>(runs: usize, call: impl FnMut() -> R) -> Report {
    run::<ProcessRuns, R>("process_repeat", runs, call)
}

#[track_caller]
fn run<S: Successive, R>(name: &str, runs: usize, mut call: impl FnMut() -> R) -> Report {
    assert!(
        runs >= FEWEST,
        "leak::{name}: {runs} runs cannot tell what grows from what is set up once; ask for at \
         least {FEWEST}"
    );
    let mut open = match Open::<S>::start() {
        Ok(open) => open,
        Err(reason) => {
            (0..=runs).for_each(|_| drop(call()));
            return Report::inactive(reason);
        }
    };
    let end = StackEnd::at(&open);
    let mut is_full = false;
    for run in 0..=runs {
        let warm_up = run == 0;
        is_full = is_full || !warm_up && !open.scope.enter_next();
        within(&mut call);
        if !warm_up && !is_full {
            open.scope.leave_last();
        }
    }
    drop(end);
    if is_full {
        return Report::inactive(Reason::Full);
    }
    let mut found = HashMap::<(StackId, bool), Survivors>::new();
    let mut survivors = Vec::new();
    let busy = Busy::enter();
    let position = open.scope.position();
    let running = open.end(|key, block| {
        if let Some(run) = position(key) {
            let is_outside = key.scope == 0 && !S::IS_OF_PROCESS;
            let site = found
                .entry((key.stack, is_outside))
                .or_insert_with(|| Survivors::of(runs));
            site.add(run);
            survivors.push((key.stack, is_outside, block));
        }
    });
    // Others may do something of their own in each run: unless some site of theirs is reported alone, the
    // rest of theirs is nobody's leak.
    let rest_grows = [false, true].map(|outside| {
        let mut rest = Survivors::of(runs);
        let mut alone = false;
        for ((_, is_outside), site) in &found {
            if *is_outside != outside {
                continue;
            }
            if site.grows() {
                alone = true;
            } else {
                rest.merge(site);
            }
        }
        rest.grows() && (alone || !outside)
    });
    found.retain(|(_, is_outside), site| site.grows() || rest_grows[usize::from(*is_outside)]);
    survivors.retain(|&(stack, is_outside, _)| found.contains_key(&(stack, is_outside)));
    let blocks: Vec<_> = survivors
        .into_iter()
        .map(|(stack, _, block)| (stack, block))
        .collect();
    let report = Report::new(&blocks, HashMap::new(), running);
    drop(blocks);
    drop((found, position));
    drop(busy);
    report
}

/// The blocks of one stack that are live after the last run.
struct Survivors {
    /// Whether there is one of each run.
    from: Vec<bool>,
}

impl Survivors {
    fn of(runs: usize) -> Self {
        Self {
            from: vec![false; runs],
        }
    }

    fn add(&mut self, run: usize) {
        self.from[run] = true;
    }

    fn merge(&mut self, other: &Self) {
        for (from, &other) in self.from.iter_mut().zip(&other.from) {
            *from |= other;
        }
    }

    /// In at least one of any two runs, or in three runs or more without a long gap: not at the start,
    /// as a set-up, nor at the end, when a pool is full.
    fn grows(&self) -> bool {
        let longest_gap = self.from.split(|&from| from).map(<[bool]>::len).max();
        let longest_gap = longest_gap.unwrap_or_default();
        let runs = self.from.iter().filter(|&&from| from).count();
        longest_gap <= 1 || runs >= 3 && longest_gap <= self.from.len() / 4
    }
}
