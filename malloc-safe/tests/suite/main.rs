//! The owners' behaviour, a module for each source file.
//!
//! Run as it is, under AddressSanitizer with leak detection, and under valgrind: every test also
//! proves that nothing is leaked, freed twice or read after its end.

mod alloc;
#[cfg(feature = "allocator-api2")]
mod api2;
mod bad_input;
mod borrowed;
mod close;
mod dealloc;
mod declared;
mod destructor;
mod disposable;
mod each;
mod hostile;
mod layout;
mod lent;
mod linked;
mod out;
mod owned;
mod rivals;
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
