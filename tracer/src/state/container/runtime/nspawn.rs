//! systemd-nspawn: `machine-NAME.scope`, or `systemd-nspawn@NAME.service` when it runs as a service. Virtual machines of
//! libvirt have a scope of the first form, too, and are no containers.

use super::{Folder, Id, Runtime};
use crate::state::container::written::Form;

/// The row. Captures have no number for it.
pub static RUNTIME: Runtime = Runtime::new("systemd-nspawn", recognise).written(&[Form::Machine]);

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    if let Some(name) = folder.name.strip_prefix("systemd-nspawn@") {
        return Id::name(name.strip_suffix(".service")?);
    }
    let name = folder.name.strip_prefix("machine-")?.strip_suffix(".scope")?;
    Id::name(name).filter(|_| folder.parent() == "machine.slice" && !name.starts_with(r"qemu\x2d"))
}
