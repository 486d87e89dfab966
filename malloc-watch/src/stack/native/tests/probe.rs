//! Calls `capture` as a hook does: with the registers of the function that called it.

use core::arch::global_asm;
use core::cell::RefCell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use std::sync::{Mutex, Once};
use std::{ptr, thread_local};

use crate::stack::{
    MAX_FRAMES, Registers, StackId, capture, frames, memo_mismatches, prepare, validate,
};

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl malloc_safe_test_probe",
    "malloc_safe_test_probe:",
    ".cfi_startproc",
    "sub rsp, 24",
    ".cfi_def_cfa_offset 32",
    "mov rax, [rsp + 24]",
    "mov [rsp], rax",
    "lea rax, [rsp + 32]",
    "mov [rsp + 8], rax",
    "mov [rsp + 16], rbp",
    "mov rdi, rsp",
    "call {probed}",
    "add rsp, 24",
    ".cfi_def_cfa_offset 8",
    "ret",
    ".cfi_endproc",
    probed = sym probed,
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl malloc_safe_test_probe",
    "malloc_safe_test_probe:",
    ".cfi_startproc",
    "stp x29, x30, [sp, -48]!",
    ".cfi_def_cfa_offset 48",
    ".cfi_offset x29, -48",
    ".cfi_offset x30, -40",
    "add x9, sp, 48",
    "stp x30, x9, [sp, 16]",
    "str x29, [sp, 32]",
    "add x0, sp, 16",
    "bl {probed}",
    "ldp x29, x30, [sp], 48",
    ".cfi_def_cfa_offset 0",
    ".cfi_restore x29",
    ".cfi_restore x30",
    "ret",
    ".cfi_endproc",
    probed = sym probed,
);

unsafe extern "C" {
    /// Takes the stack of its caller.
    #[link_name = "malloc_safe_test_probe"]
    safe fn raw_probe() -> u32;
}

/// Stacks that differed: ours and theirs.
type Differing = Vec<(Vec<usize>, Vec<usize>)>;

thread_local! {
    /// `None` while stacks are not compared.
    static DIFFERING: RefCell<Option<Differing>> = const { RefCell::new(None) };
}

extern "C" fn probed(registers: &Registers) -> u32 {
    // SAFETY: the registers of the function that called the probe.
    let id = unsafe { capture(*registers) };
    // At a thread's end the variable is gone before the last stacks are taken.
    let _ = DIFFERING.try_with(|differing| {
        let mut differing = differing.borrow_mut();
        let Some(differing) = differing.as_mut() else {
            return;
        };
        let mut theirs = Vec::new();
        backtrace::trace(|frame| {
            theirs.push(frame.ip().addr());
            true
        });
        // Down to the function that called the probe, and without the zero at the end.
        let theirs = theirs.into_iter().skip_while(|&ip| ip != registers.pc);
        let theirs: Vec<_> = theirs.take_while(|&ip| ip != 0).take(MAX_FRAMES).collect();
        if frames(id) != theirs {
            differing.push((frames(id).to_vec(), theirs));
        }
    });
    id.get()
}

/// The stack of the function that this is inlined into.
#[inline(always)]
#[allow(clippy::inline_always, reason = "a call would be one more frame")]
pub(super) fn probe() -> StackId {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(prepare);
    // SAFETY: the probe returns an identifier's number.
    unsafe { StackId::from_u32(raw_probe()) }
}

/// Compares every stack that `run` takes in this thread with what the system's unwinder finds.
pub(super) fn compared<R>(run: impl FnOnce() -> R) -> R {
    DIFFERING.set(Some(Vec::new()));
    let result = run();
    assert_eq!(DIFFERING.take(), Some(Vec::new()), "ours and theirs");
    result
}

/// Walks every stack that is taken meanwhile, and checks that the memo was right about it.
pub(super) fn validated<R>(run: impl FnOnce() -> R) -> R {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock();
    validate(true);
    let result = run();
    validate(false);
    drop(guard);
    assert_eq!(memo_mismatches(), 0);
    result
}

/// Runs in a thread that has little around it: the C library's two functions, and one here.
pub(super) fn on_a_bare_thread<R: Send, F: FnOnce() -> R + Send>(run: F) -> R {
    with_stack(1 << 20, run)
}

/// The same with so large a stack.
pub(super) fn with_stack<R: Send, F: FnOnce() -> R + Send>(size: usize, run: F) -> R {
    struct Task<R, F>(Option<F>, Option<R>);

    extern "C" fn start<R, F: FnOnce() -> R>(task: *mut c_void) -> *mut c_void {
        // SAFETY: the task below, which waits for this thread.
        let task = unsafe { &mut *task.cast::<Task<R, F>>() };
        task.1 = task.0.take().map(|run| run());
        ptr::null_mut()
    }

    let mut attributes = MaybeUninit::uninit();
    // SAFETY: a place for attributes.
    let error = unsafe { libc::pthread_attr_init(attributes.as_mut_ptr()) };
    assert_eq!(error, 0, "pthread_attr_init");
    // SAFETY: attributes.
    let error = unsafe { libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), size) };
    assert_eq!(error, 0, "pthread_attr_setstacksize");
    let mut task = Task(Some(run), None);
    let mut thread = 0;
    let argument = (&raw mut task).cast();
    // SAFETY: attributes, and a function for this argument, which outlives the thread.
    let error = unsafe {
        libc::pthread_create(
            &raw mut thread,
            attributes.as_ptr(),
            start::<R, F>,
            argument,
        )
    };
    assert_eq!(error, 0, "pthread_create");
    // SAFETY: created above, and joined once.
    let error = unsafe { libc::pthread_join(thread, ptr::null_mut()) };
    assert_eq!(error, 0, "pthread_join");
    // SAFETY: attributes, not used again.
    unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    task.1.expect("no panic")
}
