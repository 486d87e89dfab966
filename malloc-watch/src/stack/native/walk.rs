//! Walks the current thread's stack, and notes what the result depended on.
//!
//! The walk is a function of the registers that it starts from, of the words that it reads, and of
//! the modules' tables. Every word that it uses is noted, so whoever finds the same registers and
//! the same words again knows the result. What it does not use is not noted: a frame pointer that
//! functions hand on without using it as one is followed to where it lies, and read only when a
//! rule asks for it. Otherwise a loop that counts in that register would never find the same again.

use core::ptr;

use malloc_sys::memo_word;

use super::super::Registers;
use super::cfi::{self, Context};
use super::module;
use super::rule::{Base, Frame, Rule, Words};
use super::rules;

/// The deepest stack that is told apart: of a deeper one, the innermost frames.
pub(crate) const MAX_FRAMES: usize = 64;

/// More words than a walk over so many frames reads, or nearly always.
pub(super) const MAX_WORDS: usize = 2 * MAX_FRAMES;

/// A function on the stack: where it continues, and its registers then.
pub(super) struct Cursor {
    pub(super) pc: usize,
    pub(super) sp: usize,
    pub(super) fp: FramePointer,
    /// A signal interrupted it: it is not at a call, and continues at `pc` itself.
    pub(super) interrupted: bool,
}

/// A function's frame pointer, as far as it has been needed.
#[derive(Clone, Copy)]
pub(super) enum FramePointer {
    /// What it was when the walk began.
    Initial,
    /// In this word of the stack.
    Saved(usize),
    Lost,
}

/// One walk: its result, and what the result depended on. All zero is an empty one.
#[repr(C)]
pub(super) struct Trace {
    sp: usize,
    /// From `sp` to the end of the stack.
    span: usize,
    initial_fp: usize,
    depth: usize,
    noted: usize,
    fp_used: bool,
    forgettable: bool,
    frames: [usize; MAX_FRAMES],
    words: [memo_word; MAX_WORDS],
}

impl Trace {
    /// Return addresses, innermost first.
    pub(super) fn frames(&self) -> &[usize] {
        &self.frames[..self.depth]
    }

    /// The words that the result depended on, innermost first, unless they were too many, or it
    /// depended on more than words.
    pub(super) fn words(&self) -> Option<&[memo_word]> {
        (!self.forgettable).then(|| &self.words[..self.noted])
    }

    /// Whether the result depended on the frame pointer that the walk began with.
    pub(super) fn frame_pointer_used(&self) -> bool {
        self.fp_used
    }

    /// Reads a word of the stack.
    #[inline]
    pub(super) fn read(&mut self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.sp);
        if offset >= self.span || !address.is_multiple_of(size_of::<usize>()) {
            return None;
        }
        let word: *const usize = ptr::with_exposed_provenance(address);
        // SAFETY: an aligned word between the stack pointer and the end of this thread's stack
        // (the caller of `walk` promises it), all of which functions that have not returned use.
        // Volatile, as their variables may be there.
        let value = unsafe { word.read_volatile() };
        match self.words.get_mut(self.noted) {
            Some(place) => {
                *place = memo_word { value, offset };
                self.noted += 1;
            }
            None => self.forgettable = true,
        }
        Some(value)
    }

    /// The value of a frame pointer that is needed now.
    pub(super) fn frame_pointer(&mut self, fp: FramePointer) -> Option<usize> {
        match fp {
            FramePointer::Initial => {
                self.fp_used = true;
                Some(self.initial_fp)
            }
            FramePointer::Saved(address) => self.read(address),
            FramePointer::Lost => None,
        }
    }

    fn push(&mut self, return_address: usize) {
        self.frames[self.depth] = return_address;
        self.depth += 1;
    }
}

/// Walks from `registers` to the outermost function.
///
/// # Safety
///
/// The registers are those of a function that has not returned, and everything from its stack
/// pointer up to `top` is the current thread's stack.
pub(super) unsafe fn walk(
    registers: &Registers,
    top: usize,
    generation: u32,
    context: &mut Context,
    trace: &mut Trace,
) {
    trace.sp = registers.sp;
    trace.span = (top & !(size_of::<usize>() - 1)).saturating_sub(registers.sp);
    trace.initial_fp = registers.fp;
    trace.depth = 0;
    trace.noted = 0;
    trace.fp_used = false;
    trace.forgettable = false;
    trace.push(registers.pc);
    let mut cursor = Cursor {
        pc: registers.pc,
        sp: registers.sp,
        fp: FramePointer::Initial,
        interrupted: false,
    };
    while trace.depth < MAX_FRAMES {
        // A call may be its function's last instruction: its own address decides.
        let address = cursor.pc.wrapping_sub(usize::from(!cursor.interrupted));
        let caller = match rules::at(address, generation, context) {
            Some(Rule::Outermost) => None,
            Some(Rule::Saved {
                base,
                cfa,
                return_address,
                frame_pointer,
            }) => saved(&cursor, base, cfa, return_address, frame_pointer, trace),
            Some(Rule::Evaluated) => cfi::evaluate(address, context, &cursor, trace),
            Some(Rule::Uncovered) => by_frame_pointer(&cursor, trace),
            None => {
                // A module may be loaded here later.
                trace.forgettable = true;
                by_frame_pointer(&cursor, trace)
            }
        };
        match caller {
            Some(caller) if caller.pc != 0 && caller.sp > cursor.sp => {
                cursor = Cursor {
                    pc: plain(caller.pc),
                    ..caller
                };
            }
            _ => break,
        }
        // Names are looked up just before a return address.
        trace.push(cursor.pc.wrapping_add(usize::from(cursor.interrupted)));
    }
}

#[inline]
fn saved(
    cursor: &Cursor,
    base: Base,
    cfa: Words,
    return_address: Words,
    frame_pointer: Frame,
    trace: &mut Trace,
) -> Option<Cursor> {
    let base = match base {
        Base::StackPointer => cursor.sp,
        Base::FramePointer => trace.frame_pointer(cursor.fp)?,
    };
    let cfa = cfa.from(base);
    let pc = trace.read(return_address.from(cfa))?;
    let fp = match frame_pointer {
        Frame::Same => cursor.fp,
        Frame::Lost => FramePointer::Lost,
        Frame::At(distance) => FramePointer::Saved(distance.from(cfa)),
    };
    Some(Cursor {
        pc,
        sp: cfa,
        fp,
        interrupted: false,
    })
}

/// Where there are no tables, code may still keep frame pointers: each points to its caller's,
/// and the return address lies beside it.
fn by_frame_pointer(cursor: &Cursor, trace: &mut Trace) -> Option<Cursor> {
    let fp = trace.frame_pointer(cursor.fp)?;
    if fp < cursor.sp {
        return None;
    }
    let pc = trace.read(fp.checked_add(8)?)?;
    // The register may have held anything: only code vouches for it.
    if !module::holds(plain(pc).checked_sub(1)?) {
        trace.forgettable = true;
        return None;
    }
    Some(Cursor {
        pc,
        sp: fp.checked_add(16)?,
        fp: FramePointer::Saved(fp),
        interrupted: false,
    })
}

/// A return address without the signature that pointer authentication puts into its unused bits.
fn plain(return_address: usize) -> usize {
    if cfg!(target_arch = "aarch64") {
        return_address & 0x0000_ffff_ffff_ffff
    } else {
        return_address
    }
}
