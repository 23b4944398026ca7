//! The log of one container as its engine gives it, where its files cannot be read.
//!
//! An engine has no cursor: it can only be asked for what was written from a time on. So a position is a whole second and how many entries since
//! then were read; the entry before the position has a hash, by which a log that is not the same any more is recognised. The second is one
//! that lies behind by at least another one, because the two streams of a container are not exactly in the order of their times.

use std::{
    borrow::Cow,
    collections::VecDeque,
    hash::{Hash as _, Hasher as _},
    io,
    path::Path,
    time::{Duration, Instant},
};

use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

use super::{
    Entry, Line,
    entries::Entries,
    files::Head,
    form::{Next, Piece},
    join::Joiner,
    marks::Mark,
    series::From,
    supply::Supply,
};
use crate::{
    message::note,
    state::container::engine::logs::{LogEngines, LogOf, LogPart, LogStream, LogWish, NoLog, PATIENCE},
};

const SECOND_NS: u64 = 1_000_000_000;
/// How long what it has already is waited for at the start, so that containers are in the order of time, and between two pieces of it.
const FIRST: Duration = Duration::from_millis(300);
const BETWEEN: Duration = Duration::from_millis(20);
/// The pause before an engine is asked again that has gone; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// The pause before the log of a container is asked for again that has stopped: it may start again. It doubles up to the longest.
const STOPPED: Duration = Duration::from_secs(2);
const LONG_STOPPED: Duration = Duration::from_secs(30);

/// How far a log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Entries from this second on are counted, since the epoch.
    since_s: u64,
    /// So many were read.
    entries: u64,
    /// Hash and time of the last one.
    last: Option<(u64, u64)>,
    /// The latest time, nanoseconds since the epoch.
    latest_ns: u64,
    /// The next second from which on they are counted, and how many those are.
    next: Option<(u64, u64)>,
    /// Whether the clock was set back since: then nothing can be counted.
    #[serde(default)]
    is_unsure: bool,
}

impl Position {
    /// From that second on.
    fn since(since_s: u64) -> Self {
        Self { since_s, ..Self::default() }
    }

    /// An entry was read.
    fn take(&mut self, time_ns: u64, hash: u64) {
        self.last = Some((hash, time_ns));
        if time_ns < self.since_s * SECOND_NS {
            self.is_unsure = true;
            return;
        }
        self.entries += 1;
        self.latest_ns = self.latest_ns.max(time_ns);
        let (since_s, entries) = self.next.get_or_insert((self.latest_ns / SECOND_NS + 1, 0));
        if time_ns >= *since_s * SECOND_NS {
            *entries += 1;
        }
        if self.latest_ns >= (*since_s + 1) * SECOND_NS {
            (self.since_s, self.entries, self.is_unsure) = (*since_s, *entries, false);
            self.next = Some((self.latest_ns / SECOND_NS + 1, 0));
        }
    }
}

/// Entries that come before those that are wanted.
#[derive(Debug, Clone, Copy)]
enum Skip {
    /// So many were read; the last of them has that hash.
    Read { left: u64, hash: u64 },
    /// Up to the one of that hash, which is wanted, or not. It is not later than `latest_ns`.
    Until { hash: u64, latest_ns: u64, is_wanted: bool },
    /// Up to that time.
    Time(u64),
}

/// What is read of one container.
pub struct Asked<'e> {
    engines: &'e LogEngines,
    of: LogOf,
    /// What it is called in notes.
    name: String,
    follow: bool,
    stream: Option<LogStream>,
    /// What is from then on has come since the beginning.
    began_ns: u64,
    entries: Entries,
    skip: Option<Skip>,
    joiner: Joiner,
    taken: Position,
    /// The same before the line that was handed out last, where no line was open.
    clean: Position,
    since_ns: u64,
    gap: Option<Cow<'static, str>>,
    /// Until when what the engine has already is waited for.
    history: Option<Instant>,
    /// When it is asked again, and the pause after that.
    again: Option<Instant>,
    pause: Duration,
    stopped: Duration,
    /// Why the engine has gone.
    lost: Option<NoLog>,
    is_gone: bool,
}

/// What one entry is told from others by.
fn hash(piece: &Piece<'_>) -> u64 {
    let mut hasher = FxHasher::default();
    (piece.time_ns, piece.stream, &*piece.text, piece.is_last).hash(&mut hasher);
    hasher.finish()
}

impl<'e> Asked<'e> {
    /// The log of that container, from the mark of an earlier run or else from `from` on.
    ///
    /// # Errors
    /// There is no such log, or its engine does not answer.
    pub fn begin(
        engines: &'e LogEngines,
        of: LogOf,
        name: String,
        follow: bool,
        from: From,
        mark: Option<&Mark>,
    ) -> Result<Self, NoLog> {
        let mut asked = Self {
            engines,
            of,
            name,
            follow,
            stream: None,
            began_ns: super::follow::now_ns(),
            entries: Entries::default(),
            skip: None,
            joiner: Joiner::default(),
            taken: Position::since(from.since_ns / SECOND_NS),
            clean: Position::default(),
            since_ns: from.since_ns,
            gap: None,
            history: Some(Instant::now() + FIRST),
            again: None,
            pause: FIRST_PAUSE,
            stopped: STOPPED,
            lost: None,
            is_gone: false,
        };
        match (mark, from.last) {
            (Some(Mark { asked: Some(position), .. }), _) => asked.taken = *position,
            (Some(mark), _) => {
                // What was read until then were files.
                asked.taken = Position::since(mark.time_ns / SECOND_NS);
                asked.skip = Some(Skip::Time(mark.time_ns));
            }
            (None, Some(last)) => asked.begin_at_last(last)?,
            (None, None) => {}
        }
        asked.clean = asked.taken;
        if asked.taken.last.is_some() {
            asked.go_back();
        }
        asked.open();
        asked.await_answer()?;
        Ok(asked)
    }

    /// From the last lines on.
    fn begin_at_last(&mut self, lines: usize) -> Result<(), NoLog> {
        // A line may be several entries: then more of these are asked for.
        let mut count = lines.saturating_add(1);
        loop {
            match self.last_entries(count, lines)? {
                Starts::All => return Ok(()),
                Starts::At { hash, time_ns, earliest_ns } => {
                    self.taken = Position::since(earliest_ns / SECOND_NS);
                    let latest_ns = time_ns + SECOND_NS;
                    self.skip = Some(Skip::Until { hash, latest_ns, is_wanted: lines > 0 });
                    return Ok(());
                }
                Starts::Before => count = count.saturating_mul(2),
            }
        }
    }

    /// Where in that many of the last entries the last lines begin.
    fn last_entries(&self, count: usize, lines: usize) -> Result<Starts, NoLog> {
        let wish = LogWish { of: self.of.clone(), since_s: 0, last: Some(count), follow: false };
        let mut stream = self.engines.open(wish);
        let mut entries = Entries::of(&self.of.runtime);
        // Of each of the last lines its first entry: hash, time, number.
        let mut starts: VecDeque<(u64, u64, usize)> = VecDeque::new();
        let (mut number, mut last, mut open) = (0, None, [false; 2]);
        // What comes first of a stream may be the end of a line: the number of the last entry that may be.
        let (mut is_known, mut doubtful) = ([false; 2], 0);
        loop {
            match stream.next(PATIENCE) {
                Some(LogPart::Begun { is_terminal, .. }) => entries.begin(is_terminal),
                Some(LogPart::Bytes(bytes)) => entries.push(&bytes),
                Some(LogPart::End(Some(why))) => return Err(why),
                Some(LogPart::End(None)) => break,
                None => return Err(NoLog::Silent("it sends nothing".to_owned())),
            }
            loop {
                let length = match entries.first() {
                    Next::Piece(piece, length) => {
                        let (hash, stream) = (hash(&piece), piece.stream as usize);
                        (number, last) = (number + 1, Some((hash, piece.time_ns)));
                        if !is_known[stream] {
                            (doubtful, is_known[stream]) = (number, piece.is_last);
                        }
                        if !std::mem::replace(&mut open[stream], !piece.is_last) {
                            starts.push_back((hash, piece.time_ns, number));
                            if starts.len() > lines {
                                starts.pop_front();
                            }
                        }
                        length
                    }
                    Next::Unknown(length) => length,
                    Next::Incomplete => break,
                };
                entries.drop_first(length);
            }
        }
        let at = |hash, time_ns, earliest_ns| Starts::At { hash, time_ns, earliest_ns };
        let is_whole = number < count;
        let earliest_ns = starts.iter().map(|(_, time_ns, _)| *time_ns).min().unwrap_or(0);
        let starts = match (last, starts.front()) {
            (None, _) => Starts::All,
            (Some((hash, time_ns)), _) if lines == 0 => at(hash, time_ns, time_ns),
            (_, Some((hash, time_ns, number))) if starts.len() == lines && (is_whole || *number > doubtful) => {
                at(*hash, *time_ns, earliest_ns)
            }
            _ if is_whole => Starts::All,
            _ => Starts::Before,
        };
        Ok(starts)
    }

    /// Asks for the log, from the position on.
    fn open(&mut self) {
        // Engines that keep another time beside that which they show are asked for a second more.
        let since_s = self.taken.since_s.saturating_sub(1);
        let wish = LogWish { of: self.of.clone(), since_s, last: None, follow: self.follow };
        self.entries = Entries::of(&self.of.runtime);
        self.stream = Some(self.engines.open(wish));
    }

    /// Once the engine is asked again, it gives what was read before.
    fn go_back(&mut self) {
        self.skip = match self.taken.last {
            // The last entry alone says where that was.
            Some((hash, time_ns)) if self.taken.is_unsure => {
                self.taken = Position::since(time_ns / SECOND_NS);
                Some(Skip::Until { hash, latest_ns: u64::MAX, is_wanted: false })
            }
            Some((hash, _)) if self.taken.entries > 0 => Some(Skip::Read { left: self.taken.entries, hash }),
            _ => None,
        };
    }

    /// Waits for the answer to begin.
    fn await_answer(&mut self) -> Result<(), NoLog> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        // An engine that follows a log which is empty may say nothing at all.
        match stream.next(if self.follow { FIRST } else { PATIENCE }) {
            Some(LogPart::End(Some(why))) => Err(why),
            Some(part) => {
                self.part(part);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn part(&mut self, part: LogPart) {
        match part {
            LogPart::Begun { is_terminal, .. } => {
                self.pause = FIRST_PAUSE;
                self.entries.begin(is_terminal);
                if self.skip.is_none() {
                    self.is_back();
                }
            }
            LogPart::Bytes(bytes) => self.entries.push(&bytes),
            LogPart::End(why) => self.end(why),
        }
    }

    /// The engine gives no more, for now.
    fn end(&mut self, why: Option<NoLog>) {
        (self.stream, self.history) = (None, None);
        if why.is_none() && matches!(self.skip, Some(Skip::Read { .. } | Skip::Until { .. })) {
            self.not_kept();
        }
        match why {
            None if self.follow => {
                self.again = Some(Instant::now() + self.stopped);
                self.stopped = LONG_STOPPED.min(self.stopped * 2);
            }
            None => {}
            Some(NoLog::Unknown) => self.is_gone = true,
            Some(why) if self.follow => {
                self.again = Some(Instant::now() + self.pause);
                self.pause = LONGEST_PAUSE.min(self.pause * 2);
                if self.lost.is_none() {
                    note(&format!("warning: {}: {why}; it is asked again until it answers", self.name));
                    self.lost = Some(why);
                }
            }
            Some(why) => self.gap = Some(why.to_string().into()),
        }
    }

    /// What was read before has come again.
    fn is_back(&mut self) {
        if self.lost.take().is_some() {
            note(&format!("note: {}: its engine answers again, and no line is missing", self.name));
        }
    }

    /// What was read before has not come again.
    fn not_kept(&mut self) {
        let why = self.lost.take().map(|why| format!(" ({why})")).unwrap_or_default();
        self.gap = Some(format!("the engine has not kept what was read last{why}").into());
        (self.skip, self.taken.is_unsure, self.taken.next) = (None, true, None);
    }

    /// Whether an entry is one that was read before, or is not wanted.
    fn is_skipped(&mut self, piece_ns: u64, hash: u64) -> bool {
        let is_early = piece_ns < self.taken.since_s * SECOND_NS;
        match self.skip {
            // Engines are asked for a second more than is counted.
            None => is_early && self.taken.entries == 0,
            Some(Skip::Read { .. }) if piece_ns > self.taken.latest_ns => {
                self.not_kept();
                false
            }
            Some(Skip::Read { .. }) if is_early => true,
            Some(Skip::Read { left, hash: last }) => {
                self.skip = Some(Skip::Read { left: left - 1, hash: last });
                if left == 1 && last == hash {
                    self.skip = None;
                    self.is_back();
                } else if left == 1 {
                    self.not_kept();
                    self.skip = Some(Skip::Time(self.taken.latest_ns));
                }
                true
            }
            Some(Skip::Until { hash: last, is_wanted, .. }) if last == hash => {
                self.skip = None;
                self.is_back();
                if !is_wanted {
                    self.taken.take(piece_ns, hash);
                }
                !is_wanted
            }
            Some(Skip::Until { latest_ns, .. }) if piece_ns > latest_ns => {
                self.not_kept();
                false
            }
            Some(Skip::Time(latest_ns)) if piece_ns > latest_ns => {
                self.skip = None;
                false
            }
            Some(Skip::Until { .. } | Skip::Time(_)) => {
                if !is_early {
                    self.taken.take(piece_ns, hash);
                }
                true
            }
        }
    }

    /// The next line of what has come.
    fn line(&mut self) -> Option<Line> {
        loop {
            if !self.joiner.is_open() && self.skip.is_none() {
                self.clean = self.taken;
            }
            let (piece_ns, hash) = match self.entries.first() {
                Next::Incomplete => return None,
                Next::Unknown(length) => {
                    self.entries.drop_first(length);
                    self.gap = Some("the engine sends what is no log entry".into());
                    return None;
                }
                Next::Piece(piece, _) => (piece.time_ns, hash(&piece)),
            };
            if piece_ns >= self.began_ns {
                self.history = None;
            }
            let is_skipped = self.is_skipped(piece_ns, hash);
            let Next::Piece(piece, length) = self.entries.first() else { return None };
            let line = if is_skipped {
                None
            } else {
                self.stopped = STOPPED;
                self.taken.take(piece_ns, hash);
                self.joiner.push(piece)
            };
            self.entries.drop_first(length);
            if line.is_some() {
                return line;
            }
            if self.gap.is_some() {
                return None;
            }
        }
    }

    /// Waits for more, if there is something to wait for. False when there is no more for now.
    fn read(&mut self) -> bool {
        let Some(stream) = &mut self.stream else {
            if self.again.is_some_and(|at| Instant::now() >= at) {
                self.again = None;
                self.go_back();
                self.open();
                return true;
            }
            return false;
        };
        let at_most = match self.history {
            _ if !self.follow => PATIENCE,
            Some(end) => end.saturating_duration_since(Instant::now()),
            None => Duration::ZERO,
        };
        match stream.next(at_most) {
            Some(part) => {
                if self.history.is_some() && matches!(part, LogPart::Bytes(_)) {
                    self.history = Some(Instant::now() + BETWEEN);
                }
                self.part(part);
                true
            }
            None if self.follow => {
                self.history = None;
                false
            }
            None => {
                self.stream = None;
                self.gap = Some(format!("its engine has sent nothing for {} s", PATIENCE.as_secs()).into());
                true
            }
        }
    }
}

impl Supply for Asked<'_> {
    fn entry(&mut self) -> io::Result<Option<Entry>> {
        loop {
            if let Some(gap) = self.gap.take() {
                return Ok(Some(Entry::Gap(gap)));
            }
            if let Some(line) = self.line() {
                if line.time_ns < self.since_ns {
                    continue;
                }
                return Ok(Some(Entry::Line(line)));
            }
            if self.gap.is_none() && !self.read() {
                return Ok(None);
            }
        }
    }

    fn rest(&mut self) -> Vec<Line> {
        self.joiner.rest().collect()
    }

    fn folder(&self) -> Option<&Path> {
        None
    }

    fn is_gone(&self) -> bool {
        self.is_gone && self.stream.is_none()
    }

    fn mark(&self, shown: bool, time_ns: u64) -> Option<Mark> {
        let is_behind = shown && !self.joiner.is_open() && self.skip.is_none();
        let position = if is_behind { self.taken } else { self.clean };
        Some(Mark { head: Head::of(&[]), offset: 0, time_ns, asked: Some(position) })
    }

    fn last_gap(&self) -> Option<String> {
        self.lost.as_ref().map(ToString::to_string)
    }
}

/// Where the last lines begin.
enum Starts {
    /// At the beginning of the log.
    All,
    /// At that entry; none of them is older than `earliest_ns`.
    At { hash: u64, time_ns: u64, earliest_ns: u64 },
    /// Earlier than what was asked for.
    Before,
}

#[cfg(test)]
mod tests;
