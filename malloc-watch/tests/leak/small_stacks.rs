//! Stacks with little room: what the checker needs for a walk, it does not take from the program.
//!
//! Each test has room of its own left over, so that no program has to be as exact.

use crate::support::{found_by, is_active, left_by};
use core::ffi::{c_int, c_void};
use core::hint::black_box;
use core::mem::{self, MaybeUninit};
use core::ptr;

/// What a test has left over.
const SPARE: usize = 2048;

/// The least that most C libraries give a thread.
const SMALLEST: usize = if libc::PTHREAD_STACK_MIN < 16 << 10 {
    16 << 10
} else {
    libc::PTHREAD_STACK_MIN
};

/// Calls `run` on a thread whose stack has the smallest size, and waits for its end.
fn on_a_smallest_thread(run: extern "C" fn(*mut c_void) -> *mut c_void) {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    // SAFETY: room for attributes.
    assert_eq!(unsafe { libc::pthread_attr_init(attributes) }, 0);
    // SAFETY: initialised above.
    let error = unsafe { libc::pthread_attr_setstacksize(attributes, SMALLEST) };
    assert_eq!(error, 0);
    let mut thread = 0;
    // SAFETY: initialised attributes, and a function that ignores its argument.
    let error = unsafe { libc::pthread_create(&raw mut thread, attributes, run, ptr::null_mut()) };
    assert_eq!(error, 0);
    // SAFETY: created above.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
    // SAFETY: initialised above, and not used again.
    unsafe { libc::pthread_attr_destroy(attributes) };
}

#[inline(never)]
fn on_a_small_stack(size: usize) -> *mut c_void {
    let spare = [0_u8; SPARE];
    black_box(&spare);
    // SAFETY: no precondition.
    black_box(unsafe { libc::malloc(black_box(size)) })
}

extern "C" fn leaves_blocks(_: *mut c_void) -> *mut c_void {
    for size in [10, 20] {
        black_box(on_a_small_stack(size));
    }
    ptr::null_mut()
}

#[test]
fn a_thread_with_the_smallest_stack_leaves_blocks() {
    if !is_active() {
        return;
    }
    let (report, ()) = left_by(|| on_a_smallest_thread(leaves_blocks));
    assert_eq!(found_by(&report, "on_a_small_stack"), (2, 30), "{report}");
    assert_eq!(found_by(&report, "leaves_blocks"), (2, 30), "{report}");
}

#[inline(never)]
fn on_an_alternate_stack(size: usize) -> *mut c_void {
    let spare = [1_u8; SPARE];
    black_box(&spare);
    // SAFETY: no precondition.
    black_box(unsafe { libc::malloc(black_box(size)) })
}

extern "C" fn handler(_signal: c_int) {
    black_box(on_an_alternate_stack(33));
}

fn page_size() -> usize {
    // SAFETY: no precondition.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

/// Nothing is allocated here before the handler is called.
extern "C" fn raises(_: *mut c_void) -> *mut c_void {
    // Processors with large registers need the usual size for themselves.
    // SAFETY: no precondition.
    let registers = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
    let registers = usize::try_from(registers).unwrap();
    let size = libc::SIGSTKSZ
        .max(2 * registers)
        .next_multiple_of(page_size());
    // SAFETY: a new mapping.
    let stack = unsafe {
        libc::mmap(
            ptr::null_mut(),
            3 * size,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(stack, libc::MAP_FAILED);
    // What is below, and above, cannot be touched.
    // SAFETY: inside the mapping.
    let stack = unsafe { stack.byte_add(size) };
    // SAFETY: inside the mapping.
    let error = unsafe { libc::mprotect(stack, size, libc::PROT_READ | libc::PROT_WRITE) };
    assert_eq!(error, 0);
    let alternate = libc::stack_t {
        ss_sp: stack,
        ss_flags: 0,
        ss_size: size,
    };
    // SAFETY: a stack that is used for nothing else, and stays mapped.
    let error = unsafe { libc::sigaltstack(&raw const alternate, ptr::null_mut()) };
    assert_eq!(error, 0);
    for _ in 0..2 {
        // SAFETY: the handler is installed, and does what glibc allows in one for this signal.
        unsafe { libc::raise(libc::SIGUSR1) };
    }
    ptr::null_mut()
}

#[test]
fn a_signal_handler_on_the_usual_alternate_stack_leaves_blocks() {
    if !is_active() {
        return;
    }
    // SAFETY: a C structure of numbers and null pointers.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as extern "C" fn(c_int) as usize;
    action.sa_flags = libc::SA_ONSTACK;
    // SAFETY: a handler for a signal that nobody else here uses.
    let error = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
    assert_eq!(error, 0);
    let (report, ()) = left_by(|| on_a_smallest_thread(raises));
    // The function alone: the stack is not the thread's own.
    assert_eq!(
        found_by(&report, "on_an_alternate_stack"),
        (2, 66),
        "{report}"
    );
    assert_eq!(found_by(&report, "raises"), (0, 0), "{report}");
}
