//! The tracer's kernel side, and the events of a workload.

use std::{
    cell::RefCell,
    collections::HashMap,
    ops::ControlFlow,
    sync::{
        Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tracer::{
    event::{Event, OwnedEvent, Row, SockTuple, decode},
    source::{
        Drained, Losses, Record, Source as _,
        live::{BATCH, Live, Options, WINDOW_NS, monotonic_ns, plan::Wanted},
    },
};
use tracer_common::events::{Effect, code};

use crate::{
    check::{Is, differences},
    workload::Workload,
};

/// How long a workload and the way of its events may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// The size of each ring when all together have `total_bytes`, for tests in which nothing may be lost.
#[must_use]
pub fn ring_bytes(total_bytes: usize) -> usize {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (total_bytes / cpus).max(1 << 20)
}

/// A kernel side that wants every row, drained by a thread of its own.
pub struct Tracer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    inner: Mutex<Inner>,
    news: Condvar,
    stop: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// Why there is none; `None` while it starts.
    started: Option<Result<(), String>>,
    /// Processes that are followed, and the workload that they belong to.
    followed: HashMap<u32, u32>,
    /// Events of each workload.
    events: HashMap<u32, Vec<OwnedEvent>>,
    losses: Losses,
    /// All that was recorded before this time was taken.
    taken_to_ns: u64,
}

impl Inner {
    fn take(&mut self, record: &[u8]) {
        // The time stays that of the monotonic clock.
        let Ok(event) = decode::live(record, 0, 0) else { return };
        let workload = self.followed.get(&event.tgid).copied().or_else(|| {
            let parent = if event.row.effect == Effect::Clone { event.row.param("ptid")? } else { return None };
            let parent = u32::try_from(event.params.i64(parent.0)?).ok()?;
            self.followed.get(&parent).copied()
        });
        if let Some(workload) = workload {
            self.followed.insert(event.tgid, workload);
            self.events.entry(workload).or_default().push(event.to_owned());
        }
    }

    fn is_over(&self, pid: u32) -> bool {
        let mut events = self.events.get(&pid).into_iter().flatten().rev().map(OwnedEvent::as_event);
        events.any(|event| event.row.code == code::PROCEXIT && event.tid == pid)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `is_so`; false when it takes too long.
    fn wait_for(&self, is_so: impl Fn(&Inner) -> bool) -> (MutexGuard<'_, Inner>, bool) {
        let end = Instant::now() + DEADLINE;
        let mut inner = self.lock();
        while !is_so(&inner) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return (inner, false);
            }
            inner = self.news.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        (inner, true)
    }

    fn run(&self, options: &Options) {
        let live = Live::start(options, &Wanted::with_names(&|_, _| true));
        let mut live = match live {
            Ok(live) => live,
            Err(error) => {
                self.lock().started = Some(Err(error.to_string()));
                self.news.notify_all();
                return;
            }
        };
        self.lock().started = Some(Ok(()));
        self.news.notify_all();
        while !self.stop.load(Ordering::Relaxed) {
            let mut inner = self.lock();
            let limit_ns = monotonic_ns().saturating_sub(WINDOW_NS);
            let drained = live.drain(&mut |record| {
                if let Record::Wire(bytes) = record {
                    inner.take(bytes);
                }
                ControlFlow::Continue(())
            });
            inner.losses = live.losses();
            if matches!(drained, Ok(Drained::Records(count)) if count < BATCH) {
                inner.taken_to_ns = limit_ns;
            }
            drop(inner);
            self.news.notify_all();
            if let Ok(Drained::Records(count)) = drained {
                live.wait(count, Duration::from_millis(20));
            }
        }
    }
}

static SHARED: LazyLock<Tracer> = LazyLock::new(|| Tracer::start(80));

impl Tracer {
    /// One for all tests, with the default snaplen of 80 bytes: starting takes a second.
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// One with its own snaplen.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn start(snaplen: u32) -> Self {
        Self::with(&Options { snaplen, containers: true, latency: true, entry_args: true, ..Options::default() })
    }

    /// One with its own options.
    ///
    /// # Panics
    /// If the kernel refuses.
    #[must_use]
    pub fn with(options: &Options) -> Self {
        let options = options.clone();
        let shared = Arc::new(Shared { inner: Mutex::default(), news: Condvar::new(), stop: AtomicBool::new(false) });
        let drained = Arc::clone(&shared);
        let thread = std::thread::spawn(move || drained.run(&options));
        let (inner, _) = shared.wait_for(|inner| inner.started.is_some());
        let started = inner.started.clone();
        drop(inner);
        started.expect("the tracer starts in time").expect("the tracer starts");
        Self { shared, thread: Some(thread) }
    }

    /// Runs a workload in a process of its own; its events from its first call to its end, with those of its children.
    ///
    /// # Panics
    /// If the workload fails or its end is not seen in time.
    pub fn run<const N: usize>(&self, calls: impl FnOnce() -> [i64; N]) -> Run<N> {
        self.run_beside(calls, drop).0
    }

    /// The same, while another one looks at it, too: `beside` is called with its process id before it begins.
    ///
    /// # Panics
    /// If the workload fails or its end is not seen in time.
    pub fn run_beside<const N: usize, T>(
        &self,
        calls: impl FnOnce() -> [i64; N],
        beside: impl FnOnce(u32) -> T,
    ) -> (Run<N>, T) {
        let workload = Workload::fork(calls);
        let pid = workload.pid;
        let lost_before = {
            let mut inner = self.shared.lock();
            inner.followed.insert(pid, pid);
            inner.losses.total()
        };
        let other = beside(pid);
        workload.start();
        let (began_ns, said) = workload.end();
        // A thread may end after the first one of its process, on another CPU.
        let ended_ns = monotonic_ns();
        let over = |inner: &Inner| inner.is_over(pid) && inner.taken_to_ns >= ended_ns;
        let (mut inner, in_time) = self.shared.wait_for(over);
        inner.followed.retain(|_, workload| *workload != pid);
        let mut events = inner.events.remove(&pid).unwrap_or_default();
        let lost = inner.losses.total() - lost_before;
        drop(inner);
        assert!(in_time, "the end of the workload is not seen in time; {} events, {lost} lost", events.len());
        events.retain(|event| event.as_event().time_ns >= began_ns);
        (Run { said, pid, lost, events, next: RefCell::default() }, other)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a workload did, and what was seen of it.
pub struct Run<const N: usize> {
    /// What it returned.
    pub said: [i64; N],
    /// Its process id.
    pub pid: u32,
    lost: u64,
    events: Vec<OwnedEvent>,
    /// By thread and row: how many events were checked.
    next: RefCell<HashMap<(u32, u16), usize>>,
}

impl<const N: usize> Run<N> {
    /// Records that were lost meanwhile.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The events of one thread.
    #[must_use]
    pub fn by(&self, tid: i64) -> Thread<'_> {
        Thread { tid: tid as u32, lost: self.lost, events: &self.events, next: &self.next }
    }

    /// The events of the workload's first thread.
    #[must_use]
    pub fn own(&self) -> Thread<'_> {
        self.by(self.pid.into())
    }

    /// Compares the next event of `row` of the first thread. Use [`check!`](crate::check).
    pub fn check(&self, row: &'static Row, expected: &[(&str, Is)]) -> Event<'_> {
        self.own().check(row, expected)
    }

    /// All events in the order of their time.
    pub fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.events.iter().map(OwnedEvent::as_event)
    }
}

/// The events of one thread of a workload.
#[derive(Clone, Copy)]
pub struct Thread<'a> {
    tid: u32,
    lost: u64,
    events: &'a [OwnedEvent],
    next: &'a RefCell<HashMap<(u32, u16), usize>>,
}

impl<'a> Thread<'a> {
    /// The events of one row. Calls for the time are left out: a library makes them where the machine cannot do without.
    pub fn all(self, row: &'static Row) -> impl Iterator<Item = Event<'a>> {
        let events = self.events.iter().map(OwnedEvent::as_event);
        let row = events.filter(move |event| event.tid == self.tid && event.row.code == row.code);
        row.filter(|event| event.name() != "clock_gettime")
    }

    /// The next event of a row: each call gives one more.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[track_caller]
    pub fn next(self, row: &'static Row) -> Event<'a> {
        let mut next = self.next.borrow_mut();
        let at = next.entry((self.tid, row.code)).or_default();
        let Some(event) = self.all(row).nth(*at) else {
            let seen: Vec<_> = self
                .events
                .iter()
                .map(|event| format!("{}:{}", event.as_event().tid, event.as_event().name()))
                .collect();
            panic!("event {} number {at} of {} is missing; {} lost; seen: {seen:?}", row.name, self.tid, self.lost);
        };
        *at += 1;
        event
    }

    /// Compares the next event of `row`. Use [`check!`](crate::check).
    ///
    /// # Panics
    /// If it is missing or not as expected.
    #[track_caller]
    pub fn check(self, row: &'static Row, expected: &[(&str, Is)]) -> Event<'a> {
        let event = self.next(row);
        let differences = differences(&event, expected);
        assert!(differences.is_empty(), "event {} of {} is not as expected:\n{differences}", row.name, self.tid);
        event
    }
}

/// Kernel addresses of both sockets in the tuple of a unix socket.
///
/// # Panics
/// If the event has no such tuple.
#[must_use]
pub fn unix_ends(event: &Event<'_>) -> (u64, u64) {
    match event.params.named("tuple") {
        tracer::event::ParamValue::SockTuple(SockTuple::Unix { source, dest, .. }) => (source, dest),
        other => panic!("no tuple of unix sockets: {other:?}"),
    }
}
