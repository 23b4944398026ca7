//! When a capture goes on in another file, and what that is called.
//!
//! | options | name of file `k`, from 0 |
//! |---|---|
//! | none | the name |
//! | `-C` | the name and `k`, with as many digits as the number of files has |
//! | `-e`; `-G` without `%` in the name | the name and `k` |
//! | `-G` | the name with its `%` filled in, local time of the first event |
//! | `-G` and `-C` | the same and `k` |
//!
//! With `-W`, `k` begins anew after that many files; where names have times, the oldest file is removed.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use crate::format::time;

/// When another file begins. Nothing is set: never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// After so many bytes.
    pub bytes: Option<u64>,
    /// After so many seconds, by the time of the events.
    pub seconds: Option<u64>,
    /// After so many events.
    pub events: Option<u64>,
    /// How many files are kept.
    pub files: Option<u64>,
}

impl Limits {
    /// Whether there can be more than one file.
    #[must_use]
    pub fn rotates(&self) -> bool {
        self.bytes.is_some() || self.seconds.is_some() || self.events.is_some()
    }
}

/// The folder that has all files of that name, whatever times are filled in.
pub(super) fn folder(name: &Path) -> PathBuf {
    let parent = name.parent().unwrap_or(Path::new(""));
    let fixed = parent.components().take_while(|part| !part.as_os_str().as_encoded_bytes().contains(&b'%'));
    let folder: PathBuf = fixed.collect();
    if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder }
}

/// The file that is written now, and how full it is.
#[derive(Debug)]
pub(super) struct Rotation {
    name: PathBuf,
    limits: Limits,
    /// Number of the current file.
    number: u64,
    /// When it began, nanoseconds since the epoch; 0 before the first event.
    began_ns: u64,
    events: u64,
    /// Bytes that the current file began with.
    tables: u64,
    /// Whether they are not known yet.
    is_fresh: bool,
    current: PathBuf,
    /// Files whose names have times, oldest first.
    dated: VecDeque<PathBuf>,
}

impl Rotation {
    pub(super) fn new(name: &Path, limits: Limits) -> Self {
        Self {
            name: name.to_owned(),
            limits,
            number: 0,
            began_ns: 0,
            events: 0,
            tables: 0,
            is_fresh: true,
            current: PathBuf::new(),
            dated: VecDeque::new(),
        }
    }

    /// The first file. `now_ns` is its time.
    pub(super) fn first(&mut self, now_ns: u64) -> PathBuf {
        self.current = self.path(now_ns);
        self.dated.push_back(self.current.clone());
        self.current.clone()
    }

    /// To be called for each event before it is written, with the bytes of the current file: the next file, if one begins,
    /// and a file that is not kept any more.
    #[inline]
    pub(super) fn event(&mut self, time_ns: u64, bytes: u64) -> Option<(PathBuf, Option<PathBuf>)> {
        if self.began_ns == 0 {
            self.began_ns = time_ns;
        }
        if std::mem::take(&mut self.is_fresh) {
            self.tables = bytes;
        }
        let Limits { bytes: most_bytes, seconds, events, .. } = self.limits;
        // Where the tables of a file take most of the limit, or more, it would have hardly an event.
        let is_full = |limit: u64| bytes > limit.max(self.tables.saturating_add(limit / 4));
        let is_long = |seconds: u64| time_ns.saturating_sub(self.began_ns) >= seconds * 1_000_000_000;
        let over = seconds.is_some_and(is_long)
            || most_bytes.is_some_and(is_full)
            || events.is_some_and(|limit| self.events >= limit);
        if over && self.events > 0 {
            let next = self.next(time_ns);
            if next.is_some() {
                self.events = 1;
                // Its tables are written now.
                self.is_fresh = true;
                return next;
            }
        }
        self.events += 1;
        None
    }

    fn next(&mut self, time_ns: u64) -> Option<(PathBuf, Option<PathBuf>)> {
        let number = self.number;
        self.number += 1;
        if self.limits.files.is_some_and(|files| self.number >= files) {
            self.number = 0;
        }
        let path = self.path(time_ns);
        if path == self.current && !self.is_numbered() {
            // The name has no time that is as fine as the rotation: overwriting the file would lose what it has.
            self.number = number;
            return None;
        }
        self.began_ns = time_ns;
        self.current.clone_from(&path);
        let mut gone = None;
        if self.is_dated() {
            self.dated.push_back(path.clone());
            if self.limits.files.is_some_and(|files| self.dated.len() as u64 > files) {
                gone = self.dated.pop_front().filter(|gone| *gone != path);
            }
        }
        Some((path, gone))
    }

    /// Whether the name has times that are filled in.
    fn is_dated(&self) -> bool {
        self.limits.seconds.is_some() && self.limits.events.is_none() && self.name.to_string_lossy().contains('%')
    }

    fn is_numbered(&self) -> bool {
        !self.is_dated() || self.limits.bytes.is_some()
    }

    fn path(&self, time_ns: u64) -> PathBuf {
        let limits = &self.limits;
        if !limits.rotates() {
            return self.name.clone();
        }
        let number = self.number;
        let dated = || time::pattern(&self.name.to_string_lossy(), time_ns);
        let text = self.name.to_string_lossy();
        PathBuf::from(match (limits.events, self.is_dated(), limits.bytes, limits.files) {
            (None, true, None, _) => dated(),
            (None, true, Some(_), _) => format!("{}{number}", dated()),
            (None, false, Some(_), Some(files)) => {
                let digits = files.to_string().len();
                format!("{text}{number:0digits$}")
            }
            _ => format!("{text}{number}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files of events that come every 100 ms and have 10 bytes each.
    fn names(name: &str, limits: Limits, events: u64) -> Vec<String> {
        let mut rotation = Rotation::new(Path::new(name), limits);
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let start = 1_700_000_000_000_000_000;
        let mut names = vec![text(rotation.first(start))];
        let mut bytes = 0;
        for at in 0..events {
            if let Some((next, gone)) = rotation.event(start + at * 100_000_000, bytes) {
                names.push(text(next));
                names.extend(gone.map(|gone| format!("-{}", text(gone))));
                bytes = 0;
            }
            bytes += 10;
        }
        names
    }

    #[test]
    fn names_are_those_that_users_know() {
        let none = Limits::default();
        assert_eq!(names("x", none, 100), ["x"]);
        let bytes = Limits { bytes: Some(95), ..none };
        assert_eq!(names("x", bytes, 25), ["x0", "x1", "x2"]);
        assert_eq!(names("x", Limits { files: Some(10), ..bytes }, 25), ["x00", "x01", "x02"]);
        assert_eq!(names("x", Limits { files: Some(2), ..bytes }, 35), ["x0", "x1", "x0", "x1"]);
        let events = Limits { events: Some(10), ..none };
        assert_eq!(names("x", events, 31), ["x0", "x1", "x2", "x3"]);
        assert_eq!(names("x%H", Limits { seconds: Some(1), ..events }, 31), ["x%H0", "x%H1", "x%H2", "x%H3"]);
        let seconds = Limits { seconds: Some(1), ..none };
        assert_eq!(names("x", seconds, 25), ["x0", "x1", "x2"]);
        assert_eq!(names("x-%S", seconds, 25), ["x-20", "x-21", "x-22"]);
        assert_eq!(names("x-%S", Limits { files: Some(2), ..seconds }, 25), ["x-20", "x-21", "x-22", "-x-20"]);
        let both = Limits { bytes: Some(45), ..seconds };
        assert_eq!(names("x-%S-", both, 12), ["x-20-0", "x-20-1", "x-21-2"]);
    }

    /// A machine with many threads has large tables.
    #[test]
    fn files_whose_tables_are_beyond_the_limit_have_events_all_the_same() {
        let mut rotation = Rotation::new(Path::new("x"), Limits { bytes: Some(1_000), ..Limits::default() });
        rotation.first(0);
        let (tables, event) = (5_000, 10);
        let (mut bytes, mut files) = (tables, 1);
        for time_ns in 1..=260 {
            if rotation.event(time_ns, bytes).is_some() {
                (bytes, files) = (tables, files + 1);
            }
            bytes += event;
        }
        // A quarter of the limit is for events.
        assert_eq!(files, 260 / 26);
    }

    #[test]
    fn a_name_that_does_not_change_goes_on_with_its_file() {
        let seconds = Limits { seconds: Some(1), ..Limits::default() };
        assert_eq!(names("x-%Y", seconds, 55).len(), 1);
    }
}
