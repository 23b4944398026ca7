//! What each mode gives up, and what the kernel does not offer for that.

use super::Finding;
use crate::confine;

/// The findings.
pub(super) fn look() -> Vec<Finding> {
    let kept = confine::TRACING.map(|one| one.to_string()).join(" and ");
    let mut findings = vec![
        Finding::ok(
            "reading captures (-r, info) keeps: no capability; no system call that executes or connects; files that are open, \
             and where it makes some later (-C, -G, -e, chisels that write) those folders",
        ),
        Finding::ok(format!(
            "tracing keeps: {kept}, to see open files of others, and what folders of others take; no system call that \
             executes, loads or mounts; sockets of container engines only; with --drop-to, no capability"
        )),
    ];
    findings.push(match confine::landlock_version() {
        Ok(version) => Finding::ok(format!("Landlock: version {version}")),
        Err(error) => Finding::warn(
            format!("Landlock: not there ({error}), so reading captures keeps files that it makes later to no folder"),
            "a kernel since 5.13 with CONFIG_SECURITY_LANDLOCK and landlock in lsm= has it",
        ),
    });
    findings.push(if confine::has_seccomp() {
        Finding::ok("seccomp: there")
    } else {
        Finding::warn(
            "seccomp: not there, so all system calls are kept",
            "a kernel with CONFIG_SECCOMP_FILTER has it; in a container, look for a profile that refuses seccomp",
        )
    });
    findings
}
