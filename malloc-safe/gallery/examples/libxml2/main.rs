//! A small wrapper of libxml2's documents, used: `cargo run -p gallery --example libxml2`.

#[cfg(have_libxml2)]
mod wrapper;

#[cfg(have_libxml2)]
fn main() {
    use gallery as _; // links the library
    use wrapper::Document;

    println!(
        "broken:    {}",
        Document::parse("<a>").map_or("no document", |_| "a document")
    );

    let document = Document::parse("<list><item n='1'>one</item><item n='2'/></list>");
    let document = document.expect("well-formed");
    for item in document.root().expect("there is one").children() {
        println!("item:      {:?} {:?}", item.property(c"n"), item.text());
    }
    let dump = document.dump().expect("enough memory");
    print!(
        "dump:      {}",
        str::from_utf8(&dump).expect("UTF-8, as it was given")
    );
}

#[cfg(not(have_libxml2))]
fn main() {
    println!("skipped: pkg-config did not find {}", gallery::MISSING);
}
