//! What fields say that they need is what they need: a field that does not ask for descriptors has the same value without any,
//! and one that asks for them has another one, somewhere in these captures.

use std::{collections::BTreeMap, path::Path, rc::Rc, sync::atomic::AtomicBool};

use tracer::{
    fields::{Context, EventType, FieldRef, Needs, Show, all},
    output::Out,
    pipeline::{Limits, Pipeline},
    sink::{Outputs, Shown, Sink},
    source::{
        Source,
        inject::{Inject, record},
        replay::Replay,
    },
    state::{Fd, FdKind, Procfs, State, Thread},
};
use tracer_common::{
    events::{self, Effect},
    kind::Kind,
    plan::Store,
};

use super::machine::{BOOT_NS, Machine};

const CAPTURES: [&str; 4] = ["run_as_user_0_container", "sample", "tcp-client-server", "files"];

/// They need descriptors in calls that change what is known themselves: fcntl and execve.
const OF_OTHERS: [&str; 4] = ["evt.arg.res", "evt.arg.trusted_exepath", "evt.arg.realpath", "evt.rawarg.realpath"];

/// What was found of a field.
#[derive(Debug, Default, Clone)]
struct Found {
    /// It had a value.
    seen: bool,
    /// It had another one, or none, without descriptors.
    depends: bool,
}

/// Looks at all fields of each event, with and without descriptors.
struct Look {
    fields: Rc<Vec<FieldRef>>,
    found: Rc<std::cell::RefCell<BTreeMap<String, Found>>>,
}

impl Sink for Look {
    fn event(&mut self, context: &Context<'_>) -> anyhow::Result<Shown> {
        // Nobody has this table of descriptors. Where a thread is, fchdir says by a descriptor.
        let without = |thread: &Rc<Thread>| {
            Rc::new(Thread { fds: u32::MAX, cwd: Box::default(), own_fs: true, ..Thread::clone(thread) })
        };
        let thread = context.thread.map(without);
        let stripped = Context { fd: None, thread: thread.as_ref(), ..*context };
        let mut found = self.found.borrow_mut();
        for field in &*self.fields {
            let value = field.get(context);
            let entry = found.entry(field.name()).or_default();
            entry.seen |= !value.is_missing();
            // One counts how often it is asked.
            let is_steady = || field.get(context) == value;
            entry.depends = entry.depends || value != field.get(&stripped) && is_steady();
        }
        Ok(Shown::Yes)
    }

    fn needs(&self) -> Needs {
        Needs::STATE
    }

    fn wants(&self, _event: &EventType<'_>) -> bool {
        true
    }
}

/// All fields, with an argument where they need one: parameters by all of their names.
fn fields() -> Vec<FieldRef> {
    let resolve = |name: &str| FieldRef::resolve(name, Show::default()).ok();
    let mut found = Vec::new();
    for field in all() {
        if let "evt.arg" | "evt.rawarg" = field.name {
            let mut names: Vec<&str> = events::all().flat_map(|row| row.params).map(|param| param.name).collect();
            names.sort_unstable();
            names.dedup();
            found.extend(names.into_iter().filter_map(|name| resolve(&format!("{}.{name}", field.name))));
            continue;
        }
        let with = ["", "[1]", "[HOME]"].iter().find_map(|argument| resolve(&format!("{}{argument}", field.name)));
        found.extend(with);
    }
    assert!(found.len() > 400, "{}", found.len());
    found
}

/// An event of each row, of a process with a directory as descriptor 4 and a socket as 5: all paths are relative, all descriptors
/// those. Each fails once.
fn of_all_rows() -> (State, Inject) {
    let (mut state, _) = Machine::services().into_parts();
    let thread = state.threads.get_mut(600).expect("curl");
    thread.cwd = (*b"/home").into();
    let fds = thread.fds;
    let directory = Fd { kind: FdKind::Directory, name: (*b"/srv").into(), ..Fd::default() };
    state.fds.set(fds, 4, Rc::new(directory));
    let mut source = Inject::default();
    for (row, failed) in events::all().flat_map(|row| [(row, false), (row, true)]) {
        let params: Vec<Vec<u8>> =
            row.params.iter().enumerate().map(|(at, param)| of_kind(param.kind, failed && at == 0)).collect();
        let params: Vec<&[u8]> = params.iter().map(Vec::as_slice).collect();
        // What threads do to themselves and to their descriptors is not of interest here.
        if matches!(row.effect, Effect::None | Effect::Transfer)
            || failed && matches!(row.effect, Effect::Open | Effect::Chdir)
        {
            source.push(record(row.code, 600, 600, &params));
        }
    }
    (state, source)
}

fn of_kind(kind: Kind, failed: bool) -> Vec<u8> {
    match kind {
        _ if failed && kind.width() == Some(8) => (-2_i64).to_le_bytes().into(),
        Kind::Fd => 4_i64.to_le_bytes().into(),
        Kind::Path | Kind::PathAt(_) | Kind::Text | Kind::List => b"a/b\0".into(),
        Kind::FdList => {
            let entry = |fd: i64| [&fd.to_le_bytes()[..], &1_u16.to_le_bytes()].concat();
            [2_u16.to_le_bytes().into(), entry(4), entry(5)].concat()
        }
        Kind::SockAddr | Kind::SockTuple | Kind::Dyn(_) => Vec::new(),
        Kind::Bytes => b"x".into(),
        other => match other.live_store() {
            Store::U8 => vec![1],
            Store::U16 => vec![1, 0],
            Store::U32 => vec![1, 0, 0, 0],
            Store::U64 | Store::SignedInt => vec![1, 0, 0, 0, 0, 0, 0, 0],
            Store::Var => Vec::new(),
        },
    }
}

fn look(source: &mut dyn Source, state: State, to_epoch_ns: u64, look: Look) {
    let out = Out::memory();
    let outputs = Outputs::new(None, vec![Box::new(look)], out, None);
    Pipeline::new(state, outputs, to_epoch_ns).run(source, Limits::default(), &AtomicBool::new(false)).unwrap();
}

#[test]
fn fields_need_descriptors_if_their_values_do() {
    let fields = Rc::new(fields());
    let found = Rc::new(std::cell::RefCell::new(BTreeMap::new()));
    let it = || Look { fields: Rc::clone(&fields), found: Rc::clone(&found) };
    for capture in CAPTURES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(format!("{capture}.scap"));
        let state = State { procfs: Procfs::none(), ..State::default() };
        look(&mut Replay::open(vec![path]).unwrap(), state, 0, it());
    }
    for machine in [Machine::busy(), Machine::services()] {
        let (state, records) = machine.into_parts();
        let mut source = Inject::default();
        records.into_iter().for_each(|record| source.push(record));
        look(&mut source, state, BOOT_NS, it());
    }
    let (state, mut source) = of_all_rows();
    look(&mut source, state, BOOT_NS, it());
    let found = found.borrow();
    let of = |field: &FieldRef| found.get(&field.name()).cloned().unwrap_or_default();
    let names = |is: &dyn Fn(&FieldRef, Found) -> bool| -> Vec<String> {
        fields.iter().filter(|field| is(field, of(field))).map(FieldRef::name).collect()
    };
    let too_little = names(&|field, found| found.depends && !field.needs().has(Needs::STATE));
    assert!(too_little.is_empty(), "these need descriptors and do not say so: {too_little:?}");
    let too_much = names(&|field, found| {
        found.seen && !found.depends && field.needs().has(Needs::STATE) && !OF_OTHERS.contains(&&*field.name())
    });
    assert!(too_much.is_empty(), "these need no descriptors and ask for them: {too_much:?}");
    let checked = names(&|_, found| found.depends);
    assert!(checked.len() > 60, "{}", checked.len());
}
