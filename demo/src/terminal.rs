//! How wide the place is where text is shown, and which characters it has.

use std::env;

/// The columns of a line; `usize::MAX` where nothing breaks one, as in a file.
///
/// `COLUMNS` narrows a terminal, and is all that is known where the terminal does not tell its
/// width, or where there is none.
pub(crate) fn columns(terminal: Option<usize>) -> usize {
    let wished = env::var("COLUMNS").ok();
    let wished = wished.and_then(|columns| columns.parse().ok());
    narrower(terminal, wished)
}

/// The width of the terminal that standard output is.
pub(crate) fn of_output() -> Option<usize> {
    let size = terminal_size::terminal_size_of(std::io::stdout());
    size.map(|(terminal_size::Width(columns), _)| usize::from(columns))
}

/// The width of the terminal that standard error is.
pub(crate) fn of_error() -> Option<usize> {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map(|(terminal_size::Width(columns), _)| usize::from(columns))
}

fn narrower(terminal: Option<usize>, wished: Option<usize>) -> usize {
    let known = [terminal, wished].into_iter().flatten();
    known
        .filter(|&columns| columns > 0)
        .min()
        .unwrap_or(usize::MAX)
}

/// Whether the locale, or the console of Linux, lacks what the text and the chart are drawn with.
///
/// A locale that nobody set says nothing: nearly all terminals have UTF-8.
pub(crate) fn is_ascii() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    let locale = locale
        .filter_map(env::var_os)
        .find(|value| !value.is_empty());
    let console = env::var_os("TERM").is_some_and(|terminal| terminal == "linux");
    console || locale.is_some_and(|locale| !names_utf8(&locale.to_string_lossy()))
}

fn names_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// The same text of ASCII characters, as wide as before.
pub(crate) fn in_ascii(text: &str) -> String {
    let text = text.replace("≥ ", ">=");
    text.chars().map(ascii).collect()
}

/// The ASCII character that looks most like this one.
pub(crate) fn ascii(character: char) -> char {
    match character {
        '─' | '━' | '╺' | '╸' => '-',
        '│' => '|',
        '└' => '+',
        '×' => 'x',
        '█' => '#',
        '░' => '.',
        '…' => '~',
        other if other.is_ascii() => other,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrower_width_counts_and_0_is_none() {
        assert_eq!(narrower(Some(80), None), 80);
        assert_eq!(narrower(Some(80), Some(60)), 60);
        assert_eq!(narrower(Some(80), Some(200)), 80);
        assert_eq!(narrower(Some(0), Some(60)), 60);
        assert_eq!(narrower(None, None), usize::MAX);
        assert_eq!(narrower(Some(0), Some(0)), usize::MAX);
    }

    #[test]
    fn locales_name_utf8_in_several_spellings() {
        assert!(names_utf8("C.UTF-8") && names_utf8("de_DE.utf8"));
        assert!(!names_utf8("C") && !names_utf8("POSIX") && !names_utf8("de_DE.ISO-8859-1"));
    }

    #[test]
    fn ascii_text_is_as_wide() {
        let text = "20 × 50 MiB ───  ≥ 54 MiB";
        assert_eq!(in_ascii(text), "20 x 50 MiB ---  >=54 MiB");
    }
}
