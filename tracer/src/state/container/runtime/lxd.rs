//! LXD and Incus: engines whose containers are those of [`lxc`](super::lxc), so that nothing in a path tells them apart.

use super::Runtime;
use crate::state::container::engine::Api;

/// LXD, also as a snap.
pub static LXD: Runtime = Runtime::new("lxd", |_| None).engine(
    Api::Lxd,
    &["var/lib/lxd/unix.socket", "var/snap/lxd/common/lxd/unix.socket"],
    &[],
);
/// Incus.
pub static INCUS: Runtime =
    Runtime::new("incus", |_| None).engine(Api::Lxd, &["var/lib/incus/unix.socket", "run/incus/unix.socket"], &[]);
