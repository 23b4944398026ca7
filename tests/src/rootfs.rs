//! The root of a container with busybox and nothing else.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

/// Makes it, with these programs.
///
/// # Panics
/// If it cannot be made.
pub fn make(root: &Path, programs: &[&str]) {
    for path in ["bin", "sbin", "dev", "proc", "sys", "tmp", "etc", "run", "root"] {
        fs::create_dir_all(root.join(path)).expect("a folder");
    }
    let found = Command::new("sh").args(["-c", "command -v busybox"]).output().expect("a shell");
    fs::copy(String::from_utf8_lossy(&found.stdout).trim(), root.join("bin/busybox")).expect("busybox");
    for program in programs {
        symlink("busybox", root.join("bin").join(program)).expect("a link");
    }
}
