//! Stretches of time of threads: what is near events that were marked.

use std::collections::BTreeMap;

/// By thread, stretches of time, nanoseconds since the epoch.
///
/// They are looked up and not written as a filter, because thousands of them are longer than a filter may be, and
/// each event would be compared with all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stretches {
    by_thread: BTreeMap<i64, Vec<(u64, u64)>>,
    count: usize,
}

impl Stretches {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds a stretch, or makes the last one of the thread longer if they touch. Returns false when there are `max` already.
    #[must_use]
    pub fn add(&mut self, tid: i64, first: u64, last: u64, max: usize) -> bool {
        let of_thread = self.by_thread.entry(tid).or_default();
        match of_thread.last_mut() {
            Some((begin, end)) if *begin <= first && first <= *end => *end = last.max(*end),
            _ if self.count >= max => return false,
            _ => {
                of_thread.push((first, last));
                self.count += 1;
            }
        }
        true
    }

    /// Ready to be asked: in order, with those that touch as one. Files that are read one after the other need not be in the
    /// order of their times.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        for of_thread in self.by_thread.values_mut() {
            of_thread.sort_unstable();
            of_thread.dedup_by(|next, kept| {
                let touch = next.0 <= kept.1;
                if touch {
                    kept.1 = kept.1.max(next.1);
                }
                touch
            });
        }
        self.count = self.by_thread.values().map(Vec::len).sum();
        self
    }

    /// Whether a moment of a thread is in one of them, which are [`sorted`](Self::sorted).
    #[must_use]
    pub fn has(&self, tid: i64, time_ns: u64) -> bool {
        let Some(of_thread) = self.by_thread.get(&tid) else { return false };
        let begun = of_thread.partition_point(|(first, _)| *first <= time_ns);
        begun.checked_sub(1).and_then(|at| of_thread.get(at)).is_some_and(|(_, last)| time_ns <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_found_in_whatever_order_stretches_came() {
        let mut stretches = Stretches::default();
        for (first, last) in [(200, 210), (90, 110), (105, 125), (190, 205)] {
            assert!(stretches.add(7, first, last, 4));
        }
        assert!(!stretches.add(7, 500, 510, 3));
        let stretches = stretches.sorted();
        assert_eq!(stretches.count(), 2);
        for (time, inside) in
            [(89, false), (90, true), (125, true), (126, false), (190, true), (210, true), (211, false)]
        {
            assert_eq!(stretches.has(7, time), inside, "{time}");
        }
        assert!(!stretches.has(8, 100));
    }
}
