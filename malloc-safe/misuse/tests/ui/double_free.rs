use malloc_safe::Owned;

fn main() {
    let owner = Owned::<u64>::try_new(1).unwrap();
    drop(owner);
    drop(owner);
}
