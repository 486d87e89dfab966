//! Sequences of operations on a `CVec`, with a `Vec` as the judge and memory that runs out.
#![no_main]

#[path = "../../tests/suite/hostile.rs"]
#[expect(dead_code, reason = "the suite uses more of it")]
mod hostile;
#[path = "../../tests/suite/vec/oracle.rs"]
mod oracle;

use hostile::{Element, Nothing};
use oracle::run;

// The first byte chooses the elements.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| match bytes {
    [] => {}
    [kind, operations @ ..] => match kind % 3 {
        0 => run::<u8>(operations),
        1 => run::<Element>(operations),
        _ => run::<Nothing>(operations),
    },
});
