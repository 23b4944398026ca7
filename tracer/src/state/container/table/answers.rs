//! What engines say, put into the table; and what is over when its time has come.
//!
//! An answer is for the containers of the engine's owner, and for no others: the row is found by the id and the owner
//! together. What all containers keep of what is told has a limit, and so has what is taken at a time.

use std::time::{Duration, Instant};

use super::{Containers, Row};
use crate::state::container::{
    Container, ContainerKey, Lookup, Owner, Spec,
    engine::{Answer, Engines, Metadata, label_bytes, patience},
    runtime::{self, Found, Id},
};

/// A cgroup's id is kept so long after its end, for records that come late.
const AFTER_END: Duration = Duration::from_secs(10);
/// The most answers that are taken at a time: between them, events go on.
const AT_A_TIME: usize = 256;
/// Labels and mounts of all containers together, bytes.
const MAX_DETAILS: usize = 12 << 20;
/// The most containers that an engine alone tells of, where cgroups cannot be seen.
const MAX_BLIND: usize = 4_096;
/// The most containers of users that are waited for at a time.
const MAX_WAITING_OF_USERS: usize = 64;
/// Whoever waits for answers looks so often.
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// Whoever follows changes looks at all containers: not more often than this.
const BETWEEN_CHANGES: Duration = Duration::from_millis(10);

impl Containers {
    /// Takes what the engines said meanwhile. True if a container changed. It never waits.
    pub fn poll(&mut self) -> bool {
        self.take_answers();
        let mut now = None;
        if self.deadlines.iter().any(|waiting| !waiting.is_empty()) || !self.gone.is_empty() {
            self.end_what_is_over(*now.get_or_insert_with(Instant::now));
        }
        if !self.later.is_empty() {
            self.read_what_waits(*now.get_or_insert_with(Instant::now));
        }
        if !self.changed {
            return false;
        }
        let now = now.unwrap_or_else(Instant::now);
        if self.told_change.is_some_and(|last| now.duration_since(last) < BETWEEN_CHANGES) {
            return false;
        }
        self.told_change = Some(now);
        self.changed = false;
        self.generation += 1;
        true
    }

    /// Takes what the engines say until no name can come any more, at most so long, or until `stop` says that it is enough.
    pub fn settle(&mut self, at_most: Duration, stop: impl Fn() -> bool) {
        let end = Instant::now() + at_most;
        while Instant::now() < end && !stop() {
            let _ = self.poll();
            if !self.all().any(|(key, _)| self.pending(key)) {
                return;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    pub(super) fn take_answers(&mut self) {
        for _ in 0..AT_A_TIME {
            let Some(answer) = self.engines.as_ref().and_then(Engines::next) else { return };
            self.take(answer);
        }
    }

    fn end_what_is_over(&mut self, now: Instant) {
        for which in 0..self.deadlines.len() {
            while let Some((at, key)) = self.deadlines[which].front().copied()
                && at <= now
            {
                self.deadlines[which].pop_front();
                self.give_up(key);
            }
        }
        while let Some((since, id)) = self.gone.front().copied()
            && now.duration_since(since) >= AFTER_END
        {
            self.gone.pop_front();
            self.doubtful.remove(&id);
            self.paths.forget(id);
            if self.last.0 == id {
                self.last = (0, ContainerKey::HOST);
            }
            let Some(key) = self.by_cgroup.remove(&id).map(|cgroup| cgroup.key) else { continue };
            if key != ContainerKey::HOST && self.left_cgroup(key) == 0 {
                self.has_ended(key);
            }
        }
    }

    /// Enters a container that was seen by its cgroup, and asks for it.
    pub(super) fn enter(&mut self, found: &Found, owner: Owner) -> ContainerKey {
        let full_id = found.id.full();
        let named = matches!(found.id, Id::Name(_));
        // An engine knows its own containers, and none of those that are made inside of one.
        let is_own = found.runtime.is_told() && found.around.is_empty();
        let may_ask = is_own
            && match found.id {
                Id::Digits(_) => found.runtime.engine.is_some(),
                Id::Name(_) => found.runtime.known_by_name,
                Id::Text(_) => false,
            };
        let claimed = found.claimed();
        let told = if is_own { self.unseen.take(owner, &claimed) } else { None };
        let whose = usize::from(!owner.is_machine());
        let asked = may_ask && self.engines.as_ref().is_some_and(|engines| engines.ask(owner, &claimed));
        let asked = asked && (owner.is_machine() || self.deadlines[whose].len() < MAX_WAITING_OF_USERS);
        // Of those that have been there for long, the engine's list tells all.
        let is_read = is_own && owner.is_machine() && told.is_none() && !(self.is_scanning && asked);
        let written = if is_read { self.written.read(found) } else { None };
        let lookup = match (named, asked) {
            (_, true) => Lookup::Pending,
            (true, false) => Lookup::Known,
            (false, false) => Lookup::None,
        };
        let key = self.add(Container {
            id: found.id.short().to_owned(),
            full_id: full_id.to_owned(),
            around: found.around.clone(),
            owner,
            runtime: found.runtime.name,
            name: named.then(|| full_id.to_owned()),
            lookup,
            ..Container::default()
        });
        self.bind(key, found, owner);
        if lookup == Lookup::Pending {
            self.deadlines[whose].push_back((Instant::now() + patience(owner), key));
        }
        if is_read && written.is_none() && self.written.may_come(found) {
            self.read_later(key);
        }
        if let Some(metadata) = written {
            self.describe(key, metadata);
            // The engine has more to say, and lines wait for it.
            if let Some(row) = self.row(key).filter(|_| asked) {
                row.container.lookup = Lookup::Pending;
            }
        }
        if let Some(metadata) = told {
            self.describe(key, metadata);
        }
        key
    }

    pub(super) fn take(&mut self, answer: Answer) {
        let of = |owner, id: &str| runtime::identity(id, owner, &[]);
        match answer {
            Answer::Found(owner, metadata) => self.take_metadata(owner, *metadata),
            Answer::NotFound(owner, id) => {
                if let Some(key) = self.by_identity.get(&of(owner, &id)).copied() {
                    self.read_written(key);
                    self.give_up(key);
                }
            }
            Answer::Ended(owner, id) => {
                if let Some(key) = self.by_identity.get(&of(owner, &id)).copied() {
                    self.has_ended(key);
                }
            }
            Answer::Note(note) => self.notes.push(note),
        }
    }

    /// Takes what is written about a container of the machine that no engine knows, and that was not read when it was entered.
    fn read_written(&mut self, key: ContainerKey) {
        let Some(found) = self.as_found(key) else { return };
        if self.get(key).name.is_some() && matches!(found.id, Id::Digits(_)) {
            return;
        }
        if let Some(metadata) = self.written.read(&found) {
            self.describe(key, metadata);
        }
    }

    fn take_metadata(&mut self, owner: Owner, metadata: Metadata) {
        let identity = runtime::identity(&metadata.key(), owner, &[]);
        if let Some(key) = self.by_identity.get(&identity).copied() {
            return self.describe(key, metadata);
        }
        if !self.is_blind || !owner.is_machine() || self.list.len() >= MAX_BLIND {
            return self.unseen.keep(owner, metadata);
        }
        let full_id = metadata.full_id.clone();
        let id = match &metadata.namespace {
            _ if runtime::is_full_id(&full_id) => Id::Digits(full_id),
            Some(_) => Id::Text(full_id),
            None => Id::Name(full_id),
        };
        let named = matches!(id, Id::Name(_)).then(|| id.full().to_owned());
        let (short, full_id) = (id.short().to_owned(), id.full().to_owned());
        let key = self.add(Container { id: short, full_id, name: named, ..Container::default() });
        self.by_identity.insert(identity, key);
        self.describe(key, metadata);
    }

    /// Writes down what an engine says of a container that is there.
    pub(super) fn describe(&mut self, key: ContainerKey, mut metadata: Metadata) {
        let is_claim = self.get(key).owner != Owner::Machine;
        // Of users all together no more than a quarter.
        let max = if is_claim { MAX_DETAILS / 4 } else { MAX_DETAILS };
        let kept = usize::from(is_claim);
        let Some(old) = self.row(key).map(|row| details(&row.container)) else { return };
        if self.details[kept] - old + metadata.detail_bytes() > max {
            (metadata.labels, metadata.spec) = (None, None);
        }
        let Some(Row { container, ended, .. }) = self.row(key) else { return };
        let Metadata { full_id: _, namespace: _, runtime, name, image, image_id, ip, privileged, labels, spec } =
            metadata;
        let mut changed = std::mem::take(ended) | (container.runtime != runtime) | (container.lookup != Lookup::Known);
        container.runtime = runtime;
        container.lookup = Lookup::Known;
        for (new, old) in [
            (name, &mut container.name),
            (image, &mut container.image),
            (image_id, &mut container.image_id),
            (ip, &mut container.ip),
        ] {
            changed |= new.is_some() && new != *old;
            *old = new.or_else(|| old.take());
        }
        changed |= privileged.is_some() && privileged != container.privileged;
        container.privileged = privileged.or(container.privileged);
        if let Some(labels) = labels.filter(|labels| *labels != container.labels) {
            (container.labels, changed) = (labels, true);
        }
        if let Some(spec) = spec {
            let before = container.spec.clone();
            container.spec.update(spec);
            changed |= before != container.spec;
        }
        let new = details(container);
        self.details[kept] = self.details[kept] - old + new;
        self.changed |= changed;
    }

    /// Forgets labels and how it was made.
    pub(super) fn shed(&mut self, key: ContainerKey) {
        let Some(row) = self.row(key) else { return };
        let (old, is_claim) = (details(&row.container), row.container.owner != Owner::Machine);
        row.container.labels.clear();
        row.container.spec = Spec::default();
        let kept = &mut self.details[usize::from(is_claim)];
        *kept = kept.saturating_sub(old);
    }

    /// Nobody answered in time. The answer is still taken if it comes.
    fn give_up(&mut self, key: ContainerKey) {
        if let Some(row) = self.row(key)
            && row.container.lookup == Lookup::Pending
        {
            row.container.lookup = if row.container.name.is_some() { Lookup::Known } else { Lookup::None };
            self.changed = true;
        }
    }
}

/// How much of the room for details a container takes.
pub(super) fn details(container: &Container) -> usize {
    label_bytes(&container.labels) + container.spec.bytes()
}
