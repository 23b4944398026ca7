//! Containers: from a cgroup to a runtime and an id at once, and to a name when the engine answers.
//!
//! `cgroup` knows the hierarchies, `runtime` recognises paths, `written` reads what a runtime wrote before it started a
//! container, `engine` asks for the rest on a thread of its own, and `table` brings them together for the event path, which
//! never waits.

pub mod cgroup;
pub mod engine;
pub mod owner;
pub mod runtime;
pub mod spec;
mod table;
pub mod told;
pub mod unit;
pub mod usage;
pub mod workload;
mod written;

use std::{collections::BTreeMap, env, path::PathBuf};

use super::{host_root, procfs::View};

pub use engine::{Api, EngineSocket};
pub use owner::Owner;
pub use runtime::PodPlace;
pub use spec::Spec;
pub(crate) use table::paths as cgroup_paths;
pub use table::{Containers, PARTIAL};
pub use written::Kept;

/// Number of a container in [`Containers`]; 0 is the host. Numbers are not used again.
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
    /// Ids of the containers that it is in, as they are shown, the nearest first.
    pub around: Vec<String>,
    /// Whose word the id is: that of root, who made the cgroup, or that of a user who could have.
    pub owner: Owner,
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
    /// How it was made.
    pub spec: Spec,
    /// The pod that it is in, as its cgroup tells it.
    pub pod: Option<PodPlace>,
    /// The unit of systemd that its cgroup is, or is in.
    pub unit: Option<String>,
    /// Where the metadata stands.
    pub lookup: Lookup,
}

/// Variables that name an engine, as the tools of each have them: docker, podman and crictl.
const VARIABLES: [(&str, Api); 3] =
    [("DOCKER_HOST", Api::Docker), ("CONTAINER_HOST", Api::Docker), ("CONTAINER_RUNTIME_ENDPOINT", Api::Cri)];

/// How containers are looked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the host's files are, as [`host_root`] finds it.
    pub host_root: PathBuf,
    /// What can be seen of the host's processes.
    pub view: View,
    /// Whether engines are asked for names, images and labels.
    pub metadata: bool,
    /// Engines to ask besides those whose sockets are in the usual places, as variables of the environment name them.
    pub named: Vec<(Api, String)>,
    /// The engines to ask, and no others, `named` included; those of the usual places when there are none.
    pub sockets: Vec<EngineSocket>,
    /// Whether it is said, too, which sockets of users are not asked, and why.
    pub verbose: bool,
    /// Whether containers are entered that engines alone tell of, whose cgroups nobody looks for.
    pub lists_alone: bool,
    /// Whether the process will go on as another user: all its threads have to be able to until then.
    pub drops: bool,
}

impl Default for Options {
    /// As the environment says.
    fn default() -> Self {
        let named = VARIABLES.into_iter().filter_map(|(name, api)| Some((api, env::var(name).ok()?)));
        let named = named.filter(|(_, address)| !address.is_empty()).collect();
        let host_root = host_root().0.clone();
        let view = View::find(&host_root, None);
        Self {
            host_root,
            view,
            metadata: true,
            named,
            sockets: Vec::new(),
            verbose: false,
            lists_alone: false,
            drops: false,
        }
    }
}
