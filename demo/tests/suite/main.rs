//! The program from outside, as a user or another program meets it.

mod errors;
mod files;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod memory;
#[cfg(target_os = "linux")]
mod signals;
mod snapshots;
mod support;
#[cfg(unix)]
mod terminal;
