//! Locks that a forked child finds free: it would inherit one that another thread holds, and not
//! that thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::leak::scopes::Registry;
use crate::stack::{self, Symbolizer};

/// Held while scopes begin and end. Who holds it waits for nobody, so a fork may wait for it.
static SCOPES: Mutex<Registry> = Mutex::new(Registry::new());
/// Held while stacks are named, for as long as it takes to read debug information, and around every
/// use of the loader's list, whose lock a child would otherwise inherit held. A fork waits for it, but
/// not for ever: the thread that forks may be the one that holds either, in a handler of a signal.
static NAMES: Mutex<Option<Symbolizer>> = Mutex::new(None);

/// To be called with the thread busy.
pub(crate) fn scopes() -> MutexGuard<'static, Registry> {
    lock(&SCOPES)
}

/// To be called with the thread busy, and not while the other lock is held. `None` in a process that
/// has to do without names, where it would not be found free.
pub(crate) fn names() -> Option<MutexGuard<'static, Option<Symbolizer>>> {
    stack::can_be_named().then(|| lock(&NAMES))
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// To be called before any of the locks is taken. Again is harmless: a child that is forked
/// meanwhile does not know whether it was called.
pub(crate) fn prepare() {
    #[cfg(target_os = "linux")]
    handlers::register();
}

/// Where there are no hooks, no lock is ever taken.
#[cfg(target_os = "linux")]
mod handlers {
    use core::cell::Cell;
    use core::mem::ManuallyDrop;
    use std::sync::{MutexGuard, TryLockError};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::{NAMES, Registry, SCOPES, Symbolizer, lock, stack};

    /// During a fork.
    struct Held {
        _scopes: MutexGuard<'static, Registry>,
        /// `None` if another thread was naming stacks for too long.
        names: Option<MutexGuard<'static, Option<Symbolizer>>>,
    }

    thread_local! {
        /// Not to be dropped with the thread: a destructor would be registered in the fork.
        static HELD: Cell<Option<ManuallyDrop<Held>>> = const { Cell::new(None) };
    }

    pub(crate) fn register() {
        // SAFETY: the three functions live as long as the process, and do not unwind.
        // A failure, out of memory, leaves forks from other threads with the risk.
        unsafe { libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child)) };
    }

    unsafe extern "C" fn before() {
        // Held already if this is registered twice.
        let held = HELD.take().unwrap_or_else(|| {
            let names = names_within(Duration::from_secs(5));
            ManuallyDrop::new(Held {
                _scopes: lock(&SCOPES),
                names,
            })
        });
        HELD.set(Some(held));
    }

    fn names_within(limit: Duration) -> Option<MutexGuard<'static, Option<Symbolizer>>> {
        let start = Instant::now();
        loop {
            match NAMES.try_lock() {
                Ok(guard) => return Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if start.elapsed() > limit => return None,
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    unsafe extern "C" fn after_in_parent() {
        drop(release());
    }

    unsafe extern "C" fn after_in_child() {
        if let Some(Held { names: None, .. }) = release() {
            stack::give_up_names();
        }
    }

    fn release() -> Option<Held> {
        HELD.take().map(ManuallyDrop::into_inner)
    }
}
