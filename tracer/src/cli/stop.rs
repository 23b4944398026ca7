//! Signals that end a run: the first one ends it in good order, with all that is buffered and a summary; the second one at once.
//!
//! Ctrl-C is the usual end. After another signal the exit code says which one it was, as shells do: 128 and its number.

use std::{
    ops::Deref,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGXFSZ},
    flag,
};

use crate::{launch::Launched, signal::is_ignored};

/// What is added to the number of a signal.
const BY_SIGNAL: u8 = 128;

/// The signal that came first; 0 without one. Signals are the process's, so there is one.
static FIRST: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// Whether the run is to end.
#[derive(Debug)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Set by the signals that end a run. A command that was started gets those that come while it runs.
    ///
    /// # Errors
    /// The kernel does not allow it.
    pub(super) fn at_signals(launched: Option<&Launched>) -> anyhow::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        if let Some(launched) = launched {
            let passed_on: &[i32] = if is_ignored(SIGHUP) { &[SIGTERM] } else { &[SIGTERM, SIGHUP] };
            launched.at_signals(&stop, &[SIGINT, SIGQUIT], passed_on)?;
            return Ok(Self(stop));
        }
        let came = Arc::new(AtomicBool::new(false));
        let first = FIRST.get_or_init(Arc::default);
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            // nohup(1) and shells that start something in the background ignore them for it. tcpdump does the same.
            if matches!(signal, SIGHUP | SIGQUIT) && is_ignored(signal) {
                continue;
            }
            // Not `stop`, which is cleared for another pass over a capture. It works also while a write waits.
            flag::register_conditional_shutdown(signal, exit_code(signal).into(), Arc::clone(&came))?;
            flag::register(signal, Arc::clone(&came))?;
            flag::register_usize(signal, Arc::clone(first), signal.cast_unsigned() as usize)?;
            flag::register(signal, Arc::clone(&stop))?;
        }
        Ok(Self(stop))
    }
}

impl Stop {
    /// What is set by then, for other threads.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl From<Arc<AtomicBool>> for Stop {
    /// Set by somebody else, who takes the signals.
    fn from(stop: Arc<AtomicBool>) -> Self {
        Self(stop)
    }
}

/// Files that may not become larger are an error of the write, as a full disk is, and not the end of the process.
///
/// # Errors
/// The kernel does not allow it.
pub(super) fn survive_file_limit() -> anyhow::Result<()> {
    flag::register(SIGXFSZ, Arc::default())?;
    Ok(())
}

impl Deref for Stop {
    type Target = AtomicBool;

    fn deref(&self) -> &AtomicBool {
        &self.0
    }
}

/// The exit code of a run that went well: which signal ended it, if that was not Ctrl-C.
pub(super) fn code() -> u8 {
    let first = FIRST.get().map_or(0, |first| first.load(Ordering::Relaxed));
    i32::try_from(first).map_or(0, code_of)
}

/// The exit code of a run that went well and that this signal ended; 0 stands for none.
pub(super) fn code_of(signal: i32) -> u8 {
    if [0, SIGINT].contains(&signal) { 0 } else { exit_code(signal) }
}

fn exit_code(signal: i32) -> u8 {
    u8::try_from(signal).map_or(BY_SIGNAL, |signal| BY_SIGNAL.saturating_add(signal))
}
