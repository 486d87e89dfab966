//! Runs one workload and says, in lines for a program to read, what it left behind and what that
//! cost: `churn WORKLOAD ALLOCATIONS [scope] [mtrace]`.
//!
//! ```text
//! truth   blocks  bytes        what the workload itself knows that it left
//! work    nanoseconds          processor time, from before the scope is opened to its call's end
//! peak    KiB                  most resident memory until then
//! report  nanoseconds          from there until the report is made
//! found   blocks  bytes
//! site    blocks  bytes  function  function …
//! ```

mod work;

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use work::{Truth, Workload};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let workload = arguments.first().and_then(|name| Workload::named(name));
    let allocations = arguments.get(1).and_then(|count| count.parse().ok());
    let (Some(workload), Some(allocations)) = (workload, allocations) else {
        eprintln!(
            "usage: churn {} ALLOCATIONS [scope] [mtrace]",
            work::NAMES.join("|")
        );
        return ExitCode::FAILURE;
    };
    let asks_for = |what: &str| arguments[2..].iter().any(|argument| argument == what);
    if asks_for("mtrace") {
        trace();
    }
    if asks_for("scope") {
        return in_scope(workload, allocations);
    }
    let start = processor_time();
    let truth = workload.run(allocations);
    let end = Usage::now();
    say(truth, start, &end);
    ExitCode::SUCCESS
}

fn say(truth: Truth, start: Duration, end: &Usage) {
    println!("truth\t{}\t{}", truth.blocks, truth.bytes);
    println!("work\t{}", end.time.saturating_sub(start).as_nanos());
    println!("peak\t{}", end.peak);
}

#[cfg(feature = "leak")]
fn in_scope(workload: Workload, allocations: u64) -> ExitCode {
    use malloc_watch::leak;

    if let leak::Status::Inactive(reason) = leak::status() {
        eprintln!("the leak checker is inactive: {reason}");
        return ExitCode::FAILURE;
    }
    let mut truth = Truth::default();
    let mut end = Usage::default();
    let start = processor_time();
    let report = leak::scope(|| {
        truth = workload.run(allocations);
        end = Usage::now();
    });
    let reported = processor_time();
    say(truth, start, &end);
    println!("report\t{}", reported.saturating_sub(end.time).as_nanos());
    println!("found\t{}\t{}", report.blocks(), report.bytes());
    for site in report.sites() {
        let functions: Vec<&str> = site.frames().iter().map(|frame| &*frame.function).collect();
        println!(
            "site\t{}\t{}\t{}",
            site.blocks(),
            site.bytes(),
            functions.join("\t")
        );
    }
    ExitCode::SUCCESS
}

#[cfg(not(feature = "leak"))]
fn in_scope(_workload: Workload, _allocations: u64) -> ExitCode {
    eprintln!("this program was built without the feature `leak`");
    ExitCode::FAILURE
}

/// What the process has cost until now.
#[derive(Default)]
struct Usage {
    time: Duration,
    /// The most memory that was resident at once, in KiB; 0 where the system does not say.
    peak: u64,
}

impl Usage {
    fn now() -> Self {
        Self {
            time: processor_time(),
            peak: peak().unwrap_or_default(),
        }
    }
}

/// Not `getrusage`'s, which begins with what the process was before `exec`.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// Of all threads of the process, ended ones included.
#[cfg(unix)]
fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the result has its place.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).expect("time is not negative");
    let nanoseconds = u32::try_from(time.tv_nsec).expect("less than a second");
    Duration::new(seconds, nanoseconds)
}

#[cfg(not(unix))]
fn processor_time() -> Duration {
    Duration::ZERO
}

/// Has glibc write every call of malloc's family to the file that `MALLOC_TRACE` names.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trace() {
    unsafe extern "C" {
        safe fn mtrace();
    }
    drop(std::io::stdout().lock()); // the buffer of which is the runtime's
    mtrace();
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trace() {}
