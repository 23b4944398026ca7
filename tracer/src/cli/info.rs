//! `tracer info FILE`: what a capture holds, without replaying it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

use anyhow::Context as _;
use tracer_common::{
    arch,
    events::{self, OWN, code, old},
};

use crate::message::Shown as _;
use crate::{
    format::{escape::escaped, time, units},
    scap::{self, Block, Event, Opened, Process, Progress, Reader, ScapError, options::own},
    state::{
        container::{runtime::recognise, told::Told},
        facts::Facts,
    },
};

/// Containers that are named; of more, only how many.
const NAMED: usize = 8;
/// Option of a section: a comment.
const COMMENT: u16 = 1;

/// What is known of a capture so far.
#[derive(Debug, Default)]
struct Summary {
    sections: u64,
    format: Option<(u16, u16)>,
    comments: Vec<String>,
    host: Option<Host>,
    /// Version of the list of processes.
    list: Option<u8>,
    processes: BTreeSet<i64>,
    threads: u64,
    descriptors: u64,
    users: u64,
    groups: u64,
    interfaces: u64,
    /// By id as it is shown; the value is its name, or empty.
    containers: BTreeMap<String, String>,
    events: u64,
    /// Events that nobody asked for, written for what they change.
    state_only: u64,
    /// Events by code, and generic ones by the portable number of the call.
    by_code: Vec<u64>,
    /// Of codes that mean other events here.
    by_unknown: Vec<u64>,
    by_call: Vec<u64>,
    /// Calls without a portable number, by that of the machine.
    by_number: Vec<u64>,
    /// Marks that events were lost.
    drops: u64,
    /// Events that marks of ours say were lost.
    lost: u64,
    /// Marks of other tools, which do not say how many were.
    uncounted: u64,
    /// Whether the section says how many were lost: one of ours, written while the events happened.
    counts_drops: bool,
    first_ns: Option<u64>,
    last_ns: u64,
    /// Blocks and lists that are damaged inside.
    damaged: u64,
}

#[derive(Debug)]
struct Host {
    name: String,
    cpus: u32,
    memory_bytes: u64,
    boot_ns: Option<u64>,
}

/// The description of a capture, and why it ended early if it did. `-` is standard input. `ready` is called when it is open,
/// before anything of it is looked at.
///
/// # Errors
/// The file cannot be opened, or is no capture.
pub fn describe(path: &Path, ready: impl FnOnce()) -> anyhow::Result<(String, Option<anyhow::Error>)> {
    let about = || format!("cannot read capture '{}'", path.shown());
    let opened = Opened::new(path).with_context(about)?;
    let stored = path.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    ready();
    let mut reader = Reader::new(opened.input(Progress::default()).with_context(about)?);
    let mut summary = Summary::default();
    let end = loop {
        match reader.next() {
            Ok(Some(block)) => summary.add(block),
            Ok(None) => break None,
            Err(error) if error.is_local() => summary.damaged += 1,
            Err(error @ ScapError::Network) => return Err(anyhow::Error::from(error).context(about())),
            Err(error) => break Some(anyhow::Error::from(error).context(about())),
        }
    };
    match end {
        Some(error) if summary.sections == 0 => Err(error),
        end => Ok((summary.text(path, stored, reader.offset()), end)),
    }
}

impl Summary {
    fn add(&mut self, block: Block<'_>) {
        match block {
            Block::Section(section) => {
                self.sections += 1;
                self.counts_drops = false;
                self.format = Some((section.major, section.minor));
                let comments = section.options().filter(|(code, _)| *code == COMMENT);
                self.comments.extend(comments.map(|(_, text)| escaped(text)));
            }
            Block::Machine(machine) => {
                self.host = Some(Host {
                    name: escaped(machine.hostname),
                    cpus: machine.cpus,
                    memory_bytes: machine.memory_bytes,
                    boot_ns: machine.boot_ns,
                });
            }
            Block::Processes(list) => {
                self.list = Some(list.version());
                self.entries(list, Self::process);
            }
            Block::Fds(list) => self.entries(list, |summary, _| summary.descriptors += 1),
            Block::Interfaces(list) => self.entries(list, |summary, _| summary.interfaces += 1),
            Block::Users(list) => self.entries(list, |summary, entry| match entry {
                scap::User::User { .. } => summary.users += 1,
                scap::User::Group { .. } => summary.groups += 1,
            }),
            Block::Event(event) => self.event(&event),
            Block::Unknown { .. } => {}
        }
    }

    fn entries<T>(&mut self, list: impl Iterator<Item = Result<T, ScapError>>, add: impl Fn(&mut Self, T)) {
        for entry in list {
            match entry {
                Ok(entry) => add(self, entry),
                Err(_) => self.damaged += 1,
            }
        }
    }

    fn process(&mut self, process: Process<'_>) {
        self.threads += 1;
        self.processes.insert(process.pid);
        for cgroup in process.cgroups.split(|byte| *byte == 0) {
            let Some((_, path)) = std::str::from_utf8(cgroup).ok().and_then(|text| text.split_once('=')) else {
                continue;
            };
            // What only a folder of the runtime could confirm is not counted.
            if let Some(found) = recognise(path).filter(|found| found.bundle.is_none()) {
                self.containers.entry(found.id.short().to_owned()).or_default();
                return;
            }
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        self.events += 1;
        // Containers are told before the first event that says it.
        self.counts_drops = self.counts_drops || was_live(event);
        let unknown_to_format = event.options().row();
        self.state_only += u64::from(event.state_only() && unknown_to_format.is_none());
        // Some tools write an event without a time in front: it is not from 1970.
        if event.time_ns != 0 {
            self.first_ns = Some(self.first_ns.map_or(event.time_ns, |first| first.min(event.time_ns)));
        }
        self.last_ns = self.last_ns.max(event.time_ns);
        match event.code {
            code::DROP | old::code::DROP_X => self.drop(event),
            old::code::CONTAINER_JSON_E | old::code::CONTAINER_JSON_2_E => self.container(event),
            _ => {}
        }
        if let Some(row) = unknown_to_format {
            return count(&mut self.by_code, row.code);
        }
        match event.code {
            unknown if OWN.contains(&unknown) => count(&mut self.by_unknown, unknown),
            code::GENERIC | old::code::GENERIC_E => match [0, 1].map(|at| number(event, at)) {
                [0, native] => count(&mut self.by_number, native),
                [id, _] => count(&mut self.by_call, id),
            },
            code => count(&mut self.by_code, code),
        }
    }

    fn drop(&mut self, event: &Event<'_>) {
        self.drops += 1;
        let count = param(event, 0).and_then(<[u8]>::first_chunk).map(|count| u32::from_ne_bytes(*count));
        match count.filter(|_| self.counts_drops) {
            Some(count) => self.lost += u64::from(count),
            None => self.uncounted += 1,
        }
    }

    /// What was lost when it was captured.
    fn losses(&self) -> String {
        match (self.drops, self.uncounted) {
            (0, _) => "0".to_owned(),
            (marks, 0) => format!("{marks}, for {} events lost when it was captured", self.lost),
            (marks, uncounted) if marks == uncounted => format!("{marks}, which do not say how many events were lost"),
            (marks, uncounted) => {
                let lost = self.lost;
                format!(
                    "{marks}, for {lost} events lost when it was captured, and {uncounted} of them do not say how many"
                )
            }
        }
    }

    /// How often each name occurs, the most frequent first.
    fn by_name(&self) -> Vec<(String, u64)> {
        let names = |counts: &[u64], name: fn(u16) -> String| -> Vec<(String, u64)> {
            let named = counts.iter().enumerate().filter(|(_, count)| **count > 0);
            named.map(|(at, count)| (name(at as u16), *count)).collect()
        };
        let mut by_name: BTreeMap<String, u64> = BTreeMap::new();
        for (name, count) in names(&self.by_code, name)
            .into_iter()
            .chain(names(&self.by_unknown, unknown_name))
            .chain(names(&self.by_call, call_name))
            .chain(names(&self.by_number, number_name))
        {
            *by_name.entry(name).or_default() += count;
        }
        let mut sorted: Vec<_> = by_name.into_iter().collect();
        sorted.sort_by_key(|(_, count)| Reverse(*count));
        sorted
    }

    /// An event whose only parameter is a container in JSON.
    fn container(&mut self, event: &Event<'_>) {
        let Some(json) = param(event, 0) else { return };
        if let Some(told) = Told::parse(json) {
            self.containers.insert(escaped(told.id.as_bytes()), escaped(told.name.as_bytes()));
        }
    }

    fn text(&self, path: &Path, stored: Option<u64>, len: u64) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let mut line = |name: &str, text: String| _ = writeln!(out, "{name:<12} {text}");
        let version = self.format.map_or(String::new(), |(major, minor)| format!(", format {major}.{minor}"));
        let list = self.list.map_or(String::new(), |list| format!(", process list {list}"));
        let path = escaped(path.as_os_str().as_encoded_bytes());
        let bytes = |len: u64| units::bytes(len as f64);
        let size = match stored {
            Some(stored) if stored < len => format!("{} compressed, {} uncompressed", bytes(stored), bytes(len)),
            _ => bytes(stored.unwrap_or(len)),
        };
        line("capture", format!("{path}, {size}{version}{list}"));
        if self.sections > 1 {
            line("sections", self.sections.to_string());
        }
        for comment in &self.comments {
            line("comment", comment.clone());
        }
        if let Some(host) = &self.host {
            line("host", format!("{}, {} CPUs, {}", host.name, host.cpus, units::bytes(host.memory_bytes as f64)));
            if let Some(boot_ns) = host.boot_ns {
                line("booted", date(boot_ns));
            }
        }
        if let Some(first_ns) = self.first_ns {
            line("begins", date(first_ns));
            line("length", units::time((self.last_ns - first_ns) as f64));
        }
        line("processes", format!("{}, {} threads", self.processes.len(), self.threads));
        line("descriptors", self.descriptors.to_string());
        line("users", format!("{}, {} groups", self.users, self.groups));
        line("interfaces", self.interfaces.to_string());
        line("containers", self.container_names());
        let state_only =
            if self.state_only > 0 { format!(", {} only for the state", self.state_only) } else { String::new() };
        let by_name = self.by_name();
        line("events", format!("{} of {} types{state_only}", self.events, by_name.len()));
        line("drop marks", self.losses());
        if self.damaged > 0 {
            line("damaged", format!("{} blocks", self.damaged));
        }
        for (at, (name, count)) in by_name.into_iter().enumerate() {
            let gap = if at == 0 { "\n" } else { "" };
            let _ = writeln!(out, "{gap}{count:>12} {name}");
        }
        out
    }

    fn container_names(&self) -> String {
        let shown = |(id, name): (&String, &String)| if name.is_empty() { id.clone() } else { name.clone() };
        let names: Vec<String> = self.containers.iter().take(NAMED).map(shown).collect();
        match (self.containers.len(), self.containers.len().saturating_sub(NAMED)) {
            (0, _) => "0".to_owned(),
            (all, 0) => format!("{all}: {}", names.join(", ")),
            (all, more) => format!("{all}: {} and {more} more", names.join(", ")),
        }
    }
}

/// Whether an event says that we wrote it while its events happened.
fn was_live(event: &Event<'_>) -> bool {
    let facts = event.options().custom().find(|(number, _)| *number == own::FACTS);
    facts.and_then(|(_, json)| Facts::parse(json)).is_some_and(|facts| facts.live)
}

fn count(counts: &mut Vec<u64>, at: u16) {
    let at = usize::from(at);
    if counts.len() <= at {
        counts.resize(at + 1, 0);
    }
    counts[at] += 1;
}

/// A number of the call of a generic event: the portable one, then the one of its machine; 0 when it does not say.
fn number(event: &Event<'_>, at: usize) -> u16 {
    param(event, at).and_then(<[u8]>::first_chunk).map_or(0, |id| u16::from_ne_bytes(*id))
}

fn name(code: u16) -> String {
    events::by_code(code).map_or_else(|| unknown_name(code), |row| row.name.to_owned())
}

fn unknown_name(code: u16) -> String {
    format!("event {code}")
}

fn call_name(id: u16) -> String {
    arch::name_of_id(id).unwrap_or(events::meta::GENERIC.name).to_owned()
}

/// The name of a call that has no portable number, by that of this machine.
fn number_name(number: u16) -> String {
    let found = arch::SYSCALLS.binary_search_by_key(&number, |call| call.number);
    found.map_or(events::meta::GENERIC.name, |at| arch::SYSCALLS[at].name).to_owned()
}

fn param<'a>(event: &Event<'a>, at: usize) -> Option<&'a [u8]> {
    let most = events::of_format(event.code)?.params.len();
    event.params(most)?.iter().nth(at)
}

fn date(ns: u64) -> String {
    let mut out = Vec::new();
    time::date_time_zone(ns, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
