//! The calls as a trace in Chrome's JSON format: `--trace-json`. Each thread is a row of the timeline, each call a slice of it.
//!
//! An array with an object for each event, one in each line. Times are microseconds since the first event; a viewer also opens a file
//! whose end is missing.
//!
//! Source: "Trace Event Format", Google; Perfetto docs, "Chrome JSON".

use rustc_hash::FxHashMap;
use serde_json::{Map, Value as Json, json};

use super::{Shown, Sink, Tick, strace::is_shown};
use crate::{
    fields::{Context, EventType, Needs, Show, Value},
    format::{args, strace},
    output::Out,
};

/// The most threads whose names are remembered.
const MAX_NAMES: usize = 65_536;

/// Writes calls as slices, signals and ends as instants.
#[derive(Debug)]
pub struct Trace {
    out: Out,
    /// The name under which each thread is known to the viewer.
    names: FxHashMap<u32, Box<[u8]>>,
    /// Time of the first event, nanoseconds since the epoch, less its latency.
    first_ns: Option<u64>,
}

fn micros(ns: u64) -> Json {
    json!(ns as f64 / 1000.0)
}

impl Trace {
    /// Into `out`.
    #[must_use]
    pub fn new(out: Out) -> Self {
        Self { out, names: FxHashMap::default(), first_ns: None }
    }

    /// Writes an entry of the array.
    fn entry(&self, entry: &Json, is_first: bool) -> anyhow::Result<()> {
        let mark = if is_first { "[" } else { "," };
        self.out.text_line(&format!("{mark}{entry}"))?;
        Ok(())
    }

    /// Tells the viewer the name of a thread that is new or has changed.
    fn name(&mut self, context: &Context<'_>) -> anyhow::Result<()> {
        let Some(thread) = context.thread else { return Ok(()) };
        let (pid, tid) = (context.event.tgid, context.event.tid);
        if self.names.get(&tid).is_some_and(|known| **known == *thread.comm) {
            return Ok(());
        }
        if self.names.len() >= MAX_NAMES {
            self.names.clear();
        }
        self.names.insert(tid, (*thread.comm).into());
        let name = String::from_utf8_lossy(&thread.comm).into_owned();
        let say = |kind: &str| {
            self.entry(&json!({ "ph": "M", "name": kind, "pid": pid, "tid": tid, "args": { "name": name } }), false)
        };
        if pid == tid {
            say("process_name")?;
        }
        say("thread_name")
    }
}

impl Sink for Trace {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        let event = context.event;
        let began_ns = event.time_ns.saturating_sub(event.latency_ns.unwrap_or(0));
        let first_ns = match self.first_ns {
            Some(first_ns) => first_ns,
            None => {
                self.first_ns = Some(began_ns);
                // Lets the viewer show the time of the day.
                let start =
                    json!({ "ph": "M", "name": "trace_start", "pid": 0, "tid": 0, "args": { "epoch_ns": began_ns } });
                self.entry(&start, true)?;
                began_ns
            }
        };
        self.name(context)?;
        let show = Show { whole_data: false, ..Show::PLAIN };
        let texts = event.row.params.iter().enumerate().filter_map(|(at, param)| {
            let Value::Text(text) = args::argument(context, at, show) else { return None };
            let text = String::from_utf8_lossy(&text).into_owned();
            (!text.is_empty()).then(|| (param.name.to_owned(), text.into()))
        });
        let texts: Map<String, Json> = texts.collect();
        let ts = micros(began_ns.saturating_sub(first_ns));
        let is_call = event.row.is_syscall();
        let name = if is_call { strace::name_of_call(event) } else { event.name() };
        let mut entry = json!({ "name": name, "pid": event.tgid, "tid": event.tid, "ts": ts, "args": texts });
        if is_call {
            entry["cat"] = if event.failed() { "syscall,failed" } else { "syscall" }.into();
            entry["ph"] = "X".into();
            entry["dur"] = micros(event.latency_ns.unwrap_or(0));
            if let Some(result) = event.result() {
                entry["args"]["result"] = result.into();
            }
        } else {
            entry["cat"] = "event".into();
            entry["ph"] = "i".into();
            entry["s"] = "t".into();
        }
        self.entry(&entry, false)?;
        Ok(Shown::Yes)
    }

    fn end(&mut self, _tick: &Tick<'_>) -> anyhow::Result<()> {
        self.out.text_line(if self.first_ns.is_some() { "]" } else { "[]" })?;
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs::LATENCY.with(Needs::PAYLOAD).with(Needs::STATE)
    }

    fn wants(&self, event: &EventType<'_>) -> bool {
        is_shown(event.row)
    }
}
