//! The leak checker: what it finds is the truth, whoever allocates and however.
//!
//! Each test looks at its own thread, or at sites that nobody else has, as others run beside it.

mod family;
mod support;
