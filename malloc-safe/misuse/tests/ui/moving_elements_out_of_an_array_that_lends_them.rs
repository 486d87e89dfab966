use malloc_safe::{LentCStr, Owned};

fn swap(mut names: Owned<[LentCStr]>, mut others: Owned<[LentCStr]>) {
    core::mem::swap(&mut names[0], &mut others[0]);
}

fn copy(name: &LentCStr) -> LentCStr {
    *name
}

fn main() {}
