//! A library that is replaced by another at the same address, with frames of another size.

use core::ffi::CStr;
use core::sync::atomic::{AtomicU32, Ordering};
use std::ffi::CString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, eprintln, format, fs, process};

use super::foreign::Library;
use super::probe::{compared, probe};
use crate::stack::{StackId, frames};

/// The call returns to the same place in the library, whatever `ROOM` is.
const SOURCE: &str = "
    void through(void (*function)(void)) {
        volatile char room[ROOM];
        room[0] = 1;
        function();
        room[0] = 2;
    }";

fn compile(room: u32, to: &Path) -> Option<CString> {
    let mut compiler = Command::new("cc")
        .args([
            "-shared",
            "-fPIC",
            "-O2",
            "-fomit-frame-pointer",
            "-x",
            "c",
            "-o",
        ])
        .arg(to)
        .arg(format!("-DROOM={room}"))
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .ok()?;
    compiler.stdin.take()?.write_all(SOURCE.as_bytes()).ok()?;
    compiler.wait().ok()?.success().then_some(())?;
    CString::new(to.to_str()?).ok()
}

static SEEN: AtomicU32 = AtomicU32::new(0);

extern "C" fn called() {
    SEEN.store(probe().get(), Ordering::Relaxed);
}

/// Where the call in the library returns to.
fn return_address(library: &CStr) -> usize {
    let library = Library::open(library).expect("just compiled");
    // SAFETY: the function's type.
    let through: extern "C" fn(extern "C" fn()) =
        unsafe { core::mem::transmute(library.symbol(c"through")) };
    (0..3).for_each(|_| through(called));
    // SAFETY: stored above, from an identifier.
    frames(unsafe { StackId::from_u32(SEEN.load(Ordering::Relaxed)) })[1]
}

#[test]
fn a_library_at_the_address_of_another_is_walked_by_its_own_tables() {
    let file = |room: u32| -> PathBuf {
        env::temp_dir().join(format!("malloc-safe-{}-{room}.so", process::id()))
    };
    let rooms = [152, 1_176, 4_120];
    let libraries = rooms.map(|room| compile(room, &file(room)));
    let [Some(a), Some(b), Some(c)] = &libraries else {
        assert!(
            env::var_os("MALLOC_SAFE_REQUIRE_CC").is_none(),
            "cc made no library"
        );
        skipped::note(
            "stacks through libraries that come and go: cc made none",
            "apt-get install gcc",
        );
        return;
    };
    let mut replaced = 0;
    compared(|| {
        let mut before = 0;
        for library in [a, b, c].into_iter().cycle().take(60) {
            let now = return_address(library);
            replaced += u32::from(now == before);
            before = now;
        }
    });
    for room in rooms {
        fs::remove_file(file(room)).expect("made above");
    }
    if replaced == 0 {
        assert!(
            env::var_os("MALLOC_SAFE_REQUIRE_CC").is_none(),
            "never at the same address"
        );
        eprintln!("skipped: no library was loaded where another had been");
    }
}
