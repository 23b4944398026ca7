//! The rows of the table of fields say the truth: what all events of a type have, and what has to be collected. Asked of
//! every field in every event of the captures.

use std::{cell::RefCell, collections::BTreeSet, path::PathBuf, rc::Rc, sync::atomic::AtomicBool};

use tracer::{
    fields::{ArgRule, Context, EventType, FieldRef, Needs, Show, all},
    output::Out,
    pipeline::{Limits, Pipeline},
    sink::{Outputs, Shown, Sink},
    source::replay::Replay,
    state::{Procfs, State},
};

/// The name of every field, with each kind of argument that it may have.
pub fn every_name() -> Vec<String> {
    let arguments = |rule: ArgRule| -> &[&str] {
        match rule {
            ArgRule::None => &[""],
            ArgRule::IndexAllowed => &["", "[0]", "[99999]"],
            ArgRule::Ancestor => &["", "[0]", "[1]", "[99999]"],
            ArgRule::NameAllowed => &["", "[HOME]"],
            ArgRule::Name => &["[cpu]", "[x.y/z]"],
            ArgRule::IndexOrName => &["[0]", "[/*]"],
            ArgRule::Param => &[".fd", ".res", ".data", ".name", ".tuple", ".next"],
            ArgRule::Event => &["[open]", "[7]", "[munmap]"],
            ArgRule::Side => &["", ".src", ".dst"],
            ArgRule::Time => &["[1506127469900617765]"],
        }
    };
    // A counter has another value each time.
    let fields = all().filter(|field| field.name != "util.cnt");
    fields.flat_map(|field| arguments(field.arg).iter().map(|arg| format!("{}{arg}", field.name))).collect()
}

fn every_field() -> Vec<FieldRef> {
    every_name().iter().map(|name| FieldRef::resolve(name, Show::default()).unwrap()).collect()
}

/// Asks every field in every event.
struct Ask {
    fields: Vec<FieldRef>,
    empty: State,
    found: Rc<RefCell<Found>>,
}

/// What was found.
#[derive(Default)]
struct Found {
    wrong: BTreeSet<String>,
    asked: usize,
    /// Fields that had a value in some event.
    seen: BTreeSet<&'static str>,
}

impl Ask {
    fn ask(&mut self, context: &Context<'_>) {
        let kind = EventType::of_event(context.event);
        // As it is when nobody asked for the state of threads and descriptors.
        let alone = Context { thread: None, fd: None, state: &self.empty, ..*context };
        let mut found = self.found.borrow_mut();
        for field in &self.fields {
            let value = field.get(context);
            found.asked += 1;
            if !value.is_missing() {
                found.seen.insert(field.field.name);
            }
            let mut say = |what: &str| {
                found.wrong.insert(format!("{} of {}: {what}", field.name(), kind.row.name));
            };
            if field.by_type(&kind).is_some_and(|all| all != value) {
                say("by_type says another value");
            }
            let needs = field.needs();
            // The container and the cgroup are told with each event, the machine at the start; of a capture, the process with the thread.
            let told = [
                "container.id",
                "container.ids",
                "container.claimed",
                "container.full_id",
                "container.type",
                "evt.hostname",
                "proc.slice",
                "proc.unit",
                "proc.user_unit",
                "thread.ismain",
            ];
            let is_told = told.contains(&field.field.name);
            let of_threads = needs.has(Needs::THREADS) || needs.has(Needs::WHO) || needs.has(Needs::CPU_TIME);
            if !of_threads && !needs.has(Needs::CONTAINER) && !is_told && field.get(&alone) != value {
                say("it needs the state");
            }
            if !needs.has(Needs::LATENCY) && context.event.latency_ns.is_some() {
                let event = tracer::event::Event { latency_ns: None, ..*context.event };
                if field.get(&Context { event: &event, ..*context }) != value {
                    say("it needs the latency");
                }
            }
        }
    }
}

impl Sink for Ask {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        self.ask(context);
        Ok(Shown::Yes)
    }

    fn needs(&self) -> Needs {
        Needs::STATE
    }

    fn wants(&self, _event: &EventType<'_>) -> bool {
        true
    }
}

#[test]
fn rows_say_what_events_have_and_what_they_need() {
    let captures = ["connect_localhost", "files", "run_as_user_0_container", "sample", "tcp-client-server"];
    let found = Rc::new(RefCell::new(Found::default()));
    for capture in captures {
        let sink = Ask { fields: every_field(), empty: State::default(), found: Rc::clone(&found) };
        let outputs = Outputs::new(None, vec![Box::new(sink)], Out::memory(), None);
        let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/captures")).join(format!("{capture}.scap"));
        let mut source = Replay::open(vec![path]).unwrap();
        let state = State { procfs: Procfs::none(), ..State::default() };
        let pipeline = Pipeline::new(state, outputs, 0);
        pipeline.run(&mut source, Limits::default(), &AtomicBool::new(false)).unwrap();
    }
    let found = found.borrow();
    assert!(found.wrong.is_empty(), "{:#?}", found.wrong);
    let never: Vec<&str> = all().map(|field| field.name).filter(|name| !found.seen.contains(name)).collect();
    println!("{} values; {} fields never had one: {never:?}", found.asked, never.len());
    assert!(found.asked > 1_000_000 && never.len() < all().count() / 3);
}
