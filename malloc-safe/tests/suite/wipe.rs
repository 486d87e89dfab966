use crate::hostile::{Counting, Element};
use crate::layout::AffineFree;
use crate::lent::counted_array;
use core::cell::RefCell;
use core::ffi::{CStr, c_char, c_void};
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::slice;
use malloc_safe::{
    Allocator, ContentBlind, Deallocator, Each, Free, Lent, LentCStr, NulTerminated, Opaque, Owned,
    Wipe, deallocator,
};
use proptest::prelude::*;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// The blocks of this thread, with their sizes.
    static SIZES: RefCell<HashMap<usize, usize>> = RefCell::default();
    /// What was in the blocks that were released.
    static SEEN: RefCell<Vec<Vec<u8>>> = RefCell::default();
}

/// Looks at the whole block before it releases it.
struct Looking;

// SAFETY: as Counting; the blocks' bytes are all written, and their sizes known.
unsafe impl<T: ?Sized> Deallocator<T> for Looking {
    type Contents = malloc_safe::contents::Ignored;
    unsafe fn deallocate(ptr: NonNull<T>) {
        let size = SIZES.with_borrow_mut(|sizes| sizes.remove(&ptr.addr().get()));
        let size = size.expect("made by `block`");
        // SAFETY: `block` has written as many bytes.
        let bytes = unsafe { slice::from_raw_parts(ptr.cast::<u8>().as_ptr(), size) };
        SEEN.with_borrow_mut(|seen| seen.push(bytes.to_vec()));
        // SAFETY: the caller hands over a counted block.
        unsafe { Counting::deallocate(ptr) }
    }
}

/// A counted block with these bytes.
fn block<T>(bytes: &[u8]) -> *mut T {
    let block = Counting::allocate(bytes.len().max(1)).expect("enough memory");
    // SAFETY: the block is new, and has room for the bytes.
    unsafe { block.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
    SIZES.with_borrow_mut(|sizes| sizes.insert(block.addr().get(), bytes.len()));
    block.cast().as_ptr()
}

/// What was in the blocks that `run` released, in their order.
fn seen_by(run: impl FnOnce()) -> Vec<Vec<u8>> {
    SEEN.take();
    run();
    assert_eq!(Counting::live(), 0);
    SEEN.take()
}

fn bytes(bytes: &[u8]) -> Owned<[u8], Wipe<Looking>> {
    // SAFETY: as many bytes in a counted block.
    unsafe { Owned::from_raw_parts(block(bytes), bytes.len()) }.expect("small")
}

#[test]
fn a_deallocator_without_wipe_sees_the_secret() {
    // SAFETY: six bytes in a counted block.
    let plain = unsafe { Owned::<[u8], Looking>::from_raw_parts(block(b"secret"), 6) };
    assert_eq!(seen_by(|| drop(plain)), [b"secret"]);
}

#[test]
fn bytes_and_text_are_wiped() {
    assert_eq!(seen_by(|| drop(bytes(b"secret"))), [[0; 6]]);
    assert_eq!(seen_by(|| drop(bytes(b"secret").into_str())), [[0; 6]]);
    assert_eq!(seen_by(|| drop(bytes(b"").into_str())), [[0_u8; 0]]);
}

#[test]
fn a_string_is_wiped_up_to_its_terminator() {
    // SAFETY: a string in a counted block.
    let string = || unsafe { Owned::<CStr, Wipe<Looking>>::from_raw_c_str(block(b"secret\0")) };
    assert_eq!(seen_by(|| drop(string())), [[0; 7]]);
    let text = || drop(string().expect("not NULL").into_str());
    assert_eq!(seen_by(text), [[0; 7]]);
    let thin = || drop(string().expect("not NULL").into_nul_terminated());
    assert_eq!(seen_by(thin), [[0; 7]]);
    // SAFETY: a string in a counted block.
    let thin = unsafe { Owned::<NulTerminated<c_char>, Wipe<Looking>>::from_raw(block(b"pin\0x")) };
    assert_eq!(
        seen_by(|| drop(thin)),
        [b"\0\0\0\0x"],
        "not what is behind it"
    );
}

#[test]
fn the_rest_of_a_buffer_is_not_the_strings() {
    let string = || drop(bytes(b"key\0more").into_c_str());
    assert_eq!(seen_by(string), [b"\0\0\0\0more"]);
}

#[test]
fn a_plain_value_is_wiped() {
    // SAFETY: any eight bytes are a number.
    let number = unsafe { Owned::<u64, Wipe<Looking>>::from_raw(block(b"password")) };
    assert_eq!(seen_by(|| drop(number)), [[0; 8]]);
    // SAFETY: any eight bytes are two numbers.
    let pair = unsafe { Owned::<[u32], Wipe<Looking>>::from_raw_parts(block(b"password"), 2) };
    let first = || assert!(pair.expect("small").into_iter().next().is_some());
    assert_eq!(
        seen_by(first),
        [[0; 8]],
        "moved out, yet still in the block"
    );
    // SAFETY: any eight bytes may be uninitialised.
    let room = unsafe {
        Owned::<[MaybeUninit<u64>], Wipe<Looking>>::from_raw_parts(block(b"password"), 1)
    };
    assert_eq!(seen_by(|| drop(room)), [[0; 8]]);
}

#[test]
fn a_destructor_that_panics_does_not_keep_the_secret() {
    let mut raw = [0_u8; size_of::<Element>()];
    raw.fill(1); // a bomb of value 0x01010101
    // SAFETY: value and padding are any bytes, and a bool may be 1.
    let element = unsafe { Owned::<Element, Wipe<Looking>>::from_raw(block(&raw)) };
    let seen = seen_by(|| {
        assert!(catch_unwind(AssertUnwindSafe(|| drop(element))).is_err());
    });
    assert_eq!(seen, [[0; size_of::<Element>()]]);
}

#[test]
fn each_string_of_an_array_is_wiped() {
    let strings = [block(b"one\0"), block(b"two\0"), ptr::null_mut()];
    let array = counted_array::<NulTerminated<c_char>>(&strings)
        .cast()
        .as_ptr();
    // SAFETY: two strings and a NULL, all in counted blocks.
    let array =
        unsafe { Owned::<NulTerminated<LentCStr>, Each<Wipe<Looking>, Counting>>::from_raw(array) };
    assert_eq!(seen_by(|| drop(array)), [[0; 4], [0; 4]]);
}

#[test]
fn a_library_that_is_told_the_size_gets_zeros_of_it() {
    unsafe extern "C" fn release(block: *mut c_void, size: usize) {
        let block = NonNull::new(block)
            .expect("owners release no NULL")
            .cast::<u8>();
        assert_eq!(
            SIZES.with_borrow(|sizes| sizes.get(&block.addr().get()).copied()),
            Some(size)
        );
        // SAFETY: the caller hands over a counted block.
        unsafe { Looking::deallocate(block) }
    }
    deallocator! { struct SizedFree([any]) = release; }
    // SAFETY: six bytes in a counted block.
    let sized = unsafe { Owned::<[u8], Wipe<SizedFree>>::from_raw_parts(block(b"secret"), 6) };
    assert_eq!(seen_by(|| drop(sized)), [[0; 6]]);
}

proptest! {
    #[test]
    fn nothing_of_any_secret_is_left(secret in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(seen_by(|| drop(bytes(&secret))), [vec![0; secret.len()]]);
    }
}

deallocator! { struct Reading(c_char) = malloc_sys::token_free; }

assert_impl_all!(Wipe: Send, Sync, ContentBlind<[u8]>, ContentBlind<CStr>, ContentBlind<u64>);
assert_not_impl_any!(Wipe<AffineFree>: Send, Sync);
// What Rust does not know the size of, or what another must read after it.
assert_not_impl_any!(Wipe: Deallocator<Opaque>, Deallocator<NulTerminated<u16>>);
assert_not_impl_any!(Wipe: Deallocator<NulTerminated<LentCStr>>, Deallocator<[LentCStr]>);
assert_not_impl_any!(Wipe: Deallocator<Lent<u64>>);
assert_not_impl_any!(Wipe<Reading>: Deallocator<NulTerminated<c_char>>, Deallocator<[c_char]>);
assert_not_impl_any!(Wipe<Each<Free>>: Deallocator<[LentCStr]>);

#[test]
fn debug_shows_nothing_of_a_secret() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "only shown")]
    struct Login {
        password: Owned<CStr, Wipe>,
    }

    let text = Owned::try_from_bytes(b"hunter2").expect("no NUL");
    let raw = Owned::into_raw_c_str(text);
    // SAFETY: a C string in a malloc block, given up.
    let password = unsafe { Owned::<CStr, Wipe>::from_raw_c_str(raw) }.expect("not NULL");
    assert_eq!(
        format!("{:?}", Login { password }),
        "Login { password: Owned { .. } }"
    );
}
