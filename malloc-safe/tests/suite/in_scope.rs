//! The harness with a leak scope around each test: an owner that leaks a block fails its test.
//!
//! Needs the compiler's unstable hooks for test runners, so it is a configuration of its own:
//! `RUSTFLAGS='--cfg leak_scope' cargo +nightly test -p malloc-safe --test suite`.

extern crate test;

use malloc_watch::leak;
use std::{env, panic, thread};
use test::{TestDescAndFn, TestFn, test_main};

/// Runs the tests as the harness would, and looks at what each leaves behind.
pub(crate) fn run(tests: &[&TestDescAndFn]) {
    let in_scopes = tests.iter().map(|test| {
        let TestFn::StaticTestFn(function) = test.testfn else {
            panic!("{} is not a test function", test.desc.name);
        };
        let run = move || {
            let mut result = Ok(Ok(()));
            // In a thread of its own, which is over, with its thread-locals, before the scope is.
            let report = leak::scope(|| result = thread::spawn(function).join());
            (
                report,
                result.unwrap_or_else(|payload| panic::resume_unwind(payload)),
            )
        };
        let in_scope = move || {
            let (mut report, mut result) = run();
            if report.blocks() > 0 && result.is_ok() {
                (report, result) = run(); // without what a library sets up once
            }
            report.assert_none();
            result
        };
        TestDescAndFn {
            desc: test.desc.clone(),
            testfn: TestFn::DynTestFn(Box::new(in_scope)),
        }
    });
    test_main(&env::args().collect::<Vec<_>>(), in_scopes.collect(), None);
}
