//! Whether there is a libclang; where one is required, there is.

use malloc_bindgen::{Audit, Error, Report};

/// What the audit comes to, or nothing where there is no libclang.
pub(crate) fn run(audit: &Audit) -> Option<Result<Report, Error>> {
    match audit.run() {
        Err(Error::NoLibclang(reason)) => {
            note_missing(&reason);
            None
        }
        result => Some(result),
    }
}

/// Says that a test is skipped, and fails it where that may not be.
pub(crate) fn note_missing(reason: &str) {
    assert!(
        std::env::var_os("MALLOC_BINDGEN_REQUIRE").is_none(),
        "MALLOC_BINDGEN_REQUIRE is set: {reason}"
    );
    skipped::note(
        "audits of headers: there is no libclang",
        "apt-get install libclang-dev",
    );
}
