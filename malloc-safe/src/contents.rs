//! What a deallocator does with the contents of a block: it ignores them, or reads them.

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Ignored {}
    impl Sealed for super::Read {}
}

/// One of two: [`Ignored`] or [`Read`]. Sealed.
///
/// A function over both kinds need not say which:
///
/// ```
/// use malloc_safe::{Deallocator, Pointee};
/// use malloc_safe::contents::Contents;
///
/// fn name<T: ?Sized + Pointee, D: Deallocator<T>>() -> &'static str {
///     <D::Contents as Contents>::WORD
/// }
///
/// assert_eq!(name::<u64, malloc_safe::Free>(), "ignored");
/// ```
pub trait Contents: sealed::Sealed {
    /// The kind in a word: `"ignored"` or `"read"`.
    const WORD: &'static str;
}

/// The deallocator looks at nothing in the block, and frees nothing that the contents point to, as
/// `free` does: its owners may be written, emptied and made in Rust.
#[derive(Debug)]
pub enum Ignored {}

/// The deallocator may read the contents, and end what they point to, as `freeaddrinfo` does: its
/// owners lend them shared only, and nothing is moved out or made up.
#[derive(Debug)]
pub enum Read {}

impl Contents for Ignored {
    const WORD: &'static str = "ignored";
}

impl Contents for Read {
    const WORD: &'static str = "read";
}
