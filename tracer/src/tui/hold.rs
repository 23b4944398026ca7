//! Processes that a signal is for, held from the moment the dialog opens: a number that was given to another process meanwhile is
//! another process.

use std::{
    fs, io,
    os::fd::OwnedFd,
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::{
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    time::{ClockId, clock_gettime},
};

use super::actions::{Target, signal_name};
use crate::state::procfs::TICK_NS;

/// How far two clocks may say that a process began, nanoseconds: that of the kernel's list goes by hundredths of a second, and that of
/// the epoch may have been set meanwhile.
const TOLERANCE_NS: u64 = 1_000_000_000;
/// The field of `/proc/PID/stat` with the time that the process began, counted from the one after the name. Source: proc_pid_stat(5).
const START: usize = 19;

/// The processes that are held.
#[derive(Debug, Default)]
pub struct Held {
    held: Vec<(u32, OwnedFd)>,
}

impl Held {
    /// Holds these, and no others. Those that cannot be, or are not those of the rows, say why.
    pub fn hold(&mut self, targets: Vec<Target>) -> Vec<Target> {
        self.held.clear();
        let mut hold = |target: Target| {
            if target.wrong.is_some() {
                return target;
            }
            match open(&target) {
                Ok(fd) => {
                    self.held.push((target.pid, fd));
                    target
                }
                Err(wrong) => Target { wrong: Some(wrong), ..target },
            }
        };
        targets.into_iter().map(&mut hold).collect()
    }

    /// Sends a signal to all that are held. What became of it is said.
    pub fn signal(&mut self, signal: i32) -> String {
        let name = signal_name(signal);
        let signal = if signal == 9 { Signal::KILL } else { Signal::TERM };
        let (mut sent, mut failed) = (Vec::new(), Vec::new());
        for (pid, fd) in std::mem::take(&mut self.held) {
            match pidfd_send_signal(fd, signal) {
                Ok(()) => sent.push(pid.to_string()),
                Err(rustix::io::Errno::SRCH) => failed.push(format!("{pid} has ended")),
                Err(error) => failed.push(format!("{pid}: {}", io::Error::from(error))),
            }
        }
        let sent = if sent.is_empty() {
            "nothing was signalled".to_owned()
        } else {
            format!("{name} sent to {}", sent.join(", "))
        };
        std::iter::once(sent).chain(failed).collect::<Vec<_>>().join("; ")
    }
}

fn open(target: &Target) -> Result<OwnedFd, String> {
    let gone = || "has ended".to_owned();
    let pid = i32::try_from(target.pid).ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let fd = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| match error {
        rustix::io::Errno::SRCH => gone(),
        error => io::Error::from(error).to_string(),
    })?;
    // The file is read after the process is held: as long as that lives, it is about the same one.
    let began_ns = began_ns(target.pid).ok_or_else(gone)?;
    match target.began_ns {
        Some(row_ns) if row_ns.abs_diff(began_ns) > TOLERANCE_NS => Err("is another process now".to_owned()),
        _ => Ok(fd),
    }
}

/// When a process began, nanoseconds since the epoch.
fn began_ns(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may have blanks and brackets: it ends with the last one.
    let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(START)?.parse().ok()?;
    let boot = clock_gettime(ClockId::Boottime);
    let since_boot_ns = u64::try_from(boot.tv_sec).ok()? * 1_000_000_000 + u64::try_from(boot.tv_nsec).ok()?;
    let now_ns = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()?;
    Some(now_ns.saturating_sub(since_boot_ns) + ticks * TICK_NS)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::Command};

    use super::*;

    fn target(pid: u32, began_ns: Option<u64>) -> Target {
        Target { pid, name: "x".into(), began_ns, wrong: None }
    }

    #[test]
    fn s083_what_has_ended_or_is_another_process_gets_no_signal() {
        let sleep = || Command::new("sleep").arg("1000").spawn().unwrap();
        let (mut ends, mut other, mut right) = (sleep(), sleep(), sleep());
        let began = |pid| began_ns(pid).unwrap();
        let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
        assert!(began(right.id()).abs_diff(now_ns) < TOLERANCE_NS);
        let targets = vec![
            target(ends.id(), Some(began(ends.id()))),
            // The row is about one that had the number an hour ago.
            target(other.id(), Some(began(other.id()) - 3_600_000_000_000)),
            target(right.id(), Some(began(right.id()))),
        ];
        let mut held = Held::default();
        let said = held.hold(targets);
        let wrong: Vec<Option<&str>> = said.iter().map(|target| target.wrong.as_deref()).collect();
        assert_eq!(wrong, [None, Some("is another process now"), None]);
        // While the dialog is open, it ends, and its number is free for others.
        ends.kill().unwrap();
        ends.wait().unwrap();
        let said = held.signal(15);
        assert_eq!(said, format!("SIGTERM sent to {}; {} has ended", right.id(), ends.id()));
        assert_eq!(right.wait().unwrap().signal(), Some(15));
        assert_eq!(other.try_wait().unwrap(), None, "it was not signalled");
        assert_eq!(held.signal(15), "nothing was signalled", "once");
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(held.hold(vec![target(other.id(), None)])[0].wrong.as_deref(), Some("has ended"));
    }
}
