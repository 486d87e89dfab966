//! Walks stacks on 64-bit Linux.

mod cfi;
mod errno;
mod limits;
mod memo;
mod module;
mod rule;
mod rules;
mod thread;
mod walk;

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::Registers;
use super::intern::{self, StackId};
use memo::Memo;
pub(crate) use thread::StackEnd;
use thread::Thread;
pub(crate) use walk::MAX_FRAMES;

/// The state of the modules. Odd while results are validated: then no thread's memo is right for it,
/// and every capture comes to `walk`. Never 0, which is a new thread's.
static GENERATION: AtomicU32 = AtomicU32::new(2);
static CAPTURES: AtomicU64 = AtomicU64::new(0);
static MISMATCHES: AtomicU64 = AtomicU64::new(0);

/// To be called once before the first [`capture_as`], not inside a hook. Without it, captures take
/// a lock of the C library's, which a fork may leave held.
pub(crate) fn prepare() {
    module::look_up();
}

/// What `make` makes of the stack of the function that called the hook, for this tag, which is not
/// 0. It is asked once for as long as the stack and the tag are the same.
///
/// The stack is its return addresses, innermost first, at most [`MAX_FRAMES`]. Of a stack that is
/// not the thread's own, such as a coroutine's, the first alone.
///
/// Allocates nothing, unless the C library needs a block for one more thread-specific value; takes
/// no lock with glibc from 2.35 on, and otherwise the one of `dl_iterate_phdr` when it walks; leaves
/// `errno` alone.
///
/// # Safety
///
/// The registers are those of the function that called the hook, on the current thread, and the
/// hook has not returned. No other capture of this thread has been interrupted by this one.
pub(crate) unsafe fn capture_as(
    registers: Registers,
    tag: u64,
    make: impl FnOnce(StackId) -> u32,
) -> u32 {
    // SAFETY: the one use in this capture but for the walk, which comes when nothing was found.
    let memo = unsafe { memo() };
    let found = memo.and_then(|memo| {
        // SAFETY: the caller's promise; what is in the memo was inserted on the thread's own stack.
        unsafe { memo.find(&registers) }
    });
    match found {
        Some(found) => found.made(tag, make),
        // SAFETY: the caller's promise.
        None => make(unsafe { walk(registers) }),
    }
}

/// What `capture_as` has made for these, if it is quickly found.
///
/// # Safety
///
/// As for [`capture_as`].
#[inline]
pub(crate) unsafe fn made_before(registers: Registers, tag: u64) -> Option<u32> {
    // SAFETY: the one use in this function.
    let memo = unsafe { memo() }?;
    // SAFETY: the caller's promise; what is in the memo was inserted on the thread's own stack.
    unsafe { memo.find_first(&registers) }?.made_before(tag)
}

/// The stack alone.
///
/// # Safety
///
/// As for [`capture_as`].
pub(crate) unsafe fn capture(registers: Registers) -> StackId {
    // SAFETY: the one use in this capture but for the walk, which comes when nothing was found.
    let memo = unsafe { memo() };
    let found = memo.and_then(|memo| {
        // SAFETY: the caller's promise; what is in the memo was inserted on the thread's own stack.
        unsafe { memo.find(&registers) }
    });
    match found {
        Some(found) => found.id(),
        // SAFETY: the caller's promise.
        None => unsafe { walk(registers) },
    }
}

/// This thread's memo, if what is in it is right for the modules.
///
/// # Safety
///
/// The result is used in a capture, no other of this thread is running, and it ends before the
/// next use of the thread's memo.
#[inline]
unsafe fn memo<'a>() -> Option<&'a mut Memo> {
    let mut thread = thread::current()?;
    // SAFETY: this thread's own, and the caller's promise.
    let thread = unsafe { thread.as_mut() };
    (thread.generation == GENERATION.load(Ordering::Relaxed)).then_some(&mut thread.memo)
}

/// To be called before a module's code goes away, and after: what was found so far is forgotten.
pub(crate) fn modules_changed() {
    let next = |generation: u32| Some(generation.wrapping_add(2).max(2));
    let _ = GENERATION.fetch_update(Ordering::Release, Ordering::Relaxed, next);
}

/// From now on every stack is walked, and compared with what the memo has to say. For tests.
pub(crate) fn validate(on: bool) {
    if on {
        GENERATION.fetch_or(1, Ordering::Release);
    } else {
        GENERATION.fetch_and(!1, Ordering::Release);
    }
}

/// How many captures that the memo had an answer to have been walked as well.
pub(crate) fn captures() -> u64 {
    CAPTURES.load(Ordering::Relaxed)
}

/// How many of those answers were wrong.
pub(crate) fn memo_mismatches() -> u64 {
    MISMATCHES.load(Ordering::Relaxed)
}

/// # Safety
///
/// As for `capture_as`.
#[cold]
#[inline(never)]
unsafe fn walk(registers: Registers) -> StackId {
    errno::preserved(|| {
        let Some(mut thread) = thread::current_or_new() else {
            return intern::intern(&[registers.pc]);
        };
        // SAFETY: this thread's own, and no other capture of the thread is running.
        let thread = unsafe { thread.as_mut() };
        let state = GENERATION.load(Ordering::Acquire);
        let (generation, validating) = (state & !1, state & 1 != 0);
        if thread.generation != generation {
            thread.generation = generation;
            thread.memo.clear();
        }
        let Some(top) = thread.limits.top_above(registers.sp) else {
            return intern::intern(&[registers.pc]);
        };
        let top = thread::end_above(registers.sp).map_or(top, |end| end.min(top));
        let remembered = if validating {
            // SAFETY: such registers; what is in the memo was inserted on the thread's own stack.
            unsafe { thread.memo.find(&registers) }.map(|found| found.id())
        } else {
            None
        };
        let Thread {
            context,
            trace,
            memo,
            ..
        } = thread;
        // SAFETY: made with the thread, and always a context since.
        let context = unsafe { context.assume_init_mut() };
        // SAFETY: such registers, and the limits of this thread's stack.
        unsafe { walk::walk(&registers, top, generation, context, trace) };
        let id = intern::intern(trace.frames());
        if let Some(remembered) = remembered {
            CAPTURES.fetch_add(1, Ordering::Relaxed);
            MISMATCHES.fetch_add(u64::from(remembered != id), Ordering::Relaxed);
        } else {
            memo.insert(&registers, id, trace);
        }
        id
    })
}

#[cfg(test)]
mod tests;
