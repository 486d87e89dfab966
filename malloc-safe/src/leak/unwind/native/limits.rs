//! How far the current thread's stack reaches.
//!
//! `pthread_getattr_np` cannot be asked inside `malloc`: it allocates, and hangs while a thread
//! starts. So the end is a bound that is known without asking, and what is below it has to prove
//! readable without a hole: a guard page, or a gap, lies between this stack and any other.

use core::arch::asm;
use core::sync::atomic::{AtomicI32, Ordering};

use super::errno;

/// As much as has to be proved readable at a time. Kernels have pages of this size, or larger.
const PAGE: usize = 4096;

/// The current thread's stack, as far as it is known. All zero: nothing is known.
#[repr(C)]
pub(super) struct Limits {
    /// Proved readable from here…
    low: usize,
    /// …up to here, beyond the outermost frame. 0 while it is not known.
    top: usize,
    /// Proved to be another stack's: a hole lies between it and this one.
    foreign_low: usize,
    foreign_top: usize,
}

impl Limits {
    /// The end of the stack that `sp` is on, if that is the current thread's own: everything from
    /// `sp` up to it is readable, and stays so until the function whose `sp` it is has returned.
    #[inline]
    pub(super) fn top_above(&mut self, sp: usize) -> Option<usize> {
        if self.low <= sp && sp < self.top {
            return Some(self.top);
        }
        self.extend_to(sp)
    }

    #[cold]
    fn extend_to(&mut self, sp: usize) -> Option<usize> {
        if self.foreign_low <= sp && sp < self.foreign_top {
            return None;
        }
        let (proved, top) = if self.top == 0 {
            let top = bound_above(sp)?;
            (top, top)
        } else {
            (self.low, self.top)
        };
        if sp >= top {
            return None;
        }
        let low = sp & !(PAGE - 1);
        let mut page = low;
        while page < proved {
            if !readable(page) {
                self.foreign_low = low;
                self.foreign_top = page;
                return None;
            }
            page += PAGE;
        }
        self.low = low;
        self.top = top;
        Some(top)
    }
}

/// The address nearest above `sp` that is known to lie beyond the frames of a stack.
fn bound_above(sp: usize) -> Option<usize> {
    // The kernel puts these random bytes above the first function's frame.
    // SAFETY: no precondition.
    let main = usize::try_from(unsafe { libc::getauxval(libc::AT_RANDOM) }).ok()?;
    // Threads have their control block, which this points to, above their frames.
    let control = thread_pointer();
    if sp < control && control.wrapping_sub(sp) < main.wrapping_sub(sp) {
        // The first thread's control block is on no stack: `sp` is on one that was made by hand.
        return (!is_first_thread()).then_some(control & !7);
    }
    (sp < main).then_some(main & !7)
}

/// Whether this is the thread that the process began with.
fn is_first_thread() -> bool {
    static PROCESS: AtomicI32 = AtomicI32::new(0);
    // SAFETY: no precondition.
    let process = unsafe { libc::getpid() };
    let known = match PROCESS.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => process,
        Err(known) => known,
    };
    // SAFETY: no precondition.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    // A forked child's only thread has the child's number, and may be on any thread's stack.
    known == process && thread == libc::c_long::from(process)
}

/// The address of the thread's control block.
fn thread_pointer() -> usize {
    let pointer: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the ABI has the control block begin with its own address.
    unsafe {
        asm!("mov {}, fs:[0]", out(reg) pointer, options(nostack, preserves_flags, readonly));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads a register that programs may read.
    unsafe {
        asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nostack, preserves_flags, nomem));
    }
    pointer
}

/// Whether the eight bytes at `address`, and so its page, can be read.
pub(super) fn readable(address: usize) -> bool {
    let no_such_operation = -1;
    let set_size = 8_usize;
    // The kernel reads the set before it refuses the operation, and so changes nothing.
    // SAFETY: an address that cannot be read gives EFAULT.
    let result = unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            no_such_operation,
            address,
            0_usize,
            set_size,
        )
    };
    result == 0 || errno::get() != libc::EFAULT
}
