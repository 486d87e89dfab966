//! The wish that the program should end: Ctrl-C, SIGTERM, or SIGHUP from a terminal that is closed;
//! and that it should pause: Ctrl-Z.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

/// Whether someone asked to stop: a flag, so that it does not wait behind what children said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches the signals from now on; call this once.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let raised = Arc::clone(&interrupt.0);
        #[cfg(target_os = "linux")]
        let hangup_ignored = hangup_is_ignored();
        ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed))
            .context("Ctrl-C cannot be caught")?;
        #[cfg(target_os = "linux")]
        if hangup_ignored {
            ignore_hangup();
        }
        Ok(interrupt)
    }

    pub(crate) fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Whether the program was started to outlive its terminal, as by `nohup`.
#[cfg(target_os = "linux")]
fn hangup_is_ignored() -> bool {
    let bit = 1 << (libc::SIGHUP - 1);
    procfs::process::Process::myself()
        .and_then(|process| process.status())
        .is_ok_and(|status| status.sigign & bit != 0)
}

#[cfg(target_os = "linux")]
fn ignore_hangup() {
    use nix::sys::signal::{SigHandler, Signal, signal};

    // SAFETY: ignoring runs no code, and nothing here relies on the handler that this replaces.
    let _ = unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }; // fails for unknown signals only
}

/// Whether someone asked to pause, while the chart has a screen of its own to give back first.
///
/// Where there is no such signal, nobody asks.
pub(crate) struct Suspension(&'static AtomicBool);

impl Suspension {
    /// Catches Ctrl-Z from now on.
    pub(crate) fn listen() -> Self {
        static ASKED: AtomicBool = AtomicBool::new(false);
        #[cfg(unix)]
        {
            use nix::sys::signal::{SigHandler, Signal, signal};

            extern "C" fn ask(_signal: libc::c_int) {
                ASKED.store(true, Ordering::Relaxed);
            }
            // SAFETY: `ask` only stores to an atomic, which a handler may do at any time.
            let _ = unsafe { signal(Signal::SIGTSTP, SigHandler::Handler(ask)) }; // a known signal
        }
        Self(&ASKED)
    }

    /// Whether it was asked for since the last time.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// Stops this process, as Ctrl-Z would have; returns when the shell continues it.
    pub(crate) fn stop_until_continued() {
        #[cfg(unix)]
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGSTOP); // a known signal
    }
}
