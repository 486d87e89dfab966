use malloc_safe::Owned;

fn main() {
    let literal = "not malloc's".as_ptr().cast_mut();
    drop(Owned::<u8>::from_raw(literal));
}
