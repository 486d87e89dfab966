use malloc_safe::{Owned, deallocator};

deallocator! { struct AffineFree(c_void): !Send = libc::free; }

fn send(owner: Owned<u64, AffineFree>) {
    std::thread::spawn(move || drop(owner));
}

fn main() {}
