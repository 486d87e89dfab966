//! The outputs for files: their form, and what happens where they cannot be written.

use std::fs;

use crate::support::{Run, SMALL, demo, names, run, run_under};

#[test]
fn all_outputs_are_written_in_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (svg, png, json, csv) = (path("a.svg"), path("a.png"), path("a.json"), path("a.csv"));
    let outputs = ["--svg", &svg, "--png", &png, "--json", &json, "--csv", &csv];
    let run = run(&[&SMALL[..], &outputs].concat());
    assert_eq!(run.code, Some(0), "{}", run.err);

    let svg = fs::read_to_string(svg).unwrap();
    assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    for name in names() {
        let label = format!("aria-label=\"{name}\"");
        assert!(svg.contains(&label), "{name} is in the legend");
    }
    let curves = svg.matches("stroke-linejoin").count();
    assert_eq!(curves, 2 * names().len(), "a curve and a key for each");

    let png = fs::read(png).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((number(16), number(20)), (2000, 1120));

    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    let csv = fs::read_to_string(csv).unwrap();
    assert_eq!(csv.lines().next(), Some("scenario,t_ns,rss_bytes"));
    let samples = report["scenarios"].as_array().unwrap().iter();
    let samples: usize = samples
        .map(|scenario| scenario["samples"].as_array().unwrap().len())
        .sum();
    assert_eq!(csv.lines().count(), 1 + samples);
}

#[test]
fn json_on_standard_output_is_alone_there() {
    let run = run(&[&SMALL[..], &["--json", "-"]].concat());
    assert_eq!(run.code, Some(0));
    serde_json::from_str::<serde_json::Value>(&run.out).expect("nothing but JSON");
    assert!(
        run.err.contains("took 1 MiB") && run.err.contains("Over 3 blocks"),
        "{}",
        run.err
    );
}

#[test]
fn a_path_that_cannot_be_written_is_found_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let fine = folder.path().join("fine.svg");
    let missing = folder.path().join("missing").join("a.json");
    let arguments = [
        "--svg",
        fine.to_str().unwrap(),
        "--json",
        missing.to_str().unwrap(),
    ];
    let run = run(&arguments); // the full size: it would take ten seconds
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(
        run.err.starts_with("error: cannot create ") && run.err.contains("missing"),
        "{}",
        run.err
    );
    assert!(
        !fine.exists(),
        "an output that was not written leaves no file"
    );
}

#[test]
#[cfg(unix)]
fn one_file_by_two_names_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let one = folder.path().join("a");
    let other = format!("{}/./a", folder.path().display());
    let twice = run(&["--json", one.to_str().unwrap(), "--csv", &other]);
    assert_eq!((twice.code, twice.out.as_str()), (Some(2), ""));
    assert!(
        twice.err.contains("--json and --csv would both write to "),
        "{}",
        twice.err
    );
    assert!(!one.exists());

    let output = demo()
        .args(["--json", one.to_str().unwrap()])
        .stdout(fs::File::create(&one).unwrap())
        .output();
    let redirected = Run::from(output.unwrap());
    assert_eq!(redirected.code, Some(2));
    assert!(
        redirected
            .err
            .contains("standard output and --json would both write to "),
        "{}",
        redirected.err
    );
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(&["--csv", folder.path().to_str().unwrap()]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(
        run.err.starts_with("error: cannot write to "),
        "{}",
        run.err
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_reported_and_the_rest_still_written() {
    let folder = tempfile::tempdir().unwrap();
    for option in ["--svg", "--png", "--json", "--csv"] {
        let file = folder.path().join(option);
        let other = if option == "--csv" { "--svg" } else { "--csv" };
        let outputs = [option, "/dev/full", other, file.to_str().unwrap()];
        let run = run(&[&SMALL[..], &outputs].concat());
        assert_eq!(run.code, Some(1));
        let expected = "error: cannot write to /dev/full: ";
        assert!(run.err.starts_with(expected), "{option}: {}", run.err);
        assert!(run.out.contains("Over 3 blocks"), "{option}: {}", run.out);
        assert!(fs::metadata(&file).unwrap().len() > 0, "{option}");
        let told = format!("Written: {}\n", file.display());
        assert!(run.out.ends_with(&told), "{option}: {}", run.out);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_table_that_cannot_be_written_is_reported() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = demo().args(SMALL).arg("--quiet").stdout(full).output();
    let run = Run::from(output.unwrap());
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.starts_with("error: cannot write the table: "),
        "{}",
        run.err
    );
}

#[test]
#[cfg(target_os = "linux")]
fn children_that_cannot_be_started_do_not_cost_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept.json");
    let arguments = ["--count", "4", "--size", "1MiB", "--interval", "50ms"];
    let output = ["--json", file.to_str().unwrap()];
    let run = run_under("ulimit -n 10", &[&arguments[..], &output].concat());
    assert_eq!((run.code, run.err.as_str()), (Some(1), ""));
    assert!(run.out.contains("reuse: "), "{}", run.out);
    let report: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(report["scenarios"].as_array().unwrap().len(), names().len());
}
