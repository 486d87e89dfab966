//! A child process: runs one scenario, measures it, and reports as it goes.

use std::io::{self, BufWriter, Write};
use std::thread;
use std::time::{Duration, Instant};

use malloc_watch::leak::{self, Frame, Site, Status};

use crate::meter::{self, Meter, Usage};
use crate::protocol::{Call, Figures, LeakSite, Message, Sample};
use crate::scenario::{Failure, Plan, Scenario, Step};

/// What a child is started with instead of options.
pub(crate) const MARK: &str = "--child";

/// The arguments that make a process the child for `scenario`.
pub(crate) fn arguments(scenario: Scenario, plan: &Plan) -> [String; 5] {
    [
        MARK.to_owned(),
        scenario.facts().name.to_owned(),
        plan.count.to_string(),
        plan.size.to_string(),
        plan.interval.as_millis().to_string(),
    ]
}

/// What this process is to do, if it was started as a child.
///
/// Read by hand: the parser of options would take memory that is shown as the loop's.
pub(crate) fn from_arguments(
    mut arguments: impl Iterator<Item = String>,
) -> Option<(Scenario, Plan)> {
    if arguments.next()? != MARK {
        return None;
    }
    let name = arguments.next()?;
    let named = |scenario: &Scenario| scenario.facts().name == name;
    let scenario = Scenario::ALL.into_iter().find(named)?;
    let plan = Plan {
        count: arguments.next()?.parse().ok()?,
        size: arguments.next()?.parse().ok()?,
        interval: Duration::from_millis(arguments.next()?.parse().ok()?),
    };
    arguments.next().is_none().then_some((scenario, plan))
}

/// Runs `scenario` and reports to standard output.
///
/// Everything that allocates for longer than a line is made before the first
/// reading, so that the blocks which are found afterwards are the loop's.
///
/// # Errors
/// When the report cannot be written: the parent is gone, so there is no reason to go on.
pub(crate) fn run(scenario: Scenario, plan: &Plan) -> io::Result<()> {
    end_with_parent();
    leak::status(); // what the checker needs is there before the first reading
    let meter = Meter::open();
    let mut report = BufWriter::with_capacity(1 << 10, io::stdout().lock());
    send(
        &mut report,
        &Message::Ready {
            sample: Sample {
                t_ns: 0,
                rss_bytes: meter.resident(),
            },
        },
    )?;
    report.flush()?;

    let usage = Usage::now();
    let start = Instant::now();
    let sample = || Sample {
        t_ns: nanoseconds(start.elapsed()),
        rss_bytes: meter.resident(),
    };
    // Told last: naming what was left behind takes time and memory of its own.
    let mut told = Ok(());
    let left = leak::scope(|| told = tell(scenario, plan, &sample, usage, &mut report));
    told?;
    let is_known = *left.status() == Status::Active;
    let number = |number: u64| i64::try_from(number).ok().filter(|_| is_known);
    send(
        &mut report,
        &Message::Left {
            live_blocks: number(left.blocks()),
            live_bytes: number(left.bytes()),
            leak_sites: left.sites().iter().map(leak_site).collect(),
        },
    )?;
    report.flush()
}

/// Runs the loop, and reports all but what it left behind.
fn tell(
    scenario: Scenario,
    plan: &Plan,
    sample: &impl Fn() -> Sample,
    usage: Option<Usage>,
    report: &mut impl Write,
) -> io::Result<()> {
    let start = Instant::now();
    let used_so_far = || {
        usage
            .zip(Usage::now())
            .map(|(before, now)| now.since(before))
    };
    let result = scenario.run(plan, &mut |turn, step| {
        let turn_end = start + plan.interval * turn;
        match step {
            Step::Filled(read) => {
                send(
                    report,
                    &Message::Filled {
                        turn,
                        read,
                        sample: sample(),
                    },
                )?;
                // Held for half of what is left of the turn, so that the curve shows both what is
                // taken and what is given back.
                let now = Instant::now();
                pause(report, now + turn_end.saturating_duration_since(now) / 2)
            }
            Step::LetGo => {
                send(
                    report,
                    &Message::LetGo {
                        turn,
                        sample: sample(),
                        used: used_so_far(),
                    },
                )?;
                report.flush()?;
                pause(report, turn_end)
            }
        }
    });
    let wall = start.elapsed();
    let used = used_so_far();

    let end = sample();
    let error = match result {
        Ok(()) => None,
        Err(Failure::Watch(error)) => return Err(error),
        Err(failure) => Some(failure.to_string()),
    };
    let figures = Figures {
        peak_rss_bytes: meter::peak(),
        end_rss_bytes: end.rss_bytes,
        wall_ns: Some(nanoseconds(wall)),
        user_ns: used.map(|used| used.user_ns),
        system_ns: used.map(|used| used.system_ns),
        minor_faults: used.map(|used| used.minor_faults),
        ..Figures::default()
    };
    send(
        report,
        &Message::Done {
            sample: end,
            figures,
            error,
        },
    )?;
    if !plan.interval.is_zero() {
        // What a process holds after the function has returned is part of the picture.
        pause(
            report,
            Instant::now() + plan.interval.min(Duration::from_secs(1)),
        )?;
        send(report, &Message::After { sample: sample() })?;
    }
    report.flush()
}

fn leak_site(site: &Site) -> LeakSite {
    let call = |frame: &Frame| Call {
        function: frame.function.clone(),
        file: frame.file.as_ref().map(|file| file.display().to_string()),
        line: frame.line,
    };
    LeakSite {
        blocks: site.blocks(),
        bytes: site.bytes(),
        calls: site.frames().iter().map(call).collect(),
    }
}

fn send(report: &mut impl Write, message: &Message) -> io::Result<()> {
    serde_json::to_writer(&mut *report, message)?;
    report.write_all(b"\n")
}

/// Waits until `deadline`, after handing over what was written: the parent draws meanwhile.
fn pause(report: &mut impl Write, deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        report.flush()?;
        thread::sleep(left);
    }
    Ok(())
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A child that outlived its parent would go on taking memory unseen.
///
/// Elsewhere than on Linux, writing to the parent's closed pipe ends it a turn later.
fn end_with_parent() {
    #[cfg(target_os = "linux")]
    {
        // A failure leaves the closed pipe, as on other systems.
        let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    #[test]
    fn a_child_understands_its_arguments_and_no_others() {
        for scenario in Scenario::ALL {
            let plan = Plan {
                count: 20,
                size: NonZeroUsize::new(50 << 20).unwrap(),
                interval: Duration::from_millis(500),
            };
            let words = arguments(scenario, &plan);
            let (same, understood) = from_arguments(words.clone().into_iter()).unwrap();
            assert_eq!(same, scenario);
            assert_eq!(format!("{understood:?}"), format!("{plan:?}"));
            let more = words.into_iter().chain(["more".to_owned()]);
            assert!(from_arguments(more).is_none());
        }
        let options = ["--scenario", "leak", "1", "1", "1"].map(str::to_owned);
        assert!(from_arguments(options.into_iter()).is_none());
    }
}
