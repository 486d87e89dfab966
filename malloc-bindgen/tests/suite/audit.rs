//! What the audit finds in headers written for it, in this workspace's, and in a library's.

use crate::libclang;
use malloc_bindgen::{Audit, Authority, Place, Report};
use std::path::{Path, PathBuf};

/// The report, or nothing where there is no libclang.
fn report(audit: &Audit) -> Option<Report> {
    libclang::run(audit).map(|result| result.unwrap_or_else(|error| panic!("{error}")))
}

fn header(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("library.h");
    std::fs::write(&path, text).unwrap();
    (directory, path)
}

/// Function and place of each slot.
fn places(report: &Report) -> Vec<(&str, String)> {
    report
        .slots
        .iter()
        .map(|slot| (slot.function.as_str(), slot.place.to_string()))
        .collect()
}

#[test]
fn slots_are_returned_pointers_and_places_that_are_filled() {
    let (_directory, path) = header(
        "typedef struct thing thing;\n\
         typedef thing *thing_ptr;\n\
         thing *thing_new(void);\n\
         thing_ptr thing_parent(const thing *);\n\
         int thing_open(const char *name, thing **out);\n\
         int thing_list(thing *, thing *const *given, char *names[], int n);\n\
         int unnamed(thing_ptr *);\n\
         void thing_free(thing *);\n\
         void (*thing_handler(void))(int);\n\
         void thing_set(int (*callback)(char **), void (**old)(int));\n\
         int thing_get(thing *, int what, ...);\n\
         static inline char *no_symbol(void) { return 0; }\n\
         int number(void);\n",
    );
    let Some(report) = report(&Audit::new([path])) else {
        return;
    };
    assert_eq!(
        places(&report),
        [
            ("thing_new", "return".to_owned()),
            ("thing_parent", "return".to_owned()),
            ("thing_open", "out".to_owned()),
            ("thing_list", "names".to_owned()),
            ("unnamed", "#1".to_owned()),
        ]
    );
    assert_eq!(report.functions, 10);
    assert_eq!(report.variadic, ["thing_get"]);
    let lines: Vec<u32> = report.slots.iter().map(|slot| slot.line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7]);
    let guesses: Vec<_> = report
        .slots
        .iter()
        .map(|slot| slot.guess.as_ref().map(|guess| guess.words.as_str()))
        .collect();
    assert_eq!(
        guesses,
        [
            Some("full by thing_free"),
            None,
            Some("full by thing_free"),
            None,
            None
        ]
    );
    assert_eq!(report.undecided().count(), 5, "a guess decides nothing");
    assert!(
        report
            .to_string()
            .ends_with("\n10 functions, 5 slots, 5 undecided")
    );
    assert!(
        report
            .to_string()
            .contains("library.h:5  thing_open  out  thing **")
    );
}

#[test]
fn a_struct_of_the_callers_is_a_slot_where_a_function_ends_its_contents() {
    let (_directory, path) = header(
        "struct buffer { char *bytes; unsigned long length; };\n\
         int buffer_read(struct buffer *into, const char *path);\n\
         unsigned long buffer_length(const struct buffer *);\n\
         void buffer_dispose(struct buffer *);\n\
         struct pair { int a, b; };\n\
         void pair_swap(struct pair *);\n",
    );
    let Some(report) = report(&Audit::new([path])) else {
        return;
    };
    assert_eq!(places(&report), [("buffer_read", "*into".to_owned())]);
    assert_eq!(report.slots[0].place, Place::Contents("into".to_owned()));
}

#[test]
fn a_header_decides_by_macros_and_by_gccs_attribute() {
    let (_directory, path) = header(
        "#include \"ownership.h\"\n\
         #include <stdlib.h>\n\
         typedef struct thing thing;\n\
         void thing_free(thing *);\n\
         thing *thing_new(void) MS_FULL(thing_free);\n\
         thing *thing_parent(thing *of) MS_LENT(of);\n\
         int thing_open(thing **out MS_OUT_FULL(thing_free)) MS_STATUS;\n\
         const char *version(void) MS_SAFE;\n\
         const char *name(void);\n\
         const char *name(void) MS_STATIC MS_SAFE;\n",
    );
    let csrc = concat!(env!("CARGO_MANIFEST_DIR"), "/../csrc");
    let Some(found) = report(&Audit::new([path]).clang_argument(format!("-I{csrc}"))) else {
        return;
    };
    let decided: Vec<_> = found
        .slots
        .iter()
        .map(|slot| {
            (
                slot.function.as_str(),
                slot.decision
                    .as_ref()
                    .map(|decision| decision.words.as_str()),
            )
        })
        .collect();
    assert_eq!(
        decided,
        [
            ("thing_new", Some("full by thing_free")),
            ("thing_parent", Some("lent from of")),
            ("thing_open", Some("full by thing_free")),
            // That a call is safe does not say who frees.
            ("version", None),
            // A redeclaration adds to what is known.
            ("name", Some("static")),
        ]
    );
}

/// glibc hides its attributes from clang.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_attributes_of_the_c_library_are_read() {
    let audit = Audit::new(["/usr/include/stdlib.h", "/usr/include/stdio.h"])
        .clang_argument("-D_GNU_SOURCE");
    let Some(report) = report(&audit) else { return };
    let words = |name: &str| {
        let slot = report
            .slots
            .iter()
            .find(|slot| slot.function == name && slot.place == Place::Return);
        let decision = slot
            .unwrap_or_else(|| panic!("{name} is no slot"))
            .decision
            .clone();
        decision.map(|decision| (decision.words, decision.authority))
    };
    assert_eq!(
        words("reallocarray"),
        Some(("full by free".to_owned(), Authority::Gcc))
    );
    assert_eq!(
        words("fopen"),
        Some(("full by fclose".to_owned(), Authority::Gcc))
    );
    assert_eq!(words("getenv"), None);
}

/// Ours says of every place who frees.
#[test]
fn nothing_is_left_open_in_the_headers_of_this_workspace() {
    let csrc = Path::new(env!("CARGO_MANIFEST_DIR")).join("../csrc");
    let audit = Audit::new([csrc.join("malloc_sys.h")])
        .files("/csrc/")
        .clang_argument(format!("-I{}", csrc.display()));
    let Some(report) = report(&audit) else { return };
    assert!(report.slots.len() >= 18, "{report}");
    assert_eq!(report.undecided().count(), 0, "{report}");
}

/// For the version of SQLite that Debian 12 has.
#[test]
fn a_library_is_counted_as_it_is() {
    let path = Path::new("/usr/include/sqlite3.h");
    let version = "#define SQLITE_VERSION        \"3.40.1\"";
    if !std::fs::read_to_string(path).is_ok_and(|text| text.contains(version)) {
        skipped::note(
            "the audit of sqlite3.h: version 3.40.1 is not there",
            "apt-get install libsqlite3-dev",
        );
        return;
    }
    let Some(report) = report(&Audit::new([path])) else {
        return;
    };
    assert_eq!(
        (
            report.functions,
            report.slots.len(),
            report.undecided().count()
        ),
        (286, 98, 98)
    );
}

#[test]
fn what_cannot_be_audited_is_named() {
    let message = |audit: &Audit| audit.run().unwrap_err().to_string();
    assert_eq!(message(&Audit::new::<PathBuf>([])), "no header was named");
    let missing = message(&Audit::new(["/nowhere/at/all.h"]));
    assert!(
        missing.starts_with("cannot read /nowhere/at/all.h: No such file"),
        "{missing}"
    );

    let (_directory, path) = header("int f(void);\n");
    if report(&Audit::new([&path])).is_none() {
        return;
    }
    // clang's own message first.
    let (_directory, broken) = header("char *f(;\n");
    let broken_message = message(&Audit::new([&broken]));
    assert!(
        broken_message.starts_with(&format!("{}:1:9: error:", broken.display())),
        "{broken_message}"
    );
    let (_directory, outer) = header("#include <stdlib.h>\n");
    let none = message(&Audit::new([&outer]));
    assert!(
        none.contains(&format!(
            "no function is declared in {} itself",
            outer.display()
        )),
        "{none}"
    );
    assert!(none.contains("--files"), "{none}");
}

#[test]
fn audits_run_beside_each_other() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let (_directory, path) = header("char *f(void);\n");
                if let Some(report) = report(&Audit::new([path])) {
                    assert_eq!(report.slots.len(), 1);
                }
            });
        }
    });
}
