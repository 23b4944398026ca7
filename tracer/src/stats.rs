//! What a run counted, and the line that says it at the end.

use std::fmt;

use crate::source::Losses;

/// The counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that the source delivered, without the tracer's own.
    pub seen: u64,
    /// Events that were shown or counted in a table.
    pub shown: u64,
    /// Records that could not be decoded.
    pub undecoded: u64,
    /// What was lost on the way.
    pub losses: Losses,
}

impl Stats {
    /// Where the losses were, for `-v`: a line for each CPU that lost something.
    pub fn by_cpu(&self) -> impl Iterator<Item = String> {
        let lost = self.losses.ring_full_by_cpu.iter().enumerate().filter(|(_, lost)| **lost != 0);
        lost.map(|(cpu, lost)| format!("cpu {cpu}: {lost} lost, ring full"))
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.losses.total() + self.undecoded;
        write!(f, "{} events seen, {} shown, {lost} lost", self.seen, self.shown)?;
        let causes = [
            (self.losses.ring_full, "ring full"),
            (self.losses.scratch, "no scratch"),
            (self.losses.skipped, "program skipped"),
            (self.undecoded, "not decoded"),
        ];
        let mut separator = " (";
        for (count, cause) in causes.iter().filter(|(count, _)| *count != 0) {
            write!(f, "{separator}{cause} {count}")?;
            separator = ", ";
        }
        if separator == ", " {
            f.write_str(")")?;
        }
        if self.losses.cpu_table != 0 {
            write!(f, "; CPU time of {} slices not counted", self.losses.cpu_table)?;
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

    #[test]
    fn losses_are_said_by_cause() {
        let mut stats = Stats { seen: 7, shown: 3, ..Stats::default() };
        assert_eq!(stats.to_string(), "7 events seen, 3 shown, 0 lost");
        stats.losses = Losses { ring_full: 4, skipped: 1, ring_full_by_cpu: vec![0, 4], ..Losses::default() };
        let text = stats.to_string();
        assert!(text.starts_with("7 events seen, 3 shown, 5 lost (ring full 4, program skipped 1)\nhint: "), "{text}");
        assert_eq!(stats.by_cpu().collect::<Vec<_>>(), ["cpu 1: 4 lost, ring full"]);
    }
}
