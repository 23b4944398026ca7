//! LXC through libvirt: `NAME.libvirt-lxc`, `machine-lxc\x2dNAME.scope`, `/libvirt/lxc/NAME`.

use super::{Folder, Id, Runtime};

/// The row.
pub static RUNTIME: Runtime = Runtime::new("libvirt-lxc", recognise).number(2);

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    if folder.above.ends_with(&["libvirt", "lxc"]) {
        return Id::name(folder.name);
    }
    if let Some(name) = folder.name.strip_suffix(".libvirt-lxc") {
        return Id::name(name);
    }
    let (_, name) = folder.name.strip_suffix(".scope")?.split_once(r"-lxc\x2d")?;
    Id::name(name)
}
