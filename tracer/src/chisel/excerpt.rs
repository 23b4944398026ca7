//! Captures of what is around events: a script marks events, and what their threads did shortly before and after them is written
//! when the capture that is read is read once more.

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

/// The most stretches of time of one capture.
const MAX_STRETCHES: usize = 4_096;

/// What is written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// The capture that is written.
    pub path: PathBuf,
    around_ns: u64,
    /// By thread, the stretches of time that are wanted, nanoseconds since the epoch, in their order.
    stretches: BTreeMap<i64, Vec<(u64, u64)>>,
    count: usize,
}

impl Excerpt {
    /// So many nanoseconds before and behind each event that will be marked.
    #[must_use]
    pub fn new(path: PathBuf, around_ns: u64) -> Self {
        Self { path, around_ns, stretches: BTreeMap::new(), count: 0 }
    }

    /// Marks an event. Events come in the order of their time.
    ///
    /// # Errors
    /// There are too many that are far from each other.
    pub fn mark(&mut self, tid: i64, time_ns: u64) -> Result<(), String> {
        let (first, last) = (time_ns.saturating_sub(self.around_ns), time_ns.saturating_add(self.around_ns));
        let of_thread = self.stretches.entry(tid).or_default();
        match of_thread.last_mut() {
            Some((_, end)) if *end >= first => *end = last.max(*end),
            _ if self.count >= MAX_STRETCHES => {
                return Err(format!(
                    "mark: more than {MAX_STRETCHES} stretches of time: mark less, or with a longer time"
                ));
            }
            _ => {
                of_thread.push((first, last));
                self.count += 1;
            }
        }
        Ok(())
    }

    /// The filter that lets through what is to be written; `None` when nothing was marked.
    #[must_use]
    pub fn filter(&self) -> Option<String> {
        let mut text = String::new();
        for (tid, stretches) in &self.stretches {
            text.push_str(if text.is_empty() { "(" } else { " or (" });
            let _ = write!(text, "thread.tid={tid} and (");
            for (at, (first, last)) in stretches.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { " or " });
                let _ = write!(text, "(evt.rawtime>={first} and evt.rawtime<={last})");
            }
            text.push_str("))");
        }
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fields::Show, filter::Filter};

    #[test]
    fn marks_that_are_near_are_one_stretch() {
        let mut excerpt = Excerpt::new("x".into(), 10);
        assert_eq!(excerpt.filter(), None);
        for (tid, time) in [(7, 100), (7, 115), (3, 50), (7, 200)] {
            excerpt.mark(tid, time).unwrap();
        }
        let filter = excerpt.filter().unwrap();
        assert_eq!(
            filter,
            "(thread.tid=3 and ((evt.rawtime>=40 and evt.rawtime<=60))) or (thread.tid=7 and ((evt.rawtime>=90 and \
             evt.rawtime<=125) or (evt.rawtime>=190 and evt.rawtime<=210)))"
        );
        assert!(Filter::compile(&filter, Show::default()).is_ok());
        for time in 0..MAX_STRETCHES as u64 {
            let _ = excerpt.mark(9, 1_000_000 + 100 * time);
        }
        assert!(excerpt.mark(9, u64::MAX / 2).unwrap_err().contains("stretches"));
    }
}
