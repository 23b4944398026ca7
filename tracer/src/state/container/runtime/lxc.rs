//! LXC, LXD and Incus: `/lxc/NAME`, `/lxc.payload/NAME`, `/lxc.payload.NAME`. `lxc.monitor.NAME` is the monitor, which
//! is not in the container.

use super::{Folder, Id, Runtime};
use crate::state::container::written::Form;

/// The row.
pub static RUNTIME: Runtime = Runtime::new("lxc", recognise).number(1).known_by_name().written(&[Form::Lxc]);

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    match folder.parent() {
        "lxc" | "lxc.payload" => Id::name(folder.name),
        _ => Id::name(folder.name.strip_prefix("lxc.payload.")?),
    }
}
