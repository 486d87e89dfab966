use malloc_safe::CVec;

fn main() {
    let mut names = CVec::<String>::new();
    names.try_push("first".to_owned()).unwrap();
    let first = &names[0];
    names.try_push("may move the first".to_owned()).unwrap();
    println!("{first}");
}
