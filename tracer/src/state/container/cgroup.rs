//! The cgroup hierarchies of the host: which path an id has, and in which cgroups a process is.
//!
//! An id is the inode number of the cgroup's folder in the v2 tree. A machine has that tree alone (unified), beside the
//! v1 hierarchies (hybrid), or not at all (legacy); then only `/proc/PID/cgroup` tells where a process is.

use std::{
    fs,
    os::unix::fs::{DirEntryExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use super::{Owner, owner};
use crate::state::procfs::View;

/// The most cgroups that one scan visits.
const MAX_CGROUPS: usize = 65_536;
/// Inode of the root of a cgroup hierarchy. Source: kernel fs/kernfs/dir.c, `kernfs_create_root`: ids begin with 1.
const ROOT_INO: u64 = 1;
/// v1 hierarchies in which every runtime makes a folder for a container.
const V1_HIERARCHIES: [&str; 4] = ["pids", "memory", "devices", "cpu"];

/// Which hierarchies there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// None that can be read.
    #[default]
    Unknown,
    /// The v2 tree alone.
    Unified,
    /// The v2 tree beside v1 hierarchies.
    Hybrid,
    /// v1 hierarchies alone.
    Legacy,
}

/// Where the host's cgroups are.
#[derive(Debug, Clone, Default)]
pub struct Hierarchies {
    mode: Mode,
    tree: Option<PathBuf>,
    v1: Option<PathBuf>,
    /// Where processes can be looked up, if they can.
    proc: Option<PathBuf>,
}

impl Hierarchies {
    /// Looks for the hierarchies of the host whose root is mounted at `host_root`; `view` is what can be seen of its processes.
    #[must_use]
    pub fn find(host_root: &Path, view: &View) -> Self {
        let usual = host_root.join("sys/fs/cgroup");
        let proc = host_root.join("proc");
        let own = if proc.join("1/cgroup").exists() { proc } else { PathBuf::from("/proc") };
        let mounted = fs::read_to_string(own.join("1/mountinfo"))
            .map(|text| cgroup2_mounts(&text).map(|at| host_root.join(at.trim_start_matches('/'))).collect::<Vec<_>>())
            .unwrap_or_default();
        let candidates = [usual.clone(), usual.join("unified")].into_iter().chain(mounted);
        // Every cgroup of a v2 tree has this file, and none of a v1 hierarchy.
        let tree = candidates.into_iter().find(|at| at.join("cgroup.controllers").exists());
        let v1 = V1_HIERARCHIES.iter().map(|name| usual.join(name)).find(|at| at.join("tasks").exists());
        let mode = match (&tree, &v1) {
            (Some(_), None) => Mode::Unified,
            (Some(_), Some(_)) => Mode::Hybrid,
            (None, Some(_)) => Mode::Legacy,
            (None, None) => Mode::Unknown,
        };
        Self { mode, tree, v1, proc: view.path().map(Path::to_owned) }
    }

    /// Which hierarchies there are.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Where the v2 tree is mounted.
    #[must_use]
    pub fn tree(&self) -> Option<&Path> {
        self.tree.as_deref()
    }

    /// Whether containers cannot be told apart: the tree is only a part of the machine's, as a cgroup namespace has it, or there is
    /// none and processes cannot be looked up, either.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        match &self.tree {
            Some(tree) => fs::metadata(tree).is_ok_and(|root| root.ino() != ROOT_INO),
            None => self.mode == Mode::Legacy && self.proc.is_none(),
        }
    }

    /// Visits the id and path of every cgroup of the v2 tree.
    pub fn scan(&self, visit: &mut dyn FnMut(u64, &str)) {
        if let Some(tree) = &self.tree {
            walk(tree, visit);
        }
    }

    /// Visits the paths of a v1 hierarchy.
    pub fn scan_v1(&self, visit: &mut dyn FnMut(&str)) {
        if let Some(v1) = &self.v1 {
            walk(v1, &mut |_, path| visit(path));
        }
    }

    /// Whether there is a process in that cgroup of the v1 hierarchy. Folders without one may be left over.
    #[must_use]
    pub fn is_used_v1(&self, path: &str) -> bool {
        let Some(v1) = &self.v1 else { return false };
        fs::read(v1.join(path.trim_start_matches('/')).join("cgroup.procs")).is_ok_and(|text| !text.is_empty())
    }

    /// The id of the cgroup that has that path now.
    #[must_use]
    pub fn id_of(&self, path: &str) -> Option<u64> {
        let folder = self.tree.as_ref()?.join(path.trim_start_matches('/'));
        fs::metadata(folder).ok().map(|folder| folder.ino())
    }

    /// The path in the v2 tree of the cgroup that a process is in now.
    #[must_use]
    pub fn path_of(&self, tgid: u32) -> Option<String> {
        let text = self.of_process(tgid)?;
        entries(&text).find(|(controllers, _)| controllers.is_empty()).map(|(_, path)| path.to_owned())
    }

    /// The paths in all hierarchies of the cgroups that a process is in now; `None` when it is gone.
    #[must_use]
    pub fn paths_of(&self, tgid: u32) -> Option<Vec<String>> {
        let text = self.of_process(tgid)?;
        Some(entries(&text).map(|(_, path)| path.to_owned()).collect())
    }

    /// Who could have made a folder in that one: its owner, that of a folder above, or the user whose slice it is in. What
    /// cannot be looked at any more was root's if all above it is.
    #[must_use]
    pub fn maker_in(&self, parent: &str) -> Owner {
        let by_slice = owner::of_slice(parent).unwrap_or_default();
        if !by_slice.is_machine() {
            return by_slice;
        }
        for hierarchy in self.tree.iter().chain(&self.v1) {
            let mut folder = hierarchy.clone();
            for name in parent.split('/').filter(|name| !name.is_empty() && *name != "..") {
                folder.push(name);
                let Ok(found) = fs::metadata(&folder) else { break };
                if found.uid() != 0 {
                    return Owner::User(found.uid());
                }
                if found.mode() & 0o002 != 0 || (found.mode() & 0o020 != 0 && found.gid() != 0) {
                    return Owner::Anyone;
                }
            }
        }
        Owner::Machine
    }

    fn of_process(&self, tgid: u32) -> Option<String> {
        let bytes = fs::read(self.proc.as_ref()?.join(tgid.to_string()).join("cgroup")).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Controllers and path of each line of `/proc/PID/cgroup` (cgroups(7)), the latter relative to the root of the
/// hierarchy. Seen from a cgroup namespace that does not hold the process, a path starts with `/..`.
fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| {
        let (controllers, mut path) = line.split_once(':')?.1.split_once(':')?;
        while let Some(rest) = path.strip_prefix("/..") {
            path = rest;
        }
        // A cgroup that was removed under a process that ends.
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        Some((controllers, if path.is_empty() { "/" } else { path }))
    })
}

/// Where cgroup2 is mounted, from `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
fn cgroup2_mounts(mountinfo: &str) -> impl Iterator<Item = &str> {
    mountinfo.lines().filter_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        filesystem.starts_with("cgroup2 ").then(|| mount.split(' ').nth(4))?
    })
}

/// Visits the folders below `root`, itself included, with their inode numbers. No folder is opened twice and none is
/// stat'ed but the root: reading a folder gives the numbers of its children.
fn walk(root: &Path, visit: &mut dyn FnMut(u64, &str)) {
    let Ok(own) = fs::metadata(root) else { return };
    visit(own.ino(), "/");
    let mut left = MAX_CGROUPS;
    let mut folders = vec![String::new()];
    while let Some(parent) = folders.pop() {
        let Ok(children) = fs::read_dir(root.join(parent.trim_start_matches('/'))) else { continue };
        for child in children.flatten().filter(|child| child.file_type().is_ok_and(|kind| kind.is_dir())) {
            if left == 0 {
                return;
            }
            left -= 1;
            let path = format!("{parent}/{}", child.file_name().to_string_lossy());
            visit(child.ino(), &path);
            folders.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_pid_cgroup_are_read() {
        let text = "12:cpu,cpuacct:/docker/a:b\n1:name=systemd:/\n0::/../../x\nbroken\n0::/y (deleted)\n";
        let all: Vec<_> = entries(text).collect();
        assert_eq!(all, [("cpu,cpuacct", "/docker/a:b"), ("name=systemd", "/"), ("", "/x"), ("", "/y")]);
    }

    #[test]
    fn a_tree_that_is_mounted_elsewhere_is_found() {
        let text = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n\
                    42 31 0:39 / /mnt/c rw shared:1 - cgroup2 none rw\n43 31 0:29 / /cpu rw - cgroup cgroup rw,cpu\n";
        assert_eq!(cgroup2_mounts(text).collect::<Vec<_>>(), ["/sys/fs/cgroup/unified", "/mnt/c"]);
    }

    #[test]
    fn a_walk_gives_the_inode_of_each_folder() {
        let root = std::env::temp_dir().join(format!("tracer-walk-{}", std::process::id()));
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/tasks"), "").unwrap();
        let mut seen = Vec::new();
        walk(&root, &mut |id, path| seen.push((id, path.to_owned())));
        let id = |path: &str| fs::metadata(root.join(path)).unwrap().ino();
        assert_eq!(seen, [(id(""), "/".into()), (id("a"), "/a".into()), (id("a/b"), "/a/b".into())]);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn whoever_owns_a_folder_above_could_have_made_it() {
        let root = std::env::temp_dir().join(format!("tracer-maker-{}", std::process::id()));
        fs::create_dir_all(root.join("a.service/b/c")).unwrap();
        let hierarchies = Hierarchies { tree: Some(root.clone()), ..Hierarchies::default() };
        let own = Owner::of_uid(nix::unistd::geteuid().as_raw());
        let slice = "/user.slice/user-7.slice/user@7.service/app.slice";
        assert_eq!(hierarchies.maker_in(slice), Owner::User(7));
        assert_eq!(Hierarchies::default().maker_in(slice), Owner::User(7), "also in a capture");
        assert_eq!(hierarchies.maker_in("/a.service/b"), own);
        if own.is_machine() {
            std::os::unix::fs::chown(root.join("a.service"), Some(8), None).unwrap();
            for path in ["/a.service", "/a.service/b", "/a.service/b/gone/too"] {
                assert_eq!(hierarchies.maker_in(path), Owner::User(8), "{path}");
            }
            assert_eq!(hierarchies.maker_in("/"), Owner::Machine);
        }
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_host_without_cgroups_has_no_mode() {
        let nowhere = Hierarchies::find(Path::new("/nonexistent-root"), &View::Absent);
        assert_eq!((nowhere.mode(), nowhere.tree()), (Mode::Unknown, None));
    }
}
