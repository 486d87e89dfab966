use core::ffi::CStr;
use malloc_safe::{Each, Free, Lent, LentCStr, NulTerminated, Owned};

fn first(names: Owned<NulTerminated<LentCStr>, Each<Free>>) -> Option<&'static CStr> {
    names.get(0)
}

fn use_after_drop(numbers: Owned<[Lent<u64>]>) {
    let last = numbers.iter().next_back();
    drop(numbers);
    println!("{last:?}");
}

fn main() {}
