//! Docker: `/docker/ID` with the cgroupfs driver, `docker-ID.scope` with systemd's; another parent folder may be
//! configured (`--cgroup-parent`), so any folder whose whole name is an id counts.

use super::{Folder, Id, Runtime};
use crate::state::container::{engine::Api, written::Form};

/// The row.
pub static RUNTIME: Runtime = Runtime::new("docker", recognise)
    .number(0)
    .engine(Api::Docker, &["run/docker.sock"], &["docker.sock"])
    .written(&[Form::Docker, Form::Containerd]);

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    Id::digits(folder.name, "", &[""]).or_else(|| Id::digits(folder.name, "docker-", &[".scope"]))
}
