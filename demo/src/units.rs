//! How numbers are written for people.

use std::time::Duration;

/// A number of bytes in the largest unit that keeps it short: `50 MiB`, `1,003.4 MiB`, `4 KiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    // Up to 9,999 of a unit: a gigabyte leaked in megabytes is best told in megabytes.
    const UNITS: [(&str, u32, u64); 4] = [
        ("TiB", 40, 10_000 << 30),
        ("GiB", 30, 10_000 * MIB),
        ("MiB", 20, MIB),
        ("KiB", 10, KIB),
    ];
    let Some((unit, shift, _)) = UNITS.into_iter().find(|(_, _, from)| bytes >= *from) else {
        return format!("{bytes} B");
    };
    // In integers: a size on the command line comes back as it was given.
    let tenths = (u128::from(bytes) * 10 + (1 << (shift - 1))) >> shift;
    let whole = grouped(u64::try_from(tenths / 10).unwrap_or(u64::MAX));
    match tenths % 10 {
        0 => format!("{whole} {unit}"),
        tenth => format!("{whole}.{tenth} {unit}"),
    }
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time as measured: `10.02 s`, `53.1 ms`.
pub(crate) fn time(nanoseconds: u64) -> String {
    let seconds = Duration::from_nanos(nanoseconds).as_secs_f64();
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{seconds:.2} s")
    }
}

/// A byte as a reader would write it: `'-'`.
pub(crate) fn byte(byte: u8) -> String {
    format!("'{}'", byte.escape_ascii())
}

/// The text in lines of at most so many columns; a word that is longer is broken.
pub(crate) fn wrapped(text: &str, columns: usize) -> String {
    indented(text, columns, "")
}

/// The same, with lines after the first of each paragraph indented.
pub(crate) fn indented(text: &str, columns: usize, indent: &str) -> String {
    let options = textwrap::Options::new(columns)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .subsequent_indent(indent);
    let lines = text.lines().map(|line| textwrap::fill(line, &options));
    lines.collect::<Vec<_>>().join("\n")
}

/// The first wording that fits into a line; the last one, wrapped, where none does.
pub(crate) fn longest_that_fits(wordings: &[String], columns: usize) -> String {
    let fits = |wording: &&String| wording.chars().count() <= columns;
    match (wordings.iter().find(fits), wordings.last()) {
        (Some(wording), _) => wording.clone(),
        (None, Some(shortest)) => wrapped(shortest, columns),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_the_unit_that_keeps_them_short() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(4096), "4 KiB");
        assert_eq!(bytes(50 << 20), "50 MiB");
        assert_eq!(bytes((1003 << 20) + (400 << 10)), "1,003.4 MiB");
        assert_eq!(bytes(9999 << 20), "9,999 MiB");
        assert_eq!(bytes(10_000 << 20), "9.8 GiB");
        assert_eq!(bytes(128 << 40), "128 TiB");
        assert!(bytes(u64::MAX).ends_with(" TiB"));
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(256_412), "256,412");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree");
        assert_eq!(wrapped("overlong word", 4), "over\nlong\nword");
        assert_eq!(wrapped("as it  is", usize::MAX), "as it  is");
        assert_eq!(indented("one two three", 7, "  "), "one two\n  three");
    }

    #[test]
    fn of_several_wordings_the_first_that_fits_is_taken() {
        let wordings = || vec!["a long one".to_owned(), "a short".to_owned()];
        assert_eq!(longest_that_fits(&wordings(), 80), "a long one");
        assert_eq!(longest_that_fits(&wordings(), 9), "a short");
        assert_eq!(longest_that_fits(&wordings(), 5), "a\nshort");
    }
}
