use crate::hostile::counted_block;
use crate::hostile::{Counting, counted_c_str};
use core::alloc::Layout;
use core::ffi::{CStr, c_char};
use core::ptr::{self, NonNull};
use malloc_safe::{AllocError, NotTerminated, NotUtf8, Owned};
use proptest::prelude::*;

#[test]
fn a_c_str_goes_to_raw_and_back() {
    let raw = Owned::into_raw_c_str(counted_c_str(b"round"));
    // SAFETY: `raw` came from into_raw_c_str and is not used again.
    let back = unsafe { Owned::<CStr, Counting>::from_raw_c_str(raw) };
    assert_eq!(back.as_deref(), Some(c"round"));
    // SAFETY: NULL is allowed.
    let null = unsafe { Owned::<CStr, Counting>::from_raw_c_str(ptr::null_mut()) };
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

/// Bytes in a counted block of exactly their size.
fn counted_chars(bytes: &[u8]) -> *mut c_char {
    let block = counted_block(Layout::for_value(bytes));
    // SAFETY: the block is new, and has room for the bytes.
    unsafe { block.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
    block.cast().as_ptr()
}

type Bounded = Result<Option<Owned<CStr, Counting>>, NotTerminated<Owned<[u8], Counting>>>;

fn bounded(bytes: &[u8], bound: usize) -> Bounded {
    // SAFETY: a counted block; the tests see to it that the bound lies in it, or a NUL does.
    unsafe { Owned::from_raw_bounded(counted_chars(bytes), bound) }
}

#[test]
fn a_bounded_search_ends_at_the_first_nul() {
    let string = bounded(b"ab\0cd\0", 6)
        .expect("terminated")
        .expect("not NULL");
    assert_eq!(&*string, c"ab");
    let string = bounded(b"ab\0", usize::MAX)
        .expect("terminated")
        .expect("not NULL");
    assert_eq!(&*string, c"ab", "a bound beyond the block is no harm");
    drop(string);
    assert_eq!(Counting::live(), 1, "the first one is still there");
}

#[test]
fn a_bounded_search_that_finds_none_gives_the_bytes_back() {
    let error = bounded(b"abc\0", 3).unwrap_err();
    assert_eq!(error.searched(), 3);
    assert_eq!(
        error.to_string(),
        "none of the 3 bytes is NUL, so no C string ends there"
    );
    assert_eq!((&*error.into_owner(), Counting::live()), (&b"abc"[..], 1));
    assert_eq!(Counting::live(), 0);
    let error = bounded(b"\0", 0).unwrap_err();
    assert!(error.into_owner().is_empty());
    drop(bounded(b"abc", 3).unwrap_err());
    assert_eq!(Counting::live(), 0);
}

#[test]
fn null_has_no_bound() {
    // SAFETY: NULL is allowed.
    let none: Bounded = unsafe { Owned::from_raw_bounded(ptr::null_mut(), 7) };
    assert!(none.expect("nothing to search").is_none());
}

#[test]
fn bytes_without_a_nul_are_no_c_string() {
    let none = Owned::<[u8], Counting>::empty().into_c_str().unwrap_err();
    assert_eq!(none.searched(), 0);
    assert!(none.into_owner().is_empty());
    let bytes = Owned::<[u8], Counting>::try_from_slice_in(b"abc").expect("enough memory");
    let error = bytes.into_c_str().unwrap_err();
    assert_eq!(format!("{error:?}"), "NotTerminated { searched: 3, .. }");
    assert_eq!((&*error.into_owner(), Counting::live()), (&b"abc"[..], 1));
    assert_eq!(Counting::live(), 0);
}

/// As large as what a vectorised check takes at once, and larger.
fn long_text() -> impl Strategy<Value = Vec<u8>> {
    (
        ".{0,200}",
        prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    )
        .prop_map(|(text, fault)| {
            let mut bytes = text.into_bytes();
            if let Some((position, byte)) = fault.filter(|_| !bytes.is_empty()) {
                let position = position.index(bytes.len());
                bytes[position] = byte;
            }
            bytes
        })
}

proptest! {
    #[test]
    fn a_bounded_string_is_what_c_str_says(
        bytes in prop::collection::vec(0_u8..4, 1..60),
        bound in 0_usize..60,
    ) {
        let bound = bound.min(bytes.len());
        match (bounded(&bytes, bound), CStr::from_bytes_until_nul(&bytes[..bound])) {
            (Ok(Some(ours)), Ok(std)) => prop_assert_eq!(&*ours, std),
            (Err(ours), Err(_)) => prop_assert_eq!(&*ours.into_owner(), &bytes[..bound]),
            (ours, std) => prop_assert!(false, "{:?} but std says {:?}", ours, std),
        }
        let owned = Owned::<[u8], Counting>::try_from_slice_in(&bytes)?;
        match (owned.into_c_str(), CStr::from_bytes_until_nul(&bytes)) {
            (Ok(ours), Ok(std)) => prop_assert_eq!(&*ours, std),
            (Err(ours), Err(_)) => prop_assert_eq!(&*ours.into_owner(), &bytes[..]),
            (ours, std) => prop_assert!(false, "{:?} but std says {:?}", ours, std),
        }
        prop_assert_eq!(Counting::live(), 0);
    }

    #[test]
    fn text_is_what_std_takes_for_utf8(bytes in long_text()) {
        let expected = core::str::from_utf8(&bytes);
        let owned = Owned::<[u8], Counting>::try_from_slice_in(&bytes)?;
        let ours = owned.into_str();
        prop_assert_eq!(ours.as_deref().map_err(NotUtf8::utf8_error), expected);
        if !bytes.contains(&0) {
            let thin = counted_c_str(&bytes).into_nul_terminated();
            prop_assert_eq!(thin.to_str(), expected);
        }
    }

    #[test]
    fn conversions_agree_with_std(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let owned = |bytes: &[u8]| -> Result<_, AllocError> {
            Owned::<[u8], Counting>::try_from_slice_in(bytes)
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
