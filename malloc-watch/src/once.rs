//! What is found out once, also if the process is forked meanwhile.

use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use core::time::Duration;
use std::{process, thread};

/// A value that one thread finds while others wait, like that of a `OnceLock`. But a child that is
/// forked meanwhile, and does not have that thread, finds it itself.
pub(crate) struct Once<T: Send + Sync + 'static> {
    /// NULL until it is found; then a box that is never freed.
    value: AtomicPtr<T>,
    /// The process that finds it, or has; 0 for none.
    finder: AtomicU32,
}

impl<T: Send + Sync> Once<T> {
    pub(crate) const fn new() -> Self {
        Self {
            value: AtomicPtr::new(ptr::null_mut()),
            finder: AtomicU32::new(0),
        }
    }

    fn get(&self) -> Option<&'static T> {
        // SAFETY: NULL, or leaked by `get_or_find` and never changed.
        unsafe { self.value.load(Ordering::Acquire).as_ref() }
    }

    /// `find` may be called again if it panicked, or in a child, where what it did before is done.
    pub(crate) fn get_or_find(&self, find: impl FnOnce() -> T) -> &'static T {
        while !self.is_for_this_thread_to_find() {
            if let Some(value) = self.get() {
                return value;
            }
            thread::sleep(Duration::from_millis(1));
        }
        let unless_found = Finding(&self.finder);
        let value: &T = Box::leak(Box::new(find()));
        self.value
            .store(ptr::from_ref(value).cast_mut(), Ordering::Release);
        mem::forget(unless_found);
        value
    }

    fn is_for_this_thread_to_find(&self) -> bool {
        if self.get().is_some() {
            return false;
        }
        let process = process::id();
        let finder = self.finder.load(Ordering::Relaxed);
        let exchange = || {
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            self.finder
                .compare_exchange(finder, process, success, failure)
        };
        finder != process && exchange().is_ok()
    }
}

/// Lets another thread try if this one panics.
struct Finding<'o>(&'o AtomicU32);

impl Drop for Finding<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
