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

/// Not proved further than this at a time: what is so far away is another stack.
const FAR: usize = 256 << 20;

/// The current thread's stack, as far as it is known. All zero: nothing is known.
#[repr(C)]
pub(super) struct Limits {
    /// Proved readable from here…
    low: usize,
    /// …up to here, beyond the outermost frame. 0 while it is not known.
    top: usize,
    /// Below `low`, and not readable: what is below is another stack.
    hole: usize,
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
        if sp < self.hole {
            return None;
        }
        let (proved, top) = if self.top == 0 {
            let top = bound_above(sp)?;
            (top, top)
        } else {
            (self.low, self.top)
        };
        if sp >= top || proved - sp > FAR {
            return None;
        }
        let low = sp & !(PAGE - 1);
        let mut page = low;
        while page < proved {
            if !readable(page) {
                self.hole = page;
                return None;
            }
            page += PAGE;
        }
        self.low = low;
        self.top = top;
        Some(top)
    }
}

/// An address that lies beyond the frames of the current thread's stack, if `sp` is on it.
fn bound_above(sp: usize) -> Option<usize> {
    // SAFETY: no precondition.
    let random = unsafe { libc::getauxval(libc::AT_RANDOM) };
    // The kernel put these random bytes above the frames of the thread that it started.
    let first = usize::try_from(random).ok()? & !7;
    // Other threads have their control block above their frames.
    let other = thread_pointer() & !7;
    let is_other = match origin() {
        Origin::Kernel => false,
        Origin::Library => true,
        // The nearer one above.
        Origin::Fork => sp < other && other.wrapping_sub(sp) < first.wrapping_sub(sp),
    };
    let bound = if is_other { other } else { first };
    (sp < bound).then_some(bound)
}

/// Who made the current thread's stack.
enum Origin {
    /// The process began with it.
    Kernel,
    /// Its thread was created.
    Library,
    /// One of those, in the parent process.
    Fork,
}

fn origin() -> Origin {
    /// The process in which this was asked first.
    static PROCESS: AtomicI32 = AtomicI32::new(0);
    // SAFETY: no precondition.
    let process = unsafe { libc::getpid() };
    let known = match PROCESS.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => process,
        Err(known) => known,
    };
    // SAFETY: no precondition.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    if thread != libc::c_long::from(process) {
        Origin::Library
    } else if known == process {
        Origin::Kernel
    } else {
        Origin::Fork
    }
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
