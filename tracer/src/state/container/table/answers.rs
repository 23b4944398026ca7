//! What engines say, put into the table; and what is over when its time has come.

use std::time::{Duration, Instant};

use super::{Containers, Row};
use crate::state::container::{
    Container, ContainerKey, Lookup,
    engine::{Answer, DEADLINE, Engines, Metadata},
    runtime::{self, Found, Id},
};

/// A cgroup's id is kept so long after its end, for records that come late.
const AFTER_END: Duration = Duration::from_secs(10);

impl Containers {
    /// Takes what the engines said meanwhile. True if a container changed. It never waits.
    pub fn poll(&mut self) -> bool {
        self.take_answers();
        if !self.deadlines.is_empty() || !self.gone.is_empty() {
            self.end_what_is_over(Instant::now());
        }
        let changed = std::mem::take(&mut self.changed);
        self.generation += u64::from(changed);
        changed
    }

    pub(super) fn take_answers(&mut self) {
        while let Some(answer) = self.engines.as_ref().and_then(Engines::next) {
            self.take(answer);
        }
    }

    fn end_what_is_over(&mut self, now: Instant) {
        while let Some((at, key)) = self.deadlines.front().copied()
            && at <= now
        {
            self.deadlines.pop_front();
            self.give_up(key);
        }
        while let Some((since, id)) = self.gone.front().copied()
            && now.duration_since(since) >= AFTER_END
        {
            self.gone.pop_front();
            self.doubtful.remove(&id);
            if self.last.0 == id {
                self.last = (0, ContainerKey::HOST);
            }
            let Some(key) = self.by_cgroup.remove(&id).map(|cgroup| cgroup.key) else { continue };
            if key != ContainerKey::HOST && self.by_cgroup.values().all(|other| other.key != key) {
                self.has_ended(key);
            }
        }
    }

    /// Enters a container that was seen by its cgroup, and asks for it.
    pub(super) fn enter(&mut self, found: &Found) -> ContainerKey {
        let full_id = found.id.full();
        let named = matches!(found.id, Id::Name(_));
        let may_ask = found.runtime.engine && matches!(found.id, Id::Digits(_));
        let asked = may_ask && self.engines.as_ref().is_some_and(|engines| engines.ask(full_id));
        let lookup = match (named, asked) {
            (true, _) => Lookup::Known,
            (false, true) => Lookup::Pending,
            (false, false) => Lookup::None,
        };
        let key = self.add(Container {
            id: found.id.short().to_owned(),
            full_id: full_id.to_owned(),
            around: found.around.clone(),
            runtime: found.runtime.name,
            name: named.then(|| full_id.to_owned()),
            lookup,
            ..Container::default()
        });
        self.by_identity.insert(found.identity(), key);
        if lookup == Lookup::Pending {
            self.deadlines.push_back((Instant::now() + DEADLINE, key));
        }
        key
    }

    pub(super) fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Found(metadata) => self.take_metadata(*metadata),
            Answer::NotFound(id) => {
                if let Some(key) = self.by_identity.get(&id).copied() {
                    self.give_up(key);
                }
            }
            Answer::Ended(id) => {
                if let Some(key) = self.by_identity.get(&id).copied() {
                    self.has_ended(key);
                }
            }
            Answer::Note(note) => self.notes.push(note),
        }
    }

    fn take_metadata(&mut self, metadata: Metadata) {
        let Metadata { full_id, runtime, name, image, image_id, ip, privileged, labels, spec } = metadata;
        if !runtime::is_full_id(&full_id) {
            return;
        }
        let key = self.by_identity.get(&full_id).copied().unwrap_or_else(|| {
            let id = Id::Digits(full_id.clone());
            let key =
                self.add(Container { id: id.short().to_owned(), full_id: full_id.clone(), ..Container::default() });
            self.by_identity.insert(full_id, key);
            key
        });
        let Some(Row { container, ended }) = self.row(key) else { return };
        *ended = false;
        container.runtime = runtime;
        container.lookup = Lookup::Known;
        container.name = name.or_else(|| container.name.take());
        container.image = image.or_else(|| container.image.take());
        container.image_id = image_id.or_else(|| container.image_id.take());
        container.ip = ip.or_else(|| container.ip.take());
        container.privileged = privileged.or(container.privileged);
        if let Some(labels) = labels {
            container.labels = labels;
        }
        if let Some(spec) = spec {
            container.spec = spec;
        }
        self.changed = true;
    }

    /// Nobody answered in time. The answer is still taken if it comes.
    fn give_up(&mut self, key: ContainerKey) {
        if let Some(row) = self.row(key)
            && row.container.lookup == Lookup::Pending
        {
            row.container.lookup = Lookup::None;
            self.changed = true;
        }
    }
}
