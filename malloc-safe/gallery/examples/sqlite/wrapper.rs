//! A wrapper of SQLite.
//!
//! Written with raw pointers, each of these leaks unless somebody thinks of it on every way out:
//! the handle of a database that could not be opened, the message of a statement that failed, the
//! SQL with its parameters, the image, the table. Here their declarations free them.

use core::ffi::{CStr, c_char, c_int, c_void};
use malloc_safe::{Borrowed, BorrowedCStr, LentCStr, NulTerminated, Opaque, Out, Owned};
use malloc_safe::{deallocator, out};

pub(crate) enum Database {}
pub(crate) enum Statement {}
deallocator! { pub(crate) struct Free(any) = sqlite3_free; }
deallocator! { pub(crate) struct FreeTable(*mut c_char) = sqlite3_free_table; }
deallocator! { pub(crate) struct Close(Opaque<Database>) = sqlite3_close_v2; }
deallocator! { pub(crate) struct Finalize(Opaque<Statement>) = sqlite3_finalize; }
pub(crate) type Text = Owned<NulTerminated<c_char>, Free>;
type Db<'a> = Borrowed<'a, Opaque<Database>>;
type Error<'a> = Out<'a, Owned<NulTerminated<c_char>, Free>>;
type Null = Option<&'static Statement>; // of which there is none, but NULL

#[rustfmt::skip] // a declaration a line
unsafe extern "C" {
    fn sqlite3_free(block: *mut c_void);
    fn sqlite3_free_table(cells: *mut *mut c_char);
    fn sqlite3_close_v2(db: *mut Opaque<Database>) -> c_int;
    fn sqlite3_finalize(stmt: *mut Opaque<Statement>) -> c_int;
    safe fn sqlite3_open(path: BorrowedCStr<'_>, db: Out<'_, Owned<Opaque<Database>, Close>>) -> c_int;
    safe fn sqlite3_exec(db: Db<'_>, sql: BorrowedCStr<'_>, row: Null, _: Null, error: Error<'_>) -> c_int;
    fn sqlite3_prepare_v2(db: Db<'_>, sql: BorrowedCStr<'_>, n: c_int, stmt: Out<'_, Owned<Opaque<Statement>, Finalize>>, tail: Null) -> c_int;
    safe fn sqlite3_bind_int(stmt: Borrowed<'_, Opaque<Statement>>, position: c_int, value: c_int) -> c_int;
    safe fn sqlite3_expanded_sql(stmt: Borrowed<'_, Opaque<Statement>>) -> Option<Text>;
    safe fn sqlite3_serialize(db: Db<'_>, schema: BorrowedCStr<'_>, size: &mut i64, flags: c_int) -> *mut u8;
    safe fn sqlite3_get_table(db: Db<'_>, sql: BorrowedCStr<'_>, cells: &mut *mut LentCStr, rows: &mut u32, columns: &mut u32, error: Error<'_>) -> c_int;
}

pub(crate) struct Connection(Owned<Opaque<Database>, Close>);

impl Connection {
    pub(crate) fn open(path: &CStr) -> Result<Self, c_int> {
        let (status, db) = out::owner(|db| sqlite3_open(path.into(), db));
        db.filter(|_| status == 0).map(Self).ok_or(status) // the handle of a failure is closed
    }
    pub(crate) fn exec(&self, sql: &CStr) -> Result<(), Option<Text>> {
        let (db, sql) = (Owned::lend(&self.0), sql.into());
        let (status, message) = out::owner(|error| sqlite3_exec(db, sql, None, None, error));
        (status == 0).then_some(()).ok_or(message)
    }
    /// The SQL with `value` for its parameter.
    pub(crate) fn expand(&self, sql: &CStr, value: c_int) -> Option<Text> {
        let (db, sql) = (Owned::lend(&self.0), sql.into());
        // SAFETY: -1 is the string's own length.
        let (_, stmt) = out::owner(|stmt| unsafe { sqlite3_prepare_v2(db, sql, -1, stmt, None) });
        let stmt = stmt?;
        sqlite3_bind_int(Owned::lend(&stmt), 1, value);
        sqlite3_expanded_sql(Owned::lend(&stmt))
    }
    /// `None` if there is no memory.
    pub(crate) fn serialize(&self) -> Option<Owned<[u8], Free>> {
        let mut size = 0;
        let image = sqlite3_serialize(Owned::lend(&self.0), c"main".into(), &mut size, 0);
        // SAFETY: NULL and -1, or so many bytes for sqlite3_free.
        unsafe { Owned::from_raw_parts(image, usize::try_from(size).ok()?) }.ok()
    }
    /// The names of the columns, then the cells, row by row.
    pub(crate) fn table(&self, sql: &CStr) -> Result<Owned<[LentCStr], FreeTable>, Option<Text>> {
        let (db, sql) = (Owned::lend(&self.0), sql.into());
        let (mut cells, mut rows, mut columns) = (std::ptr::null_mut(), 0, 0);
        let (status, message) =
            out::owner(|e| sqlite3_get_table(db, sql, &mut cells, &mut rows, &mut columns, e));
        let count = (rows as usize + 1) * columns as usize;
        // SAFETY: NULL, or with status 0 so many cells for sqlite3_free_table.
        let cells = unsafe { Owned::from_raw_parts(cells, count) };
        cells.ok().filter(|_| status == 0).ok_or(message)
    }
}
