//! Vectors of bytes, as text is made in them.

use crate::hostile::Counting;
use core::ffi::CStr;
use malloc_safe::{CStringError, CVec, Owned};

type Bytes = CVec<u8, Counting>;

fn made_of(values: &[u8]) -> Bytes {
    CVec::try_from_iter_in(values.iter().copied()).expect("enough memory")
}

#[test]
fn bytes_become_a_c_string_in_their_own_block() {
    let mut vector = Bytes::try_with_capacity_in(10).expect("enough memory");
    vector.try_extend_from_slice(b"in place").expect("room");
    let address = vector.as_ptr().addr();
    let string = Counting::with_budget(0, || vector.try_into_c_str()).expect("room");
    assert_eq!(&*string, c"in place");
    assert_eq!(string.as_ptr().addr(), address);
    let empty: Owned<CStr, Counting> = Bytes::new_in().try_into_c_str().expect("enough memory");
    assert_eq!(&*empty, c"");
}

#[test]
fn bytes_that_are_no_c_string_come_back() {
    let error = made_of(b"ab\0c").try_into_c_str().unwrap_err();
    assert_eq!(
        error.c_string_error(),
        CStringError::InteriorNul { position: 2 }
    );
    assert_eq!(
        format!("{error:?}"),
        "IntoCStrError { source: InteriorNul { position: 2 }, .. }"
    );
    assert_eq!(*error.into_owner(), *b"ab\0c");

    let vector = made_of(b"full");
    let error = Counting::with_budget(0, || vector.try_into_c_str().unwrap_err());
    assert_eq!(error.to_string(), "cannot allocate 5 bytes");
    assert!(matches!(error.c_string_error(), CStringError::Alloc(_)));
    assert_eq!(*error.into_owner(), *b"full");
    assert_eq!(Counting::live(), 0);
}

#[cfg(feature = "std")]
#[test]
fn writing_appends_and_says_when_memory_is_out() -> std::io::Result<()> {
    use std::io::{ErrorKind, Write};

    let mut vector = Bytes::new_in();
    write!(vector, "{} of {}", 1, 20)?;
    assert_eq!(vector.write(b" blocks")?, 7);
    vector.flush()?;
    assert_eq!(*vector, *b"1 of 20 blocks");
    let long = [b'-'; 100];
    vector.try_push(b'!')?; // its error converts too, with a value in it
    let error = Counting::with_budget(0, || vector.write(&long)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    let error = Counting::with_budget(0, || write!(vector, "{:100}", "")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    assert!(vector.starts_with(b"1 of 20 blocks!"));
    Ok(())
}
