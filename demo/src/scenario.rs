//! The loops, side by side: the only place where leaking and owned code differ.
//!
//! Each asks C for a block, reads it back, and lets go of it in its own way.
//! Nothing here knows how memory is measured or drawn; the caller watches each
//! [`Step`] and may wait in it.
//!
//! # What cannot be written here
//!
//! The program that these loops retell, cgo around a `malloc` that fills 50 MiB,
//! has four faults beside its leak. Each shows up below as code that does not
//! compile or does not exist:
//!
//! - **No terminator.** Its C fills a block to the last byte and its Go looks for
//!   a NUL, so the search leaves the block. [`workload_buffer`] says how long the
//!   block is and `Owned<[u8]>` keeps that length: nothing is searched, and an
//!   index past the end panics instead of reading on.
//! - **NULL is never checked.** There the C side itself writes through the result
//!   of a failed `malloc`, which no caller can prevent. Here C checks first and
//!   reports a status, and an owner holds no NULL: without a block there
//!   is an `Err` to deal with, not a pointer to follow.
//! - **Freed pointers stay in a slice.** The bytes of an `Owned` are borrowed from
//!   it; using them after the drop is a compile error, and so is dropping twice.
//!   Only the raw loops, `leak` and `free`, could do it, and `Raw::release`
//!   takes the pointers away with it.
//! - **`defer` in a loop.** It waits for the *function* to return, so all blocks
//!   pile up first. A drop comes at the end of the *block* of code. To get Go's
//!   behaviour, `defer` has to ask for it with a `Vec` of owners.
//!
//! [`workload_buffer`]: malloc_sys::workload_buffer

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::ptr;
use std::slice;
use std::time::Duration;

use malloc_safe::{CVec, Free, Owned, out};
use serde::{Deserialize, Serialize};

/// What every block is filled with.
const FILL: u8 = b'-';

/// One way to deal with a block that C allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scenario {
    /// Nobody frees: the pointer is forgotten at the end of each turn
    Leak,
    /// Freed by hand at the end of each turn
    Free,
    /// Like Go's `defer`: freed when the function that holds the loop returns
    Defer,
    /// Held by an owner, which is dropped at the end of each turn
    Owned,
    /// Owned, and glibc keeps freed memory instead of returning it to the system
    Retain,
    /// One owned buffer, which C fills anew each turn, as getline does
    Reuse,
}

/// The loop that all scenarios run: so many blocks, of that size, so far apart.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Turns of the loop; each takes one block.
    pub count: u32,
    /// Bytes in a block.
    pub size: NonZeroUsize,
    /// From one turn's start to the next.
    pub interval: Duration,
}

/// What a turn has just done.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// C filled a block and the loop looked at it.
    Filled(ReadBack),
    /// The loop let go of the block, in the scenario's way.
    LetGo,
}

/// What a block held, looked up at both ends; a scan would cost more than the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBack {
    /// Its length in bytes.
    pub length: usize,
    /// Its first byte.
    pub first: u8,
    /// Its last byte.
    pub last: u8,
}

/// Why a loop stopped early.
///
/// Allocates nothing, as it lives while the C blocks are counted.
#[derive(Debug)]
pub enum Failure {
    /// C returned this status instead of a block in this turn.
    Refused {
        /// The turn, from 1.
        turn: u32,
        /// An `errno` value.
        status: i32,
    },
    /// C reported success but no block in this turn.
    NoBlock {
        /// The turn, from 1.
        turn: u32,
    },
    /// The scenario cannot be had here, for this reason.
    Unavailable(&'static str),
    /// The caller who watches the steps could not go on.
    Watch(io::Error),
}

/// Is told each turn (from 1) and step.
pub type Watch<'a> = dyn FnMut(u32, Step) -> io::Result<()> + 'a;

impl Scenario {
    /// Every scenario, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Leak,
        Self::Free,
        Self::Defer,
        Self::Owned,
        Self::Retain,
        Self::Reuse,
    ];

    /// Why this platform does not have the scenario, if it has not.
    pub fn unavailable(self) -> Option<&'static str> {
        let glibc = cfg!(all(target_os = "linux", target_env = "gnu"));
        (self == Self::Retain && !glibc).then_some("not available here: it needs glibc's mallopt")
    }

    /// Runs the loop; returns when the function that holds it has returned.
    ///
    /// # Errors
    /// When C has no memory for a block, or `watch` fails.
    pub fn run(self, plan: &Plan, watch: &mut Watch<'_>) -> Result<(), Failure> {
        match self {
            Self::Leak => leak(plan, watch),
            Self::Free => free(plan, watch),
            Self::Defer => defer(plan, watch),
            Self::Owned => owned(plan, watch),
            Self::Retain => retain(plan, watch),
            Self::Reuse => reuse(plan, watch),
        }
    }
}

/// C without a `free`: the pointer goes out of scope, the block stays.
fn leak(plan: &Plan, watch: &mut Watch<'_>) -> Result<(), Failure> {
    for turn in 1..=plan.count {
        let block = Raw::from_c(turn, plan.size)?;
        watch(turn, Step::Filled(block.read_back())).map_err(Failure::Watch)?;
        watch(turn, Step::LetGo).map_err(Failure::Watch)?;
    }
    Ok(())
}

/// C done right, by someone who remembered, on every path.
fn free(plan: &Plan, watch: &mut Watch<'_>) -> Result<(), Failure> {
    for turn in 1..=plan.count {
        let block = Raw::from_c(turn, plan.size)?;
        let watched = watch(turn, Step::Filled(block.read_back()));
        block.release(); // before the `?`, or an error would leak the block
        watched.map_err(Failure::Watch)?;
        watch(turn, Step::LetGo).map_err(Failure::Watch)?;
    }
    Ok(())
}

/// `defer free(block)` in a loop: the blocks wait for the function to return.
fn defer(plan: &Plan, watch: &mut Watch<'_>) -> Result<(), Failure> {
    let mut deferred = Vec::new();
    for turn in 1..=plan.count {
        let block = owned_from_c(turn, plan.size)?;
        watch(turn, Step::Filled(ReadBack::of(&block))).map_err(Failure::Watch)?;
        deferred.push(block);
        watch(turn, Step::LetGo).map_err(Failure::Watch)?;
    }
    Ok(())
}

/// An owner per turn: the block is freed where its scope ends, errors included.
fn owned(plan: &Plan, watch: &mut Watch<'_>) -> Result<(), Failure> {
    for turn in 1..=plan.count {
        {
            let block = owned_from_c(turn, plan.size)?;
            watch(turn, Step::Filled(ReadBack::of(&block))).map_err(Failure::Watch)?;
        }
        watch(turn, Step::LetGo).map_err(Failure::Watch)?;
    }
    Ok(())
}

/// The same as [`owned`], in a process whose freed memory stays resident.
fn retain(plan: &Plan, watch: &mut Watch<'_>) -> Result<(), Failure> {
    keep_freed_memory()?;
    owned(plan, watch)
}

/// One buffer for all turns: C fills what the loop has, and takes a larger block only if it must.
///
/// As fast as [`retain`], on every platform, and with no setting of the whole process.
fn reuse(plan: &Plan, watch: &mut Watch<'_>) -> Result<(), Failure> {
    let mut buffer = CVec::new();
    for turn in 1..=plan.count {
        refill_from_c(turn, plan.size, &mut buffer)?;
        watch(turn, Step::Filled(ReadBack::of(&buffer))).map_err(Failure::Watch)?;
        buffer.clear();
        watch(turn, Step::LetGo).map_err(Failure::Watch)?;
    }
    Ok(())
}

/// Tells glibc to serve large blocks from the heap and never to shrink it.
///
/// By default a block of this size is mapped for itself and unmapped by `free`,
/// so that each turn faults every page in anew. The price of keeping them: this
/// holds for the whole process, and memory once used is never given back.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_freed_memory() -> Result<(), Failure> {
    let settings = [
        (
            libc::M_MMAP_MAX,
            0,
            "mallopt refused to set M_MMAP_MAX to 0",
        ),
        (
            libc::M_TRIM_THRESHOLD,
            -1,
            "mallopt refused to set M_TRIM_THRESHOLD to -1",
        ),
    ];
    for (parameter, value, refusal) in settings {
        // SAFETY: mallopt takes two numbers and locks its own state.
        let accepted = unsafe { libc::mallopt(parameter, value) };
        if accepted == 0 {
            return Err(Failure::Unavailable(refusal));
        }
    }
    Ok(())
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_freed_memory() -> Result<(), Failure> {
    Err(Failure::Unavailable(
        Scenario::Retain.unavailable().unwrap_or_default(),
    ))
}

/// A block as C hands it over: two numbers that nobody is responsible for.
///
/// Invariant: `bytes` is a live malloc block of `length` initialised bytes.
struct Raw {
    bytes: *mut u8,
    length: usize,
}

impl Raw {
    fn from_c(turn: u32, size: NonZeroUsize) -> Result<Self, Failure> {
        let mut bytes = ptr::null_mut();
        let mut length = 0;
        // SAFETY: both out-parameters are locals, valid for the writes.
        let status = unsafe {
            malloc_sys::workload_buffer(size.get(), FILL, &raw mut bytes, &raw mut length)
        };
        if status != 0 {
            return Err(Failure::Refused { turn, status });
        }
        if bytes.is_null() {
            return Err(Failure::NoBlock { turn });
        }
        Ok(Self { bytes, length })
    }

    fn read_back(&self) -> ReadBack {
        // SAFETY: by the type's invariant; nothing writes to the block while it is borrowed.
        let bytes = unsafe { slice::from_raw_parts(self.bytes, self.length) };
        ReadBack::of(bytes)
    }

    fn release(self) {
        // SAFETY: the block is malloc's, and `self` was the only way to reach it.
        unsafe { malloc_sys::free(self.bytes.cast()) }
    }
}

/// The same call, with an owner that takes the block over at once.
fn owned_from_c(turn: u32, size: NonZeroUsize) -> Result<Owned<[u8]>, Failure> {
    let fill = |bytes: *mut *mut u8, length: *mut usize| {
        // SAFETY: `out::slice` passes out-parameters that are valid for the writes.
        unsafe { malloc_sys::workload_buffer(size.get(), FILL, bytes, length) }
    };
    // SAFETY: workload_buffer leaves NULL and 0, or a malloc block of that many filled bytes.
    let (status, block) = unsafe { out::slice::<u8, Free, _>(fill) };
    if status != 0 {
        return Err(Failure::Refused { turn, status });
    }
    block.map_err(|_| Failure::NoBlock { turn })
}

/// Has C fill the buffer, which may be replaced by a larger one.
fn refill_from_c(turn: u32, size: NonZeroUsize, buffer: &mut CVec<u8>) -> Result<(), Failure> {
    let refill = |bytes: *mut *mut u8, capacity: *mut usize| {
        // SAFETY: `out::in_out` passes places that hold a malloc block and its size, or NULL and 0.
        let status = unsafe { malloc_sys::workload_refill(size.get(), FILL, bytes, capacity) };
        (status, if status == 0 { size.get() } else { 0 })
    };
    // SAFETY: workload_refill leaves NULL and 0, or a malloc block and its size, and has filled as
    // many bytes as were asked for if it returns 0.
    let refilled = unsafe { out::in_out(buffer, refill) };
    match refilled {
        Ok(0) => Ok(()),
        Ok(status) => Err(Failure::Refused { turn, status }),
        Err(_) => Err(Failure::NoBlock { turn }),
    }
}

impl ReadBack {
    fn of(bytes: &[u8]) -> Self {
        let ends = bytes.first().copied().zip(bytes.last().copied());
        let (first, last) = ends.unwrap_or_default(); // an empty block has no ends to show
        Self {
            length: bytes.len(),
            first,
            last,
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.facts().name)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { turn, status } => {
                let reason = io::Error::from_raw_os_error(*status);
                write!(f, "C had no memory for block {turn}: {reason}")
            }
            Self::NoBlock { turn } => write!(f, "C reported success but returned no block {turn}"),
            Self::Unavailable(reason) => f.write_str(reason),
            Self::Watch(error) => write!(f, "the step could not be reported: {error}"),
        }
    }
}
