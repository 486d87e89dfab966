use crate::declared::{DASH, workload_string};
use crate::hostile::{Counting, counted_c_str};
use malloc_safe::Owned;
use serde_json::{json, to_value};

#[test]
fn an_owner_is_serialized_as_its_contents() -> Result<(), Box<dyn std::error::Error>> {
    assert_eq!(to_value(Owned::<u64, Counting>::try_new_in(7)?)?, json!(7));
    let numbers = Owned::<[u16], Counting>::try_from_slice_in(&[1, 2, 3])?;
    assert_eq!(to_value(&numbers)?, json!([1, 2, 3]));
    assert_eq!(to_value(Owned::<[u16]>::empty())?, json!([]));
    let text = counted_c_str("ä".as_bytes())
        .into_str()
        .map_err(|error| error.to_string())?;
    assert_eq!(to_value(&text)?, json!("ä"));
    Ok(())
}

#[test]
fn a_c_string_is_serialized_as_serde_has_it() -> Result<(), Box<dyn std::error::Error>> {
    let expected = to_value(c"caf\xe9")?;
    assert_eq!(expected, json!([b'c', b'a', b'f', 0xe9]), "its bytes");
    assert_eq!(to_value(counted_c_str(b"caf\xe9"))?, expected);
    let thin = counted_c_str(b"caf\xe9").into_nul_terminated();
    assert_eq!(to_value(thin)?, expected);
    let dashes = workload_string(2, DASH).expect("enough memory");
    assert_eq!(to_value(dashes)?, json!([b'-', b'-']));
    Ok(())
}

#[cfg(feature = "zeroize")]
#[test]
fn a_secret_is_not_serialized() {
    use malloc_safe::Wipe;

    let text = Owned::try_from_bytes(b"hunter2").expect("no NUL");
    let raw = Owned::into_raw_c_str(text);
    // SAFETY: a C string in a malloc block, given up.
    let secret = unsafe { Owned::<core::ffi::CStr, Wipe>::from_raw_c_str(raw) };
    let error = to_value(secret.expect("not NULL")).expect_err("it is a secret");
    assert!(error.to_string().contains("secret"));
}
