use malloc_safe::CVec;

fn main() {
    let mut numbers = CVec::<u32>::new();
    numbers.extend([1, 2, 3]);
}
