//! What a process can say about itself: memory, page faults, CPU time.
//!
//! `None` is "cannot be read on this platform", never a zero that looks measured.

use serde::{Deserialize, Serialize};

/// Reads the resident set size, cheaply enough to be called inside a measured loop.
pub(crate) struct Meter {
    #[cfg(target_os = "linux")]
    statm: Option<std::fs::File>,
}

impl Meter {
    /// Opens what readings need, so that a reading itself allocates nothing.
    pub(crate) fn open() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            statm: std::fs::File::open("/proc/self/statm").ok(),
        }
    }

    /// Bytes of this process that are in memory now.
    ///
    /// One `pread` of a file kept open: under a microsecond whatever the size,
    /// where summing up the mappings (`smaps`) takes milliseconds.
    #[cfg(target_os = "linux")]
    pub(crate) fn resident(&self) -> Option<u64> {
        use std::os::unix::fs::FileExt as _;

        let mut text = [0; 256]; // seven numbers
        let length = self.statm.as_ref()?.read_at(&mut text, 0).ok()?;
        let pages: u64 = str::from_utf8(&text[..length])
            .ok()?
            .split(' ')
            .nth(1)?
            .parse()
            .ok()?;
        Some(pages * procfs::page_size())
    }

    /// Bytes of this process that are in memory now.
    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "on Linux the meter holds a file")]
    pub(crate) fn resident(&self) -> Option<u64> {
        memory_stats::memory_stats().map(|memory| memory.physical_mem as u64)
    }
}

/// The most that was ever resident in this process.
#[cfg(target_os = "linux")]
pub(crate) fn peak() -> Option<u64> {
    // Not getrusage's ru_maxrss: that one survives exec, and would show the parent's peak.
    let kibibytes = procfs::process::Process::myself()
        .ok()?
        .status()
        .ok()?
        .vmhwm?;
    Some(kibibytes * 1024)
}

/// The most that was ever resident in this process.
#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) fn peak() -> Option<u64> {
    use nix::sys::resource::{UsageWho, getrusage};

    let peak = u64::try_from(getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss()).ok()?;
    Some(if cfg!(target_vendor = "apple") {
        peak
    } else {
        peak * 1024
    })
}

/// The most that was ever resident in this process.
#[cfg(not(unix))]
pub(crate) fn peak() -> Option<u64> {
    None
}

/// CPU time and page faults of this process so far.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) user_ns: u64,
    pub(crate) system_ns: u64,
    pub(crate) minor_faults: u64,
}

impl Usage {
    #[cfg(unix)]
    pub(crate) fn now() -> Option<Self> {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::{TimeVal, TimeValLike as _};

        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        let nanoseconds = |time: TimeVal| u64::try_from(time.num_nanoseconds()).ok();
        Some(Self {
            user_ns: nanoseconds(usage.user_time())?,
            system_ns: nanoseconds(usage.system_time())?,
            minor_faults: u64::try_from(usage.minor_page_faults()).ok()?,
        })
    }

    #[cfg(not(unix))]
    pub(crate) fn now() -> Option<Self> {
        None
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            user_ns: self.user_ns.saturating_sub(earlier.user_ns),
            system_ns: self.system_ns.saturating_sub(earlier.system_ns),
            minor_faults: self.minor_faults.saturating_sub(earlier.minor_faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn resident_memory_grows_by_what_is_touched_and_the_peak_remembers_it() {
        let meter = Meter::open();
        let before = meter.resident().unwrap();
        let block = vec![1_u8; 32 << 20];
        let during = meter.resident().unwrap();
        drop(block);
        assert!(during >= before + (31 << 20), "{before} then {during}");
        assert!(peak().unwrap() >= during - (1 << 20));
    }

    #[test]
    #[cfg(unix)]
    fn touching_fresh_pages_counts_as_minor_faults() {
        let before = Usage::now().unwrap();
        let block = vec![1_u8; 32 << 20];
        assert!(Usage::now().unwrap().since(before).minor_faults > 0);
        drop(block);
    }
}
