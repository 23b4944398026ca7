//! What a reader of a file with all events knows: everything but what we looked up ourselves.

use std::rc::Rc;

use rustc_hash::FxHashMap;
use tracer_common::events::Effect;

use crate::{
    fields::Context,
    state::{
        ContainerKey, Fd, State, Thread,
        facts::{Facts, FdFact, ThreadFact},
    },
};

/// The most descriptors that are known to be told.
const MAX_FDS: usize = 65_536;
/// The most threads that are known to be in the file.
const MAX_THREADS: usize = 262_144;

/// What was told of threads and descriptors.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// When a thread began, and the container that it is in for a reader; `None` when that is one which is not known here.
    threads: FxHashMap<u32, (u64, Option<ContainerKey>)>,
    /// Descriptors that were looked up, by their table and number.
    fds: FxHashMap<(u32, i32), Rc<Fd>>,
}

impl Known {
    /// Behind the tables of a file.
    pub(super) fn new<'s>(state: &'s State) -> Self {
        // Few lists of cgroups are many threads'.
        let mut read: FxHashMap<&'s [u8], Option<ContainerKey>> = FxHashMap::default();
        let mut as_read = |cgroups: &'s [u8]| *read.entry(cgroups).or_insert_with(|| state.containers.as_read(cgroups));
        let of_thread = |thread: &'s Rc<Thread>| (thread.tid, (thread.start_ns, as_read(&thread.cgroups)));
        let threads = state.threads.iter().map(of_thread).collect();
        Self { threads, fds: FxHashMap::default() }
    }

    /// What has to be told with an event: who its thread is, when the file has not said so; that it is in another container, when
    /// no event said so; and what its descriptor is, when no event told of it.
    pub(super) fn event(&mut self, context: &Context<'_>) -> Option<Facts> {
        // Nearly all events have none, and are many.
        let mut facts: Option<Facts> = None;
        let thread = context.thread?;
        let event = context.event;
        if event.from_file {
            return None;
        }
        // Such an event says who its thread is, and its cgroups.
        let begins = matches!(event.row.effect, Effect::Clone | Effect::Exec) && event.result() == Some(0);
        let as_read = || context.state.containers.as_read(&thread.cgroups);
        let here = Some(context.container);
        let known = self.threads.get_mut(&thread.tid).filter(|(start_ns, _)| *start_ns == thread.start_ns);
        let before = match known {
            Some((_, container)) if begins => {
                *container = here;
                as_read()
            }
            Some((_, container)) => std::mem::replace(container, here),
            None => {
                if self.threads.len() >= MAX_THREADS {
                    self.threads.clear();
                }
                let is_told = begins || !thread.is_stranger;
                if is_told && !begins {
                    facts.get_or_insert_default().threads.push(ThreadFact::from(&**thread));
                }
                let before = as_read();
                self.threads.insert(thread.tid, (thread.start_ns, if is_told { here } else { before }));
                if is_told { before } else { here }
            }
        };
        if before != here {
            let id = context.state.containers.get(context.container).id.clone();
            facts.get_or_insert_default().moved.push((thread.tid, id));
        }
        if let (Some(number), Some(fd)) = (event.fd(), context.fd.filter(|fd| fd.looked_up)) {
            let place = (thread.fds, number);
            if self.fds.get(&place).is_none_or(|told| !Rc::ptr_eq(told, fd)) {
                if self.fds.len() >= MAX_FDS {
                    self.fds.clear();
                }
                self.fds.insert(place, Rc::clone(fd));
                facts.get_or_insert_default().fds.push(FdFact::new(thread.tid, number, fd));
            }
        }
        facts
    }
}
