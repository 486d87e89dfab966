//! The places of a header that hand something over.

use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use crate::guess;
use crate::header::{CType, Function};
use crate::note::{self, Decision};

/// Where in a function something is handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Place {
    /// The returned pointer.
    Return,
    /// An out-parameter, by its name, or as `#2` where the header names none.
    Parameter(String),
    /// A struct of the caller's whose contents a function of the header ends, by the parameter's name.
    Contents(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Return => f.write_str("return"),
            Self::Parameter(name) => f.write_str(name),
            Self::Contents(name) => write!(f, "*{name}"),
        }
    }
}

/// What might be so. Never a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Guess {
    /// In the words of the macros of `ownership.h`, as `none` or `full by sqlite3_close`.
    pub words: String,
    /// Why.
    pub reason: String,
}

/// A place that hands something over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Slot {
    /// The function's name.
    pub function: String,
    /// Where in it.
    pub place: Place,
    /// The C type there, as the header spells it.
    #[serde(rename = "type")]
    pub c_type: String,
    /// The file that declares the function.
    pub file: PathBuf,
    /// The line of that file, from 1.
    pub line: u32,
    /// What the header says of it, if it says anything.
    pub decision: Option<Decision>,
    /// What might be so where it does not.
    pub guess: Option<Guess>,
}

impl Slot {
    /// `sqlite3.h:9822`
    pub(crate) fn source(&self) -> String {
        let file = self.file.file_name().unwrap_or(self.file.as_os_str());
        format!("{}:{}", file.display(), self.line)
    }
}

/// `sqlite3.h:9822  sqlite3_serialize  return  unsigned char *`, and what is known or guessed.
impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source();
        write!(
            f,
            "{source}  {}  {}  {}",
            self.function, self.place, self.c_type
        )?;
        match (&self.decision, &self.guess) {
            (Some(decision), _) => write!(f, "  = {}", decision.words),
            (None, Some(guess)) => write!(f, "  perhaps {}: {}", guess.words, guess.reason),
            (None, None) => Ok(()),
        }
    }
}

/// The slots of `functions`, in their order. `all` is what they and their headers' includes declare.
pub(crate) fn of(functions: &[&Function], all: &[Function]) -> Vec<Slot> {
    let deallocators = guess::deallocators(all);
    let made = made_by_library(all);
    let mut slots = Vec::new();
    for function in functions {
        let mut push = |place, c_type: &CType, notes: &[String], guess| {
            let decision = note::decision(notes);
            slots.push(Slot {
                function: function.name.clone(),
                place,
                c_type: c_type.spelling.clone(),
                file: function.file.clone(),
                line: function.line,
                guess: if decision.is_none() { guess } else { None },
                decision,
            });
        };
        let result = &function.result;
        let only_a_function = result.function && result.pointers.len() == 1;
        if !result.pointers.is_empty() && !only_a_function {
            let guess = guess_of(function, result, result.pointers[0], &deallocators);
            push(Place::Return, result, &function.notes, guess);
        }
        for (index, parameter) in function.parameters.iter().enumerate() {
            let c_type = &parameter.c_type;
            let name = if parameter.name.is_empty() {
                format!("#{}", index + 1)
            } else {
                parameter.name.clone()
            };
            if is_filled(c_type) {
                let guess = guess_of(function, c_type, c_type.pointers[1], &deallocators);
                push(Place::Parameter(name), c_type, &parameter.notes, guess);
            } else if c_type.record
                && !c_type.opaque
                && c_type.pointers == [false]
                && !made.contains(c_type.base.as_str())
                && let Some(ends) = deallocators.get(c_type.base.as_str())
                && !ends.contains(&function.name.as_str())
            {
                let guess = Guess {
                    words: format!("full by {}", ends.join(" or ")),
                    reason: "a struct of the caller's whose contents that function ends".to_owned(),
                };
                push(Place::Contents(name), c_type, &parameter.notes, Some(guess));
            }
        }
    }
    slots
}

/// Whether the function may leave a pointer where the parameter points: not where that is const, nor
/// where only functions are pointed to.
fn is_filled(c_type: &CType) -> bool {
    let pointers = &c_type.pointers;
    pointers.len() >= 2 && !pointers[0] && !(c_type.function && pointers.len() == 2)
}

/// Types of which the library hands over pointers: such a struct is not the caller's.
fn made_by_library(all: &[Function]) -> BTreeSet<&str> {
    let mut made = BTreeSet::new();
    for function in all {
        if function.result.pointers.len() == 1 {
            made.insert(function.result.base.as_str());
        }
        for parameter in &function.parameters {
            if parameter.c_type.pointers.len() == 2 {
                made.insert(parameter.c_type.base.as_str());
            }
        }
    }
    made
}

fn guess_of(
    function: &Function,
    c_type: &CType,
    is_const: bool,
    deallocators: &BTreeMap<&str, Vec<&str>>,
) -> Option<Guess> {
    if is_const {
        return Some(Guess {
            words: "none".to_owned(),
            reason: "what it points to is const".to_owned(),
        });
    }
    let ends = deallocators.get(c_type.base.as_str())?;
    guess::makes(&function.name).then(|| Guess {
        words: format!("full by {}", ends.join(" or ")),
        reason: "its name makes what that name ends".to_owned(),
    })
}
