//! Mesos: `/mesos/UUID`.

use super::{Folder, Id, Runtime};

/// The row.
pub static RUNTIME: Runtime = Runtime::new("mesos", recognise).number(3);

/// Characters of a UUID.
const UUID_LEN: usize = 36;

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    let uuid =
        folder.name.len() == UUID_LEN && folder.name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    (uuid && folder.parent() == "mesos").then(|| Id::name(folder.name))?
}
