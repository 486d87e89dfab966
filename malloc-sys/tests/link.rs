//! What a consumer's link gives: the functions of each feature exist and keep their contracts.

use std::ptr;

#[test]
fn allocation_family_is_the_c_librarys() {
    // SAFETY: calloc has no precondition.
    let block = unsafe { malloc_sys::calloc(4, 8) }.cast::<u64>();
    assert!(!block.is_null());
    // SAFETY: `block` came from calloc and is replaced by the result.
    let grown = unsafe { malloc_sys::realloc(block.cast(), 64) }.cast::<u64>();
    assert!(!grown.is_null());
    // SAFETY: calloc zeroed the first 32 bytes and realloc kept them.
    assert_eq!(unsafe { grown.read() }, 0);
    // SAFETY: `grown` came from realloc and is not used again.
    unsafe { malloc_sys::free(grown.cast()) };
}

#[cfg(unix)]
#[test]
fn posix_memalign_aligns() {
    let mut block = ptr::null_mut();
    // SAFETY: `block` is a valid out-parameter, 64 a power of two.
    let status = unsafe { malloc_sys::posix_memalign(&raw mut block, 64, 1) };
    assert_eq!(status, 0);
    assert_eq!(block.addr() % 64, 0);
    // SAFETY: `block` came from posix_memalign and is not used again.
    unsafe { malloc_sys::free(block) };
}

#[cfg(feature = "workload")]
mod workload {
    use super::ptr;
    use std::ffi::CStr;
    use std::slice;

    #[test]
    fn function_malloc_is_50_mib_of_dashes_and_ends() {
        // SAFETY: no precondition.
        let string = unsafe { malloc_sys::functionMalloc() };
        assert!(!string.is_null());
        // SAFETY: the function terminates its string.
        let bytes = unsafe { CStr::from_ptr(string) }.to_bytes();
        assert_eq!(bytes.len(), 50 * 1024 * 1024);
        assert!(bytes.iter().all(|&byte| byte == b'-'));
        // SAFETY: transfer full, and not used again.
        unsafe { malloc_sys::free(string.cast()) };
    }

    #[test]
    fn a_length_that_cannot_be_is_null_not_a_crash() {
        for length in [usize::MAX, usize::MAX - 1, usize::MAX / 2] {
            // SAFETY: no precondition.
            assert!(unsafe { malloc_sys::workload_string(length, 45) }.is_null());
            // SAFETY: no precondition.
            assert!(unsafe { malloc_sys::token_new(length, 45) }.is_null());
            let mut out = ptr::dangling_mut();
            let mut out_length = 7;
            // SAFETY: both out-parameters are valid.
            let status = unsafe {
                malloc_sys::workload_buffer(length, 45, &raw mut out, &raw mut out_length)
            };
            assert_eq!(status, libc::ENOMEM);
            assert!(out.is_null());
            assert_eq!(out_length, 0);
        }
    }

    #[test]
    fn a_refill_replaces_the_block_only_where_it_is_too_small() {
        let (mut bytes, mut capacity) = (ptr::null_mut(), 0);
        let mut refill = |length, fill| {
            // SAFETY: the places hold NULL and 0, or a malloc block and its size.
            let status = unsafe {
                malloc_sys::workload_refill(length, fill, &raw mut bytes, &raw mut capacity)
            };
            (status, bytes, capacity)
        };
        assert_eq!(refill(0, b'a'), (0, ptr::null_mut(), 0));
        let (status, first, capacity) = refill(64, b'b');
        assert_eq!((status, capacity), (0, 64));
        assert_eq!(refill(3, b'c'), (0, first, 64));
        assert_eq!(refill(usize::MAX, b'd'), (libc::ENOMEM, first, 64));
        // SAFETY: the block holds 64 bytes, the first three of the last refill that succeeded.
        let text = unsafe { slice::from_raw_parts(first, 64) };
        assert!(text.starts_with(b"cccb") && text.ends_with(b"b"));
        // SAFETY: the block is malloc's, and not used again.
        unsafe { malloc_sys::free(first.cast()) };
    }

    #[test]
    fn tokens_are_counted() {
        // SAFETY: no precondition.
        let before = unsafe { malloc_sys::tokens_live() };
        // SAFETY: no precondition.
        let token = unsafe { malloc_sys::token_new(3, 65) };
        // SAFETY: no precondition.
        assert_eq!(unsafe { malloc_sys::tokens_live() }, before + 1);
        // SAFETY: `token` came from token_new and is not used again.
        unsafe { malloc_sys::token_free(token) };
        // SAFETY: no precondition.
        assert_eq!(unsafe { malloc_sys::tokens_live() }, before);
    }
}
