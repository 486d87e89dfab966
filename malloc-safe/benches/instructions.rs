//! Counts instructions: adopting, reading and dropping through an owner costs not one more than
//! the same by hand.
//!
//! `cargo bench -p malloc-safe --bench instructions` runs each pair of functions under callgrind,
//! which counts instructions exactly, prints the counts, and fails if an owner costs more. It
//! needs valgrind; without it, it says so, and fails only if `MALLOC_SAFE_REQUIRE_VALGRIND` is set.
//!
//! What is by hand is written as carefully as C asks for: NULL is checked, and so is the length
//! where the owner checks it.

use std::env;
use std::ffi::{CStr, c_char};
use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::ptr::NonNull;
use std::slice;

use malloc_safe::{Free, NulTerminated, Owned, RefCounted, Shared, deallocator, out};
use malloc_sys::counted;

deallocator! { struct TokenFree(c_char) = malloc_sys::token_free; }
deallocator! { struct Release(counted) = malloc_sys::counted_release; }

// SAFETY: the library adds one reference and drops one.
unsafe impl RefCounted<counted> for Release {
    #[inline]
    unsafe fn retain(ptr: NonNull<counted>) {
        // SAFETY: the caller has a live object.
        unsafe { malloc_sys::counted_retain(ptr.as_ptr()) }
    }
}

unsafe extern "C" {
    safe fn counted_new(value: u64) -> Option<Shared<counted, Release>>;
    safe fn workload_number(value: u64) -> Option<Owned<u64>>;
    safe fn workload_string(length: usize, fill: c_char) -> Option<Owned<NulTerminated<c_char>>>;
    safe fn token_new(
        length: usize,
        fill: c_char,
    ) -> Option<Owned<NulTerminated<c_char>, TokenFree>>;
}

const DASH: c_char = b'-'.cast_signed();

/// The same work twice, under the names that callgrind is told to count in.
struct Pair {
    name: &'static str,
    owned: (&'static str, extern "C" fn() -> u64),
    by_hand: (&'static str, extern "C" fn() -> u64),
}

/// The compiler makes one function of two that compile to the same, as these pairs do; a number
/// in each keeps them apart, for the price of the same instructions in both.
#[inline(always)]
#[allow(clippy::inline_always, reason = "a call would be counted")]
fn distinct<const N: u8>() {
    black_box(N);
}

const PAIRS: [Pair; 6] = [
    Pair {
        name: "Owned<u64>",
        owned: ("number_owned", number_owned),
        by_hand: ("number_by_hand", number_by_hand),
    },
    Pair {
        name: "Owned<NulTerminated<c_char>>",
        owned: ("string_owned", string_owned),
        by_hand: ("string_by_hand", string_by_hand),
    },
    Pair {
        name: "Owned<CStr>",
        owned: ("measured_owned", measured_owned),
        by_hand: ("measured_by_hand", measured_by_hand),
    },
    Pair {
        name: "Owned<[u8]>",
        owned: ("slice_owned", slice_owned),
        by_hand: ("slice_by_hand", slice_by_hand),
    },
    Pair {
        name: "own deallocator",
        owned: ("token_owned", token_owned),
        by_hand: ("token_by_hand", token_by_hand),
    },
    Pair {
        name: "Shared, clone and drop",
        owned: ("shared_owned", shared_owned),
        by_hand: ("shared_by_hand", shared_by_hand),
    },
];

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn number_owned() -> u64 {
    distinct::<1>();
    workload_number(7).map_or(0, |number| *number)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn number_by_hand() -> u64 {
    distinct::<2>();
    // SAFETY: no precondition.
    let number = unsafe { malloc_sys::workload_number(7) };
    if number.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a number.
    let value = unsafe { number.read() };
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(number.cast()) };
    value
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn string_owned() -> u64 {
    distinct::<3>();
    workload_string(40, DASH).map_or(0, |string| string.to_bytes().len() as u64)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn string_by_hand() -> u64 {
    distinct::<4>();
    // SAFETY: no precondition.
    let string = unsafe { malloc_sys::workload_string(40, DASH) };
    if string.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a C string.
    let length = unsafe { CStr::from_ptr(string) }.to_bytes().len() as u64;
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(string.cast()) };
    length
}

/// Adopts, measures once, looks at the length and the contents.
fn look(string: &CStr) -> u64 {
    let bytes = string.to_bytes();
    bytes.first().map_or(0, |&byte| u64::from(byte)) ^ bytes.len() as u64
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn measured_owned() -> u64 {
    distinct::<5>();
    let Some(string) = workload_string(40, DASH) else {
        return 0;
    };
    look(&string.measure())
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn measured_by_hand() -> u64 {
    distinct::<6>();
    // SAFETY: no precondition.
    let string = unsafe { malloc_sys::workload_string(40, DASH) };
    if string.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a C string.
    let seen = look(unsafe { CStr::from_ptr(string) });
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(string.cast()) };
    seen
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn slice_owned() -> u64 {
    distinct::<7>();
    let call = |ptr: *mut *mut u8, len: *mut usize| {
        // SAFETY: both out-parameters are valid.
        unsafe { malloc_sys::workload_buffer(40, 45, ptr, len) }
    };
    // SAFETY: the function stores NULL and 0, or a malloc block and its length.
    match unsafe { out::slice::<u8, Free, _>(call) } {
        (0, Ok(bytes)) => bytes.len() as u64 + bytes.last().map_or(0, |&byte| u64::from(byte)),
        _ => 0,
    }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn slice_by_hand() -> u64 {
    distinct::<8>();
    let (mut ptr, mut len) = (std::ptr::null_mut(), 0);
    // SAFETY: both out-parameters are valid.
    let status = unsafe { malloc_sys::workload_buffer(40, 45, &raw mut ptr, &raw mut len) };
    if status != 0 || isize::try_from(len).is_err() || (ptr.is_null() && len != 0) {
        // SAFETY: NULL, or transfer full and not used again.
        unsafe { malloc_sys::free(ptr.cast()) };
        return 0;
    }
    if ptr.is_null() {
        return 0;
    }
    // SAFETY: not NULL, and the function says that so many bytes are there.
    let bytes = unsafe { slice::from_raw_parts(ptr, len) };
    let sum = bytes.len() as u64 + bytes.last().map_or(0, |&byte| u64::from(byte));
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::free(ptr.cast()) };
    sum
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn token_owned() -> u64 {
    distinct::<9>();
    token_new(40, DASH).map_or(0, |token| token.to_bytes().len() as u64)
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn token_by_hand() -> u64 {
    distinct::<10>();
    // SAFETY: no precondition.
    let token = unsafe { malloc_sys::token_new(40, DASH) };
    if token.is_null() {
        return 0;
    }
    // SAFETY: not NULL, so a C string.
    let length = unsafe { CStr::from_ptr(token) }.to_bytes().len() as u64;
    // SAFETY: transfer full, and not used again.
    unsafe { malloc_sys::token_free(token) };
    length
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn shared_owned() -> u64 {
    distinct::<11>();
    let Some(object) = counted_new(7) else {
        return 0;
    };
    let other = object.clone();
    drop(object);
    // SAFETY: the owner keeps the object alive.
    unsafe { malloc_sys::counted_value(Shared::as_ptr(&other)) }
}

#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn shared_by_hand() -> u64 {
    distinct::<12>();
    // SAFETY: no precondition.
    let object = unsafe { malloc_sys::counted_new(7) };
    if object.is_null() {
        return 0;
    }
    // SAFETY: a live object.
    unsafe { malloc_sys::counted_retain(object) };
    // SAFETY: one of the two references.
    unsafe { malloc_sys::counted_release(object) };
    // SAFETY: kept alive by the other.
    let value = unsafe { malloc_sys::counted_value(object) };
    // SAFETY: the last reference; the object is not used again.
    unsafe { malloc_sys::counted_release(object) };
    value
}

const RUNS: u64 = 1000;

/// Instructions in a function and what it calls, over `RUNS` calls of it.
fn count(function: &str) -> Result<u64, String> {
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let profile = env::temp_dir().join(format!("instructions-{}.{function}", std::process::id()));
    let valgrind = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--toggle-collect={function}"))
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(this)
        .args(["--count", function])
        .output()
        .map_err(|error| format!("valgrind does not run: {error}"))?;
    let text = fs::read_to_string(&profile).unwrap_or_default();
    drop(fs::remove_file(&profile));
    text.lines()
        .find_map(|line| {
            line.strip_prefix("summary: ")
                .or(line.strip_prefix("totals: "))
        })
        .and_then(|total| total.trim().parse().ok())
        .filter(|&total| total > 0)
        .ok_or_else(|| {
            format!(
                "callgrind counted nothing: {}",
                String::from_utf8_lossy(&valgrind.stderr)
            )
        })
}

/// What the process under callgrind does.
fn run(function: &str) {
    for (name, work) in PAIRS.iter().flat_map(|pair| [pair.owned, pair.by_hand]) {
        if name == function {
            black_box(work()); // symbols are bound on the first call
            for _ in 0..RUNS {
                black_box(work());
            }
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some("--count") {
        run(&arguments.next().unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind, which counts the instructions, is not installed");
        return ExitCode::from(u8::from(
            env::var_os("MALLOC_SAFE_REQUIRE_VALGRIND").is_some(),
        ));
    }
    println!("instructions a call, malloc and free included\n");
    println!("{:30} {:>9} {:>9}", "", "by hand", "owned");
    let mut worse = 0;
    for pair in &PAIRS {
        match (count(pair.by_hand.0), count(pair.owned.0)) {
            (Ok(by_hand), Ok(owned)) => {
                let per_call = |total: u64| total / (RUNS + 1);
                println!(
                    "{:30} {:>9} {:>9}",
                    pair.name,
                    per_call(by_hand),
                    per_call(owned)
                );
                if owned > by_hand {
                    println!("    {} more in {} calls", owned - by_hand, RUNS + 1);
                    worse += 1;
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                println!("{}: {error}", pair.name);
                worse += 1;
            }
        }
    }
    println!("\n{} passed, {worse} failed", PAIRS.len() - worse);
    ExitCode::from(u8::from(worse > 0))
}
