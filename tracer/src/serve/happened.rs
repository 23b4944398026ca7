//! What happened to containers lately, as cAdvisor tells it: how they begin and end, and which had processes killed for want of memory.

use std::{collections::VecDeque, sync::Arc};

/// The most that is kept of each kind.
const MOST: usize = 1_000;

/// A kind of happening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Creation,
    /// With the exit code of the first process, 128 and its number for a signal; -1 when that is not known.
    Deletion(i64),
    /// The kernel killed one of its processes, since its memory was used up.
    OomKill,
}

impl What {
    /// The kinds, by their place.
    const KINDS: usize = 3;

    const fn kind(self) -> usize {
        match self {
            Self::Creation => 0,
            Self::Deletion(_) => 1,
            Self::OomKill => 2,
        }
    }
}

/// What happened to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Happening {
    /// Numbers go up with time.
    pub(super) number: u64,
    /// Nanoseconds since the epoch.
    pub(super) time_ns: u64,
    /// The path of its cgroup.
    pub(super) cgroup: String,
    pub(super) what: What,
}

/// The newest of each kind: many of one do not push out the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Happened {
    last: u64,
    kinds: [VecDeque<Arc<Happening>>; What::KINDS],
}

impl Happened {
    /// Adds one. What has no cgroup that is known is not told.
    pub(super) fn add(&mut self, cgroup: &str, time_ns: u64, what: What) {
        if cgroup.is_empty() {
            return;
        }
        self.last += 1;
        let kept = &mut self.kinds[what.kind()];
        if kept.len() >= MOST {
            kept.pop_front();
        }
        kept.push_back(Arc::new(Happening { number: self.last, time_ns, cgroup: cgroup.to_owned(), what }));
    }

    /// Those behind that number, in no order.
    pub(super) fn since(&self, number: u64) -> impl Iterator<Item = &Arc<Happening>> {
        self.kinds.iter().flat_map(move |kind| kind.iter().rev().take_while(move |it| it.number > number))
    }

    /// The number of the newest one.
    pub(super) const fn last(&self) -> u64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_each_kind_are_kept() {
        let mut happened = Happened::default();
        happened.add("/a", 1, What::OomKill);
        happened.add("", 2, What::Creation);
        for time in 0..2 * MOST as u64 {
            happened.add("/b", 10 + time, What::Deletion(0));
        }
        let of = |happened: &Happened, what: What| happened.since(0).filter(|it| it.what == what).count();
        assert_eq!((of(&happened, What::OomKill), of(&happened, What::Deletion(0))), (1, MOST));
        assert_eq!(of(&happened, What::Creation), 0);
        assert_eq!(happened.since(happened.last() - 3).count(), 3);
    }
}
