//! Zeroed pages from the kernel: memory that is no block of `malloc`'s.

use core::ptr::{self, NonNull};

/// Maps `size` zeroed bytes, aligned to a page. Nothing is committed until it is touched.
pub(super) fn map(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: a new mapping, wherever the kernel likes, touches nothing that exists.
    let pages = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if pages == libc::MAP_FAILED {
        return None;
    }
    // The few pages that are used must not become huge ones.
    // SAFETY: advice on the mapping above, whose contents stay.
    unsafe { libc::madvise(pages, size, libc::MADV_NOHUGEPAGE) };
    NonNull::new(pages.cast())
}

/// Gives pages back.
///
/// # Safety
///
/// They are from [`map`] with this size, and not used again.
pub(super) unsafe fn unmap(pages: NonNull<u8>, size: usize) {
    // SAFETY: a whole mapping that the caller gives up.
    unsafe { libc::munmap(pages.as_ptr().cast(), size) };
}
