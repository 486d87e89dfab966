//! What names and `const` suggest. A guess is shown and never decides: a wrong one is a leak or a
//! double free.

use std::collections::BTreeMap;

use crate::header::Function;

/// Each type's functions that seem to end one: a pointer to it as the only parameter, nothing
/// returned that points anywhere, and a name that says so.
pub(crate) fn deallocators(functions: &[Function]) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for function in functions {
        let [only] = &function.parameters[..] else {
            continue;
        };
        let c_type = &only.c_type;
        let one_ends = c_type.record
            && c_type.pointers == [false]
            && function.result.pointers.is_empty()
            && ends(&function.name);
        if one_ends {
            found.entry(&c_type.base).or_default().push(&function.name);
        }
    }
    found
}

/// Whether the function's name says that it ends something: by its last word, or by a word that can
/// say nothing else.
fn ends(name: &str) -> bool {
    let words = words(name);
    let version = |word: &&String| word.starts_with('v') && word[1..].parse::<u32>().is_ok();
    let last = words.iter().rev().find(|word| !version(word));
    last.is_some_and(|word| ENDING.contains(&word.as_str()))
        || words
            .iter()
            .any(|word| word.contains("free") || ["close", "finalize"].contains(&word.as_str()))
}

const ENDING: [&str; 12] = [
    "cleanup", "clear", "close", "delete", "destroy", "dispose", "end", "finalize", "finish",
    "free", "release", "unref",
];

const MAKING: [&str; 20] = [
    "alloc", "build", "clone", "connect", "copy", "create", "dup", "init", "load", "make",
    "mprintf", "new", "open", "parse", "prepare", "read", "ref", "strdup", "strndup", "encode",
];

/// Whether the function's name says that it makes something.
pub(crate) fn makes(name: &str) -> bool {
    words(name)
        .iter()
        .any(|word| MAKING.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit())))
}

/// The words of a name, in lower case: `xmlNewDoc` and `xml_new_doc` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        after_lower = c.is_lowercase();
        if c != '_' {
            let last = words.len() - 1;
            words[last].extend(c.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_both_ways_of_writing_names() {
        assert_eq!(words("xmlNewDoc"), ["xml", "new", "doc"]);
        assert_eq!(words("sqlite3_prepare_v2"), ["sqlite3", "prepare", "v2"]);
        assert!(makes("git_repository_open2") && makes("xmlCopyNode") && !makes("sqlite3_renew"));
    }
}
