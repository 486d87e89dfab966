//! The audit of headers.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::facts::Facts;
use crate::header::{self, Function};
use crate::slot::{self, Slot};

/// Which headers to audit, and how they are read.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    headers: Vec<PathBuf>,
    files: Vec<String>,
    facts: Option<PathBuf>,
    clang_arguments: Vec<String>,
}

impl Audit {
    /// Of these headers, which are read one after the other as one program would include them.
    pub fn new<P: Into<PathBuf>>(headers: impl IntoIterator<Item = P>) -> Self {
        Self {
            headers: headers.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Counts functions of files whose path contains this too, as `/git2/`. Without it only what the
    /// headers declare themselves counts, not what they include.
    #[must_use]
    pub fn files(mut self, part_of_path: impl Into<String>) -> Self {
        self.files.push(part_of_path.into());
        self
    }

    /// Decides by a file of facts, too.
    ///
    /// ```toml
    /// files = ["/sqlite3.h"]                # whose functions count, besides the headers' own
    ///
    /// [functions]
    /// sqlite3_errmsg = "none"               # what is returned
    /// sqlite3_sql = "lent from pStmt"
    /// sqlite3_open = { ppDb = "full by sqlite3_close_v2" }
    ///
    /// [convention]                          # the library's documented words; the first that fits
    /// "sqlite3_column_*" = "none"
    /// ```
    ///
    /// A fact that contradicts the header, or speaks of what is not in it, is an error that names the
    /// line. `"?"` decides nothing.
    #[must_use]
    pub fn facts(mut self, path: impl Into<PathBuf>) -> Self {
        self.facts = Some(path.into());
        self
    }

    /// Gives clang an argument, as `-I/usr/include/libxml2`.
    #[must_use]
    pub fn clang_argument(mut self, argument: impl Into<String>) -> Self {
        self.clang_arguments.push(argument.into());
        self
    }

    /// Reads the headers.
    ///
    /// # Errors
    ///
    /// Where there is no libclang, a file cannot be read, a header does not parse or declares nothing, or a
    /// fact cannot be so.
    pub fn run(&self) -> Result<Report, Error> {
        if self.headers.is_empty() {
            return Err(Error::NoHeader);
        }
        let facts = match &self.facts {
            Some(path) => Facts::read(path)?,
            None => Facts::default(),
        };
        let all = header::read(&self.headers, &self.clang_arguments)?;
        let headers: Vec<PathBuf> = self.headers.iter().map(|path| real(path)).collect();
        let counts = |file: &Path| {
            let file = real(file);
            let path = file.to_string_lossy();
            let mut parts = self.files.iter().chain(&facts.files);
            headers.contains(&file) || parts.any(|part| path.contains(part.as_str()))
        };
        // A file is looked up once, not for each of its functions.
        let mut files: BTreeMap<&Path, bool> = BTreeMap::new();
        let counted: Vec<&Function> = all
            .iter()
            .filter(|function| !function.inline)
            .filter(|Function { file, .. }| *files.entry(file).or_insert_with(|| counts(file)))
            .collect();
        if counted.is_empty() {
            return Err(Error::NoFunctions(self.headers.clone()));
        }
        let mut slots = slot::of(&counted, &all);
        facts.decide(&mut slots, &counted)?;
        // As the header has them; functions of one line, from a macro, stay by name.
        slots.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Ok(Report {
            functions: counted.len(),
            variadic: counted
                .iter()
                .filter(|function| function.variadic)
                .map(|function| function.name.clone())
                .collect(),
            slots,
        })
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// What an audit found.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// How many functions were looked at.
    pub functions: usize,
    /// Functions with variable arguments: what they hand over through those, no type shows.
    pub variadic: Vec<String>,
    /// The places that hand something over, as the headers have them.
    pub slots: Vec<Slot>,
}

impl Report {
    /// The slots of which the header does not say who frees.
    pub fn undecided(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.decision.is_none())
    }
}

/// A line for each undecided slot, then what no type shows, then the sum:
/// `286 functions, 98 slots, 98 undecided`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for slot in self.undecided() {
            writeln!(f, "{slot}")?;
        }
        if !self.variadic.is_empty() {
            writeln!(
                f,
                "not seen: what these hand over through variable arguments: {}",
                self.variadic.join(", ")
            )?;
        }
        write!(
            f,
            "{} functions, {} slots, {} undecided",
            self.functions,
            self.slots.len(),
            self.undecided().count()
        )
    }
}
