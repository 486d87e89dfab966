//! Whether the checker works in this process, found out by trying.

use core::ffi::{c_char, c_void};
use core::fmt;
use core::hint::black_box;
use core::sync::atomic::{AtomicBool, Ordering};
use std::alloc::{Layout, alloc, dealloc};
use std::error::Error;

use crate::fork;
use crate::hooks::{self, Busy, Refusal, Support, Watch};
use crate::leak::context;
use crate::leak::scopes::{self, Scope, ThreadScope};
use crate::once::Once;

/// Whether allocations are seen.
///
/// A test that may be run where there are no hooks tells the two apart:
///
/// ```
/// use malloc_watch::leak::{self, Reason, Status};
///
/// match leak::status() {
///     Status::Active => leak::scope(|| drop(Box::new(7))).assert_none(),
///     Status::Inactive(Reason::Valgrind) => (), // it has a leak report of its own
///     Status::Inactive(reason) => eprintln!("skipped: {reason}"),
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// They are: a probe found what it had allocated, itself and through the C library.
    Active,
    /// They are not, so a report is empty and proves nothing.
    Inactive(Reason),
}

/// Why allocations are not seen. Displays what to do about it.
///
/// ```
/// use malloc_watch::leak::Reason;
///
/// assert!(Reason::Valgrind.to_string().contains("valgrind"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The program runs under valgrind, which brings its own `malloc`.
    Valgrind,
    /// The program is built with a sanitizer, which brings its own `malloc`.
    Sanitizer,
    /// The program is linked with a static C library, whose `malloc` cannot be hooked.
    StaticLibc,
    /// Not Linux with glibc on 64-bit x86 or ARM.
    Platform,
    /// Another `malloc` comes first in this process.
    OtherMalloc {
        /// The executable or library that defines it.
        object: String,
    },
    /// The hooks are in the program, and its libraries do not see them.
    Hidden,
    /// There is not enough address space for what the checker keeps.
    NoMemory,
    /// There have been too many scopes, or stacks in them, to tell any more of them apart.
    Full,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valgrind => f.write_str(
                "valgrind brings its own malloc; run without it, or look at its own leak report",
            ),
            Self::Sanitizer => f.write_str(
                "a sanitizer brings its own malloc; build without -Zsanitizer and -fsanitize, or \
                 look at its own leak report",
            ),
            Self::StaticLibc => f.write_str(
                "a static C library's malloc cannot be hooked; build without \
                 -Ctarget-feature=+crt-static",
            ),
            Self::Platform => f.write_str(
                "there are hooks for Linux with glibc on x86_64 and aarch64 only; run this test \
                 there",
            ),
            Self::OtherMalloc { object } => write!(
                f,
                "malloc is that of {object}; build or run without that allocator (unset LD_PRELOAD, or \
                 give its symbols a prefix: as #[global_allocator] alone it is no obstacle, but for \
                 Rust's own blocks, see leak::sees_rust)"
            ),
            Self::Hidden => f.write_str(
                "the linker hid or dropped the hooks in malloc; link them into the executable \
                 itself, not into a cdylib, and without a version script that hides malloc",
            ),
            Self::NoMemory => f.write_str(
                "256 MiB of address space, of which little is used, could not be reserved; raise \
                 `ulimit -v`",
            ),
            Self::Full => f.write_str(
                "there were too many scopes, or stacks in them, in one process; use fewer",
            ),
        }
    }
}

impl Error for Reason {}

/// Whether the checker works in this process.
///
/// The first call, also if it comes from a scope, allocates through `malloc` and through the C
/// library, frees some of it, and looks whether exactly the rest is found.
///
/// ```
/// use malloc_watch::leak::{self, Status};
///
/// if let Status::Inactive(reason) = leak::status() {
///     eprintln!("no leak is looked for: {reason}");
/// }
/// ```
pub fn status() -> Status {
    let _busy = Busy::enter();
    match of_what_is_seen() {
        Status::Active if !scopes::can_be_opened() => Status::Inactive(Reason::Full),
        status => status,
    }
}

/// Whether Rust's own blocks are seen, too.
///
/// They are unless the program has a `#[global_allocator]` that brings a heap of its own, such as
/// jemalloc or mimalloc; or the checker is inactive. What C allocates is seen all the same.
///
/// ```
/// use malloc_watch::leak;
///
/// if leak::sees_rust() {
///     let report = leak::scope(|| std::mem::forget(std::hint::black_box(vec![1_u8; 100])));
///     assert_eq!(report.bytes(), 100);
/// }
/// ```
pub fn sees_rust() -> bool {
    status() == Status::Active && RUST.load(Ordering::Relaxed)
}

static RUST: AtomicBool = AtomicBool::new(false);

/// The same, also if there can be no more scopes of a thread.
pub(crate) fn of_what_is_seen() -> Status {
    static STATUS: Once<Status> = Once::new();
    if context::is_full() {
        return Status::Inactive(Reason::Full);
    }
    if hooks::has_lost() {
        return Status::Inactive(Reason::NoMemory);
    }
    let _busy = Busy::enter();
    STATUS.get_or_find(probe).clone()
}

fn probe() -> Status {
    fork::prepare();
    let reason = match hooks::support() {
        Support::Compiled => match hooks::start() {
            Ok(()) if sees_what_it_allocates() => {
                RUST.store(sees_a_block_of_rusts(), Ordering::Relaxed);
                return Status::Active;
            }
            Ok(()) => why_not(Malloc::First),
            Err(Refusal::OtherMalloc) => why_not(Malloc::Next),
            Err(Refusal::NoMemory) => Reason::NoMemory,
        },
        Support::Sanitizer => Reason::Sanitizer,
        Support::Static => Reason::StaticLibc,
        Support::Platform => Reason::Platform,
    };
    Status::Inactive(reason)
}

/// The functions are called through pointers that the compiler cannot see through: it knows what
/// `malloc` and `strdup` do, and leaves out calls whose results are not needed.
fn sees_what_it_allocates() -> bool {
    let malloc = black_box(libc::malloc as unsafe extern "C" fn(usize) -> *mut c_void);
    let strdup = black_box(libc::strdup as unsafe extern "C" fn(_) -> *mut c_char);
    let free = black_box(libc::free as unsafe extern "C" fn(_));

    let mut seen = [false; 2];
    let mut others = false;
    let allocate = || {
        // SAFETY: no precondition.
        let kept = unsafe { malloc(40) };
        // SAFETY: no precondition.
        let freed = unsafe { malloc(24) };
        // SAFETY: a C string.
        let copy = unsafe { strdup(c"probe".as_ptr()) };
        // SAFETY: from malloc, or NULL, and not used again.
        unsafe { free(freed) };
        (kept, copy)
    };
    let left = blocks_of(allocate, |size| match size {
        40 => seen[0] = true,
        6 => seen[1] = true,
        _ => others = true,
    });
    let Some((kept, copy)) = left else {
        return false;
    };
    // SAFETY: from malloc, or NULL, and not used again.
    unsafe { free(kept) };
    // SAFETY: as above, through strdup.
    unsafe { free(copy.cast()) };
    seen == [true; 2] && !others
}

fn sees_a_block_of_rusts() -> bool {
    let layout = Layout::new::<[usize; 11]>();
    let mut seen = false;
    // SAFETY: of some size.
    let allocate = || black_box(unsafe { alloc(layout) });
    let block = blocks_of(allocate, |size| seen |= size == layout.size() as u64);
    if let Some(block) = block.filter(|block| !block.is_null()) {
        // SAFETY: allocated with this layout, and not used again.
        unsafe { dealloc(block, layout) };
    }
    seen
}

/// Tells of the size of each block that a call leaves live, as far as they are seen. `None` without
/// the call if there are no more scopes.
fn blocks_of<R>(call: impl FnOnce() -> R, mut see: impl FnMut(u64)) -> Option<R> {
    let _watch = Watch::start();
    let scope = ThreadScope::open()?;
    let result = {
        let _idle = Busy::leave();
        call()
    };
    scope.leave();
    scope.close(|key, block| {
        // Scope 0 is that of threads from elsewhere.
        if key.scope != 0 {
            see(block.size);
        }
    });
    Some(result)
}

/// Of the definitions of `malloc` in the process, in the order in which the loader looks.
#[derive(Clone, Copy)]
enum Malloc {
    /// The one that the program calls.
    First,
    /// The one behind the hooks.
    Next,
}

/// Who has malloc instead. Only the hooks' platform asks.
#[cfg(target_os = "linux")]
fn why_not(which: Malloc) -> Reason {
    use core::ffi::CStr;
    use core::mem::MaybeUninit;
    use std::borrow::ToOwned as _;

    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    if maps.contains("/vgpreload_") {
        return Reason::Valgrind;
    }
    let find_from = |start: *mut c_void, name: &CStr| -> *mut c_void {
        // SAFETY: a C string, and a handle that stands for the whole program, or what is behind this.
        unsafe { libc::dlsym(start, name.as_ptr()) }
    };
    let find = |name| find_from(libc::RTLD_DEFAULT, name);
    if [
        c"__asan_init",
        c"__lsan_init",
        c"__msan_init",
        c"__tsan_init",
    ]
    .into_iter()
    .any(|name| !find(name).is_null())
    {
        return Reason::Sanitizer;
    }
    let malloc = match which {
        Malloc::First => find(c"malloc"),
        Malloc::Next => find_from(libc::RTLD_NEXT, c"malloc"),
    };
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked about, and the answer has its place.
    let known = unsafe { libc::dladdr(malloc, info.as_mut_ptr()) } != 0;
    // SAFETY: pointers, which may be zero; and filled by the call if it knew the answer.
    let info = unsafe { info.assume_init() };
    let object = if known && !info.dli_fname.is_null() {
        // SAFETY: not NULL, so the loader's C string.
        unsafe { CStr::from_ptr(info.dli_fname) }
            .to_string_lossy()
            .into_owned()
    } else {
        "an unknown object".to_owned()
    };
    let name = object.rsplit('/').next().unwrap_or_default();
    if name.starts_with("libc.so") || name.starts_with("libc-") {
        return Reason::Hidden;
    }
    Reason::OtherMalloc { object }
}

#[cfg(not(target_os = "linux"))]
fn why_not(_which: Malloc) -> Reason {
    Reason::Platform
}
