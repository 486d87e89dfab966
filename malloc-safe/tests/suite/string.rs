use crate::hostile::{Counting, counted_c_str};
use core::ffi::CStr;
use malloc_safe::{AllocError, Owned};
use proptest::prelude::*;

#[test]
fn a_c_str_goes_to_raw_and_back() {
    let raw = Owned::into_raw_c_str(counted_c_str(b"round"));
    // SAFETY: `raw` came from into_raw_c_str and is not used again.
    let back = unsafe { Owned::<CStr, Counting>::from_raw_c_str(raw) };
    assert_eq!(back.as_deref(), Some(c"round"));
    // SAFETY: NULL is allowed.
    let null = unsafe { Owned::<CStr, Counting>::from_raw_c_str(core::ptr::null_mut()) };
    assert!(null.is_none());
}

#[test]
fn converting_never_copies() -> Result<(), Box<dyn std::error::Error>> {
    let string = counted_c_str("überall".as_bytes());
    let address = string.as_ptr().addr();
    let text = string.into_str().map_err(|error| error.to_string())?;
    assert_eq!((&*text, text.as_ptr().addr()), ("überall", address));
    let bytes = text.into_bytes();
    assert_eq!(
        (&*bytes, bytes.as_ptr().addr()),
        ("überall".as_bytes(), address)
    );
    assert_eq!(
        &*bytes.into_str().map_err(|error| error.to_string())?,
        "überall"
    );
    assert_eq!(Counting::live(), 0);
    Ok(())
}

#[test]
fn an_empty_string_keeps_its_block_through_every_view() {
    let text = counted_c_str(b"").into_str().expect("no bytes are UTF-8");
    assert_eq!((&*text, Counting::live()), ("", 1));
    let bytes = text.into_bytes();
    assert_eq!(Counting::live(), 1);
    drop(bytes);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn text_without_a_block_frees_nothing() {
    let text = Owned::<[u8], Counting>::empty()
        .into_str()
        .expect("no bytes are UTF-8");
    assert!(text.is_empty());
    assert!(text.into_bytes().is_empty());
}

proptest! {
    #[test]
    fn conversions_agree_with_std(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let owned = |bytes: &[u8]| -> Result<_, AllocError> {
            Owned::<[u8], Counting>::try_from_slice(bytes)
        };
        match (owned(&bytes)?.into_str(), core::str::from_utf8(&bytes)) {
            (Ok(ours), Ok(std)) => prop_assert_eq!(&*ours, std),
            (Err(ours), Err(std)) => {
                prop_assert_eq!(ours.utf8_error(), std);
                prop_assert_eq!(&*ours.into_owner(), &bytes[..]);
            }
            (ours, std) => prop_assert!(false, "{:?} but std says {:?}", ours, std),
        }
        prop_assert_eq!(Counting::live(), 0);
    }
}
