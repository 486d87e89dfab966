//! Stacks: taken inside `malloc`, told apart by number, and named in the report.
//!
//! `capture_as` walks the stack by the modules' unwind tables, and keeps what it found: where the
//! registers and the words that the walk depended on are the same again, so is the stack. It
//! does not allocate, nor wait for a lock where the C library can do without; [`Stacks::name`] does both.

mod frame;
mod intern;
mod module_file;
mod modules;
mod names;
mod symbol_table;

#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod native;
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub(crate) use native::{MAX_FRAMES, StackEnd, capture, capture_as, prepare};
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
pub use native::{captures, memo_mismatches, validate};

#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
mod one_frame;
#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub(crate) use one_frame::{MAX_FRAMES, StackEnd, capture, capture_as, prepare};
#[cfg(not(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
pub use one_frame::{captures, memo_mismatches, validate};

pub use frame::Frame;
pub(crate) use intern::{StackId, frames, is_full};
/// Registers of a function that called one of the hooks, as they are once the hook has returned.
pub(crate) use malloc_sys::memo_registers as Registers;
#[cfg(test)]
pub(crate) use names::resolve;
pub(crate) use names::{Stacks, Symbolizer, can_be_named, give_up_names};

/// Remembers which libraries are loaded, as one is about to be closed. Allocates, and takes a lock of the
/// loader's, so that the caller holds that of the names, which a fork waits for.
pub(crate) fn note_before_closing() {
    modules::note_before_closing(intern::next_number());
}
