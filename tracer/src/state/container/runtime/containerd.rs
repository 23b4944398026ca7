//! containerd: `cri-containerd-ID.scope` and `SLICE:cri-containerd:ID` in Kubernetes, `nerdctl-ID.scope`, and
//! `/NAMESPACE/ID` for what its own tools start.
//!
//! In the last form both parts are free text, which other folders have, too. It counts only if containerd has a bundle
//! for the container.

use super::{Folder, Found, Id, Runtime};
use crate::state::container::{engine::Api, written::Form};

/// The row.
pub static RUNTIME: Runtime = Runtime::new("containerd", recognise)
    .number(7)
    .engine(
        Api::Cri,
        &[
            "run/containerd/containerd.sock",
            // k3s and RKE2.
            "run/k3s/containerd/containerd.sock",
            "run/k0s/containerd.sock",
            "var/snap/microk8s/common/run/containerd.sock",
            // Bottlerocket, and where the socket of the host is mounted into a container.
            "run/host-containerd/containerd.sock",
        ],
        &[],
    )
    .written(&[Form::Containerd]);

/// Longest id. Source: containerd, pkg/identifiers.
const MAX_LEN: usize = 76;

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    Id::digits(folder.name, "cri-containerd-", &[".scope"])
        .or_else(|| Id::digits(folder.name, "nerdctl-", &[".scope"]))
        .or_else(|| Id::digits(folder.name.rsplit_once(":cri-containerd:")?.1, "", &[""]))
}

/// The form `/NAMESPACE/ID`, to be confirmed.
pub fn by_namespace(folders: &[&str]) -> Option<Found> {
    let [namespace, id, ..] = folders else { return None };
    let both = [namespace, id].iter().all(|text| is_identifier(text) && !is_unit(text));
    both.then(|| Found {
        runtime: &RUNTIME,
        id: Id::Text((*id).to_owned()),
        bundle: Some(format!("{namespace}/{id}")),
        around: Vec::new(),
        parent: format!("/{namespace}"),
        path: format!("/{namespace}/{id}"),
        pod: None,
        unit: None,
    })
}

/// Letters and digits in groups that `.`, `_` or `-` join.
fn is_identifier(text: &str) -> bool {
    let groups = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.len() <= MAX_LEN && text.split(['.', '_', '-']).all(groups)
}

/// Whether it is a unit of systemd.
fn is_unit(text: &str) -> bool {
    [".service", ".slice", ".scope", ".mount", ".socket", ".swap"].iter().any(|suffix| text.ends_with(suffix))
}
