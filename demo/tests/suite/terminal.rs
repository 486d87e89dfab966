//! The live chart, on a pseudo-terminal that answers as a real one does.

use std::env;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{CommandBuilder, PtyPair, PtySize, native_pty_system};

use crate::support::scenario;

/// The question for the cursor's position.
const QUESTION: &[u8] = b"\x1b[6n";

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

/// What someone does at the terminal.
#[derive(Clone, Copy)]
enum Deed {
    Type(&'static str),
    Send(Signal),
}

/// What is run, on which terminal.
struct Stage<'a> {
    rows: u16,
    columns: u16,
    answers: bool,
    environment: &'a [(&'a str, &'a str)],
    arguments: &'a [&'a str],
    /// Done once, as soon as these words were written.
    deed: Option<(&'a str, Deed)>,
    /// The last words that the program writes.
    last_words: &'a str,
}

/// Runs the program to its end.
fn show(rows: u16, columns: u16, answers: bool, environment: &[(&str, &str)]) -> Option<Show> {
    let stage = Stage {
        rows,
        columns,
        answers,
        environment,
        arguments: &ARGUMENTS,
        deed: None,
        last_words: "unasked.",
    };
    stage.show()
}

/// A terminal; `None` on a machine without pseudo-terminals, unless `DEMO_REQUIRE_PTY` is set.
fn terminal(rows: u16, columns: u16) -> Option<PtyPair> {
    let size = PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    };
    match native_pty_system().openpty(size) {
        Ok(pair) => Some(pair),
        Err(error) if env::var_os("DEMO_REQUIRE_PTY").is_none() => {
            let _ = writeln!(io::stderr(), "\nskipped: {error}");
            None
        }
        Err(error) => panic!("DEMO_REQUIRE_PTY is set, but {error}"),
    }
}

fn command(arguments: &[&str]) -> CommandBuilder {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_demo"));
    command.args(arguments);
    command.env("TERM", "xterm-256color");
    command.env_remove("NO_COLOR");
    command
}

fn contains(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

impl Stage<'_> {
    fn show(&self) -> Option<Show> {
        let Self {
            rows,
            columns,
            answers,
            ..
        } = *self;
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
        let (mut bytes, mut answered) = (Vec::new(), 0);
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
            let Ok(news) = received.recv_timeout(Duration::from_mins(1)) else {
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
                .contains("forgot it; read 1,048,576 bytes '-'…'-'");
            let asked = bytes
                .windows(QUESTION.len())
                .filter(|window| *window == QUESTION)
                .count();
            if answers && asked > answered {
                answered = asked;
                let (row, column) = screen.screen().cursor_position();
                write!(writer, "\x1b[{};{}R", row + 1, column + 1).unwrap();
            }
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
                }
            }
            if String::from_utf8_lossy(&bytes)
                .replace("\r\n", " ")
                .contains(self.last_words)
            {
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
    let Some(show) = show(54, 100, true, &[]) else {
        return;
    };
    assert_eq!(show.code, 0);
    let screen = show.screen.screen();
    let text = screen.contents();
    for sight in [
        "MiB resident",
        "seconds",
        "⠤",
        "RSS",
        "Over 4 blocks of 1 MiB, leak climbed to ",
    ] {
        assert!(text.contains(sight), "{sight}: {text}");
    }
    for name in ["leak", "free", "defer", "owned", "retain"] {
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
    let Some(show) = show(45, 100, true, &[("NO_COLOR", "1")]) else {
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
        let Some(show) = show(rows, columns, true, &[]) else {
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
        answers: true,
        environment: &[],
        arguments: &["--count", "200", "--size", "64KiB", "--interval", "10ms"],
        deed: None,
        last_words: "unasked.",
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
        answers: true,
        environment: &[],
        arguments: &["--count", "600", "--size", "64KiB", "--interval", "10ms"],
        deed: Some(("resident", Deed::Type("\x03"))),
        last_words: "retain: stopped before its end",
    };
    let start = Instant::now();
    let Some(show) = stage.show() else { return };
    assert_eq!(show.code, 130);
    let took = start.elapsed(); // half a minute and more, if it waits behind a queue
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(!show.screen.screen().hide_cursor() && show.settings_kept);
}

#[test]
fn a_signal_while_the_terminal_is_asked_leaves_it_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen.json");
    let stage = Stage {
        rows: 40,
        columns: 110,
        answers: false,
        environment: &[],
        arguments: &[&ARGUMENTS[..], &["--json", file.to_str().unwrap()]].concat(),
        deed: Some(("\x1b[6n", Deed::Send(Signal::SIGTERM))),
        last_words: "retain: stopped before it began",
    };
    let Some(show) = stage.show() else { return };
    assert_eq!(show.code, 130);
    assert!(show.settings_kept);
    let report = fs::read(file).expect("the file is not left behind empty");
    serde_json::from_slice::<serde_json::Value>(&report).unwrap();
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
    let mut writer = master.take_writer().unwrap();
    let (mut bytes, mut buffer, mut answered) = (Vec::new(), [0; 4096], false);
    while !contains(&bytes, b"resident") {
        let count = reader.read(&mut buffer).expect("it runs for half a minute");
        assert_ne!(count, 0, "it ended at once");
        bytes.extend_from_slice(&buffer[..count]);
        if !answered && contains(&bytes, QUESTION) {
            answered = true;
            write!(writer, "\x1b[3;1R").unwrap();
        }
    }
    drop((reader, writer, master));

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
fn on_a_terminal_that_does_not_answer_turns_are_plain_lines() {
    let Some(show) = show(30, 100, false, &[]) else {
        return;
    };
    assert_eq!(show.code, 0);
    assert_plain(&show.bytes);
    assert!(show.settings_kept);
}

#[test]
fn a_dumb_terminal_is_not_asked() {
    let Some(show) = show(30, 100, false, &[("TERM", "dumb")]) else {
        return;
    };
    assert!(
        !show
            .bytes
            .windows(QUESTION.len())
            .any(|window| window == QUESTION)
    );
    assert_plain(&show.bytes);
}

#[track_caller]
fn assert_plain(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    assert!(text.contains("took 1 MiB, read 1,048,576 bytes"), "{text}");
    assert!(!text.contains("MiB resident"), "{text}");
}
