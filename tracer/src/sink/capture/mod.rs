//! The capture file: what was seen, for other times and other machines.
//!
//! A file begins with the state as blocks ([`tables`]), then come events in the order of their time. An event in a container
//! whose name is still asked for waits, and with it all behind it ([`queue`]), so that the container is told before its first
//! event. [`disk`] writes on a thread of its own, [`rotate`] says when another file begins.

mod along;
mod disk;
mod encode;
mod known;
mod queue;
mod rotate;
mod tables;

use std::{
    fs::File,
    path::PathBuf,
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;
use tracer_common::events::{Effect, code, meta};

pub use disk::{Compression, DiskError};
pub use rotate::Limits;

use self::{
    along::Along,
    disk::Disk,
    encode::Encoder,
    known::Known,
    queue::{Piece, Queue},
    rotate::Rotation,
};
use super::hold::Held;
use crate::{
    event::{
        Event, Row, is_internal, is_never_shown,
        portable::{Redact, Schema},
    },
    fields::{Context, Needs, Times},
    filter::Filter,
    sample::Sample,
    scap::Writer,
    state::{
        ContainerKey, State, Thread,
        container::{Lookup, told},
        facts::Facts,
    },
};

/// A chunk that goes to the disk has about this length.
const CHUNK: usize = 1 << 20;
/// What was seen is on its way to the disk after so long: a capture that is killed has all but the last second.
const FLUSH: Duration = Duration::from_millis(250);

/// What is written, and where.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The file; `-` is standard output.
    pub file: PathBuf,
    /// Files that are read meanwhile, and must not be written.
    pub read: Vec<PathBuf>,
    /// When another one begins.
    pub limits: Limits,
    /// How it is compressed.
    pub compression: Compression,
    /// Which parameters events have.
    pub schema: Schema,
    /// What is left out.
    pub redact: Redact,
    /// Whether events that the filter does not want are there for what they change.
    pub fat: bool,
    /// Whether threads that the filter does not want are left out of the tables.
    pub filter_threads: bool,
    /// Whether CPU times are written.
    pub cpu: bool,
    /// Whether latencies are written.
    pub latency: bool,
    /// Whether files of other users are written over, too.
    pub force: bool,
}

/// A capture that is being written.
pub struct Capture {
    options: Options,
    rotation: Rotation,
    disk: Option<Disk>,
    queue: Queue,
    encoder: Encoder,
    /// Containers that the file tells of, or that have nothing to tell, and what was told.
    told: FxHashMap<ContainerKey, Vec<u8>>,
    /// How many changes of users and groups the file tells of.
    told_users: usize,
    /// The state of the containers when they were looked at last.
    generation: u64,
    /// What a reader of the file knows, where it gets all events.
    known: Known,
    /// What a reader of the file knows, where it gets only a part of the events.
    along: Option<Along>,
    /// How many events are looked at, when the others are left out.
    sample: Option<Sample>,
    /// What the capture that is read told and is not written yet, and how often it told something.
    carried: Facts,
    carried_count: u64,
    /// Where in the state the current file began: another section of a capture that is read is another one here.
    section: u64,
    /// Bytes of the current file, uncompressed.
    bytes: u64,
    events: u64,
    flushed: Instant,
}

impl std::fmt::Debug for Capture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capture").field("options", &self.options).field("events", &self.events).finish_non_exhaustive()
    }
}

/// Whether an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Yes,
    No,
    /// Only for what it changes.
    State,
    /// Nobody knows until its container is known.
    Open,
}

/// Where something is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind all that is there, also behind what waits.
    Behind,
    /// In front of what waits: it has waited itself.
    Front,
}

impl Capture {
    /// A capture whose file is not there yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let encoder = Encoder::new(options.schema, options.redact, options.latency);
        Self {
            rotation: Rotation::new(&options.file, options.limits),
            options,
            disk: None,
            queue: Queue::default(),
            encoder,
            told: FxHashMap::default(),
            told_users: 0,
            generation: 0,
            known: Known::default(),
            along: None,
            sample: None,
            carried: Facts::default(),
            carried_count: 0,
            section: u64::MAX,
            bytes: 0,
            events: 0,
            flushed: Instant::now(),
        }
    }

    /// Makes the first file. `now_ns` is the time that its name may have. Returns it when it is none that keeps what is written,
    /// such as a pipe.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn open(&mut self, now_ns: u64) -> anyhow::Result<Option<File>> {
        let path = self.rotation.first(now_ns);
        let (disk, target) = Disk::start(&path, self.options.compression, &self.options.read, self.options.force)?;
        self.disk = Some(disk);
        Ok(target)
    }

    /// The folder in which files are made after the first one.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        self.options.limits.rotates().then(|| rotate::folder(&self.options.file))
    }

    /// Says that events are left out by chance, as if a filter did not want them.
    pub fn sample(&mut self, sample: Sample) {
        self.sample = Some(sample);
    }

    /// What has to be collected for it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let all = Needs::PAYLOAD.with(Needs::CONTAINER).with(Needs::STATE).with(Needs::BYTES);
        let all = if self.options.cpu { all.with(Needs::CPU_TIME) } else { all };
        if self.options.latency { all.with(Needs::LATENCY) } else { all }
    }

    /// Whether events of a row are written although no filter wants them.
    #[must_use]
    pub fn wants_anyway(&self, row: &Row) -> bool {
        match row.code {
            code::PROCINFO => self.options.cpu,
            _ => is_internal(row) || self.options.fat && row.effect != Effect::None,
        }
    }

    /// How many events were written.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How many bytes are on the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.disk.as_ref().map_or(0, Disk::bytes)
    }

    /// Takes an event; one with the weight 0 was left out by chance. Returns whether the filter wants it, as far as that is
    /// known already.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn event(&mut self, context: &Context<'_>, filter: Option<&Filter>) -> anyhow::Result<bool> {
        let event = context.event;
        if event.from_file {
            self.carry(context.state);
        }
        if is_own_facts(event) {
            return Ok(false);
        }
        let wanted = self.wanted(context, filter);
        if wanted == Wanted::No {
            if event.row.effect == Effect::ProcExit
                && let Some(along) = &mut self.along
                && along.ends(event)
            {
                // The file does not have the end itself, and lists must not show the thread as alive.
                self.encoder.ends(event.tid, event.time_ns);
            }
            return Ok(false);
        }
        self.begin(context, filter);
        // What is told of an event depends on those in front of it.
        if wanted == Wanted::Open || self.queue.holds() {
            // What is told behind the next event must not come behind this one.
            let out = self.queue.writer();
            self.encoder.tell(out, event.time_ns);
            self.queue.push(Piece::Held(Box::new(Held::new(context)), Instant::now()));
            return Ok(wanted == Wanted::Yes && !is_internal(event.row) && !event.hidden);
        }
        self.put(Place::Behind, context, wanted == Wanted::State);
        if self.queue.chunk.len() >= CHUNK {
            self.flush()?;
        }
        Ok(wanted == Wanted::Yes && !is_internal(event.row) && !event.hidden)
    }

    fn wanted(&self, context: &Context<'_>, filter: Option<&Filter>) -> Wanted {
        let event = context.event;
        if is_internal(event.row) {
            return if event.row.code != code::PROCINFO || self.options.cpu { Wanted::Yes } else { Wanted::No };
        }
        let no = if self.options.fat && event.row.effect != Effect::None { Wanted::State } else { Wanted::No };
        if event.weight == 0 {
            return no;
        }
        let yes = if Self::is_state_only(event) { Wanted::State } else { Wanted::Yes };
        let Some(filter) = filter else { return yes };
        let container = context.state.containers.get(context.container);
        let waits = container.lookup == Lookup::Pending && filter.needs().has(Needs::CONTAINER_NOW);
        let matches = |side: &Context<'_>| {
            if waits { filter.decide_without_container(side) } else { Some(filter.matches(side)) }
        };
        // One descriptor that passes is enough.
        if context.any_side(|side| matches(side) == Some(true)) {
            yes
        } else if waits && context.any_side(|side| matches(side).is_none()) {
            Wanted::Open
        } else {
            no
        }
    }

    /// Whether an event was there for what it changes only, in the file that it comes from.
    fn is_state_only(event: &Event<'_>) -> bool {
        event.from_file && event.hidden && !is_never_shown(event.row)
    }

    /// Tables in front of the first event, in front of one for which another file begins, and in front of the first one of another
    /// capture that is read.
    fn begin(&mut self, context: &Context<'_>, filter: Option<&Filter>) {
        let (event, state) = (context.event, context.state);
        if self.section != state.section {
            // A capture that is read tells of its containers itself.
            self.tables(event, state, filter, !event.from_file);
        }
        if !self.options.limits.rotates() {
            return;
        }
        let compressed = self.options.compression != Compression::None;
        let bytes = if compressed { self.disk.as_ref().map_or(0, Disk::file_bytes) } else { self.bytes };
        if let Some((path, gone)) = self.rotation.event(event.time_ns, bytes) {
            let out = self.queue.writer();
            self.encoder.end(out, event.time_ns);
            self.queue.push(Piece::Open(path, gone));
            self.bytes = 0;
            self.tables(event, state, filter, true);
        }
    }

    fn tables(&mut self, event: &Event<'_>, state: &State, filter: Option<&Filter>, containers: bool) {
        self.section = state.section;
        self.told_users = state.users.changes().len();
        let keep = |thread: &Thread| filter.is_none_or(|filter| may_match(filter, state, thread));
        let keep: Option<&dyn Fn(&Thread) -> bool> = if self.options.filter_threads { Some(&keep) } else { None };
        let out = self.queue.writer();
        let before = out.len();
        let mut facts = tables::write(out, state, self.options.redact, keep);
        facts.live = !event.from_file || state.was_live;
        facts.cpu_times = self.options.cpu && (!event.from_file || state.cpu_times);
        let read = state.sample.filter(|_| event.from_file);
        facts.sample = Sample::both(self.sample, read).map(Sample::one_in);
        self.bytes += (out.len() - before) as u64;
        self.along = (filter.is_some() || self.sample.is_some()).then(|| Along::new(&out.bytes()[before..], &facts));
        self.encoder.begin(facts);
        self.known = Known::new(state);
        self.carried = Facts::default();
        self.told.clear();
        if containers {
            let all: Vec<ContainerKey> = state.containers.all().map(|(key, _)| key).collect();
            for key in all.into_iter().filter(|key| !state.containers.pending(*key)) {
                self.tell(Place::Behind, state, key, event.time_ns);
            }
        }
        self.generation = state.containers.generation();
    }

    /// Writes what is known of a container, if the file does not say it yet.
    fn tell(&mut self, place: Place, state: &State, key: ContainerKey, time_ns: u64) {
        let json = known(state, key);
        if key == ContainerKey::HOST || self.told.get(&key) == Some(&json) {
            return;
        }
        if !json.is_empty() {
            self.write(place, |_, out| encode::container(out, &json, time_ns));
        }
        self.told.insert(key, json);
    }

    /// Writes an event, and what is told of its container in front of it.
    fn put(&mut self, place: Place, context: &Context<'_>, state_only: bool) {
        let (event, state, key) = (context.event, context.state, context.container);
        if key != ContainerKey::HOST && !event.from_file && !self.told.contains_key(&key) {
            if place == Place::Behind && state.containers.pending(key) {
                self.told.insert(key, Vec::new());
                self.queue.push(Piece::Container(key, event.time_ns, Instant::now()));
            } else {
                self.tell(place, state, key, event.time_ns);
            }
        }
        let changes = state.users.changes();
        for change in &changes[self.told_users.min(changes.len())..] {
            self.write(place, |_, out| encode::user_or_group(out, &state.users, *change, event.time_ns));
        }
        self.told_users = changes.len();
        let mut facts = self.facts(context);
        if let Some(thread) = context.thread.filter(|thread| event.row.effect == Effect::Exec && thread.is_cut()) {
            let cut = (thread.tid, thread.args_cut, thread.env_cut);
            facts.get_or_insert_default().cut.push(cut);
        }
        self.write(place, |encoder, out| encoder.event(out, event, state, facts, state_only));
        self.events += u64::from(!state_only && !is_internal(event.row));
        if let Some(along) = &mut self.along {
            along.after(event);
        }
    }

    /// Writes blocks, whose bytes are counted.
    fn write(&mut self, place: Place, blocks: impl FnOnce(&mut Encoder, &mut Writer)) {
        let out = match place {
            Place::Behind => self.queue.writer(),
            Place::Front => &mut self.queue.chunk,
        };
        let before = out.len();
        blocks(&mut self.encoder, out);
        self.bytes += (out.len() - before) as u64;
    }

    /// What has to be told with an event.
    fn facts(&mut self, context: &Context<'_>) -> Option<Facts> {
        match &mut self.along {
            Some(along) => Some(along.event(context)).filter(|facts| !facts.is_empty()),
            None if context.event.from_file && self.carried.is_empty() => None,
            None if context.event.from_file => Some(std::mem::take(&mut self.carried)),
            None => self.known.event(context),
        }
    }

    /// Takes over what the capture that is read tells behind an event. In front of the first event, the tables say it.
    fn carry(&mut self, state: &State) {
        let (count, facts) = &state.told;
        if self.carried_count != *count {
            self.carried_count = *count;
            if self.section == state.section && self.along.is_none() {
                self.carried.extend(Facts::clone(facts));
            }
        }
    }

    /// To be called at least every 100 ms: sends what has waited long enough.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn idle(&mut self, state: &State, filter: Option<&Filter>) -> anyhow::Result<()> {
        if let Some(disk) = &self.disk {
            disk.check()?;
        }
        self.settle(state, filter, false)?;
        if self.flushed.elapsed() >= FLUSH {
            self.tell_changes(state);
            self.flush()?;
        }
        Ok(())
    }

    /// Containers whose description came late, or changed.
    fn tell_changes(&mut self, state: &State) {
        let generation = state.containers.generation();
        if self.section == u64::MAX || generation == std::mem::replace(&mut self.generation, generation) {
            return;
        }
        let mut keys: Vec<ContainerKey> = self.told.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            if !state.containers.pending(key) && !self.queue.waits_for(key) {
                self.tell(Place::Behind, state, key, self.encoder.last_ns());
            }
        }
    }

    /// Writes what waited for a container and waits no more; `all`: nothing waits any more.
    fn settle(&mut self, state: &State, filter: Option<&Filter>, all: bool) -> anyhow::Result<()> {
        while let Some(piece) = self.queue.next(state, all) {
            match piece {
                Piece::Blocks(writer) => self.queue.chunk.append(&writer),
                Piece::Container(key, time_ns, _) => self.tell(Place::Front, state, key, time_ns),
                Piece::Held(held, _) => self.settle_event(state, filter, &held),
                Piece::Open(path, gone) => {
                    self.flush()?;
                    if let Some(disk) = &mut self.disk {
                        disk.open(path, gone)?;
                    }
                }
            }
            if self.queue.chunk.len() >= CHUNK {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// An event whose container is known now, or will not be.
    fn settle_event(&mut self, state: &State, filter: Option<&Filter>, held: &Held) {
        held.with(state, |context| {
            let wanted = match self.wanted(context, filter) {
                // It waited long enough.
                Wanted::Open if filter.is_none_or(|filter| filter.matches(context)) => Wanted::Yes,
                Wanted::Open if self.options.fat && context.event.row.effect != Effect::None => Wanted::State,
                Wanted::Open => Wanted::No,
                wanted => wanted,
            };
            if wanted != Wanted::No {
                self.put(Place::Front, context, wanted == Wanted::State);
            }
        });
    }

    /// Sends what can go to the disk.
    fn flush(&mut self) -> anyhow::Result<()> {
        self.flushed = Instant::now();
        let Some(disk) = self.disk.as_mut().filter(|_| !self.queue.chunk.is_empty()) else { return Ok(()) };
        let chunk = self.queue.chunk.replace(Vec::new());
        let memory = disk.write(chunk)?;
        let _ = self.queue.chunk.replace(memory);
        Ok(())
    }

    /// To be called once, after the last event: what waits is written as it is, and the files are whole.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn end(&mut self, state: &State, filter: Option<&Filter>, now_ns: u64) -> anyhow::Result<()> {
        if self.disk.is_none() {
            return Ok(());
        }
        self.settle(state, filter, true)?;
        self.tell_changes(state);
        if self.section == u64::MAX {
            let nobody = Event { time_ns: now_ns, ..nobody(0) };
            self.tables(&nobody, state, filter, true);
        }
        let last_ns = self.encoder.last_ns();
        self.encoder.end(&mut self.queue.chunk, if last_ns == 0 { now_ns } else { last_ns });
        self.flush()?;
        self.disk.as_mut().map_or(Ok(()), Disk::finish)?;
        Ok(())
    }
}

/// What is known of a container, as the event that tells it; nothing when that is no more than its cgroup says.
fn known(state: &State, key: ContainerKey) -> Vec<u8> {
    let container = state.containers.get(key);
    let is_more = container.name.is_some() || container.lookup == Lookup::Known || !container.owner.is_machine();
    if is_more { told::json(container, state.containers.parent(key)) } else { Vec::new() }
}

/// Whether an event only tells facts, which are told anew.
fn is_own_facts(event: &Event<'_>) -> bool {
    event.from_file && event.row.code == code::PROCINFO && event.tid == 0
}

/// Whether events of a thread can be wanted.
fn may_match(filter: &Filter, state: &State, thread: &Thread) -> bool {
    let Some(known) = state.thread(thread.tid) else { return true };
    let event = nobody(thread.tid);
    filter.may_match_thread(&Context {
        event: &event,
        thread: Some(known),
        fd: None,
        fd_out: None,
        container: thread.container,
        state,
        times: Times::default(),
    })
}

/// An event that says nothing, of a thread.
fn nobody(tid: u32) -> Event<'static> {
    Event { tid, tgid: tid, ..Event::empty(&meta::PROCINFO) }
}
