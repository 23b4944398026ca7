//! Going over the entries of one file that are wanted.
//!
//! Values that an entry has to have are looked up in the hash table of the file, and the lists of the rarest of them are followed, so that what is
//! not wanted is not even read.

use super::{
    file::{Chain, JournalError, JournalFile, Stamp},
    matches::Matches,
};

/// The entries of a file.
pub struct Walk {
    /// The file.
    pub file: JournalFile,
    /// Of each alternative of all terms: the values that the file has, by their offsets.
    alternatives: Vec<Vec<Vec<u64>>>,
    /// Lists that together have all entries that may be wanted, and the next one of each.
    lists: Vec<(Chain, u64)>,
    /// The last entry that was given, by its offset.
    last: u64,
    items: Vec<u64>,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With the first entry of that time or later, microseconds since the epoch.
    At(u64),
    /// After the entry with that number.
    After(u64),
    /// With one of the last.
    Last(usize),
}

impl Walk {
    /// Those of that file, from the first on. What is wrong with it is given to `fault`.
    pub fn new(file: JournalFile, matches: &Matches, fault: &mut dyn FnMut(&JournalFile, JournalError)) -> Self {
        let mut walk = Self::unread(file);
        walk.look_up(matches, fault);
        walk
    }

    /// The file alone: what is wanted is looked up later.
    #[must_use]
    pub fn unread(file: JournalFile) -> Self {
        Self { file, alternatives: Vec::new(), lists: Vec::new(), last: 0, items: Vec::new() }
    }

    /// Looks again what there is, after the file has grown.
    pub fn look_up(&mut self, matches: &Matches, fault: &mut dyn FnMut(&JournalFile, JournalError)) {
        self.alternatives.clear();
        self.lists.clear();
        if matches.alternatives.is_empty() {
            let mut chain = Chain::default();
            self.file.entries(&mut chain).unwrap_or_else(|error| fault(&self.file, error));
            self.lists.push((chain, 0));
        }
        for terms in &matches.alternatives {
            let mut found: Vec<Vec<u64>> = Vec::new();
            let mut rarest: Option<(u64, Vec<Chain>)> = None;
            for term in terms {
                let mut values = Vec::new();
                let mut chains = Vec::new();
                for value in term {
                    let at = self.file.find(value).unwrap_or_else(|error| {
                        fault(&self.file, error);
                        None
                    });
                    let Some(at) = at else { continue };
                    let mut chain = Chain::default();
                    self.file.entries_of(at, &mut chain).unwrap_or_else(|error| fault(&self.file, error));
                    values.push(at);
                    chains.push(chain);
                }
                let count = chains.iter().map(|chain| chain.len).sum();
                if rarest.as_ref().is_none_or(|(least, _)| count < *least) {
                    rarest = Some((count, chains));
                }
                found.push(values);
            }
            if let Some((_, chains)) = rarest.filter(|(count, _)| *count > 0) {
                self.lists.extend(chains.into_iter().map(|chain| (chain, 0)));
                self.alternatives.push(found);
            }
        }
        if self.last > 0 {
            self.go_after(self.last);
        }
    }

    /// Whether nothing in the file is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(|(chain, _)| chain.len == 0)
    }

    /// All lists continue after that entry.
    fn go_after(&mut self, last: u64) {
        self.set_all(|file, chain, number| file.offset(chain, number).is_ok_and(|at| at <= last));
    }

    /// All lists continue with the first entry for which `is_before` is false.
    fn set_all(&mut self, is_before: impl Fn(&mut JournalFile, &Chain, u64) -> bool) {
        let Self { file, lists, .. } = self;
        for (chain, next) in lists {
            let (mut from, mut to) = (0, chain.len);
            while from < to {
                let middle = from + (to - from) / 2;
                if is_before(file, chain, middle) { from = middle + 1 } else { to = middle }
            }
            *next = from;
        }
    }

    /// Goes there. Only entries that are `is_wanted` count as the last ones.
    pub fn begin(&mut self, begin: Begin, is_wanted: &dyn Fn(&Stamp) -> bool) {
        self.last = 0;
        let by = |file: &mut JournalFile, chain: &Chain, number, test: &dyn Fn(&Stamp) -> bool| {
            file.offset(chain, number).and_then(|at| file.stamp(at)).is_ok_and(|stamp| test(&stamp))
        };
        match begin {
            Begin::At(us) => self.set_all(|file, chain, number| by(file, chain, number, &|it| it.realtime_us < us)),
            Begin::After(last) => self.set_all(|file, chain, number| by(file, chain, number, &|it| it.seqnum <= last)),
            Begin::Last(count) => self.go_back(count, is_wanted),
        }
    }

    /// Goes to the last `count` entries that are wanted.
    fn go_back(&mut self, count: usize, is_wanted: &dyn Fn(&Stamp) -> bool) {
        self.lists.iter_mut().for_each(|(chain, next)| *next = chain.len);
        let mut found = 0;
        let mut bound = u64::MAX;
        while found < count {
            let mut nearest: Option<u64> = None;
            for (chain, next) in &mut self.lists {
                while *next > 0 {
                    match self.file.offset(chain, *next - 1) {
                        Ok(at) if at < bound => {
                            nearest = nearest.max(Some(at));
                            break;
                        }
                        _ => *next -= 1,
                    }
                }
            }
            let Some(at) = nearest else { break };
            bound = at;
            if self.has(at).unwrap_or(false) && self.file.stamp(at).is_ok_and(|stamp| is_wanted(&stamp)) {
                found += 1;
            }
        }
        if bound < u64::MAX {
            self.go_after(bound - 1);
        }
    }

    /// Whether the entry there has what it has to.
    fn has(&mut self, at: u64) -> Result<bool, JournalError> {
        if self.alternatives.is_empty() {
            return Ok(true);
        }
        self.file.items(at, &mut self.items)?;
        let any = |term: &Vec<u64>| self.items.iter().any(|item| term.contains(item));
        Ok(self.alternatives.iter().any(|terms| terms.iter().all(any)))
    }

    /// The next entry that is wanted, by its offset.
    pub fn next(&mut self, fault: &mut dyn FnMut(&JournalFile, JournalError)) -> Option<(u64, Stamp)> {
        loop {
            let mut nearest: Option<u64> = None;
            for (chain, next) in &mut self.lists {
                while *next < chain.len {
                    match self.file.offset(chain, *next) {
                        Ok(at) if at > self.last => {
                            nearest = Some(nearest.map_or(at, |other| other.min(at)));
                            break;
                        }
                        Ok(_) => *next += 1,
                        Err(error) => {
                            fault(&self.file, error);
                            *next += 1;
                        }
                    }
                }
            }
            let at = nearest?;
            self.last = at;
            match self.has(at).and_then(|has| if has { self.file.stamp(at).map(Some) } else { Ok(None) }) {
                Ok(Some(stamp)) => return Some((at, stamp)),
                Ok(None) => {}
                Err(error) => fault(&self.file, error),
            }
        }
    }
}
