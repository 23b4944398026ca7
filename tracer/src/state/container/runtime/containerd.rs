//! containerd: `cri-containerd-ID.scope` and `SLICE:cri-containerd:ID` in Kubernetes, `nerdctl-ID.scope`, and
//! `/NAMESPACE/ID` for what its own tools start.
//!
//! In the last form both parts are free text, which other folders have, too. It counts only if containerd has a folder
//! for the container among its own files ([`BUNDLES`]).

use super::{Folder, Found, Id, Runtime};

/// The row.
pub static RUNTIME: Runtime = Runtime { name: "containerd", engine: false, recognise };

/// Where the shims keep `NAMESPACE/ID`, below the host's root. Source: containerd, core/runtime/v2 ("io.containerd.runtime.v2.task").
pub const BUNDLES: [&str; 2] =
    ["run/containerd/io.containerd.runtime.v2.task", "run/k3s/containerd/io.containerd.runtime.v2.task"];

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
