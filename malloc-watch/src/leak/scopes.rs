//! Which scopes there are, and which blocks belong to them.
//!
//! A thread is in one scope at most, which may be within another. A scope that ends hands what is
//! left in it to the one around it. Scopes of the process are told apart by epochs: each begins a
//! new one, and a block belongs to every scope that is open and no younger than its epoch.

use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::HashMap;

use super::context::{self, Key};
use crate::fork;
use crate::hooks::{self, Busy, Record, Verdict};

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

/// A thread of this scope starts another.
pub(crate) fn share(mut scope: u32) {
    while scope != 0 {
        scope = state(scope).fetch_or(SHARED, Ordering::Relaxed) & PARENT;
    }
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
    last_epoch: u32,
}

impl Registry {
    pub(crate) const fn new() -> Self {
        Self {
            free: Vec::new(),
            last: 0,
            epochs: Vec::new(),
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

/// Whether a thread could open a scope. To be called with the thread busy.
pub(crate) fn can_be_opened() -> bool {
    fork::scopes().has_numbers()
}

/// What ends: its blocks are those to report.
#[derive(Clone, Copy)]
enum Ending {
    Thread(u32),
    Process(u32),
}

impl Ending {
    fn has(self, key: Key) -> bool {
        match self {
            Self::Thread(scope) => is_within(key.scope, scope),
            Self::Process(epoch) => key.epoch >= epoch,
        }
    }
}

impl Registry {
    /// Reports the blocks of what has ended, and hands each to who else it belongs to.
    fn settle(&self, ending: Ending, mut keep: impl FnMut(Key, u64)) {
        let judge = |context: u32| -> Verdict {
            let Some(key) = context::get(context) else {
                return Verdict {
                    counts: false,
                    context,
                };
            };
            let scope = enclosing_open(key.scope);
            let covered = self
                .epochs
                .first()
                .is_some_and(|&oldest| oldest <= key.epoch);
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
        hooks::walk(judge, |record: Record| {
            if let Some(key) = context::get(record.context()) {
                keep(key, record.size());
            }
        });
    }
}

/// What can be opened, left and closed; each to be called with the thread busy.
pub(crate) trait Scope: Sized {
    /// `None` if there are no more numbers.
    fn open() -> Option<Self>;

    /// From now on this thread allocates outside.
    fn leave(&self);

    /// Tells of each block that was allocated inside and is live. After `leave`, once.
    fn close(&self, keep: impl FnMut(Key, u64));
}

/// What a thread allocates, and the threads that it starts.
pub(crate) struct ThreadScope {
    number: u32,
    around: u32,
}

impl Scope for ThreadScope {
    fn open() -> Option<Self> {
        let mut registry = fork::scopes();
        let number = registry.take_number()?;
        let around = hooks::set_scope(number);
        state(number).store(OPEN | around, Ordering::Relaxed);
        Some(Self { number, around })
    }

    fn leave(&self) {
        hooks::set_scope(self.around);
    }

    fn close(&self, keep: impl FnMut(Key, u64)) {
        close(&[self], Ending::Thread(self.number), keep);
    }
}

/// Ends scopes in one walk.
fn close(scopes: &[&ThreadScope], ending: Ending, keep: impl FnMut(Key, u64)) {
    let mut registry = fork::scopes();
    let ended = |scope: &&&ThreadScope| {
        state(scope.number).fetch_and(!OPEN, Ordering::Relaxed) & SHARED == 0
    };
    let unshared: Vec<_> = scopes
        .iter()
        .filter(ended)
        .map(|scope| scope.number)
        .collect();
    if unshared.len() < scopes.len() {
        hooks::scope_has_ended(); // before the blocks are looked at
    }
    registry.settle(ending, keep);
    registry.free.extend(unshared);
}

/// A scope around others that follow each other and end together with it.
pub(crate) struct Runs {
    around: ThreadScope,
    runs: Vec<ThreadScope>,
}

impl Runs {
    /// Enters another scope, to be left before the next; false if there are no more numbers.
    pub(crate) fn enter_next(&mut self) -> bool {
        let _busy = Busy::enter();
        let next = ThreadScope::open();
        let entered = next.is_some();
        self.runs.extend(next);
        entered
    }

    /// Leaves the scope that was entered last, for the one around them.
    pub(crate) fn leave_last(&self) {
        hooks::set_scope(self.around.number);
    }

    /// Which of the scopes, counted from 0, each number is.
    pub(crate) fn positions(&self) -> HashMap<u32, usize> {
        self.runs.iter().map(|run| run.number).zip(0..).collect()
    }
}

impl Scope for Runs {
    fn open() -> Option<Self> {
        Some(Self {
            around: ThreadScope::open()?,
            runs: Vec::new(),
        })
    }

    fn leave(&self) {
        self.around.leave();
    }

    fn close(&self, keep: impl FnMut(Key, u64)) {
        let scopes: Vec<_> = self.runs.iter().chain([&self.around]).collect();
        close(&scopes, Ending::Thread(self.around.number), keep);
    }
}

/// What all threads allocate.
pub(crate) struct ProcessScope {
    epoch: u32,
}

impl Scope for ProcessScope {
    fn open() -> Option<Self> {
        let mut registry = fork::scopes();
        let epoch = registry.last_epoch + 1;
        if epoch >> context::EPOCH_BITS != 0 {
            return None;
        }
        registry.last_epoch = epoch;
        registry.epochs.push(epoch);
        hooks::set_epoch(epoch);
        Some(Self { epoch })
    }

    /// Only closing ends it: it is every thread's.
    fn leave(&self) {}

    fn close(&self, keep: impl FnMut(Key, u64)) {
        let mut registry = fork::scopes();
        registry.epochs.retain(|&epoch| epoch != self.epoch);
        hooks::set_epoch(registry.epochs.last().copied().unwrap_or(0));
        registry.settle(Ending::Process(self.epoch), keep);
    }
}
