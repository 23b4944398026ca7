//! Where entries come from: files, or the kernel's buffer where there are none.

use super::{
    file::JournalEntry,
    kmsg::Kmsg,
    matches::Matches,
    merge::{Journal, Range, Read},
};

/// Gives entries.
pub enum Source {
    /// The journal's files.
    Files(Box<Journal>),
    /// The kernel's buffer.
    Kernel(Kmsg),
}

impl Source {
    /// Goes to the beginning of what is wanted. `before` is how far an earlier run came.
    pub fn begin(&mut self, matches: Matches, range: Range, before: Read) {
        match self {
            Self::Files(journal) => journal.begin(matches, range, before),
            Self::Kernel(kmsg) => kmsg.begin(matches, range, &before),
        }
    }

    /// The next entry; `None` when there is no more for now.
    pub fn entry(&mut self) -> Option<JournalEntry> {
        match self {
            Self::Files(journal) => journal.entry(),
            Self::Kernel(kmsg) => kmsg.entry(),
        }
    }

    /// Looks whether there is more, in files of which some may be new.
    pub fn look(&mut self, for_files: bool) {
        if let Self::Files(journal) = self {
            journal.rest();
            journal.look_again();
            if for_files {
                journal.look();
            }
        }
    }

    /// See [`Journal::lost`]; the kernel's buffer says so when it is read.
    #[must_use]
    pub fn lost(&self) -> Option<(u64, u64)> {
        match self {
            Self::Files(journal) => journal.lost(),
            Self::Kernel(_) => None,
        }
    }
}
