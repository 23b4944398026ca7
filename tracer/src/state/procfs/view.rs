//! Whether a `/proc` shows the machine's processes under the numbers that the kernel side gives them.
//!
//! In a pid namespace it shows other processes under the same numbers: what it says must not be taken for what was asked.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Inode of the first pid namespace. Source: kernel include/linux/proc_ns.h, `PROC_PID_INIT_INO`.
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

/// What is shown of the machine's processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// All of them, below this folder.
    Whole(PathBuf),
    /// Those of other users are hidden.
    Hidden(PathBuf),
    /// Only those of a pid namespace, under numbers of their own.
    Foreign,
    /// There is no `/proc`.
    Absent,
}

impl View {
    /// Looks at `/proc`, below `root`, and where else one is mounted. `own` is the number that the kernel side has for this process,
    /// when that is known.
    #[must_use]
    pub fn find(root: &Path, own: Option<u32>) -> Self {
        let usual = [PathBuf::from("/proc"), root.join("proc")];
        let mounts = usual.iter().find_map(|proc| fs::read_to_string(proc.join("self/mountinfo")).ok());
        let mounted = mounts.iter().flat_map(|text| proc_mounts(text)).map(PathBuf::from);
        let candidates: Vec<_> = usual.iter().cloned().chain(mounted).collect();
        let mut of_machine: Vec<_> = candidates.into_iter().filter(|proc| is_of_machine(proc, own)).collect();
        match of_machine.iter().position(|proc| fs::read(proc.join("1/stat")).is_ok()) {
            Some(at) => Self::Whole(of_machine.swap_remove(at)),
            None if !of_machine.is_empty() => Self::Hidden(of_machine.swap_remove(0)),
            None if mounts.is_some() => Self::Foreign,
            None => Self::Absent,
        }
    }

    /// Where processes can be looked up by their numbers.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Whole(proc) | Self::Hidden(proc) => Some(proc),
            Self::Foreign | Self::Absent => None,
        }
    }

    /// What cannot be seen, and the remedy; `None` if all can.
    #[must_use]
    pub fn loss(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Whole(_) => None,
            Self::Hidden(_) => Some((
                "/proc hides processes of other users (hidepid), so little is known about those that already run",
                "CAP_SYS_PTRACE is needed, or a /proc without hidepid",
            )),
            Self::Foreign => Some((
                "/proc belongs to a different pid namespace, so little is known about processes that already run, and \
                    users and engines are from this root",
                "in a container, add --pid=host or -v /proc:/host/proc:ro",
            )),
            Self::Absent => {
                Some(("there is no /proc, so little is known about processes that already run", "mount /proc"))
            }
        }
    }
}

/// Whether a `/proc` shows this process under the number that it has in the first pid namespace.
fn is_of_machine(proc: &Path, own: Option<u32>) -> bool {
    let Ok(status) = fs::read_to_string(proc.join("self/status")) else { return false };
    let is_first = fs::read_link(proc.join("self/ns/pid")).is_ok_and(|link| link.as_os_str() == FIRST_PID_NAMESPACE);
    shows_first(&status, is_first, own)
}

/// The same by what is read there. A process has a number in each namespace from that of the mount down to its own: one that is in
/// the first has one, and any other has more than one if the mount is of the first.
fn shows_first(status: &str, is_first: bool, own: Option<u32>) -> bool {
    let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    // A kernel without namespaces has no such line.
    let (numbers, is_first) = match line("NSpid:") {
        Some(numbers) => (numbers, is_first),
        None => (line("Pid:").unwrap_or_default(), true),
    };
    let numbers: Vec<u32> = numbers.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect();
    let is_own = numbers.first().is_some_and(|number| own.is_none_or(|own| own == *number));
    is_own && (is_first || numbers.len() > 1)
}

/// Where whole procfs are mounted, from `/proc/PID/mountinfo` (proc_pid_mountinfo(5)).
fn proc_mounts(mountinfo: &str) -> impl Iterator<Item = &str> {
    mountinfo.lines().filter_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut words = mount.split(' ').skip(3);
        let (root, at) = (words.next()?, words.next()?);
        (root == "/" && filesystem.starts_with("proc ")).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_namespace_has_the_numbers_of_the_kernel() {
        let status = |numbers: &str| format!("Name:\ttracer\nNSpid:\t{numbers}\nNSpgid:\t1\n");
        assert!(shows_first(&status("4711"), true, Some(4711)));
        assert!(shows_first(&status("4711\t1"), false, Some(4711)), "in a namespace, seen from the machine");
        assert!(!shows_first(&status("7"), false, Some(4711)), "seen from its namespace");
        assert!(!shows_first(&status("4711"), false, Some(4711)), "the same number by chance");
        assert!(!shows_first(&status("90\t1"), false, Some(4711)), "seen from a namespace in between");
        assert!(shows_first("Name:\ttracer\nPid:\t4711\n", false, Some(4711)), "a kernel without namespaces");
        assert!(!shows_first("", true, None));
    }

    #[test]
    fn other_mounts_are_found() {
        let text = "22 1 0:20 / /proc rw - proc proc rw\n23 22 0:20 /sys /proc/sys ro - proc proc rw\n\
                    30 1 0:21 / /host/proc ro,relatime shared:1 - proc proc rw\n31 1 0:5 / /dev rw - devtmpfs dev rw\n";
        assert_eq!(proc_mounts(text).collect::<Vec<_>>(), ["/proc", "/host/proc"]);
    }

    #[test]
    fn a_machine_without_proc_is_said_to_have_none() {
        let nowhere = Path::new("/nonexistent-root");
        assert!(!is_of_machine(nowhere, None));
        assert!(View::Absent.loss().is_some() && View::Foreign.path().is_none());
    }
}
