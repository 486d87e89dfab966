//! Room for one value, and for several.

use crate::hostile::Counting;
use core::mem::MaybeUninit;
use malloc_safe::Owned;

type Room<T> = Owned<MaybeUninit<T>, Counting>;

#[test]
fn room_that_is_never_filled_is_released_and_drops_nothing() {
    drop(Room::<String>::try_uninit_in().expect("memory"));
    drop(Room::<String>::try_zeroed_in().expect("memory"));
    assert_eq!(Counting::live(), 0);
}

#[test]
fn what_is_written_is_owned_from_then_on() {
    let text = Room::<String>::try_uninit_in()
        .expect("memory")
        .write("text".to_owned());
    assert_eq!((text.as_str(), Counting::live()), ("text", 1));
    drop(text);
    assert_eq!(Counting::live(), 0);
}

#[test]
fn zeros_are_zeros_in_every_byte_of_a_block_that_was_used() {
    for len in [0, 1, 7, 300] {
        drop(Owned::<[u64], Counting>::try_from_fn_in(len, |_| u64::MAX).expect("memory"));
        let zeros = Owned::<[MaybeUninit<u64>], Counting>::try_zeroed_in(len).expect("memory");
        // SAFETY: zeros are numbers.
        assert!(unsafe { zeros.assume_init() }.iter().all(|&n| n == 0));
        drop(Owned::<[u8; 300], Counting>::try_new_in([0xff; 300]).expect("memory"));
        let one = Room::<[u8; 300]>::try_zeroed_in().expect("memory");
        // SAFETY: as above.
        assert_eq!(unsafe { *one.assume_init() }, [0; 300]);
    }
}

#[test]
fn without_memory_there_is_no_room() {
    let error = Counting::with_budget(0, Room::<u64>::try_uninit_in).expect_err("no memory");
    assert_eq!(error.requested_bytes(), Some(8));
    Counting::with_budget(0, Room::<u64>::try_zeroed_in).expect_err("no memory");
    let slice = || Owned::<[MaybeUninit<u64>], Counting>::try_zeroed_in(2);
    Counting::with_budget(0, slice).expect_err("no memory");
    Owned::<[MaybeUninit<u64>]>::try_zeroed(usize::MAX).expect_err("no such block");
}
