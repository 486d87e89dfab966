//! SQLite: its own allocator, out-parameters that are set on errors too, tables, hand-over.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::ptr::{self, NonNull};
use malloc_safe::{Allocator, NulTerminated, Opaque, Out, Owned, deallocator, out};

enum DatabaseTag {}
enum StatementTag {}
type Database = Opaque<DatabaseTag>;
type Statement = Opaque<StatementTag>;
type Text = Owned<NulTerminated<c_char>, SqliteFree>;

deallocator! { struct SqliteFree(c_void) = sqlite3_free; }
deallocator! { struct CloseDatabase(Database) = sqlite3_close; }
deallocator! { struct Finalize(Statement) = sqlite3_finalize; }
deallocator! { struct FreeTable(*mut c_char) = sqlite3_free_table; }

// SAFETY: sqlite3_malloc64 returns NULL or a block aligned for what fits in it, for sqlite3_free.
unsafe impl Allocator for SqliteFree {
    const ALIGNMENT: usize = 8;

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        NonNull::new(sqlite3_malloc64(size as u64).cast())
    }
}

type Function = unsafe extern "C" fn(*mut c_void, c_int, *mut *mut c_void);
type Row = unsafe extern "C" fn(*mut c_void, c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;
type Free = unsafe extern "C" fn(*mut c_void);

unsafe extern "C" {
    fn sqlite3_free(block: *mut c_void);
    safe fn sqlite3_malloc64(size: u64) -> *mut c_void;
    fn sqlite3_mprintf(format: *const c_char, ...) -> Option<Text>;
    fn sqlite3_open(path: *const c_char, out: Out<'_, Database, CloseDatabase>) -> c_int;
    fn sqlite3_close(database: *mut Database) -> c_int;
    fn sqlite3_errmsg(database: *mut Database) -> *const c_char;
    fn sqlite3_exec(
        database: *mut Database,
        sql: *const c_char,
        row: Option<Row>,
        argument: *mut c_void,
        error: Out<'_, NulTerminated<c_char>, SqliteFree>,
    ) -> c_int;
    fn sqlite3_prepare_v2(
        database: *mut Database,
        sql: *const c_char,
        length: c_int,
        out: Out<'_, Statement, Finalize>,
        tail: *mut *const c_char,
    ) -> c_int;
    fn sqlite3_finalize(statement: *mut Statement) -> c_int;
    fn sqlite3_bind_int(statement: *mut Statement, position: c_int, value: c_int) -> c_int;
    fn sqlite3_step(statement: *mut Statement) -> c_int;
    fn sqlite3_column_text(statement: *mut Statement, column: c_int) -> *const c_char;
    fn sqlite3_expanded_sql(statement: *mut Statement) -> Option<Text>;
    fn sqlite3_serialize(
        database: *mut Database,
        schema: *const c_char,
        size: *mut i64,
        flags: c_uint,
    ) -> *mut u8;
    fn sqlite3_get_table(
        database: *mut Database,
        sql: *const c_char,
        cells: *mut *mut *mut c_char,
        rows: *mut c_int,
        columns: *mut c_int,
        error: Out<'_, NulTerminated<c_char>, SqliteFree>,
    ) -> c_int;
    fn sqlite3_free_table(cells: *mut *mut c_char);
    fn sqlite3_create_function(
        database: *mut Database,
        name: *const c_char,
        arguments: c_int,
        encoding: c_int,
        data: *mut c_void,
        function: Option<Function>,
        step: Option<Function>,
        last: Option<unsafe extern "C" fn(*mut c_void)>,
    ) -> c_int;
    fn sqlite3_result_text(
        context: *mut c_void,
        text: *mut c_char,
        length: c_int,
        free: Option<Free>,
    );
}

const OK: c_int = 0;
const ERROR: c_int = 1;
const CANTOPEN: c_int = 14;
const ROW: c_int = 100;
const UTF8: c_int = 1;

fn open(path: &CStr) -> (c_int, Option<Owned<Database, CloseDatabase>>) {
    // SAFETY: a C string.
    out::owner(|out| unsafe { sqlite3_open(path.as_ptr(), out) })
}

fn memory() -> Owned<Database, CloseDatabase> {
    open(c":memory:").1.expect("enough memory")
}

fn exec(database: &Owned<Database, CloseDatabase>, sql: &CStr) -> Result<(), Option<Text>> {
    // SAFETY: an open database, a C string, and no callback.
    let (status, error) = out::owner(|out| unsafe {
        sqlite3_exec(
            Owned::as_ptr(database),
            sql.as_ptr(),
            None,
            ptr::null_mut(),
            out,
        )
    });
    if status == OK { Ok(()) } else { Err(error) }
}

fn prepare(
    database: &Owned<Database, CloseDatabase>,
    sql: &CStr,
) -> (c_int, Option<Owned<Statement, Finalize>>) {
    // SAFETY: an open database, a C string, and no interest in the tail.
    out::owner(|out| unsafe {
        sqlite3_prepare_v2(
            Owned::as_ptr(database),
            sql.as_ptr(),
            -1,
            out,
            ptr::null_mut(),
        )
    })
}

fn message(database: &Owned<Database, CloseDatabase>) -> &CStr {
    // SAFETY: an open database, so a C string, which lives until the next call with the database.
    unsafe { CStr::from_ptr(sqlite3_errmsg(Owned::as_ptr(database))) }
}

fn table(
    database: &Owned<Database, CloseDatabase>,
    sql: &CStr,
) -> (
    c_int,
    c_int,
    c_int,
    Owned<[*mut c_char], FreeTable>,
    Option<Text>,
) {
    let (mut rows, mut columns, mut error) = (0, 0, None);
    // SAFETY: the table has a row of names, and `rows` more; on an error it is NULL.
    let (status, cells) = unsafe {
        out::slice(|cells, length| {
            let status = sqlite3_get_table(
                Owned::as_ptr(database),
                sql.as_ptr(),
                cells,
                &raw mut rows,
                &raw mut columns,
                Out::new(&mut error),
            );
            if status == OK {
                *length = (rows as usize + 1) * columns as usize;
            }
            status
        })
    };
    (
        status,
        rows,
        columns,
        cells.expect("NULL has no cells"),
        error,
    )
}

#[test]
fn a_formatted_string_is_freed_by_sqlite() {
    // SAFETY: the format takes one int.
    let text = unsafe { sqlite3_mprintf(c"%05d".as_ptr(), 42 as c_int) };
    assert_eq!(text.expect("enough memory").to_bytes(), b"00042");
}

#[test]
fn exec_hands_over_its_error_message_or_none() {
    let database = memory();
    assert_eq!(exec(&database, c"create table t(x)"), Ok(()));
    let error = exec(&database, c"select absent").expect_err("there is no such column");
    let error = error.expect("there is a message");
    assert_eq!(error.to_c_str(), c"no such column: absent");
}

#[test]
fn a_path_that_cannot_be_opened_still_gives_a_database_to_close() {
    let (status, database) = open(c"/nonexistent/database");
    assert_eq!(status, CANTOPEN);
    let database = database.expect("a handle, with the error in it");
    assert_eq!(message(&database), c"unable to open database file");
}

#[test]
fn the_last_error_stays_with_the_database() {
    let database = memory();
    let (status, statement) = prepare(&database, c"selec 1");
    assert_eq!((status, statement.is_none()), (ERROR, true));
    assert_eq!(message(&database), c"near \"selec\": syntax error");
}

#[test]
fn a_statement_is_finalized_before_its_database_closes() {
    let database = memory();
    let (status, statement) = prepare(&database, c"select 'x' || ?");
    let statement = statement.expect("valid SQL");
    assert_eq!(status, OK);
    // SAFETY: a live statement with one parameter.
    assert_eq!(
        unsafe { sqlite3_bind_int(Owned::as_ptr(&statement), 1, 7) },
        OK
    );
    // SAFETY: a live statement.
    assert_eq!(unsafe { sqlite3_step(Owned::as_ptr(&statement)) }, ROW);
    // SAFETY: there is a row with one column.
    let cell = unsafe { sqlite3_column_text(Owned::as_ptr(&statement), 0) };
    // SAFETY: a C string until the next step.
    assert_eq!(unsafe { CStr::from_ptr(cell) }, c"x7");
}

#[test]
fn expanded_sql_is_owned() {
    let database = memory();
    let statement = prepare(&database, c"select ?").1.expect("valid SQL");
    // SAFETY: a live statement with one parameter.
    assert_eq!(
        unsafe { sqlite3_bind_int(Owned::as_ptr(&statement), 1, 7) },
        OK
    );
    // SAFETY: a live statement.
    let sql = unsafe { sqlite3_expanded_sql(Owned::as_ptr(&statement)) };
    assert_eq!(sql.expect("enough memory").to_str(), Ok("select 7"));
}

#[test]
fn a_serialized_database_is_a_pointer_and_a_length() {
    let database = memory();
    exec(&database, c"create table t(x)").expect("valid SQL");
    let mut size = 0;
    // SAFETY: an open database, a schema of it, and a place for the size.
    let image =
        unsafe { sqlite3_serialize(Owned::as_ptr(&database), c"main".as_ptr(), &raw mut size, 0) };
    // SAFETY: NULL, or `size` bytes for sqlite3_free.
    let image = unsafe { Owned::<[u8], SqliteFree>::from_raw_parts(image, size as usize) };
    let image = image.expect("a pointer and its length");
    assert_eq!(image.len(), 8192);
    assert!(image.starts_with(b"SQLite format 3\0"));
}

#[test]
fn a_schema_that_does_not_exist_serializes_to_null_and_a_length_that_cannot_be() {
    let database = memory();
    let mut size = 0;
    // SAFETY: an open database, a C string, and a place for the size.
    let image = unsafe {
        sqlite3_serialize(
            Owned::as_ptr(&database),
            c"absent".as_ptr(),
            &raw mut size,
            0,
        )
    };
    assert_eq!(size, -1);
    // SAFETY: NULL.
    let image = unsafe { Owned::<[u8], SqliteFree>::from_raw_parts(image, size as usize) };
    let error = image.expect_err("not an empty database");
    assert!(
        error
            .to_string()
            .starts_with("NULL with length 18446744073709551615")
    );
}

#[test]
fn a_table_is_freed_as_a_whole() {
    let database = memory();
    let (status, rows, columns, table, error) = table(&database, c"select 1 as one, null as two");
    assert_eq!((status, rows, columns, error), (OK, 1, 2, None));
    let cell = |position: usize| {
        let cell = table[position];
        // SAFETY: NULL or a C string, as long as the table lives.
        (!cell.is_null()).then(|| unsafe { CStr::from_ptr(cell) })
    };
    assert_eq!((cell(0), cell(1)), (Some(c"one"), Some(c"two")));
    assert_eq!((cell(2), cell(3)), (Some(c"1"), None));
}

#[test]
fn a_table_without_rows_is_a_block_all_the_same() {
    let (status, _, _, table, _) = table(&memory(), c"create table t(x)");
    assert_eq!((status, table.len()), (OK, 0));
    assert!(Owned::as_ptr(&table).addr() > 4096); // a block, not the empty slice's address
}

#[test]
fn text_is_handed_over_with_its_deallocator() {
    unsafe extern "C" fn greet(context: *mut c_void, _: c_int, _: *mut *mut c_void) {
        let Ok(text) = Owned::<CStr, SqliteFree>::try_from_bytes("grüezi".as_bytes()) else {
            return; // SQLite makes it NULL
        };
        let text = Owned::into_raw_c_str(text);
        // SAFETY: SQLite's context; a C string for sqlite3_free, which is SQLite's from here on.
        unsafe { sqlite3_result_text(context, text, -1, Some(sqlite3_free)) }
    }

    let database = memory();
    // SAFETY: an open database, a C string, and a function that asks for no arguments.
    let status = unsafe {
        sqlite3_create_function(
            Owned::as_ptr(&database),
            c"greet".as_ptr(),
            0,
            UTF8,
            ptr::null_mut(),
            Some(greet),
            None,
            None,
        )
    };
    assert_eq!(status, OK);
    let statement = prepare(&database, c"select greet()").1.expect("valid SQL");
    // SAFETY: a live statement.
    assert_eq!(unsafe { sqlite3_step(Owned::as_ptr(&statement)) }, ROW);
    // SAFETY: there is a row with one column.
    let cell = unsafe { sqlite3_column_text(Owned::as_ptr(&statement), 0) };
    // SAFETY: a C string until the next step.
    assert_eq!(unsafe { CStr::from_ptr(cell) }.to_str(), Ok("grüezi"));
}
