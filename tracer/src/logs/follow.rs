//! The lines of all containers in the order of time, and what comes.
//!
//! Lines of one container stay in their order, whatever their times are: clocks are set. Among containers the one whose next line is
//! the oldest comes first. Once all that is there was shown, changes of files wake the loop (inotify(7)), and all files are looked at now and
//! then anyway, since not every file system tells of changes.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    io,
    mem::MaybeUninit,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
};

use super::{
    Entry, Finder, JournalOf, Line, Marks, Origin, Place, Selection, Sink, Source, Stream, Writer,
    asked::Asked,
    find::{earlier, seen_writes},
    journaled::Journaled,
    marks::Mark,
    series::{From, Series},
    supply::Supply,
};
use crate::{
    message::note,
    state::container::engine::logs::{LogEngines, LogOf, NoLog, clear},
};

/// How often new containers are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// How often all files are looked at, whether they were said to change or not.
const LOOK_AT_ALL: Duration = Duration::from_secs(2);
/// The same where changes are not told.
const WITHOUT_CHANGES: Duration = Duration::from_millis(200);
/// How often it is written down how far was read.
const SAVE: Duration = Duration::from_secs(1);
/// The most states of all logs that are kept while what was read is not safe.
const MAX_UNSAFE: usize = 64;
/// Bytes of changes that are taken at once.
const CHANGES: usize = 16 << 10;

/// What is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether it goes on when all that is there was shown.
    pub follow: bool,
    /// Lines before that time are left out, nanoseconds since the epoch.
    pub since_ns: u64,
    /// Those after that time.
    pub until_ns: Option<u64>,
    /// Only so many of the last lines of each container.
    pub last: Option<usize>,
    /// Only what was written there.
    pub stream: Option<Stream>,
    /// The run before the last one of each container, for those that are kept.
    pub previous: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// Containers whose logs were read.
    pub containers: usize,
    /// Lines that were shown.
    pub lines: u64,
    /// Places where lines may be missing.
    pub gaps: u64,
}

/// A log that is read.
struct Reader<'e> {
    writer: Arc<Writer>,
    supply: Box<dyn Supply + 'e>,
    /// What comes next.
    pending: Option<Entry>,
    /// Time of the last line, which what is no line counts as.
    time_ns: u64,
    /// Whether more may be there.
    is_due: bool,
    /// Whether the last entry that was handed out was shown.
    is_shown: bool,
    is_over: bool,
}

impl Reader<'_> {
    /// The time of what comes next.
    fn next_ns(&self) -> Option<u64> {
        match self.pending.as_ref()? {
            Entry::Line(line) => Some(line.time_ns),
            Entry::Gap(_) => Some(self.time_ns),
        }
    }
}

/// Tells which folders have changed.
struct Changes {
    fd: OwnedFd,
    /// Can be read when engines have sent something.
    wake: Arc<OwnedFd>,
    by_watch: BTreeMap<i32, PathBuf>,
    watched: BTreeSet<PathBuf>,
}

impl Changes {
    fn begin(wake: Arc<OwnedFd>) -> Option<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
        Some(Self { fd, wake, by_watch: BTreeMap::new(), watched: BTreeSet::new() })
    }

    /// A folder was removed: one that is made in its place is watched anew.
    fn forget(&mut self, watch: i32) {
        if let Some(folder) = self.by_watch.remove(&watch) {
            self.watched.remove(&folder);
        }
    }

    /// Whether that folder is watched from now on.
    fn watch(&mut self, folder: &std::path::Path) -> bool {
        if self.watched.contains(folder) {
            return true;
        }
        let what = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR;
        let Ok(watch) = inotify::add_watch(&self.fd, folder, what) else { return false };
        self.by_watch.insert(watch, folder.to_owned());
        self.watched.insert(folder.to_owned());
        true
    }

    /// Waits for changes; the folders that have some, or `None` when it is not known which, and whether engines have sent something.
    fn wait(&mut self, at_most: Duration) -> (Option<BTreeSet<PathBuf>>, bool) {
        let time = Timespec::try_from(at_most).ok();
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN), PollFd::new(&self.wake, PollFlags::IN)];
        let _ = poll(&mut fds, time.as_ref());
        let is_woken = !fds[1].revents().is_empty();
        if is_woken {
            clear(self.wake.as_fd());
        }
        let mut changed = BTreeSet::new();
        let mut buffer = [MaybeUninit::uninit(); CHANGES];
        let mut removed = Vec::new();
        // There may be more changes than the kernel keeps.
        let mut is_known = true;
        let mut reader = inotify::Reader::new(&self.fd, &mut buffer);
        while let Ok(event) = reader.next() {
            if event.events().contains(ReadFlags::IGNORED) {
                removed.push(event.wd());
            }
            match self.by_watch.get(&event.wd()) {
                Some(folder) => _ = changed.insert(folder.clone()),
                None => is_known = false,
            }
        }
        removed.into_iter().for_each(|watch| self.forget(watch));
        (is_known.then_some(changed), is_woken)
    }
}

/// All that is read.
struct Reading<'r> {
    options: Options,
    readers: Vec<Reader<'r>>,
    engines: &'r LogEngines,
    known: BTreeSet<String>,
    /// Containers whose logs were read.
    read: BTreeSet<String>,
    marks: Option<&'r mut Marks>,
    /// How far logs had been read when so many entries had been handed over, as long as these are not safe.
    unsafe_marks: VecDeque<(u64, Vec<(String, Mark)>)>,
    printer: &'r mut dyn Sink,
    changes: Option<Changes>,
    ended: Ended,
}

/// Shows the logs of the containers that are chosen. `marks` says from where on, and is told how far it came. It ends when all was shown or, when
/// it goes on, when `stop` says so.
///
/// # Errors
/// Output or the marks cannot be written.
pub fn run(
    finder: &mut Finder,
    selection: &Selection,
    options: Options,
    marks: Option<&mut Marks>,
    printer: &mut dyn Sink,
    stop: &AtomicBool,
) -> anyhow::Result<Ended> {
    let engines = finder.engines();
    let changes = if options.follow { Changes::begin(engines.wake()) } else { None };
    let mut reading = Reading {
        options,
        readers: Vec::new(),
        engines: &engines,
        known: BTreeSet::new(),
        read: BTreeSet::new(),
        marks,
        unsafe_marks: VecDeque::new(),
        printer,
        changes,
        ended: Ended::default(),
    };
    let began_ns = now_ns();
    reading.take(finder.look(), selection, From { since_ns: options.since_ns, last: options.last });
    let (mut looked, mut saved, mut looked_at_all) = (Instant::now(), Instant::now(), Instant::now());
    let stops = || stop.load(Ordering::Relaxed);
    loop {
        reading.show(&stops, &mut saved)?;
        reading.printer.flush()?;
        if stops() || !options.follow || options.until_ns.is_some_and(|until| now_ns() > until) {
            break;
        }
        reading.drop_gone()?;
        if saved.elapsed() >= SAVE {
            reading.save()?;
            saved = Instant::now();
        }
        if looked.elapsed() >= LOOK {
            looked = Instant::now();
            // What is found later has begun since, or its engine has just come up: what it wrote before was not asked for.
            reading.take(finder.look(), selection, From { since_ns: options.since_ns.max(began_ns), last: None });
            finder.notes().iter().for_each(|text| note(text));
        }
        let all = reading.wait();
        if all || looked_at_all.elapsed() >= LOOK_AT_ALL {
            looked_at_all = Instant::now();
            reading.readers.iter_mut().for_each(|reader| reader.is_due = true);
        }
    }
    if !options.follow {
        reading.show_rest()?;
    }
    reading.show_last_gaps()?;
    reading.printer.flush()?;
    reading.printer.drain()?;
    reading.save()?;
    Ok(reading.ended)
}

/// Nanoseconds since the epoch.
pub fn now_ns() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(0)
}

impl<'r> Reading<'r> {
    /// Begins to read the logs that were not known before.
    fn take(&mut self, sources: Vec<Source>, selection: &Selection, from: From) {
        for Source { container, place } in sources {
            if self.known.contains(&container.full_id) || !selection.has(&container) {
                continue;
            }
            let mut place = match place {
                Ok(Origin::Files(place)) => place,
                Ok(Origin::Journal(of)) if !self.options.previous => {
                    self.known.insert(container.full_id.clone());
                    self.read_journal(container, &of, from);
                    continue;
                }
                Ok(Origin::Journal(_)) => {
                    self.known.insert(container.full_id.clone());
                    note(&format!("note: {}: no earlier run is kept", container.prefix()));
                    continue;
                }
                Ok(Origin::Engine(of)) => {
                    self.known.insert(container.full_id.clone());
                    if self.options.previous {
                        note(&format!("note: {}: no earlier run is kept", container.prefix()));
                    } else {
                        self.ask(container, of, from);
                    }
                    continue;
                }
                Err(why) => {
                    // Whoever asks for all of them is not told of cgroups that only look like a container.
                    let is_told = !container.driver.is_empty() || !selection.names.is_empty();
                    if self.known.insert(container.full_id.clone()) && is_told {
                        note(&format!("note: {}: {why}", container.prefix()));
                    }
                    continue;
                }
            };
            if self.options.previous {
                let Some(path) = earlier(&place.path) else {
                    self.known.insert(container.full_id.clone());
                    note(&format!("note: {}: no earlier run is kept", container.prefix()));
                    continue;
                };
                place = Place { path, ..place };
            }
            if !place.is_there() {
                // Nothing was written yet, or its engine still tells of a container that was removed.
                continue;
            }
            self.known.insert(container.full_id.clone());
            self.open(container, place, from);
        }
    }

    /// Begins to read a log that is in the journal.
    fn read_journal(&mut self, writer: Arc<Writer>, of: &JournalOf, from: From) {
        let mark = self.marks.as_ref().and_then(|marks| marks.of(&writer.full_id)).copied();
        let journaled = Journaled::begin(of, from, mark.as_ref());
        if let Some(folder) = journaled.folder() {
            self.watch(folder);
        }
        self.add(writer, Box::new(journaled), mark.map_or(0, |mark| mark.time_ns));
    }

    /// Changes in that folder wake the loop; without that, all logs are looked at all the time.
    fn watch(&mut self, folder: &Path) {
        if self.changes.as_mut().is_some_and(|changes| !changes.watch(folder)) {
            self.changes = None;
        }
    }

    /// Begins to read a log that an engine gives.
    fn ask(&mut self, writer: Arc<Writer>, of: LogOf, from: From) {
        let mark = self.marks.as_ref().and_then(|marks| marks.of(&writer.full_id)).copied();
        match Asked::begin(self.engines, of, writer.prefix(), self.options.follow, from, mark.as_ref()) {
            Ok(asked) => self.add(writer, Box::new(asked), mark.map_or(0, |mark| mark.time_ns)),
            // It was removed, and what lists containers is a little behind.
            Err(NoLog::Unknown) => {}
            Err(why) => {
                let hint = match &why {
                    NoLog::NotKept => format!("\nhint: {}", seen_writes(&writer.full_id)),
                    NoLog::Silent(_) if writer.driver == "journald" => {
                        format!("\nhint: journalctl CONTAINER_ID_FULL={}", writer.full_id)
                    }
                    _ => String::new(),
                };
                note(&format!("warning: {}: cannot read its log: {why}{hint}", writer.prefix()));
            }
        }
    }

    fn add(&mut self, writer: Arc<Writer>, supply: Box<dyn Supply + 'r>, time_ns: u64) {
        self.printer.expect(&writer);
        self.read.insert(writer.full_id.clone());
        self.ended.containers = self.read.len();
        let (pending, is_due, is_shown, is_over) = (None, true, true, false);
        self.readers.push(Reader { writer, supply, pending, time_ns, is_due, is_shown, is_over });
    }

    fn open(&mut self, writer: Arc<Writer>, place: Place, from: From) {
        if let Some(folder) = place.path.parent() {
            self.watch(folder);
        }
        let mark = self.marks.as_ref().and_then(|marks| marks.of(&writer.full_id)).copied();
        let path = place.path.clone();
        match Series::begin(place, from, mark.as_ref()) {
            Ok(series) => self.add(writer, Box::new(series), mark.map_or(0, |mark| mark.time_ns)),
            Err(error) => cannot_read(&writer, &path, &error),
        }
    }

    /// Shows all lines that are there, the oldest first.
    fn show(&mut self, stops: &impl Fn() -> bool, saved: &mut Instant) -> anyhow::Result<()> {
        let mut next = BinaryHeap::new();
        for at in 0..self.readers.len() {
            if self.readers[at].is_due {
                self.fill(at);
                next.extend(self.readers[at].next_ns().map(|time_ns| Reverse((time_ns, at))));
            }
        }
        while let Some(Reverse((_, at))) = next.pop() {
            if stops() {
                break;
            }
            self.show_next(at)?;
            self.fill(at);
            next.extend(self.readers[at].next_ns().map(|time_ns| Reverse((time_ns, at))));
            if saved.elapsed() >= SAVE {
                self.printer.flush()?;
                self.save()?;
                *saved = Instant::now();
            }
        }
        Ok(())
    }

    /// Reads on until something comes that is shown.
    fn fill(&mut self, at: usize) {
        let Options { until_ns, stream, .. } = self.options;
        let reader = &mut self.readers[at];
        while reader.pending.is_none() {
            reader.is_shown = true;
            match reader.supply.entry() {
                Ok(Some(entry)) => {
                    let is_wanted = match &entry {
                        Entry::Line(line) => {
                            until_ns.is_none_or(|until| line.time_ns <= until)
                                && stream.is_none_or(|stream| line.stream == stream)
                        }
                        Entry::Gap(_) => true,
                    };
                    if is_wanted {
                        reader.is_shown = false;
                        reader.pending = Some(entry);
                    }
                }
                Ok(None) => {
                    reader.is_due = false;
                    return;
                }
                Err(error) => {
                    note(&format!("warning: {}: cannot read on: {error}", reader.writer.prefix()));
                    (reader.is_due, reader.is_over) = (false, true);
                    return;
                }
            }
        }
    }

    fn show_next(&mut self, at: usize) -> io::Result<()> {
        let reader = &mut self.readers[at];
        let Some(entry) = reader.pending.take() else { return Ok(()) };
        reader.is_shown = true;
        match &entry {
            Entry::Line(line) => {
                reader.time_ns = line.time_ns;
                self.ended.lines += 1;
            }
            Entry::Gap(_) => self.ended.gaps += 1,
        }
        self.printer.entry(&reader.writer, &entry)
    }

    /// Lines without an end, of logs that nobody writes any more.
    fn show_rest(&mut self) -> io::Result<()> {
        let mut rest: Vec<(Line, usize)> = Vec::new();
        for (at, reader) in self.readers.iter_mut().enumerate() {
            rest.extend(reader.supply.rest().into_iter().map(|line| (line, at)));
        }
        rest.sort_by_key(|(line, at)| (line.time_ns, *at));
        for (line, at) in rest {
            self.ended.lines += 1;
            self.printer.entry(&self.readers[at].writer, &Entry::Line(line))?;
        }
        Ok(())
    }

    /// Logs whose end was not reached.
    fn show_last_gaps(&mut self) -> io::Result<()> {
        for reader in &self.readers {
            if let Some(why) = reader.supply.last_gap() {
                self.ended.gaps += 1;
                self.printer.entry(&reader.writer, &Entry::Gap(why.into()))?;
            }
        }
        Ok(())
    }

    /// Forgets logs that were removed, or cannot be read any more, when all that was in them is shown.
    fn drop_gone(&mut self) -> anyhow::Result<()> {
        let is_over = |reader: &Reader<'_>| !reader.is_due && (reader.is_over || reader.supply.is_gone());
        if !self.readers.iter().any(is_over) {
            return Ok(());
        }
        self.save()?;
        let (gone, left): (Vec<Reader<'_>>, Vec<Reader<'_>>) = self.readers.drain(..).partition(is_over);
        self.readers = left;
        for mut reader in gone {
            for line in reader.supply.rest() {
                self.ended.lines += 1;
                self.printer.entry(&reader.writer, &Entry::Line(line))?;
            }
            if !reader.is_over {
                note(&format!("note: {}: its log was removed", reader.writer.prefix()));
            }
            // The log of a container that is started again comes back.
            self.known.remove(&reader.writer.full_id);
        }
        Ok(())
    }

    fn save(&mut self) -> anyhow::Result<()> {
        let Some(marks) = &mut self.marks else { return Ok(()) };
        let mark = |reader: &Reader<'_>| {
            Some((reader.writer.full_id.clone(), reader.supply.mark(reader.is_shown, reader.time_ns)?))
        };
        let now = (self.printer.handed_over(), self.readers.iter().filter_map(mark).collect());
        // The newest ones are enough to go on from, and each of them has to be kept until it is safe.
        if self.unsafe_marks.len() >= MAX_UNSAFE {
            self.unsafe_marks.pop_back();
        }
        self.unsafe_marks.push_back(now);
        let settled = self.printer.settled();
        while let Some((handed_over, _)) = self.unsafe_marks.front()
            && *handed_over <= settled
        {
            for (id, mark) in self.unsafe_marks.pop_front().into_iter().flat_map(|(_, marks)| marks) {
                marks.set(&id, mark);
            }
        }
        Ok(marks.save()?)
    }

    /// Waits for changes, and says which logs may have more. True if all of them may.
    fn wait(&mut self) -> bool {
        let Some(changes) = &mut self.changes else {
            std::thread::sleep(WITHOUT_CHANGES);
            return true;
        };
        let (changed, is_woken) = changes.wait(LOOK);
        let Some(changed) = changed else { return true };
        for reader in &mut self.readers {
            reader.is_due |= match reader.supply.folder() {
                Some(folder) => changed.contains(folder),
                None => is_woken,
            };
        }
        false
    }
}

fn cannot_read(writer: &Writer, path: &std::path::Path, error: &io::Error) {
    let hint = if error.kind() == io::ErrorKind::PermissionDenied { "\nhint: run it with sudo" } else { "" };
    let path = crate::message::Shown::shown(path);
    note(&format!("warning: {}: cannot read {path}: {error}{hint}", writer.prefix()));
}
