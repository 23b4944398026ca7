//! The queue of one target: what was read and is not yet known to have arrived, in order, within a number of bytes.
//!
//! A record stays until the target has it. When a connection ends, what was sent over it and is not known to have arrived is sent again. Records for
//! which memory has no room go to disk if that is allowed, and come back in their order: those on disk are safe, whatever becomes of this run.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    io,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::spill::{Place, Spill};
use crate::{
    logs::{Entry, Writer},
    message::{Shown as _, note},
};

/// What a record takes besides its text, bytes.
const OVERHEAD: usize = 128;

/// The most causes of loss that are told apart.
const MAX_CAUSES: usize = 20;
/// All others.
const OTHER: &str = "for other causes";

/// What became of one record that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It has arrived.
    Taken,
    /// It never will, for this cause.
    Lost(String),
    /// It has to be sent again.
    Later,
}

/// A line of a container, or that lines are missing.
#[derive(Debug, Clone)]
pub struct Record {
    /// Whose.
    pub writer: Arc<Writer>,
    /// What.
    pub entry: Entry,
    /// When it was read, nanoseconds since the epoch.
    pub read_ns: u64,
}

impl Record {
    fn bytes(&self) -> usize {
        OVERHEAD + self.text().len()
    }

    /// The line, or why some are missing.
    pub fn text(&self) -> &[u8] {
        match &self.entry {
            Entry::Line(line) => &line.text,
            Entry::Gap(why) => why.as_bytes(),
        }
    }

    /// The line, or in words that some are missing.
    pub fn message(&self) -> Cow<'_, [u8]> {
        match &self.entry {
            Entry::Line(line) => Cow::Borrowed(&line.text),
            Entry::Gap(why) => Cow::Owned(format!("lines may be missing: {why}").into_bytes()),
        }
    }

    /// The same as text, with U+FFFD for what is not UTF-8.
    pub fn words(&self) -> Cow<'_, str> {
        match self.message() {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// `stdout`, `stderr` or `gap`.
    pub fn stream(&self) -> &'static str {
        match &self.entry {
            Entry::Line(line) => line.stream.name(),
            Entry::Gap(_) => "gap",
        }
    }

    /// Whether the line was too long to be whole.
    pub fn is_cut(&self) -> bool {
        matches!(&self.entry, Entry::Line(line) if line.is_cut)
    }

    /// When it was written, or that it was seen that it is missing, nanoseconds since the epoch.
    pub fn time_ns(&self) -> u64 {
        match &self.entry {
            Entry::Line(line) => line.time_ns,
            Entry::Gap(_) => self.read_ns,
        }
    }
}

/// What became of what was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records that arrived.
    pub delivered: u64,
    /// Records that were lost, by cause.
    pub lost: BTreeMap<String, u64>,
    /// How often a connection was lost, or an answer was not good.
    pub failures: u64,
    /// Bytes that are on disk for another run, and where.
    pub kept: Option<(u64, PathBuf)>,
}

impl Tally {
    /// All that were lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.values().sum()
    }

    /// Some were lost. Causes are what targets say, so that there is a limit for how many there are.
    pub fn lose(&mut self, cause: &str, count: u64) {
        if count > 0 {
            let is_new = !self.lost.contains_key(cause) && self.lost.len() >= MAX_CAUSES;
            *self.lost.entry(if is_new { OTHER } else { cause }.to_owned()).or_default() += count;
        }
    }
}

/// A record that waits.
#[derive(Debug)]
struct Item {
    record: Arc<Record>,
    origin: Origin,
}

#[derive(Debug, Clone, Copy)]
enum Origin {
    /// It was read from a log, with its number, counted from the first one.
    Log(u64),
    /// It is on disk there.
    Disk(Place),
}

impl Item {
    fn place(&self) -> Option<Place> {
        match self.origin {
            Origin::Log(_) => None,
            Origin::Disk(place) => Some(place),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<Item>,
    bytes: usize,
    /// How many at the front were sent, and may have arrived.
    sent: usize,
    tally: Tally,
    /// No more will come; what is there is tried until then, and for so long again whenever some of it has arrived.
    closing: Option<(Instant, Duration)>,
    /// Nothing is sent any more, because there is nobody to take it.
    is_broken: bool,
    /// Where records go that have no room.
    spill: Option<Spill>,
}

impl Inner {
    /// Whether there are records on disk that were not read, behind which new ones have to wait.
    fn has_spilled(&self) -> bool {
        self.spill.as_ref().is_some_and(|spill| !spill.is_empty())
    }

    /// Takes records from disk as long as half of the memory is free, so that they come in large steps.
    fn refill(&mut self, max_bytes: usize) {
        let Some(spill) = &mut self.spill else { return };
        if self.bytes > max_bytes / 2 {
            return;
        }
        while self.bytes < max_bytes
            && let Some((record, place)) = spill.next()
        {
            self.bytes += record.bytes();
            self.records.push_back(Item { record: Arc::new(record), origin: Origin::Disk(place) });
        }
    }

    /// Puts a record on disk, behind all others. What is in memory goes there first, because it comes before it: then a position in a log never has to
    /// point between the two. False if there is no room.
    fn put_on_disk(&mut self, record: &Record) -> bool {
        self.keep_rest(false) && self.spill.as_mut().is_some_and(|spill| spill.append(record, false).is_some())
    }

    /// Puts on disk what is only in memory. False if not all of it has room.
    fn keep_rest(&mut self, anyway: bool) -> bool {
        let Some(spill) = &mut self.spill else { return false };
        // While there are records on disk that were not read, all in memory are from there.
        let mut only_here = self.records.iter_mut().filter(|item| item.place().is_none()).peekable();
        if only_here.peek().is_none() {
            return true;
        }
        let is_whole = only_here.all(|item| {
            let place = spill.append(&item.record, anyway);
            place.map(|place| item.origin = Origin::Disk(place)).is_some()
        });
        spill.skip();
        is_whole
    }

    /// Tells the disk what has arrived, once records were taken out.
    fn tell_disk(&mut self) {
        if let Some(spill) = &mut self.spill {
            let first = self.records.iter().find_map(Item::place);
            spill.settle(first);
        }
    }
}

/// The queue.
#[derive(Debug)]
pub struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
    max_bytes: usize,
}

impl Queue {
    /// One that holds this many bytes, and has more on disk if there is a place for it.
    pub fn new(max_bytes: usize, spill: Option<Spill>) -> Self {
        let inner = Inner { spill, ..Inner::default() };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), max_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a record of that number if there is room. False if there was none within that time.
    pub fn push(&self, number: u64, record: &Arc<Record>, at_most: Duration) -> bool {
        let end = Instant::now() + at_most;
        let bytes = record.bytes();
        let mut inner = self.lock();
        loop {
            // One that is longer than all of the queue has it for itself.
            let fits = inner.records.is_empty() || inner.bytes + bytes <= self.max_bytes || inner.is_broken;
            if fits && !inner.has_spilled() {
                break;
            }
            if inner.put_on_disk(record) {
                self.changed.notify_all();
                return true;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.bytes += bytes;
        inner.records.push_back(Item { record: Arc::clone(record), origin: Origin::Log(number) });
        self.changed.notify_all();
        true
    }

    /// The next records that were not sent, which count as sent from now on: none if none came within that time.
    pub fn next(&self, count: usize, max_bytes: usize, at_most: Duration) -> Vec<Arc<Record>> {
        let end = Instant::now() + at_most;
        let mut inner = self.lock();
        inner.refill(self.max_bytes);
        while inner.sent == inner.records.len() && inner.closing.is_none() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
            inner.refill(self.max_bytes);
        }
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for Item { record, .. } in inner.records.iter().skip(inner.sent).take(count) {
            bytes += record.bytes();
            if !batch.is_empty() && bytes > max_bytes {
                break;
            }
            batch.push(Arc::clone(record));
        }
        inner.sent += batch.len();
        batch
    }

    /// What was sent and is not known to have arrived has to be sent again.
    pub fn rewind(&self) {
        let mut inner = self.lock();
        inner.sent = 0;
        inner.tally.failures += 1;
    }

    /// The first ones have arrived; or have not and never will, for this cause.
    pub fn settle(&self, count: usize, lost: Option<&str>) {
        let mut inner = self.lock();
        let count = count.min(inner.records.len());
        let bytes: usize = inner.records.drain(..count).map(|item| item.record.bytes()).sum();
        inner.bytes -= bytes;
        inner.sent = inner.sent.saturating_sub(count);
        inner.tell_disk();
        if let Some((end, patience)) = &mut inner.closing
            && count > 0
        {
            *end = Instant::now() + *patience;
        }
        match lost {
            Some(cause) => inner.tally.lose(cause, count as u64),
            None => inner.tally.delivered += count as u64,
        }
        self.changed.notify_all();
    }

    /// What became of each of the first ones, which are sent again if they have to be.
    pub fn settle_each(&self, fates: &[Fate]) {
        let mut inner = self.lock();
        let count = fates.len().min(inner.records.len());
        let first: Vec<_> = inner.records.drain(..count).collect();
        let (before, mut left) = (inner.records.len(), Vec::new());
        for (fate, item) in fates.iter().zip(first) {
            match fate {
                Fate::Later => {
                    left.push(item);
                    continue;
                }
                Fate::Taken => inner.tally.delivered += 1,
                Fate::Lost(cause) => inner.tally.lose(cause, 1),
            }
            inner.bytes -= item.record.bytes();
        }
        left.into_iter().rev().for_each(|item| inner.records.push_front(item));
        inner.sent = 0;
        inner.tell_disk();
        let is_some = inner.records.len() < before + count;
        if let Some((end, patience)) = inner.closing.as_mut().filter(|_| is_some) {
            *end = Instant::now() + *patience;
        }
        self.changed.notify_all();
    }

    /// A record that never came here was lost.
    pub fn lose(&self, cause: &str) {
        self.lock().tally.lose(cause, 1);
    }

    /// The number of the first record that is neither on disk nor has come to its end; `None` if there is none.
    pub fn first(&self) -> Option<u64> {
        self.lock().records.iter().find_map(|item| match item.origin {
            Origin::Log(number) => Some(number),
            Origin::Disk(_) => None,
        })
    }

    /// How many have come to their end, in whatever way.
    pub fn ended(&self) -> u64 {
        let inner = self.lock();
        inner.tally.delivered + inner.tally.lost()
    }

    /// Makes sure that what is on disk stays there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn sync(&self) -> io::Result<()> {
        self.lock().spill.as_mut().map_or(Ok(()), Spill::sync)
    }

    /// No more will come, and what is there is tried for so long after the last success.
    pub fn close(&self, patience: Duration) {
        self.lock().closing.get_or_insert((Instant::now() + patience, patience));
        self.changed.notify_all();
    }

    /// Nobody takes what is sent.
    pub fn break_off(&self) {
        self.lock().is_broken = true;
        self.changed.notify_all();
    }

    /// Whether nobody does.
    pub fn is_broken(&self) -> bool {
        self.lock().is_broken
    }

    /// Whether there is nothing more to do: everything was settled, or the time for that is over.
    pub fn is_over(&self) -> bool {
        let inner = self.lock();
        inner.is_broken
            || inner
                .closing
                .is_some_and(|(end, _)| inner.records.is_empty() && !inner.has_spilled() || Instant::now() >= end)
    }

    /// Whether no more will come.
    pub fn is_closing(&self) -> bool {
        self.lock().closing.is_some()
    }

    /// Waits, but not longer than there is time.
    pub fn pause(&self, at_most: Duration) {
        let end = Instant::now() + at_most;
        while Instant::now() < end && !self.is_over() {
            std::thread::sleep(Duration::from_millis(20).min(at_most));
        }
    }

    /// Nothing is sent any more: what is only in memory goes to disk if there is a place for it.
    pub fn keep_rest(&self) {
        self.lock().keep_rest(true);
    }

    /// What became of everything. What is only in memory was lost for that cause.
    pub fn end(&self, cause: &str) -> Tally {
        let mut inner = self.lock();
        let Inner { records, spill, tally, is_broken, .. } = &mut *inner;
        let left = records.drain(..).filter(|item| item.place().is_none()).count();
        // What nobody wants is not lost.
        if !*is_broken {
            tally.lose(cause, left as u64);
        }
        if let Some(spill) = spill {
            if let Err(error) = spill.sync() {
                note(&format!("warning: cannot keep lines in '{}': {error}", spill.folder().shown()));
            }
            tally.kept = Some((spill.unarrived(), spill.folder().to_owned())).filter(|(bytes, _)| *bytes > 0);
        }
        tally.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{Line, Stream};

    fn record(text: &str) -> Arc<Record> {
        let line = Line { time_ns: 1, stream: Stream::Out, text: text.into(), is_cut: false };
        Arc::new(Record { writer: Arc::default(), entry: Entry::Line(line), read_ns: 2 })
    }

    fn texts(batch: &[Arc<Record>]) -> Vec<String> {
        batch.iter().map(|record| String::from_utf8_lossy(record.text()).into_owned()).collect()
    }

    #[test]
    fn what_has_not_arrived_is_sent_again_in_order() {
        let queue = Queue::new(1 << 20, None);
        for (number, text) in ["a", "b", "c"].into_iter().enumerate() {
            assert!(queue.push(number as u64, &record(text), Duration::ZERO));
        }
        assert_eq!(texts(&queue.next(2, 1 << 20, Duration::ZERO)), ["a", "b"]);
        assert_eq!(texts(&queue.next(2, 1 << 20, Duration::ZERO)), ["c"]);
        assert!(queue.next(2, 1 << 20, Duration::ZERO).is_empty());
        queue.settle(1, None);
        queue.rewind();
        assert_eq!(texts(&queue.next(9, 1 << 20, Duration::ZERO)), ["b", "c"]);
        queue.settle(1, Some("refused"));
        assert_eq!(queue.first(), Some(2));
        let tally = queue.end("not sent");
        assert_eq!((tally.delivered, tally.lost(), tally.failures), (1, 2, 1));
        assert_eq!(tally.lost.into_iter().collect::<Vec<_>>(), [("not sent".into(), 1), ("refused".into(), 1)]);
    }

    #[test]
    fn each_record_of_a_batch_has_a_fate_of_its_own() {
        let queue = Queue::new(1 << 20, None);
        for (number, text) in ["a", "b", "c", "d"].into_iter().enumerate() {
            assert!(queue.push(number as u64, &record(text), Duration::ZERO));
        }
        assert_eq!(queue.next(3, 1 << 20, Duration::ZERO).len(), 3);
        queue.settle_each(&[Fate::Taken, Fate::Later, Fate::Lost("bad".into())]);
        assert_eq!(queue.first(), Some(1));
        assert_eq!(texts(&queue.next(9, 1 << 20, Duration::ZERO)), ["b", "d"]);
        queue.settle(2, None);
        assert_eq!(queue.lock().bytes, 0);
        let tally = queue.end("not sent");
        assert_eq!((tally.delivered, tally.lost["bad"]), (3, 1));
    }

    #[test]
    fn what_has_no_room_waits_on_disk_in_order() {
        let root = std::env::temp_dir().join(format!("tracer-queue-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&root);
        let open = || Some(Spill::open(&root, "target", 1 << 20).unwrap());
        let take = |queue: &Queue, count: usize| texts(&queue.next(count, 1 << 20, Duration::ZERO));
        // Room for three.
        let max_bytes = 3 * (OVERHEAD + 2);
        let queue = Queue::new(max_bytes, open());
        for number in 0..3 {
            assert!(queue.push(number, &record(&format!("{number:02}")), Duration::ZERO));
        }
        assert_eq!(queue.first(), Some(0));
        for number in 3..20 {
            assert!(queue.push(number, &record(&format!("{number:02}")), Duration::ZERO));
        }
        // What is in memory went to disk before the others.
        assert_eq!((queue.first(), queue.lock().records.len()), (None, 3));
        assert_eq!(take(&queue, 2), ["00", "01"]);
        queue.settle(2, None);
        assert_eq!(take(&queue, 9), ["02", "03", "04"]);
        queue.settle_each(&[Fate::Taken, Fate::Later, Fate::Taken]);
        assert_eq!(take(&queue, 1), ["03"]);
        queue.rewind();
        queue.keep_rest();
        let tally = queue.end("not sent");
        assert_eq!((tally.delivered, tally.lost()), (4, 0));
        assert!(tally.kept.is_some());
        drop(queue);
        // Another run begins with what has not arrived, and new ones wait behind it.
        let queue = Queue::new(max_bytes, open());
        assert!(queue.push(0, &record("20"), Duration::ZERO));
        let mut all = Vec::new();
        while let batch = take(&queue, 2)
            && !batch.is_empty()
        {
            queue.settle(batch.len(), None);
            all.extend(batch);
        }
        // One that had arrived, but after one that had not, comes again.
        assert_eq!(all, (3..=20).map(|number| format!("{number:02}")).collect::<Vec<_>>());
        for number in 0..2 {
            assert!(queue.push(number, &record(&number.to_string()), Duration::ZERO));
        }
        // What is only in memory at the end is kept as well, or lost.
        assert_eq!((queue.first(), queue.lock().spill.as_ref().unwrap().unarrived()), (Some(0), 0));
        queue.keep_rest();
        assert_eq!(queue.first(), None);
        assert!(queue.end("not sent").kept.is_some());
        drop(queue);
        let queue = Queue::new(1 << 20, open());
        assert_eq!(take(&queue, 9), ["0", "1"]);
        queue.settle(2, None);
        assert!(queue.push(5, &record("new"), Duration::ZERO));
        let tally = queue.end("not sent");
        assert_eq!((tally.kept, tally.lost["not sent"]), (None, 1));
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn causes_of_loss_have_a_limit() {
        let mut tally = Tally::default();
        (0..100).for_each(|number| tally.lose(&number.to_string(), 2));
        assert_eq!((tally.lost.len(), tally.lost[OTHER], tally.lost()), (MAX_CAUSES + 1, 160, 200));
    }

    #[test]
    fn it_is_bounded_in_bytes() {
        let queue = Queue::new(2 * OVERHEAD + 10, None);
        assert!(queue.push(9, &record("12345"), Duration::ZERO) && queue.push(9, &record("12345"), Duration::ZERO));
        assert!(!queue.push(9, &record("x"), Duration::from_millis(5)));
        assert_eq!(queue.next(9, OVERHEAD + 5, Duration::ZERO).len(), 1, "a batch is bounded, too");
        queue.settle(1, None);
        assert!(queue.push(9, &record("x"), Duration::ZERO));
        let small = Queue::new(1, None);
        assert!(small.push(9, &record(&"long".repeat(100)), Duration::ZERO), "a long one has it for itself");
    }
}
