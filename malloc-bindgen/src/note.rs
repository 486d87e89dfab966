//! What a header itself says of ownership: annotations, and GCC's attribute.

use serde::Serialize;

/// Who decided a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Authority {
    /// A person, in a file of facts.
    Person,
    /// The header, by a macro of `ownership.h`.
    Header,
    /// The header, by GCC's attribute `malloc (deallocator, argument)`.
    Gcc,
}

/// What is known of a slot, in the words of the macros: `full by free`, `none`, `static`, ….
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Decision {
    /// The words.
    pub words: String,
    /// Whose they are.
    pub authority: Authority,
}

/// What these notes decide, the header's own words first.
pub(crate) fn decision(notes: &[String]) -> Option<Decision> {
    let annotated = notes
        .iter()
        .filter_map(|note| note.strip_prefix("malloc_safe:"))
        // Speaks of the call, not of who frees what it returns.
        .find(|words| *words != "safe");
    if let Some(words) = annotated {
        return Some(Decision {
            words: words.to_owned(),
            authority: Authority::Header,
        });
    }
    let deallocator = notes.iter().find_map(|note| gcc_deallocator(note))?;
    Some(Decision {
        words: format!("full by {deallocator}"),
        authority: Authority::Gcc,
    })
}

/// The deallocator of `malloc(deallocator, argument)`, as an annotation or as it is written.
/// `malloc` alone names none: it says only that nothing else points to the block.
fn gcc_deallocator(note: &str) -> Option<&str> {
    let note = note.strip_prefix("gcc:").unwrap_or(note);
    let arguments = note
        .trim_start_matches("gnu::")
        .trim_start_matches('_')
        .strip_prefix("malloc")?
        .trim_start_matches('_')
        .strip_prefix('(')?;
    let first = arguments.split([',', ')']).next()?;
    Some(first.strip_prefix("__builtin_").unwrap_or(first)).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(notes: &[&str]) -> Option<String> {
        let notes: Vec<String> = notes.iter().map(ToString::to_string).collect();
        decision(&notes).map(|decision| decision.words)
    }

    #[test]
    fn the_headers_own_words_come_before_gccs_attribute() {
        assert_eq!(words(&["gcc:malloc(fclose,1)"]).unwrap(), "full by fclose");
        assert_eq!(
            words(&["malloc(__builtin_free,1)"]).unwrap(),
            "full by free"
        );
        assert_eq!(words(&["__malloc__(end,1)"]).unwrap(), "full by end");
        assert_eq!(
            words(&["malloc(end,1)", "malloc_safe:none"]).unwrap(),
            "none"
        );
    }

    #[test]
    fn what_names_no_deallocator_decides_nothing() {
        for notes in [
            &["malloc"][..],
            &["__malloc__"],
            &["malloc_safe:safe"],
            &["nonnull"],
            &["malloc()"],
            &[],
        ] {
            assert_eq!(words(notes), None, "{notes:?}");
        }
    }
}
