//! Looking at what one piece of code leaves behind.

use core::fmt;
use core::hint::black_box;
use core::marker::PhantomData;
use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use super::context::Key;
use super::report::{Report, Tally};
use super::scopes::{ProcessScope, Scope, ThreadScope};
use crate::hooks::{Block, Busy, Watch};
use crate::stack::StackEnd;
use crate::status::{self, Reason, Status};

/// Reports the blocks that are live after a call, of those that were allocated during it by this
/// thread, and by the threads that it started, directly or not.
///
/// It does not matter who frees a block, or in which thread. What the call returns is dropped
/// first, and what it has captured by value: a block that is to outlive the call, and that the
/// caller knows of, is put into a variable outside.
///
/// - `realloc` allocates: a block from before that is reallocated inside is reported, with its new
///   size, and a block from inside that is reallocated later stays in the scope it was born in,
///   unless that happens in another scope.
/// - Scopes may be nested: what the inner one reports, the outer one reports too.
/// - Threads that were started inside and are on their way out are waited for, for a quarter of a second
///   at most. One that outlives that stays in the scope around, if there is one, and the report says
///   that it was still running.
/// - A thread from elsewhere, such as a worker of a pool, may have worked for the call. If blocks that
///   such a thread allocated meanwhile are live, the report names them apart, and
///   [`assert_none`](Report::assert_none) fails: [`process_scope`] counts them, and
///   [`Report::without_other_threads`] waves them through. The test harness's other tests are left out.
/// - Left out is what the Rust runtime keeps for itself, with no other code on the way to it: the buffer
///   that the test harness captures output in, those of standard input and output, the handle of the
///   current thread, the list of a thread's destructors, and what the printing of a panic's stack
///   reads once.
///
/// If the checker is inactive the call is made all the same, and the report says so.
///
/// # Panics
///
/// If the call does, with its payload. Nothing is reported then.
///
/// # Examples
///
/// ```
/// use malloc_watch::leak;
///
/// # if leak::status() == leak::Status::Active {
/// // SAFETY: a C string.
/// let report = leak::scope(|| unsafe { libc::strdup(c"forgotten".as_ptr()) });
/// assert_eq!((report.blocks(), report.bytes()), (1, 10));
/// # }
/// ```
pub fn scope<R>(call: impl FnOnce() -> R) -> Report {
    run::<ThreadScope, R>(call)
}

/// Reports the blocks that are live after a call, of those that any thread of the process allocated
/// during it.
///
/// Like [`scope`], but for code that hands its work to threads which run already. Everything else
/// that the process does meanwhile is seen too, such as the other tests of a binary.
///
/// # Panics
///
/// If the call does, with its payload. Nothing is reported then.
///
/// # Examples
///
/// ```
/// use malloc_watch::leak;
/// use std::sync::Barrier;
/// use std::thread;
///
/// # if leak::status() == leak::Status::Active {
/// let (begin, end) = (Barrier::new(2), Barrier::new(2));
/// thread::scope(|threads| {
///     threads.spawn(|| {
///         begin.wait();
///         // SAFETY: no precondition.
///         unsafe { malloc_sys::workload_number(7) };
///         end.wait();
///     });
///     let report = leak::process_scope(|| {
///         begin.wait(); // the worker has something to do
///         end.wait();
///     });
///     assert_eq!(report.bytes(), 8);
/// });
/// # }
/// ```
pub fn process_scope<R>(call: impl FnOnce() -> R) -> Report {
    run::<ProcessScope, R>(call)
}

/// As [`scope`], and gives back what the call returns, whose blocks are live and so among those that are
/// reported.
///
/// # Panics
///
/// If the call does, with its payload. Nothing is reported then.
///
/// # Examples
///
/// ```
/// use malloc_watch::leak;
///
/// let (sum, report) = leak::scope_returning(|| (1..=4).sum::<u32>());
/// assert_eq!(sum, 10);
/// # if leak::status() == leak::Status::Active {
/// report.assert_none();
/// # }
/// ```
pub fn scope_returning<R>(call: impl FnOnce() -> R) -> (R, Report) {
    let open = match Open::<ThreadScope>::start() {
        Ok(open) => open,
        Err(reason) => return (call(), Report::inactive(reason)),
    };
    let end = StackEnd::at(&open);
    let result = within_returning(call);
    drop(end);
    (result, open.report())
}

/// A scope that is open until it is finished: for fixtures, and for code with `.await` in it.
///
/// It belongs to the thread that opened it. What other tasks of that thread allocate meanwhile is inside,
/// too; a runtime of one thread, as that of `#[tokio::test]` is by default, polls all of a test's tasks
/// there.
///
/// ```
/// use malloc_watch::leak::ScopeGuard;
///
/// let guard = ScopeGuard::open();
/// // SAFETY: a C string.
/// let copy = unsafe { libc::strdup(c"kept for a while".as_ptr()) };
/// // SAFETY: from strdup, and not used again.
/// unsafe { libc::free(copy.cast()) };
/// let report = guard.finish();
/// # if malloc_watch::leak::status() == malloc_watch::leak::Status::Active {
/// report.assert_none();
/// # }
/// ```
#[must_use = "a scope that is dropped reports nothing"]
pub struct ScopeGuard {
    open: Result<Open<ThreadScope>, Reason>,
    /// To be finished in the thread that opened it.
    of_this_thread: PhantomData<*const ()>,
}

impl ScopeGuard {
    /// Opens a scope. If the checker is inactive, the report says so.
    pub fn open() -> Self {
        Self {
            open: Open::start(),
            of_this_thread: PhantomData,
        }
    }

    /// Ends the scope, and reports the blocks that are live of those that were allocated since it was
    /// opened.
    pub fn finish(self) -> Report {
        match self.open {
            Ok(open) => open.report(),
            Err(reason) => Report::inactive(reason),
        }
    }
}

impl fmt::Debug for ScopeGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inactive = self.open.as_ref().err();
        f.debug_struct("ScopeGuard")
            .field("inactive", &inactive)
            .finish_non_exhaustive()
    }
}

fn run<S: Scope, R>(call: impl FnOnce() -> R) -> Report {
    let open = match Open::<S>::start() {
        Ok(open) => open,
        Err(reason) => {
            drop(call());
            return Report::inactive(reason);
        }
    };
    let end = StackEnd::at(&open);
    within(call);
    drop(end);
    open.report()
}

/// How long a report waits for threads that are on their way out, as those of
/// [`std::thread::scope`] that nobody joins.
const PATIENCE: Duration = Duration::from_millis(250);

/// Waits for the threads that were started in a scope, and says how many are still there.
fn wait_for_threads<S: Scope>(scope: &S) -> u32 {
    let start = Instant::now();
    loop {
        let running = scope.running();
        if running == 0 || start.elapsed() > PATIENCE {
            return running;
        }
        thread::sleep(Duration::from_micros(100));
    }
}

/// The end of the stacks in a report, by its name.
#[inline(never)]
pub(super) fn within<R>(call: impl FnOnce() -> R) {
    drop(call());
    black_box(()); // or the call is a jump, and this function not on the stack
}

/// The same for a call whose result is kept.
#[inline(never)]
fn within_returning<R>(call: impl FnOnce() -> R) -> R {
    let result = call();
    black_box(());
    result
}

/// A scope that closes when it is dropped, also by a panic.
pub(super) struct Open<S: Scope> {
    pub(super) scope: S,
    ended: bool,
    _watch: Watch,
}

impl<S: Scope> Open<S> {
    pub(super) fn start() -> Result<Self, Reason> {
        if let Status::Inactive(reason) = status::of_what_is_seen() {
            return Err(reason);
        }
        let _busy = Busy::enter();
        // The thread's handle, which the runtime makes at first use and keeps.
        drop(thread::current());
        let watch = Watch::start();
        Ok(Self {
            scope: S::open().ok_or(Reason::Full)?,
            ended: false,
            _watch: watch,
        })
    }
}

impl<S: Scope> Open<S> {
    /// Tells of what is live, and how many threads that were started inside are still there.
    pub(super) fn end(mut self, keep: impl FnMut(Key, Block)) -> u32 {
        self.close(keep)
    }

    /// Ends the scope and reports what is live.
    pub(super) fn report(self) -> Report {
        let is_of_process = S::IS_OF_PROCESS;
        let mut found = Vec::new();
        let mut outside = HashMap::<_, Tally>::new();
        let running = self.end(|key, block| {
            if key.scope == 0 && !is_of_process {
                outside.entry(key.stack).or_default().add(block.size);
            } else {
                found.push((key.stack, block));
            }
        });
        Report::new(&found, outside, running).with_hint()
    }

    fn close(&mut self, keep: impl FnMut(Key, Block)) -> u32 {
        let _busy = Busy::enter();
        self.scope.leave();
        let running = wait_for_threads(&self.scope);
        self.ended = true;
        self.scope.close(keep);
        running
    }
}

impl<S: Scope> Drop for Open<S> {
    fn drop(&mut self) {
        if !self.ended {
            self.close(|_, _| {});
        }
    }
}
