//! Which owners leave their thread: what the contents say, and what is said of handles.
//!
//! A pointee names a type that is `Send` and `Sync` as its owner is to be. A trait between the owner
//! and its contents would do, were it not for nodes that own nodes: the compiler goes round such a
//! circle only by way of `Send` and `Sync` themselves.

use core::marker::PhantomData;

use crate::HandleThreads;

/// Of plain contents: as they and the deallocator are.
pub struct Plain<T: ?Sized, D>(PhantomData<T>, PhantomData<D>);

/// Of a handle: as the deallocator is, if that is said of its handles.
pub struct Said<D>(PhantomData<*const ()>, PhantomData<D>);

// SAFETY: there is nothing in it; by the contract of HandleThreads the handle may be sent.
unsafe impl<D: HandleThreads + Send> Send for Said<D> {}

// SAFETY: as above: it may be used in several threads at once.
unsafe impl<D: HandleThreads + Sync> Sync for Said<D> {}

/// Owns a `T` elsewhere: all that a `T` is, but that it may be moved.
pub(crate) struct Elsewhere<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> Elsewhere<T> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<T: ?Sized> Clone for Elsewhere<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Elsewhere<T> {}

// Moving the owner leaves the T where it is.
impl<T: ?Sized> Unpin for Elsewhere<T> {}
