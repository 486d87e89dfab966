//! The leak checker: what it finds is the truth, whoever allocates and however.
//!
//! Each test looks at its own thread, or at sites that nobody else has, as others run beside it.
//!
//! There are hooks for glibc only, and the tests call what it has.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod family;
mod fork;
mod libc_callers;
mod library;
mod names;
mod other_malloc;
mod pools;
mod process;
mod repeat;
mod report;
mod runtime;
mod scopes;
mod small_stacks;
mod stress;
mod support;
mod threads;
mod walks;
