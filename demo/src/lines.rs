//! The turns as plain lines: where there is no terminal, or none that can be drawn on.

use crate::limit::Order;
use crate::protocol::Sample;
use crate::scenario::{Plan, ReadBack, Scenario};
use crate::timeline::Track;
use crate::units;

/// What is about to run, and in what order.
pub(crate) fn heading(plan: &Plan, scenarios: &[Scenario], order: &Order) -> String {
    let names: Vec<_> = scenarios.iter().map(|one| one.facts().name).collect();
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

/// What the turn did that this sample ended, and what it read back: as much as the columns hold,
/// the resident memory first.
pub(crate) fn turn(plan: &Plan, track: &Track, sample: Sample, columns: usize) -> String {
    let width = plan.count.to_string().len();
    let name = track.scenario.facts().name;
    let turn = format!("{name:<6} {:>width$}/{}", track.turns, plan.count);
    let resident = resident(sample.rss_bytes);
    let mut wordings = Vec::new();
    if let Some(read) = track.read {
        let deed = track.scenario.facts().deed;
        let took = format!("took {}", units::bytes(plan.size.get() as u64));
        let found = found(read);
        wordings.push(format!("{turn}  {took}, read {found}, {deed}  {resident}"));
        wordings.push(format!("{turn}  {took}, {deed}  {resident}"));
        wordings.push(format!("{turn}  {deed}  {resident}"));
    }
    wordings.push(format!("{turn}  {resident}"));
    units::longest_that_fits(&wordings, columns)
}

/// What a block held.
pub(crate) fn found(read: ReadBack) -> String {
    let length = units::grouped(read.length as u64);
    format!(
        "{length} bytes {} to {}",
        units::byte(read.first),
        units::byte(read.last)
    )
}

/// Resident memory, as every line shows it.
pub(crate) fn resident(rss: Option<u64>) -> String {
    format!("RSS {}", rss.map_or_else(|| "n/a".to_owned(), units::bytes))
}
