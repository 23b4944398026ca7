//! Where the hierarchies of the host are mounted, and reading of files in them.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use super::{Files, Limit, Part, Resources, Version};
use crate::state::{host_root, procfs::View};

/// The controllers of v1 that are read.
const V1: [&str; 6] = ["cpu", "cpuacct", "memory", "blkio", "pids", "cpuset"];
/// The most folders in a cgroup whose processes are counted.
const MAX_FOLDERS: usize = 4_096;

/// Where a hierarchy is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    at: PathBuf,
    /// The cgroup that is shown there, `/` for the whole hierarchy.
    root: String,
}

impl Mount {
    /// The folder of a cgroup; `None` if it is not below this mount.
    fn folder(&self, path: &str) -> Option<PathBuf> {
        // The kernel has no such paths; what a capture says is not to lead elsewhere.
        let mut names = path.split('/').filter(|name| !name.is_empty());
        if !path.starts_with('/') || names.clone().any(|name| name == "..") {
            return None;
        }
        for name in self.root.split('/').filter(|name| !name.is_empty()) {
            if names.next() != Some(name) {
                return None;
            }
        }
        let mut folder = self.at.clone();
        folder.extend(names);
        Some(folder)
    }
}

/// The folder of a cgroup in one hierarchy.
struct Folder {
    path: PathBuf,
    /// Once it was asked. A file of it that is open answers that without the file system.
    is_there: Option<bool>,
}

impl Folder {
    fn new(path: PathBuf) -> Self {
        Self { path, is_there: None }
    }

    /// The text of a file in it. All of them would be looked for if the folder were not.
    fn text(&mut self, files: &mut Files, name: &str) -> Option<String> {
        let path = self.path.join(name);
        let is_there = *self.is_there.get_or_insert_with(|| files.has(&path) || self.path.is_dir());
        is_there.then(|| files.text(&path)).flatten()
    }
}

/// The hierarchies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trees {
    v2: Option<Mount>,
    /// By controller.
    v1: HashMap<&'static str, Mount>,
}

impl Trees {
    /// Those of this machine, seen from here: below `HOST_ROOT` if tracer is in a container.
    #[must_use]
    pub fn of_host() -> Self {
        let root = &host_root().0;
        Self::find(root, &View::find(root, None))
    }

    /// Looks for the hierarchies of the host whose root is mounted at `host_root`; `view` is what can be seen of its processes.
    #[must_use]
    pub fn find(host_root: &Path, view: &View) -> Self {
        let proc = view.path().map_or_else(|| host_root.join("proc"), Path::to_owned);
        let mounts = fs::read_to_string(proc.join("1/mountinfo")).unwrap_or_default();
        Self::of_mounts(host_root, &mounts)
    }

    /// The mounts come from `/proc/PID/mountinfo`; what is not among them is looked for in the usual places.
    fn of_mounts(host_root: &Path, mountinfo: &str) -> Self {
        let below = |path: &str| host_root.join(path.trim_start_matches('/'));
        let mut this = Self::default();
        for line in mountinfo.lines().filter_map(mount) {
            let mount = Mount { at: below(&line.at), root: line.root };
            if line.is_v2 {
                let is_v2 = mount.at.join("cgroup.controllers").exists();
                this.v2 = this.v2.or_else(|| is_v2.then_some(mount));
                continue;
            }
            for controller in V1.into_iter().filter(|name| line.options.split(',').any(|option| option == *name)) {
                if mount.at.join("cgroup.procs").exists() {
                    this.v1.entry(controller).or_insert_with(|| mount.clone());
                }
            }
        }
        let usual = below("/sys/fs/cgroup");
        let whole = |at: PathBuf| Mount { at, root: "/".to_owned() };
        if this.v2.is_none() {
            let places = [usual.clone(), usual.join("unified")];
            this.v2 = places.into_iter().find(|at| at.join("cgroup.controllers").exists()).map(whole);
        }
        for controller in V1 {
            let at = usual.join(controller);
            // A folder of a v2 tree may have any name.
            let is_v1 = at.join("cgroup.procs").exists() && !at.join("cgroup.controllers").exists();
            if is_v1 {
                this.v1.entry(controller).or_insert_with(|| whole(at));
            }
        }
        this
    }

    /// Whether there is none.
    #[must_use]
    pub fn are_none(&self) -> bool {
        self.v2.is_none() && self.v1.is_empty()
    }

    /// Which interface a part has. Without its controller it is that of the v2 tree.
    #[must_use]
    pub fn version(&self, part: Part) -> Version {
        let controllers: &[&str] = match part {
            Part::Cpu => &["cpu", "cpuacct"],
            Part::Memory => &["memory"],
            Part::Io => &["blkio"],
            Part::Pids => &["pids"],
            Part::Cpuset => &["cpuset"],
            Part::Pressure => &[],
        };
        let is_v1 = controllers.iter().any(|controller| self.v1.contains_key(controller));
        if is_v1 { Version::V1 } else { Version::V2 }
    }

    /// Those parts of the cgroup of that path, which is relative to the root of each hierarchy; `None` if it is in none of them.
    #[must_use]
    pub fn read(&self, files: &mut Files, path: &str, parts: &[Part]) -> Option<Resources> {
        let folder = |mount: &Mount| mount.folder(path).map(Folder::new);
        let mut v2 = self.v2.as_ref().and_then(folder);
        let mut v1: HashMap<&str, Folder> =
            self.v1.iter().filter_map(|(name, mount)| Some((*name, folder(mount)?))).collect();
        let mut is_read = false;
        let mut file = |version, name: &str| {
            let folder = match version {
                Version::V1 => v1.get_mut(name.split('.').next()?)?,
                Version::V2 => v2.as_mut()?,
            };
            let text = folder.text(files, name);
            is_read |= text.is_some();
            text
        };
        let resources = Resources::read(parts, &|part| self.version(part), &mut file);
        let is_there = || v2.iter().chain(v1.values()).any(|folder| folder.path.is_dir());
        (is_read || is_there()).then_some(resources)
    }

    /// The smallest limit of memory that holds for a cgroup, bytes: its own, which was read already, or that of one that it is in.
    /// `None` if there is no limit, or none can be read. `above` has the limits of folders that were read for its siblings.
    #[must_use]
    pub fn memory_limit(
        &self,
        files: &mut Files,
        path: &str,
        own: Option<Limit>,
        above: &mut HashMap<PathBuf, Option<Limit>>,
    ) -> Option<u64> {
        let name = match self.version(Part::Memory) {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        let mount = self.v1.get("memory").or(self.v2.as_ref())?;
        let folder = mount.folder(path)?;
        let inside = folder.ancestors().skip(1).take_while(|folder| folder.starts_with(&mount.at));
        let mut read = |folder: &Path| {
            let text = files.text(&folder.join(name));
            text.as_deref().and_then(super::text::limit)
        };
        let outer = inside.filter_map(|folder| match above.get(folder) {
            Some(known) => *known,
            None => *above.entry(folder.to_owned()).or_insert_with(|| read(folder)),
        });
        own.into_iter().chain(outer).filter_map(Limit::value).min()
    }

    /// Where a cgroup may be, best first: not every hierarchy has each.
    fn folders(&self, path: &str) -> impl Iterator<Item = PathBuf> {
        let mounts = self.v2.iter().chain(self.v1.get("pids")).chain(self.v1.get("memory"));
        mounts.filter_map(move |mount| mount.folder(path))
    }

    /// The folder of a cgroup in the first hierarchy that has it.
    fn folder(&self, path: &str) -> Option<PathBuf> {
        self.folders(path).find(|folder| folder.is_dir())
    }

    /// The processes of a cgroup and of those in it, at most so many.
    #[must_use]
    pub fn pids(&self, path: &str, most: usize) -> Vec<u32> {
        let mut folders: Vec<PathBuf> = self.folder(path).into_iter().collect();
        let (mut pids, mut left) = (Vec::new(), MAX_FOLDERS);
        while let Some(folder) = folders.pop().filter(|_| pids.len() < most) {
            let text = Files::default().text(&folder.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
            for name in names(&folder).take(left) {
                folders.push(folder.join(name));
                left -= 1;
            }
        }
        pids.truncate(most);
        pids
    }

    /// The names of the cgroups in a cgroup.
    #[must_use]
    pub fn children(&self, path: &str) -> Vec<String> {
        let Some(folder) = self.folder(path) else { return Vec::new() };
        let mut all: Vec<String> = names(&folder).take(MAX_FOLDERS).collect();
        all.sort_unstable();
        all
    }

    /// How many processes there are in a cgroup and in those in it; `None` if it cannot be found.
    #[must_use]
    pub fn processes(&self, files: &mut Files, path: &str) -> Option<u64> {
        self.members(files, path).map(|(count, _)| count)
    }

    /// The same, and one of these processes, if there is any.
    #[must_use]
    pub fn members(&self, files: &mut Files, path: &str) -> Option<(u64, Option<u32>)> {
        let procs = |files: &mut Files, folder: &Path| files.text(&folder.join("cgroup.procs"));
        let (folder, text) = self.folders(path).find_map(|it| procs(files, &it).map(|text| (it, Some(text))))?;
        let mut folders = vec![(folder, text)];
        let (mut sum, mut first, mut left) = (0, None, MAX_FOLDERS);
        while let Some((folder, text)) = folders.pop() {
            // A thread group's threads are not listed where it is allowed to spread them over cgroups.
            let text = text.or_else(|| procs(files, &folder)).unwrap_or_default();
            sum += text.lines().count() as u64;
            first = first.or_else(|| text.lines().next()?.parse().ok());
            for name in names(&folder).take(left) {
                folders.push((folder.join(name), None));
                left -= 1;
            }
        }
        Some((sum, first))
    }
}

/// The names of the folders in a folder.
fn names(folder: &Path) -> impl Iterator<Item = String> {
    // A folder without others has two links: its name, and its own dot.
    let is_last = fs::metadata(folder).is_ok_and(|it| it.nlink() == 2);
    let children = (!is_last).then(|| fs::read_dir(folder)).into_iter().flatten().flatten().flatten();
    let folders = children.filter(|child| child.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.filter_map(|child| child.file_name().into_string().ok())
}

/// A mount of a hierarchy of cgroups.
struct Line {
    at: String,
    root: String,
    is_v2: bool,
    /// Of the file system, among them the controllers of v1.
    options: String,
}

/// A line of `/proc/PID/mountinfo` (proc_pid_mountinfo(5)), if it is a mount of cgroups.
fn mount(line: &str) -> Option<Line> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(3);
    let (root, at) = (unescaped(mount.next()?), unescaped(mount.next()?));
    let mut filesystem = filesystem.split(' ');
    let is_v2 = match filesystem.next()? {
        "cgroup2" => true,
        "cgroup" => false,
        _ => return None,
    };
    // From another cgroup namespace, only a part of the hierarchy: which one is not known.
    let is_known = !root.starts_with("/..");
    let options = filesystem.nth(1).unwrap_or_default().to_owned();
    is_known.then_some(Line { at, root, is_v2, options })
}

/// Blanks and the like are written as three octal digits after a backslash.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test, and what is in it.
    fn root(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let root = std::env::temp_dir().join(format!("tracer-trees-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn a_v2_tree_is_read_below_the_root_of_the_host() {
        let files = [
            ("sys/fs/cgroup/cgroup.controllers", "cpu memory"),
            ("sys/fs/cgroup/a.slice/memory.max", "8192\n"),
            ("sys/fs/cgroup/a.slice/b.scope/memory.current", "4096\n"),
            ("sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n"),
            ("sys/fs/cgroup/a.slice/b.scope/cgroup.procs", "1\n2\n"),
            ("sys/fs/cgroup/a.slice/b.scope/inner/cgroup.procs", "3\n"),
        ];
        let root = root("v2", &files);
        let trees = Trees::of_mounts(&root, "");
        assert_eq!(trees.version(Part::Memory), Version::V2);
        let read = trees.read(&mut Files::default(), "/a.slice/b.scope", &Part::ALL).unwrap();
        assert_eq!((read.memory.usage, read.cpu.usage_ns), (Some(4096), None));
        assert_eq!(
            trees.memory_limit(&mut Files::default(), "/a.slice/b.scope", read.memory.limit, &mut HashMap::new()),
            Some(8192),
            "that of the folder above holds"
        );
        assert_eq!(trees.processes(&mut Files::default(), "/a.slice/b.scope"), Some(3));
        assert_eq!(trees.read(&mut Files::default(), "/a.slice/gone.scope", &Part::ALL), None);
        assert_eq!(trees.read(&mut Files::default(), "/a.slice/../a.slice/b.scope", &Part::ALL), None);
        assert_eq!(trees.read(&mut Files::default(), "a.slice", &Part::ALL), None);
        let only = trees.read(&mut Files::default(), "/a.slice/b.scope", &[Part::Cpu]).unwrap();
        assert_eq!(only, Resources::default(), "what was not asked for");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn each_controller_of_a_hybrid_host_is_read_where_it_is() {
        let files = [
            ("cg/all/cgroup.controllers", ""),
            ("cg/all/docker/x/memory.pressure", "some avg10=1.25 avg60=0.00 avg300=0.00 total=7\n"),
            ("cg/all/docker/x/cpu.stat", "usage_usec 1\n"),
            ("cg/cpu,cpuacct/cgroup.procs", ""),
            ("cg/cpu,cpuacct/docker/x/cpuacct.usage", "77\n"),
            ("cg/my memory/cgroup.procs", ""),
            ("cg/my memory/x/memory.usage_in_bytes", "5\n"),
            ("sys/fs/cgroup/pids/cgroup.procs", ""),
            ("sys/fs/cgroup/pids/docker/x/pids.current", "3\n"),
        ];
        let root = root("hybrid", &files);
        let mounts = "41 31 0:38 / /cg/all rw,relatime shared:1 - cgroup2 cgroup2 rw\n\
            42 31 0:39 / /cg/cpu,cpuacct rw shared:2 - cgroup cgroup rw,cpu,cpuacct\n\
            43 31 0:40 /docker /cg/my\\040memory rw - cgroup cgroup rw,memory\n\
            44 31 0:41 /../.. /cg/other rw - cgroup cgroup rw,blkio\n45 31 0:42 / / rw - ext4 /dev/x rw,pids\n";
        let trees = Trees::of_mounts(&root, mounts);
        assert_eq!((trees.version(Part::Cpu), trees.version(Part::Io)), (Version::V1, Version::V2));
        let read = trees.read(&mut Files::default(), "/docker/x", &Part::ALL).unwrap();
        assert_eq!((read.cpu.usage_ns, read.memory.usage, read.pids.current), (Some(77), Some(5), Some(3)));
        assert_eq!((read.pressure.memory.some_ns, read.pressure.memory.some_avg10), (Some(7000), Some(125)));
        assert_eq!(trees.read(&mut Files::default(), "/podman/x", &Part::ALL), None);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn this_machine_has_numbers_of_its_root() {
        let trees = Trees::of_host();
        if trees.are_none() {
            return;
        }
        let read = trees.read(&mut Files::default(), "/", &Part::ALL).expect("a root");
        assert!(read.cpu.usage_ns.is_none_or(|usage| usage > 0));
        assert!(read.memory.anon.is_none_or(|anon| anon > 0));
        assert!(trees.processes(&mut Files::default(), "/").is_some_and(|count| count > 0));
    }
}
