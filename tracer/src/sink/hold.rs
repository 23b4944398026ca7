//! Events that wait for the name of their container.

use std::{collections::VecDeque, mem, rc::Rc};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    event::OwnedEvent,
    fields::{Context, Times},
    format::escape::escaped,
    message::note,
    state::{ContainerKey, Fd, State, Thread, container::Lookup},
};

/// How long an event waits at most, nanoseconds.
const PATIENCE_NS: u64 = 1_500_000_000;
/// The most events that wait.
pub(super) const MAX_EVENTS: usize = 32_768;
/// The most bytes that they hold.
const MAX_BYTES: usize = 32 << 20;
/// What an event holds besides its parameters.
const EVENT_BYTES: usize = 256;

/// An event that waits.
#[derive(Debug)]
pub(super) struct Held {
    event: OwnedEvent,
    thread: Option<Rc<Thread>>,
    fd: Option<Rc<Fd>>,
    fd_out: Option<Rc<Fd>>,
    container: ContainerKey,
    times: Times,
}

impl Held {
    /// The event, with its thread and descriptor as they are now.
    pub(super) fn new(context: &Context<'_>) -> Self {
        Self {
            event: context.event.to_owned(),
            thread: context.thread.cloned(),
            fd: context.fd.cloned(),
            fd_out: context.fd_out.cloned(),
            container: context.container,
            times: context.times,
        }
    }

    pub(super) fn container(&self) -> ContainerKey {
        self.container
    }

    pub(super) fn bytes(&self) -> usize {
        self.event.len_bytes() + EVENT_BYTES
    }

    /// The event with its thread and descriptor as they were, and everything else as it is now.
    pub(super) fn with<R>(&self, state: &State, show: impl FnOnce(&Context<'_>) -> R) -> R {
        let event = self.event.as_event();
        show(&Context {
            event: &event,
            thread: self.thread.as_ref(),
            fd: self.fd.as_ref(),
            fd_out: self.fd_out.as_ref(),
            container: self.container,
            state,
            times: self.times,
        })
    }
}

/// The events that wait, a queue for each container.
#[derive(Debug, Default)]
pub(super) struct Hold {
    queues: FxHashMap<ContainerKey, VecDeque<Held>>,
    /// Containers whose name did not come in time: their events wait no more.
    gave_up: FxHashSet<ContainerKey>,
    count: usize,
    bytes: usize,
    /// Those of users, whose events make way first: a user decides how many there are, and how long they wait.
    of_users: FxHashSet<ContainerKey>,
    /// Whether it was said that a name did not come in time, and that there were too many events to wait for.
    pub(super) said: [bool; 2],
}

impl Hold {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn has(&self, container: ContainerKey) -> bool {
        self.queues.contains_key(&container)
    }

    pub(super) fn gave_up(&self, container: ContainerKey) -> bool {
        self.gave_up.contains(&container)
    }

    pub(super) fn push(&mut self, context: &Context<'_>) {
        let held = Held::new(context);
        self.count += 1;
        self.bytes += held.bytes();
        let queue = self.queues.entry(context.container).or_default();
        if queue.is_empty() && !context.state.containers.get(context.container).owner.is_machine() {
            self.of_users.insert(context.container);
        }
        queue.push_back(held);
    }

    fn pop(&mut self, container: ContainerKey) -> Option<Held> {
        let queue = self.queues.get_mut(&container)?;
        let held = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&container);
            self.of_users.remove(&container);
        }
        let held = held?;
        self.count -= 1;
        self.bytes -= held.bytes();
        Some(held)
    }

    /// The oldest event, when there are too many. That is said once.
    pub(super) fn overflow(&mut self) -> Option<Held> {
        if self.count <= MAX_EVENTS && self.bytes <= MAX_BYTES {
            return None;
        }
        if !mem::replace(&mut self.said[1], true) {
            note(&format!(
                "more than {MAX_EVENTS} events wait for the name of their container: the oldest are taken without it, and a filter by name \
                 does not match them"
            ));
        }
        let fronts = self.queues.iter().filter_map(|(key, queue)| Some((time(queue.front()?), *key)));
        let (_, (_, oldest)) = fronts.map(|front| (!self.of_users.contains(&front.1), front)).min()?;
        self.pop(oldest)
    }

    /// The next event that waits no more: its container has got its name, nobody will give it one, or it took too long.
    pub(super) fn next(&mut self, state: &State, now_ns: u64) -> Option<Held> {
        let ready = self.queues.iter().find_map(|(key, queue)| {
            let late = time(queue.front()?).saturating_add(PATIENCE_NS) <= now_ns;
            let pending = state.containers.get(*key).lookup == Lookup::Pending;
            (late || !pending).then_some((*key, late && pending))
        });
        let (container, late) = ready?;
        if late {
            self.gave_up.insert(container);
            if !mem::replace(&mut self.said[0], true) {
                let id = &state.containers.get(container).id;
                note(&format!(
                    "the name of container {} did not come within {} s: its events are taken without it, and a filter by name does not match \
                     them until it is known",
                    escaped(id.as_bytes()),
                    PATIENCE_NS as f64 / 1e9
                ));
            }
        }
        self.pop(container)
    }
}

fn time(held: &Held) -> u64 {
    held.event.as_event().time_ns
}
