//! The C side's hooks: the only file here that calls it.

use core::ffi::c_void;
use core::sync::atomic::AtomicU64;

use crate::fork;
use crate::leak::context;
use crate::leak::scopes;
use crate::stack::{self, Registers};

/// Whether the hooks are in this build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    Compiled,
    Sanitizer,
    Static,
    Platform,
}

/// Nothing else here may be called unless this is [`Support::Compiled`].
pub(crate) fn support() -> Support {
    // SAFETY: no precondition.
    match unsafe { malloc_sys::interpose_support() } {
        malloc_sys::interpose_support_INTERPOSE_SUPPORTED => Support::Compiled,
        malloc_sys::interpose_support_INTERPOSE_HAS_SANITIZER => Support::Sanitizer,
        malloc_sys::interpose_support_INTERPOSE_IS_STATIC => Support::Static,
        _ => Support::Platform,
    }
}

/// Why the hooks cannot watch.
pub(crate) enum Refusal {
    /// Another allocator has the blocks: the hooks only forward to it.
    OtherMalloc,
    NoMemory,
}

/// Reserves what watching needs, and says who chooses the context of a block.
pub(crate) fn start() -> Result<(), Refusal> {
    context::reserve().map_err(|_| Refusal::NoMemory)?;
    stack::prepare();
    // SAFETY: the functions live as long as the process and do not unwind; callers are serialised
    // by `status`, the only one.
    let error = unsafe {
        malloc_sys::interpose_start(
            Some(choose_context),
            Some(context_of_reallocated),
            Some(note_inheritance),
            Some(note_closing),
            Some(note_end),
        )
    };
    match error {
        0 => Ok(()),
        libc::ENOTSUP => Err(Refusal::OtherMalloc),
        _ => Err(Refusal::NoMemory),
    }
}

/// Called by a hook, with the thread busy: its own allocations are not recorded.
unsafe extern "C" fn choose_context(caller: *const Registers, theirs: u64) -> u32 {
    const EPOCH: u32 = malloc_sys::INTERPOSE_EPOCH_SHIFT;
    // Each half as it is put together.
    let epoch = (theirs >> EPOCH) as u32;
    let last = (theirs & ((1 << EPOCH) - 1)) as u32;
    let scope = scopes::enclosing_open(last);
    if scope != last {
        // This thread has outlived its scope, whose number is not used again.
        set_scope(scope);
    }
    if scope == 0 && epoch == 0 {
        return 0;
    }
    scopes::note_use(epoch);
    let theirs = u64::from(epoch) << EPOCH | u64::from(scope);
    let context = |stack| {
        context::intern(context::Key {
            stack,
            scope,
            epoch,
        })
    };
    // SAFETY: the hook's own.
    let registers = unsafe { *caller };
    // SAFETY: these are the registers of the hook's caller, whose frame is still there, and the
    // thread is busy: a hook that interrupts this one does not come here.
    unsafe { stack::capture_as(registers, theirs, context) }
}

/// The context of a block that a thread without a scope has reallocated: the new stack, in the scope
/// that the block was in.
unsafe extern "C" fn context_of_reallocated(context: u32, before: u32) -> u32 {
    match (context::get(context), context::get(before)) {
        // Also if that is just ending: its walk is still to come, and finds the block.
        (Some(now), Some(before)) if before.scope != 0 => context::intern(context::Key {
            scope: before.scope,
            ..now
        }),
        _ => context,
    }
}

/// Whether a block could not be recorded for want of memory, ever.
pub(crate) fn has_lost() -> bool {
    // SAFETY: no precondition.
    unsafe { malloc_sys::interpose_has_lost() }
}

/// Contexts that were chosen for a scope are not right for who is in it still.
pub(crate) fn scope_has_ended() {
    // SAFETY: no precondition.
    unsafe { malloc_sys::interpose_memo_expire_made() };
}

/// Called before a library is closed: its code can then still be named.
unsafe extern "C" fn note_closing() {
    if let Some(_names) = fork::names() {
        stack::note_before_closing();
    }
}

unsafe extern "C" fn note_inheritance(scope: u32) {
    scopes::thread_starts(scope);
}

unsafe extern "C" fn note_end(scope: u32) {
    scopes::thread_ended(scope);
}

/// While it lives, what this thread allocates is the checker's own, and is not recorded.
pub(crate) struct Busy {
    was: bool,
}

impl Busy {
    pub(crate) fn enter() -> Self {
        Self {
            // SAFETY: no precondition.
            was: unsafe { malloc_sys::interpose_set_busy(true) },
        }
    }

    /// The other way round: what is allocated while this lives is the program's.
    pub(crate) fn leave() -> Self {
        Self {
            // SAFETY: no precondition.
            was: unsafe { malloc_sys::interpose_set_busy(false) },
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // SAFETY: no precondition.
        unsafe { malloc_sys::interpose_set_busy(self.was) };
    }
}

/// While it lives, the hooks watch.
pub(crate) struct Watch(());

impl Watch {
    pub(crate) fn start() -> Self {
        // SAFETY: `start` has succeeded, or `status` would have kept the caller out.
        unsafe { malloc_sys::interpose_watch() };
        Self(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: undoes the call in `start`.
        unsafe { malloc_sys::interpose_unwatch() };
    }
}

/// Puts this thread, and those that it starts from now on, into a scope; gives back the last one.
pub(crate) fn set_scope(scope: u32) -> u32 {
    // SAFETY: no precondition.
    unsafe { malloc_sys::interpose_set_scope(scope) }
}

/// Puts what threads allocate from now on into epochs, 0 for none: threads that opened a scope, and all
/// others, which may work for several.
pub(crate) fn set_epochs(epoch: u32, outside: u32) {
    // SAFETY: no precondition.
    unsafe { malloc_sys::interpose_set_epochs(epoch, outside) };
}

/// Keeps the object that defines the hooks in the program, whatever the linker makes of the rest.
#[used]
static HOOKS: unsafe extern "C" fn(usize) -> *mut c_void = malloc_sys::interpose_malloc;

const CONTEXT_BITS: u32 = malloc_sys::INTERPOSE_CONTEXT_BITS;
const CONTEXT_MASK: u64 = (1 << CONTEXT_BITS) - 1;

/// The bits above the size.
const RESERVED: u64 = !(u64::MAX >> malloc_sys::INTERPOSE_RESERVED_BITS);

/// Where a live block is, and how many bytes were asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) address: usize,
    pub(crate) size: u64,
}

/// What is known of a live block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record(u64);

impl Record {
    pub(crate) fn size(self) -> u64 {
        (self.0 & !RESERVED) >> CONTEXT_BITS
    }

    pub(crate) fn context(self) -> u32 {
        (self.0 & CONTEXT_MASK) as u32
    }
}

/// A point in time: what is recorded from then on can be visited without all that was before.
#[derive(Clone, Copy)]
pub(crate) struct Generation(u32);

impl Generation {
    /// To be called before anything is recorded that is to be visited since then.
    pub(crate) fn begin() -> Self {
        // SAFETY: no precondition.
        Self(unsafe { malloc_sys::interpose_begin_generation() })
    }
}

/// Gives every live block that was recorded since then to `judge`, and perhaps some from before; it
/// says in what context each is from now on.
///
/// `judge` may be asked more than once for a block that another thread is just freeing; `keep` is
/// told of those that were still there when their context was set, once.
pub(crate) fn walk(
    since: Generation,
    mut judge: impl FnMut(u32) -> Verdict,
    mut keep: impl FnMut(Record, Block),
) {
    let mut record = |slot: &AtomicU64, address| settle(slot, address, &mut judge, &mut keep);
    let mut record: &mut dyn FnMut(&AtomicU64, usize) = &mut record;
    // SAFETY: `visit_record` is given the reference it expects; and the callers hold the lock of the
    // scopes, with the thread busy.
    unsafe { malloc_sys::interpose_walk(since.0, Some(visit_record), (&raw mut record).cast()) };
}

/// What becomes of a block.
#[derive(Clone, Copy)]
pub(crate) struct Verdict {
    /// Whether the walk was for it.
    pub(crate) counts: bool,
    /// Its context from now on, 0 to forget it.
    pub(crate) context: u32,
}

fn settle(
    slot: &AtomicU64,
    address: usize,
    judge: &mut impl FnMut(u32) -> Verdict,
    keep: &mut impl FnMut(Record, Block),
) {
    use core::sync::atomic::Ordering::Relaxed;

    let mut word = slot.load(Relaxed);
    while word != 0 {
        let record = Record(word);
        let verdict = judge(record.context());
        let settled = match verdict.context {
            0 => 0,
            context => word & !CONTEXT_MASK | u64::from(context),
        };
        if settled != word
            && let Err(changed) = slot.compare_exchange(word, settled, Relaxed, Relaxed)
        {
            word = changed; // freed meanwhile, and perhaps the address of another block by now
            continue;
        }
        if verdict.counts {
            let size = record.size();
            keep(record, Block { address, size });
        }
        break;
    }
}

unsafe extern "C" fn visit_record(data: *mut c_void, record: *mut u64, block: usize) {
    // SAFETY: `walk` passes this very reference.
    let settle = unsafe { &mut *data.cast::<&mut dyn FnMut(&AtomicU64, usize)>() };
    // SAFETY: a word that stays mapped for ever and is accessed atomically by everybody.
    settle(unsafe { &*record.cast::<AtomicU64>() }, block);
}
