//! Whether stacks can be named: not in a child that was forked while another thread named some.
//!
//! What that takes, locks and caches of the loader and of the crate that reads debug information, is
//! in the child as it was at that moment, for good.

use core::sync::atomic::{AtomicBool, Ordering};
use std::format;

use super::intern::{self, StackId};
use super::symbol::{self, Frame};

static GIVEN_UP: AtomicBool = AtomicBool::new(false);

/// From now on, in this process and its children, a frame is named by its address alone.
pub(crate) fn give_up_names() {
    GIVEN_UP.store(true, Ordering::Relaxed);
}

/// Whether frames have names.
pub(crate) fn can_be_named() -> bool {
    !GIVEN_UP.load(Ordering::Relaxed)
}

/// Names the frames of a stack, innermost first.
///
/// Allocates, locks, and reads debug information from files: not inside a hook.
pub(crate) fn resolve(id: StackId) -> Vec<Frame> {
    if can_be_named() {
        return symbol::resolve(id);
    }
    let frames = intern::frames(id).iter();
    frames
        .map(|return_address| Frame {
            function: format!("{return_address:#x}"),
            file: None,
            line: None,
            object: None,
        })
        .collect()
}

/// The exported function that the innermost frame is in, as far as the loader knows: quickly said.
pub(crate) fn innermost_export(id: StackId) -> Option<String> {
    can_be_named()
        .then(|| symbol::innermost_export(id))
        .flatten()
}
