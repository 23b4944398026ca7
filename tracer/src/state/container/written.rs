//! What runtimes wrote down about a container before they started it: read when its cgroup appears, so that a container which
//! lives for a moment has a name, and one whose engine is not there, too.
//!
//! Only root's files are read, for containers of the machine: what is in them is the word of whoever may write there. Reading is
//! short (a file of a few KiB in memory, once for each container) and bounded, so the event path can do it.

mod docker;
mod lxc;
mod machine;
mod oci;
mod storage;

use std::{
    cell::RefCell,
    fs::{self, File, OpenOptions},
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
    /// LXC's configuration of a container.
    Lxc,
    /// The files of systemd-machined.
    Machine,
}

/// Where runtimes write things down.
#[derive(Debug, Clone, Default)]
pub struct Written {
    host_root: PathBuf,
    /// Folders of tasks of each containerd that there may be.
    tasks: Vec<PathBuf>,
    /// Those that there are, with the folders of their namespaces, while many containers are looked at.
    here: Option<Vec<(PathBuf, Vec<PathBuf>)>>,
    lists: RefCell<storage::Lists>,
    /// Whether it is to be read at all: a capture tells of other machines, and not everybody wants names.
    is_read: bool,
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
        Self { host_root: host_root.to_owned(), tasks, ..Self::default() }
    }

    /// The same, for names, too.
    #[must_use]
    pub fn with_names(self, is_read: bool) -> Self {
        Self { is_read, ..self }
    }

    /// Whether something may be written about a container after its cgroup was made.
    #[must_use]
    pub fn may_come(&self, found: &Found) -> bool {
        !self.host_root.as_os_str().is_empty() && found.runtime.written.contains(&Form::Machine)
    }

    /// Many containers are looked at from now on: what there is is looked for once.
    pub fn begin_many(&mut self) {
        let existing = self.tasks.iter().filter(|tasks| tasks.is_dir());
        self.here = Some(existing.map(|tasks| (tasks.clone(), namespaces(tasks).collect())).collect());
    }

    /// They were looked at.
    pub fn end_many(&mut self) {
        self.here = None;
    }

    /// Folders of tasks that may have a bundle.
    fn tasks(&self) -> impl Iterator<Item = &Path> {
        let here = self.here.iter().flatten().map(|(tasks, _)| tasks.as_path());
        let all = if self.here.is_none() { &self.tasks[..] } else { &[] };
        here.chain(all.iter().map(PathBuf::as_path))
    }

    /// Whether containerd has a bundle of that name, `namespace/id`.
    #[must_use]
    pub fn has_bundle(&self, bundle: &str) -> bool {
        self.tasks().any(|tasks| tasks.join(bundle).exists())
    }

    /// What is written about a container that was found by its cgroup; `None` if nothing is, or names are not wanted.
    #[must_use]
    pub fn read(&self, found: &Found) -> Option<Metadata> {
        if !self.is_read {
            return None;
        }
        found.runtime.written.iter().find_map(|form| match form {
            Form::Containerd => self.containerd(found),
            Form::Storage => matches!(found.id, Id::Digits(_))
                .then(|| storage::read(&self.host_root, &mut self.lists.borrow_mut(), found))?,
            Form::Docker => {
                matches!(found.id, Id::Digits(_)).then(|| docker::read(&self.host_root, found.id.full()))?
            }
            Form::Lxc => lxc::read(&self.host_root, found.id.full()),
            Form::Machine => machine::read(&self.host_root, found.id.full()),
        })
    }

    /// Whether what was found is a virtual machine, and no container.
    #[must_use]
    pub fn is_virtual(&self, found: &Found) -> bool {
        let is_here = !self.host_root.as_os_str().is_empty();
        is_here
            && found.runtime.written.contains(&Form::Machine)
            && machine::is_virtual(&self.host_root, found.id.full())
    }

    fn containerd(&self, found: &Found) -> Option<Metadata> {
        let id = found.id.full();
        let at = |namespace: &Path| file(&namespace.join(id).join("config.json"));
        let text = match (&found.bundle, &self.here) {
            (Some(bundle), _) => self.tasks().find_map(|tasks| file(&tasks.join(bundle).join("config.json"))),
            (None, Some(here)) => {
                here.iter().flat_map(|(_, namespaces)| namespaces).find_map(|namespace| at(namespace))
            }
            (None, None) => self.tasks.iter().find_map(|tasks| {
                at(&tasks.join(KUBERNETES)).or_else(|| namespaces(tasks).find_map(|namespace| at(&namespace)))
            }),
        }?;
        Some(Metadata { runtime: CONTAINERD, ..oci::read(&text, found)? })
    }
}

/// All containers that Docker and Podman keep files of, those that do not run too. They are read again when there is one more or one less.
#[derive(Debug)]
pub struct Kept {
    host_root: PathBuf,
    folders: Vec<PathBuf>,
    stamp: Vec<Option<(i64, i64, u64)>>,
    all: Vec<Metadata>,
}

impl Kept {
    /// Finds out where they keep them, below that root.
    #[must_use]
    pub fn find(host_root: &Path) -> Self {
        let folders = docker::folders(host_root);
        Self { host_root: host_root.to_owned(), folders, stamp: Vec::new(), all: Vec::new() }
    }

    /// What is written about all of them.
    pub fn all(&mut self) -> &[Metadata] {
        let lists = storage::lists(&self.host_root);
        let stamp =
            |path: &PathBuf| fs::metadata(path).ok().map(|about| (about.mtime(), about.mtime_nsec(), about.len()));
        let stamps: Vec<_> = self.folders.iter().chain(&lists).map(stamp).collect();
        if stamps != self.stamp {
            self.stamp = stamps;
            self.all = docker::all(&self.folders);
            self.all.extend(lists.iter().flat_map(|list| storage::all(list)));
        }
        &self.all
    }
}

/// The folders of namespaces in one of tasks.
fn namespaces(tasks: &Path) -> impl Iterator<Item = PathBuf> {
    let all = fs::read_dir(tasks).into_iter().flatten().flatten();
    all.take(MAX_NAMESPACES).map(|namespace| namespace.path())
}

/// Whether a name that comes from a path can be that of a file or folder below another.
fn is_file_name(name: &str) -> bool {
    !name.contains(['/', '\0']) && !["", ".", ".."].contains(&name)
}

/// A file of root's, or of whoever runs this; `None` if it is not one, or too long.
fn file(path: &Path) -> Option<Vec<u8>> {
    read(open(path)?)
}

/// The same, opened, when there is something to look at before it is read.
fn open(path: &Path) -> Option<(File, fs::Metadata)> {
    let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let about = file.metadata().ok()?;
    let is_trusted = about.uid() == 0 || about.uid() == nix::unistd::geteuid().as_raw();
    (about.is_file() && is_trusted && about.len() <= MAX_FILE).then_some((file, about))
}

/// What is in it.
fn read((file, about): (File, fs::Metadata)) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(about.len() as usize);
    file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
