//! What NULL, 0, too much, and pointers of the wrong or an unusual alignment do, constructor by
//! constructor: the table on the crate's front page. A vector's are in `vec/parts.rs`.

use crate::hostile::{Counting, counted_block};
use crate::shared::Release;
use core::alloc::Layout;
use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;
use core::ptr;
use malloc_safe::{
    Borrowed, CStringError, Lent, NulTerminated, Opaque, Out, Owned, OwnedWith, RawPartsError,
    Shared, out,
};
use malloc_sys::counted;
use std::panic::{AssertUnwindSafe, catch_unwind};

type Numbers = Owned<[u64], Counting>;

/// A block in which one number fits.
fn block() -> *mut u64 {
    counted_block(Layout::new::<u64>()).cast().as_ptr()
}

/// What out::slice makes of a pointer and a length.
fn left_by_c(ptr: *mut u64, len: usize) -> Result<Numbers, RawPartsError<u64, Counting>> {
    let fill = |ptr_out: *mut *mut u64, len_out: *mut usize| {
        // SAFETY: a place for a pointer.
        unsafe { ptr_out.write(ptr) };
        // SAFETY: a place for a length.
        unsafe { len_out.write(len) };
    };
    // SAFETY: the tests below leave what from_raw_parts accepts, or refuses.
    unsafe { out::slice(fill) }.1
}

#[test]
fn null_is_none() {
    // SAFETY: NULL is allowed, here and below.
    assert!(unsafe { Owned::<u64>::from_raw(ptr::null_mut()) }.is_none());
    // SAFETY: as above.
    assert!(unsafe { Owned::<NulTerminated<Lent<u64>>>::from_raw(ptr::null_mut()) }.is_none());
    // SAFETY: as above.
    assert!(unsafe { Owned::<CStr>::from_raw_c_str(ptr::null_mut()) }.is_none());
    // SAFETY: as above.
    let bounded = unsafe { Owned::<CStr>::from_raw_bounded(ptr::null_mut(), 9) };
    assert!(bounded.expect("nothing to search").is_none());
    // SAFETY: as above.
    assert!(unsafe { Shared::<Opaque<counted>, Release>::from_raw(ptr::null_mut()) }.is_none());
    // SAFETY: as above.
    assert!(unsafe { Shared::<Opaque<counted>, Release>::retain(ptr::null_mut()) }.is_none());
    // SAFETY: as above.
    assert!(unsafe { Borrowed::<u64>::from_raw(ptr::null_mut()) }.is_none());
    let ((), left) = out::owner(|_: Out<'_, Owned<u64, Counting>>| ());
    assert!(left.is_none());
}

#[test]
fn null_with_length_0_is_empty_and_with_another_an_error() {
    // SAFETY: NULL is allowed, here and below.
    let empty = unsafe { Numbers::from_raw_parts(ptr::null_mut(), 0) };
    assert!(empty.expect("allowed").is_empty());
    assert!(left_by_c(ptr::null_mut(), 0).expect("allowed").is_empty());
    for len in [1, usize::MAX] {
        // SAFETY: as above.
        let error = unsafe { Numbers::from_raw_parts(ptr::null_mut(), len) }.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("NULL with length {len}: only length 0 may come without a block")
        );
        assert!(error.into_block().is_none());
        assert_eq!(left_by_c(ptr::null_mut(), len).unwrap_err().length(), len);
    }
}

#[test]
fn nothing_at_all_is_a_block_where_c_gave_one_and_none_where_rust_asks_for_one() {
    // SAFETY: a counted block of which nothing is claimed.
    let empty = unsafe { Numbers::from_raw_parts(block(), 0) }.expect("allowed");
    assert_eq!((empty.len(), Counting::live()), (0, 1));
    drop(empty);
    drop(left_by_c(block(), 0).expect("allowed"));
    // SAFETY: as above.
    let unbounded = unsafe { Owned::<CStr, Counting>::from_raw_bounded(block().cast(), 0) };
    let bytes = unbounded.expect_err("no byte to be NUL").into_owner();
    assert_eq!((bytes.len(), Counting::live()), (0, 1));
    drop(bytes);

    let none = Owned::<[u64], Counting>::try_from_slice_in(&[]).expect("nothing is needed");
    let made = Owned::<[u64], Counting>::try_from_fn_in(0, |_| 1).expect("nothing is needed");
    let room = Owned::<[MaybeUninit<u64>], Counting>::try_uninit_in(0).expect("nothing is needed");
    assert!(none.is_empty() && made.is_empty() && room.is_empty());
    assert_eq!(Counting::live(), 0);
    let string = Owned::<CStr, Counting>::try_from_bytes_in(b"").expect("enough memory");
    assert_eq!(Counting::live(), 1, "a terminator needs its block");
    drop(string);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn too_much_is_an_error_that_owns_the_block() {
    let most = isize::MAX as usize / 8;
    for len in [most + 1, usize::MAX] {
        // SAFETY: nothing is claimed by a length that cannot be.
        let error = unsafe { Numbers::from_raw_parts(block(), len) }.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("length {len} makes the block larger than isize::MAX bytes")
        );
        assert_eq!((error.length(), Counting::live()), (len, 1));
        drop(error.into_block());
        drop(left_by_c(block(), len).expect_err("too large"));
        assert_eq!(Counting::live(), 0);

        let error = Owned::<[u64], Counting>::try_from_fn_in(len, |_| 1).unwrap_err();
        assert_eq!(error.requested_bytes(), len.checked_mul(8));
        assert!(Owned::<[MaybeUninit<u64>], Counting>::try_uninit_in(len).is_err());
    }
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_bound_may_be_larger_than_the_block() {
    let text = block().cast::<c_char>();
    // SAFETY: two bytes fit.
    unsafe { text.copy_from_nonoverlapping(c"x".as_ptr(), 2) };
    // SAFETY: a counted block, with a NUL in it.
    let string = unsafe { Owned::<CStr, Counting>::from_raw_bounded(text, usize::MAX) };
    assert_eq!(string.expect("terminated").as_deref(), Some(c"x"));
    assert_eq!(Counting::live(), 0);
}

#[test]
fn a_nul_among_the_bytes_is_an_error_that_says_where() {
    let error = Owned::<CStr, Counting>::try_from_bytes_in(b"a\0b\0").unwrap_err();
    assert_eq!(error, CStringError::InteriorNul { position: 1 });
}

#[cfg(debug_assertions)]
#[test]
fn a_misaligned_pointer_panics_in_debug_builds() {
    fn panics(run: impl FnOnce()) -> bool {
        let panic = catch_unwind(AssertUnwindSafe(run)).err();
        panic.is_some_and(|panic| {
            let message = panic.downcast_ref::<String>();
            message.is_some_and(|message| message.contains("is not aligned for"))
        })
    }

    let mut room = [0_u64; 2];
    let wrong: *mut u64 = room.as_mut_ptr().wrapping_byte_add(1);
    // SAFETY: the check comes before the pointer is adopted, here and below.
    assert!(panics(|| drop(unsafe { Owned::<u64>::from_raw(wrong) })));
    assert!(panics(|| {
        // SAFETY: as above.
        drop(unsafe { Owned::<NulTerminated<Lent<u64>>>::from_raw(wrong.cast()) });
    }));
    // SAFETY: as above.
    assert!(panics(|| drop(unsafe {
        Numbers::from_raw_parts(wrong, 1)
    })));
    // SAFETY: as above; also where the length is wrong too.
    assert!(panics(|| drop(unsafe {
        Numbers::from_raw_parts(wrong, usize::MAX)
    })));
    assert!(panics(|| drop(left_by_c(wrong, 1))));
    // SAFETY: as above.
    assert!(panics(|| drop(unsafe {
        Shared::<u64, NeverCounts>::from_raw(wrong)
    })));
    // SAFETY: as above.
    assert!(panics(|| drop(unsafe {
        Shared::<u64, NeverCounts>::retain(wrong)
    })));
    assert!(panics(|| {
        // SAFETY: as above.
        let shown = unsafe { Borrowed::<u64>::from_raw(wrong) };
        assert!(shown.is_none());
    }));
    let ptr = ptr::NonNull::new(wrong).expect("not NULL");
    // SAFETY: as above.
    assert!(panics(|| drop(unsafe { OwnedWith::new(ptr, |_| ()) })));
    let slice = ptr::NonNull::slice_from_raw_parts(ptr, 1);
    // SAFETY: as above.
    assert!(panics(|| drop(unsafe { OwnedWith::new(slice, |_| ()) })));
}

/// For pointers that are refused before anybody counts.
#[cfg(debug_assertions)]
struct NeverCounts;

// SAFETY: it gets no object.
#[cfg(debug_assertions)]
unsafe impl malloc_safe::Deallocator<u64> for NeverCounts {
    type Contents = malloc_safe::contents::Read;
    unsafe fn deallocate(_: ptr::NonNull<u64>) {
        unreachable!("nothing was adopted")
    }
}

// SAFETY: as above.
#[cfg(debug_assertions)]
unsafe impl malloc_safe::RefCounted<u64> for NeverCounts {
    unsafe fn retain(_: ptr::NonNull<u64>) {
        unreachable!("nothing was adopted")
    }
}

/// Rust does not allocate it (`try_new` and its kin do not compile), but C may.
#[cfg(unix)]
#[test]
fn an_over_aligned_block_of_cs_is_adopted_and_freed() {
    #[repr(align(64))]
    struct CacheLine(u8);

    let mut block = ptr::null_mut();
    // SAFETY: a place for a pointer, a power of two, and a size.
    let status = unsafe { libc::posix_memalign(&raw mut block, 64, 128) };
    assert_eq!(status, 0);
    let lines = block.cast::<CacheLine>();
    for position in 0..2 {
        // SAFETY: room for two.
        let line = unsafe { lines.add(position) };
        // SAFETY: as above, and aligned.
        unsafe { line.write(CacheLine(7)) };
    }
    // SAFETY: two lines, in a block for free.
    let lines = unsafe { Owned::<[CacheLine]>::from_raw_parts(lines, 2) }.expect("small");
    assert_eq!(lines.iter().map(|line| line.0).sum::<u8>(), 14);
    let (ptr, _) = Owned::into_raw_parts(lines);
    // SAFETY: the first of them, in the same block.
    let line = unsafe { Owned::<CacheLine>::from_raw(ptr) }.expect("not NULL");
    assert_eq!(line.0, 7);
}
