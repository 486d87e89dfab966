//! Leaks that are known: patterns in the manner of LeakSanitizer's suppressions.

use std::env;

use super::report::Site;

/// Patterns that every report leaves out, with a comma or a line's end between them.
pub(super) const VARIABLE: &str = "MALLOC_WATCH_ALLOW";

/// Whether a pattern matches the function, the file or the object of any frame of a site.
pub(super) fn is_allowed(site: &Site, patterns: &[impl AsRef<str>]) -> bool {
    site.frames().iter().any(|frame| {
        let file = frame.file.as_deref().map(|file| file.to_string_lossy());
        let texts = [
            Some(&*frame.function),
            file.as_deref(),
            frame.object.as_deref(),
        ];
        texts.into_iter().flatten().any(|text| {
            patterns
                .iter()
                .any(|pattern| matches(text, pattern.as_ref()))
        })
    })
}

/// Those of the environment.
pub(super) fn from_environment() -> Vec<String> {
    let patterns = env::var(VARIABLE).unwrap_or_default();
    let patterns = patterns.split([',', '\n']).map(str::trim);
    patterns
        .filter(|pattern| !pattern.is_empty() && !pattern.starts_with('#'))
        .map(|pattern| pattern.strip_prefix("leak:").unwrap_or(pattern).to_owned())
        .collect()
}

/// A pattern matches a part of the text; `*` stands for anything, `^` and `$` for the text's ends.
fn matches(text: &str, pattern: &str) -> bool {
    let at_start = pattern.strip_prefix('^');
    let pattern = at_start.unwrap_or(pattern);
    let at_end = pattern.strip_suffix('$');
    let mut parts = at_end.unwrap_or(pattern).split('*');
    let first = parts.next().unwrap_or_default();
    let mut rest = if at_start.is_some() {
        let Some(rest) = text.strip_prefix(first) else {
            return false;
        };
        rest
    } else {
        let Some(place) = text.find(first) else {
            return false;
        };
        &text[place + first.len()..]
    };
    let mut last = first;
    for part in parts {
        let Some(place) = rest.find(part) else {
            return false;
        };
        rest = &rest[place + part.len()..];
        last = part;
    }
    at_end.is_none() || rest.is_empty() || last.is_empty() || text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_those_of_the_sanitizer_do() {
        for (text, pattern) in [
            ("strdup", "strdup"),
            ("app::cache::fill", "cache"),
            ("app::cache::fill", "^app::*fill$"),
            ("app::cache::fill", "app*"),
            ("app::cache::fill", "*"),
            ("fill", "^fill$"),
            ("fill fill", "fill$"),
        ] {
            assert!(matches(text, pattern), "{pattern} is in {text}");
        }
        for (text, pattern) in [
            ("strdup", "^dup"),
            ("strdup", "str$"),
            ("app::cache::fill", "fill*app"),
            ("fill", "^filled$"),
        ] {
            assert!(!matches(text, pattern), "{pattern} is not in {text}");
        }
    }
}
