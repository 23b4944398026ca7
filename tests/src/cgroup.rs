//! Cgroups that tests make, as engines and users make them, and processes in them.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, chown},
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

/// A cgroup of the v2 tree. What was not there before is removed at the end.
#[derive(Debug)]
pub struct Cgroup {
    /// Its folder.
    pub folder: PathBuf,
    made: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes it, with those above it.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn make(path: &str) -> Self {
        let (mut folder, mut made) = (tree(), Vec::new());
        for name in path.split('/').filter(|name| !name.is_empty()) {
            folder.push(name);
            match fs::create_dir(&folder) {
                Ok(()) => made.push(folder.clone()),
                Err(_) => assert!(folder.is_dir(), "{}", folder.display()),
            }
        }
        Self { folder, made }
    }

    /// Gives it to a user, as systemd delegates one: they may make others in it, and move their processes there.
    ///
    /// # Panics
    /// If it cannot be given.
    #[must_use]
    pub fn delegate(self, uid: u32) -> Self {
        for file in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
            chown(self.folder.join(file), Some(uid), Some(uid)).expect("an owner");
        }
        self
    }

    /// Runs a shell that is in it, as that user. What it makes below is removed with it.
    ///
    /// # Panics
    /// If there is no shell.
    #[must_use]
    pub fn run(&self, uid: u32, script: &str) -> Output {
        let enter = format!("echo $$ > {}/cgroup.procs || exit 9; exec setpriv", self.folder.display());
        let script = format!("{enter} --reuid={uid} --regid={uid} --clear-groups sh -c '{script}'");
        Command::new("sh").args(["-c", &script]).output().expect("a shell")
    }

    /// Its id.
    ///
    /// # Panics
    /// If it is gone.
    #[must_use]
    pub fn id(&self) -> u64 {
        fs::metadata(&self.folder).expect("the cgroup").ino()
    }
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
            clear(&self.folder);
        }
        for folder in self.made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}
