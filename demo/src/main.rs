//! `cargo run -p demo`: see the library's documentation.

use std::process::ExitCode;

fn main() -> ExitCode {
    demo::run()
}
