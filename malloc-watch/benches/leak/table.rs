//! The rounds, the ratios, and the truth beside what was found.

use std::time::Duration;

use crate::arms::{Arm, Programs, Run, Tally};
use crate::workloads::{self, Most, Workload};

/// What the tables amount to.
pub(crate) struct Outcome {
    /// Blocks, bytes and stacks are right.
    pub(crate) exact: bool,
    pub(crate) within_marks: bool,
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn tally(tally: Tally) -> String {
    format!("{} / {}", tally.blocks, tally.bytes)
}

/// A round of a workload: every arm once.
struct Round([Run; 3]);

impl Round {
    fn play(
        programs: &Programs,
        workload: &Workload,
        allocations: u64,
        number: usize,
    ) -> Result<Self, String> {
        let mut runs = [None, None, None];
        for turn in 0..runs.len() {
            let place = (number + turn) % runs.len();
            runs[place] = Some(programs.run(Arm::ALL[place], workload, allocations)?);
        }
        Ok(Self(runs.map(|run| run.expect("every place had its turn"))))
    }

    /// An arm's figure as a ratio to the plain one's.
    fn ratio(&self, arm: Arm, figure: impl Fn(&Run) -> f64) -> f64 {
        figure(&self.0[arm as usize]) / figure(&self.0[Arm::Plain as usize])
    }
}

pub(crate) fn print(
    programs: &Programs,
    only: &[&str],
    rounds: usize,
    allocations: Option<u64>,
) -> Result<Outcome, String> {
    println!(
        "\nratios to the program without hooks, medians of {rounds} rounds; * is above the mark\n"
    );
    println!(
        "{:46} {:^21} {:^13}  {:^13} {:>16}",
        "", "processor time", "peak memory", "with report", "marks"
    );
    println!(
        "{:46} {:>8} {:>6} {:>6} {:>6} {:>6} {:>6} {:>6}  {:>16}",
        "", "plain", "off", "exact", "off", "exact", "time", "memory", "off, exact, mem"
    );
    let mut within_marks = true;
    let mut findings = Vec::new();
    for workload in &workloads::ALL {
        if !only.is_empty() && !only.contains(&workload.letter) {
            continue;
        }
        let allocations = workload.allocations(allocations);
        let played: Vec<Round> = (0..rounds)
            .map(|number| Round::play(programs, workload, allocations, number))
            .collect::<Result<_, _>>()?;
        within_marks &= print_costs(&workload.title(allocations), &workload.most, &played);
        findings.extend(
            played
                .into_iter()
                .map(|Round([_, _, exact])| (workload, exact)),
        );
    }
    Ok(Outcome {
        exact: print_findings(&findings, rounds),
        within_marks,
    })
}

fn print_costs(title: &str, most: &Most, rounds: &[Round]) -> bool {
    let middle = |figure: &dyn Fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    let work = |run: &Run| run.work.as_secs_f64();
    let peak = |run: &Run| f64::from(run.work_peak);
    let plain = middle(&|round| work(&round.0[Arm::Plain as usize]));
    let off = middle(&|round| round.ratio(Arm::Off, work));
    let exact = middle(&|round| round.ratio(Arm::Exact, work));
    let off_peak = middle(&|round| round.ratio(Arm::Off, peak));
    let exact_peak = middle(&|round| round.ratio(Arm::Exact, peak));
    let process = middle(&|round| round.ratio(Arm::Exact, |run| run.cpu.as_secs_f64()));
    let process_peak = middle(&|round| round.ratio(Arm::Exact, |run| f64::from(run.peak)));
    let mut within = true;
    let mut marked = |value: f64, most: Option<f64>| {
        let above = most.is_some_and(|most| value > most);
        within &= !above;
        format!("{value:.2}{}", if above { "*" } else { " " })
    };
    let mark = |most: Option<f64>| most.map_or("-".to_owned(), |most| format!("{most:.2}"));
    println!(
        "{title:46} {:>5.0} ms {:>6} {:>6} {off_peak:>6.2} {:>6} {process:>6.2} {process_peak:>6.2}  \
         {:>16}",
        plain * 1e3,
        marked(off, most.off),
        marked(exact, most.exact),
        marked(exact_peak, most.exact_memory),
        [most.off, most.exact, most.exact_memory]
            .map(mark)
            .join(" "),
    );
    within
}

/// Says what every run in a scope found; whether all of it was right.
fn print_findings(findings: &[(&Workload, Run)], rounds: usize) -> bool {
    println!(
        "\nblocks / bytes left behind, in the last round, and in how many rounds found and truth \
         are equal\n"
    );
    println!(
        "{:3} {:>22} {:>22} {:>7} {:>7} {:>22} {:>12} {:>10}",
        "", "truth", "found", "equal", "sites", "C function", "Rust caller", "report"
    );
    let mut right = true;
    for rounds_of_one in findings.chunks(rounds) {
        let Some((workload, last)) = rounds_of_one.last() else {
            continue;
        };
        let equal = |run: &Run| run.found == Some(run.truth);
        let equals = rounds_of_one.iter().filter(|(_, run)| equal(run)).count();
        let (mut c, mut rust) = (0, 0);
        for site in &last.sites {
            let (names_c, names_rust) = site.names(workload);
            c += u64::from(names_c);
            rust += u64::from(names_rust);
        }
        let sites = last.sites.len() as u64;
        right &= equals == rounds_of_one.len() && c == sites && rust == sites;
        let named = |count: u64, name: &str| match sites {
            0 => "-".to_owned(),
            _ if count == sites => name.to_owned(),
            _ => format!("{count} of {sites}"),
        };
        let report = median(
            rounds_of_one
                .iter()
                .map(|(_, run)| millis(run.report))
                .collect(),
        );
        println!(
            "{:3} {:>22} {:>22} {:>7} {sites:>7} {:>22} {:>12} {report:>7.1} ms",
            workload.letter,
            tally(last.truth),
            last.found.map_or_else(|| "nothing".to_owned(), tally),
            format!("{equals}/{}", rounds_of_one.len()),
            named(c, workload.allocator),
            named(rust, workload.caller),
        );
        for site in last
            .sites
            .iter()
            .filter(|site| site.names(workload) != (true, true))
        {
            println!(
                "    {} by way of {}",
                tally(site.tally),
                site.functions.join(" < ")
            );
        }
    }
    right
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
