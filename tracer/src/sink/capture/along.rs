//! Reading along: what a reader of the file knows when it comes to an event.
//!
//! Behind a filter the file has only a part of the events, and a reader knows less than we do: it never saw the `open` of a
//! descriptor, or the start of a parent. The events that are written go into a state of their own, as a reader applies them. What
//! an event shows that this state does not know is told behind it.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use tracer_common::kind::Kind;

use super::tables;
use crate::{
    event::{Event, ParamValue},
    fields::Context,
    state::{
        Fd, State, Thread, effects,
        facts::{Facts, FdFact, ThreadFact},
    },
};

/// What a reader knows.
#[derive(Debug, Default)]
pub(super) struct Along {
    state: State,
    /// Threads that were found to be the same, with their ancestors, and how often threads had changed here and there then.
    same: FxHashMap<u32, (u64, u64)>,
    /// Threads that were found to be the same, and their versions here and there.
    equal: FxHashMap<u32, (u64, u64)>,
}

impl Along {
    /// A reader that has read these blocks, and these facts.
    pub(super) fn new(blocks: &[u8], facts: &Facts) -> Self {
        let mut state = tables::read_back(blocks);
        facts.clone().apply(&mut state);
        Self { state, ..Self::default() }
    }

    /// Takes an event that is written. Returns what has to be told with it.
    pub(super) fn event(&mut self, context: &Context<'_>) -> Facts {
        let event = self.as_read(context.event);
        effects::before(&mut self.state, &event);
        let mut facts = Facts::default();
        if let Some(thread) = context.thread {
            let changes = (context.state.threads.changes(), self.state.threads.changes());
            if self.same.get(&thread.tid) != Some(&changes) {
                self.thread(context.state, thread, &mut facts);
                for ancestor in context.state.ancestors(thread) {
                    self.thread(context.state, ancestor, &mut facts);
                }
                if facts.threads.is_empty() {
                    remember(&mut self.same, thread.tid, changes);
                }
            }
            self.mentioned(context, thread, &mut facts);
            let container = &context.state.containers.get(context.container).id;
            // A reader that is told of a thread goes by the cgroups that it began with.
            let known = if facts.threads.iter().any(|fact| fact.tid == thread.tid) {
                self.state.containers.of_cgroups(&thread.cgroups)
            } else {
                self.state.thread(thread.tid).map(|thread| thread.container).unwrap_or_default()
            };
            if *container != self.state.containers.get(known).id && !container.is_empty() {
                facts.moved.push((thread.tid, container.clone()));
            }
        }
        if !facts.is_empty() {
            facts.clone().apply(&mut self.state);
            // It applies them before the event, and this one is over.
            self.state.told_container = None;
        }
        facts
    }

    /// A thread ended, and that is not written. False when the reader knows no such thread that lives.
    pub(super) fn ends(&mut self, event: &Event<'_>) -> bool {
        let is_known = self.state.thread(event.tid).is_some_and(|thread| thread.exited_ns.is_none());
        if is_known {
            effects::ended(&mut self.state, event.tid, event.time_ns);
        }
        is_known
    }

    /// To be called for the same event when it is written.
    pub(super) fn after(&mut self, event: &Event<'_>) {
        let event = self.as_read(event);
        effects::after(&mut self.state, &event);
    }

    fn as_read<'a>(&self, event: &Event<'a>) -> Event<'a> {
        let event = Event { from_file: true, ..*event };
        Event { tgid: effects::process_of(&self.state, &event), ..event }
    }

    /// A thread, if the reader knows another one.
    fn thread(&mut self, state: &State, thread: &Thread, facts: &mut Facts) {
        let known = self.state.thread(thread.tid).cloned();
        let versions = known.as_ref().map(|known| (thread.version, known.version));
        if thread.is_stranger || versions.is_some() && self.equal.get(&thread.tid) == versions.as_ref() {
            return;
        }
        if let (Some(known), Some(versions)) = (&known, versions)
            && is_same(thread, known)
        {
            remember(&mut self.equal, thread.tid, versions);
            return;
        }
        if facts.threads.iter().any(|fact| fact.tid == thread.tid) {
            return;
        }
        // Descriptors are shared with the main thread.
        if !thread.is_main()
            && let Some(leader) = state.thread(thread.pid)
        {
            self.thread(state, leader, facts);
        }
        let mut fact = ThreadFact::from(thread);
        // The main thread was told just before.
        let leader = state.thread(thread.pid).filter(|_| known.is_none() && !thread.is_main());
        if known.as_ref().or(leader).is_some_and(|known| known.env == thread.env) {
            fact.env = None;
        }
        facts.threads.push(fact);
    }

    /// What the parameters mention: descriptors of the thread, and other threads.
    fn mentioned(&mut self, context: &Context<'_>, thread: &Thread, facts: &mut Facts) {
        let own = context.event.fd();
        let params = &context.event.params;
        let fd = |number: i64, facts: &mut Facts, it: &Self| {
            if let Some(number) = i32::try_from(number).ok().filter(|number| *number >= 0 && Some(*number) != own) {
                it.fd(thread, number, context.state.fd(thread, number), facts);
            }
        };
        for (at, param) in context.event.row.params.iter().enumerate() {
            match param.kind {
                Kind::Fd | Kind::Fd32 => {
                    if at == 0 && !context.event.returns_fd() {
                        continue;
                    }
                    if let Some(number) = params.i64(at) {
                        fd(number, facts, self);
                    }
                }
                Kind::FdList => {
                    if let ParamValue::FdList(list) = params.value(at) {
                        list.iter().for_each(|(number, _)| fd(number, facts, self));
                    }
                }
                Kind::Pid | Kind::Pid32 => {
                    let tid = params.i64(at).and_then(|tid| u32::try_from(tid).ok());
                    let other = tid.filter(|tid| *tid != thread.tid).and_then(|tid| context.state.thread(tid));
                    if let Some(other) = other {
                        self.thread(context.state, other, facts);
                    }
                }
                _ => {}
            }
        }
        // As it was when the event happened.
        if let Some(number) = own {
            self.fd(thread, number, context.fd, facts);
        }
    }

    fn fd(&self, thread: &Thread, number: i32, fd: Option<&Rc<Fd>>, facts: &mut Facts) {
        let known = self.state.thread(thread.tid).and_then(|thread| self.state.fd(thread, number));
        match (fd, known) {
            (Some(fd), known) if known.is_none_or(|known| tables::differs(fd, known)) => {
                facts.fds.push(FdFact::new(thread.tid, number, fd));
            }
            (None, Some(_)) => facts.fds.push(FdFact::gone(thread.tid, number)),
            _ => {}
        }
    }
}

/// The most threads that are remembered.
const MAX_THREADS: usize = 262_144;

fn remember(threads: &mut FxHashMap<u32, (u64, u64)>, tid: u32, numbers: (u64, u64)) {
    if threads.len() >= MAX_THREADS {
        threads.clear();
    }
    threads.insert(tid, numbers);
}

/// Whether people see the same of both.
fn is_same(one: &Thread, other: &Thread) -> bool {
    let numbers = |thread: &Thread| {
        let ids = [thread.pid, thread.ppid, thread.vtid, thread.vpid, thread.pgid, thread.vpgid, thread.sid];
        (ids, thread.uid, thread.gid, thread.loginuid, thread.tty, thread.start_ns)
    };
    numbers(one) == numbers(other)
        && one.comm == other.comm
        && one.exe == other.exe
        && one.exepath == other.exepath
        && one.args == other.args
        && one.env == other.env
        && one.cwd == other.cwd
        && one.cgroups == other.cgroups
}
