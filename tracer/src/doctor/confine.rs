//! What each mode gives up, and what the kernel does not offer for that.

use super::Finding;
use crate::confine;

/// The findings.
pub(super) fn look() -> Vec<Finding> {
    let kept = confine::TRACING.map(|one| one.to_string()).join(" and ");
    let mut findings = vec![
        Finding::ok(
            "reading captures (-r, info) keeps: no capabilities; no system calls that execute or connect; only open \
                files, and the output folders if it creates files later (-C, -G, -e, chisels that write)",
        ),
        Finding::ok(format!(
            "tracing keeps: {kept}, to see open files and folders of other users; no system calls that execute, load \
                or mount; only sockets of container engines; with --drop-to, no capabilities"
        )),
    ];
    findings.push(match confine::landlock_version() {
        Ok(version) => Finding::ok(format!("Landlock: version {version}")),
        Err(error) => Finding::warn(
            format!(
                "Landlock: not available ({error}), so file creation while reading captures is not limited to folders"
            ),
            "use a kernel from 5.13 on with CONFIG_SECURITY_LANDLOCK, and landlock in lsm=",
        ),
    });
    findings.push(if confine::has_seccomp() {
        Finding::ok("seccomp: available")
    } else {
        Finding::warn(
            "seccomp: not available, so all system calls stay allowed",
            "use a kernel with CONFIG_SECCOMP_FILTER; in a container, check for a profile that forbids seccomp",
        )
    });
    findings
}
