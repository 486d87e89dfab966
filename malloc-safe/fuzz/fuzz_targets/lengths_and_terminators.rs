//! Everything that C says of where memory ends, true or not: lengths, bounds, terminators, NULLs.
//! The standard library is the judge, and each block is as large as its contents.
#![no_main]

#[path = "../../tests/suite/hostile.rs"]
#[expect(dead_code, reason = "the suite uses more of it")]
mod hostile;

use core::ffi::{CStr, c_char};
use core::fmt::Debug;
use core::ptr::{self, NonNull};
use core::str;
use hostile::Counting;
use malloc_safe::{Allocator, CStringError, Each, LentCStr, NulTerminated, Owned, Terminator};
use std::ffi::CString;

type Bytes = Owned<[u8], Counting>;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let [kind, argument @ .., high, low] = input else {
        return;
    };
    let number = u16::from_be_bytes([*high, *low]);
    match kind % 7 {
        0 => bounded_string(argument, number.into()),
        1 => claimed_length(argument, number),
        2 => conversions(argument),
        3 => c_string(argument),
        4 => run(argument
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))),
        5 => run(argument.iter().map(|&byte| u64::from(byte) << number % 57)),
        _ => array_of_strings(argument, number),
    }
    assert_eq!(Counting::live(), 0, "something is leaked");
});

/// Values in a counted block that has room for nothing else.
fn block<T: Copy>(values: &[T]) -> *mut T {
    let block = Counting::allocate(size_of_val(values).max(1)).expect("enough memory");
    // SAFETY: the block is new, and has room for the values.
    unsafe {
        block
            .cast()
            .copy_from_nonoverlapping(NonNull::from(values).cast::<T>(), values.len())
    };
    block.cast().as_ptr()
}

fn bounded_string(bytes: &[u8], bound: usize) {
    // Beyond the block only where a NUL stops the search.
    let bound = if bytes.contains(&0) {
        bound
    } else {
        bound.min(bytes.len())
    };
    let visible = &bytes[..bound.min(bytes.len())];
    // SAFETY: a counted block, with a NUL in it or at least as long as the bound.
    let ours = unsafe { Owned::<CStr, Counting>::from_raw_bounded(block(bytes).cast(), bound) };
    match (ours, CStr::from_bytes_until_nul(visible)) {
        (Ok(Some(ours)), Ok(theirs)) => {
            assert_eq!(&*ours, theirs);
            assert_eq!(
                ours.into_nul_terminated().measure().to_bytes(),
                theirs.to_bytes()
            );
        }
        (Err(error), Err(_)) => {
            assert_eq!(error.searched(), bound);
            assert_eq!(&*error.into_owner(), visible);
        }
        (ours, theirs) => panic!("{ours:?}, and not {theirs:?}"),
    }
}

/// A length as C may claim it: the right one, 0, -1, one too large, with NULL or with a block.
fn claimed_length(bytes: &[u8], claim: u16) {
    let ptr = if claim & 1 == 0 {
        block(bytes)
    } else {
        ptr::null_mut()
    };
    let len = match claim >> 1 & 3 {
        0 => bytes.len(),
        1 => 0,
        2 => usize::MAX,
        _ => isize::MAX.cast_unsigned() + 1 + usize::from(claim),
    };
    // SAFETY: NULL, or a counted block with as many bytes, or a length that cannot be.
    let ours = unsafe { Bytes::from_raw_parts(ptr, len) };
    match ours {
        Ok(ours) if ptr.is_null() => assert!(len == 0 && ours.is_empty()),
        Ok(ours) => {
            assert_eq!(&*ours, &bytes[..len]);
            let (again, length) = Owned::into_raw_parts(ours);
            assert_eq!((again, length), (ptr, len));
            // SAFETY: what the owner gave up.
            drop(unsafe { Bytes::from_raw_parts(again, length) });
        }
        Err(error) => {
            assert!(ptr.is_null() || len > bytes.len());
            assert_eq!(
                (error.length(), error.into_block().is_some()),
                (len, !ptr.is_null())
            );
        }
    }
}

fn owned(bytes: &[u8]) -> Bytes {
    // SAFETY: as many bytes in a counted block.
    unsafe { Bytes::from_raw_parts(block(bytes), bytes.len()) }.expect("a length that can be")
}

/// Bytes as text and as a string, and back.
fn conversions(bytes: &[u8]) {
    match (owned(bytes).into_str(), str::from_utf8(bytes)) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(&*ours, theirs);
            assert_eq!(&*ours.into_bytes(), bytes);
        }
        (Err(error), Err(theirs)) => {
            assert_eq!(error.utf8_error(), theirs);
            assert_eq!(&*error.into_owner(), bytes);
        }
        (ours, theirs) => panic!("{ours:?}, and not {theirs:?}"),
    }
    match (owned(bytes).into_c_str(), CStr::from_bytes_until_nul(bytes)) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(&*ours, theirs);
            let ours = ours.into_nul_terminated();
            assert_eq!(ours.to_c_str(), theirs);
            assert_eq!(ours.to_str(), theirs.to_str());
            assert_eq!(ours.into_str().ok().as_deref(), theirs.to_str().ok());
        }
        (Err(error), Err(_)) => assert_eq!(&*error.into_owner(), bytes),
        (ours, theirs) => panic!("{ours:?}, and not {theirs:?}"),
    }
}

fn c_string(bytes: &[u8]) {
    let nul = bytes.iter().position(|&byte| byte == 0);
    match (Owned::<CStr, Counting>::try_from_bytes_in(bytes), nul) {
        (Ok(ours), None) => assert_eq!(ours.to_bytes(), bytes),
        (Err(CStringError::InteriorNul { position }), Some(nul)) => assert_eq!(position, nul),
        (ours, theirs) => panic!("{ours:?}, and not {theirs:?}"),
    }
}

/// Elements that end with the first zero.
fn run<T: Terminator + PartialEq + Debug + Default>(elements: impl Iterator<Item = T>) {
    let mut elements: Vec<T> = elements.collect();
    elements.push(T::default());
    let end = elements.iter().position(|&element| element == T::default());
    let ptr = block(&elements).cast();
    // SAFETY: a counted block with a zero in it.
    let ours = unsafe { Owned::<NulTerminated<T>, Counting>::from_raw(ptr) };
    assert_eq!(
        ours.expect("not NULL").to_slice(),
        &elements[..end.expect("the last one")]
    );
}

/// Bytes between zeros as strings, empty ones as NULL; walked from both ends.
fn array_of_strings(bytes: &[u8], mut order: u16) {
    let strings: Vec<Option<CString>> = bytes
        .split(|&byte| byte == 0)
        .map(|part| (!part.is_empty()).then(|| CString::new(part).expect("split at the zeros")))
        .collect();
    let pointers: Vec<*const c_char> = strings
        .iter()
        .map(|string| {
            string
                .as_ref()
                .map_or(ptr::null(), |string| string.as_ptr())
        })
        .collect();
    // SAFETY: as many elements in a counted block; the strings outlive it.
    let counted = unsafe {
        Owned::<[LentCStr], Counting>::from_raw_parts(block(&pointers).cast(), pointers.len())
    };
    let counted = counted.expect("a length that can be");
    let mut theirs = strings.iter().map(Option::as_deref);
    let mut ours = counted.iter();
    loop {
        assert_eq!(ours.len(), theirs.len());
        let (mine, yours) = if order & 1 == 0 {
            (ours.next(), theirs.next())
        } else {
            (ours.next_back(), theirs.next_back())
        };
        assert_eq!(mine, yours);
        if mine.is_none() {
            break;
        }
        order = order.rotate_right(1);
    }
    for index in [0, strings.len() / 2, strings.len()] {
        assert_eq!(counted.get(index), strings.get(index).map(Option::as_deref));
    }

    let run: Vec<*const c_char> = pointers.iter().copied().chain([ptr::null()]).collect();
    // SAFETY: a counted block with a NULL in it; the strings outlive it.
    let terminated =
        unsafe { Owned::<NulTerminated<LentCStr>, Counting>::from_raw(block(&run).cast()) };
    let terminated = terminated.expect("not NULL");
    let theirs: Vec<&CStr> = strings.iter().map_while(Option::as_deref).collect();
    assert!(terminated.iter().eq(theirs.iter().copied()));
    assert_eq!(
        (terminated.len(), terminated.is_empty()),
        (theirs.len(), theirs.is_empty())
    );
    assert_eq!(terminated.get(1), theirs.get(1).copied());

    // The same, each string in a block of its own that goes with the array.
    let owned: Vec<*mut c_char> = strings
        .iter()
        .map(|string| match string {
            Some(string) => block(string.as_bytes_with_nul()).cast(),
            None => ptr::null_mut(),
        })
        .collect();
    // SAFETY: as many elements in a counted block, each NULL or a string in another.
    drop(unsafe {
        Owned::<[LentCStr], Each<Counting>>::from_raw_parts(block(&owned).cast(), owned.len())
    });
}
