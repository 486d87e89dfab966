//! Results of walks, found again by the registers and the stack words that they depended on.
//!
//! A walk is a function of those, so equal words mean the equal stack, and comparing them costs a
//! fraction of a walk. Each thread has a memo of its own, as the words are of its own stack.

use core::arch::asm;
use core::mem::offset_of;
use core::ops::Range;
use core::ptr::NonNull;
use core::slice;

use super::super::Registers;
use super::super::intern::StackId;
use super::walk::{Trace, Word};

/// Sets of the table, as a power of two.
const SET_BITS: u32 = 9;
/// Results of a set. Those of different paths to the same place are in the same, and recursive
/// programs have many.
const WAYS: usize = 16;
/// Room for the results, in words: 2 MiB, of which only the used part is ever committed.
const ROOM: usize = 1 << 18;
/// Sizes in words.
const HEADER: usize = size_of::<Header>() / size_of::<usize>();
const GROUP: usize = size_of::<Group>() / size_of::<usize>();

/// A thread's results. All zero is empty: the first header then says that its program counter is
/// zero, which no function's is, and every place leads there.
#[repr(C)]
pub(super) struct Memo {
    /// Where the results of each set begin, the last one found first.
    sets: [[u32; WAYS]; 1 << SET_BITS],
    /// Words of `results` in use, besides the first header's.
    used: usize,
    results: [usize; ROOM],
}

/// What a result begins with. Its groups follow.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Header {
    pc: usize,
    sp: usize,
    fp: usize,
    /// All ones if the result depended on the frame pointer, or zero.
    fp_mask: usize,
    /// The result, by its number.
    id: u32,
    groups: u32,
    /// What was made of the result, and for what: 0 for nothing.
    tag: u64,
    made: u32,
}

impl Header {
    /// The result.
    #[inline]
    pub(super) fn id(&self) -> StackId {
        // SAFETY: `insert` took the number from an identifier.
        unsafe { StackId::from_u32(self.id) }
    }

    /// What was made of the result last, if it was for this tag.
    #[inline]
    pub(super) fn made_before(&self, tag: u64) -> Option<u32> {
        (self.tag == tag).then_some(self.made)
    }

    /// What `make` makes of the result for this tag, which is not 0: made once for each in a row.
    pub(super) fn made(&mut self, tag: u64, make: impl FnOnce(StackId) -> u32) -> u32 {
        if self.tag != tag {
            self.made = make(self.id());
            self.tag = tag;
        }
        self.made
    }
}

/// Words that a result depended on, and where they lie above the stack pointer.
#[derive(Clone, Copy)]
#[repr(C)]
struct Group {
    values: [usize; 4],
    offsets: [u32; 4],
}

impl Group {
    /// Of one to four words. The first fills it up.
    fn of(words: &[Word]) -> Option<Self> {
        let mut group = Self {
            values: [0; 4],
            offsets: [0; 4],
        };
        for index in 0..4 {
            let word = words.get(index).or(words.first())?;
            group.values[index] = word.value;
            group.offsets[index] = u32::try_from(word.offset).ok()?;
        }
        Some(group)
    }
}

impl Memo {
    /// What was found with these registers and the words that are on the stack now, in this memo.
    ///
    /// # Safety
    ///
    /// The registers are those of a function of this memo's thread that has not returned, on the
    /// stack that everything in the memo was inserted on.
    pub(super) unsafe fn find(&mut self, registers: &Registers) -> Option<&mut Header> {
        let set = set_of(registers);
        for way in 0..WAYS {
            // SAFETY: a place leads to a header; and the caller's promise.
            if let Some(mut found) = unsafe { self.find_at(self.sets[set][way], registers) } {
                self.sets[set].swap(0, way);
                // SAFETY: a header of this memo, which is borrowed as long.
                return Some(unsafe { found.as_mut() });
            }
        }
        None
    }

    /// The same, if it was the last that was found of its set.
    ///
    /// # Safety
    ///
    /// As for `find`.
    #[inline]
    pub(super) unsafe fn find_first(&mut self, registers: &Registers) -> Option<&Header> {
        let set = set_of(registers);
        // SAFETY: a place leads to a header; and the caller's promise.
        let found = unsafe { self.find_at(self.sets[set][0], registers) }?;
        // SAFETY: a header of this memo, which is borrowed as long.
        Some(unsafe { found.as_ref() })
    }

    /// The result that begins at `start`, if it is for these registers and this stack.
    ///
    /// # Safety
    ///
    /// A header is at `start`; otherwise as for `find`.
    #[inline]
    unsafe fn find_at(&mut self, start: u32, registers: &Registers) -> Option<NonNull<Header>> {
        // SAFETY: there is a header, so it is inside.
        let result = unsafe { self.results.as_mut_ptr().add(start as usize) };
        let found = result.cast::<Header>();
        // SAFETY: the header.
        let header = unsafe { &*found };
        let same = header.pc == registers.pc
            && header.sp == registers.sp
            && (header.fp ^ registers.fp) & header.fp_mask == 0;
        if !same {
            return None;
        }
        // SAFETY: the header's groups follow it.
        let groups = unsafe { result.add(HEADER) }.cast::<Group>();
        // SAFETY: so many.
        let groups = unsafe { slice::from_raw_parts(groups, header.groups as usize) };
        // SAFETY: as the stack pointer is the one of when the words were read, they lie between it
        // and the end of the same stack.
        if !unsafe { unchanged(groups, registers.sp) } {
            return None;
        }
        NonNull::new(found)
    }

    /// Keeps a result, as the one that is looked at first.
    pub(super) fn insert(&mut self, registers: &Registers, id: StackId, found: &Trace) {
        let Some(words) = found.words() else {
            return;
        };
        let groups = words.len().div_ceil(4);
        let size = HEADER + groups * GROUP;
        if HEADER + self.used + size > ROOM {
            self.clear();
        }
        let start = HEADER + self.used;
        let (Ok(place), Ok(count)) = (u32::try_from(start), u32::try_from(groups)) else {
            return; // there are not so many
        };
        let header = Header {
            pc: registers.pc,
            sp: registers.sp,
            fp: registers.fp,
            fp_mask: if found.frame_pointer_used() {
                usize::MAX
            } else {
                0
            },
            id: id.get(),
            groups: count,
            tag: 0,
            made: 0,
        };
        let Some(result) = self.results.get_mut(start..start + size) else {
            return; // larger than all the room
        };
        let (first, rest) = result.split_at_mut(HEADER);
        // SAFETY: as large as a header, and aligned like one.
        unsafe { first.as_mut_ptr().cast::<Header>().write(header) };
        for (place, words) in rest.chunks_exact_mut(GROUP).zip(words.chunks(4)) {
            let Some(group) = Group::of(words) else {
                return; // the stack is larger than offsets can say
            };
            // SAFETY: as large as a group, and aligned like one.
            unsafe { place.as_mut_ptr().cast::<Group>().write(group) };
        }
        self.used += size;
        let set = &mut self.sets[set_of(registers)];
        set.rotate_right(1);
        set[0] = place;
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.sets.fill([0; WAYS]);
        self.used = 0;
    }
}

/// The set that registers belong to. Without the frame pointer: many results do not depend on it.
#[inline]
fn set_of(registers: &Registers) -> usize {
    let mixed = (registers.pc ^ registers.sp.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed >> (usize::BITS - SET_BITS)
}

/// Whether the stack has the noted words.
///
/// In assembly, as most programs that are tested are compiled without optimisation, and this crate
/// with them: the loop would cost a hundred times as much.
///
/// # Safety
///
/// Each offset from `sp` leads to an aligned word on this thread's stack, above the `sp` of a
/// function that has not returned.
#[inline]
unsafe fn unchanged(groups: &[Group], sp: usize) -> bool {
    let Range { start, end } = groups.as_ptr_range();
    let mut group = start;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads the groups and the words that they lead to, and leaves at the first that has
    // another value.
    unsafe {
        asm!(
            "jmp 4f",
            "2:",
            "mov {word:e}, [{group} + {offsets}]",
            "mov {word}, [{sp} + {word}]",
            "cmp {word}, [{group} + {values}]",
            "jne 3f",
            "mov {word:e}, [{group} + {offsets} + 4]",
            "mov {word}, [{sp} + {word}]",
            "cmp {word}, [{group} + {values} + 8]",
            "jne 3f",
            "mov {word:e}, [{group} + {offsets} + 8]",
            "mov {word}, [{sp} + {word}]",
            "cmp {word}, [{group} + {values} + 16]",
            "jne 3f",
            "mov {word:e}, [{group} + {offsets} + 12]",
            "mov {word}, [{sp} + {word}]",
            "cmp {word}, [{group} + {values} + 24]",
            "jne 3f",
            "add {group}, {size}",
            "4:",
            "cmp {group}, {end}",
            "jne 2b",
            "3:",
            group = inout(reg) group,
            end = in(reg) end,
            sp = in(reg) sp,
            word = out(reg) _,
            values = const offset_of!(Group, values),
            offsets = const offset_of!(Group, offsets),
            size = const size_of::<Group>(),
            options(nostack, readonly),
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads the groups and the words that they lead to, and leaves at the first that has
    // another value.
    unsafe {
        asm!(
            "b 4f",
            "2:",
            "ldp {offset:w}, {other:w}, [{group}, {offsets}]",
            "ldp {value}, {next}, [{group}, {values}]",
            "ldr {offset}, [{sp}, {offset}]",
            "ldr {other}, [{sp}, {other}]",
            "cmp {offset}, {value}",
            "ccmp {other}, {next}, 0, eq",
            "b.ne 3f",
            "ldp {offset:w}, {other:w}, [{group}, {offsets} + 8]",
            "ldp {value}, {next}, [{group}, {values} + 16]",
            "ldr {offset}, [{sp}, {offset}]",
            "ldr {other}, [{sp}, {other}]",
            "cmp {offset}, {value}",
            "ccmp {other}, {next}, 0, eq",
            "b.ne 3f",
            "add {group}, {group}, {size}",
            "4:",
            "cmp {group}, {end}",
            "b.ne 2b",
            "3:",
            group = inout(reg) group,
            end = in(reg) end,
            sp = in(reg) sp,
            offset = out(reg) _,
            other = out(reg) _,
            value = out(reg) _,
            next = out(reg) _,
            values = const offset_of!(Group, values),
            offsets = const offset_of!(Group, offsets),
            size = const size_of::<Group>(),
            options(nostack, readonly),
        );
    }
    group == end
}
