use malloc_safe::Owned;

fn show(_: Owned<dyn core::fmt::Debug>) {}

fn main() {}
