//! Kubernetes with the cgroupfs driver: an id in a pod's folder, which does not tell the runtime.

use super::{Folder, Id, Runtime};

/// The row. An old kubelet runs its containers with Docker, so an engine may know them.
pub static RUNTIME: Runtime = Runtime { name: "cri", engine: true, recognise };

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    let in_pod = folder.above.iter().any(|above| above.starts_with("kubepods"));
    in_pod.then(|| Id::digits(folder.name, "", &[""]))?
}
