//! The context of a block, in 24 bits: its stack, and the scope and epoch it was allocated in.

use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::io;

use crate::pages;
use crate::stack::StackId;

/// Where a block was allocated, and whose it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) stack: StackId,
    /// Of the thread; 0 for none.
    pub(crate) scope: u32,
    /// Of the process; 0 for none.
    pub(crate) epoch: u32,
}

pub(crate) const STACK_BITS: u32 = StackId::END.ilog2();
pub(crate) const SCOPE_BITS: u32 = 18;
pub(crate) const EPOCH_BITS: u32 = 24;
const _: () = assert!(STACK_BITS + SCOPE_BITS + EPOCH_BITS == u64::BITS);

impl Key {
    /// Never 0, as no stack's number is.
    fn packed(self) -> u64 {
        u64::from(self.epoch) << (STACK_BITS + SCOPE_BITS)
            | u64::from(self.scope) << STACK_BITS
            | u64::from(self.stack.get())
    }

    /// # Safety
    ///
    /// `word` is from [`packed`](Self::packed).
    unsafe fn unpacked(word: u64) -> Self {
        let field = |shift: u32, bits: u32| {
            u32::try_from(word >> shift & ((1 << bits) - 1)).expect("a field has fewer bits")
        };
        Self {
            // SAFETY: the caller's promise: these are the bits of a stack's number.
            stack: unsafe { StackId::from_u32(field(0, STACK_BITS)) },
            scope: field(STACK_BITS, SCOPE_BITS),
            epoch: field(STACK_BITS + SCOPE_BITS, EPOCH_BITS),
        }
    }
}

const CELLS: usize = 1 << malloc_sys::INTERPOSE_CONTEXT_BITS;

/// Tries before the table counts as full.
const MOST_PROBES: usize = 1 << 12;

/// An open-addressed set of packed keys: a context is its key's place. No lock, so that a fork at
/// any moment leaves it whole; nothing is ever removed.
static TABLE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

static FULL: AtomicBool = AtomicBool::new(false);

/// Reserves the table, without committing memory to it. Again is harmless.
pub(crate) fn reserve() -> io::Result<()> {
    if !TABLE.load(Ordering::Acquire).is_null() {
        return Ok(());
    }
    let table = pages::map(CELLS * size_of::<AtomicU64>()).ok_or(io::ErrorKind::OutOfMemory)?;
    TABLE.store(table.as_ptr().cast(), Ordering::Release);
    Ok(())
}

/// Whether a block could not be recorded because there were too many contexts before.
pub(crate) fn is_full() -> bool {
    FULL.load(Ordering::Relaxed)
}

fn cell(place: usize) -> &'static AtomicU64 {
    assert!(place < CELLS);
    let table = TABLE.load(Ordering::Relaxed);
    // SAFETY: `reserve` made room for this many: whoever has a place, or wants one, was let in by
    // `status` after that.
    let cell = unsafe { table.add(place) };
    // SAFETY: zeroed by the system, accessed atomically only, and never unmapped.
    unsafe { &*cell }
}

/// The number of a context; 0 if there is no more room.
pub(crate) fn intern(key: Key) -> u32 {
    let word = key.packed();
    // Stacks are numbered one after the other: with one scope their cells are neighbours.
    let owner = (word >> STACK_BITS).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - 24);
    let mut place = owner as usize + key.stack.get() as usize;
    for probe in 1..=MOST_PROBES {
        place %= CELLS;
        if place != 0 {
            let cell = cell(place);
            let mut found = cell.load(Ordering::Relaxed);
            if found == 0 {
                found = cell
                    .compare_exchange(0, word, Ordering::Relaxed, Ordering::Relaxed)
                    .map_or_else(|other| other, |_| word);
            }
            if found == word {
                return u32::try_from(place).expect("a table of 2^24 cells");
            }
        }
        place += probe; // triangular steps: they leave a crowded stretch soon
    }
    FULL.store(true, Ordering::Relaxed);
    0
}

/// The context with this number, if there is one.
pub(crate) fn get(context: u32) -> Option<Key> {
    let word = cell(context as usize).load(Ordering::Relaxed);
    // SAFETY: a cell that is not empty has a packed key.
    (word != 0).then(|| unsafe { Key::unpacked(word) })
}
