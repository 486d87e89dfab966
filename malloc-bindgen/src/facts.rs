//! The file in which a person says who frees what: `NAME.owned.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Error;
use crate::header::Function;
use crate::note::{Authority, Decision};
use crate::slot::{Place, Slot};
use crate::word;

/// What a person has decided, by function and place, with the line that says so.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    path: PathBuf,
    /// Parts of paths of files whose functions count too.
    pub(crate) files: Vec<String>,
    functions: Vec<Said>,
    /// Of patterns of function names; may decide anything that no function's own fact does.
    conventions: Vec<Said>,
}

/// What the file says of a function, or of all whose names fit a pattern.
#[derive(Debug)]
struct Said {
    name: String,
    line: usize,
    facts: Vec<Fact>,
}

#[derive(Debug)]
struct Fact {
    /// `return`, a parameter's name, `#2`, or `*name` for the contents of a struct of the caller's.
    place: String,
    words: String,
    line: usize,
}

impl Facts {
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::Unreadable(path.to_owned(), error))?;
        let reader = Reader { path, text: &text };
        let table = DeTable::parse(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            reader.error(at, error.message())
        })?;
        let mut facts = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        for (key, value) in table.get_ref() {
            match &**key.get_ref() {
                "files" => facts.files = reader.texts(value)?,
                "functions" => facts.functions = reader.section(value)?,
                "convention" => facts.conventions = reader.section(value)?,
                other => {
                    let nearest = nearest(other, ["files", "functions", "convention"]);
                    return Err(reader.error(
                        key.span().start,
                        &format!("there is no section `{other}`{nearest}"),
                    ));
                }
            }
        }
        // The table is by name; of patterns that fit one function, the file's first decides.
        facts.conventions.sort_by_key(|said| said.line);
        Ok(facts)
    }

    /// Decides slots, and refuses what contradicts the header or speaks of what is not in it.
    pub(crate) fn decide(&self, slots: &mut [Slot], functions: &[&Function]) -> Result<(), Error> {
        let by_name: BTreeMap<&str, &Function> = functions
            .iter()
            .map(|function| (function.name.as_str(), *function))
            .collect();
        let names: Vec<&str> = by_name.keys().copied().collect();
        for Said { name, line, facts } in &self.functions {
            let Some(function) = by_name.get(name.as_str()) else {
                let nearest = nearest(name, names.iter().copied());
                return Err(self.error(
                    *line,
                    format!("the headers have no function `{name}`{nearest}"),
                ));
            };
            for fact in facts {
                self.check_place(fact, function)?;
                self.check_words(fact, fact.place == "return", function, &names)?;
                let slot = slots
                    .iter_mut()
                    .find(|slot| slot.function == *name && speaks_of(fact, slot, function));
                if let Some(slot) = slot {
                    self.set(slot, fact)?;
                }
            }
        }
        for slot in slots.iter_mut().filter(|slot| slot.decision.is_none()) {
            let function = by_name[slot.function.as_str()];
            let fact = self
                .conventions
                .iter()
                .filter(|said| matches(&said.name, &slot.function))
                .flat_map(|said| &said.facts)
                .find(|fact| speaks_of(fact, slot, function));
            if let Some(fact) = fact {
                self.check_words(fact, slot.place == Place::Return, function, &names)?;
                self.set(slot, fact)?;
            }
        }
        Ok(())
    }

    fn set(&self, slot: &mut Slot, fact: &Fact) -> Result<(), Error> {
        if fact.words == "?" {
            return Ok(());
        }
        if let Some(known) = &slot.decision
            && known.words != fact.words
        {
            let elsewhere = match known.authority {
                Authority::Person => "another fact".to_owned(),
                Authority::Header | Authority::Gcc => {
                    format!("the header ({}:{})", slot.file.display(), slot.line)
                }
            };
            return Err(self.error(
                fact.line,
                format!(
                    "`{}` {} is `{}` here and `{}` in {elsewhere}: one of them is wrong",
                    slot.function, slot.place, fact.words, known.words,
                ),
            ));
        }
        slot.decision = Some(Decision {
            words: fact.words.clone(),
            authority: Authority::Person,
        });
        slot.guess = None;
        Ok(())
    }

    fn check_words(
        &self,
        fact: &Fact,
        returned: bool,
        function: &Function,
        names: &[&str],
    ) -> Result<(), Error> {
        word::check(&fact.words, returned, function, names)
            .map_err(|message| self.error(fact.line, format!("`{}`: {message}", function.name)))
    }

    fn check_place(&self, fact: &Fact, function: &Function) -> Result<(), Error> {
        let name = fact.place.trim_start_matches('*');
        let position = name
            .strip_prefix('#')
            .and_then(|number| number.parse::<usize>().ok());
        let known = if fact.place == "return" {
            true
        } else if let Some(position) = position {
            (1..=function.parameters.len()).contains(&position)
        } else {
            function.parameter_names().any(|known| known == name)
        };
        if known {
            return Ok(());
        }
        let nearest = nearest(name, function.parameter_names().chain(["return"]));
        Err(self.error(
            fact.line,
            format!("`{}` has no parameter `{name}`{nearest}", function.name),
        ))
    }

    fn error(&self, line: usize, message: String) -> Error {
        Error::Facts(self.path.clone(), line, message)
    }
}

/// Whether the fact's place is the slot's, by its name or as `#2`.
fn speaks_of(fact: &Fact, slot: &Slot, function: &Function) -> bool {
    if let (Some(number), Place::Parameter(name)) = (fact.place.strip_prefix('#'), &slot.place) {
        let position = function.parameter_names().position(|known| known == name);
        if position.is_some_and(|position| number.parse() == Ok(position + 1)) {
            return true;
        }
    }
    fact.place == slot.place.to_string()
}

/// Whether the pattern, in which `*` stands for anything, is the name's.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return name.ends_with(piece);
        }
        let Some(at) = name.find(piece) else {
            return false;
        };
        name = &name[at + piece.len()..];
    }
    true
}

/// `; is it `sqlite3_free`?`, or nothing where no name is near.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    known
        .into_iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(String::new(), |(_, known)| format!("; is it `{known}`?"))
}

/// Reads the parts of the file, and tells the line of what is wrong.
struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        1 + self.text[..at.min(self.text.len())].matches('\n').count()
    }

    fn error(&self, at: usize, message: &str) -> Error {
        Error::Facts(self.path.to_owned(), self.line(at), message.to_owned())
    }

    fn table<'v, 'i>(&self, value: &'v Spanned<DeValue<'i>>) -> Result<&'v DeTable<'i>, Error> {
        value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.error(value.span().start, "a table is wanted here"))
    }

    fn text_of(&self, value: &Spanned<DeValue<'_>>) -> Result<String, Error> {
        let text = value.get_ref().as_str();
        text.map(str::to_owned)
            .ok_or_else(|| self.error(value.span().start, "a text is wanted here, as \"none\""))
    }

    fn texts(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<String>, Error> {
        let Some(array) = value.get_ref().as_array() else {
            return Err(self.error(value.span().start, "a list of texts is wanted here"));
        };
        array.iter().map(|text| self.text_of(text)).collect()
    }

    fn section(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Said>, Error> {
        let said = self.table(value)?.iter().map(|(name, places)| {
            Ok(Said {
                name: name.get_ref().to_string(),
                line: self.line(name.span().start),
                facts: self.facts(name, places)?,
            })
        });
        said.collect()
    }

    /// `name = "none"`, which speaks of the result, or `name = { return = "full", out = "full" }`.
    fn facts(
        &self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<Fact>, Error> {
        let Some(places) = value.get_ref().as_table() else {
            return Ok(vec![Fact {
                place: "return".to_owned(),
                words: self.text_of(value)?,
                line: self.line(value.span().start),
            }]);
        };
        if places.is_empty() {
            return Err(self.error(name.span().start, "nothing is said of this function"));
        }
        let facts = places.iter().map(|(place, words)| {
            Ok(Fact {
                place: place.get_ref().to_string(),
                words: self.text_of(words)?,
                line: self.line(place.span().start),
            })
        });
        facts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("*_get0_*", "X509_get0_pubkey"));
        assert!(matches("d2i_*", "d2i_X509") && matches("*", "x") && matches("a*b*c", "axxbyyc"));
        assert!(!matches("d2i_*", "i2d_X509") && !matches("a*b*c", "axxc") && !matches("f", "g"));
        assert!(!matches("ab*ba", "aba"));
    }
}
