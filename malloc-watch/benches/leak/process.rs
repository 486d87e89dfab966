//! One child process: what it said, and what the system says that it cost.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A process that has ended well.
pub(crate) struct Ended {
    pub(crate) output: String,
    /// Processor time, with that of the processes it started and waited for.
    pub(crate) cpu: Duration,
    /// The most memory that was resident at once, in KiB.
    pub(crate) peak: u32,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<Ended, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let fail = |error: io::Error| format!("{name}: {error}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(fail)?;
    let mut output = String::new();
    let read = match child.stdout.take() {
        Some(mut pipe) => pipe.read_to_string(&mut output),
        None => Ok(0),
    };
    let (status, cpu, peak) = wait(&mut child).map_err(fail)?;
    read.map_err(fail)?;
    if !status.success() {
        let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        return Err(format!("{name} {}: {status}", words.join(" ")));
    }
    Ok(Ended { output, cpu, peak })
}

#[cfg(unix)]
fn wait(child: &mut Child) -> io::Result<(ExitStatus, Duration, u32)> {
    use std::mem::MaybeUninit;
    use std::os::unix::process::ExitStatusExt as _;

    let process = libc::pid_t::try_from(child.id()).expect("an id that the system gave");
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both results have their place, and nobody else waits for this child.
    let ended = unsafe { libc::wait4(process, &raw mut status, 0, usage.as_mut_ptr()) };
    if ended == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: plain numbers, for which zeros are values too.
    let usage = unsafe { usage.assume_init() };
    let duration = |time: libc::timeval| {
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let micros = u64::try_from(time.tv_usec).unwrap_or_default();
        Duration::from_secs(seconds) + Duration::from_micros(micros)
    };
    // macOS counts in bytes.
    let unit = if cfg!(target_vendor = "apple") {
        1024
    } else {
        1
    };
    let peak = u32::try_from(usage.ru_maxrss / unit).unwrap_or_default();
    let cpu = duration(usage.ru_utime) + duration(usage.ru_stime);
    Ok((ExitStatus::from_raw(status), cpu, peak))
}

#[cfg(not(unix))]
fn wait(child: &mut Child) -> io::Result<(ExitStatus, Duration, u32)> {
    Ok((child.wait()?, Duration::ZERO, 0))
}
