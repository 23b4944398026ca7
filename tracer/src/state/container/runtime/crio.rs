//! CRI-O: `crio-ID`, with `.scope` under systemd. `crio-conmon-ID.scope` is the monitor, outside of the container.

use super::{Folder, Id, Runtime};

/// The row.
pub static RUNTIME: Runtime = Runtime { name: "cri-o", engine: false, recognise };

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    Id::digits(folder.name, "crio-", &["", ".scope"])
}
