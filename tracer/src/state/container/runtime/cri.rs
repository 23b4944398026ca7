//! Kubernetes with the cgroupfs driver: an id in a pod's folder, which does not tell the runtime.

use super::{Folder, Id, Runtime};
use crate::state::container::{engine::Api, written::Form};

/// The row.
pub static RUNTIME: Runtime = Runtime::new(super::ANY_CRI, recognise)
    .number(6)
    .engine(Api::Cri, &["run/cri-dockerd.sock"], &[])
    .written(&[Form::Containerd, Form::Storage, Form::Docker]);

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    let in_pod = folder.above.iter().any(|above| above.starts_with("kubepods"));
    in_pod.then(|| Id::digits(folder.name, "", &[""]))?
}
