//! Through C code, libraries that come and go, signals, and stacks that are not the thread's.

use core::ffi::{CStr, c_char, c_int, c_void};
use core::hint::black_box;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::{env, eprintln, ptr, vec};

use super::paths::{Random, walk_paths};
use super::probe::{compared, probe, validated};
use crate::stack::native::modules_changed;
use crate::stack::{StackId, frames, resolve};

extern "C" fn comparator(a: *const c_void, b: *const c_void) -> c_int {
    black_box(probe());
    // SAFETY: elements of the array below.
    let a = unsafe { a.cast::<usize>().read() };
    // SAFETY: elements of the array below.
    let b = unsafe { b.cast::<usize>().read() };
    a.cmp(&b) as c_int
}

#[test]
fn stacks_go_through_c_code_without_frame_pointers() {
    let sort = |turn: usize| {
        let mut random = Random::new(turn);
        let mut numbers: Vec<usize> = (0..100).map(|_| random.below(1_000)).collect();
        let first = numbers.as_mut_ptr().cast();
        // SAFETY: the array's own elements, and their comparator.
        unsafe { libc::qsort(first, numbers.len(), 8, Some(comparator)) };
        assert!(numbers.is_sorted());
    };
    compared(|| (0..20).for_each(sort));
    validated(|| (0..500).for_each(sort));
}

/// Symbols of a library that is loaded while this lives.
pub(super) struct Library(*mut c_void);

impl Library {
    pub(super) fn open(name: &CStr) -> Option<Self> {
        // SAFETY: a library of the system, whose constructors may run.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        (!handle.is_null()).then(|| Self(handle)) // not then_some: a Library of NULL would be dropped
    }

    pub(super) fn symbol(&self, name: &CStr) -> *mut c_void {
        // SAFETY: the library is loaded.
        let symbol = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!symbol.is_null(), "{name:?}");
        symbol
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        modules_changed();
        // SAFETY: opened once, closed once; nothing of it is used any more.
        unsafe { libc::dlclose(self.0) };
        modules_changed();
    }
}

type Callback = extern "C" fn(*mut c_void, c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;
type Open = unsafe extern "C" fn(*const c_char, *mut *mut c_void) -> c_int;
type Close = unsafe extern "C" fn(*mut c_void) -> c_int;
type Execute = unsafe extern "C" fn(
    *mut c_void,
    *const c_char,
    Option<Callback>,
    *mut c_void,
    *mut *mut c_char,
) -> c_int;

extern "C" fn row(
    rows: *mut c_void,
    _columns: c_int,
    _values: *mut *mut c_char,
    _names: *mut *mut c_char,
) -> c_int {
    black_box(probe());
    // SAFETY: the counter below.
    unsafe { &*rows.cast::<AtomicU32>() }.fetch_add(1, Ordering::Relaxed);
    0
}

#[test]
fn a_real_library_comes_and_goes() {
    let query = |sqlite: &Library| {
        // SAFETY: sqlite3_open's type.
        let open: Open = unsafe { core::mem::transmute(sqlite.symbol(c"sqlite3_open")) };
        // SAFETY: sqlite3_close's type.
        let close: Close = unsafe { core::mem::transmute(sqlite.symbol(c"sqlite3_close")) };
        // SAFETY: sqlite3_exec's type.
        let execute: Execute = unsafe { core::mem::transmute(sqlite.symbol(c"sqlite3_exec")) };
        let rows = AtomicU32::new(0);
        let mut database = ptr::null_mut();
        // SAFETY: a name and a place for the handle.
        assert_eq!(unsafe { open(c":memory:".as_ptr(), &raw mut database) }, 0);
        let statement = c"with recursive n(i) as (select 1 union all select i + 1 from n limit 100)
                          select i, (select count(*) from n) from n order by -i";
        let counter = (&raw const rows).cast_mut().cast();
        // SAFETY: an open database, a statement, and a callback with its counter.
        let error = unsafe {
            execute(
                database,
                statement.as_ptr(),
                Some(row),
                counter,
                ptr::null_mut(),
            )
        };
        assert_eq!(error, 0);
        assert_eq!(rows.load(Ordering::Relaxed), 100);
        // SAFETY: opened above.
        assert_eq!(unsafe { close(database) }, 0);
    };
    let once = || {
        let Some(sqlite) = Library::open(c"libsqlite3.so.0") else {
            assert!(
                env::var_os("MALLOC_SAFE_REQUIRE_LIBRARIES").is_none(),
                "no libsqlite3.so.0"
            );
            skipped::note(
                "stacks through a library of C: there is no libsqlite3.so.0",
                "apt-get install libsqlite3-0",
            );
            return;
        };
        query(&sqlite);
    };
    compared(|| (0..10).for_each(|_| once()));
    validated(|| (0..50).for_each(|_| once()));
}

static SEEN: AtomicU32 = AtomicU32::new(0);

/// The stack that a handler took since this was asked last.
fn seen() -> StackId {
    let number = SEEN.swap(0, Ordering::Relaxed);
    assert_ne!(number, 0, "nothing took a stack");
    // SAFETY: stored below, from an identifier.
    unsafe { StackId::from_u32(number) }
}

extern "C" fn handler(_signal: c_int) {
    SEEN.store(black_box(probe()).get(), Ordering::Relaxed);
}

#[inline(never)]
fn raises_a_signal() {
    // SAFETY: a signal that is handled.
    black_box(unsafe { libc::raise(libc::SIGUSR2) });
}

fn handle(signal: c_int, handler: extern "C" fn(c_int), flags: c_int) {
    // SAFETY: all zero is an action.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = flags;
    // SAFETY: a handler that does what may be done in one.
    let error = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    assert_eq!(error, 0);
}

/// Takes the stack of a handler, and nobody else's signal.
pub(super) fn in_a_handler() {
    extern "C" fn handler(_signal: c_int) {
        assert!(frames(black_box(probe())).len() > 2);
    }
    handle(libc::SIGUSR1, handler, 0);
    // SAFETY: a signal that is handled.
    black_box(unsafe { libc::raise(libc::SIGUSR1) });
}

#[test]
fn signal_handlers_have_the_stack_that_they_interrupted_unless_they_have_their_own() {
    for _ in 0..3 {
        handle(libc::SIGUSR2, handler, 0);
        raises_a_signal();
        let names: Vec<_> = resolve(seen())
            .into_iter()
            .map(|frame| frame.function)
            .collect();
        let position = |name: &str| names.iter().position(|known| known.ends_with(name));
        let raised = position("raises_a_signal");
        assert!(
            position("handler").is_some() && position("handler") < raised,
            "{names:#?}"
        );
        // Without the C library's debug symbols the function is an offset in it.
        let starts_the_thread =
            |name: &String| name == "start_thread" || name.starts_with("libc.so");
        let outermost = names.iter().rposition(starts_the_thread);
        assert!(outermost > raised, "{names:#?}");

        let mut room = vec![0_u8; 64 << 10];
        let stack = libc::stack_t {
            ss_sp: room.as_mut_ptr().cast(),
            ss_flags: 0,
            ss_size: room.len(),
        };
        // SAFETY: room for handlers, taken back below.
        let error = unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        assert_eq!(error, 0);
        handle(libc::SIGUSR2, handler, libc::SA_ONSTACK);
        raises_a_signal();
        assert_eq!(frames(seen()).len(), 1);
        let none = libc::stack_t {
            ss_flags: libc::SS_DISABLE,
            ..stack
        };
        // SAFETY: no handler is running.
        let error = unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
        assert_eq!(error, 0);
    }
}

#[cfg(target_env = "gnu")]
#[test]
fn coroutines_have_one_frame_and_leave_the_threads_stack_as_it_was() {
    static BACK: AtomicUsize = AtomicUsize::new(0);
    static FORTH: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn coroutine() {
        for turn in 0.. {
            SEEN.store(black_box(probe()).get(), Ordering::Relaxed);
            black_box(turn);
            let here = FORTH.load(Ordering::Relaxed) as *mut libc::ucontext_t;
            let there = BACK.load(Ordering::Relaxed) as *const libc::ucontext_t;
            // SAFETY: the contexts of the test, which waits in the other.
            unsafe { libc::swapcontext(here, there) };
        }
    }

    // SAFETY: all zero is a context.
    let mut back: libc::ucontext_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: all zero is a context.
    let mut forth: libc::ucontext_t = unsafe { MaybeUninit::zeroed().assume_init() };
    let mut room = vec![0_u8; 256 << 10];
    // SAFETY: a place for a context.
    assert_eq!(unsafe { libc::getcontext(&raw mut forth) }, 0);
    forth.uc_stack.ss_sp = room.as_mut_ptr().cast();
    forth.uc_stack.ss_size = room.len();
    // SAFETY: a context with a stack, and a function without arguments.
    unsafe { libc::makecontext(&raw mut forth, coroutine, 0) };
    BACK.store(&raw mut back as usize, Ordering::Relaxed);
    FORTH.store(&raw mut forth as usize, Ordering::Relaxed);
    for seed in 0..5 {
        // SAFETY: a context that was made, or that waits in its loop.
        let error = unsafe { libc::swapcontext(&raw mut back, &raw const forth) };
        assert_eq!(error, 0);
        assert_eq!(frames(seen()).len(), 1);
        compared(|| walk_paths(seed, 20));
    }
}
