//! Podman: `libpod-ID`, with `.scope` under systemd; `libpod-payload-ID` where conmon was split off; and an id in
//! `podman-PID.scope`, as older rootless versions have it. `libpod-conmon-ID` is the monitor, which is not in the container.

use super::{Folder, Id, Runtime};
use crate::state::container::{engine::Api, written::Form};

/// The row.
pub static RUNTIME: Runtime = Runtime::new("podman", recognise)
    .number(11)
    .engine(Api::Docker, &["run/podman/podman.sock"], &["podman/podman.sock"])
    .written(&[Form::Storage]);

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    let suffixes = ["", ".scope"];
    Id::digits(folder.name, "libpod-", &suffixes)
        .or_else(|| Id::digits(folder.name, "libpod-payload-", &suffixes))
        .or_else(|| in_a_podman_scope(folder.parent()).then(|| Id::digits(folder.name, "", &[""]))?)
}

fn in_a_podman_scope(parent: &str) -> bool {
    let pid = parent.strip_prefix("podman-").and_then(|rest| rest.strip_suffix(".scope"));
    pid.is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
}
