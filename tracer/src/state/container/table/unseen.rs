//! What engines tell of containers whose cgroup was not seen, kept for a while.
//!
//! An engine's event may come before the record of the cgroup. Containers are entered for cgroups alone, which are facts:
//! what is told of others has a small room of its own, and the oldest makes way.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::state::container::{Owner, engine::Metadata};

/// How much is kept of what the machine's engines tell, and of what all users' engines do together, bytes.
const MAX_BYTES: [usize; 2] = [2 << 20, 512 << 10];

#[derive(Debug, Default)]
struct Room {
    by_id: FxHashMap<(Owner, String), Metadata>,
    order: VecDeque<(Owner, String)>,
    bytes: usize,
}

/// What waits for its cgroup.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    rooms: [Room; 2],
}

impl Unseen {
    /// Keeps it. What was told of the same container before is replaced, as far as this says more.
    pub(super) fn keep(&mut self, owner: Owner, mut metadata: Metadata) {
        let id = (owner, metadata.key());
        let which = usize::from(!owner.is_machine());
        let room = &mut self.rooms[which];
        if let Some(old) = room.by_id.remove(&id) {
            room.bytes -= cost(&old);
            metadata = merged(old, metadata);
        } else {
            room.order.push_back(id.clone());
        }
        room.bytes += cost(&metadata);
        room.by_id.insert(id, metadata);
        while room.bytes > MAX_BYTES[which]
            && let Some(oldest) = room.order.pop_front()
        {
            room.bytes -= room.by_id.remove(&oldest).as_ref().map_or(0, cost);
        }
    }

    /// What is kept of the container of that id.
    pub(super) fn take(&mut self, owner: Owner, key: &str) -> Option<Metadata> {
        let room = &mut self.rooms[usize::from(!owner.is_machine())];
        if room.by_id.is_empty() {
            return None;
        }
        let id = (owner, key.to_owned());
        let metadata = room.by_id.remove(&id)?;
        room.bytes -= cost(&metadata);
        // Few wait at a time: containers are seen soon.
        room.order.retain(|other| *other != id);
        Some(metadata)
    }
}

/// With its place in the map and in the order.
fn cost(metadata: &Metadata) -> usize {
    metadata.bytes() + 2 * (metadata.key().len() + size_of::<(Owner, String)>())
}

/// The later of two, and what only the earlier one says.
fn merged(old: Metadata, new: Metadata) -> Metadata {
    Metadata {
        name: new.name.or(old.name),
        image: new.image.or(old.image),
        image_id: new.image_id.or(old.image_id),
        ip: new.ip.or(old.ip),
        privileged: new.privileged.or(old.privileged),
        labels: new.labels.or(old.labels),
        spec: match (old.spec, new.spec) {
            (Some(mut old), Some(new)) => {
                old.update(new);
                Some(old)
            }
            (old, new) => new.or(old),
        },
        ..new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(id: &str, name: &str) -> Metadata {
        Metadata { full_id: id.into(), runtime: "lxc", name: Some(name.into()), ..Metadata::default() }
    }

    #[test]
    fn it_waits_for_the_owner_it_is_for() {
        let mut unseen = Unseen::default();
        unseen.keep(Owner::User(7), told("a", "of a user"));
        unseen.keep(Owner::Machine, told("a", "of the machine"));
        unseen.keep(Owner::Machine, Metadata { ip: Some("1.2.3.4".into()), ..told("a", "renamed") });
        assert_eq!(unseen.take(Owner::User(8), "lxc:a"), None);
        assert_eq!(unseen.take(Owner::User(7), "lxc:a").unwrap().name.as_deref(), Some("of a user"));
        let found = unseen.take(Owner::Machine, "lxc:a").unwrap();
        assert_eq!((found.name.as_deref(), found.ip.as_deref()), (Some("renamed"), Some("1.2.3.4")));
        assert_eq!(unseen.take(Owner::Machine, "lxc:a"), None);
        assert!(unseen.rooms.iter().all(|room| room.bytes == 0 && room.order.is_empty()));
    }

    #[test]
    fn the_oldest_make_way_and_users_take_no_room_of_the_machine() {
        let mut unseen = Unseen::default();
        unseen.keep(Owner::Machine, told("kept", "kept"));
        for number in 0..100_000 {
            unseen.keep(Owner::User(7), told(&number.to_string(), &"x".repeat(1000)));
        }
        let room = &unseen.rooms[1];
        assert!(room.bytes <= MAX_BYTES[1] && room.by_id.len() == room.order.len(), "{}", room.bytes);
        assert!(unseen.take(Owner::Machine, "lxc:kept").is_some());
        assert_eq!(unseen.take(Owner::User(7), "lxc:0"), None);
        assert!(unseen.take(Owner::User(7), "lxc:99999").is_some());
    }
}
