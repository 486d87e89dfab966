//! A function on a stack, by its name.

use std::path::PathBuf;

/// A function on a stack; one that was inlined has a frame of its own.
///
/// ```
/// use malloc_watch::leak::{self, Frame};
///
/// # if leak::status() == leak::Status::Active {
/// // SAFETY: no precondition.
/// let report = leak::scope(|| unsafe { malloc_sys::workload_number(7) });
/// let innermost: &Frame = &report.sites()[0].frames()[0];
/// assert_eq!(innermost.function, "workload_number");
/// assert!(innermost.object.is_some()); // the program, into which the function is linked
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Frame {
    /// Its name, demangled; `0x…` where nothing names it, or `object+0x…`.
    pub function: String,
    /// The source file that the call is in, if the object has debug information.
    pub file: Option<PathBuf>,
    /// The line that the call is on.
    pub line: Option<u32>,
    /// The executable or library that holds the function, as the loader knows it.
    pub object: Option<String>,
}

impl Frame {
    /// A frame of which no more than a name is known.
    pub(crate) fn named(function: String, object: Option<String>) -> Self {
        Self {
            function,
            file: None,
            line: None,
            object,
        }
    }
}
