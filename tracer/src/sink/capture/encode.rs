//! An event, as blocks: in the form of the file, with what it has no place for behind it.

use std::sync::LazyLock;

use rustc_hash::{FxHashMap, FxHashSet};
use tracer_common::{
    arch::{SYSCALLS, Syscall},
    events::{self, OWN, code, enter, meta, old::code as old, process},
};

use crate::{
    event::{
        Event, Row, has_result_param,
        portable::{self, Redact, Schema},
    },
    scap::{EventHead, EventOut, Writer, options::own},
    state::{
        State,
        container::told,
        facts::{Facts, Text},
        procfs::TICK_NS,
        user::{Change, Users},
    },
};

/// The most threads whose CPU time is summed.
const MAX_THREADS: usize = 262_144;

/// The first portable number of a call that sysdig 0.29 does not know.
const FIRST_NEWER_CALL: u16 = 330;

/// Writes events.
#[derive(Debug)]
pub(super) struct Encoder {
    schema: Schema,
    redact: Redact,
    latency: bool,
    /// What is told behind the next event.
    facts: Facts,
    /// CPU time of threads since the file began, nanoseconds: what other readers expect in its events.
    ran: FxHashMap<u32, (u64, u64)>,
    /// Threads of which the last call that began, as far as the file says, is a `connect`.
    connects: FxHashSet<u32>,
    last_ns: u64,
    /// Whether the file has an event.
    has_event: bool,
}

impl Encoder {
    pub(super) fn new(schema: Schema, redact: Redact, latency: bool) -> Self {
        Self {
            schema,
            redact,
            latency,
            facts: Facts::default(),
            ran: FxHashMap::default(),
            connects: FxHashSet::default(),
            last_ns: 0,
            has_event: false,
        }
    }

    /// A file begins; what its tables do not say is told behind its first event.
    pub(super) fn begin(&mut self, facts: Facts) {
        self.facts = facts;
        self.ran.clear();
        self.has_event = false;
    }

    /// A thread that the file knows ended, and no event of the file says so: it is told with the next event, or at the end.
    pub(super) fn ends(&mut self, tid: u32, time_ns: u64) {
        self.facts.ended.push((tid, time_ns));
        self.last_ns = self.last_ns.max(time_ns);
    }

    /// Time of the last event, nanoseconds since the epoch.
    pub(super) fn last_ns(&self) -> u64 {
        self.last_ns
    }

    /// Leaves out of descriptions what is not to be written.
    fn redact(&self, facts: &mut Facts) {
        for fact in &mut facts.threads {
            if self.redact.args {
                fact.args = Text::default();
            }
            if self.redact.env {
                fact.env = None;
            }
        }
    }

    /// Writes an event, with `facts` behind it. `state_only`: it is there for what it changes.
    pub(super) fn event(
        &mut self,
        out: &mut Writer,
        event: &Event<'_>,
        state: &State,
        facts: Option<Facts>,
        state_only: bool,
    ) {
        if let Some(mut facts) = facts {
            self.redact(&mut facts);
            self.facts.extend(facts);
        }
        if !self.facts.is_empty() && facts_are_long(&self.facts) {
            self.tell(out, event.time_ns);
        }
        (self.has_event, self.last_ns) = (true, event.time_ns);
        if event.row.code == code::PROCINFO {
            return self.cpu(out, event, state);
        }
        let is_execve = event.row.code == process::EXECVE.code && self.schema == Schema::Released;
        let is_split = is_execve && !event.from_file;
        if is_split || is_execve && self.connects.remove(&event.tid) {
            self.execve_begins(out, event);
        } else if event.row.code == enter::CONNECT_E.code {
            if self.connects.len() >= MAX_THREADS {
                self.connects.clear();
            }
            self.connects.insert(event.tid);
        }
        let head = EventHead {
            cpu: event.cpu,
            time_ns: event.time_ns,
            tid: tid(event.tid),
            code: event.row.code,
            params: portable::count(&event.params, self.schema),
            state_only: state_only || event.done,
        };
        let mut block = if event.row.is_own() { stand_in(out, &head, event.row) } else { out.event(&head) };
        let id = self.hidden_id(event);
        let absent = match id {
            Some(_) => {
                block.param(&[0; 2]);
                portable::write(&event.params, self.redact, 1, head.params, |value| block.param(value))
            }
            None => match self.told_container(event) {
                Some((told, json)) => {
                    event.params.raws().take(head.params).enumerate().for_each(|(at, value)| {
                        block.param(if at == told { &json } else { value });
                    });
                    0
                }
                None => portable::put(&event.params, self.redact, self.schema, &mut block),
            },
        };
        if let Some(id) = id {
            block.option(own::FIRST, id);
        }
        if let Some(latency) = event.latency_ns.filter(|_| self.latency) {
            match u32::try_from(latency) {
                Ok(short) => block.option(own::LATENCY, &short.to_ne_bytes()),
                Err(_) => block.option(own::LATENCY, &latency.to_ne_bytes()),
            };
        } else if event.row.code == process::EXECVE.code || event.latency_ns.is_some() && event.from_file {
            // What stands in front of it says nothing of when it began, or is not to say it.
            block.option(own::LATENCY, &[]);
        }
        if let Some(result) = event.call_result.filter(|_| !has_result_param(event.row)) {
            match i32::try_from(result) {
                Ok(short) => block.option(own::RESULT, &short.to_ne_bytes()),
                Err(_) => block.option(own::RESULT, &result.to_ne_bytes()),
            };
        }
        if event.done {
            block.option(own::DONE, &[]);
        }
        // Other calls have a row, or a portable number, whichever table they are from.
        if event.compat && event.row.code == code::GENERIC {
            block.option(own::COMPAT, &[]);
        }
        if event.peeked {
            block.option(own::PEEKED, &[]);
        }
        if absent != 0 {
            block.option(own::ABSENT, &absent.to_ne_bytes());
        }
        if event.params.count() > head.params && !is_split {
            let more = portable::more(&event.params, self.redact, self.schema);
            if !more.is_empty() {
                block.option(own::MORE, &more);
            }
        }
        if !self.facts.is_empty() {
            let json = self.facts.json();
            if block.option(own::FACTS, &json) {
                self.facts = Facts::default();
            }
        }
        block.finish();
        if !self.facts.is_empty() {
            self.tell(out, event.time_ns);
        }
    }

    /// The portable number of a call that sysdig 0.29 would crash at. Others take the name from the other number.
    fn hidden_id<'e>(&self, event: &Event<'e>) -> Option<&'e [u8]> {
        let is_generic = event.row.code == code::GENERIC && self.schema == Schema::Released;
        let id = event.params.raw(0).filter(|_| is_generic && event.params.raw(1).is_some())?;
        (u16::from_le_bytes(id.try_into().ok()?) >= FIRST_NEWER_CALL).then_some(id)
    }

    /// Of an event that tells of a container, which parameter does, and what it may say.
    fn told_container(&self, event: &Event<'_>) -> Option<(usize, Vec<u8>)> {
        let hides = self.redact.env || self.redact.data;
        let get = |at| event.params.raw(at);
        let told = if hides { told::param(event.row.code, get)? } else { return None };
        let json = get(told)?;
        Some((told, if self.redact.env { told::without_env(json) } else { json.to_vec() }))
    }

    /// Tells the facts in events of nobody, as many as it takes. Other readers do not show them.
    pub(super) fn tell(&mut self, out: &mut Writer, time_ns: u64) {
        if self.facts.is_empty() {
            return;
        }
        for json in split(std::mem::take(&mut self.facts)) {
            self.nobody(out, time_ns, Some(&json));
        }
    }

    /// An event that shows nothing.
    fn nobody(&mut self, out: &mut Writer, time_ns: u64, facts: Option<&[u8]>) {
        self.has_event = true;
        let head = EventHead {
            cpu: 0,
            time_ns,
            tid: 0,
            code: code::PROCINFO,
            params: meta::PROCINFO.params.len(),
            state_only: false,
        };
        let mut block = out.event(&head);
        block.param(&[0; 8]);
        block.param(&[0; 8]);
        if let Some(facts) = facts {
            block.option(own::FACTS, facts);
        }
        block.finish();
    }

    /// The file ends: other readers refuse one without an event.
    pub(super) fn end(&mut self, out: &mut Writer, time_ns: u64) {
        if !self.facts.is_empty() {
            self.tell(out, time_ns);
        }
        if !self.has_event {
            self.nobody(out, time_ns, None);
        }
    }

    /// The beginning of a start of a program: its end gets the path from there when the schema has no place for it, and readers
    /// of today end when the beginning of another call is in its place.
    fn execve_begins(&self, out: &mut Writer, event: &Event<'_>) {
        let head = EventHead {
            cpu: event.cpu,
            time_ns: event.time_ns,
            tid: tid(event.tid),
            code: old::EXECVE_19_E,
            params: 1,
            state_only: true,
        };
        let mut block = out.event(&head);
        let last = event.row.params.len() - 1;
        let mut path = Vec::new();
        let _ = portable::write(&event.params, self.redact, last, last + 1, |value| path.extend_from_slice(value));
        block.param(&path);
        block.finish();
    }

    /// CPU time: in ticks since the beginning for others, and for us that of the interval.
    fn cpu(&mut self, out: &mut Writer, event: &Event<'_>, state: &State) {
        let number = |index| {
            let bytes = event.params.raw(index).and_then(|bytes| bytes.try_into().ok());
            bytes.map_or(0, u64::from_le_bytes)
        };
        let head = EventHead {
            cpu: event.cpu,
            time_ns: event.time_ns,
            tid: tid(event.tid),
            code: code::PROCINFO,
            params: meta::PROCINFO.params.len(),
            state_only: false,
        };
        let interval_ns = if event.from_file { number(2) } else { state.cpu_interval_ns };
        let (user_ns, system_ns) = (number(0), number(1));
        let mut block = out.event(&head);
        if event.from_file && interval_ns == 0 {
            // It says ticks already.
            block.param(&user_ns.to_le_bytes());
            block.param(&system_ns.to_le_bytes());
        } else {
            if self.ran.len() >= MAX_THREADS {
                self.ran.clear();
            }
            let (user, system) = self.ran.entry(event.tid).or_default();
            *user += user_ns;
            *system += system_ns;
            block.param(&(*user / TICK_NS).to_le_bytes());
            block.param(&(*system / TICK_NS).to_le_bytes());
            let slice = [user_ns, system_ns, interval_ns].map(u64::to_ne_bytes).concat();
            block.option(own::CPU, &slice);
        }
        if !self.facts.is_empty() && block.option(own::FACTS, &self.facts.json()) {
            self.facts = Facts::default();
        }
        block.finish();
    }
}

/// Of each row that the format does not know, the call that it is, by the code of the row from [`OWN`] on.
static CALLS: LazyLock<Vec<Option<&Syscall>>> = LazyLock::new(|| {
    let name = |code| events::by_code(code).and_then(|row| row.syscalls.first());
    OWN.map(|code| name(code).and_then(|name| SYSCALLS.iter().find(|call| call.name == *name))).collect()
});

/// Begins what stands in the place of an event that the format does not know, for other readers: a call that has only a name. What is no call
/// is one of which nothing is said, and which they do not show.
fn stand_in<'w>(out: &'w mut Writer, head: &EventHead, row: &Row) -> EventOut<'w> {
    let generic = &meta::GENERIC;
    let call = CALLS.get(usize::from(row.code - OWN.start)).copied().flatten();
    let state_only = head.state_only || call.is_none();
    let mut block = out.event(&EventHead { code: generic.code, params: generic.params.len(), state_only, ..*head });
    let (id, number) = call.map_or((0, 0), |call| (call.id, call.number));
    for number in [if id < FIRST_NEWER_CALL { id } else { 0 }, number] {
        block.param(&number.to_ne_bytes());
    }
    block.option(own::NAME, row.name.as_bytes());
    block
}

/// Threads of nobody are -1 in the file.
fn tid(tid: u32) -> i64 {
    if tid == u32::MAX { -1 } else { tid.into() }
}

/// Whether facts do not belong behind an event, but in front of it.
fn facts_are_long(facts: &Facts) -> bool {
    facts.threads.len() + facts.fds.len() + facts.starts.len() / 8 > 64
}

/// The most entries of a list of facts that go together.
const TOGETHER: usize = 64;
/// The most bytes of facts behind one event.
const MOST: usize = 60_000;

/// Facts in as many parts as it takes, each short enough to stand behind an event. One that is too long alone is left out.
fn split(facts: Facts) -> Vec<Vec<u8>> {
    let json = facts.json();
    if json.len() <= MOST {
        return vec![json];
    }
    let (live, cpu_times, sample) = (facts.live, facts.cpu_times, facts.sample);
    let mut parts = vec![Facts { live, cpu_times, sample, ..Facts::default() }];
    parts.extend(facts.threads.chunks(1).map(|part| Facts { threads: part.to_vec(), ..Facts::default() }));
    parts.extend(facts.starts.chunks(8 * TOGETHER).map(|part| Facts { starts: part.to_vec(), ..Facts::default() }));
    parts.extend(facts.fds.chunks(TOGETHER / 8).map(|part| Facts { fds: part.to_vec(), ..Facts::default() }));
    parts.extend(facts.cut.chunks(TOGETHER).map(|part| Facts { cut: part.to_vec(), ..Facts::default() }));
    parts.extend(facts.ended.chunks(8 * TOGETHER).map(|part| Facts { ended: part.to_vec(), ..Facts::default() }));
    parts.extend(facts.moved.chunks(TOGETHER).map(|part| Facts { moved: part.to_vec(), ..Facts::default() }));
    parts.iter().map(Facts::json).filter(|json| json.len() <= MOST).collect()
}

/// A user or a group that is new, or has another name, since the file began.
pub(super) fn user_or_group(out: &mut Writer, users: &Users, change: Change, time_ns: u64) {
    let head = |code: u16, params: usize| EventHead { cpu: 0, time_ns, tid: -1, code, params, state_only: false };
    let text = |text: &str| [text.as_bytes(), &[0]].concat();
    let numbers = |numbers: &[u32]| numbers.iter().map(|number| number.to_ne_bytes().to_vec()).collect::<Vec<_>>();
    // The last parameter is a container: these are of the host.
    let (code, params) = match change {
        Change::User(uid) => {
            let Some(user) = users.user(uid) else { return };
            let texts = [&user.name, &user.home, &user.shell, ""].map(text);
            (old::USER_ADDED_E, [numbers(&[uid, user.gid]), texts.to_vec()].concat())
        }
        Change::Group(gid) => {
            let Some(name) = users.group(gid) else { return };
            (old::GROUP_ADDED_E, [numbers(&[gid]), [name, ""].map(text).to_vec()].concat())
        }
    };
    let mut block = out.event(&head(code, params.len()));
    params.iter().for_each(|param| block.param(param));
    block.finish();
}

/// What is told of a container.
pub(super) fn container(out: &mut Writer, json: &[u8], time_ns: u64) {
    let head = EventHead { cpu: 0, time_ns, tid: -1, code: old::CONTAINER_JSON_2_E, params: 1, state_only: false };
    let mut block = out.event(&head);
    block.param(json);
    block.finish();
}
