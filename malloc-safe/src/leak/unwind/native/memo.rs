//! Results of walks, found again by the registers and the stack words that they depended on.
//!
//! A walk is a function of those, so equal words mean the equal stack, and comparing them costs a
//! fraction of a walk. Each thread has a memo of its own, as the words are of its own stack.

use core::ptr;

use super::super::Registers;
use super::super::intern::StackId;
use super::walk::Dependencies;

/// Sets of the table, as a power of two.
const SET_BITS: u32 = 10;
/// Results with the same registers that are kept: of different paths to the same place.
const WAYS: usize = 4;
/// Room for the results, in words: 1 MiB, of which only the used part is ever committed.
const ROOM: usize = 1 << 17;
/// Words are compared so many at a time.
const GROUP: usize = 4;
/// A header's size in words.
const HEADER: usize = size_of::<Header>() / size_of::<usize>();

/// A thread's results. All zero is empty.
#[repr(C)]
pub(super) struct Memo {
    sets: [[Place; WAYS]; 1 << SET_BITS],
    /// Words of `results` in use.
    used: usize,
    /// Which way of a full set gives way next.
    next_victim: usize,
    results: [usize; ROOM],
}

/// Where a result begins; an odd tag tells a taken place from an empty one.
#[derive(Clone, Copy)]
#[repr(C)]
struct Place {
    tag: u32,
    start: u32,
}

/// Before a result's words: so many values, then as many offsets from the stack pointer.
#[derive(Clone, Copy)]
#[repr(C)]
struct Header {
    pc: usize,
    sp: usize,
    fp: usize,
    /// All ones if the result depended on the frame pointer, or zero.
    fp_mask: usize,
    id: StackId,
    /// How many words: a multiple of `GROUP`.
    words: u32,
}

impl Memo {
    /// The stack that was found with these registers and the words that are on the stack now.
    ///
    /// # Safety
    ///
    /// The registers are those of a function of this memo's thread that has not returned, on the
    /// stack that everything in the memo was inserted on.
    #[inline]
    pub(super) unsafe fn find(&self, registers: &Registers) -> Option<StackId> {
        let (set, tag) = place(registers);
        for place in &self.sets[set] {
            if place.tag != tag {
                continue;
            }
            // SAFETY: places lead to results.
            let result = unsafe { self.results.as_ptr().add(place.start as usize) };
            // SAFETY: `insert` wrote a header there.
            let header = unsafe { &*result.cast::<Header>() };
            let same = header.pc == registers.pc
                && header.sp == registers.sp
                && (header.fp ^ registers.fp) & header.fp_mask == 0;
            if !same {
                continue;
            }
            // SAFETY: the header's words follow it.
            let values = unsafe { result.add(HEADER) };
            // SAFETY: the stack pointer is the same as when the words were read, so they lie
            // between it and the end of the same stack; see the function's own condition.
            if unsafe { unchanged(values, header.words as usize, registers.sp) } {
                return Some(header.id);
            }
        }
        None
    }

    /// Keeps a result.
    pub(super) fn insert(&mut self, registers: &Registers, id: StackId, found: &Dependencies<'_>) {
        let words = found.values.len().next_multiple_of(GROUP);
        let size = HEADER + words + words / 2;
        if words == 0 || size > ROOM {
            return;
        }
        if self.used + size > ROOM {
            self.clear();
        }
        let start = self.used;
        let (Ok(count), Ok(place_of_start)) = (u32::try_from(words), u32::try_from(start)) else {
            return; // not with this much room
        };
        let header = Header {
            pc: registers.pc,
            sp: registers.sp,
            fp: registers.fp,
            fp_mask: if found.frame_pointer { usize::MAX } else { 0 },
            id,
            words: count,
        };
        let result = &mut self.results[start..start + size];
        // SAFETY: as large as the beginning of `result`, and no more aligned than its words.
        unsafe { result.as_mut_ptr().cast::<Header>().write(header) };
        let (values, offsets) = result[HEADER..].split_at_mut(words);
        for index in 0..words {
            // The last word again fills the group.
            let from = index.min(found.values.len() - 1);
            values[index] = found.values[from];
            // Two offsets in a word, which is little-endian.
            let offset = found.offsets[from] as usize;
            match index % 2 {
                0 => offsets[index / 2] = offset,
                _ => offsets[index / 2] |= offset << u32::BITS,
            }
        }
        self.used = start + size;
        let (set, tag) = place(registers);
        let way = self.sets[set]
            .iter()
            .position(|place| place.tag == 0)
            .unwrap_or_else(|| {
                self.next_victim = (self.next_victim + 1) % WAYS;
                self.next_victim
            });
        self.sets[set][way] = Place {
            tag,
            start: place_of_start,
        };
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.sets.fill([Place { tag: 0, start: 0 }; WAYS]);
        self.used = 0;
    }
}

/// The set that registers belong to, and what tells them apart in it. Without the frame pointer:
/// many results do not depend on it.
#[inline]
fn place(registers: &Registers) -> (usize, u32) {
    let mixed = (registers.pc as u64 ^ (registers.sp as u64).rotate_left(32))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (
        (mixed >> (u64::BITS - SET_BITS)) as usize,
        (mixed << 16 >> 32) as u32 | 1,
    )
}

/// Whether the stack has the noted words.
///
/// # Safety
///
/// From `values` on lie `words` values, a multiple of `GROUP`, and then as many offsets; each
/// offset from `sp` leads to an aligned word on this thread's stack, above the `sp` of a function
/// that has not returned.
#[inline]
unsafe fn unchanged(values: *const usize, words: usize, sp: usize) -> bool {
    // SAFETY: the offsets follow the values.
    let offsets = unsafe { values.add(words) }.cast::<[u32; GROUP]>();
    let values = values.cast::<[usize; GROUP]>();
    for group in 0..words / GROUP {
        // SAFETY: there are `words / GROUP` groups of values.
        let values = unsafe { values.add(group) };
        // SAFETY: such a group.
        let values = unsafe { values.read() };
        // SAFETY: there are as many groups of offsets.
        let offsets = unsafe { offsets.add(group) };
        // SAFETY: such a group.
        let offsets = unsafe { offsets.read() };
        let mut difference = 0;
        for (value, offset) in values.into_iter().zip(offsets) {
            let word = ptr::with_exposed_provenance::<usize>(sp + offset as usize);
            // SAFETY: such a word. Volatile, as a variable may be there.
            difference |= value ^ unsafe { word.read_volatile() };
        }
        if difference != 0 {
            return false;
        }
    }
    true
}
