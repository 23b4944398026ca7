//! What a capture file says of containers, put into the table.

use super::Containers;
use crate::state::container::{Container, ContainerKey, Lookup, told::Told};

/// The most containers that captures may tell of; beyond, only those that are known already are described.
const MAX_TOLD: usize = 16_384;

impl Containers {
    /// Takes what a container event says. What is not as it should be is left out.
    pub fn told(&mut self, told: Told) {
        let Some(key) = self.by_told_id(&told) else { return };
        let Some(row) = self.row(key) else { return };
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
        if let Some(key) = self.by_told.get(&told.id) {
            return Some(*key);
        }
        let same = |container: &Container| container.id == told.id || container.full_id == told.id;
        let known = self.all().find(|(_, container)| same(container)).map(|(key, _)| key);
        if known.is_none() && self.by_told.len() >= MAX_TOLD {
            return None;
        }
        let key = known.unwrap_or_else(|| {
            let full_id = if told.full_id.is_empty() { &told.id } else { &told.full_id };
            let (id, full_id) = (told.id.clone(), full_id.clone());
            self.add(Container { id, full_id, runtime: "unknown", ..Container::default() })
        });
        self.by_told.insert(told.id.clone(), key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_capture_cannot_fill_the_memory_with_containers() {
        let mut containers = Containers::default();
        for number in 0..MAX_TOLD + 10 {
            containers.told(Told { id: number.to_string(), ..Told::default() });
        }
        assert_eq!(containers.all().count(), MAX_TOLD + 1, "and the host");
    }
}
