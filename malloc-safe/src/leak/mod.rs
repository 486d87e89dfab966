//! Names the blocks that C code left behind.

#[allow(dead_code, unused_imports, reason = "used by the hooks and the report")]
mod unwind;

pub use unwind::Frame;
