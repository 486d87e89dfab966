//! A small wrapper of SQLite, used: `cargo run -p gallery --example sqlite`.

#[cfg(have_sqlite3)]
mod wrapper;

#[cfg(have_sqlite3)]
fn main() {
    use gallery as _; // links the library
    use wrapper::Connection;

    let status = Connection::open(c"/nonexistent/file").err();
    println!(
        "open:      status {}",
        status.expect("there is no such folder")
    );

    let connection = Connection::open(c":memory:").expect("enough memory");
    connection
        .exec(c"create table t(name, age)")
        .expect("valid SQL");
    let message = connection
        .exec(c"insert into t values(absent)")
        .expect_err("no such column");
    println!("exec:      {:?}", message.expect("a message"));

    let sql = connection
        .expand(c"insert into t values('Ada', ?)", 36)
        .expect("valid SQL");
    println!("expanded:  {}", sql.to_str().expect("as it was given"));
    connection.exec(sql.to_c_str()).expect("valid SQL");

    let table = connection.table(c"select * from t").expect("valid SQL");
    println!("table:     {:?}", table.iter());
    println!(
        "image:     {} bytes",
        connection.serialize().expect("enough memory").len()
    );
}

#[cfg(not(have_sqlite3))]
fn main() {
    println!("skipped: pkg-config did not find {}", gallery::MISSING);
}
