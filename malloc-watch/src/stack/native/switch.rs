//! Calls a function on another stack.
//!
//! Reading unwind tables takes 30 KiB of stack where nothing is optimised. That is more than some
//! threads have, and signal handlers on an alternate stack, which get by without the checker.

use core::arch::naked_asm;
use core::ffi::c_void;

/// Calls `work` on the stack that ends at `end`.
///
/// Who unwinds through here, a profiler's signal handler or a panic that `work` itself catches,
/// finds the way back to the stack of the caller.
///
/// # Safety
///
/// `end` is aligned to 16 bytes, and below it is room for `work` and for the signal handlers that may
/// interrupt it, which nobody uses meanwhile. `work` does not unwind: the process would be aborted.
pub(super) unsafe fn call_on<R>(end: *mut c_void, work: impl FnOnce() -> R) -> R {
    let mut call = Call {
        work: Some(work),
        result: None,
    };
    let run = run_of(&call);
    // SAFETY: the caller's promise; `run` is for this very call, which outlives it.
    unsafe { switch(end, run, (&raw mut call).cast()) };
    match call.result {
        Some(result) => result,
        None => unreachable!("`run` has stored it"),
    }
}

struct Call<R, F> {
    work: Option<F>,
    result: Option<R>,
}

type Run = unsafe extern "C" fn(*mut c_void);

/// The function for a type that has no name.
fn run_of<R, F: FnOnce() -> R>(_call: &Call<R, F>) -> Run {
    run::<R, F>
}

/// # Safety
///
/// `call` is a `Call<R, F>` that nothing else uses.
unsafe extern "C" fn run<R, F: FnOnce() -> R>(call: *mut c_void) {
    // SAFETY: the caller's promise.
    let call = unsafe { &mut *call.cast::<Call<R, F>>() };
    call.result = call.work.take().map(|work| work());
}

/// # Safety
///
/// As for `call_on`, and `run` may be called with `call`.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn switch(end: *mut c_void, run: Run, call: *mut c_void) {
    naked_asm!(
        ".cfi_startproc",
        "push rbp",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset rbp, -16",
        "mov rbp, rsp",
        ".cfi_def_cfa_register rbp",
        "mov rsp, rdi",
        "mov rdi, rdx",
        "call rsi",
        "mov rsp, rbp",
        "pop rbp",
        ".cfi_def_cfa rsp, 8",
        "ret",
        ".cfi_endproc",
    )
}

/// # Safety
///
/// As for `call_on`, and `run` may be called with `call`.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn switch(end: *mut c_void, run: Run, call: *mut c_void) {
    naked_asm!(
        ".cfi_startproc",
        "stp x29, x30, [sp, -16]!",
        ".cfi_def_cfa_offset 16",
        ".cfi_offset x29, -16",
        ".cfi_offset x30, -8",
        "mov x29, sp",
        ".cfi_def_cfa_register x29",
        "mov sp, x0",
        "mov x0, x2",
        "blr x1",
        "mov sp, x29",
        ".cfi_def_cfa_register sp",
        "ldp x29, x30, [sp], 16",
        ".cfi_def_cfa_offset 0",
        ".cfi_restore x29",
        ".cfi_restore x30",
        "ret",
        ".cfi_endproc",
    )
}

#[cfg(test)]
mod tests {
    use super::call_on;
    use core::hint::black_box;
    use std::{panic, vec};

    #[repr(C, align(16))]
    #[derive(Clone, Copy)]
    struct Room([u8; 1024]);

    fn elsewhere<R>(work: impl FnOnce() -> R) -> R {
        let mut stack: Box<[Room]> = vec![Room([0; 1024]); 256].into();
        let end = stack.as_mut_ptr_range().end;
        // SAFETY: much room, which nobody else uses; what the tests call does not unwind.
        unsafe { call_on(end.cast(), work) }
    }

    #[test]
    fn work_runs_on_the_other_stack_and_its_result_comes_back() {
        let address = |variable: &u64| (&raw const *variable).addr();
        let here = address(&black_box(1));
        let words = [1_u64, 2, 3].map(black_box);
        let (there, twice) = elsewhere(|| (address(&black_box(1)), words.map(|word| 2 * word)));
        assert!(here.abs_diff(there) > 256 << 10, "{here:#x} {there:#x}");
        assert_eq!(twice, [2, 4, 6]);
        assert!(here.abs_diff(address(&black_box(1))) < 64 << 10);
    }

    #[inline(never)]
    fn called_from_here<R>(work: impl FnOnce() -> R) -> R {
        black_box(elsewhere(work)) // not the last call
    }

    #[test]
    fn the_systems_unwinder_finds_the_way_back() {
        let functions = called_from_here(|| {
            let mut functions: Vec<String> = Vec::new();
            backtrace::trace(|frame| {
                backtrace::resolve_frame(frame, |symbol| {
                    functions.extend(symbol.name().map(|name| std::format!("{name:#}")));
                });
                true
            });
            functions
        });
        let position = |part: &str| functions.iter().position(|name| name.contains(part));
        let switch = position("switch::switch");
        let caller = position("called_from_here");
        let test = position("the_systems_unwinder_finds_the_way_back");
        assert!(switch.is_some() && switch < caller, "{functions:#?}");
        assert!(test.is_some() && functions.len() > 10, "{functions:#?}");
    }

    #[test]
    fn a_panic_that_work_catches_goes_no_further() {
        let caught = called_from_here(|| panic::catch_unwind(|| panic::resume_unwind(Box::new(7))));
        let payload = caught.expect_err("a panic").downcast::<i32>();
        assert_eq!(*payload.expect("its payload"), 7);
    }
}
