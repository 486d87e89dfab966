//! The live chart and the text around it, on pseudo-terminals of several sizes.

use std::env;
use std::fs;
use std::io::{Read as _, Write as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{CommandBuilder, PtyPair, PtySize, native_pty_system};

use crate::support::{SMALL, demo, names, scenario};

/// What takes the terminal's other screen, and what gives it back.
const OTHER_SCREEN: &str = "\x1b[?1049h";
const USUAL_SCREEN: &str = "\x1b[?1049l";

/// The sizes that people have: rows and columns.
const SIZES: [(u16, u16); 4] = [(50, 200), (24, 80), (16, 60), (12, 40)];

/// A run on a terminal: its exit status, its last screen with the lines above, and all its bytes.
struct Show {
    code: u32,
    screen: vt100::Parser,
    bytes: Vec<u8>,
    /// Whether a turn's deed was to be read at some time.
    deeds_seen: bool,
    settings_kept: bool,
}

const ARGUMENTS: [&str; 6] = ["--count", "4", "--size", "1MiB", "--interval", "100ms"];

/// The end of a run that drew no picture.
const LAST_WORDS: &str = "add --svg FILE or --png FILE.";

/// What someone does at the terminal.
#[derive(Clone, Copy)]
enum Deed {
    Type(&'static str),
    Send(Signal),
    /// To so many rows and columns.
    Resize(u16, u16),
}

/// What is run, on which terminal.
struct Stage<'a> {
    rows: u16,
    columns: u16,
    environment: &'a [(&'a str, &'a str)],
    arguments: &'a [&'a str],
    /// Done once, as soon as these words were written.
    deed: Option<(&'a str, Deed)>,
    /// The last words that the program writes.
    last_words: &'a str,
}

/// Runs the program to its end.
fn show(rows: u16, columns: u16, environment: &[(&str, &str)]) -> Option<Show> {
    let stage = Stage {
        rows,
        columns,
        environment,
        arguments: &ARGUMENTS,
        deed: None,
        last_words: LAST_WORDS,
    };
    stage.show()
}

/// A terminal; `None` on a machine without pseudo-terminals, unless `DEMO_REQUIRE_PTY` is set.
fn terminal(rows: u16, columns: u16) -> Option<PtyPair> {
    match native_pty_system().openpty(size(rows, columns)) {
        Ok(pair) => Some(pair),
        Err(error) if env::var_os("DEMO_REQUIRE_PTY").is_none() => {
            skipped::note(
                &format!("the demo on a terminal: {error}"),
                "mount -t devpts devpts /dev/pts",
            );
            None
        }
        Err(error) => panic!("DEMO_REQUIRE_PTY is set, but {error}"),
    }
}

fn size(rows: u16, columns: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn command(arguments: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_malloc-safe-demo"));
    command.args(arguments);
    command.env("TERM", "xterm-256color");
    for name in ["NO_COLOR", "COLUMNS", "LC_ALL"] {
        command.env_remove(name);
    }
    command.env("LANG", "C.UTF-8");
    command
}

fn contains(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

impl Stage<'_> {
    fn show(&self) -> Option<Show> {
        let Self { rows, columns, .. } = *self;
        let pair = terminal(rows, columns)?;
        let mut command = command(self.arguments);
        for (name, value) in self.environment {
            command.env(name, value);
        }
        let settings = || {
            pair.master
                .get_termios()
                .map(|termios| format!("{:?}", termios.local_flags))
        };
        let before = settings();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let mut writer = pair.master.take_writer().unwrap();
        let mut child = pair.slave.spawn_command(command).unwrap();

        let mut screen = vt100::Parser::new(rows.max(2), columns.max(20), 200);
        let mut bytes = Vec::new();
        let mut deeds_seen = false;
        let mut deed = self.deed;
        // The slave stays open here, so that its settings can be looked at; hence no end of file, and
        // a thread to read, so that waiting for what never comes can be given up.
        let (send, received) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count) = reader.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        loop {
            let Ok(news) = received.recv_timeout(Duration::from_secs(60)) else {
                drop(child.kill());
                panic!(
                    "silent for a minute after {:?}",
                    String::from_utf8_lossy(&bytes)
                );
            };
            bytes.extend_from_slice(&news);
            screen.process(&news);
            deeds_seen |= screen
                .screen()
                .contents()
                .contains("forgot it; read 1,048,576 bytes '-' to '-'");
            if let Some((_, deed)) = deed.take_if(|(sight, _)| contains(&bytes, sight.as_bytes())) {
                match deed {
                    Deed::Type(keys) => {
                        thread::sleep(Duration::from_secs(2)); // for a queue to grow, if it can
                        writer.write_all(keys.as_bytes()).unwrap();
                    }
                    Deed::Send(signal) => {
                        let id = child.process_id().unwrap();
                        kill(Pid::from_raw(id.cast_signed()), signal).unwrap();
                    }
                    Deed::Resize(rows, columns) => {
                        pair.master.resize(size(rows, columns)).unwrap();
                        screen.screen_mut().set_size(rows, columns);
                    }
                }
            }
            let end = &bytes[bytes.len().saturating_sub(1 << 12)..];
            let end = String::from_utf8_lossy(end);
            let words: Vec<_> = end.split_whitespace().collect(); // a line may end between them
            if words.join(" ").contains(self.last_words) {
                break;
            }
        }
        let code = child.wait().unwrap().exit_code();
        let settings_kept = settings() == before;
        Some(Show {
            code,
            screen,
            bytes,
            deeds_seen,
            settings_kept,
        })
    }
}

#[test]
fn the_chart_shows_every_scenario_and_leaves_the_terminal_clean() {
    let Some(show) = show(64, 120, &[]) else {
        return;
    };
    assert_eq!(show.code, 0);
    let screen = show.screen.screen();
    let text = screen.contents();
    for sight in [
        "MiB resident",
        " s\n",
        "⠤",
        "RSS",
        "Over 4 blocks of 1 MiB, leak climbed to ",
    ] {
        assert!(text.contains(sight), "{sight}: {text}");
    }
    for name in names() {
        let progress = format!("{name:<7}██████████ 4/4");
        assert!(text.contains(&progress), "{progress}: {text}");
    }
    assert!(show.deeds_seen, "a turn's deed is told while it lasts");
    assert!(
        !text.contains("took"),
        "the turns are drawn, not listed: {text}"
    );
    assert!(!screen.hide_cursor() && !screen.alternate_screen());
    assert_eq!(
        screen.cursor_position().1,
        0,
        "the next prompt starts a line"
    );
    assert!(show.settings_kept);
}

#[test]
fn without_colours_each_curve_has_a_letter() {
    let Some(show) = show(64, 100, &[("NO_COLOR", "1")]) else {
        return;
    };
    let text = show.screen.screen().contents();
    assert!(
        text.contains("lll leak") && text.contains("rrr retain"),
        "{text}"
    );
    for color in ["\x1b[31m", "\x1b[38;"] {
        assert!(!String::from_utf8_lossy(&show.bytes).contains(color));
    }
}

#[test]
fn on_a_tiny_terminal_turns_are_plain_lines() {
    for (rows, columns) in [(5, 20), (0, 0)] {
        let Some(show) = show(rows, columns, &[]) else {
            return;
        };
        assert_eq!(show.code, 0);
        assert_plain(&show.bytes);
        assert!(show.settings_kept);
        if columns == 0 {
            let text = String::from_utf8_lossy(&show.bytes);
            assert!(
                text.contains("each in a process of its own"),
                "an unknown width breaks no line: {text}"
            );
        }
    }
}

#[test]
fn the_chart_keeps_up_with_short_turns() {
    let stage = Stage {
        rows: 40,
        columns: 110,
        environment: &[],
        arguments: &["--count", "200", "--size", "64KiB", "--interval", "10ms"],
        deed: None,
        last_words: LAST_WORDS,
    };
    let start = Instant::now();
    let Some(show) = stage.show() else { return };
    assert_eq!(show.code, 0);
    let took = start.elapsed(); // two seconds, and a minute or more where each turn costs a picture
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn ctrl_c_on_a_busy_chart_ends_it_at_once() {
    let stage = Stage {
        rows: 40,
        columns: 110,
        environment: &[],
        arguments: &["--count", "600", "--size", "64KiB", "--interval", "10ms"],
        deed: Some(("resident", Deed::Type("\x03"))),
        last_words: "interrupted: these are the figures until then",
    };
    let start = Instant::now();
    let Some(show) = stage.show() else { return };
    assert_eq!(show.code, 130);
    let took = start.elapsed(); // half a minute and more, if it waits behind a queue
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(!show.screen.screen().hide_cursor() && show.settings_kept);
}

#[test]
fn a_signal_while_it_draws_gives_the_usual_screen_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.json");
    let stage = Stage {
        rows: 40,
        columns: 110,
        environment: &[],
        arguments: &[&ARGUMENTS[..], &["--json", file.to_str().unwrap()]].concat(),
        deed: Some((OTHER_SCREEN, Deed::Send(Signal::SIGTERM))),
        last_words: "seen.json",
    };
    let Some(show) = stage.show() else { return };
    assert_eq!(show.code, 130);
    assert!(show.settings_kept);
    let screen = show.screen.screen();
    assert!(!screen.alternate_screen() && !screen.hide_cursor());
    let report = fs::read(file).expect("the file is not left behind empty");
    serde_json::from_slice::<serde_json::Value>(&report).unwrap();
}

#[test]
fn nothing_is_wider_than_the_terminal_at_any_size() {
    for (rows, columns) in SIZES {
        let Some(show) = show(rows, columns, &[]) else {
            return;
        };
        assert_eq!(show.code, 0);
        let text = assert_fits(&show.bytes, columns);
        assert_eq!(show.has_chart(), columns >= 60, "{text}");
        for name in names() {
            assert!(text.contains(&name), "{columns}: {text}");
        }
        assert!(text.contains("workload_buffer"), "{columns}: {text}");
    }
}

#[test]
fn an_interrupted_run_fits_as_well_and_says_so_once() {
    for (rows, columns) in SIZES {
        let stage = Stage {
            rows,
            columns,
            environment: &[],
            arguments: &["--count", "600", "--size", "64KiB", "--interval", "50ms"],
            deed: Some(("RSS", Deed::Send(Signal::SIGINT))),
            last_words: "until then",
        };
        let Some(show) = stage.show() else { return };
        assert_eq!(show.code, 130);
        let text = assert_fits(&show.bytes, columns);
        assert_eq!(text.matches("interrupted").count(), 1, "{columns}: {text}");
        assert!(text.contains("turns"), "{columns}: {text}");
    }
}

#[test]
fn help_fits_as_well() {
    for (rows, columns) in SIZES {
        for option in ["-h", "--help"] {
            let stage = Stage {
                rows,
                columns,
                environment: &[],
                arguments: &[option],
                deed: None,
                last_words: "as JSON",
            };
            let Some(show) = stage.show() else { return };
            assert_fits(&show.bytes, columns);
        }
    }
}

#[test]
fn a_resize_leaves_one_chart_at_the_new_width() {
    for (from, to) in [
        ((24, 80), (16, 60)),
        ((16, 60), (24, 80)),
        ((24, 80), (12, 40)),
    ] {
        let stage = Stage {
            rows: from.0,
            columns: from.1,
            environment: &[],
            arguments: &ARGUMENTS,
            deed: Some(("RSS", Deed::Resize(to.0, to.1))),
            last_words: LAST_WORDS,
        };
        let Some(show) = stage.show() else { return };
        assert_eq!(show.code, 0);
        let text = usual_text(&show.bytes);
        let (_, after) = text.split_once("its own").unwrap();
        let charts = after.matches("MiB resident").count();
        assert_eq!(charts, usize::from(to.1 >= 60), "{text}");
        for line in after.lines() {
            assert!(line.chars().count() <= usize::from(to.1), "{line}");
        }
    }
}

#[test]
fn columns_narrow_a_terminal_and_a_pipe() {
    let Some(show) = show(24, 100, &[("COLUMNS", "62")]) else {
        return;
    };
    assert_fits(&show.bytes, 62);
    let piped = demo().args(SMALL).env("COLUMNS", "44").output().unwrap();
    assert_fits(&piped.stdout, 44);
    let piped = demo().args(SMALL).env("COLUMNS", "wide").output().unwrap();
    let text = String::from_utf8(piped.stdout).unwrap();
    assert!(text.contains(" read 1,048,576 bytes "), "{text}");
}

#[test]
fn a_locale_without_utf8_gets_ascii() {
    for (rows, columns) in SIZES {
        let Some(show) = show(rows, columns, &[("LC_ALL", "C")]) else {
            return;
        };
        assert!(
            show.bytes.is_ascii(),
            "{}",
            String::from_utf8_lossy(&show.bytes)
        );
        let text = assert_fits(&show.bytes, columns);
        assert!(!show.has_chart() || text.contains("lll leak"), "{text}");
        assert!(text.contains("4 x 1 MiB"), "{text}");
        assert_eq!(text.contains("----"), columns >= 60, "{text}");
    }
}

impl Show {
    /// Whether the curves were drawn.
    fn has_chart(&self) -> bool {
        usual_text(&self.bytes).contains("MiB resident")
    }
}

/// What was written on the usual screen, without colours.
fn usual_text(bytes: &[u8]) -> String {
    let written = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let mut usual = String::new();
    for part in written.split(OTHER_SCREEN) {
        let back = part.split_once(USUAL_SCREEN);
        usual.push_str(back.map_or(part, |(_, usual)| usual));
    }
    let mut text = String::new();
    for (index, part) in usual.split("\x1b[").enumerate() {
        let plain = if index == 0 {
            part
        } else {
            // A sequence ends with its first letter.
            part.trim_start_matches(|character: char| !character.is_ascii_alphabetic())
                .get(1..)
                .unwrap_or_default()
        };
        text.push_str(plain);
    }
    text
}

/// The text, of which no line is wider than the terminal.
#[track_caller]
fn assert_fits(bytes: &[u8], columns: u16) -> String {
    let text = usual_text(bytes);
    for line in text.lines() {
        let width = line.chars().count();
        assert!(width <= usize::from(columns), "{width} > {columns}: {line}");
    }
    text
}

#[test]
fn when_the_terminal_is_closed_the_files_are_written_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.json");
    let Some(PtyPair { master, slave }) = terminal(40, 110) else {
        return;
    };
    let arguments = ["--count", "3000", "--size", "64KiB", "--interval", "10ms"];
    let output = ["--json", file.to_str().unwrap()];
    let mut child = slave
        .spawn_command(command(&[&arguments[..], &output].concat()))
        .unwrap();
    drop(slave);
    let mut reader = master.try_clone_reader().unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    while !contains(&bytes, b"resident") {
        let count = reader.read(&mut buffer).expect("it runs for half a minute");
        assert_ne!(count, 0, "it ended at once");
        bytes.extend_from_slice(&buffer[..count]);
    }
    drop((reader, master));

    let deadline = Instant::now() + Duration::from_secs(15);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it goes on without a terminal");
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.exit_code(), 130);
    let report: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let turns = scenario(&report, "leak")["samples"].as_array().unwrap();
    assert!(!turns.is_empty());
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let Some(show) = show(30, 100, &[("TERM", "dumb")]) else {
        return;
    };
    assert!(!contains(&show.bytes, OTHER_SCREEN.as_bytes()));
    assert_plain(&show.bytes);
}

#[track_caller]
fn assert_plain(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains("RSS") && text.contains(" 4/4 "), "{text}");
    assert!(!text.contains("MiB resident"), "{text}");
}
