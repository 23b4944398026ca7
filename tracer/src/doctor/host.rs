//! What of the machine can be seen from here: namespaces, cgroups, the host's files.

use std::{fs, path::Path};

use super::Finding;
use crate::message::Shown as _;
use crate::{
    source::live::own::Own,
    state::{
        container::{
            Options, PARTIAL,
            cgroup::{Hierarchies, Mode},
        },
        procfs::View,
        root::{Reason, host_root},
    },
};

/// Inode of the first time namespace. Source: kernel include/linux/proc_ns.h, `PROC_TIME_INIT_INO`.
const FIRST_TIME_NAMESPACE: &str = "time:[4026531834]";

/// The findings.
pub(super) fn look(options: &Options) -> Vec<Finding> {
    let root = options.host_root.as_path();
    let own = Own::learn().ok();
    let view = View::find(root, own.map(|own| own.tgid));
    let mut findings = vec![host_files(root, &view)];
    findings.extend(processes(&view, own));
    findings.extend(view.path().map(open_files));
    findings.push(cgroups(&Hierarchies::find(root, &view), root));
    findings
}

fn host_files(root: &Path, view: &View) -> Finding {
    let users = root.join("etc/passwd");
    let (_, reason) = host_root();
    match (fs::metadata(&users), reason) {
        (Ok(_), Reason::Own) if *view == View::Foreign => Finding::warn(
            "host: using the files at /; if this is a container, user names come from the container",
            "in a container, add -v /:/host:ro -e HOST_ROOT=/host",
        ),
        (Ok(_), Reason::Own) => match fs::metadata(view.path().unwrap_or(Path::new("/proc")).join("1/root/.")) {
            Ok(_) => Finding::ok("host: using the files at /"),
            Err(error) => Finding::ok(format!(
                "host: using the files at / (HOST_ROOT is not set, and the root of the first process cannot be read: \
                    {error})"
            )),
        },
        (Ok(_), Reason::Asked) => Finding::ok(format!("host: using the files at {} (HOST_ROOT)", root.shown())),
        (Ok(_), Reason::First) => {
            Finding::ok(format!("host: using the files at {} (root of the first process)", root.shown()))
        }
        (Err(error), _) => Finding::warn(
            format!("host: cannot read {}: {error}", users.shown()),
            "user names are missing; in a container, add -v /:/host:ro -e HOST_ROOT=/host",
        ),
    }
}

/// Whether this process is in a time namespace of its own.
fn is_in_time_namespace() -> bool {
    fs::read_link("/proc/self/ns/time").is_ok_and(|link| link.as_os_str() != FIRST_TIME_NAMESPACE)
}

/// What `/proc` shows, and who this process is to the kernel.
fn processes(view: &View, own: Option<Own>) -> Vec<Finding> {
    let mut findings = match (view, view.loss()) {
        (_, Some((loss, remedy))) => vec![Finding::warn(format!("processes: {loss}"), remedy)],
        (view, None) => {
            let at = view.path().unwrap_or(Path::new("/proc")).shown();
            vec![Finding::ok(format!("processes: all visible at {at}"))]
        }
    };
    let number = std::process::id();
    if let Some(own) = own.filter(|own| own.tgid != number) {
        let tgid = own.tgid;
        findings.push(Finding::ok(format!(
            "pid namespace: not the initial one; process {number} here is {tgid} on the \
            machine"
        )));
    }
    if own.is_some_and(Own::in_time_namespace) {
        findings.push(Finding::ok("time namespace: not the initial one; tracer uses the clocks of the machine"));
    } else if own.is_none() && is_in_time_namespace() {
        findings.push(Finding::ok("time namespace: not the initial one"));
    }
    findings
}

fn open_files(proc: &Path) -> Finding {
    match fs::read_dir(proc.join("1/fd")) {
        Ok(_) => Finding::ok("open files of other processes: readable"),
        Err(error) => Finding::warn(
            format!("open files of other processes: not readable: {error}"),
            "names of files that were open before the start are missing; CAP_SYS_PTRACE is needed",
        ),
    }
}

fn cgroups(hierarchies: &Hierarchies, root: &Path) -> Finding {
    let tree = hierarchies.tree().map(|tree| tree.shown().to_string()).unwrap_or_default();
    match hierarchies.mode() {
        _ if hierarchies.is_partial() => Finding::warn(format!("cgroups: {}", PARTIAL.0), PARTIAL.1),
        Mode::Unified => Finding::ok(format!("cgroups: v2 at {tree}")),
        Mode::Hybrid => Finding::ok(format!("cgroups: hybrid, v2 at {tree}")),
        Mode::Legacy => Finding::ok("cgroups: v1, containers are identified by process"),
        Mode::Unknown => Finding::warn(
            format!("cgroups: cannot read any at {}", root.join("sys/fs/cgroup").shown()),
            "tracer cannot distinguish containers; mount /sys, in a container with -v /:/host:ro -e HOST_ROOT=/host",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    #[test]
    fn a_host_that_cannot_be_seen_is_a_warning_with_its_remedy() {
        let nowhere = Path::new("/nonexistent-root");
        assert_eq!(host_files(nowhere, &View::Absent).grade, Grade::Warn);
        let cgroups = cgroups(&Hierarchies::find(nowhere, &View::Absent), nowhere);
        assert!(cgroups.hint.is_some_and(|hint| hint.contains("HOST_ROOT=/host")));
    }
}
