//! The turns as plain lines: where there is no terminal, or none that can be drawn on.

use std::io::{self, Write};

use crate::limit::Order;
use crate::protocol::Sample;
use crate::scenario::{Plan, ReadBack, Scenario};
use crate::timeline::Track;
use crate::units;

/// What is about to run, and in what order.
pub(crate) fn heading(plan: &Plan, scenarios: &[Scenario], order: &Order) -> String {
    let names: Vec<_> = scenarios.iter().map(|scenario| scenario.name()).collect();
    let apart = if plan.interval.is_zero() {
        "without waiting".to_owned()
    } else {
        format!("{} apart", humantime::format_duration(plan.interval))
    };
    let mut heading = format!(
        "{}: {} × {}, {apart}, each in a process of its own",
        names.join(", "),
        units::grouped(u64::from(plan.count)),
        units::bytes(plan.size.get() as u64)
    );
    if let Order::OneByOne(reason) = order {
        heading.push_str("\none after another: ");
        heading.push_str(reason);
    }
    heading
}

/// What the turn did that this sample ended, and what it read back.
pub(crate) fn write(
    out: &mut dyn Write,
    plan: &Plan,
    track: &Track,
    sample: Sample,
) -> io::Result<()> {
    let digits = plan.count.to_string().len();
    let (scenario, turn, count) = (track.scenario, track.turns, plan.count);
    let (deed, resident) = (deed(plan, track), resident(sample.rss_bytes));
    writeln!(
        out,
        "{scenario:<6} {turn:>digits$}/{count}  {deed}  {resident}"
    )?;
    out.flush()
}

/// What the last turn did and read back, in the order in which it happened.
fn deed(plan: &Plan, track: &Track) -> String {
    let took = units::bytes(plan.size.get() as u64);
    let Some(read) = track.read else {
        return String::new();
    };
    format!(
        "took {took}, read {}, {}",
        found(read),
        track.scenario.deed()
    )
}

/// What a block held.
pub(crate) fn found(read: ReadBack) -> String {
    let length = units::grouped(read.length as u64);
    format!(
        "{length} bytes {}…{}",
        units::byte(read.first),
        units::byte(read.last)
    )
}

/// Resident memory, as every line shows it.
pub(crate) fn resident(rss: Option<u64>) -> String {
    format!("RSS {}", rss.map_or_else(|| "n/a".to_owned(), units::bytes))
}
