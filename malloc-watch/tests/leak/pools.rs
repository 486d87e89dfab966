//! Threads that were there before the scope, and may have worked for it.

use crate::support::{found, free, is_active, left_by, malloc};
use malloc_watch::leak::{self, Report, Site};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// The pools of these tests lose blocks by the same lines, and each test would see those of the others.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One worker, outside of all scopes.
struct Pool {
    jobs: Sender<Job>,
    done: Arc<Barrier>,
}

impl Pool {
    fn new() -> Self {
        let (jobs, queue): (_, Receiver<Job>) = mpsc::channel();
        let done = Arc::new(Barrier::new(2));
        let is_done = Arc::clone(&done);
        thread::spawn(move || {
            for job in queue {
                job();
                is_done.wait();
            }
        });
        let pool = Self { jobs, done };
        pool.run(|| ()); // the worker has begun, and has what it keeps
        pool
    }

    /// Runs a job, and waits for it.
    fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs.send(Box::new(job)).expect("the worker lives");
        self.done.wait();
    }
}

/// A job that loses a block.
fn lose(bytes: usize) -> impl FnOnce() + Send + 'static {
    move || {
        malloc(bytes);
    }
}

fn fails(report: &Report) -> bool {
    catch_unwind(AssertUnwindSafe(|| report.assert_none())).is_err()
}

#[test]
fn what_a_pool_leaves_is_named_apart_and_fails_the_assertion() {
    if !is_active() {
        return;
    }
    let _alone = alone();
    let pool = Pool::new();
    let (report, ()) = left_by(|| (0..3).for_each(|_| pool.run(lose(71))));
    let mut others = report.sites_of_other_threads().iter();
    let of_the_pool = others.find(|site| site.bytes() == 3 * 71);
    assert_eq!(of_the_pool.map(Site::blocks), Some(3), "{report}");
    assert!(fails(&report));
    assert!(report.to_string().contains("of other threads"), "{report}");
    assert!(
        report
            .without_other_threads()
            .sites_of_other_threads()
            .is_empty()
    );
}

#[test]
fn a_pool_that_leaves_nothing_is_not_mentioned() {
    if !is_active() {
        return;
    }
    let _alone = alone();
    let pool = Pool::new();
    let (report, ()) = left_by(|| {
        pool.run(|| {
            let block = malloc(72);
            // SAFETY: from malloc, and not used again.
            unsafe { free(block) };
        });
    });
    let text = report.to_string();
    assert!(!text.contains("a_pool_that_leaves_nothing"), "{text}");
}

#[test]
fn what_a_pool_left_before_is_no_later_scopes() {
    if !is_active() {
        return;
    }
    let _alone = alone();
    let pool = Pool::new();
    let (outer, inner) = left_by(|| {
        pool.run(lose(73));
        left_by(|| pool.run(lose(74))).0
    });
    let bytes = |report: &Report, wanted: u64| {
        let sites = report.sites_of_other_threads().iter();
        sites.filter(|site| site.bytes() == wanted).count()
    };
    assert_eq!((bytes(&inner, 73), bytes(&inner, 74)), (0, 1), "{inner}");
    // One line, so one site.
    assert_eq!(bytes(&outer, 73 + 74), 1, "{outer}");
}

#[test]
fn repeat_counts_what_a_pool_leaves_in_each_run() {
    if !is_active() {
        return;
    }
    let _alone = alone();
    let pool = Pool::new();
    let report = leak::repeat(20, || pool.run(lose(75)));
    let site = report.sites().iter().find(|site| site.bytes() == 20 * 75);
    assert_eq!(site.map(Site::blocks), Some(20), "{report}");
}

#[test]
fn process_repeat_counts_what_a_pool_leaves_in_each_run() {
    if !is_active() {
        return;
    }
    let _alone = alone();
    let pool = Pool::new();
    let report = leak::process_repeat(20, || pool.run(lose(76)));
    let site = report.sites().iter().find(|site| site.bytes() == 20 * 76);
    assert_eq!(site.map(Site::blocks), Some(20), "{report}");
}

#[test]
fn a_worker_that_is_started_in_the_warm_up_is_seen_in_the_runs() {
    if !is_active() {
        return;
    }
    let _alone = alone();
    let mut pool = None;
    let report = leak::repeat(20, || pool.get_or_insert_with(Pool::new).run(lose(77)));
    let site = report.sites().iter().find(|site| site.bytes() == 20 * 77);
    assert_eq!(site.map(Site::blocks), Some(20), "{report}");
}

#[test]
fn a_worker_that_was_started_in_an_earlier_scope_is_an_outsider_of_later_ones() {
    if !is_active() {
        return;
    }
    let _alone = alone();
    let mut pool = None;
    let report = leak::scope(|| {
        pool.get_or_insert_with(Pool::new);
    });
    assert_eq!(report.running_threads(), 1, "{report}");
    let (report, ()) = left_by(|| pool.as_ref().expect("made above").run(lose(78)));
    let mut others = report.sites_of_other_threads().iter();
    assert!(others.any(|site| site.bytes() == 78), "{report}");
    assert!(fails(&report));
}

#[test]
fn scoped_threads_that_nobody_joins_are_waited_for() {
    if !is_active() {
        return;
    }
    let _alone = alone();
    for _ in 0..200 {
        let (report, ()) = left_by(|| {
            thread::scope(|threads| {
                for _ in 0..4 {
                    threads.spawn(|| ());
                }
            });
        });
        assert_eq!(found(&report), (0, 0), "{report}");
        assert_eq!(report.running_threads(), 0);
    }
}
