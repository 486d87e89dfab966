//! The audit, the facts and the command, on headers.
#![forbid(unsafe_code)]

mod audit;
#[cfg(feature = "cli")]
mod command;
mod facts;
mod libclang;
