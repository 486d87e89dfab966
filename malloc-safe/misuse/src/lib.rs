//! What must not compile with malloc-safe: `tests/ui`.
//!
//! A package of its own, since trybuild builds all dependencies of the package once more.
