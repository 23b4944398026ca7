//! What runtimes wrote down about a container before they started it: read when its cgroup appears, so that a container which
//! lives for a moment has a name, and one whose engine is not there, too.
//!
//! Only root's files are read, for containers of the machine: what is in them is the word of whoever may write there. Reading is
//! short (a file of a few KiB in memory, once for each container) and bounded, so the event path can do it.

mod docker;
mod oci;
mod storage;

use std::{
    fs::{self, OpenOptions},
    io::Read as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    engine::{Address, Api, Endpoint, Metadata},
    runtime::{Found, Id},
};

/// The longest file that is read, bytes. The bundle of a pod with many mounts and variables has 100 KiB.
const MAX_FILE: u64 = 1 << 20;
/// Where containerd's shims have their bundles, below its state folder. Source: containerd, core/runtime/v2.
const TASKS: &str = "io.containerd.runtime.v2.task";
/// `container.type` of its containers.
const CONTAINERD: &str = "containerd";
/// Its namespace of Kubernetes.
const KUBERNETES: &str = "k8s.io";
/// The most namespaces of containerd that are looked into for a container whose path does not name one.
const MAX_NAMESPACES: usize = 64;

/// How a runtime writes down what it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OCI bundles of containerd.
    Containerd,
    /// The storage of Podman and CRI-O.
    Storage,
    /// Docker's own folder of a container.
    Docker,
}

/// Where runtimes write things down.
#[derive(Debug, Clone, Default)]
pub struct Written {
    host_root: PathBuf,
    /// Folders of tasks of each containerd that there may be.
    tasks: Vec<PathBuf>,
}

impl Written {
    /// Below that root, and beside the sockets of these engines.
    #[must_use]
    pub fn new(host_root: &Path, endpoints: &[Endpoint]) -> Self {
        let mut tasks: Vec<PathBuf> = Vec::new();
        let sockets =
            endpoints.iter().filter(|endpoint| endpoint.api == Api::Cri).flat_map(|endpoint| &endpoint.addresses);
        for address in sockets {
            let Address::Unix(socket) = address else { continue };
            // The socket is in the state folder, or beside it under the same name.
            for state in [socket.parent().map(Path::to_owned), Some(socket.with_extension(""))].into_iter().flatten() {
                let folder = state.join(TASKS);
                if !tasks.contains(&folder) {
                    tasks.push(folder);
                }
            }
        }
        Self { host_root: host_root.to_owned(), tasks }
    }

    /// Whether containerd has a bundle of that name, `namespace/id`.
    #[must_use]
    pub fn has_bundle(&self, bundle: &str) -> bool {
        self.tasks.iter().any(|tasks| tasks.join(bundle).exists())
    }

    /// What is written about a container that was found by its cgroup; `None` if nothing is.
    #[must_use]
    pub fn read(&self, found: &Found) -> Option<Metadata> {
        found.runtime.written.iter().find_map(|form| match form {
            Form::Containerd => self.containerd(found),
            Form::Storage => matches!(found.id, Id::Digits(_)).then(|| storage::read(&self.host_root, found))?,
            Form::Docker => {
                matches!(found.id, Id::Digits(_)).then(|| docker::read(&self.host_root, found.id.full()))?
            }
        })
    }

    fn containerd(&self, found: &Found) -> Option<Metadata> {
        let id = found.id.full();
        let text = self.tasks.iter().find_map(|tasks| match &found.bundle {
            Some(bundle) => file(&tasks.join(bundle).join("config.json")),
            None => {
                let at = |namespace: &Path| file(&namespace.join(id).join("config.json"));
                at(&tasks.join(KUBERNETES)).or_else(|| {
                    let all = fs::read_dir(tasks).ok()?.flatten().take(MAX_NAMESPACES);
                    all.map(|namespace| namespace.path()).find_map(|namespace| at(&namespace))
                })
            }
        })?;
        Some(Metadata { runtime: CONTAINERD, ..oci::read(&text, found)? })
    }
}

/// A file of root's, or of whoever runs this; `None` if it is not one, or too long.
fn file(path: &Path) -> Option<Vec<u8>> {
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let about = file.metadata().ok()?;
    let is_trusted = about.uid() == 0 || about.uid() == nix::unistd::geteuid().as_raw();
    if !about.is_file() || !is_trusted || about.len() > MAX_FILE {
        return None;
    }
    let mut bytes = Vec::with_capacity(about.len() as usize);
    file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
