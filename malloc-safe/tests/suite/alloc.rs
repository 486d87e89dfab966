use crate::hostile::{Counting, Element};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use malloc_safe::{AllocError, Allocator, CStringError, Deallocator, Free, Owned};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn a_failed_allocation_gives_the_value_back() {
    let error = Counting::with_budget(0, || {
        Owned::<String, Counting>::try_new_in("kept".to_owned()).unwrap_err()
    });
    assert_eq!(error.requested_bytes(), Some(size_of::<String>()));
    assert_eq!(error.into_value(), "kept");
}

#[test]
fn failure_at_each_allocation_leaks_nothing() {
    for budget in 0..3 {
        let made: Vec<_> = Counting::with_budget(budget, || {
            (0..3)
                .map_while(|n| Owned::<u32, Counting>::try_new_in(n).ok())
                .collect()
        });
        assert_eq!(made.len(), budget);
        assert_eq!(Counting::live(), budget);
        drop(made);
        assert_eq!(Counting::live(), 0);
    }
}

#[test]
fn a_size_that_cannot_be_is_an_error_and_not_an_abort() {
    for len in [usize::MAX, isize::MAX as usize / 8 + 1] {
        let error = Owned::<[u64]>::try_from_fn(len, |_| unreachable!()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot allocate {len} elements of 8 bytes each")
        );
        assert_eq!(error.requested_bytes(), len.checked_mul(8));
    }
    // Larger than any address space in use, so malloc itself says no. 32 bits have no such number.
    #[cfg(target_pointer_width = "64")]
    {
        let error = Owned::<[MaybeUninit<u8>]>::try_uninit(1 << 62).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot allocate 4611686018427387904 bytes"
        );
    }
}

#[test]
fn an_initialiser_that_panics_loses_nothing() {
    for position in 0..4 {
        let dropped = Element::dropped_by(|| {
            let panic = catch_unwind(AssertUnwindSafe(|| {
                Owned::<[Element], Counting>::try_from_fn_in(4, |value| {
                    assert_ne!(value, position, "no element there");
                    Element {
                        value: 0,
                        bomb: false,
                    }
                })
            }));
            assert!(panic.is_err());
        });
        assert_eq!((dropped, Counting::live()), (position, 0));
    }
}

#[test]
fn an_empty_slice_allocates_nothing() -> Result<(), AllocError> {
    Counting::with_budget(0, || {
        assert!(Owned::<[u32], Counting>::try_from_slice_in(&[])?.is_empty());
        assert!(Owned::<[u32], Counting>::try_from_fn_in(0, |_| 1)?.is_empty());
        assert!(Owned::<[MaybeUninit<u32>], Counting>::try_uninit_in(0)?.is_empty());
        Ok(())
    })
}

#[test]
fn elements_without_a_size_have_a_block() -> Result<(), AllocError> {
    let units = Owned::<[()], Counting>::try_from_slice_in(&[(); 1000])?;
    assert_eq!((units.len(), Counting::live()), (1000, 1));
    drop(units);
    assert_eq!(Counting::live(), 0);
    Ok(())
}

#[test]
fn a_block_that_is_reallocated_keeps_its_bytes() {
    let block = Free::allocate(4).expect("enough memory").cast::<[u8; 4]>();
    // SAFETY: room for four bytes.
    unsafe { block.write(*b"kept") };
    // SAFETY: a malloc block of four bytes, used through the result alone.
    let large = unsafe { Free::reallocate(block.cast(), 4, 1 << 20) }.expect("enough memory");
    // SAFETY: as above, a large one, of which four bytes are written.
    let small = unsafe { Free::reallocate(large, 4, 3) }.expect("enough memory");
    // SAFETY: three of the bytes are left.
    assert_eq!(unsafe { small.cast::<[u8; 3]>().read() }, *b"kep");
    // SAFETY: as above, or still there: that much memory there is not.
    assert!(unsafe { Free::reallocate(small, 3, isize::MAX as usize) }.is_none());
    // SAFETY: the block is what it was.
    assert_eq!(unsafe { small.cast::<[u8; 3]>().read() }, *b"kep");
    // SAFETY: a malloc block, not used again.
    unsafe { <Free as Deallocator<u8>>::deallocate(small) };
}

/// As far off the mark as its contract allows: aligned for nothing larger than the size.
pub(crate) struct Grudging;

// SAFETY: the deallocator of blocks whose address was moved by `allocate`, which leaks them.
unsafe impl<T: ?Sized> Deallocator<T> for Grudging {
    type Contents = malloc_safe::contents::Ignored;
    unsafe fn deallocate(_: NonNull<T>) {}
}

// SAFETY: the block is aligned to the largest power of two in `size`, and to no more.
unsafe impl Allocator for Grudging {
    const ALIGNMENT: usize = 16;

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        static ROOM: [u128; 64] = [0; 64];
        assert!(size <= 16, "enough for this test");
        let align = 1 << size.ilog2();
        NonNull::new(ROOM.as_ptr().cast_mut().cast::<u8>().wrapping_add(align))
    }

    unsafe fn reallocate(_: NonNull<u8>, _: usize, _: usize) -> Option<NonNull<u8>> {
        None
    }
}

#[test]
fn values_without_a_size_are_aligned() {
    let aligned = Owned::<[[u64; 0]], Grudging>::try_from_slice_in(&[[]]).expect("enough room");
    assert!(aligned.as_ptr().is_aligned());
}

#[test]
fn a_c_string_says_where_its_interior_nul_is() {
    for (bytes, expected) in [(&b"\0"[..], 0), (b"ab\0cd\0", 2), (b"abc\0", 3)] {
        let error = Owned::<CStr>::try_from_bytes(bytes).unwrap_err();
        assert_eq!(error, CStringError::InteriorNul { position: expected });
    }
}

#[test]
fn a_c_string_is_copied_with_its_terminator() -> Result<(), CStringError> {
    for text in [c"", c"-", c"longer than a word, and then some"] {
        assert_eq!(&*Owned::<CStr>::try_from_c_str(text)?, text);
        assert_eq!(&*Owned::<CStr>::try_from_bytes(text.to_bytes())?, text);
    }
    let error = Counting::with_budget(0, || {
        Owned::<CStr, Counting>::try_from_bytes_in(b"four").unwrap_err()
    });
    assert_eq!(error.to_string(), "cannot allocate 5 bytes");
    Ok(())
}

#[cfg(feature = "std")]
#[test]
fn errors_become_io_errors_of_the_right_kind() {
    use std::io::{self, ErrorKind};
    let nul = Owned::<CStr>::try_from_bytes(b"\0").unwrap_err();
    assert_eq!(io::Error::from(nul).kind(), ErrorKind::InvalidInput);
    let memory = Owned::<[MaybeUninit<u8>]>::try_uninit(usize::MAX).unwrap_err();
    assert_eq!(io::Error::from(memory).kind(), ErrorKind::OutOfMemory);
    assert_eq!(
        io::Error::from(CStringError::from(memory)).kind(),
        ErrorKind::OutOfMemory
    );
}
