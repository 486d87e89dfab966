//! Handles of a library's own type, one line each.

use core::cell::RefCell;
use core::ffi::c_char;
use core::ptr;
use malloc_safe::{Lease, NulTerminated, Opaque, Out, Owned, Owner, Shared, handle, out};
use malloc_sys::{counted, counted_new, counted_references, counted_release, counted_retain};
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::thread;

thread_local! {
    /// What was ended in this thread, in order.
    static ENDED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// What `run` ends.
fn ended_by(run: impl FnOnce()) -> Vec<&'static str> {
    ENDED.take();
    run();
    ENDED.take()
}

/// Stands for a -sys crate: structs without a definition as bindgen writes them.
mod ffi {
    use super::ENDED;

    #[repr(C)]
    #[derive(Debug, Copy, Clone)]
    #[allow(non_camel_case_types, reason = "C's name")]
    pub(super) struct database {
        _unused: [u8; 0],
    }

    #[repr(C)]
    #[derive(Debug, Copy, Clone)]
    #[allow(non_camel_case_types, reason = "C's name")]
    pub(super) struct statement {
        _unused: [u8; 0],
    }

    pub(super) unsafe extern "C" fn database_open() -> *mut database {
        // SAFETY: no precondition.
        unsafe { malloc_sys::malloc(8) }.cast()
    }

    pub(super) unsafe extern "C" fn database_open_at(place: *mut *mut database) -> i32 {
        // SAFETY: no precondition.
        let opened = unsafe { database_open() };
        // SAFETY: the caller has a place.
        unsafe { place.write(opened) };
        0
    }

    pub(super) unsafe extern "C" fn database_close(it: *mut database) -> i32 {
        ENDED.with_borrow_mut(|ended| ended.push("database"));
        // SAFETY: a malloc block.
        unsafe { malloc_sys::free(it.cast()) };
        0
    }

    pub(super) unsafe extern "C" fn statement_new(_: *mut database) -> *mut statement {
        // SAFETY: no precondition.
        unsafe { malloc_sys::malloc(8) }.cast()
    }

    pub(super) unsafe extern "C" fn statement_free(it: *mut statement) {
        ENDED.with_borrow_mut(|ended| ended.push("statement"));
        // SAFETY: a malloc block.
        unsafe { malloc_sys::free(it.cast()) };
    }
}

handle! { struct Database(ffi::database) = ffi::database_close; }
handle! {
    /// Uses its database until it is ended.
    struct Statement<'db>(ffi::statement): Send = ffi::statement_free;
}
handle! { struct Count(counted): Send + Sync = counted_release, clone = counted_retain; }

impl Database {
    fn open() -> Option<Self> {
        // SAFETY: no precondition.
        let raw = unsafe { ffi::database_open() };
        // SAFETY: NULL, or a database of the caller's.
        unsafe { Self::from_raw(raw) }
    }

    fn prepare(&self) -> Option<Statement<'_>> {
        // SAFETY: an open database.
        let raw = unsafe { ffi::statement_new(self.as_ptr()) };
        // SAFETY: NULL, or a statement of the caller's, which the database outlives.
        unsafe { Statement::from_raw(raw) }
    }
}

impl Count {
    fn new() -> Option<Self> {
        // SAFETY: no precondition.
        let raw = unsafe { counted_new(7) };
        // SAFETY: NULL, or an object whose reference is the caller's.
        unsafe { Self::from_raw(raw) }
    }

    fn references(&self) -> usize {
        // SAFETY: the handle keeps the object.
        unsafe { counted_references(self.as_ptr()) }
    }
}

#[test]
fn a_child_is_ended_before_its_parent() {
    let ended = ended_by(|| {
        let database = Database::open().expect("enough memory");
        let statement = database.prepare().expect("enough memory");
        assert_ne!(statement.as_ptr().addr(), database.as_ptr().addr());
    });
    assert_eq!(ended, ["statement", "database"]);
}

#[test]
fn it_is_the_pointer_and_null_is_none() {
    assert_eq!(size_of::<Option<Statement<'_>>>(), size_of::<*mut u8>());
    assert_eq!(
        size_of::<Option<Lease<'_, Database>>>(),
        size_of::<*mut u8>()
    );
    // SAFETY: NULL is allowed.
    assert!(unsafe { Database::from_raw(ptr::null_mut()) }.is_none());
    // SAFETY: NULL is allowed.
    assert!(unsafe { Lease::<Database>::from_raw(ptr::null_mut()) }.is_none());
}

#[test]
fn what_is_given_up_is_not_ended() {
    let ended = ended_by(|| {
        let raw = Database::open().expect("enough memory").into_raw();
        // SAFETY: what into_raw gave.
        let again = unsafe { Database::from_raw(raw) }.expect("not NULL");
        assert_eq!(again.as_ptr(), raw);
    });
    assert_eq!(ended, ["database"]);
}

#[test]
fn a_clone_is_another_reference_and_a_lease_none() {
    let one = Count::new().expect("enough memory");
    let two = one.clone();
    let lent = one.lease();
    let copied = lent;
    assert_eq!((lent.references(), copied.references()), (2, 2));
    let three = Count::clone(&lent);
    assert_eq!(three.references(), 3);
    drop(two);
    assert_eq!(one.references(), 2);
}

#[test]
fn a_pointer_that_c_shows_has_the_methods_and_is_not_ended() {
    let one = Count::new().expect("enough memory");
    // SAFETY: `one` keeps it.
    let lent = unsafe { Lease::<Count>::from_raw(one.as_ptr()) }.expect("not NULL");
    assert_eq!(lent.references(), 1);
    assert_eq!(lent.as_ptr(), one.as_ptr());
}

#[test]
fn a_place_takes_a_handle_a_shared_or_an_owned() {
    let (status, database) = out::owner(|out: Out<'_, Database>| {
        // SAFETY: a place.
        unsafe { ffi::database_open_at(out.into_raw()) }
    });
    assert_eq!((status, database.is_some()), (0, true));
    let ((), shared) = out::owner(
        |out: Out<'_, Shared<Opaque<counted>, crate::shared::Release>>| {
            // SAFETY: no precondition.
            let object = unsafe { counted_new(1) };
            // SAFETY: the place gets NULL, or an object whose reference is the caller's.
            unsafe { out.into_raw().write(object) }
        },
    );
    assert!(shared.is_some());
    let ((), text) = out::owner(|out: Out<'_, Owned<NulTerminated<c_char>>>| {
        // SAFETY: the fill is not 0.
        let text = unsafe { malloc_sys::workload_string(1, 45) };
        // SAFETY: the place gets NULL, or a string in a malloc block.
        unsafe { out.into_raw().write(text) }
    });
    assert_eq!(text.expect("enough memory").to_bytes(), b"-");
}

#[test]
fn debug_shows_the_name_and_the_address() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "only shown")]
    struct Wrapper {
        database: Database,
    }

    let database = Database::open().expect("enough memory");
    let expected = format!("Database({:?})", database.as_ptr());
    assert_eq!(format!("{database:?}"), expected);
    assert_eq!(format!("{:?}", database.lease()), expected);
    let wrapper = Wrapper { database };
    assert_eq!(
        format!("{wrapper:?}"),
        format!("Wrapper {{ database: {expected} }}")
    );
}

#[test]
fn state_that_c_points_to_is_dropped_after_the_handle() {
    struct State;
    impl Drop for State {
        fn drop(&mut self) {
            ENDED.with_borrow_mut(|ended| ended.push("state"));
        }
    }
    /// In the order of their end.
    struct Connection {
        _handle: Database,
        _state: Box<State>,
    }

    let ended = ended_by(|| {
        let connection = Connection {
            _handle: Database::open().expect("enough memory"),
            _state: Box::new(State),
        };
        drop(connection);
    });
    assert_eq!(ended, ["database", "state"]);
}

#[test]
fn a_handle_that_says_so_leaves_its_thread() {
    let count = Count::new().expect("enough memory");
    let clone = count.clone();
    let there = thread::spawn(move || clone.references()).join();
    assert_eq!(there.expect("no panic"), 2);
    let lent = count.lease();
    thread::scope(|scope| {
        let there = scope.spawn(move || lent.references()).join();
        assert_eq!(there.expect("no panic"), 1);
    });
}

assert_not_impl_any!(Database: Send, Sync, Clone, Copy);
assert_impl_all!(Statement<'static>: Send);
assert_not_impl_any!(Statement<'static>: Sync, Clone);
assert_impl_all!(Count: Send, Sync, Clone);
assert_impl_all!(Lease<'static, Count>: Send, Sync, Copy);
assert_not_impl_any!(Lease<'static, Statement<'static>>: Send, Sync);

/// A handle that may live long will do for one that need not.
#[expect(dead_code, reason = "compiling it is the test")]
fn shorten<'short>(statement: Statement<'static>) -> Statement<'short> {
    statement
}
