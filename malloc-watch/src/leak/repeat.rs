//! Telling a leak from what is set up once.

use std::collections::HashMap;

use super::report::{Report, Tally};
use super::scope::{Open, within};
use super::scopes::Runs;
use crate::hooks::Busy;
use crate::stack::{StackEnd, StackId};
use crate::status::Reason;

/// Fewer runs than this cannot tell growth from set-up.
const FEWEST: usize = 4;

/// Makes a call once to warm up and then `runs` times, and reports what grows with the runs.
///
/// A site, that is one stack, is reported if blocks of it survive from at least one of **any two
/// runs in a row**; then all that survived from the runs count, and those of the warm-up do not.
/// Survive means: live after the last run, so that what a later run frees does not count. So a leak
/// of one block in each run, or in each second one, is reported, with the blocks and bytes of
/// exactly those runs; and these are not:
///
/// - what is allocated once, in whichever run;
/// - a result that is kept until the next run, or a pool that fills up;
/// - what doubles: the n-th growth comes after twice as many runs as the one before.
///
/// A buffer that `realloc` makes larger in each run is one block, of the last run, and is not
/// reported: to the C library it looks like a kept result.
///
/// What is a block of a run, and of whom, is as in [`scope`](super::scope()).
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
pub fn repeat<R>(runs: usize, mut call: impl FnMut() -> R) -> Report {
    assert!(
        runs >= FEWEST,
        "leak::repeat: {runs} runs cannot tell what grows from what is set up once; ask for at \
         least {FEWEST}"
    );
    let mut open = match Open::<Runs>::start() {
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
    let mut found = HashMap::<StackId, Survivors>::new();
    let busy = Busy::enter();
    let positions = open.scope.positions();
    open.end(|key, size| {
        if let Some(&run) = positions.get(&key.scope) {
            let site = found
                .entry(key.stack)
                .or_insert_with(|| Survivors::of(runs));
            site.tally.add(size);
            site.from[run] = true;
        }
    });
    found.retain(|_, site| site.grows());
    let report = Report::new(found.drain().map(|(stack, site)| (stack, site.tally)));
    drop((found, positions));
    drop(busy);
    report
}

/// The blocks of one stack that are live after the last run.
struct Survivors {
    tally: Tally,
    /// Whether there is one of each run.
    from: Vec<bool>,
}

impl Survivors {
    fn of(runs: usize) -> Self {
        Self {
            tally: Tally::default(),
            from: vec![false; runs],
        }
    }

    fn grows(&self) -> bool {
        self.from.windows(2).all(|two| two[0] || two[1])
    }
}
