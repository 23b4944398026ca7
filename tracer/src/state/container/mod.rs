//! Containers: from a cgroup to a runtime and an id at once, and to a name when the engine answers.

use std::collections::BTreeMap;

/// Number of a container in [`Containers`]; 0 is the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct ContainerKey(pub u32);

impl ContainerKey {
    /// Not in a container.
    pub const HOST: Self = Self(0);
}

/// Where the metadata of a container stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lookup {
    /// Nobody will answer: there is no engine for it, or it does not know the container.
    #[default]
    None,
    /// An answer may still come.
    Pending,
    /// It is here.
    Known,
}

/// A container, or the host.
#[derive(Debug, Clone, Default)]
pub struct Container {
    /// First twelve digits of the id, or the name where the runtime has no ids; `host` for the host.
    pub id: String,
    /// The whole id.
    pub full_id: String,
    /// `container.type`.
    pub runtime: &'static str,
    /// Name, when known.
    pub name: Option<String>,
    /// Image as it was started.
    pub image: Option<String>,
    /// Id of the image.
    pub image_id: Option<String>,
    /// Address in the engine's network.
    pub ip: Option<String>,
    /// Whether it is privileged.
    pub privileged: Option<bool>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Where the metadata stands.
    pub lookup: Lookup,
}

/// The containers.
#[derive(Debug)]
pub struct Containers {
    list: Vec<Container>,
}

impl Default for Containers {
    fn default() -> Self {
        let host = Container {
            id: "host".into(),
            full_id: "host".into(),
            runtime: "host",
            name: Some("host".into()),
            lookup: Lookup::Known,
            ..Container::default()
        };
        Self { list: vec![host] }
    }
}

impl Containers {
    /// The container of that key.
    #[must_use]
    pub fn get(&self, key: ContainerKey) -> &Container {
        self.list.get(key.0 as usize).unwrap_or(&self.list[0])
    }

    /// temp
    pub fn start(_root: &std::path::Path, _metadata: bool) -> Self {
        Self::default()
    }
    /// temp
    pub fn of_cgroup(&mut self, _cgroup: u64, _tgid: u32) -> ContainerKey {
        ContainerKey::HOST
    }
    /// temp
    pub fn cgroup_added(&mut self, _id: u64, _path: &[u8]) {}
    /// temp
    pub fn cgroup_removed(&mut self, _id: u64) {}
    /// temp
    pub fn poll(&mut self) -> bool {
        false
    }
    /// Adds a container and returns its key.
    pub fn add(&mut self, container: Container) -> ContainerKey {
        self.list.push(container);
        ContainerKey((self.list.len() - 1) as u32)
    }
}
