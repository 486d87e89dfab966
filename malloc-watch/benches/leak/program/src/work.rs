//! The workloads. Each allocates through a C function that Rust calls, by the same sequence of
//! random numbers in every build, and knows what it leaves behind.

use std::hint::black_box;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::thread;

/// Blocks, and the bytes that were asked for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Truth {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
}

impl Truth {
    fn add(&mut self, size: usize) {
        self.blocks += 1;
        self.bytes += size as u64;
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Workload {
    /// Blocks of 50 MiB, filled and forgotten.
    FilledAndLeaked,
    /// The same, freed each time.
    FilledAndFreed,
    /// 16 to 1,024 bytes at a time in the place of a random one of 10,000 blocks.
    Churn,
    /// The same by two threads, with one table for both: most blocks are freed by the other thread.
    TwoThreads,
    /// `Churn` that forgets one block in fifty.
    SmallLeaks,
    /// A block that is freed at once, again and again.
    HotPair,
    /// `Churn` below 40 frames.
    Deep,
    /// `Churn` that allocates by way of 1,024 different stacks.
    ManyStacks,
}

pub(crate) const NAMES: [&str; 8] = [
    "leaked", "freed", "churn", "threads", "leaks", "pair", "deep", "stacks",
];

impl Workload {
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [
            Self::FilledAndLeaked,
            Self::FilledAndFreed,
            Self::Churn,
            Self::TwoThreads,
            Self::SmallLeaks,
            Self::HotPair,
            Self::Deep,
            Self::ManyStacks,
        ];
        let index = NAMES.iter().position(|&known| known == name)?;
        all.get(index).copied()
    }

    pub(crate) fn run(self, allocations: u64) -> Truth {
        match self {
            Self::FilledAndLeaked => filled_and_leaked(allocations),
            Self::FilledAndFreed => filled_and_freed(allocations),
            Self::Churn => churn(allocations, allocate),
            Self::TwoThreads => two_threads(allocations),
            Self::SmallLeaks => small_leaks(allocations),
            Self::HotPair => hot_pair(allocations),
            Self::Deep => below(40, &mut || churn(allocations, allocate)),
            Self::ManyStacks => {
                let mut way = Random::new(7);
                churn(allocations, |size| by_way_of(way.below(1024), 10, size))
            }
        }
    }
}

const LIVE: usize = 10_000;

/// One in so many of the blocks that are live at the end is left.
const LEFT: usize = 100;

/// Xorshift: quick, and the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let scaled = (u128::from(self.0) * bound as u128) >> 64;
        usize::try_from(scaled).expect("below the bound")
    }

    fn size(&mut self) -> usize {
        16 + self.below(1009)
    }
}

/// The Rust function that calls C: the one that a stack must name.
#[inline(never)]
fn allocate(size: usize) -> *mut usize {
    // SAFETY: every size here has room for a word.
    let block = unsafe { malloc_sys::workload_block(size) };
    assert!(!block.is_null(), "no memory for {size} bytes");
    block
}

fn release(block: *mut usize) {
    // SAFETY: NULL, or from `workload_block`; callers do not use it again.
    unsafe { malloc_sys::free(block.cast()) };
}

/// What the block begins with.
fn size_of_block(block: *mut usize) -> usize {
    // SAFETY: callers have a live block from `workload_block`.
    unsafe { block.read() }
}

/// Frees all but a few.
fn release_most(blocks: impl Iterator<Item = *mut usize>) -> Truth {
    let mut left = Truth::default();
    for (index, block) in blocks.enumerate() {
        if block.is_null() {
            continue;
        }
        if index % LEFT == 0 {
            left.add(size_of_block(block));
        } else {
            release(block);
        }
    }
    left
}

fn churn(allocations: u64, mut allocate: impl FnMut(usize) -> *mut usize) -> Truth {
    let mut random = Random::new(1);
    let mut live = vec![ptr::null_mut(); LIVE];
    for _ in 0..allocations {
        let slot = random.below(LIVE);
        release(live[slot]);
        live[slot] = allocate(random.size());
    }
    forget(live)
}

/// Clears the table after it, or a tool that looks for pointers still finds some in freed memory.
fn forget(mut live: Vec<*mut usize>) -> Truth {
    let left = release_most(live.iter().copied());
    live.fill(ptr::null_mut());
    black_box(&live);
    left
}

fn two_threads(allocations: u64) -> Truth {
    let live: Vec<AtomicPtr<usize>> = (0..LIVE).map(|_| AtomicPtr::default()).collect();
    thread::scope(|scope| {
        let work = |seed| {
            let live = &live;
            move || {
                let mut random = Random::new(seed);
                for _ in 0..allocations / 2 {
                    let slot = random.below(LIVE);
                    let block = allocate(random.size());
                    release(live[slot].swap(block, Ordering::AcqRel));
                }
            }
        };
        // Joined by name: the scope itself waits for the closures, not for the threads' own memory.
        for thread in [1, 2].map(|seed| scope.spawn(work(seed))) {
            thread.join().expect("the other thread does not panic");
        }
    });
    forget(live.into_iter().map(AtomicPtr::into_inner).collect())
}

fn small_leaks(allocations: u64) -> Truth {
    let mut random = Random::new(1);
    let mut live = vec![ptr::null_mut(); LIVE];
    let mut left = Truth::default();
    for turn in 0..allocations {
        let slot = random.below(LIVE);
        if turn % 50 == 49 {
            let size = 16 + random.below(113);
            black_box(allocate(size));
            left.add(size);
        } else {
            release(live[slot]);
            live[slot] = allocate(random.size());
        }
    }
    for block in live {
        release(block);
    }
    left
}

fn hot_pair(allocations: u64) -> Truth {
    for _ in 0..allocations {
        release(black_box(allocate(64)));
    }
    Truth::default()
}

#[inline(never)]
fn below(frames: u32, work: &mut dyn FnMut() -> Truth) -> Truth {
    let left = match frames {
        0 => work(),
        more => below(more - 1, work),
    };
    black_box(left)
}

/// Two functions call each other, so that each bit of `way` is another return address.
#[inline(never)]
fn by_way_of(way: usize, turns: u32, size: usize) -> *mut usize {
    let block = match (turns, way & 1) {
        (0, _) => allocate(size),
        (_, 0) => by_way_of(way >> 1, turns - 1, size),
        _ => aside(way >> 1, turns - 1, size),
    };
    black_box(block)
}

#[inline(never)]
fn aside(way: usize, turns: u32, size: usize) -> *mut usize {
    black_box(by_way_of(way, turns, size))
}

#[inline(never)]
fn fill() -> *mut libc::c_char {
    // SAFETY: no precondition.
    let block = unsafe { malloc_sys::functionMalloc() };
    assert!(!block.is_null(), "no memory for 50 MiB");
    block
}

const FILLED: usize = 50 * 1024 * 1024 + 1;

fn filled_and_leaked(allocations: u64) -> Truth {
    let mut left = Truth::default();
    for _ in 0..allocations {
        black_box(fill());
        left.add(FILLED);
    }
    left
}

fn filled_and_freed(allocations: u64) -> Truth {
    for _ in 0..allocations {
        // SAFETY: from malloc, and not used again.
        unsafe { malloc_sys::free(black_box(fill()).cast()) };
    }
    Truth::default()
}
