//! Cgroups that tests make, as engines and users make them, and processes in them.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The root of the v2 tree.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn tree() -> PathBuf {
    let trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
    trees.into_iter().find(|tree| tree.join("cgroup.controllers").exists()).expect("a v2 tree")
}

/// The v1 hierarchies of these names that there are.
fn v1(names: &[&str]) -> Vec<PathBuf> {
    let v1 = names.iter().map(|name| Path::new("/sys/fs/cgroup").join(name));
    v1.filter(|v1| v1.join("tasks").exists()).collect()
}

/// The v2 tree, and beside it the v1 hierarchies in which engines make a folder, too.
fn hierarchies() -> Vec<PathBuf> {
    v1(&["cpu", "memory"]).into_iter().chain([tree()]).collect()
}

/// A cgroup with the same path in each hierarchy. What was not there before is removed at the end.
#[derive(Debug)]
pub struct Cgroup {
    /// Its folder in the v2 tree, if it is there.
    pub folder: PathBuf,
    folders: Vec<PathBuf>,
    made: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes it, with those above it.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn make(path: &str) -> Self {
        Self::make_in(hierarchies(), path)
    }

    /// Makes it in v1 hierarchies alone; `None` where there are none.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn make_v1(path: &str) -> Option<Self> {
        let v1 = v1(&["systemd", "cpu", "memory", "pids"]);
        (!v1.is_empty()).then(|| Self::make_in(v1, path))
    }

    /// Makes it in the v2 tree alone; `None` where there is nothing beside that.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn make_v2(path: &str) -> Option<Self> {
        (hierarchies().len() > 1).then(|| Self::make_in(vec![tree()], path))
    }

    fn make_in(mut folders: Vec<PathBuf>, path: &str) -> Self {
        let mut made = Vec::new();
        for folder in &mut folders {
            for name in path.split('/').filter(|name| !name.is_empty()) {
                folder.push(name);
                match fs::create_dir(&folder) {
                    Ok(()) => made.push(folder.clone()),
                    Err(_) => assert!(folder.is_dir(), "{}", folder.display()),
                }
            }
        }
        let folder = folders.last().expect("a hierarchy").clone();
        Self { folder, folders, made }
    }

    /// Gives it to a user, as systemd delegates one: they may make others in it, and move their processes there.
    ///
    /// # Panics
    /// If it cannot be given.
    #[must_use]
    pub fn delegate(self, uid: u32) -> Self {
        for folder in &self.folders {
            for file in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "tasks"] {
                let file = folder.join(file);
                if file.exists() {
                    chown(file, Some(uid), Some(uid)).expect("an owner");
                }
            }
        }
        self
    }

    /// Runs a shell that is in it, as that user. What it makes below is removed with it.
    ///
    /// # Panics
    /// If there is no shell.
    #[must_use]
    pub fn run(&self, uid: u32, script: &str) -> Output {
        let enter: String =
            self.folders.iter().map(|one| format!("echo $$ > \"{}/cgroup.procs\"; ", quoted(one))).collect();
        let script =
            format!("set -e; {enter} exec setpriv --reuid={uid} --regid={uid} --clear-groups sh -e -c '{script}'");
        Command::new("sh").args(["-c", &script]).output().expect("a shell")
    }

    /// A script with which a shell that may makes a cgroup below and goes there.
    #[must_use]
    pub fn enter_below(&self, path: &str) -> String {
        let enter = |folder: &PathBuf| {
            let folder = quoted(&folder.join(path));
            format!("mkdir -p \"{folder}\"; echo $$ > \"{folder}/cgroup.procs\"; ")
        };
        self.folders.iter().map(enter).collect()
    }
}

/// A path between double quotes of a shell: systemd's names have backslashes.
fn quoted(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\")
}

/// Removes the cgroups below a folder, the innermost first.
fn clear(folder: &Path) {
    for child in fs::read_dir(folder).into_iter().flatten().flatten() {
        if child.file_type().is_ok_and(|kind| kind.is_dir()) {
            clear(&child.path());
            let _ = fs::remove_dir(child.path());
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if !self.made.is_empty() {
            self.folders.iter().for_each(|folder| clear(folder));
        }
        for folder in self.made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}
