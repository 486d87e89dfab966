//! Finds every place in a C header that hands over memory, and says whether anything says who frees it.
//!
//! A binding generator gives `const char *curl_version(void)`, which nobody may free, and
//! `char *curl_easy_escape(…)`, which the caller must free, the same kind of type, and nothing lists
//! which functions hand over memory. An [`Audit`] does:
//!
//! ```no_run
//! let audit = malloc_bindgen::Audit::new(["/usr/include/sqlite3.h"]).run()?;
//! for slot in audit.undecided() {
//!     println!("{slot}");
//! }
//! # Ok::<(), malloc_bindgen::Error>(())
//! ```
//!
//! A *slot* is one place that hands something over: a returned pointer, an out-parameter (`T **`), or
//! a struct of the caller's whose contents a function of the same header ends. A slot is *decided*
//! where the header itself says who frees: by the macros of malloc-sys's `ownership.h`, or by GCC's
//! attribute `malloc (deallocator, argument)`. Where the header says nothing, a person does in a file
//! of facts ([`Audit::facts`], begun by [`draft()`]). Names and `const` decide nothing: each was wrong in a
//! real header, and a wrong guess is a leak or a double free. They are shown as guesses.
//!
//! Reading a header needs libclang, which is looked for when it is needed (`LIBCLANG_PATH` names its
//! directory); building this crate does not.
#![forbid(unsafe_code)]

mod audit;
mod draft;
mod error;
mod facts;
mod guess;
mod header;
mod note;
mod slot;
mod word;

pub use audit::{Audit, Report};
pub use draft::draft;
pub use error::Error;
pub use note::{Authority, Decision};
pub use slot::{Guess, Place, Slot};
