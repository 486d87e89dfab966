//! A facts file with every question in it.

use std::fmt::Write as _;

use crate::audit::Report;
use crate::slot::{Place, Slot};

/// A file for a person to fill in: `?` for each undecided slot, and what might be so as a comment.
///
/// Read as facts before it is filled in, it decides nothing.
pub fn draft(report: &Report) -> String {
    let mut text = String::from("[functions]\n");
    let undecided: Vec<&Slot> = report.undecided().collect();
    for slots in undecided.chunk_by(|a, b| a.function == b.function) {
        for slot in slots {
            let guess = slot.guess.as_ref();
            let guess = guess.map_or(String::new(), |guess| {
                format!("; perhaps {}: {}", guess.words, guess.reason)
            });
            // Writing to a String does not fail.
            let _ = writeln!(
                text,
                "# {} {} `{}`{guess}",
                slot.source(),
                slot.place,
                slot.c_type
            );
        }
        let name = &slots[0].function;
        let _ = match slots {
            [only] if only.place == Place::Return => writeln!(text, "{name} = \"?\""),
            _ => {
                let places: Vec<String> = slots
                    .iter()
                    .map(|slot| format!("{} = \"?\"", key(&slot.place)))
                    .collect();
                writeln!(text, "{name} = {{ {} }}", places.join(", "))
            }
        };
    }
    text
}

/// The place as a key, quoted where TOML wants it.
fn key(place: &Place) -> String {
    let place = place.to_string();
    if place.starts_with(['*', '#']) {
        format!("\"{place}\"")
    } else {
        place
    }
}
