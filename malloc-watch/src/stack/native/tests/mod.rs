//! Stacks taken in ordinary calls instead of hooks, and compared with the system's own unwinder.

mod cost;
mod end;
mod foreign;
mod memo;
mod paths;
mod probe;
mod reload;
mod stacks;
mod threads;

/// Through expressions and signal frames as well, which take the most to read.
pub(super) fn walk_everywhere() {
    foreign::in_a_handler();
    paths::walk_paths(1, 20);
}
