//! The C library's own growing buffers.

use core::ffi::{c_char, c_int};
use malloc_safe::{CVec, Free, Owned, out};

unsafe extern "C" {
    fn getline(line: *mut *mut c_char, capacity: *mut usize, from: *mut libc::FILE) -> isize;
    fn open_memstream(block: *mut *mut c_char, length: *mut usize) -> *mut libc::FILE;
}

/// What is read with `getline` from a file with these contents, line by line, into one vector
/// after another, or always the same.
fn lines(contents: &[u8], first: CVec<u8>) -> Vec<Vec<u8>> {
    // SAFETY: no precondition.
    let file = unsafe { libc::tmpfile() };
    assert!(!file.is_null());
    // SAFETY: the stream is open, and so many bytes are there.
    let written = unsafe { libc::fwrite(contents.as_ptr().cast(), 1, contents.len(), file) };
    assert_eq!(written, contents.len());
    // SAFETY: the stream is open.
    unsafe { libc::rewind(file) };

    let mut line = first;
    let mut lines = Vec::new();
    loop {
        let call = |block: *mut *mut u8, capacity| {
            // SAFETY: both places are valid, and so is the stream.
            let read = unsafe { getline(block.cast(), capacity, file) };
            (read, read.try_into().unwrap_or(0))
        };
        // SAFETY: getline leaves NULL, or a malloc block and its size, and returns how many
        // bytes it wrote, or -1.
        let read = unsafe { out::in_out(&mut line, call) }.expect("they fit");
        if read < 0 {
            break;
        }
        lines.push(line.to_vec());
    }
    assert!(line.is_empty(), "-1 says that nothing was read");
    assert!(lines.is_empty() || line.capacity() > 0, "the block stays");
    // SAFETY: the stream is open, and not used again.
    assert_eq!(unsafe { libc::fclose(file) }, 0);
    lines
}

#[test]
fn getline_grows_the_vector_that_it_is_lent() {
    let long = vec![b'x'; 10_000];
    let contents = [&b"one\n\na\0b\n"[..], &long, b"\nlast"].concat();
    let expected = [
        &b"one\n"[..],
        b"\n",
        b"a\0b\n",
        &[&long[..], b"\n"].concat(),
        b"last",
    ];
    assert_eq!(lines(&contents, CVec::new()), expected);
    let small = CVec::try_from_iter(*b"?").expect("enough memory");
    assert_eq!(lines(&contents, small), expected);
    let large = CVec::try_with_capacity(1 << 16).expect("enough memory");
    assert_eq!(lines(&contents, large), expected);
    assert!(lines(b"", CVec::new()).is_empty());
}

/// What a memory stream holds after these bytes were written to it.
fn streamed(bytes: &[u8]) -> Owned<[u8]> {
    let call = |block: *mut *mut u8, length: *mut usize| -> c_int {
        // SAFETY: both places outlive the stream.
        let stream = unsafe { open_memstream(block.cast(), length) };
        if stream.is_null() {
            return -1;
        }
        // SAFETY: the stream is open, and so many bytes are there.
        unsafe { libc::fwrite(bytes.as_ptr().cast(), 1, bytes.len(), stream) };
        // SAFETY: as above; it is not used again. This is what stores block and length.
        unsafe { libc::fclose(stream) }
    };
    // SAFETY: without a stream NULL and 0 are there, after it a malloc block and the length.
    let (status, streamed) = unsafe { out::slice::<u8, Free, _>(call) };
    assert_eq!(status, 0);
    streamed.expect("they fit")
}

#[test]
fn a_memory_stream_leaves_a_slice_that_can_grow() {
    assert!(streamed(b"").is_empty());
    assert_eq!(*streamed(b"with a \0 in it"), *b"with a \0 in it");

    let mut vector = CVec::from(streamed(&[b'-'; 10_000]));
    vector
        .try_extend_from_slice(b" and more")
        .expect("enough memory");
    assert_eq!(vector.len(), 10_009);
    assert!(vector.ends_with(b"- and more"));
}
