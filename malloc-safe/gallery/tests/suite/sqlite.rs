//! SQLite: its own allocator, out-parameters that are set on errors too, tables, hand-over.

use core::convert::Infallible;
use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use malloc_safe::{
    Allocator, Borrowed, BorrowedCStr, Close, CloseFailure, LentCStr, NulTerminated, Opaque, Out,
    Owned, RawPartsError, deallocator, out,
};

enum DatabaseTag {}
/// A statement uses its database until it is finalized.
struct StatementTag<'db>(PhantomData<&'db DatabaseTag>);
enum ContextTag {}
type Database = Opaque<DatabaseTag>;
type Statement<'db> = Opaque<StatementTag<'db>>;
type Context = Opaque<ContextTag>;
type Connection = Owned<Database, CloseDatabase>;
type Text = Owned<NulTerminated<c_char>, SqliteFree>;

deallocator! { struct SqliteFree(any) = sqlite3_free; }
deallocator! { struct CloseDatabase(Database) = sqlite3_close; }
deallocator! { struct Finalize(Opaque<StatementTag<'_>>) = sqlite3_finalize; }
deallocator! { struct FreeTable(*mut c_char) = sqlite3_free_table; }

// SAFETY: sqlite3_malloc64 returns NULL or a block of its own, on an 8-byte boundary, for
// sqlite3_free; sqlite3_realloc64 keeps what is in it, and the block itself where it returns NULL.
unsafe impl Allocator for SqliteFree {
    const ALIGNMENT: usize = 8;

    fn allocate(size: usize) -> Option<NonNull<u8>> {
        NonNull::new(sqlite3_malloc64(size as u64).cast())
    }

    unsafe fn reallocate(block: NonNull<u8>, _: usize, new: usize) -> Option<NonNull<u8>> {
        // SAFETY: the caller has a live block of sqlite3_malloc64's.
        NonNull::new(unsafe { sqlite3_realloc64(block.as_ptr().cast(), new as u64) }.cast())
    }
}

// SAFETY: a database with unfinished statements stays open.
unsafe impl Close<Database> for CloseDatabase {
    type Status = c_int;

    unsafe fn close(ptr: NonNull<Database>) -> Result<(), CloseFailure<c_int>> {
        // SAFETY: the caller hands over an open database.
        match unsafe { sqlite3_close(ptr.as_ptr()) } {
            OK => Ok(()),
            status => Err(CloseFailure::Kept(status)),
        }
    }
}

type Function = unsafe extern "C" fn(Borrowed<'_, Context>, c_int, *mut *mut c_void);

/// No callback, and nothing for it: there is no such value but NULL.
type Null<'a> = Option<&'a Infallible>;

unsafe extern "C" {
    fn sqlite3_free(block: *mut c_void);
    safe fn sqlite3_malloc64(size: u64) -> *mut c_void;
    fn sqlite3_realloc64(block: *mut c_void, size: u64) -> *mut c_void;
    fn sqlite3_mprintf(format: *const c_char, ...) -> Option<Text>;
    safe fn sqlite3_open(
        path: BorrowedCStr<'_>,
        out: Out<'_, Owned<Database, CloseDatabase>>,
    ) -> c_int;
    fn sqlite3_close(database: *mut Database) -> c_int;
    // A pointer, as the next call with the database may end what it points to.
    safe fn sqlite3_errmsg(database: Borrowed<'_, Database>) -> *const c_char;
    safe fn sqlite3_exec(
        database: Borrowed<'_, Database>,
        sql: BorrowedCStr<'_>,
        row: Null<'_>,
        argument: Null<'_>,
        error: Out<'_, Owned<NulTerminated<c_char>, SqliteFree>>,
    ) -> c_int;
    // Not safe: nothing relates the length to the string.
    fn sqlite3_prepare_v2<'db>(
        database: Borrowed<'db, Database>,
        sql: BorrowedCStr<'_>,
        length: c_int,
        out: Out<'_, Owned<Statement<'db>, Finalize>>,
        tail: Option<&mut *const c_char>,
    ) -> c_int;
    fn sqlite3_finalize(statement: *mut Statement<'_>) -> c_int;
    safe fn sqlite3_bind_int(
        statement: Borrowed<'_, Statement<'_>>,
        at: c_int,
        value: c_int,
    ) -> c_int;
    safe fn sqlite3_step(statement: Borrowed<'_, Statement<'_>>) -> c_int;
    safe fn sqlite3_column_text(
        statement: Borrowed<'_, Statement<'_>>,
        column: c_int,
    ) -> *const c_char;
    safe fn sqlite3_expanded_sql(statement: Borrowed<'_, Statement<'_>>) -> Option<Text>;
    safe fn sqlite3_serialize(
        database: Borrowed<'_, Database>,
        schema: BorrowedCStr<'_>,
        size: &mut i64,
        flags: c_uint,
    ) -> *mut u8;
    safe fn sqlite3_get_table(
        database: Borrowed<'_, Database>,
        sql: BorrowedCStr<'_>,
        cells: &mut *mut LentCStr,
        rows: &mut c_int,
        columns: &mut c_int,
        error: Out<'_, Owned<NulTerminated<c_char>, SqliteFree>>,
    ) -> c_int;
    fn sqlite3_free_table(cells: *mut *mut c_char);
    // Not safe: the functions must be right for the arguments, and the data theirs.
    fn sqlite3_create_function(
        database: Borrowed<'_, Database>,
        name: BorrowedCStr<'_>,
        arguments: c_int,
        encoding: c_int,
        data: *mut c_void,
        function: Option<Function>,
        step: Option<Function>,
        last: Option<extern "C" fn(*mut c_void)>,
    ) -> c_int;
    fn sqlite3_result_text(
        context: Borrowed<'_, Context>,
        text: *mut c_char,
        length: c_int,
        free: Option<unsafe extern "C" fn(*mut c_void)>,
    );
}

const OK: c_int = 0;
const ERROR: c_int = 1;
const BUSY: c_int = 5;
const CANTOPEN: c_int = 14;
const ROW: c_int = 100;
const UTF8: c_int = 1;

fn memory() -> Connection {
    let (status, database) = out::owner(|out| sqlite3_open(c":memory:".into(), out));
    assert_eq!(status, OK);
    database.expect("status 0")
}

fn exec(database: &Connection, sql: &CStr) -> Result<(), Option<Text>> {
    let (status, error) =
        out::owner(|error| sqlite3_exec(Owned::lend(database), sql.into(), None, None, error));
    if status == OK { Ok(()) } else { Err(error) }
}

fn prepare<'db>(
    database: &'db Connection,
    sql: &CStr,
) -> (c_int, Option<Owned<Statement<'db>, Finalize>>) {
    // SAFETY: -1 is a string's own length.
    out::owner(|out| unsafe {
        sqlite3_prepare_v2(Owned::lend(database), sql.into(), -1, out, None)
    })
}

fn message(database: &mut Connection) -> &CStr {
    let message = sqlite3_errmsg(Owned::lend(database));
    // SAFETY: a C string, which lives until the next call with the database: that is borrowed
    // exclusively.
    unsafe { CStr::from_ptr(message) }
}

/// The first column of the first row.
fn first(database: &Connection, sql: &CStr) -> Option<String> {
    let statement = prepare(database, sql).1.expect("valid SQL");
    assert_eq!(sqlite3_step(Owned::lend(&statement)), ROW);
    let cell = sqlite3_column_text(Owned::lend(&statement), 0);
    // SAFETY: NULL or a C string, which lives until the next call with the statement.
    (!cell.is_null()).then(|| unsafe { CStr::from_ptr(cell) }.to_str().unwrap().to_owned())
}

fn serialize(
    database: &Connection,
    schema: &CStr,
) -> Result<Owned<[u8], SqliteFree>, RawPartsError<u8, SqliteFree>> {
    let mut size = 0;
    let image = sqlite3_serialize(Owned::lend(database), schema.into(), &mut size, 0);
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    // SAFETY: without flags NULL, or a block of so many bytes for sqlite3_free.
    unsafe { Owned::from_raw_parts(image, size) }
}

struct Table {
    columns: c_int,
    rows: c_int,
    cells: Owned<[LentCStr], FreeTable>,
}

fn table(database: &Connection, sql: &CStr) -> Result<Table, Option<Text>> {
    let (mut cells, mut rows, mut columns) = (ptr::null_mut(), 0, 0);
    let (status, error) = out::owner(|error| {
        let database = Owned::lend(database);
        sqlite3_get_table(
            database,
            sql.into(),
            &mut cells,
            &mut rows,
            &mut columns,
            error,
        )
    });
    if status != OK {
        return Err(error);
    }
    let count = usize::try_from((i64::from(rows) + 1) * i64::from(columns))
        .expect("counts are not negative");
    // SAFETY: a row of names and `rows` rows of cells, each NULL or a string of the table's.
    let cells = unsafe { Owned::from_raw_parts(cells, count) };
    let cells = cells.expect("status 0 comes with a table");
    Ok(Table {
        columns,
        rows,
        cells,
    })
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
    let (status, database) = out::owner(|out| sqlite3_open(c"/nonexistent/database".into(), out));
    assert_eq!(status, CANTOPEN);
    let mut database = database.expect("a handle, with the error in it");
    assert_eq!(message(&mut database), c"unable to open database file");
}

#[test]
fn the_last_error_stays_with_the_database() {
    let mut database = memory();
    let (status, statement) = prepare(&database, c"selec 1");
    assert_eq!((status, statement.map(drop)), (ERROR, None));
    assert_eq!(message(&mut database), c"near \"selec\": syntax error");
}

#[test]
fn a_database_with_an_unfinished_statement_is_not_closed_but_given_back() {
    let database = memory();
    let statement = prepare(&database, c"select 1").1.expect("valid SQL");
    // While it is owned the database cannot be closed.
    let statement: *mut StatementTag<'static> = Owned::into_raw(statement).cast();
    let error = Owned::close(database).expect_err("a statement is unfinished");
    assert_eq!(*error.status(), BUSY);
    // SAFETY: the statement that was given up, whose database is still open.
    drop(unsafe { Owned::<Statement<'_>, Finalize>::from_raw(statement) });
    let database = error.into_owner().expect("it is still open");
    assert_eq!(first(&database, c"select 1").as_deref(), Some("1"));
    assert!(Owned::close(database).is_ok());
}

#[test]
fn expanded_sql_is_owned() {
    let database = memory();
    let (_, statement) = prepare(&database, c"select ?");
    let statement = statement.expect("valid SQL");
    assert_eq!(sqlite3_bind_int(Owned::lend(&statement), 1, 7), OK);
    let sql = sqlite3_expanded_sql(Owned::lend(&statement)).expect("enough memory");
    drop(statement);
    assert_eq!(sql.to_str(), Ok("select 7"));
}

#[test]
fn a_serialized_database_is_a_pointer_and_a_length() {
    let database = memory();
    exec(&database, c"create table t(x)").expect("valid SQL");
    let image = serialize(&database, c"main").expect("a pointer and its length");
    assert_eq!(image.len(), 8192);
    assert!(image.starts_with(b"SQLite format 3\0"));
}

#[test]
fn a_schema_that_does_not_exist_serializes_to_an_error_and_not_to_an_empty_database() {
    let error = serialize(&memory(), c"absent").expect_err("NULL and -1");
    assert_eq!(error.length(), usize::MAX);
    assert!(error.into_block().is_none());
}

#[test]
fn a_table_lends_its_cells_and_is_freed_as_a_whole() {
    let table = table(&memory(), c"select 1 as one, null as two").expect("valid SQL");
    assert_eq!((table.rows, table.columns), (1, 2));
    let cells: Vec<_> = table.cells.iter().collect();
    assert_eq!(cells, [Some(c"one"), Some(c"two"), Some(c"1"), None]);
}

#[test]
fn a_table_without_cells_is_a_block_all_the_same() {
    let table = table(&memory(), c"create table t(x)").expect("valid SQL");
    assert!(table.cells.is_empty());
    let (block, _) = Owned::into_raw_parts(table.cells);
    assert!(!block.is_null());
    // SAFETY: the table's, as it was.
    drop(unsafe { Owned::<[LentCStr], FreeTable>::from_raw_parts(block, 0) });
}

#[test]
fn a_table_that_cannot_be_got_is_an_error_message() {
    let error = table(&memory(), c"select absent")
        .err()
        .flatten()
        .expect("a message");
    assert_eq!(error.to_c_str(), c"no such column: absent");
}

/// Makes `function`, which looks at no argument, the SQL function `f`, and returns what it returns.
fn result_of(function: Function) -> Option<String> {
    let database = memory();
    // SAFETY: no data, and a function that looks at no argument.
    let status = unsafe {
        sqlite3_create_function(
            Owned::lend(&database),
            c"f".into(),
            0,
            UTF8,
            ptr::null_mut(),
            Some(function),
            None,
            None,
        )
    };
    assert_eq!(status, OK);
    first(&database, c"select f()")
}

fn greeting() -> Owned<NulTerminated<c_char>, SqliteFree> {
    let text = Owned::<CStr, SqliteFree>::try_from_bytes_in("grüezi".as_bytes());
    text.expect("enough memory").into_nul_terminated()
}

#[test]
fn text_is_handed_over_to_sqlite_which_frees_it() {
    extern "C" fn greet(context: Borrowed<'_, Context>, _: c_int, _: *mut *mut c_void) {
        let text = Owned::into_raw(greeting()).cast();
        // SAFETY: a C string for sqlite3_free, which is SQLite's from here on.
        unsafe { sqlite3_result_text(context, text, -1, Some(sqlite3_free)) }
    }
    assert_eq!(result_of(greet).as_deref(), Some("grüezi"));
}

#[test]
fn text_is_handed_over_with_the_destructor_of_its_owner() {
    extern "C" fn greet(context: Borrowed<'_, Context>, _: c_int, _: *mut *mut c_void) {
        let (text, destroy) = Owned::into_raw_with_destructor(greeting());
        // SAFETY: a C string that SQLite destroys, in this thread.
        unsafe { sqlite3_result_text(context, text.cast(), -1, Some(destroy)) }
    }
    assert_eq!(result_of(greet).as_deref(), Some("grüezi"));
}
