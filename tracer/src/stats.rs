//! What a run counted, and the line that says it at the end.

use std::{fmt, time::Duration};

use crate::{format::units, source::Losses};

/// The counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that the source delivered, without the tracer's own.
    pub seen: u64,
    /// Events that were shown or counted in a table.
    pub shown: u64,
    /// Events, and bytes, that were written to a capture; `None` without one.
    pub written: Option<(u64, u64)>,
    /// Records that could not be decoded.
    pub undecoded: u64,
    /// What was lost on the way.
    pub losses: Losses,
    /// How long it ran.
    pub elapsed: Duration,
}

impl Stats {
    /// How long it ran and how fast, for `-v`.
    #[must_use]
    pub fn speed(&self) -> String {
        let seconds = self.elapsed.as_secs_f64();
        format!("ran for {seconds:.3} s, {:.0} events per second", self.seen as f64 / seconds.max(1e-9))
    }

    /// Events that were lost, whatever the cause.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.losses.total() + self.undecoded
    }

    /// Where the losses were, for `-v`: a line for each CPU that lost something.
    pub fn by_cpu(&self) -> impl Iterator<Item = String> {
        let lost = self.losses.by_cpu.iter().enumerate().filter(|(_, lost)| lost.total() != 0);
        lost.map(|(cpu, lost)| {
            let by_cause =
                Causes(&[(lost.ring_full, RING_FULL), (lost.scratch, NO_SCRATCH), (lost.messages, TOO_MANY_MESSAGES)])
                    .to_string();
            format!("cpu {cpu}: {} lost{by_cause}", lost.total())
        })
    }
}

const RING_FULL: &str = "ring full";
const NO_SCRATCH: &str = "no scratch";
const TOO_MANY_MESSAGES: &str = "too many messages in one call";

/// Counts with their causes, in parentheses; nothing when all are zero.
struct Causes<'a>(&'a [(u64, &'static str)]);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = " (";
        for (count, cause) in self.0.iter().filter(|(count, _)| *count != 0) {
            write!(f, "{separator}{cause} {count}")?;
            separator = ", ";
        }
        if separator == ", " { f.write_str(")") } else { Ok(()) }
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events seen, {} shown", self.seen, self.shown)?;
        if let Some((events, bytes)) = self.written {
            write!(f, ", {events} written in {}", units::bytes(bytes as f64))?;
        }
        write!(f, ", {} lost", self.lost())?;
        let causes = [
            (self.losses.ring_full, RING_FULL),
            (self.losses.scratch, NO_SCRATCH),
            (self.losses.messages, TOO_MANY_MESSAGES),
            (self.losses.skipped, "program skipped"),
            (self.losses.groups, "table in the kernel full"),
            (self.losses.not_taken, "unknown or too large in the file"),
            (self.undecoded, "not decoded"),
        ];
        Causes(&causes).fmt(f)?;
        if self.losses.cpu_table != 0 {
            write!(f, "; CPU time of {} slices not counted", self.losses.cpu_table)?;
        }
        if self.losses.entry_table != 0 {
            write!(f, "; {} calls not timed", self.losses.entry_table)?;
        }
        if self.losses.late != 0 {
            write!(f, "; {} out of order", self.losses.late)?;
        }
        if self.losses.ring_full != 0 {
            f.write_str("\nhint: a larger --buffer-size rides out longer bursts; a filter or a chisel asks for less")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::CpuLosses;

    #[test]
    fn losses_are_said_by_cause() {
        let mut stats = Stats { seen: 7, shown: 3, ..Stats::default() };
        assert_eq!(stats.to_string(), "7 events seen, 3 shown, 0 lost");
        stats.written = Some((3, 2048));
        assert_eq!(stats.to_string(), "7 events seen, 3 shown, 3 written in 2.00KB, 0 lost");
        stats.written = None;
        stats.losses = Losses { ring_full: 4, skipped: 1, ..Losses::default() };
        stats.losses.by_cpu = vec![CpuLosses::default(), CpuLosses { ring_full: 4, ..CpuLosses::default() }];
        let text = stats.to_string();
        assert!(text.starts_with("7 events seen, 3 shown, 5 lost (ring full 4, program skipped 1)\nhint: "), "{text}");
        assert_eq!(stats.by_cpu().collect::<Vec<_>>(), ["cpu 1: 4 lost (ring full 4)"]);
    }
}
