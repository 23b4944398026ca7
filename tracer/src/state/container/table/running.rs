//! Containers that run, with their cgroups: for what the kernel's files say of them.

use super::Containers;
use crate::state::container::{Container, ContainerKey};

/// A longer path is not kept: users can make cgroups, and give them any name.
const MAX_PATH: usize = 1_024;

impl Containers {
    /// Containers that run, without the host, each with the path of its cgroup, which is relative to the root of the hierarchies.
    pub fn running(&self) -> impl Iterator<Item = (ContainerKey, &Container, &str)> {
        let rows =
            self.list.iter().enumerate().filter_map(|(key, row)| Some((u32::try_from(key).ok()?, row.as_deref()?)));
        rows.filter(|(_, row)| !row.ended && !row.cgroup.is_empty())
            .map(|(key, row)| (ContainerKey(key), &row.container, row.cgroup.as_str()))
    }

    /// The cgroup of a container; empty when it is not known.
    #[must_use]
    pub fn cgroup(&self, key: ContainerKey) -> &str {
        self.list.get(key.0 as usize).and_then(Option::as_deref).map_or("", |row| &row.cgroup)
    }

    /// A path in a container's cgroup was seen, which is in the folder `parent`.
    pub(super) fn keep_cgroup(&mut self, key: ContainerKey, path: &str, parent: &str) {
        let inside = parent.trim_end_matches('/').len();
        let Some(name) = path.get(inside + 1..) else { return };
        let end = inside + 1 + name.find('/').unwrap_or(name.len());
        let Some(row) = self.row(key).filter(|row| row.cgroup.len() != end || row.cgroup != path[..end]) else {
            return;
        };
        row.cgroup.clear();
        if end <= MAX_PATH {
            row.cgroup.push_str(&path[..end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_the_cgroup_that_all_of_its_own_are_in() {
        let mut containers = Containers::default();
        let path = format!("/system.slice/docker-{:064x}.scope", 7);
        containers.cgroup_added(2, format!("{path}/init.scope/inner").as_bytes());
        let key = containers.of_cgroup(2, 1);
        assert_eq!(containers.cgroup(key), path);
        let all: Vec<_> = containers.running().map(|(key, _, path)| (key, path.to_owned())).collect();
        assert_eq!(all, [(key, path)]);
        containers.has_ended(key);
        assert_eq!(containers.running().count(), 0);
        assert_eq!(containers.cgroup(ContainerKey::HOST), "");
    }
}
