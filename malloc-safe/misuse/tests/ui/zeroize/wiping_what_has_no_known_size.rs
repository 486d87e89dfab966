use malloc_safe::{NulTerminated, Opaque, Owned, Wipe};

fn handle(_: Owned<Opaque, Wipe>) {}

fn wide(_: Owned<NulTerminated<u32>, Wipe>) {}

fn main() {}
