//! The child processes: starting them, hearing them, ending them.

use std::env;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread;

use anyhow::Context as _;

use crate::child;
use crate::protocol::Message;
use crate::scenario::{Plan, Scenario};

/// Something that the parent has to deal with.
#[derive(Debug)]
pub(crate) enum Event {
    /// A child said something.
    Said(Scenario, Message),
    /// A child will say no more; these were its last words that are no message.
    Silent(Scenario, String),
}

/// The children that run; none outlives this.
pub(crate) struct Children {
    running: Vec<(Scenario, Child)>,
    events: Sender<Event>,
}

impl Children {
    pub(crate) fn new(events: Sender<Event>) -> Self {
        Self {
            running: Vec::new(),
            events,
        }
    }

    /// Starts a child; its words arrive as events.
    ///
    /// Call this from the main thread: on Linux a child ends with the thread that started it.
    pub(crate) fn start(&mut self, scenario: Scenario, plan: &Plan) -> anyhow::Result<()> {
        let (words, pen) = io::pipe().context("no pipe to a child")?;
        let program = env::current_exe().context("the program's own file cannot be found")?;
        let mut command = Command::new(program);
        command
            .args(child::arguments(scenario, plan))
            .stdin(Stdio::null())
            // Into the same pipe: a panic or a loader's complaint then is the child's last word,
            // instead of a smear on the chart.
            .stderr(pen.try_clone().context("no pipe to a child")?)
            .stdout(pen);
        #[cfg(unix)]
        {
            // Ctrl-C is for the parent, which then ends the children in order.
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let child = command.spawn().context("the child could not be started")?;
        drop(command); // it holds the pipe's writing ends, and the reader waits for the last to close
        let events = self.events.clone();
        self.running.push((scenario, child)); // from now on it is ended with the others
        let listener = thread::Builder::new().spawn(move || listen(scenario, words, &events));
        if let Err(error) = listener {
            if let Some((_, mut unheard)) = self.running.pop() {
                let _ = unheard.kill(); // fails only if it has ended already
                let _ = unheard.wait();
            }
            return Err(error).context("no thread to hear a child");
        }
        Ok(())
    }

    /// How many were started and not yet collected.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// Collects a child that fell silent: `None` if it ended well, else how it ended.
    pub(crate) fn collect(&mut self, scenario: Scenario) -> Option<String> {
        let index = self
            .running
            .iter()
            .position(|(running, _)| *running == scenario)?;
        let (_, mut child) = self.running.swap_remove(index);
        match child.wait() {
            Ok(status) if status.success() => None,
            Ok(status) => Some(ending(status)),
            Err(error) => Some(format!("its end could not be learned: {error}")),
        }
    }

    /// Ends all of them; they still have to be collected.
    pub(crate) fn kill(&mut self) {
        for (_, child) in &mut self.running {
            let _ = child.kill(); // fails only if it has ended already
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.kill();
        for (_, child) in &mut self.running {
            let _ = child.wait();
        }
    }
}

fn listen(scenario: Scenario, words: impl io::Read, events: &Sender<Event>) {
    let mut others = String::new();
    for line in BufReader::new(words).lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(message) => {
                if events.send(Event::Said(scenario, message)).is_err() {
                    return; // the program is ending
                }
            }
            Err(_) if others.is_empty() => others = line, // a panic says most in its first lines
            Err(_) if others.len() < 300 => {
                others.push(' ');
                others.push_str(&line);
            }
            Err(_) => {}
        }
    }
    let _ = events.send(Event::Silent(scenario, others));
}

#[cfg(unix)]
fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;

    use nix::sys::signal::Signal;

    match status
        .signal()
        .map(|signal| (signal, Signal::try_from(signal)))
    {
        Some((_, Ok(signal))) => format!("killed by {signal}"),
        Some((number, Err(_))) => format!("killed by signal {number}"),
        None => status.to_string(),
    }
}

#[cfg(not(unix))]
fn ending(status: ExitStatus) -> String {
    status.to_string()
}
