//! Where the cgroup of a container or a pod is, and what it uses now.

use std::rc::Rc;

use super::Containers;
use crate::state::container::{Container, ContainerKey, runtime, usage::Usage};

impl Containers {
    /// The path of the cgroup of a container; empty where that is not known.
    #[must_use]
    pub fn cgroup(&self, key: ContainerKey) -> &str {
        self.list.get(key.0 as usize).and_then(Option::as_deref).map_or("", |row| &row.path)
    }

    /// The path of the cgroup of the pod that a container is in, where Kubernetes made one.
    #[must_use]
    pub fn pod_cgroup(&self, key: ContainerKey) -> Option<String> {
        let pod = self.get(key).pod.as_ref()?;
        runtime::pod_folder(self.cgroup(key), pod)
    }

    /// What a container uses now. Of a capture nothing is known: the files of the host are not in it.
    #[must_use]
    pub fn usage(&self, key: ContainerKey) -> Option<Rc<Usage>> {
        self.readings.of(Some(self.cgroup(key)).filter(|path| !path.is_empty())?)
    }

    /// What the pod of a container uses now, all of its containers together.
    #[must_use]
    pub fn pod_usage(&self, key: ContainerKey) -> Option<Rc<Usage>> {
        self.readings.of(&self.pod_cgroup(key)?)
    }

    /// Containers that run, without the host, and the path of the cgroup of each.
    pub fn running(&self) -> impl Iterator<Item = (ContainerKey, &Container, &str)> {
        let keyed = self.list.iter().enumerate();
        let rows = keyed.filter_map(|(key, row)| Some((ContainerKey(u32::try_from(key).ok()?), row.as_deref()?)));
        rows.filter(|(_, row)| !row.ended && !row.path.is_empty())
            .map(|(key, row)| (key, &row.container, row.path.as_str()))
    }

    /// Whether a container has ended, as far as that is known.
    #[must_use]
    pub fn is_over(&self, key: ContainerKey) -> bool {
        self.list.get(key.0 as usize).and_then(Option::as_deref).is_some_and(|row| row.ended)
    }

    /// A container of the pod of that name, which runs if one does; in that namespace if it is known.
    #[must_use]
    pub fn of_pod(&self, namespace: Option<&str>, pod: &str) -> Option<ContainerKey> {
        let is_it = |container: &Container| {
            let label = |name: &str| container.labels.get(name).or_else(|| container.spec.pod.labels.get(name));
            let is_in = |name: &str| label("io.kubernetes.pod.namespace").is_some_and(|own| own == name);
            label("io.kubernetes.pod.name").is_some_and(|own| own == pod) && namespace.is_none_or(is_in)
        };
        let rows = self.list.iter().enumerate().filter_map(|(at, row)| Some((at, row.as_deref()?)));
        let found = rows.filter(|(_, row)| is_it(&row.container)).min_by_key(|(_, row)| row.ended);
        found.and_then(|(at, _)| u32::try_from(at).ok()).map(ContainerKey)
    }
}
