//! Runs the scenarios' processes from the first start to the last end.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use crate::children::{Children, Event};
use crate::interrupt::Interrupt;
use crate::limit::Order;
use crate::protocol::Message;
use crate::scenario::{Plan, Scenario};
use crate::timeline::{State, Track};
use crate::view::View;

/// The time between two pictures of the live chart.
pub(crate) const FRAME: Duration = Duration::from_millis(50);

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Every scenario had its turn.
    Complete,
    /// Someone asked to stop, as by Ctrl-C.
    Interrupted,
    /// Nobody reads the output any more, as in `| head`.
    Unread,
}

/// Runs all scenarios and shows them as they go.
pub(crate) fn run(
    plan: &Plan,
    scenarios: &[Scenario],
    order: &Order,
    interrupt: &Interrupt,
    view: &mut View,
) -> (Vec<Track>, Ending) {
    let (sender, events) = mpsc::channel();
    let tracks: Vec<_> = scenarios
        .iter()
        .map(|scenario| Track::new(*scenario))
        .collect();
    let available = |track: &&Track| track.state == State::Waiting;
    let waiting = tracks
        .iter()
        .filter(available)
        .map(|track| track.scenario)
        .collect();
    let at_once = if *order == Order::Together {
        scenarios.len()
    } else {
        1
    };
    let mut run = Run {
        plan,
        interrupt,
        children: Children::new(sender),
        tracks,
        waiting,
        ending: Ending::Complete,
    };
    run.go(at_once, &events, view);
    (run.tracks, run.ending)
}

struct Run<'a> {
    plan: &'a Plan,
    interrupt: &'a Interrupt,
    children: Children,
    tracks: Vec<Track>,
    waiting: VecDeque<Scenario>,
    ending: Ending,
}

impl Run<'_> {
    fn go(&mut self, at_once: usize, events: &Receiver<Event>, view: &mut View) {
        loop {
            if self.interrupt.raised() {
                self.stop(Ending::Interrupted);
            }
            while self.children.running() < at_once
                && let Some(scenario) = self.waiting.pop_front()
            {
                if let Err(error) = self.children.start(scenario, self.plan) {
                    self.track(scenario).state = State::Failed(format!("{error:#}"));
                }
            }
            if self.children.running() == 0 {
                return;
            }
            if self.catch_up(events, view).is_err() {
                // A terminal that is gone says so by SIGHUP too, but perhaps a moment later.
                self.stop(if view.is_on_terminal() {
                    Ending::Interrupted
                } else {
                    Ending::Unread
                });
            }
        }
    }

    /// Deals with what happened, and then offers one frame: a frame for each event would never catch up.
    fn catch_up(&mut self, events: &Receiver<Event>, view: &mut View) -> io::Result<()> {
        let mut next = events.recv_timeout(FRAME).ok(); // none: a frame may be due all the same
        let since = Instant::now();
        while let Some(event) = next {
            match event {
                Event::Said(scenario, message) => self.hear(scenario, message, view)?,
                Event::Silent(scenario, last_words) => self.end(scenario, &last_words),
            }
            if self.interrupt.raised() || since.elapsed() >= FRAME {
                break;
            }
            next = events.try_recv().ok();
        }
        if self.ending != Ending::Complete {
            return Ok(()); // the end is shown once, when all is collected
        }
        view.frame(self.plan, &self.tracks)
    }

    fn hear(&mut self, scenario: Scenario, message: Message, view: &mut View) -> io::Result<()> {
        let step = self.track(scenario).apply(message);
        let Some(step) = step else { return Ok(()) };
        if self.ending != Ending::Complete {
            return Ok(()); // someone waits for the end, not for what is left in the queue
        }
        view.turn(self.plan, self.track(scenario), step)
    }

    /// Ends all children before their time; what they said so far is kept.
    fn stop(&mut self, ending: Ending) {
        if self.ending != Ending::Complete {
            return; // they are ending already
        }
        self.ending = ending;
        for scenario in std::mem::take(&mut self.waiting) {
            self.track(scenario).state = State::Stopped;
        }
        self.children.kill();
    }

    /// Writes down how a child ended that says no more.
    fn end(&mut self, scenario: Scenario, last_words: &str) {
        let problem = self.children.collect(scenario);
        let stopped = self.ending != Ending::Complete;
        let track = self.track(scenario);
        let reported = !matches!(track.state, State::Waiting | State::Running);
        if reported && (stopped || problem.is_none()) {
            return;
        }
        if stopped {
            track.state = State::Stopped;
            return;
        }
        let mut problem = problem.unwrap_or_else(|| "it ended without a report".to_owned());
        if !last_words.is_empty() {
            problem.push_str(": ");
            problem.push_str(last_words);
        }
        track.state = State::Failed(problem);
    }

    fn track(&mut self, scenario: Scenario) -> &mut Track {
        let track = self
            .tracks
            .iter_mut()
            .find(|track| track.scenario == scenario);
        track.expect("only scenarios with a track are started")
    }
}
