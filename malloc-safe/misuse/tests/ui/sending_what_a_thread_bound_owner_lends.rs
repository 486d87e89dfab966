use malloc_safe::{Lent, Owned, deallocator};

deallocator! { pub struct Affine(any): !Send = libc::free; }

fn into_another_thread<T: Send>(_: T) {}

fn elements(owner: &Owned<[Lent<u64>], Affine>) {
    into_another_thread(owner.iter());
}

fn lent(owner: &Owned<u64, Affine>) {
    into_another_thread(Owned::lend(owner));
}

fn main() {}
