//! What is run, and what is asked of it.

/// A workload of the program, at the size that it is measured at.
pub(crate) struct Workload {
    /// In the tables.
    pub(crate) letter: &'static str,
    /// On the program's command line.
    pub(crate) name: &'static str,
    /// After the number of allocations.
    pub(crate) what: &'static str,
    pub(crate) allocations: u64,
    /// Whether the number of allocations may be another: not where each is 50 MiB.
    pub(crate) scales: bool,
    /// The C function that calls `malloc`.
    pub(crate) allocator: &'static str,
    /// The Rust function that calls that.
    pub(crate) caller: &'static str,
    pub(crate) most: Most,
}

/// The marks: ratios to the program without hooks that are not to be exceeded.
#[derive(Default)]
pub(crate) struct Most {
    pub(crate) off: Option<f64>,
    pub(crate) exact: Option<f64>,
    pub(crate) exact_memory: Option<f64>,
}

impl Workload {
    /// For the tables.
    pub(crate) fn title(&self, allocations: u64) -> String {
        format!("{:3}{allocations} {}", self.letter, self.what)
    }

    /// With so many allocations, if that is asked for and possible.
    pub(crate) fn allocations(&self, asked: Option<u64>) -> u64 {
        asked.filter(|_| self.scales).unwrap_or(self.allocations)
    }
}

const CHURN: Workload = Workload {
    letter: "B",
    name: "churn",
    what: "of 16 to 1,024 bytes, 10,000 live",
    allocations: 5_000_000,
    scales: true,
    allocator: "workload_block",
    caller: "allocate",
    most: Most {
        off: Some(1.03),
        exact: Some(1.7),
        exact_memory: None,
    },
};

const FILLED: Workload = Workload {
    letter: "A",
    name: "leaked",
    what: "of 50 MiB, filled and leaked",
    allocations: 20,
    scales: false,
    allocator: "workload_string",
    caller: "fill",
    most: Most {
        off: None,
        exact: None,
        exact_memory: None,
    },
};

const NO_MARK: Most = Most {
    off: None,
    exact: None,
    exact_memory: None,
};

pub(crate) const ALL: [Workload; 8] = [
    FILLED,
    Workload {
        letter: "A'",
        name: "freed",
        what: "of 50 MiB, filled and freed",
        ..FILLED
    },
    CHURN,
    Workload {
        letter: "C",
        name: "threads",
        what: "as B, by two threads for each other",
        most: NO_MARK,
        ..CHURN
    },
    Workload {
        letter: "D",
        name: "leaks",
        what: "as B, one in 50 leaked",
        most: Most {
            off: None,
            exact: Some(1.7),
            exact_memory: Some(1.35),
        },
        ..CHURN
    },
    Workload {
        letter: "E",
        name: "pair",
        what: "of 64 bytes, freed at once",
        allocations: 20_000_000,
        most: Most {
            off: Some(1.10),
            ..NO_MARK
        },
        ..CHURN
    },
    Workload {
        letter: "F",
        name: "deep",
        what: "as B, below 40 frames",
        most: Most {
            exact: Some(2.3),
            ..NO_MARK
        },
        ..CHURN
    },
    Workload {
        letter: "G",
        name: "stacks",
        what: "as B, by way of 1,024 stacks",
        most: NO_MARK,
        ..CHURN
    },
];
