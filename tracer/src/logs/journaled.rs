//! The log of a container that Docker or Podman writes to the journal.
//!
//! Any process may send any field to the journal, except those that begin with `_`, which journald adds. So what was sent counts only if the user sent
//! it whose engine it is: root for the machine's engines.

use std::{
    borrow::Cow,
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{
    Entry, Line, Piece, Stream,
    files::Head,
    join::Joiner,
    journal::{Journal, JournalEntry, Matches, Place, Range, Read, Stamp},
    marks::Mark,
    series::From,
    supply::Supply,
};

/// How often it is looked for new files.
const LOOK: Duration = Duration::from_secs(1);

/// A container whose log is in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalOf {
    /// The host's root.
    pub root: PathBuf,
    /// Its whole id.
    pub full_id: String,
    /// The user whose engine it is.
    pub uid: u32,
}

impl JournalOf {
    fn place(&self) -> Place {
        Place::Machine { root: self.root.clone(), all: false }
    }

    fn matches(&self) -> Matches {
        let mut matches = Matches::default();
        matches.and(vec![format!("CONTAINER_ID_FULL={}", self.full_id).into_bytes()]);
        matches.and(vec![format!("_UID={}", self.uid).into_bytes()]);
        matches
    }

    /// The journal that is read, for people: a folder. `None` if there is none that can be read.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        let (files, _) = self.place().look();
        files
            .values()
            .find(|path| rustix::fs::access(*path, rustix::fs::Access::READ_OK).is_ok())?
            .parent()
            .map(Path::to_owned)
    }

    /// Whether there is a line of it.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        let mut journal = Journal::open(self.place());
        journal.begin(self.matches(), Range { last: Some(1), ..Range::default() }, Read::new());
        journal.entry().is_some()
    }
}

/// A log that is read from the journal.
pub struct Journaled {
    journal: Journal,
    folder: Option<PathBuf>,
    joiner: Joiner,
    /// Lines before that time are left out, and those that an earlier run has shown.
    since_ns: u64,
    /// The last entry that was read, and the one before what is not handed out yet.
    taken: Option<Stamp>,
    clean: Option<Stamp>,
    /// Where an earlier run came to, as long as nothing was read.
    before: Option<Mark>,
    gap: Option<Cow<'static, str>>,
    /// When it was looked for new files.
    looked: Instant,
}

impl Journaled {
    /// The log of that container, from the mark of an earlier run or else from `from` on.
    #[must_use]
    pub fn begin(of: &JournalOf, from: From, mark: Option<&Mark>) -> Self {
        let mut journal = Journal::open(of.place());
        let known = mark.and_then(|mark| journal.counted_by(|id| Head::of(&id.0) == mark.head));
        let before = known.zip(mark).map(|(id, mark)| (id, (mark.offset, mark.time_ns / 1_000)));
        let mut range = Range { since_us: from.since_ns / 1_000, until_us: None, last: None };
        let mut since_ns = from.since_ns;
        if let (Some(mark), None) = (mark, before) {
            // It was read elsewhere until then, or the journal was made anew.
            since_ns = since_ns.max(mark.time_ns.saturating_add(1));
            range.since_us = since_ns / 1_000;
        }
        let surplus = match (from.last, mark) {
            (Some(lines), None) => {
                let (entries, surplus) = last_lines(&mut journal, of, range, lines);
                range.last = Some(entries);
                surplus
            }
            _ => 0,
        };
        journal.begin(of.matches(), range, before.into_iter().collect());
        let gap = journal.lost().map(|_| "the journal has removed files before they were read".into());
        let folder = journal.folders().into_iter().next().map(Path::to_owned);
        let mut this = Self {
            journal,
            folder,
            joiner: Joiner::default(),
            since_ns,
            taken: None,
            clean: None,
            before: mark.copied(),
            gap,
            looked: Instant::now(),
        };
        for _ in 0..surplus {
            this.line();
        }
        this
    }

    fn line(&mut self) -> Option<Line> {
        loop {
            if !self.joiner.is_open() {
                self.clean = self.taken;
            }
            let entry = self.journal.entry()?;
            self.taken = Some(entry.stamp);
            let line = piece(&entry).and_then(|piece| self.joiner.push(piece));
            if line.as_ref().is_some_and(|line| line.time_ns >= self.since_ns) {
                return line;
            }
        }
    }
}

/// How many of the last entries have that many lines, and how many lines more.
fn last_lines(journal: &mut Journal, of: &JournalOf, range: Range, lines: usize) -> (usize, usize) {
    let mut count = lines.saturating_add(1);
    loop {
        journal.begin(of.matches(), Range { last: Some(count), ..range }, Read::new());
        let (mut entries, mut ends) = (0, 0);
        while let Some(entry) = journal.entry() {
            entries += 1;
            ends += usize::from(piece(&entry).is_some_and(|piece| piece.is_last));
        }
        // The first of them may be the end of a line, so there is one more than is wanted.
        if ends > lines || entries < count {
            return (count, ends.saturating_sub(lines));
        }
        count = count.saturating_mul(2);
    }
}

/// What an entry is of a line. Source: moby, `daemon/logger/journald`; conmon, `src/ctr_logging.c`.
fn piece(entry: &JournalEntry) -> Option<Piece<'_>> {
    // conmon leaves the end of the line.
    let text = entry.get("MESSAGE")?;
    let text = Cow::Borrowed(text.strip_suffix(b"\n").unwrap_or(text));
    let sent =
        entry.get("SYSLOG_TIMESTAMP").and_then(|time| std::str::from_utf8(time).ok()?.parse::<jiff::Timestamp>().ok());
    let sent_ns = sent.and_then(|time| u64::try_from(time.as_nanosecond()).ok());
    Some(Piece {
        time_ns: sent_ns.unwrap_or(entry.stamp.realtime_us.saturating_mul(1_000)),
        stream: if entry.get("PRIORITY") == Some(b"3") { Stream::Err } else { Stream::Out },
        text,
        is_last: entry.get("CONTAINER_PARTIAL_MESSAGE") != Some(b"true"),
    })
}

impl Supply for Journaled {
    fn entry(&mut self) -> io::Result<Option<Entry>> {
        if let Some(gap) = self.gap.take() {
            return Ok(Some(Entry::Gap(gap)));
        }
        if let Some(line) = self.line() {
            return Ok(Some(Entry::Line(line)));
        }
        let mut is_more = self.journal.look_again();
        if !is_more && self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            is_more = self.journal.look();
        }
        if is_more && let Some(line) = self.line() {
            return Ok(Some(Entry::Line(line)));
        }
        self.journal.rest();
        Ok(None)
    }

    fn rest(&mut self) -> Vec<Line> {
        self.joiner.rest().collect()
    }

    fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn is_gone(&self) -> bool {
        false
    }

    fn mark(&self, shown: bool, time_ns: u64) -> Option<Mark> {
        let stamp = if shown && !self.joiner.is_open() { self.taken } else { self.clean };
        match stamp {
            Some(stamp) => {
                Some(Mark { head: Head::of(&stamp.seqnum_id.0), offset: stamp.seqnum, time_ns, asked: None })
            }
            None => self.before,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::logs::journal::Field;

    #[test]
    fn entries_of_docker_and_podman_become_pieces_of_lines() {
        let entry = |fields: &[(&str, &str)]| JournalEntry {
            stamp: Stamp { realtime_us: 5, ..Stamp::default() },
            fields: fields
                .iter()
                .filter_map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()).map(Arc::new))
                .collect(),
        };
        let docker = entry(&[
            ("MESSAGE", "part"),
            ("PRIORITY", "6"),
            ("CONTAINER_PARTIAL_MESSAGE", "true"),
            ("SYSLOG_TIMESTAMP", "2026-08-01T12:03:20.000000007Z"),
        ]);
        let got = piece(&docker).unwrap();
        assert_eq!(
            (got.time_ns, got.stream, &*got.text, got.is_last),
            (1_785_585_800_000_000_007, Stream::Out, &b"part"[..], false)
        );
        let podman = entry(&[("MESSAGE", "end\n"), ("PRIORITY", "3"), ("SYSLOG_TIMESTAMP", "soon")]);
        let got = piece(&podman).unwrap();
        assert_eq!((got.time_ns, got.stream, &*got.text, got.is_last), (5_000, Stream::Err, &b"end"[..], true));
        assert_eq!(piece(&entry(&[("PRIORITY", "6")])), None);
    }
}
