use crate::hostile::{Counting, counted_block};
use core::alloc::Layout;
use core::cell::Cell;
use core::ffi::c_int;
use core::ptr::{self, NonNull};
use malloc_safe::{Close, CloseFailure, Deallocator, Owned};

thread_local! {
    /// What the next calls of the deallocator answer.
    static ANSWER: Cell<Result<(), CloseFailure<c_int>>> = const { Cell::new(Ok(())) };
}

struct Asked;

// SAFETY: as Counting.
unsafe impl<T: ?Sized> Deallocator<T> for Asked {
    type Contents = malloc_safe::contents::Read;
    unsafe fn deallocate(ptr: NonNull<T>) {
        // SAFETY: the caller hands over a counted block.
        unsafe { Counting::deallocate(ptr) }
    }
}

// SAFETY: what is kept is not touched, everything else is released.
unsafe impl<T: ?Sized> Close<T> for Asked {
    type Status = c_int;

    unsafe fn close(ptr: NonNull<T>) -> Result<(), CloseFailure<c_int>> {
        let answer = ANSWER.get();
        if !matches!(answer, Err(CloseFailure::Kept(_))) {
            // SAFETY: the caller hands over a counted block.
            unsafe { Counting::deallocate(ptr) }
        }
        answer
    }
}

fn number() -> Owned<u64, Asked> {
    let block = counted_block(Layout::new::<u64>()).cast::<u64>();
    // SAFETY: room for a number.
    unsafe { block.write(7) };
    // SAFETY: a number in a counted block.
    unsafe { Owned::from_raw(block.as_ptr()) }.expect("not NULL")
}

#[test]
fn closing_releases_once_and_says_that_it_did() {
    ANSWER.set(Ok(()));
    assert!(Owned::close(number()).is_ok());
    assert_eq!(Counting::live(), 0);
}

#[test]
fn what_is_gone_despite_the_failure_is_not_released_again() {
    ANSWER.set(Err(CloseFailure::Released(28)));
    let error = Owned::close(number()).unwrap_err();
    assert_eq!((*error.status(), Counting::live()), (28, 0));
    assert_eq!(
        error.to_string(),
        "closing failed with status 28: the object is gone all the same"
    );
    assert_eq!(
        format!("{error:?}"),
        "CloseError { status: 28, kept: false }"
    );
    assert!(error.into_owner().is_none());
}

#[test]
fn what_is_kept_comes_back_and_can_be_closed_later() {
    ANSWER.set(Err(CloseFailure::Kept(5)));
    let error = Owned::close(number()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "closing failed with status 5: the object is still open, and owned by this error"
    );
    let (status, owner) = error.into_parts();
    let owner = owner.expect("kept");
    assert_eq!((status, *owner, Counting::live()), (5, 7, 1));
    ANSWER.set(Ok(()));
    assert!(Owned::close(owner).is_ok());
    assert_eq!(Counting::live(), 0);
}

#[test]
fn an_error_that_nobody_looks_at_releases_what_it_kept() {
    ANSWER.set(Err(CloseFailure::Kept(5)));
    drop(Owned::close(number()));
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_drop_releases_without_asking() {
    ANSWER.set(Err(CloseFailure::Kept(5)));
    drop(number());
    assert_eq!(Counting::live(), 0);
}

#[test]
fn without_a_block_there_is_nothing_to_close() {
    ANSWER.set(Err(CloseFailure::Kept(5)));
    assert!(Owned::close(Owned::<[u64], Asked>::empty()).is_ok());
    // SAFETY: a counted block of which nothing is claimed.
    let empty = unsafe {
        Owned::<[u8], Asked>::from_raw_parts(counted_block(Layout::new::<u8>()).as_ptr(), 0)
    };
    let error = Owned::close(empty.expect("small")).unwrap_err();
    drop(
        error
            .into_owner()
            .expect("a real block of length 0 is closed, and kept"),
    );
    // SAFETY: NULL is allowed.
    assert!(unsafe { Owned::<u64, Asked>::from_raw(ptr::null_mut()) }.is_none());
    assert_eq!(Counting::live(), 0);
}

#[cfg(target_os = "linux")]
mod stdio {
    use core::ptr::NonNull;
    use malloc_safe::{Close, CloseError, CloseFailure, Opaque, Owned, deallocator};
    use std::io;

    enum File {}

    deallocator! {
        struct FileClose(Opaque<File>) = |file: *mut Opaque<File>| {
            // SAFETY: the owner hands over an open stream.
            unsafe { libc::fclose(file.cast()) }
        };
    }

    // SAFETY: after fclose there is no stream, whatever it returns.
    unsafe impl Close<Opaque<File>> for FileClose {
        type Status = io::Error;

        unsafe fn close(ptr: NonNull<Opaque<File>>) -> Result<(), CloseFailure<io::Error>> {
            // SAFETY: the caller hands over an open stream.
            match unsafe { libc::fclose(ptr.as_ptr().cast()) } {
                0 => Ok(()),
                _ => Err(CloseFailure::Released(io::Error::last_os_error())),
            }
        }
    }

    /// Writes a byte, which stays in the stream's buffer, and closes the stream.
    fn write_to(path: &core::ffi::CStr) -> Result<(), CloseError<Opaque<File>, FileClose>> {
        // SAFETY: two C strings.
        let file = unsafe { libc::fopen(path.as_ptr(), c"w".as_ptr()) };
        // SAFETY: NULL, or an open stream.
        let file = unsafe { Owned::<Opaque<File>, FileClose>::from_raw(file.cast()) };
        let file = file.expect("the device is there");
        // SAFETY: the stream is open until its owner is closed.
        let status = unsafe { libc::fputc(b'x'.into(), Owned::as_ptr(&file).cast()) };
        assert_eq!(status, i32::from(b'x'), "one byte is buffered");
        Owned::close(file)
    }

    #[test]
    fn a_stream_that_cannot_be_flushed_says_so_and_is_gone() {
        assert!(write_to(c"/dev/null").is_ok());
        let (status, owner) = write_to(c"/dev/full").unwrap_err().into_parts();
        assert_eq!(status.raw_os_error(), Some(libc::ENOSPC));
        assert!(owner.is_none());
    }
}
