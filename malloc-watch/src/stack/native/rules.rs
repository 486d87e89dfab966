//! Rules that were read before, for all threads.
//!
//! Reading a rule costs thousands of instructions in a large function, and a program is at many
//! places. A slot is written by whoever makes its sequence number odd, and read by whoever finds
//! it even and the same again: nobody waits, and what a fork interrupts is a slot that is not used
//! any more.

use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

use super::cfi::{self, Context};
use super::rule::Rule;

const BUCKET_BITS: u32 = 13;

/// 384 KiB, of which only what is used is ever committed.
static BUCKETS: [[Slot; 2]; 1 << BUCKET_BITS] =
    [const { [const { Slot::empty() }; 2] }; 1 << BUCKET_BITS];

struct Slot {
    /// Odd while the rest is being written.
    sequence: AtomicU32,
    /// The state of the modules that the rule was read in. 0: there is none.
    generation: AtomicU32,
    address: AtomicUsize,
    rule: AtomicU64,
}

/// The rule for the code at `address`; `None` if it is in no module.
#[inline]
pub(super) fn at(address: usize, generation: u32, context: &mut Context) -> Option<Rule> {
    let bucket =
        &BUCKETS[address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (usize::BITS - BUCKET_BITS)];
    for slot in bucket {
        if slot.address.load(Ordering::Relaxed) == address
            && let Some(rule) = slot.read(address, generation)
        {
            return Some(rule);
        }
    }
    let rule = cfi::rule(address, context)?;
    // One that is out of date gives way, or else one that depends on the address alone.
    let stale = |slot: &Slot| slot.generation.load(Ordering::Relaxed) != generation;
    let way = bucket.iter().position(stale).unwrap_or(address >> 1 & 1);
    bucket[way].write(address, generation, rule);
    Some(rule)
}

impl Slot {
    const fn empty() -> Self {
        Self {
            sequence: AtomicU32::new(0),
            generation: AtomicU32::new(0),
            address: AtomicUsize::new(0),
            rule: AtomicU64::new(0),
        }
    }

    #[inline]
    fn read(&self, address: usize, generation: u32) -> Option<Rule> {
        let sequence = self.sequence.load(Ordering::Acquire);
        let is_it = self.address.load(Ordering::Relaxed) == address
            && self.generation.load(Ordering::Relaxed) == generation;
        let rule = self.rule.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let undisturbed = sequence & 1 == 0 && self.sequence.load(Ordering::Relaxed) == sequence;
        (is_it && undisturbed).then(|| Rule::unpack(rule))
    }

    fn write(&self, address: usize, generation: u32, rule: Rule) {
        let before = self.sequence.load(Ordering::Relaxed);
        let odd = before.wrapping_add(1);
        let taken = before & 1 == 0
            && self
                .sequence
                .compare_exchange(before, odd, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if !taken {
            return;
        }
        fence(Ordering::Release);
        self.address.store(address, Ordering::Relaxed);
        self.generation.store(generation, Ordering::Relaxed);
        self.rule.store(rule.pack(), Ordering::Relaxed);
        self.sequence.store(odd.wrapping_add(1), Ordering::Release);
    }
}
