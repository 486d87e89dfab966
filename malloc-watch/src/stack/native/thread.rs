//! What a thread keeps for its walks, from its first to its end.

use core::cell::Cell;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, offset_of};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU32, Ordering};
use std::thread_local;

use malloc_sys::memo;

use super::cfi::Context;
use super::limits::Limits;
use super::switch;
use super::walk::Trace;
use crate::pages;

/// In pages of its own: it is made inside `malloc`. A little over 2 MiB, committed as it is used.
#[repr(C)]
struct Mapping {
    /// Not accessible: who needs more of the stack than there is does not spoil others' memory.
    guard: [u8; GUARD],
    stack: [u8; STACK],
    /// Where the stack ends.
    thread: Thread,
}

/// A page, of whatever size the kernel's are.
const GUARD: usize = 64 << 10;

/// Many times what a walk needs: a signal handler that interrupts one has the rest.
const STACK: usize = 256 << 10;

impl Mapping {
    fn new() -> Option<NonNull<Self>> {
        const {
            assert!(
                offset_of!(Self, thread) == GUARD + STACK,
                "the stack ends at a multiple of 16"
            );
        }
        let mapping = pages::map(size_of::<Self>())?;
        // SAFETY: whole pages at the beginning of the mapping, which nobody knows of.
        unsafe { libc::mprotect(mapping.as_ptr().cast(), GUARD, libc::PROT_NONE) };
        Some(mapping.cast())
    }

    /// The mapping that a thread is in.
    ///
    /// # Safety
    ///
    /// `thread` is in one that is still mapped.
    unsafe fn of(thread: NonNull<Thread>) -> NonNull<Self> {
        // SAFETY: the caller's promise.
        unsafe { thread.byte_sub(offset_of!(Self, thread)) }.cast()
    }

    /// # Safety
    ///
    /// It is from `new`, and not used again.
    unsafe fn give_back(mapping: NonNull<Self>) {
        // SAFETY: mapped with this size, and given up by the caller.
        unsafe { pages::unmap(mapping.cast(), size_of::<Self>()) };
    }
}

/// All but the context is valid when it is all zero.
#[repr(C)]
pub(super) struct Thread {
    /// First, as the C side is given the thread by it.
    pub(super) memo: memo,
    /// How often the thread's end has been announced.
    announced: u32,
    pub(super) limits: Limits,
    pub(super) trace: Trace,
    pub(super) context: MaybeUninit<Context>,
}

// Neither allocates, nor has a destructor that would be registered.
thread_local! {
    static ENDED: Cell<bool> = const { Cell::new(false) };
}

/// While it lives, the stacks of this thread end where it was made: what calls that function is the
/// same all the while, and need neither be walked nor compared.
///
/// The outermost counts, so that stacks within one are told apart by the same frames throughout.
pub(crate) struct StackEnd {
    before: usize,
    /// Of this thread alone.
    here: PhantomData<*const ()>,
}

impl StackEnd {
    /// `anchor` is a variable of the calling function, so what that calls lies below it.
    pub(crate) fn at<T>(anchor: &T) -> Self {
        const {
            assert!(
                size_of::<T>() > 0,
                "only a variable of some size is on the stack"
            );
        }
        let before = end();
        if before == 0 {
            move_end(ptr::from_ref(anchor).addr());
        }
        Self {
            before,
            here: PhantomData,
        }
    }
}

impl Drop for StackEnd {
    fn drop(&mut self) {
        if self.before == 0 {
            move_end(0);
        }
    }
}

/// What is remembered of stacks that end elsewhere is forgotten.
fn move_end(end: usize) {
    // SAFETY: no precondition; and no capture of the thread is running: this is no hook.
    unsafe { malloc_sys::interpose_memo_set_stack_end(end) };
}

/// 0 for where they do.
fn end() -> usize {
    // SAFETY: no precondition.
    unsafe { malloc_sys::interpose_memo_stack_end() }
}

/// Where stacks end that begin at `sp`, if they do before the thread's.
pub(super) fn end_above(sp: usize) -> Option<usize> {
    Some(end()).filter(|&end| end > sp)
}

/// The current thread's, if it has one already.
pub(super) fn current() -> Option<NonNull<Thread>> {
    // SAFETY: no precondition.
    let memo = unsafe { malloc_sys::interpose_memo_of_this_thread() };
    NonNull::new(memo.cast()) // set below, or nothing
}

fn set_current(thread: *mut Thread) {
    // SAFETY: NULL, or of this thread and mapped until this is called again.
    unsafe { malloc_sys::interpose_memo_set_of_this_thread(thread.cast()) };
}

/// The current thread's, made now if need be. `None` at the thread's very end, or without memory.
pub(super) fn current_or_new() -> Option<NonNull<Thread>> {
    if let Some(thread) = current() {
        return Some(thread);
    }
    if ENDED.get() {
        return None;
    }
    let key = key()?;
    let mapping = Mapping::new()?;
    // SAFETY: a field of the mapping, which is large enough and aligned to a page.
    let thread = unsafe { &raw mut (*mapping.as_ptr()).thread };
    // SAFETY: a field of the same.
    let context = unsafe { &raw mut (*thread).context };
    let make_context = || {
        // SAFETY: the field, which nobody else knows of.
        unsafe { context.cast::<Context>().write(Context::new_in()) };
    };
    // SAFETY: the stack of the mapping above.
    unsafe { switch::call_on(thread.cast(), make_context) };
    // SAFETY: the key is from pthread_key_create, and never deleted.
    if unsafe { libc::pthread_setspecific(key, thread.cast()) } != 0 {
        // SAFETY: mapped above, and nobody has seen it.
        unsafe { Mapping::give_back(mapping) };
        return None;
    }
    set_current(thread);
    NonNull::new(thread)
}

/// Calls `work` on the stack that a thread has for its walks.
///
/// # Safety
///
/// `thread` is the current one's, and is not already on that stack. `work` does not unwind.
pub(super) unsafe fn on_stack_of<R>(thread: NonNull<Thread>, work: impl FnOnce() -> R) -> R {
    // SAFETY: the stack ends where the thread begins, at the end of so many pages; and it is used
    // here alone, by its own thread.
    unsafe { switch::call_on(thread.as_ptr().cast(), work) }
}

/// Called when the thread ends, up to four times as long as a value is set.
///
/// # Safety
///
/// `thread` is the current thread's value of the key.
unsafe extern "C" fn thread_ends(thread: *mut c_void) {
    const LAST: u32 = 4; // PTHREAD_DESTRUCTOR_ITERATIONS everywhere
    let thread = thread.cast::<Thread>();
    // SAFETY: mapped by `current_or_new`, and no walk is running: this is no hook.
    let announced = unsafe { &mut (*thread).announced };
    *announced += 1;
    let key = KEY.load(Ordering::Acquire).wrapping_sub(1);
    // Others' destructors may still allocate: stay for the next round.
    // SAFETY: the key is from pthread_key_create, and never deleted.
    if *announced < LAST && unsafe { libc::pthread_setspecific(key, thread.cast()) } == 0 {
        return;
    }
    set_current(ptr::null_mut());
    ENDED.set(true);
    if let Some(thread) = NonNull::new(thread) {
        // SAFETY: mapped by `current_or_new`, and still.
        let mapping = unsafe { Mapping::of(thread) };
        // SAFETY: forgotten above.
        unsafe { Mapping::give_back(mapping) };
    }
}

/// The key that has `thread_ends` called, and one more; 0 before there is one.
static KEY: AtomicU32 = AtomicU32::new(0);

/// The key, made without a lock: a fork could leave one held.
fn key() -> Option<libc::pthread_key_t> {
    let known = KEY.load(Ordering::Acquire);
    if known != 0 {
        return Some(known - 1);
    }
    let mut key = 0;
    // SAFETY: a place for the key, and a destructor for the values that are set above.
    if unsafe { libc::pthread_key_create(&raw mut key, Some(thread_ends)) } != 0 {
        return None;
    }
    match KEY.compare_exchange(0, key + 1, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => Some(key),
        Err(theirs) => {
            // SAFETY: created above, and no value was set for it.
            unsafe { libc::pthread_key_delete(key) };
            Some(theirs - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::readable;
    use super::super::tests::walk_everywhere;
    use super::{GUARD, Mapping, STACK, current};
    use std::thread;

    #[test]
    fn the_stack_for_walks_is_many_times_too_large_and_has_a_guard() {
        let used = || {
            walk_everywhere();
            let thread = current().expect("made for the first walk");
            // SAFETY: this thread's, which has not ended.
            let mapping = unsafe { Mapping::of(thread) }.as_ptr();
            // SAFETY: a field of the mapping.
            let guard = unsafe { &raw const (*mapping).guard };
            assert!(!readable(guard.addr()) && !readable(guard.addr() + GUARD - 8));
            // SAFETY: a field of the mapping, which no walk uses now.
            let stack = unsafe { &(*mapping).stack };
            let untouched = stack.iter().take_while(|&&byte| byte == 0).count();
            STACK - untouched
        };
        let used = thread::spawn(used).join().expect("no panic");
        assert!(0 < used && used < STACK / 4, "{used}");
    }
}
