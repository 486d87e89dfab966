//! Where stacks cannot be walked: the function that called the hook, and no more.

use super::Registers;
use super::intern::{self, StackId};

pub(crate) const MAX_FRAMES: usize = 1;

/// The stack of the function that called the hook: its own frame alone.
///
/// # Safety
///
/// None is needed here; where stacks are walked, the registers are read through.
pub(crate) unsafe fn capture(registers: Registers) -> StackId {
    intern::intern(&[registers.pc])
}

/// What `make` makes of it.
///
/// # Safety
///
/// As for [`capture`].
pub(crate) unsafe fn capture_as(
    registers: Registers,
    _tag: u64,
    make: impl FnOnce(StackId) -> u32,
) -> u32 {
    // SAFETY: the caller's promise.
    make(unsafe { capture(registers) })
}

/// Where stacks end, which no walk reaches.
pub(crate) struct StackEnd(());

impl StackEnd {
    pub(crate) fn at<T>(_anchor: &T) -> Self {
        Self(())
    }
}

/// So that it is dropped for a reason everywhere.
impl Drop for StackEnd {
    fn drop(&mut self) {}
}

pub(crate) fn prepare() {}

/// There is nothing to compare.
pub fn validate(_on: bool) {}

/// None is ever compared.
pub fn captures() -> u64 {
    0
}

/// So none is wrong.
pub fn memo_mismatches() -> u64 {
    0
}
