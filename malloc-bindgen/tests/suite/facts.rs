//! A person's facts decide, and what cannot be so is refused with the file's line.

use crate::libclang;
use malloc_bindgen::{Audit, Authority, Error, Report, draft};
use std::path::PathBuf;

const HEADER: &str = "\
typedef struct thing thing;
thing *thing_new(void);
void thing_free(thing *);
int thing_open(const char *name, thing **out);
const char *thing_name(thing *of);
const char *thing_get0_a(thing *);
const char *thing_get0_b(thing *);
int thing_read(thing **into);
__attribute__((annotate(\"malloc_safe:static\"))) const char *version(void);
";

struct Library {
    directory: tempfile::TempDir,
}

impl Library {
    fn new(facts: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("thing.h"), HEADER).unwrap();
        std::fs::write(directory.path().join("thing.owned.toml"), facts).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Nothing where there is no libclang.
    fn audit(&self) -> Option<Result<Report, Error>> {
        libclang::run(&Audit::new([self.path("thing.h")]).facts(self.path("thing.owned.toml")))
    }
}

const DECIDED: &str = "\
[functions]
thing_new = 'full by thing_free'
thing_open = { name = 'cstr', out = 'full by thing_free' }
thing_name = 'lent from of'
thing_read = { '#1' = '?', into = 'full by thing_free' }
[convention]
'*_get0_*' = 'none'
";

#[test]
fn facts_decide_what_the_header_leaves_open() {
    let Some(report) = Library::new(DECIDED).audit() else {
        return;
    };
    let report = report.unwrap();
    assert_eq!(report.to_string(), "8 functions, 7 slots, 0 undecided");
    let words: Vec<_> = report
        .slots
        .iter()
        .map(|slot| {
            let decision = slot.decision.as_ref().unwrap();
            (
                slot.function.as_str(),
                decision.words.as_str(),
                decision.authority,
            )
        })
        .collect();
    let person = Authority::Person;
    assert_eq!(
        words,
        [
            ("thing_new", "full by thing_free", person),
            ("thing_open", "full by thing_free", person),
            ("thing_name", "lent from of", person),
            ("thing_get0_a", "none", person),
            ("thing_get0_b", "none", person),
            ("thing_read", "full by thing_free", person),
            ("version", "static", Authority::Header),
        ]
    );
}

#[test]
fn a_functions_own_fact_comes_before_a_convention() {
    let facts = format!("{DECIDED}\n[functions.thing_get0_a]\nreturn = 'static'\n");
    let facts = facts.replace("[convention]\n'*_get0_*' = 'none'\n", "");
    let facts = format!("{facts}[convention]\n'*_get0_*' = 'none'\n'*' = 'raw'\n");
    let Some(report) = Library::new(&facts).audit() else {
        return;
    };
    let report = report.unwrap();
    let words = |name: &str| {
        let slot = report
            .slots
            .iter()
            .find(|slot| slot.function == name)
            .unwrap();
        slot.decision.clone().unwrap().words
    };
    assert_eq!(
        (words("thing_get0_a"), words("thing_get0_b")),
        ("static".into(), "none".into())
    );
    assert_eq!(words("version"), "static", "the header's own word");
}

#[test]
fn a_parameter_is_named_or_counted() {
    let facts = DECIDED.replace("out = 'full", "'#2' = 'full");
    let Some(report) = Library::new(&facts).audit() else {
        return;
    };
    assert_eq!(report.unwrap().undecided().count(), 0);
}

#[test]
fn a_draft_asks_everything_and_decides_nothing() {
    let library = Library::new("");
    let Some(report) = library.audit() else {
        return;
    };
    let text = draft(&report.unwrap());
    assert!(text.contains("\nthing_new = \"?\"\n"), "{text}");
    assert!(text.contains("\nthing_open = { out = \"?\" }\n"), "{text}");
    assert!(
        text.contains("# thing.h:2 return `thing *`; perhaps full by thing_free: "),
        "{text}"
    );
    assert!(!text.contains("version"), "the header decides it: {text}");
    std::fs::write(library.path("thing.owned.toml"), &text).unwrap();
    let report = library.audit().unwrap().unwrap();
    assert_eq!(report.undecided().count(), 6);
}

/// The messages for these facts, each with its line.
fn refused(facts: &str) -> Option<String> {
    let library = Library::new(facts);
    let error = library.audit()?.expect_err(facts).to_string();
    let path = library.path("thing.owned.toml").display().to_string();
    Some(
        error
            .strip_prefix(&format!("{path}:"))
            .unwrap_or_else(|| panic!("{error}"))
            .to_owned(),
    )
}

#[test]
fn what_cannot_be_so_is_refused_with_its_line_and_the_nearest_name() {
    let cases = [
        (
            "\n[functions]\nthing_nev = 'none'",
            "3: the headers have no function `thing_nev`; is it `thing_new`?",
        ),
        (
            "[functions]\nthing_open = { otu = 'full' }",
            "2: `thing_open` has no parameter `otu`; is it `out`?",
        ),
        (
            "[functions]\nthing_open = { '#3' = 'full' }",
            "2: `thing_open` has no parameter `#3`",
        ),
        (
            "[functions]\nthing_new = 'ful'",
            "2: `thing_new`: `ful` is no word here; is it `full`? (the words are",
        ),
        (
            "[functions]\nthing_new = ''",
            "2: `thing_new`: `` is no word here (the words are",
        ),
        (
            "[functions]\nthing_new = 'take'",
            "2: `thing_new`: `take` is no word here",
        ),
        (
            "[functions]\nthing_open = { out = 'static' }",
            "2: `thing_open`: `static` is no word here",
        ),
        (
            "[functions]\nthing_new = 'full by thing_fre'",
            "2: `thing_new`: the headers have no function `thing_fre`; is it `thing_free`?",
        ),
        (
            "[functions]\nthing_name = 'lent from off'",
            "2: `thing_name`: there is no parameter `off`; is it `of`?",
        ),
        (
            "[functions]\nthing_name = 'lent'",
            "2: `thing_name`: `lent` wants `from`",
        ),
        (
            "[functions]\nthing_new = 'none list'",
            "2: `thing_new`: `list` says nothing after `none`",
        ),
        (
            "[functions]\nversion = 'none'",
            "2: `version` return is `none` here and `static` in the header (",
        ),
        (
            "[functions]\nthing_open = { out = 'raw', '#2' = 'none' }",
            "2: `thing_open` out is `raw` here and `none` in another fact: one of them is wrong",
        ),
        ("[functions]\nthing_new = 1", "2: a text is wanted here"),
        (
            "[functions]\nthing_new = {}",
            "2: nothing is said of this function",
        ),
        (
            "[functions]\nthing_new = 'none'\nthing_new = 'none'",
            "3: duplicate key",
        ),
        (
            "[functoins]\nthing_new = 'none'",
            "1: there is no section `functoins`; is it `functions`?",
        ),
        ("functions = 1", "1: a table is wanted here"),
        ("files = 'thing'", "1: a list of texts is wanted here"),
        ("[functions\n", "1: "),
    ];
    for (facts, expected) in cases {
        let Some(message) = refused(facts) else {
            return;
        };
        assert!(
            message.starts_with(expected),
            "{facts}\n  expected {expected}\n  said     {message}"
        );
    }
}

#[test]
fn a_file_of_facts_that_is_not_there_is_named() {
    let error = Audit::new(["thing.h"])
        .facts("/nowhere/thing.owned.toml")
        .run()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot read /nowhere/thing.owned.toml: "),
        "{error}"
    );
}
