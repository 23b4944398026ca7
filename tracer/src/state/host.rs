//! The machine as a whole: its name, and when it started.

use std::{fs, path::Path};

/// The machine that is traced, or on which a capture was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Its name; empty when it is not known.
    pub name: Box<[u8]>,
    /// When it started, nanoseconds since the epoch; 0 when it is not known.
    pub boot_ns: u64,
}

impl Host {
    /// This machine. In a container, the name is that of the host if its `/proc` is below `root`.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let proc = root.join("proc");
        // The name in `/proc/sys` is that of the reader, so a container sees its own there.
        let name = if root == Path::new("/") { proc.join("sys/kernel/hostname") } else { root.join("etc/hostname") };
        Self {
            name: fs::read(name).unwrap_or_default().trim_ascii().into(),
            boot_ns: super::procfs::boot_time_ns(&proc),
        }
    }
}
