use malloc_safe::{NulTerminated, Owned};

fn forge(mut run: Owned<[NulTerminated<u16>]>) -> Owned<NulTerminated<u16>> {
    let value = run.into_iter().next().unwrap();
    Owned::try_new(value).unwrap() // room for no unit at all
}

fn main() {}
