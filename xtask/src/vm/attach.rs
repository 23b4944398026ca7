//! `cargo xtask vm --attach`: whether a kernel ever stops because hooks are attached and detached.
//!
//! Each kernel is booted again and again with a loop that does nothing else. The loop can run with tracer, with bpftrace or with the
//! kernel's own switches of tracepoints, so that it shows whose fault it is when a kernel stops.

use std::{fs, path::Path, time::Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use super::{Guest, Options, Report, boot, kernels::Kernel, root};
use crate::command::say;

/// What attaches and detaches. The guest's script has the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum With {
    Tracer,
    Bpftrace,
    Tracefs,
}

impl With {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Tracer => "tracer",
            Self::Bpftrace => "bpftrace",
            Self::Tracefs => "tracefs",
        }
    }
}

/// What came of all boots of one kernel.
#[derive(Debug, Default)]
pub(super) struct Figures {
    boots: u64,
    loops: u64,
    /// Boots in which the kernel stopped, and what it said.
    stopped: Vec<String>,
    /// Boots in which something else failed, such as a time that was up.
    failed: u64,
}

impl Figures {
    pub(super) fn take(&mut self, report: &Report) {
        self.boots += 1;
        self.loops += report.loops;
        match report.oops.first() {
            Some(oops) => self.stopped.push(oops.clone()),
            None => self.failed += u64::from(!report.failed.is_empty()),
        }
    }

    /// One line for a person.
    pub(super) fn shown(&self) -> String {
        let Self { boots, loops, stopped, failed } = self;
        let mut text =
            format!("{boots} boots, {loops} loops, {} stopped with an Oops, {failed} failed otherwise", stopped.len());
        if let Some(oops) = stopped.last() {
            text += &format!("; the last: {oops}");
        }
        text
    }

    pub(super) fn is_clean(&self) -> bool {
        self.stopped.is_empty() && self.failed == 0
    }
}

/// What the files of such a run are told apart by.
pub(super) fn suffix(options: &Options) -> String {
    let with = options.attach.map(|with| format!("-{}", with.word())).unwrap_or_default();
    if options.race { with + "-race" } else { with }
}

/// Boots one kernel as often as wanted.
pub(super) fn examine(kernel: &Kernel, initramfs: &Path, options: &Options, folder: &Path) -> Result<Figures> {
    let begin = Instant::now();
    let mut figures = Figures::default();
    let name = kernel.label.clone() + &suffix(options);
    // Programs and libraries of bpftrace are 200 MB.
    let memory_mib = if options.attach == Some(With::Bpftrace) { 2 * root::MEMORY_MIB } else { root::MEMORY_MIB };
    let guest = Guest { label: name.clone(), kernel, initramfs, memory_mib };
    for _ in 0..options.boots {
        let log = folder.join(format!("{name}.log"));
        let report = boot(&guest, options, &log)?;
        figures.take(&report);
        if !report.oops.is_empty() {
            // The log of a kernel that stopped is kept.
            fs::copy(&log, folder.join(format!("{name}-{}.log", figures.boots))).context("cannot keep a log")?;
        }
        println!("vm {name}: {} in {:.0} s", figures.shown(), begin.elapsed().as_secs_f64());
    }
    Ok(figures)
}

/// Says the figures of all kernels; a kernel that stopped is a failure.
pub(super) fn sum_up<'a>(figures: impl Iterator<Item = (&'a Kernel, &'a Figures)>) -> Result<()> {
    let mut clean = true;
    for (kernel, figures) in figures {
        clean &= figures.is_clean();
        say(format!("vm {}: {}", kernel.label, figures.shown()));
    }
    if !clean {
        bail!("vm failed");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_stopped_counts_once_and_keeps_its_loops() {
        let mut figures = Figures::default();
        for lines in [
            &["VM-SAYS kernel 6.1.0", "VM-LOOP", "VM-LOOP", "VM-RESULT pass attached", "VM-END"][..],
            &[
                "VM-SAYS kernel 6.1.0",
                "VM-LOOP",
                "[    9.1] Oops: int3: 0000 [#1] SMP",
                "Kernel panic - not syncing: Fatal exception",
            ],
            &["VM-LOOP", "VM-RESULT fail attached", "VM-END"],
        ] {
            let mut report = Report::default();
            lines.iter().for_each(|line| report.take("test", line));
            figures.take(&report);
        }
        assert_eq!(
            figures.shown(),
            "3 boots, 4 loops, 1 stopped with an Oops, 1 failed otherwise; the last: [    9.1] Oops: int3: 0000 [#1] SMP"
        );
        assert!(!figures.is_clean());
    }
}
