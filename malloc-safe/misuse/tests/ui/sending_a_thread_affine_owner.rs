use malloc_safe::{Owned, deallocator};

deallocator! { struct AffineFree(any): !Send = libc::free; }

fn into_another_thread<T: Send>(_: T) {}

fn send(owner: Owned<u64, AffineFree>) {
    into_another_thread(move || drop(owner));
}

fn main() {}
