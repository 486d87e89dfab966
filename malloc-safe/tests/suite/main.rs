//! The owners' behaviour, a module for each source file.
//!
//! Run as it is, under AddressSanitizer with leak detection, and under valgrind: every test also
//! proves that nothing is leaked, freed twice or read after its end. And with this crate's own leak
//! checker around each test, see `in_scope`.
#![allow(
    unexpected_cfgs,
    reason = "leak_scope is for continuous integration, which passes it to the compiler"
)]
#![cfg_attr(
    leak_scope,
    feature(custom_test_frameworks, test),
    test_runner(in_scope::run)
)]

mod alloc;
#[cfg(feature = "allocator-api2")]
mod api2;
mod bad_input;
mod borrowed;
mod children;
mod close;
mod copy;
mod dealloc;
mod declared;
mod destructor;
mod disposable;
mod each;
mod handle;
mod hostile;
mod hygiene;
#[cfg(leak_scope)]
mod in_scope;
mod layout;
mod lent;
mod linked;
mod node_by_node;
mod out;
mod owned;
mod panics;
mod rivals;
mod room;
#[cfg(feature = "serde")]
mod serialize;
mod shared;
mod sized;
mod slice;
mod string;
mod terminated;
mod vec;
#[cfg(feature = "zeroize")]
mod wipe;
mod with;
