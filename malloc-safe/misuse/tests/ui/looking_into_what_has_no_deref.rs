use malloc_safe::{NulTerminated, Owned};

fn swap(mut a: Owned<NulTerminated<u16>>, mut b: Owned<NulTerminated<u16>>) {
    core::mem::swap(&mut *a, &mut *b);
}

fn main() {}
