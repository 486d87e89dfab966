//! What a child tells its parent: one JSON object a line, on the child's standard output.

use serde::{Deserialize, Serialize};

use crate::meter::Usage;
use crate::scenario::ReadBack;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub(crate) enum Message {
    /// The loop is about to start.
    Ready { sample: Sample },
    /// A block was filled and read back.
    Filled {
        turn: u32,
        read: ReadBack,
        sample: Sample,
    },
    /// The loop let go of the block.
    LetGo {
        turn: u32,
        sample: Sample,
        used: Option<Usage>,
    },
    /// The function that holds the loop has returned; `error` if before its last turn.
    Done {
        sample: Sample,
        figures: Figures,
        error: Option<String>,
    },
    /// The process stayed for a moment, and this is what it kept.
    After { sample: Sample },
    /// The C blocks that are allocated and not freed; `None` if they cannot be seen.
    Left {
        live_blocks: Option<i64>,
        live_bytes: Option<i64>,
        leak_sites: Vec<LeakSite>,
    },
}

/// Resident memory at one moment of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Since the loop started.
    pub(crate) t_ns: u64,
    pub(crate) rss_bytes: Option<u64>,
}

/// What was measured over a whole loop; `None` is what the platform does not tell.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) peak_rss_bytes: Option<u64>,
    pub(crate) end_rss_bytes: Option<u64>,
    pub(crate) live_blocks: Option<i64>,
    pub(crate) live_bytes: Option<i64>,
    pub(crate) wall_ns: Option<u64>,
    pub(crate) user_ns: Option<u64>,
    pub(crate) system_ns: Option<u64>,
    pub(crate) minor_faults: Option<u64>,
}

/// Blocks that the loop left behind, and the calls by which they were allocated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeakSite {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
    /// From the C function that called `malloc` to the loop.
    pub(crate) calls: Vec<Call>,
}

/// A call on the way to an allocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Call {
    pub(crate) function: String,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
}
