//! The words for who owns what, as facts and annotations use them.

use crate::facts::nearest;
use crate::header::Function;

const RETURNED: [&str; 8] = [
    "full",
    "full!",
    "container",
    "none",
    "raw",
    "static",
    "lent",
    "?",
];
const PASSED: [&str; 14] = [
    "full",
    "full?",
    "container",
    "none",
    "raw",
    "null",
    "cstr",
    "cstr?",
    "lend",
    "lend?",
    "in",
    "out",
    "out?",
    "take",
];

/// Refuses words that say nothing, with the reason.
///
/// `none`, `full by FUNCTION`, `full list`, `full const`, `full distinct`, `lent from PARAMETER`, … as
/// RUST TYPE.
pub(crate) fn check(
    words: &str,
    returned: bool,
    function: &Function,
    functions: &[&str],
) -> Result<(), String> {
    let mut rest = words.split_whitespace();
    let first = rest.next().unwrap_or_default();
    let known: &[&str] = if returned { &RETURNED } else { &PASSED };
    if !known.contains(&first) && first != "?" {
        let near = nearest(first, known.iter().copied());
        return Err(format!(
            "`{first}` is no word here{near} (the words are {})",
            known.join(" ")
        ));
    }
    let owned = first.starts_with("full") || first == "container";
    while let Some(word) = rest.next() {
        match word {
            "list" | "const" | "distinct" if owned => {}
            "by" if owned => {
                let by = rest.next().ok_or("`by` wants the name of a function")?;
                if !functions.contains(&by) && by != "free" {
                    let near = nearest(by, functions.iter().copied());
                    return Err(format!("the headers have no function `{by}`{near}"));
                }
            }
            "from" if first == "lent" => {
                let from = rest.next().ok_or("`from` wants the name of a parameter")?;
                let names = function.parameter_names();
                if !names.clone().any(|name| name == from) {
                    return Err(format!(
                        "there is no parameter `{from}`{}",
                        nearest(from, names)
                    ));
                }
            }
            // The rest is a type of Rust's.
            "as" if rest.next().is_some() => return Ok(()),
            "as" => return Err("`as` wants a type".to_owned()),
            other => return Err(format!("`{other}` says nothing after `{first}`")),
        }
    }
    if first == "lent" && !words.contains(" from ") {
        return Err("`lent` wants `from` and the parameter that it lives as long as".to_owned());
    }
    Ok(())
}
