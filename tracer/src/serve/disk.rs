//! What containers have written to their own file systems: sums over the files of their writable layers, read by a thread that gives way to
//! all others. Only with `--disk-usage`, since a layer may have millions of files.
//!
//! Only overlay file systems that the kernel mounts are looked at, whose writable layer is a folder of the host.

use std::{
    collections::{HashMap, HashSet},
    ffi::CString,
    fs, io,
    os::{fd::AsFd, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, statat, statvfs};
use tokio::sync::watch;

use super::gather::Snapshot;
use crate::{
    confine,
    format::escape::escaped,
    message::note,
    resources::{Files, Trees},
    state::{host_root, procfs::View},
    thread::{self, NoThread},
};

/// How long it rests between two rounds.
const REST: Duration = Duration::from_secs(60);
/// A new container is looked at after so long.
const LOOK: Duration = Duration::from_secs(1);
/// More files of a container are not looked at, nor folders that are deeper: then nothing is said of it.
const MOST_FILES: usize = 4_000_000;
const MOST_DEEP: usize = 256;
/// Of the priorities of threads, that of those which have time.
const LAST: i32 = 19;
/// `st_blocks` counts these, whatever the file system has. Source: stat(3type).
const BLOCK: u64 = 512;

/// What a container has in its writable layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Bytes on the disk.
    pub(super) bytes: u64,
    /// Bytes of the file system that the layer is on.
    pub(super) limit: u64,
    /// The device of that file system.
    pub(super) device: (u32, u32),
}

/// By the whole id.
pub(super) type All = Arc<Mutex<HashMap<String, Used>>>;

/// Starts the thread.
///
/// # Errors
/// There can be none.
pub(super) fn start(snapshots: watch::Receiver<Arc<Snapshot>>) -> Result<All, NoThread> {
    let all = All::default();
    let of_thread = Arc::downgrade(&all);
    thread::begin("disk", move || {
        confine::reader();
        // Of this thread alone. Where that is refused, it is only less polite.
        let _ = rustix::process::setpriority_process(None, LAST);
        let (root, _) = host_root();
        let view = View::find(root, None);
        let (trees, Some(proc)) = (Trees::find(root, &view), view.path()) else { return };
        let (mut rested, mut looked, mut is_said) = (REST, HashSet::new(), false);
        while let Some(all) = of_thread.upgrade() {
            let snapshot = Arc::clone(&snapshots.borrow());
            let is_over = rested >= REST;
            if is_over {
                looked.clear();
            }
            for (id, live) in &snapshot.live {
                // A user who only claims to be a container could have any folder walked.
                if live.known.is_claimed() || !looked.insert(id.clone()) {
                    continue;
                }
                let process = trees.members(&mut Files::default(), &live.known.cgroup).and_then(|(_, first)| first);
                let layer = process.and_then(|pid| layer(proc, root, pid));
                let used = layer.as_deref().map(used).transpose().unwrap_or_else(|error| {
                    // One that has ended meanwhile is no fault.
                    if error.kind() != io::ErrorKind::NotFound && !std::mem::replace(&mut is_said, true) {
                        note(&format!(
                            "warning: the writable layer of container {} cannot be read: {error}",
                            escaped(live.known.title().as_bytes())
                        ));
                    }
                    None
                });
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                let used = used.flatten();
                match used {
                    Some(used) => drop(all.insert(id.clone(), used)),
                    None => drop(all.remove(id)),
                }
            }
            all.lock().unwrap_or_else(PoisonError::into_inner).retain(|id, _| snapshot.live.contains_key(id));
            rested = if is_over { Duration::ZERO } else { rested + LOOK };
            drop(all);
            std::thread::sleep(LOOK);
        }
    })?;
    Ok(all)
}

/// The writable layer of the root of a process, seen from here. Source: proc_pid_mountinfo(5); kernel
/// Documentation/filesystems/overlayfs.rst.
fn layer(proc: &Path, host_root: &Path, pid: u32) -> Option<PathBuf> {
    let mounts = fs::read_to_string(proc.join(pid.to_string()).join("mountinfo")).ok()?;
    let upper = mounts.lines().find_map(upper)?;
    Some(host_root.join(upper.trim_start_matches('/')))
}

/// The upper folder of an overlay that is mounted at the root.
fn upper(line: &str) -> Option<String> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut filesystem = filesystem.split(' ');
    if mount.split(' ').nth(4) != Some("/") || filesystem.next() != Some("overlay") {
        return None;
    }
    let upper = filesystem.nth(1)?.split(',').find_map(|option| option.strip_prefix("upperdir="))?;
    // A path with a comma or a backslash has more backslashes: such a one is left out rather than another one read.
    (upper.starts_with('/') && !upper.contains('\\')).then(|| upper.to_owned())
}

/// The files of a folder, each once, links not followed; nothing if there are too many.
fn used(folder: &Path) -> io::Result<Option<Used>> {
    let metadata = fs::symlink_metadata(folder)?;
    let device = metadata.dev();
    let system = statvfs(folder)?;
    let mut walk = Walk { left: MOST_FILES, bytes: 0, linked: HashSet::new(), device };
    let Some(()) = walk.folder(CWD, &CString::new(folder.as_os_str().as_encoded_bytes())?, MOST_DEEP)? else {
        return Ok(None);
    };
    Ok(Some(Used {
        bytes: walk.bytes + metadata.blocks() * BLOCK,
        limit: system.f_blocks.saturating_mul(system.f_frsize),
        device: (rustix::fs::major(device), rustix::fs::minor(device)),
    }))
}

struct Walk {
    left: usize,
    bytes: u64,
    /// Those that have several names.
    linked: HashSet<u64>,
    device: u64,
}

impl Walk {
    /// Adds what is in a folder. It is opened by its name in the one before, which stays open: a container that replaces it by a link
    /// meanwhile leads nowhere.
    fn folder(&mut self, at: impl AsFd, name: &std::ffi::CStr, deep: usize) -> io::Result<Option<()>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOATIME;
        let open = |flags| openat(at.as_fd(), name, flags, Mode::empty());
        // Only the owner may leave the time of the last access alone.
        let folder = match open(flags).or_else(|_| open(flags - OFlags::NOATIME)) {
            Ok(folder) => folder,
            // It has gone.
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => return Ok(Some(())),
            Err(error) => return Err(error.into()),
        };
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
            self.left = left;
            let stat = match statat(&folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(rustix::io::Errno::NOENT) => continue,
                Err(error) => return Err(error.into()),
            };
            let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
            let is_first = is_folder || stat.st_nlink == 1 || self.linked.insert(stat.st_ino);
            if stat.st_dev == self.device && is_first {
                self.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * BLOCK;
                let Some(deep) = deep.checked_sub(1) else { return Ok(None) };
                if is_folder && self.folder(&folder, entry.file_name(), deep)?.is_none() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(()))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_upper_folder_of_a_root_is_found() {
        let line = |at: &str, kind: &str, options: &str| {
            format!("1 2 0:5 / {at} rw,relatime shared:1 - {kind} overlay {options}")
        };
        let options = "rw,lowerdir=/a:/b,upperdir=/var/lib/x/diff,workdir=/var/lib/x/work";
        assert_eq!(upper(&line("/", "overlay", options)).as_deref(), Some("/var/lib/x/diff"));
        for other in [
            line("/data", "overlay", options),
            line("/", "ext4", options),
            line("/", "overlay", "ro,lowerdir=/a:/b"),
            line("/", "overlay", "rw,upperdir=/a\\\\,b"),
            line("/", "overlay", "rw,upperdir=a"),
            String::new(),
        ] {
            assert_eq!(upper(&other), None, "{other}");
        }
    }

    #[test]
    fn a_folder_has_as_many_bytes_as_du_says() {
        let folder = std::env::temp_dir().join(format!("tracer-disk-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("a/b/c")).unwrap();
        fs::write(folder.join("a/large"), vec![1; 300_000]).unwrap();
        fs::write(folder.join("a/b/small"), "x").unwrap();
        fs::hard_link(folder.join("a/large"), folder.join("a/b/c/again")).unwrap();
        std::os::unix::fs::symlink("/usr", folder.join("a/link")).unwrap();
        fs::File::create(folder.join("sparse")).unwrap().set_len(1 << 30).unwrap();
        let du = Command::new("du").args(["-s", "-B1"]).arg(&folder).output().unwrap().stdout;
        let du: u64 = String::from_utf8(du).unwrap().split_whitespace().next().unwrap().parse().unwrap();
        let used = used(&folder).unwrap().unwrap();
        assert_eq!(used.bytes, du);
        assert!(used.limit > du);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_too_deep_or_too_much_is_not_told() {
        let folder = std::env::temp_dir().join(format!("tracer-deep-{}", std::process::id()));
        fs::create_dir_all(folder.join("x/".repeat(MOST_DEEP + 1))).unwrap();
        assert_eq!(used(&folder).unwrap(), None);
        fs::remove_dir_all(&folder).unwrap();
        assert!(used(&folder).is_err());
    }
}
