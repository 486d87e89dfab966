//! Which owners leave their thread: what the contents say, and what is said of handles.

use crate::{HandleThreads, Opaque};

/// Contents that an owner with the deallocator `D` may take to another thread: plain ones that are
/// `Send`, handles where `D` says so.
#[diagnostic::on_unimplemented(
    message = "`{Self}` must stay in its thread: `{D}` does not say that it may leave",
    label = "stays in its thread",
    note = "if the library allows it, write `: Send` or `: Send + Sync` in `deallocator!`"
)]
pub trait SentBy<D> {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Send, D> SentBy<D> for T {}
#[diagnostic::do_not_recommend]
impl<X, D: HandleThreads + Send> SentBy<D> for Opaque<X> {}

/// Contents that several threads may use at once through an owner with the deallocator `D`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` must not be shared between threads: `{D}` does not say that it may be",
    label = "stays in its thread",
    note = "if the library allows it, write `: Send + Sync` in `deallocator!`"
)]
pub trait SharedBy<D> {}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + Sync, D> SharedBy<D> for T {}
#[diagnostic::do_not_recommend]
impl<X, D: HandleThreads + Sync> SharedBy<D> for Opaque<X> {}
