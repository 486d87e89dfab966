use malloc_safe::{Out, Owned};

fn main() {
    let mut slot: Option<Owned<u64>> = None;
    let out = Out::new(&mut slot);
    drop(slot.take());
    drop(out);
}
