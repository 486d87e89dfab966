use malloc_safe::{Opaque, Owned};

pub enum Codec {}

unsafe extern "C" {
    safe fn codec_new() -> Option<Owned<Opaque<Codec>>>; // codec_free is missing
}

fn main() {}
