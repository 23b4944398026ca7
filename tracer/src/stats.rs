//! What a run counted, and what says it at the end: a line, and an object of JSON.

use std::{fmt, time::Duration};

use serde_json::{Map, Value, json};

use crate::{
    format::units,
    sample::Sample,
    source::{CpuLosses, Losses},
};

/// The counts of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that the source delivered, without the tracer's own, unless these were shown.
    pub seen: u64,
    /// The tables of the kernel that events were counted in, and records, as bits: with several, an event is seen in each.
    pub tables: u8,
    /// Events that were shown or counted in a table.
    pub shown: u64,
    /// Events, and bytes, that were written to a capture; `None` without one.
    pub written: Option<(u64, u64)>,
    /// How many events were looked at, when it was not all of them.
    pub sample: Option<Sample>,
    /// Records that could not be decoded.
    pub undecoded: u64,
    /// Events that a table here had no room for.
    pub not_in_tables: u64,
    /// What was lost on the way.
    pub losses: Losses,
    /// How long it ran.
    pub elapsed: Duration,
    /// CPU time that the process used, its start included. What the kernel side takes is time of those who make the calls.
    pub cpu_time: Duration,
}

/// A cause of loss: its key in JSON, its words, and how many were lost by it.
type Cause = (&'static str, &'static str, fn(&Stats) -> u64);
/// The same for a CPU, whose words are those of the same key.
type CpuCause = (&'static str, fn(&CpuLosses) -> u64);

/// The causes of loss of a run.
const CAUSES: [Cause; 12] = [
    ("ring_full", "ring full", |it| it.losses.ring_full),
    ("scratch", "no scratch", |it| it.losses.scratch),
    ("messages", "too many messages in one call", |it| it.losses.messages),
    ("skipped", "program skipped", |it| it.losses.skipped),
    ("groups", "table in the kernel full", |it| it.losses.groups),
    ("tables", "table full", |it| it.not_in_tables),
    ("cpu_slices", "CPU time of a slice not counted", |it| it.losses.cpu_table),
    ("not_timed", "call not timed", |it| it.losses.entry_table),
    ("not_followed", "thread not followed, and its events missing", |it| it.losses.followed),
    ("not_taken", "unknown or too large in the file", |it| it.losses.not_taken),
    ("captured", "when it was captured", |it| it.losses.captured),
    ("undecoded", "not decoded", |it| it.undecoded),
];

/// Those that are known for each CPU.
const CPU_CAUSES: [CpuCause; 7] = [
    ("ring_full", |it| it.ring_full),
    ("scratch", |it| it.scratch),
    ("messages", |it| it.messages),
    ("groups", |it| it.groups),
    ("cpu_slices", |it| it.cpu_table),
    ("not_timed", |it| it.entry_table),
    ("not_followed", |it| it.followed),
];

/// The words of a cause.
fn words(key: &str) -> &'static str {
    CAUSES.iter().find(|(known, ..)| *known == key).map_or("", |(_, words, _)| words)
}

impl Stats {
    /// How long it ran, how fast, and what that took, for `-v`.
    #[must_use]
    pub fn speed(&self) -> String {
        let (seconds, cpu) = (self.elapsed.as_secs_f64(), self.cpu_time.as_secs_f64());
        let rate = self.seen as f64 / seconds.max(1e-9);
        format!("ran for {seconds:.3} s, {rate:.0} events per second, {cpu:.3} s of CPU")
    }

    /// What was lost, whatever the cause.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.losses.total() + self.undecoded + self.not_in_tables
    }

    /// What was lost by each cause, with its key in JSON.
    pub fn causes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        CAUSES.iter().map(|(key, _, count)| (*key, count(self)))
    }

    /// Whether an event may be seen several times.
    #[must_use]
    pub fn is_seen_by_table(&self) -> bool {
        self.tables.count_ones() > 1
    }

    /// Whether anything was lost, also when it is not known how much.
    #[must_use]
    pub fn is_lossy(&self) -> bool {
        self.lost() > 0 || self.losses.uncounted > 0
    }

    fn lost_by_cpu(&self) -> impl Iterator<Item = (usize, &CpuLosses)> {
        self.losses.by_cpu.iter().enumerate().filter(|(_, lost)| lost.total() != 0)
    }

    /// Where the losses were, for `-v`: a line for each CPU that lost something.
    pub fn by_cpu(&self) -> impl Iterator<Item = String> {
        self.lost_by_cpu().map(|(cpu, lost)| {
            let causes = Causes(CPU_CAUSES.iter().map(|(key, count)| (count(lost), words(key))).collect());
            format!("cpu {cpu}: {} lost{causes}", lost.total())
        })
    }

    /// All of it as an object. All keys are always there, but for `written` without a capture and `sample` without one.
    #[must_use]
    pub fn json(&self) -> Value {
        let by_cause: Map<String, Value> =
            CAUSES.iter().map(|(key, _, count)| ((*key).to_owned(), count(self).into())).collect();
        let by_cpu = self.lost_by_cpu().map(|(cpu, lost)| {
            let causes = CPU_CAUSES.iter().map(|(key, count)| ((*key).to_owned(), count(lost).into()));
            let numbers = [("cpu".to_owned(), cpu.into()), ("lost".to_owned(), lost.total().into())];
            Value::Object(numbers.into_iter().chain(causes).collect())
        });
        let mut object = json!({
            "seen": self.seen,
            "shown": self.shown,
            "lost": self.lost(),
            "lost_by_cause": by_cause,
            "lost_by_cpu": by_cpu.collect::<Vec<_>>(),
            "drop_marks_uncounted": self.losses.uncounted,
            "late": self.losses.late,
            "not_timed": self.losses.entry_table,
            "cpu_slices_not_counted": self.losses.cpu_table,
            "elapsed_ns": nanoseconds(self.elapsed),
            "cpu_ns": nanoseconds(self.cpu_time),
        });
        if let Some((events, bytes)) = self.written {
            object["written"] = json!({ "events": events, "bytes": bytes });
        }
        if let Some(sample) = self.sample {
            object["sample"] = sample.one_in().into();
        }
        object
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Counts with their causes, in parentheses; nothing when all are zero.
struct Causes(Vec<(u64, &'static str)>);

impl fmt::Display for Causes {
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
        let of_tables = if self.is_seen_by_table() { " (in each table that counts them)" } else { "" };
        write!(f, "{} events seen{of_tables}, {} shown", self.seen, self.shown)?;
        if let Some((events, bytes)) = self.written {
            write!(f, ", {events} written in {}", units::bytes(bytes as f64))?;
        }
        if let Some(sample) = self.sample {
            write!(f, ", a sample of {sample}")?;
        }
        write!(f, ", {} lost", self.lost())?;
        Causes(CAUSES.iter().map(|(_, words, count)| (count(self), *words)).collect()).fmt(f)?;
        match self.losses.uncounted {
            0 => {}
            1 => f.write_str("; a drop mark of another tool does not say how many more")?,
            marks => write!(f, "; {marks} drop marks of another tool do not say how many more")?,
        }
        if self.losses.late != 0 {
            write!(f, "; {} out of order", self.losses.late)?;
        }
        if self.losses.ring_full != 0 {
            f.write_str(
                "\nhint: a larger --buffer-size survives longer bursts; a filter, a chisel or --sample reduces the load",
            )?;
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
        let several = Stats { tables: 0b101, ..stats.clone() };
        assert_eq!(several.to_string(), "7 events seen (in each table that counts them), 3 shown, 0 lost");
        stats.written = Some((3, 2048));
        assert_eq!(stats.to_string(), "7 events seen, 3 shown, 3 written in 2.00KB, 0 lost");
        stats.written = None;
        stats.losses = Losses { ring_full: 4, skipped: 1, ..Losses::default() };
        stats.losses.by_cpu = vec![CpuLosses::default(), CpuLosses { ring_full: 4, ..CpuLosses::default() }];
        let text = stats.to_string();
        assert!(text.starts_with("7 events seen, 3 shown, 5 lost (ring full 4, program skipped 1)\nhint: "), "{text}");
        assert_eq!(stats.by_cpu().collect::<Vec<_>>(), ["cpu 1: 4 lost (ring full 4)"]);
        let foreign = Stats { losses: Losses { uncounted: 2, ..Losses::default() }, ..Stats::default() };
        let said = "0 events seen, 0 shown, 0 lost; 2 drop marks of another tool do not say how many more";
        assert_eq!((foreign.to_string().as_str(), foreign.lost(), foreign.is_lossy()), (said, 0, true));
        stats.sample = "1/10".parse().ok();
        assert!(stats.to_string().starts_with("7 events seen, 3 shown, a sample of 1/10, 5 lost ("), "{stats}");
    }

    #[test]
    fn an_object_says_the_same() {
        let first = CpuLosses { groups: 5, cpu_table: 7, entry_table: 8, ..CpuLosses::default() };
        let by_cpu = vec![first, CpuLosses { ring_full: 4, messages: 2, ..CpuLosses::default() }];
        let (cpu_table, entry_table) = (7, 8);
        let losses = Losses {
            ring_full: 4,
            messages: 2,
            skipped: 1,
            groups: 5,
            cpu_table,
            entry_table,
            captured: 10,
            late: 9,
            by_cpu,
            ..Losses::default()
        };
        let stats = Stats {
            seen: 7,
            shown: 3,
            undecoded: 1,
            not_in_tables: 6,
            losses,
            elapsed: Duration::from_millis(1),
            cpu_time: Duration::from_nanos(5),
            ..Stats::default()
        };
        let object = stats.json();
        let causes = json!({
            "ring_full": 4, "scratch": 0, "messages": 2, "skipped": 1, "groups": 5, "tables": 6, "cpu_slices": 7, "not_timed": 8,
            "not_followed": 0, "not_taken": 0, "captured": 10, "undecoded": 1,
        });
        assert_eq!((&object["seen"], &object["shown"], &object["lost"]), (&json!(7), &json!(3), &json!(44)));
        assert_eq!((&object["lost_by_cause"], &object["late"]), (&causes, &json!(9)));
        let cpus = json!([
            { "cpu": 0, "lost": 20, "ring_full": 0, "scratch": 0, "messages": 0, "groups": 5, "cpu_slices": 7, "not_timed": 8, "not_followed": 0 },
            { "cpu": 1, "lost": 6, "ring_full": 4, "scratch": 0, "messages": 2, "groups": 0, "cpu_slices": 0, "not_timed": 0, "not_followed": 0 },
        ]);
        assert_eq!(object["lost_by_cpu"], cpus);
        assert_eq!((&object["elapsed_ns"], &object["cpu_ns"]), (&json!(1_000_000), &json!(5)));
        assert!(object["written"].is_null() && object["sample"].is_null());
        let more = Stats { written: Some((3, 20)), sample: "7".parse().ok(), ..stats.clone() }.json();
        assert_eq!((&more["written"], &more["sample"]), (&json!({ "events": 3, "bytes": 20 }), &json!(7)));
        // Each cause that is known for a CPU is one of all.
        assert!(CPU_CAUSES.iter().all(|(key, _)| !words(key).is_empty()));
        let total: u64 = object["lost_by_cause"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
        assert_eq!(total, stats.lost());
    }
}
