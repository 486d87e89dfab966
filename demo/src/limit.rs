//! How much memory there is to take, and whether the scenarios fit into it.
//!
//! A block that `malloc` returned proves nothing: the kernel promises more than it
//! has and settles the difference by killing someone. So this asks before the
//! first block is filled.

#[cfg(target_os = "linux")]
mod linux;

use std::path::Path;

use crate::scenario::{Plan, Scenario};
use crate::units;

/// What a process of this program takes beside its blocks, generously.
const OVERHEAD: u64 = 16 << 20;

/// Memory that can still be taken, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) available: u64,
    pub(crate) source: String,
}

/// The limits that are known here; on a platform that tells none, everything fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    /// What all processes together can still take.
    pub(crate) shared: Option<Limit>,
    /// What one process may address.
    pub(crate) each: Option<Limit>,
}

/// In what order the scenarios can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Together,
    /// With the reason.
    OneByOne(String),
}

/// A scenario that does not fit even alone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    scenario: Scenario,
    needed: u64,
    limit: Limit,
    /// Those that would fit.
    rest: Vec<Scenario>,
}

/// The most that a scenario's process takes at once.
pub(crate) fn need(scenario: Scenario, plan: &Plan) -> u64 {
    let blocks = if scenario.facts().piles_up {
        u64::from(plan.count)
    } else {
        1
    };
    blocks * plan.size.get() as u64 + OVERHEAD
}

impl Room {
    /// The limits of this machine, read from below `root`: `/`, but for tests.
    pub(crate) fn below(root: &Path) -> Self {
        #[cfg(target_os = "linux")]
        return linux::room(root);
        #[cfg(not(target_os = "linux"))]
        {
            let _ = root;
            Self::default()
        }
    }

    /// Finds an order in which `scenarios` fit.
    pub(crate) fn order(&self, scenarios: &[Scenario], plan: &Plan) -> Result<Order, Refusal> {
        let too_small = |needed: u64| {
            let mut limits = self.shared.iter().chain(&self.each);
            limits.find(|limit| limit.available < needed).cloned()
        };
        let (fitting, failing): (Vec<_>, Vec<_>) = scenarios
            .iter()
            .copied()
            .partition(|scenario| too_small(need(*scenario, plan)).is_none());
        if let Some(&scenario) = failing.first() {
            let needed = need(scenario, plan);
            if let Some(limit) = too_small(needed) {
                return Err(Refusal {
                    scenario,
                    needed,
                    limit,
                    rest: fitting,
                });
            }
        }
        let together: u64 = scenarios
            .iter()
            .map(|scenario| need(*scenario, plan))
            .fold(0, u64::saturating_add);
        if scenarios.len() > 1 && plan.interval.is_zero() {
            // Whatever the number of processors: they share the memory bus.
            return Ok(Order::OneByOne(
                "--interval 0ms measures, and they would disturb each other".to_owned(),
            ));
        }
        if let Some(limit) = self
            .shared
            .as_ref()
            .filter(|limit| limit.available < together)
        {
            return Ok(Order::OneByOne(format!(
                "together they need {}, and {} are available ({})",
                units::bytes(together),
                units::bytes(limit.available),
                limit.source
            )));
        }
        Ok(Order::Together)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            scenario,
            needed,
            limit,
            rest,
        } = self;
        write!(
            f,
            "{scenario} needs {}, but {} are available ({}); take less with --count or --size",
            units::bytes(*needed),
            units::bytes(limit.available),
            limit.source
        )?;
        if !rest.is_empty() {
            let names: Vec<_> = rest.iter().map(|scenario| scenario.facts().name).collect();
            write!(f, ", or run what fits with --scenario {}", names.join(","))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use super::*;

    fn plan(count: u32, mebibytes: usize, interval: Duration) -> Plan {
        Plan {
            count,
            size: NonZeroUsize::new(mebibytes << 20).unwrap(),
            interval,
        }
    }

    fn room(mebibytes: u64) -> Room {
        let shared = Limit {
            available: mebibytes << 20,
            source: "a test".to_owned(),
        };
        Room {
            shared: Some(shared),
            each: None,
        }
    }

    const TICK: Duration = Duration::from_millis(500);

    #[test]
    fn what_fits_runs_together() {
        let order = room(3000).order(&Scenario::ALL, &plan(20, 50, TICK));
        assert_eq!(order, Ok(Order::Together));
    }

    #[test]
    fn what_does_not_fit_together_runs_one_after_another_and_says_why() {
        let Ok(Order::OneByOne(reason)) = room(1500).order(&Scenario::ALL, &plan(20, 50, TICK))
        else {
            panic!("1,500 MiB are enough for each, not for all");
        };
        assert!(
            reason.contains("2,296 MiB") && reason.contains("1,500 MiB"),
            "{reason}"
        );
    }

    #[test]
    fn what_does_not_fit_alone_is_refused_with_figures_and_a_way_out() {
        let refusal = room(500)
            .order(&Scenario::ALL, &plan(20, 50, TICK))
            .unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "leak needs 1,016 MiB, but 500 MiB are available (a test); take less with --count or --size, \
             or run what fits with --scenario free,owned,retain,reuse"
        );
    }

    #[test]
    fn a_limit_for_each_process_is_not_shared_among_them() {
        let each = Limit {
            available: 1100 << 20,
            source: "a test".to_owned(),
        };
        let room = Room {
            shared: None,
            each: Some(each),
        };
        assert_eq!(
            room.order(&Scenario::ALL, &plan(20, 50, TICK)),
            Ok(Order::Together)
        );
        assert!(room.order(&Scenario::ALL, &plan(40, 50, TICK)).is_err());
    }

    #[test]
    fn without_waiting_one_scenario_runs_at_a_time() {
        let order = Room::default().order(&Scenario::ALL, &plan(20, 50, Duration::ZERO));
        assert!(matches!(order, Ok(Order::OneByOne(_))));
        let order = Room::default().order(&[Scenario::Leak], &plan(20, 50, Duration::ZERO));
        assert_eq!(order, Ok(Order::Together));
    }

    #[test]
    fn without_a_known_limit_everything_fits() {
        let order = Room::default().order(&Scenario::ALL, &plan(100_000, 1 << 20, TICK));
        assert_eq!(order, Ok(Order::Together));
    }
}
