//! The interface between kubelet and container runtimes, CRI: what its messages say of containers and of pods.
//!
//! A pod is a sandbox with containers in it. A container's labels name its container, pod and namespace; what people gave the
//! pod is with the sandbox, and so is its address. The sandbox is a container, too: that of the pause program.
//! Source: kubernetes/cri-api, pkg/apis/runtime/v1/api.proto.

mod ask;
pub(super) mod client;

pub(super) use ask::NO_PAST;

use std::{collections::BTreeMap, path::PathBuf, rc::Rc};

use serde::Deserialize;

use super::{
    Metadata,
    proto::{bytes, each, number, text, texts},
    text::{Flag, MAX_ENTRIES, MAX_TEXTS, Object, Text},
};
use crate::state::container::{
    runtime,
    spec::{ImageName, Log, Mount, Pod, Spec},
};

/// What a sandbox is called, as kubelet has always called it.
const SANDBOX_NAME: &str = "POD";
/// Label by which kubelet says the pod of a container. Source: kubernetes, staging/src/k8s.io/kubelet, pkg/types/labels.go.
pub const POD_NAME: &str = "io.kubernetes.pod.name";
/// The same of the namespace of the pod.
pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// The same of the id of the pod.
pub const POD_UID: &str = "io.kubernetes.pod.uid";
/// `NamespaceMode`: the node's.
const NODE: u64 = 2;
/// The form of logs that all runtimes of this interface write.
pub const KUBERNETES_LOG: &str = "cri";
/// `MountPropagation`, in the words of mount(8).
const PROPAGATION: [&str; 3] = ["rprivate", "rslave", "rshared"];
/// `ContainerEventType`.
const CREATED: u64 = 0;
const STARTED: u64 = 1;

/// What is known of a sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sandbox {
    id: String,
    /// Labels and annotations, those by which kubelet names the pod included.
    pod: Pod,
    /// Once it was asked for.
    ip: Option<String>,
    /// What it shares with the node: pids, network, IPC. Once it was asked for.
    shares: Option<[bool; 3]>,
}

impl Sandbox {
    /// From `PodSandbox`, an item of a list.
    fn listed(item: &[u8]) -> Option<Self> {
        let id = text(item, 1).filter(|id| runtime::is_full_id(id))?;
        Some(Self::new(id, bytes(item, 2), texts(item, 5), texts(item, 6)))
    }

    /// From `PodSandboxStatus`.
    fn status(status: &[u8]) -> Option<Self> {
        let id = text(status, 1).filter(|id| runtime::is_full_id(id))?;
        let options = bytes(bytes(bytes(status, 6), 1), 2);
        let shares = [2, 1, 3].map(|field| number(options, field) == NODE);
        Some(Self {
            ip: text(bytes(status, 5), 1),
            shares: Some(shares),
            ..Self::new(id, bytes(status, 2), texts(status, 7), texts(status, 8))
        })
    }

    fn new(
        id: String,
        metadata: &[u8],
        mut labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
    ) -> Self {
        // kubelet gives them, other clients need not.
        for (label, field) in [(POD_NAME, 1), (POD_UID, 2), (POD_NAMESPACE, 3)] {
            if let Some(value) = text(metadata, field)
                && labels.len() < MAX_ENTRIES
            {
                labels.entry(label.to_owned()).or_insert(value);
            }
        }
        Self { id, pod: Pod { labels, annotations, ..Pod::default() }, ip: None, shares: None }
    }

    fn spec(&self) -> Spec {
        let [host_pid, host_network, host_ipc] = self.shares.map_or([None; 3], |shares| shares.map(Some));
        Spec {
            host_pid,
            host_network,
            host_ipc,
            sandbox_id: Some(self.id.clone()),
            pod: self.pod.clone(),
            ..Spec::default()
        }
    }

    /// The container that it is itself.
    fn metadata(&self, runtime: &'static str) -> Metadata {
        let mut spec = self.spec();
        spec.pod.is_sandbox = true;
        Metadata {
            full_id: self.id.clone(),
            runtime,
            name: Some(SANDBOX_NAME.to_owned()),
            ip: self.ip.clone(),
            labels: Some(self.pod.labels.clone()),
            spec: Some(spec),
            ..Metadata::default()
        }
    }

    /// How much memory it takes, about.
    fn bytes(&self) -> usize {
        size_of::<Self>() + 2 * self.id.len() + self.pod.bytes()
    }
}

/// What a list or an event says of a container, and which sandbox it is in.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) metadata: Metadata,
    pub(super) sandbox: Option<String>,
}

impl Said {
    /// From `Container`, an item of a list.
    pub(super) fn listed(item: &[u8], runtime: &'static str) -> Option<Self> {
        let mut metadata = container([1, 3, 4, 5, 10].map(|field| bytes(item, field)), texts(item, 8))?;
        metadata.runtime = runtime;
        Some(Self { metadata, sandbox: text(item, 2).filter(|id| runtime::is_full_id(id)) })
    }

    /// From `ContainerStatus`, which does not name the sandbox.
    pub(super) fn status(status: &[u8], runtime: &'static str) -> Option<Self> {
        let fields = [1, 2, 8, 9, 17].map(|field| bytes(status, field));
        let mut metadata = container(fields, texts(status, 12))?;
        metadata.runtime = runtime;
        if let Some(spec) = &mut metadata.spec {
            spec.mounts = mounts(status);
            let path = text(status, 15).filter(|path| path.starts_with('/')).map(PathBuf::from);
            spec.log = Some(Log { driver: KUBERNETES_LOG.to_owned(), path, folder: None });
        }
        Some(Self { metadata, sandbox: None })
    }

    /// With what its pod says.
    pub(super) fn within(self, sandbox: Option<&Rc<Sandbox>>) -> Metadata {
        let mut metadata = self.metadata;
        let Some(sandbox) = sandbox else {
            if let Some(spec) = &mut metadata.spec {
                spec.sandbox_id = self.sandbox;
            }
            return metadata;
        };
        metadata.ip.clone_from(&sandbox.ip);
        if let Some(labels) = &mut metadata.labels {
            for name in [POD_NAME, POD_NAMESPACE, POD_UID] {
                if let Some(value) = sandbox.pod.labels.get(name)
                    && labels.len() < MAX_ENTRIES
                {
                    labels.entry(name.to_owned()).or_insert_with(|| value.clone());
                }
            }
        }
        let own = metadata.spec.take().unwrap_or_default();
        let mut spec = sandbox.spec();
        spec.mounts = own.mounts;
        spec.digest = own.digest;
        spec.log = own.log;
        spec.pod.restarts = own.pod.restarts;
        metadata.spec = Some(spec);
        metadata
    }
}

/// What a message of CRI says of containers, taken for each of those that are read.
pub fn read(message: &[u8]) -> Vec<Metadata> {
    let sandboxes = [Sandbox::listed(message), Sandbox::status(message)].into_iter().flatten().map(Rc::new);
    let sandboxes: Vec<Rc<Sandbox>> = sandboxes.collect();
    let said = [Said::listed(message, runtime::ANY_CRI), Said::status(message, runtime::ANY_CRI)].into_iter().flatten();
    let mut all: Vec<Metadata> = said.map(|said| said.within(sandboxes.first())).collect();
    all.extend(sandboxes.iter().map(|sandbox| sandbox.metadata(runtime::ANY_CRI)));
    let _ = info(message);
    all
}

/// From what lists and statuses say alike: id, metadata, image, reference of the image, id of the image.
fn container(
    [id, metadata, image, image_ref, image_id]: [&[u8]; 5],
    labels: BTreeMap<String, String>,
) -> Option<Metadata> {
    let plain = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(super::text::MAX_TEXT)]).into_owned();
        (!text.is_empty()).then_some(text)
    };
    let full_id = plain(id).filter(|id| runtime::is_full_id(id))?;
    let image_ref = plain(image_ref);
    // As it was written in the pod, else as the runtime found it; an id only when there is nothing better.
    let names = [text(image, 18), text(image, 1), image_ref.clone()];
    let mut names = names.into_iter().flatten().filter(|name| !name.starts_with("sha256:"));
    let hash = |text: &str| text.rsplit(':').next().filter(|id| !id.is_empty()).map(str::to_owned);
    // Where the runtime does not say it by itself, the reference of an image is its id.
    let image_id = plain(image_id).or_else(|| image_ref.clone().filter(|id| !id.contains('@')));
    let digest = image_ref.as_deref().and_then(|name| ImageName::parse(name).digest).map(str::to_owned);
    let restarts = u32::try_from(number(metadata, 2)).ok();
    let pod = Pod { restarts, ..Pod::default() };
    Some(Metadata {
        full_id,
        name: text(metadata, 1),
        image: names.next(),
        image_id: image_id.as_deref().and_then(hash),
        labels: Some(labels),
        spec: Some(Spec { digest, pod, ..Spec::default() }),
        ..Metadata::default()
    })
}

/// The mounts of `ContainerStatus`, as far as there is room for them.
fn mounts(status: &[u8]) -> Vec<Mount> {
    let mut left = MAX_TEXTS;
    let mounts = each(status, 14).map_while(|mount| {
        let is_writable = number(mount, 3) == 0;
        let mount = Mount {
            source: text(mount, 2).unwrap_or_default(),
            dest: text(mount, 1).unwrap_or_default(),
            mode: if is_writable { String::new() } else { "ro".to_owned() },
            is_writable,
            propagation: PROPAGATION.get(number(mount, 5) as usize).copied().unwrap_or_default().to_owned(),
        };
        left = left.checked_sub(mount.bytes())?;
        Some(mount)
    });
    mounts.collect()
}

/// What only the runtime's own words say, with `verbose`: JSON, under the key `info`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Info {
    #[serde(rename = "sandboxID")]
    sandbox: Text,
    /// CRI-O.
    privileged: Flag,
    /// containerd.
    config: Object<Config>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Config {
    linux: Object<Linux>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Linux {
    security_context: Object<Security>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Security {
    privileged: Flag,
}

/// The sandbox of a container and whether it is privileged, from the map `info` of its status.
fn info(answer: &[u8]) -> (Option<String>, Option<bool>) {
    let json = each(answer, 2).find(|entry| bytes(entry, 1) == b"info").map(|entry| bytes(entry, 2));
    let Some(info) = json.and_then(|json| serde_json::from_slice::<Info>(json).ok()) else { return (None, None) };
    let Object(Config { linux: Object(Linux { security_context: Object(security) }) }) = info.config;
    let privileged = info.privileged.0.or(security.privileged.0).unwrap_or(false);
    (info.sandbox.0.filter(|id| runtime::is_full_id(id)), Some(privileged))
}
