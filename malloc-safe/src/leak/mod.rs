//! Names the blocks that C code left behind.

mod context;
mod display;
mod fork;
mod frames;
mod hooks;
mod repeat;
mod report;
mod scope;
mod scopes;
mod status;
#[allow(
    dead_code,
    unused_imports,
    reason = "its tests look at more than the checker uses"
)]
mod unwind;

pub use repeat::repeat;
pub use report::{Report, Site};
pub use scope::{process_scope, scope};
pub use status::{Reason, Status, status};
pub use unwind::Frame;
