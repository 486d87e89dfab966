//! Zeroed memory that is no block of `malloc`'s where there are hooks in it: pages of the kernel.

use core::ptr::NonNull;

/// Maps `size` zeroed bytes, aligned to 4096 at least. Nothing is committed until it is touched.
#[cfg(target_os = "linux")]
pub(crate) fn map(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: a new mapping, wherever the kernel likes, touches nothing that exists.
    let pages = unsafe {
        libc::mmap(
            core::ptr::null_mut(),
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
#[cfg(target_os = "linux")]
pub(crate) unsafe fn unmap(pages: NonNull<u8>, size: usize) {
    // SAFETY: a whole mapping that the caller gives up.
    unsafe { libc::munmap(pages.as_ptr().cast(), size) };
}

/// Allocates `size` zeroed bytes, aligned to 4096.
#[cfg(not(target_os = "linux"))]
pub(crate) fn map(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the layout's size is not zero, as nobody asks for nothing.
    NonNull::new(unsafe { std::alloc::alloc_zeroed(layout(size)?) })
}

/// Gives memory back.
///
/// # Safety
///
/// It is from [`map`] with this size, and not used again.
#[cfg(not(target_os = "linux"))]
pub(crate) unsafe fn unmap(pages: NonNull<u8>, size: usize) {
    if let Some(layout) = layout(size) {
        // SAFETY: allocated with this layout, and given up by the caller.
        unsafe { std::alloc::dealloc(pages.as_ptr(), layout) };
    }
}

#[cfg(not(target_os = "linux"))]
fn layout(size: usize) -> Option<core::alloc::Layout> {
    core::alloc::Layout::from_size_align(size, 4096)
        .ok()
        .filter(|layout| layout.size() > 0)
}
