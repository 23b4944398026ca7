//! Capabilities: what a thread may that others may not.

use std::path::{Path, PathBuf};

use caps::{CapSet, Capability};
use nix::{
    fcntl::{AT_FDCWD, AtFlags},
    sys::utsname::uname,
    unistd::{AccessFlags, faccessat},
};

/// What tracing keeps: `/proc/PID/{fd,exe,cwd,environ}` of others can be read with both only.
pub const TRACING: [Capability; 2] = [Capability::CAP_SYS_PTRACE, Capability::CAP_DAC_READ_SEARCH];

/// Before it, each use of a map takes this capability; since then it takes none, and programs are loaded by then.
/// Source: kernel commit c8644cd0efe7.
const MAPS_ARE_FREE: (u32, u32) = (5, 19);

/// What tracing keeps on this kernel. A command that was started may belong to another user by now.
pub(super) fn of_tracing(has_command: bool) -> Vec<Capability> {
    let release = uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    let needs_bpf = version(&release).is_some_and(|version| version < MAPS_ARE_FREE);
    let signals = has_command.then_some(Capability::CAP_KILL);
    TRACING.into_iter().chain(needs_bpf.then_some(Capability::CAP_BPF)).chain(signals).collect()
}

/// Drops all that those who ask engines do not need. Sockets of users' engines belong to these users.
pub fn of_engines() {
    let _ = keep(&[TRACING[0], TRACING[1], Capability::CAP_DAC_OVERRIDE], &[]);
}

/// The numbers of a kernel release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Drops all but these, and returns those of them that were there. Where files have to be made in a folder of somebody else,
/// the right to do that stays.
pub(super) fn keep(wanted: &[Capability], folders: &[PathBuf]) -> Vec<Capability> {
    // What cannot be looked at is not there: then nothing has to be dropped, or cannot be.
    let permitted = caps::read(None, CapSet::Permitted).unwrap_or_default();
    let mut kept: Vec<_> = wanted.iter().copied().filter(|one| permitted.contains(one)).collect();
    let _ = caps::clear(None, CapSet::Ambient);
    // Needs a capability itself, and takes those one by one that the kernel knows.
    caps::all().into_iter().for_each(|one| drop(caps::drop(None, CapSet::Bounding, one)));
    let _ = caps::set(None, CapSet::Effective, &kept.iter().copied().collect());
    let other = Capability::CAP_DAC_OVERRIDE;
    if permitted.contains(&other) && !kept.contains(&other) && folders.iter().any(|folder| !may_write(folder)) {
        kept.push(other);
        let _ = caps::set(None, CapSet::Effective, &kept.iter().copied().collect());
    }
    let _ = caps::set(None, CapSet::Permitted, &kept.iter().copied().collect());
    let _ = caps::clear(None, CapSet::Inheritable);
    kept
}

/// Whether files can be made there, with the capabilities that are effective now.
fn may_write(folder: &Path) -> bool {
    faccessat(AT_FDCWD, folder, AccessFlags::W_OK | AccessFlags::X_OK, AtFlags::AT_EACCESS).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(version("6.1.0-13-amd64"), Some((6, 1)));
        assert_eq!(version("5.9-rc1"), Some((5, 9)));
        assert!(version("5.9").unwrap() < MAPS_ARE_FREE && version("10.0").unwrap() > MAPS_ARE_FREE);
        assert_eq!(version(""), None);
    }
}
