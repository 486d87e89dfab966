//! A small wrapper of OpenSSL's keys, used: `cargo run -p gallery --example openssl`.

#[cfg(have_openssl)]
mod wrapper;

#[cfg(have_openssl)]
fn main() {
    use gallery as _; // links the library
    use wrapper::Key;

    let key = Key::ed25519(&[7; 32]).expect("enough memory");
    let public = key.public_der().expect("enough memory");
    let secret = key.secret_der().expect("enough memory");
    println!(
        "encoded:   {} public and {} secret bytes",
        public.len(),
        secret.len()
    );

    let other = key.clone();
    drop(key);
    let read = Key::from_public_der(&public).expect("as it was encoded");
    println!(
        "decoded:   {}",
        if read == other {
            "the same key"
        } else {
            "another key"
        }
    );
    println!(
        "garbage:   {}",
        Key::from_public_der(&[0xFF]).map_or("no key", |_| "a key")
    );
}

#[cfg(not(have_openssl))]
fn main() {
    println!("skipped: pkg-config did not find {}", gallery::MISSING);
}
