//! BOSH process manager: `bpm-NAME`, with `.scope` under systemd.

use super::{Folder, Id, Runtime};

/// The row.
pub static RUNTIME: Runtime = Runtime::new("bpm", recognise).number(9);

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    let name = folder.name.strip_prefix("bpm-")?;
    let name = name.strip_suffix(".scope").unwrap_or(name);
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    plain.then(|| Id::name(name))?
}
