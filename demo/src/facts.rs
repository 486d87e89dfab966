//! What a scenario is: all that is told of it, drawn of it and reckoned with, in one place.
//!
//! The loops themselves are in [`scenario`](crate::scenario). A new one needs an entry there in
//! `Scenario` and `Scenario::ALL`, its loop, and its facts here; the compiler and the tests of this
//! file name what is missing.

use crossterm::style::Color;

use crate::scenario::Scenario;

/// What everyone but the loop has to know of a scenario.
pub(crate) struct Facts {
    /// On the command line and in every output.
    pub(crate) name: &'static str,
    /// Past tense: its last act in each turn.
    pub(crate) deed: &'static str,
    /// When it frees, for the legend of the picture.
    pub(crate) habit: &'static str,
    /// Whether blocks pile up until the loop is over.
    pub(crate) piles_up: bool,
    pub(crate) look: Look,
}

/// How its curve is drawn. Several curves lie on each other: they differ in width, and where two
/// coincide the upper one is dashed.
pub(crate) struct Look {
    /// From the back to the front, so that none hides another.
    pub(crate) layer: u8,
    /// In the picture: red, green, blue.
    pub(crate) color: [u8; 3],
    /// In the picture, in pixels.
    pub(crate) width: u32,
    pub(crate) dashed: bool,
    /// In the picture: the area below the curve is shaded, as the eye is to go there first.
    pub(crate) shaded: bool,
    pub(crate) terminal_color: Color,
    /// The curve's dots where there are no colours.
    pub(crate) letter: char,
}

impl Scenario {
    pub(crate) fn facts(self) -> Facts {
        match self {
            Self::Leak => Facts {
                name: "leak",
                deed: "forgot it",
                habit: "never freed",
                piles_up: true,
                look: Look {
                    layer: 0,
                    color: [214, 39, 40],
                    width: 5,
                    dashed: false,
                    shaded: true,
                    terminal_color: Color::DarkRed,
                    letter: 'l',
                },
            },
            Self::Free => Facts {
                name: "free",
                deed: "freed it by hand",
                habit: "freed by hand each turn",
                piles_up: false,
                look: Look {
                    layer: 5,
                    color: [30, 60, 200],
                    width: 2,
                    dashed: true,
                    shaded: false,
                    terminal_color: Color::Blue,
                    letter: 'f',
                },
            },
            Self::Defer => Facts {
                name: "defer",
                deed: "put off freeing it",
                habit: "freed when the function returns",
                piles_up: true,
                look: Look {
                    layer: 1,
                    color: [255, 187, 51],
                    width: 3,
                    dashed: true,
                    shaded: false,
                    terminal_color: Color::DarkYellow,
                    letter: 'd',
                },
            },
            Self::Owned => Facts {
                name: "owned",
                deed: "dropped its owner",
                habit: "freed by its owner each turn",
                piles_up: false,
                look: Look {
                    layer: 4,
                    color: [0, 140, 90],
                    width: 4,
                    dashed: false,
                    shaded: false,
                    terminal_color: Color::DarkGreen,
                    letter: 'o',
                },
            },
            Self::Retain => Facts {
                name: "retain",
                deed: "dropped its owner, pages kept",
                habit: "owned, freed pages kept for the next turn",
                piles_up: false,
                look: Look {
                    layer: 2,
                    color: [190, 160, 225],
                    width: 7,
                    dashed: false,
                    shaded: false,
                    terminal_color: Color::DarkMagenta,
                    letter: 'r',
                },
            },
            Self::Reuse => Facts {
                name: "reuse",
                deed: "kept the buffer",
                habit: "one owned buffer, filled anew each turn",
                piles_up: false,
                look: Look {
                    layer: 3,
                    color: [90, 70, 70],
                    width: 3,
                    dashed: true,
                    shaded: false,
                    terminal_color: Color::DarkCyan,
                    letter: 'u',
                },
            },
        }
    }

    /// Every scenario, from the back of a picture to its front.
    pub(crate) fn layers() -> [Self; Self::ALL.len()] {
        let mut layers = Self::ALL;
        layers.sort_by_key(|scenario| scenario.facts().look.layer);
        layers
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::Hash;

    use clap::ValueEnum as _;

    use super::*;

    #[track_caller]
    fn all_differ<T: Eq + Hash>(fact: impl Fn(&Facts) -> T) {
        let values: HashSet<T> = Scenario::ALL.iter().map(|one| fact(&one.facts())).collect();
        assert_eq!(values.len(), Scenario::ALL.len());
    }

    #[test]
    fn all_are_all_that_the_command_line_knows_by_the_same_names() {
        assert_eq!(Scenario::ALL, Scenario::value_variants());
        for scenario in Scenario::ALL {
            let value = scenario.to_possible_value().unwrap();
            assert_eq!(value.get_name(), scenario.facts().name);
            let written = serde_json::to_value(scenario).unwrap();
            assert_eq!(written, scenario.facts().name);
        }
    }

    #[test]
    fn no_two_look_alike() {
        all_differ(|facts| facts.name);
        all_differ(|facts| facts.habit);
        all_differ(|facts| facts.look.layer);
        all_differ(|facts| facts.look.color);
        all_differ(|facts| facts.look.terminal_color);
        all_differ(|facts| facts.look.letter);
    }

    #[test]
    fn a_letter_is_one_of_the_name() {
        for scenario in Scenario::ALL {
            let facts = scenario.facts();
            assert!(facts.name.contains(facts.look.letter), "{scenario}");
        }
    }
}
