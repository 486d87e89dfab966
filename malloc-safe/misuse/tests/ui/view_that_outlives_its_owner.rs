use core::ffi::{CStr, c_char};
use malloc_safe::{NulTerminated, Owned};

fn view(owner: Owned<NulTerminated<c_char>>) -> &'static CStr {
    owner.to_c_str()
}

fn bytes<'a>() -> &'a [u8] {
    let owner = Owned::<[u8]>::empty();
    &owner
}

fn main() {}
