//! Walks stacks on 64-bit Linux.

mod cfi;
mod errno;
mod limits;
mod module;
mod rule;
mod rules;
mod switch;
mod thread;
mod walk;

use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

use malloc_sys::{memo, memo_result};

use super::Registers;
use super::intern::{self, StackId};
pub(crate) use thread::StackEnd;
use thread::Thread;
pub(crate) use walk::MAX_FRAMES;

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
    // SAFETY: the caller's promise.
    match unsafe { find(&registers) } {
        Some(found) => {
            if found.tag != tag {
                found.made = make(stack(found));
                found.tag = tag;
            }
            found.made
        }
        // SAFETY: the caller's promise.
        None => make(unsafe { walk(registers) }),
    }
}

/// The stack alone.
///
/// # Safety
///
/// As for [`capture_as`].
pub(crate) unsafe fn capture(registers: Registers) -> StackId {
    // SAFETY: the caller's promise.
    match unsafe { find(&registers) } {
        Some(found) => stack(found),
        // SAFETY: the caller's promise.
        None => unsafe { walk(registers) },
    }
}

/// What this thread's memo has, if it is right for the modules.
///
/// # Safety
///
/// As for [`capture_as`]; and the result is not used after the capture.
unsafe fn find<'a>(registers: &Registers) -> Option<&'a mut memo_result> {
    let thread = thread::current()?.as_ptr();
    // SAFETY: this thread's own.
    let memo = unsafe { &raw mut (*thread).memo };
    // SAFETY: the same.
    if unsafe { (*memo).generation } != generation() {
        return None;
    }
    // SAFETY: the caller's promise; what is in the memo was kept for the thread's own stack.
    unsafe { find_in(memo, registers) }
}

/// # Safety
///
/// As for `find`, and the memo is this thread's.
unsafe fn find_in<'a>(memo: *mut memo, registers: &Registers) -> Option<&'a mut memo_result> {
    // SAFETY: the caller's promise.
    let found = unsafe { malloc_sys::interpose_memo_find(memo, registers) };
    // SAFETY: in the thread's memo, which no other capture changes meanwhile.
    unsafe { found.as_mut() }
}

fn stack(found: &memo_result) -> StackId {
    // SAFETY: `walk` took the number from an identifier.
    unsafe { StackId::from_u32(found.stack) }
}

/// What results are right for: the state of the modules, above other things. Odd while results are
/// validated: then no thread's memo is right for it, and every capture comes to `walk`.
fn generation() -> u64 {
    // SAFETY: no precondition.
    unsafe { malloc_sys::interpose_memo_generation() }
}

/// What was found so far is forgotten, as where a module's code goes away: there the hook of `dlclose`
/// sees to it.
#[cfg(test)]
pub(crate) fn modules_changed() {
    // SAFETY: no precondition.
    unsafe { malloc_sys::interpose_memo_expire() };
}

/// From now on every stack is walked, and compared with what the memo has to say. For tests.
pub fn validate(on: bool) {
    // SAFETY: no precondition.
    unsafe { malloc_sys::interpose_memo_validate(on) };
}

/// How many captures that the memo had an answer to have been walked as well.
pub fn captures() -> u64 {
    CAPTURES.load(Ordering::Relaxed)
}

/// How many of those answers were wrong.
pub fn memo_mismatches() -> u64 {
    MISMATCHES.load(Ordering::Relaxed)
}

/// # Safety
///
/// As for `capture_as`.
#[cold]
#[inline(never)]
unsafe fn walk(registers: Registers) -> StackId {
    errno::preserved(|| {
        let Some(thread) = thread::current_or_new() else {
            return intern::intern(&[registers.pc]);
        };
        let walk = || {
            // SAFETY: the caller's promise, and this thread's own.
            unsafe { walk_of(thread, registers) }
        };
        // SAFETY: this thread's own; no other capture of the thread is running, and none unwinds.
        unsafe { thread::on_stack_of(thread, walk) }
    })
}

/// # Safety
///
/// As for `capture_as`, and the thread is this one.
unsafe fn walk_of(mut thread: NonNull<Thread>, registers: Registers) -> StackId {
    // SAFETY: this thread's own, and no other capture of the thread is running.
    let thread = unsafe { thread.as_mut() };
    let state = generation();
    let (generation, validating) = (state & !1, state & 1 != 0);
    let modules = (generation >> malloc_sys::MEMO_CODE_SHIFT) as u32;
    if thread.memo.generation != generation {
        thread.memo.generation = generation;
        // SAFETY: the thread's own memo.
        unsafe { malloc_sys::interpose_memo_clear(&raw mut thread.memo) };
    }
    let Some(top) = thread.limits.top_above(registers.sp) else {
        return intern::intern(&[registers.pc]);
    };
    let top = thread::end_above(registers.sp).map_or(top, |end| end.min(top));
    let remembered = if validating {
        // SAFETY: such registers; what is in the memo was kept for the thread's own stack.
        unsafe { find_in(&raw mut thread.memo, &registers) }.map(|found| stack(found))
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
    unsafe { walk::walk(&registers, top, modules, context, trace) };
    let id = intern::intern(trace.frames());
    if let Some(remembered) = remembered {
        CAPTURES.fetch_add(1, Ordering::Relaxed);
        MISMATCHES.fetch_add(u64::from(remembered != id), Ordering::Relaxed);
    } else if let Some(words) = trace.words() {
        // SAFETY: the thread's own memo; the walk has read the words between the stack pointer
        // and the end of the stack, aligned.
        unsafe {
            malloc_sys::interpose_memo_keep(
                memo,
                &raw const registers,
                trace.frame_pointer_used(),
                words.as_ptr(),
                words.len(),
                id.get(),
            )
        };
    }
    id
}

#[cfg(test)]
mod tests;
