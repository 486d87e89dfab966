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
