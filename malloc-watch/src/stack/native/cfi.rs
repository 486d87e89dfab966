//! How to get from a function to its caller, read from the module's `.eh_frame`.
//!
//! Reading the tables costs thousands of instructions, so what can be said in a word is kept, as a
//! [`Rule`]. What cannot, expressions and signal frames, is evaluated each time.

use gimli::{
    BaseAddresses, CfaRule, EhFrame, EhFrameHdr, Encoding, EndianSlice, Evaluation,
    EvaluationResult, EvaluationStorage, Expression, LittleEndian, Location, ParsedEhFrameHdr,
    Piece, Pointer, Register, RegisterRule, UnwindContextStorage, UnwindExpression, UnwindSection,
    UnwindTableRow, Value,
};

use super::module;
use super::rule::{Base, Frame, Rule, Words};
use super::walk::{Cursor, FramePointer, Trace};

#[cfg(target_arch = "x86_64")]
mod register {
    use gimli::{Register, X86_64};
    pub(super) const STACK_POINTER: Register = X86_64::RSP;
    pub(super) const FRAME_POINTER: Register = X86_64::RBP;
}

#[cfg(target_arch = "aarch64")]
mod register {
    use gimli::{AArch64, Register};
    pub(super) const STACK_POINTER: Register = AArch64::SP;
    pub(super) const FRAME_POINTER: Register = AArch64::X29;
}

type Bytes<'m> = EndianSlice<'m, LittleEndian>;
type Row = UnwindTableRow<usize, Inline>;
/// The state of a reading, in place.
pub(super) type Context = gimli::UnwindContext<usize, Inline>;

/// Storage in place: nothing is allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inline;

impl UnwindContextStorage<usize> for Inline {
    type Rules = [(Register, RegisterRule<usize>); 32];
    type Stack = [UnwindTableRow<usize, Self>; 3];
}

impl<'m> EvaluationStorage<Bytes<'m>> for Inline {
    type Stack = [Value; 16];
    type ExpressionStack = [(Bytes<'m>, Bytes<'m>); 2];
    type Result = [Piece<Bytes<'m>>; 1];
}

/// The rule for the code at `address`; `None` if it is in no module.
pub(super) fn rule(address: usize, context: &mut Context) -> Option<Rule> {
    with_row(address, context, |found| match found {
        None => Rule::Uncovered,
        Some(Found { signal: true, .. }) => Rule::Evaluated,
        Some(found) => short_form(found.row, found.return_address),
    })
}

fn short_form(row: &Row, return_address: Register) -> Rule {
    let return_address = match row.register(return_address) {
        None | Some(RegisterRule::Undefined | RegisterRule::SameValue) => return Rule::Outermost,
        Some(RegisterRule::Offset(offset)) => Words::of_bytes(offset),
        Some(_) => None,
    };
    let frame_pointer = match row.register(register::FRAME_POINTER) {
        None | Some(RegisterRule::SameValue) => Some(Frame::Same),
        Some(RegisterRule::Undefined) => Some(Frame::Lost),
        Some(RegisterRule::Offset(offset)) => Words::of_bytes(offset).map(Frame::At),
        Some(_) => None,
    };
    let cfa = match *row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => {
            let base = match register {
                register::STACK_POINTER => Some(Base::StackPointer),
                register::FRAME_POINTER => Some(Base::FramePointer),
                _ => None,
            };
            base.zip(Words::of_bytes(offset))
        }
        CfaRule::Expression(_) => None,
    };
    match (cfa, return_address, frame_pointer) {
        (Some((base, cfa)), Some(return_address), Some(frame_pointer)) => Rule::Saved {
            base,
            cfa,
            return_address,
            frame_pointer,
        },
        _ => Rule::Evaluated,
    }
}

/// Finds the caller by reading the tables in full.
pub(super) fn evaluate(
    address: usize,
    context: &mut Context,
    cursor: &Cursor,
    trace: &mut Trace,
) -> Option<Cursor> {
    with_row(address, context, |found| {
        let found = found?;
        let mut machine = Machine {
            section: &found.section,
            encoding: found.encoding,
            cursor,
            trace,
        };
        let cfa = match *found.row.cfa() {
            CfaRule::RegisterAndOffset { register, offset } => machine
                .register(register)?
                .checked_add_signed(isize::try_from(offset).ok()?)?,
            CfaRule::Expression(expression) => machine.run(&expression, None)?,
        };
        let at = |offset: i64| cfa.checked_add_signed(isize::try_from(offset).ok()?);
        let pc = match found.row.register(found.return_address)? {
            RegisterRule::Offset(offset) => {
                let place = at(offset)?;
                machine.trace.read(place)?
            }
            RegisterRule::Expression(expression) => {
                let place = machine.run(&expression, Some(cfa))?;
                machine.trace.read(place)?
            }
            _ => return None,
        };
        let fp = match found.row.register(register::FRAME_POINTER) {
            None | Some(RegisterRule::SameValue) => cursor.fp,
            Some(RegisterRule::Offset(offset)) => FramePointer::Saved(at(offset)?),
            Some(RegisterRule::Expression(expression)) => {
                FramePointer::Saved(machine.run(&expression, Some(cfa))?)
            }
            Some(_) => FramePointer::Lost,
        };
        Some(Cursor {
            pc,
            sp: cfa,
            fp,
            interrupted: found.signal,
        })
    })?
}

/// What the tables say about an address.
struct Found<'a, 'm> {
    section: EhFrame<Bytes<'m>>,
    row: &'a Row,
    encoding: Encoding,
    return_address: Register,
    /// The function is what a signal handler returns to.
    signal: bool,
}

/// Calls `look` with the row for an address; without calling it, `None` if no module holds it.
fn with_row<R>(
    address: usize,
    context: &mut Context,
    look: impl FnOnce(Option<Found<'_, '_>>) -> R,
) -> Option<R> {
    module::with_tables(address, |tables| {
        let Some(tables) = tables else {
            return look(None);
        };
        let Some((section, bases, header)) = sections(&tables) else {
            return look(None);
        };
        let Some(table) = header.table() else {
            return look(None);
        };
        let address = address as u64;
        let fde = table.fde_for_address(&section, &bases, address, EhFrame::cie_from_offset);
        let Ok(fde) = fde else { return look(None) };
        match fde.unwind_info_for_address(&section, &bases, context, address) {
            Err(_) => look(None),
            Ok(row) => look(Some(Found {
                section,
                row,
                encoding: fde.cie().encoding(),
                return_address: fde.cie().return_address_register(),
                signal: fde.is_signal_trampoline(),
            })),
        }
    })
}

/// The tables as gimli reads them, with the addresses that they have in memory.
fn sections<'m>(
    tables: &module::Tables<'m>,
) -> Option<(
    EhFrame<Bytes<'m>>,
    BaseAddresses,
    ParsedEhFrameHdr<Bytes<'m>>,
)> {
    let bases = BaseAddresses::default().set_eh_frame_hdr(tables.index.as_ptr().addr() as u64);
    let header = EhFrameHdr::new(tables.index, LittleEndian)
        .parse(&bases, 8)
        .ok()?;
    let Pointer::Direct(start) = header.eh_frame_ptr() else {
        return None;
    };
    let bytes = tables.loaded_at(usize::try_from(start).ok()?)?;
    let mut section = EhFrame::new(bytes, LittleEndian);
    section.set_address_size(8);
    Some((section, bases.set_eh_frame(start), header))
}

/// What expressions in the tables are evaluated with.
struct Machine<'a, 'm> {
    section: &'a EhFrame<Bytes<'m>>,
    encoding: Encoding,
    cursor: &'a Cursor,
    trace: &'a mut Trace,
}

impl Machine<'_, '_> {
    fn register(&mut self, register: Register) -> Option<usize> {
        match register {
            register::STACK_POINTER => Some(self.cursor.sp),
            register::FRAME_POINTER => self.trace.frame_pointer(self.cursor.fp),
            _ => None,
        }
    }

    /// The address that an expression ends with.
    fn run(&mut self, expression: &UnwindExpression<usize>, cfa: Option<usize>) -> Option<usize> {
        const ENOUGH: u32 = 256;
        let Expression(code) = expression.get(self.section).ok()?;
        let mut evaluation = Evaluation::<Bytes<'_>, Inline>::new_in(code, self.encoding);
        evaluation.set_max_iterations(ENOUGH);
        if let Some(cfa) = cfa {
            evaluation.set_initial_value(cfa as u64);
        }
        let mut state = evaluation.evaluate().ok()?;
        loop {
            state = match state {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresRegister { register, .. } => {
                    let value = self.register(register)?;
                    evaluation
                        .resume_with_register(Value::Generic(value as u64))
                        .ok()?
                }
                EvaluationResult::RequiresMemory {
                    address,
                    size: 8,
                    space: None,
                    ..
                } => {
                    let value = self.trace.read(usize::try_from(address).ok()?)?;
                    evaluation
                        .resume_with_memory(Value::Generic(value as u64))
                        .ok()?
                }
                _ => return None,
            };
        }
        match evaluation.as_result() {
            [
                Piece {
                    location: Location::Address { address },
                    ..
                },
            ] => usize::try_from(*address).ok(),
            _ => None,
        }
    }
}
