//! What a capture file says of containers, put into the table.

use super::Containers;
use crate::state::container::{Container, ContainerKey, Lookup, runtime, told::Told};

/// The most containers that captures may tell of; beyond, only those that are known already are described.
const MAX_TOLD: usize = 16_384;

/// For how many folders all threads are looked at again: a capture of many threads and folders would take long.
const MAX_PARTED: usize = 256;

impl Containers {
    /// Learns whose the folder of a container of a user was. Returns that folder if this was not known: threads below it may have
    /// been taken for those of a container of the machine.
    pub fn learn_maker(&mut self, told: &Told) -> Option<String> {
        let owner = told.owner.filter(|owner| !owner.is_machine())?;
        let parent = told.parent.as_ref()?;
        if self.told_makers.len() >= MAX_TOLD {
            return None;
        }
        let before = self.told_makers.insert(parent.clone(), owner);
        (before != Some(owner) && self.told_makers.len() <= MAX_PARTED).then(|| parent.clone())
    }

    /// Takes what a container event says. What is not as it should be is left out.
    pub fn told(&mut self, told: Told) {
        self.learn_maker(&told);
        let Some(key) = self.by_told_id(&told) else { return };
        let Some(row) = self.row(key) else { return };
        row.told_owner = told.owner.or(row.told_owner);
        let container = &mut row.container;
        let keep = |new: String, old: &mut Option<String>| {
            if !new.is_empty() {
                *old = Some(new);
            }
        };
        keep(told.name, &mut container.name);
        keep(told.image, &mut container.image);
        keep(told.image_id, &mut container.image_id);
        keep(told.ip, &mut container.ip);
        container.privileged = told.privileged.or(container.privileged);
        container.runtime = told.runtime.unwrap_or(container.runtime);
        if !told.labels.is_empty() {
            container.labels = told.labels;
        }
        container.spec = told.spec;
        container.lookup = Lookup::Known;
        self.changed = true;
    }

    /// The container of that id, which is added if there is room.
    fn by_told_id(&mut self, told: &Told) -> Option<ContainerKey> {
        if let Some(key) = self.by_told.get(&told.id).copied().filter(|key| self.may_be(*key, told)) {
            return Some(key);
        }
        let known = self.by_own_word(told).or_else(|| {
            let same = |container: &Container| container.id == told.id || container.full_id == told.id;
            let same = self.all().filter(|(key, container)| same(container) && self.may_be(*key, told));
            // Where nothing is said of it, the machine's is meant and not a claim.
            same.min_by_key(|(_, container)| !container.owner.is_machine()).map(|(key, _)| key)
        });
        if known.is_none() && self.by_told.len() >= MAX_TOLD {
            return None;
        }
        let key = known.unwrap_or_else(|| {
            let full_id = if told.full_id.is_empty() { &told.id } else { &told.full_id };
            let (id, full_id) = (told.id.clone(), full_id.clone());
            let owner = told.owner.unwrap_or_default();
            self.add(Container { id, full_id, owner, runtime: "unknown", ..Container::default() })
        });
        self.by_told.insert(told.id.clone(), key);
        Some(key)
    }

    /// Whether what is told can be told of that container.
    fn may_be(&self, key: ContainerKey, told: &Told) -> bool {
        told.owner.is_none_or(|owner| self.get(key).owner == owner)
    }

    /// The container of a user, by what its capture says of the folder that its cgroup was in. If its cgroup was seen before
    /// that was said, it was taken for one of the machine.
    fn by_own_word(&mut self, told: &Told) -> Option<ContainerKey> {
        let owner = told.owner.filter(|owner| !owner.is_machine())?;
        let parent = told.parent.as_ref()?;
        let id = told.full_id.split('@').next()?;
        let claimed = [id.to_owned(), runtime::named(told.runtime.unwrap_or_default(), id)];
        let is_it = |key: &ContainerKey| {
            let row = self.list.get(key.0 as usize).and_then(Option::as_deref);
            row.is_some_and(|row| row.parent == *parent && row.container.owner == owner)
        };
        if let Some(key) = claimed.iter().find_map(|claimed| self.claims.find(claimed, is_it)) {
            return Some(key);
        }
        let key = claimed.iter().find_map(|claimed| self.by_identity.get(claimed)).copied()?;
        self.row(key).filter(|row| row.parent == *parent)?;
        self.bind_anew(key, owner);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::container::Owner;

    #[test]
    fn a_container_of_a_capture_gets_its_name() {
        let mut containers = Containers::default();
        let cgroups = b"cpu=/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\0";
        let key = containers.of_cgroups(cgroups);
        assert_eq!(containers.get(key).id, "0123456789ab");
        let json = br#"{"container":{"id":"0123456789ab","name":"/web","image":"nginx:1","labels":{"a":"b"}}}"#;
        containers.told(Told::parse(json).unwrap());
        let container = containers.get(key);
        assert_eq!((container.name.as_deref(), container.image.as_deref()), (Some("web"), Some("nginx:1")));
        assert_eq!(container.labels.get("a").map(String::as_str), Some("b"));
        assert_eq!(Told::parse(b"{"), None);
    }

    #[test]
    fn a_capture_tells_a_claim_and_what_it_claims_apart() {
        const ID: &str = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";
        let slice = "/user.slice/user-7.slice/user@7.service";
        // Whose a folder outside of a user's slice is, only the capture tells: then it has to come first.
        let of_service =
            [[2, 3, 0, 1], [3, 2, 1, 0], [1, 3, 0, 2], [3, 0, 1, 2]].map(|order| ("/system.slice/ci.service", order));
        let of_slice =
            [[0, 1, 2, 3], [1, 0, 2, 3], [2, 1, 3, 0], [1, 2, 0, 3], [3, 2, 1, 0]].map(|order| (slice, order));
        for (parent, order) in of_service.into_iter().chain(of_slice) {
            let (system, claim) = (format!("cpu=/docker/{ID}\0"), format!("cpu={parent}/docker-{ID}.scope\0"));
            let told_system =
                format!(r#"{{"container":{{"id":"abcdef012345","full_id":"{ID}","name":"web","claimed":false}}}}"#);
            let told_claim = format!(
                r#"{{"container":{{"id":"abcdef012345@7","full_id":"{ID}@7","claimed":true,"claimed_by":7,"cgroup_parent":"{parent}"}}}}"#
            );
            let mut containers = Containers::default();
            let (mut of_system, mut of_claim) = (None, None);
            for step in order {
                match step {
                    0 => of_system = Some(containers.of_cgroups(system.as_bytes())),
                    1 => of_claim = Some(containers.of_cgroups(claim.as_bytes())),
                    2 => containers.told(Told::parse(told_system.as_bytes()).unwrap()),
                    _ => containers.told(Told::parse(told_claim.as_bytes()).unwrap()),
                }
            }
            let shown = |key: Option<ContainerKey>| {
                let container = containers.get(key.unwrap());
                (container.id.as_str(), container.name.as_deref(), container.owner)
            };
            assert_eq!(shown(of_system), ("abcdef012345", Some("web"), Owner::Machine), "{parent} {order:?}");
            assert_eq!(shown(of_claim), ("abcdef012345@7", None, Owner::User(7)), "{parent} {order:?}");
        }
    }

    #[test]
    fn a_capture_cannot_fill_the_memory_with_containers() {
        let mut containers = Containers::default();
        for number in 0..MAX_TOLD + 10 {
            containers.told(Told { id: number.to_string(), ..Told::default() });
        }
        assert_eq!(containers.all().count(), MAX_TOLD + 1, "and the host");
    }
}
