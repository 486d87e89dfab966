//! Locks that a forked child finds free: it would inherit one that another thread holds, and not
//! that thread.

use core::cell::Cell;
use core::mem::ManuallyDrop;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread_local;

use super::scopes::Registry;

/// Held while scopes begin and end.
static SCOPES: Mutex<Registry> = Mutex::new(Registry::new());
/// Held while stacks are named, which takes a lock of the crate that does it.
static NAMES: Mutex<()> = Mutex::new(());

struct Guards {
    _scopes: MutexGuard<'static, Registry>,
    _names: MutexGuard<'static, ()>,
}

thread_local! {
    /// Not to be dropped with the thread: a destructor would be registered in the fork.
    static HELD: Cell<Option<ManuallyDrop<Guards>>> = const { Cell::new(None) };
}

/// To be called with the thread busy.
pub(super) fn scopes() -> MutexGuard<'static, Registry> {
    lock(&SCOPES)
}

/// To be called with the thread busy, and not while the other lock is held.
pub(super) fn names() -> MutexGuard<'static, ()> {
    lock(&NAMES)
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(prepare);
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(target_os = "linux")]
fn prepare() {
    // SAFETY: the three functions live as long as the process, and do not unwind.
    // A failure, out of memory, leaves forks from other threads with the risk.
    unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
}

/// Without hooks no lock is ever taken.
#[cfg(not(target_os = "linux"))]
fn prepare() {}

#[cfg(target_os = "linux")]
unsafe extern "C" fn before() {
    let guards = Guards {
        _names: NAMES.lock().unwrap_or_else(PoisonError::into_inner),
        _scopes: SCOPES.lock().unwrap_or_else(PoisonError::into_inner),
    };
    HELD.set(Some(ManuallyDrop::new(guards)));
}

/// In the parent and in the child, in the thread that forks.
#[cfg(target_os = "linux")]
unsafe extern "C" fn after() {
    drop(HELD.take().map(ManuallyDrop::into_inner));
}
