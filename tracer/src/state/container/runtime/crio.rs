//! CRI-O: `crio-ID`, with `.scope` under systemd. `crio-conmon-ID.scope` is the monitor, outside of the container.

use super::{Folder, Id, Runtime};
use crate::state::container::{engine::Api, written::Form};

/// The row.
pub static RUNTIME: Runtime =
    Runtime::new("cri-o", recognise).number(8).engine(Api::Cri, &["run/crio/crio.sock"], &[]).written(&[Form::Storage]);

fn recognise(folder: &Folder<'_>) -> Option<Id> {
    Id::digits(folder.name, "crio-", &["", ".scope"])
}
