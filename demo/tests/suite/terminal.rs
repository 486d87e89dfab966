//! The live chart, on a pseudo-terminal that answers as a real one does.

use std::env;
use std::io::{self, Read as _, Write as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

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

/// Runs the program; `None` on a machine without pseudo-terminals, unless `DEMO_REQUIRE_PTY` is set.
fn show(rows: u16, columns: u16, answers: bool, environment: &[(&str, &str)]) -> Option<Show> {
    let size = PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    };
    let pair = match native_pty_system().openpty(size) {
        Ok(pair) => pair,
        Err(error) if env::var_os("DEMO_REQUIRE_PTY").is_none() => {
            let _ = writeln!(io::stderr(), "\nskipped: {error}");
            return None;
        }
        Err(error) => panic!("DEMO_REQUIRE_PTY is set, but {error}"),
    };
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_demo"));
    command.args(["--count", "4", "--size", "1MiB", "--interval", "100ms"]);
    command.env("TERM", "xterm-256color");
    command.env_remove("NO_COLOR");
    for (name, value) in environment {
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
        if String::from_utf8_lossy(&bytes)
            .replace("\r\n", " ")
            .contains("unasked.")
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

#[test]
fn the_chart_shows_every_scenario_and_leaves_the_terminal_clean() {
    let Some(show) = show(45, 100, true, &[]) else {
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
    }
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
