//! Which scopes there are, and which blocks belong to them.
//!
//! A thread is in one scope at most, which may be within another. A scope that ends hands what is
//! left in it to the one around it. Scopes of the process are told apart by epochs: each begins a
//! new one, and a block belongs to every scope that is open and no younger than its epoch.
//!
//! A thread that is in no scope, such as a pool's worker, may work for one all the same. What it allocates
//! while any scope is open is recorded by epoch, too, and so is what threads allocate that were started in
//! a scope: a scope of a thread begins a new epoch if such a thread has allocated in the last.

use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::HashMap;

use super::context::{self, Key};
use crate::fork;
use crate::hooks::{self, Block, Busy, Generation, Record, Verdict};

const SCOPES: usize = 1 << context::SCOPE_BITS;

/// For each scope the one around it, and the flags below.
static STATE: [AtomicU32; SCOPES] = [const { AtomicU32::new(0) }; SCOPES];

const OPEN: u32 = 1 << 31;
/// A thread was started in it that may outlive it, so that its number is never used again.
const SHARED: u32 = 1 << 30;
const PARENT: u32 = SHARED - 1;

fn state(scope: u32) -> &'static AtomicU32 {
    &STATE[scope as usize % SCOPES] // no number is larger; so there is nothing to check
}

/// The innermost scope around `scope`, and with it, that is open; 0 if none is.
pub(crate) fn enclosing_open(mut scope: u32) -> u32 {
    while scope != 0 {
        let state = state(scope).load(Ordering::Relaxed);
        if state & OPEN != 0 {
            break;
        }
        scope = state & PARENT;
    }
    scope
}

/// How many threads run that were started in each scope, or in one within it.
static RUNNING: [AtomicU32; SCOPES] = [const { AtomicU32::new(0) }; SCOPES];

/// A thread of this scope starts another.
pub(crate) fn thread_starts(mut scope: u32) {
    while scope != 0 {
        RUNNING[scope as usize % SCOPES].fetch_add(1, Ordering::Relaxed);
        scope = state(scope).fetch_or(SHARED, Ordering::Relaxed) & PARENT;
    }
}

/// A thread that was started in this scope is over, with its thread-locals.
pub(crate) fn thread_ended(mut scope: u32) {
    while scope != 0 {
        RUNNING[scope as usize % SCOPES].fetch_sub(1, Ordering::Release);
        scope = state(scope).load(Ordering::Relaxed) & PARENT;
    }
}

fn running(scope: u32) -> u32 {
    RUNNING[scope as usize % SCOPES].load(Ordering::Acquire)
}

/// The last epoch that a thread has allocated in.
static USED: AtomicU32 = AtomicU32::new(0);

/// A thread allocates in this epoch.
pub(crate) fn note_use(epoch: u32) {
    USED.fetch_max(epoch, Ordering::Relaxed);
}

/// Whether `scope` is `other` or somewhere in it.
fn is_within(mut scope: u32, other: u32) -> bool {
    while scope != 0 && scope != other {
        scope = state(scope).load(Ordering::Relaxed) & PARENT;
    }
    scope == other
}

/// The scopes, but for what hooks must know of them without a lock.
pub(crate) struct Registry {
    /// Numbers of scopes that ended and left nothing behind.
    free: Vec<u32>,
    /// The last number that was given out.
    last: u32,
    /// Of the scopes of the process that are open, oldest first.
    epochs: Vec<u32>,
    /// Of the scopes of threads that are open: since when outsiders may have worked for each.
    since: Vec<u32>,
    last_epoch: u32,
}

impl Registry {
    pub(crate) const fn new() -> Self {
        Self {
            free: Vec::new(),
            last: 0,
            epochs: Vec::new(),
            since: Vec::new(),
            last_epoch: 0,
        }
    }

    fn has_numbers(&self) -> bool {
        !self.free.is_empty() || (self.last as usize) < SCOPES - 1
    }

    fn take_number(&mut self) -> Option<u32> {
        if !self.has_numbers() {
            return None;
        }
        Some(self.free.pop().unwrap_or_else(|| {
            self.last += 1;
            self.last
        }))
    }
}

impl Registry {
    fn next_epoch(&mut self) -> Option<u32> {
        let epoch = self.last_epoch + 1;
        if epoch >> context::EPOCH_BITS != 0 {
            return None;
        }
        self.last_epoch = epoch;
        Some(epoch)
    }

    /// An epoch in which nobody has allocated yet.
    fn unused_epoch(&mut self) -> Option<u32> {
        if self.last_epoch == 0 || USED.load(Ordering::Relaxed) == self.last_epoch {
            self.next_epoch()
        } else {
            Some(self.last_epoch)
        }
    }

    /// Tells the hooks in which epochs blocks are from now on: the last, as far as anybody asks.
    fn set_epochs(&self) {
        let of_process = if self.epochs.is_empty() {
            0
        } else {
            self.last_epoch
        };
        let outside = if self.since.is_empty() {
            of_process
        } else {
            self.last_epoch
        };
        hooks::set_epochs(of_process, outside);
    }

    fn oldest_epoch(&self) -> Option<u32> {
        self.since.iter().chain(&self.epochs).copied().min()
    }
}

/// Whether a thread could open a scope. To be called with the thread busy.
pub(crate) fn can_be_opened() -> bool {
    fork::scopes().has_numbers()
}

/// What ends: its blocks are those to report.
#[derive(Clone, Copy)]
enum Ending {
    /// The scope, and since when outsiders may have worked for it.
    Thread(u32, u32),
    Process(u32),
}

impl Ending {
    fn has(self, key: Key) -> bool {
        match self {
            Self::Thread(_, since) if key.scope == 0 => key.epoch >= since,
            Self::Thread(scope, _) => is_within(key.scope, scope),
            Self::Process(epoch) => key.epoch >= epoch,
        }
    }
}

impl Registry {
    /// Reports the blocks of what has ended, and hands each to who else it belongs to.
    fn settle(&self, generation: Generation, ending: Ending, mut keep: impl FnMut(Key, Block)) {
        let oldest = self.oldest_epoch();
        let judge = |context: u32| -> Verdict {
            let Some(key) = context::get(context) else {
                return Verdict {
                    counts: false,
                    context,
                };
            };
            let scope = enclosing_open(key.scope);
            let covered = oldest.is_some_and(|oldest| oldest <= key.epoch);
            let epoch = if covered { key.epoch } else { 0 };
            let context = if (scope, epoch) == (key.scope, key.epoch) {
                context
            } else if scope == 0 && epoch == 0 {
                0
            } else {
                context::intern(Key {
                    scope,
                    epoch,
                    ..key
                })
            };
            Verdict {
                counts: ending.has(key),
                context,
            }
        };
        // Most blocks in a row have the context of the one before.
        let mut known: Option<(u32, Verdict)> = None;
        let judge = move |context| match known {
            Some((last, verdict)) if last == context => verdict,
            _ => known.insert((context, judge(context))).1,
        };
        hooks::walk(generation, judge, |record: Record, block| {
            if let Some(key) = context::get(record.context()) {
                keep(key, block);
            }
        });
    }
}

/// What can be opened, left and closed; each to be called with the thread busy.
pub(crate) trait Scope: Sized {
    /// Whether what all threads allocate is inside.
    const IS_OF_PROCESS: bool;

    /// `None` if there are no more numbers.
    fn open() -> Option<Self>;

    /// From now on this thread allocates outside.
    fn leave(&self);

    /// How many threads that were started inside are still there.
    fn running(&self) -> u32 {
        0
    }

    /// Tells of each block that was allocated inside and is live, and of those that threads outside of
    /// all scopes allocated meanwhile: their scope is 0. After `leave`, once.
    fn close(&self, keep: impl FnMut(Key, Block));
}

/// What a thread allocates, and the threads that it starts.
pub(crate) struct ThreadScope {
    number: u32,
    around: u32,
    since: u32,
    generation: Generation,
}

impl Scope for ThreadScope {
    const IS_OF_PROCESS: bool = false;

    fn open() -> Option<Self> {
        let mut registry = fork::scopes();
        let since = registry.unused_epoch()?;
        let number = registry.take_number()?;
        registry.since.push(since);
        let generation = Generation::begin();
        registry.set_epochs();
        let around = hooks::set_scope(number);
        state(number).store(OPEN | around, Ordering::Relaxed);
        Some(Self {
            number,
            around,
            since,
            generation,
        })
    }

    fn running(&self) -> u32 {
        running(self.number)
    }

    fn leave(&self) {
        hooks::set_scope(self.around);
    }

    fn close(&self, keep: impl FnMut(Key, Block)) {
        let ending = Ending::Thread(self.number, self.since);
        close(&[self], self.generation, ending, keep);
    }
}

/// Ends scopes in one walk.
fn close(
    scopes: &[&ThreadScope],
    generation: Generation,
    ending: Ending,
    keep: impl FnMut(Key, Block),
) {
    let mut registry = fork::scopes();
    let ended = |scope: &&&ThreadScope| {
        state(scope.number).fetch_and(!OPEN, Ordering::Relaxed) & SHARED == 0
    };
    let unshared: Vec<_> = scopes
        .iter()
        .filter(ended)
        .map(|scope| scope.number)
        .collect();
    for scope in scopes {
        let place = registry
            .since
            .iter()
            .position(|&since| since == scope.since);
        registry.since.swap_remove(place.expect("it was open"));
    }
    registry.set_epochs();
    if unshared.len() < scopes.len() {
        hooks::scope_has_ended(); // before the blocks are looked at
    }
    registry.settle(generation, ending, keep);
    registry.free.extend(unshared);
}

/// Scopes that follow each other and end together.
pub(super) trait Successive: Scope {
    /// Enters another scope, to be left before the next; false if there are no more numbers.
    fn enter_next(&mut self) -> bool;

    /// Leaves the scope that was entered last.
    fn leave_last(&self);

    /// Says which of the scopes, counted from 0, a block is from, by its key.
    fn position(&self) -> impl Fn(Key) -> Option<usize> + 'static;
}

/// A scope of a thread around others.
pub(super) struct Runs {
    around: ThreadScope,
    runs: Vec<ThreadScope>,
}

/// Which of the periods that begin with these epochs, oldest first, an epoch is in.
fn period(begins: &[u32], epoch: u32) -> Option<usize> {
    begins
        .partition_point(|&begin| begin <= epoch)
        .checked_sub(1)
}

impl Successive for Runs {
    fn enter_next(&mut self) -> bool {
        let _busy = Busy::enter();
        let next = ThreadScope::open();
        let entered = next.is_some();
        self.runs.extend(next);
        entered
    }

    /// Leaves it for the one around them.
    fn leave_last(&self) {
        hooks::set_scope(self.around.number);
    }

    fn position(&self) -> impl Fn(Key) -> Option<usize> + 'static {
        let numbers: HashMap<u32, usize> =
            self.runs.iter().map(|run| run.number).zip(0..).collect();
        let begins: Vec<u32> = self.runs.iter().map(|run| run.since).collect();
        let around = self.around.number;
        move |key| match key.scope {
            // Of a thread that was started before the runs, here or elsewhere.
            0 => period(&begins, key.epoch),
            scope if scope == around => period(&begins, key.epoch),
            scope => numbers.get(&scope).copied(),
        }
    }
}

/// A scope of the process around others.
pub(super) struct ProcessRuns {
    around: ProcessScope,
    begins: Vec<u32>,
}

impl Scope for ProcessRuns {
    const IS_OF_PROCESS: bool = true;

    fn open() -> Option<Self> {
        Some(Self {
            around: ProcessScope::open()?,
            begins: Vec::new(),
        })
    }

    fn leave(&self) {}

    fn close(&self, keep: impl FnMut(Key, Block)) {
        self.around.close(keep);
    }
}

impl Successive for ProcessRuns {
    fn enter_next(&mut self) -> bool {
        let _busy = Busy::enter();
        let mut registry = fork::scopes();
        let next = registry.next_epoch();
        registry.set_epochs();
        self.begins.extend(next);
        next.is_some()
    }

    fn leave_last(&self) {}

    fn position(&self) -> impl Fn(Key) -> Option<usize> + 'static {
        let begins = self.begins.clone();
        move |key| period(&begins, key.epoch)
    }
}

impl Scope for Runs {
    const IS_OF_PROCESS: bool = false;

    fn open() -> Option<Self> {
        Some(Self {
            around: ThreadScope::open()?,
            runs: Vec::new(),
        })
    }

    fn leave(&self) {
        self.around.leave();
    }

    fn close(&self, keep: impl FnMut(Key, Block)) {
        let scopes: Vec<_> = self.runs.iter().chain([&self.around]).collect();
        let first = self.runs.first().unwrap_or(&self.around);
        let ending = Ending::Thread(self.around.number, first.since);
        close(&scopes, self.around.generation, ending, keep);
    }

    fn running(&self) -> u32 {
        self.around.running()
    }
}

/// What all threads allocate.
pub(super) struct ProcessScope {
    epoch: u32,
    generation: Generation,
}

impl Scope for ProcessScope {
    const IS_OF_PROCESS: bool = true;

    fn open() -> Option<Self> {
        let mut registry = fork::scopes();
        let epoch = registry.next_epoch()?;
        registry.epochs.push(epoch);
        let generation = Generation::begin();
        registry.set_epochs();
        Some(Self { epoch, generation })
    }

    /// Only closing ends it: it is every thread's.
    fn leave(&self) {}

    fn close(&self, keep: impl FnMut(Key, Block)) {
        let mut registry = fork::scopes();
        registry.epochs.retain(|&epoch| epoch != self.epoch);
        registry.set_epochs();
        registry.settle(self.generation, Ending::Process(self.epoch), keep);
    }
}
