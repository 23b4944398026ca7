//! Where the host's files are: users and groups, the time zone, sockets of engines, cgroups.

use std::{
    env, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use super::procfs::View;

/// Why the host's files are looked for at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// This process has the root of the machine's first process, or that root cannot be seen.
    Own,
    /// `HOST_ROOT` says so.
    Asked,
    /// The machine's first process has another root than this process, which is then in a container.
    First,
}

/// Where they are: below the folder that `HOST_ROOT` names, if there is one; else below the root of the machine's first process, where
/// `/proc` shows it; else at `/`.
#[must_use]
pub fn host_root() -> &'static (PathBuf, Reason) {
    static FOUND: OnceLock<(PathBuf, Reason)> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(asked) = env::var_os("HOST_ROOT").map(PathBuf::from).filter(|path| path.is_dir()) {
            return (asked, Reason::Asked);
        }
        let own = Path::new("/");
        let first = View::find(own, None).path().map(|proc| proc.join("1/root"));
        match first.filter(|first| differ(first, own)) {
            Some(first) => (first, Reason::First),
            None => (own.to_owned(), Reason::Own),
        }
    })
}

/// Whether both can be looked at and are not one folder.
fn differ(first: &Path, own: &Path) -> bool {
    // With the dot, what `1/root` leads to.
    let [first, own] = [first, own].map(|root| fs::metadata(root.join(".")).ok().map(|root| (root.dev(), root.ino())));
    first.is_some() && own.is_some() && first != own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_differ_when_both_can_be_seen() {
        assert!(!differ(Path::new("/proc/self/root"), Path::new("/")));
        assert!(differ(Path::new("/proc/self"), Path::new("/")));
        assert!(!differ(Path::new("/nonexistent-root"), Path::new("/")));
    }
}
