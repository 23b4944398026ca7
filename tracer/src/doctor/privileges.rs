//! What this process may do: capabilities, user namespace, limits.

use std::fs;

use super::Finding;

/// A capability: its bit in the sets of `/proc/PID/status`, its name, and what it is for.
///
/// Source: kernel include/uapi/linux/capability.h.
struct Capability {
    bit: u32,
    name: &'static str,
    what_for: &'static str,
    without: Without,
}

/// How it is without a capability.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Without {
    /// Tracing does not work.
    Fails,
    /// Something is lost.
    Loses(&'static str),
    /// Nothing is lost, and why.
    Fine(&'static str),
}

/// Stands for the others, as before Linux 5.8.
const CAP_SYS_ADMIN: u32 = 21;

const CAPABILITIES: [Capability; 4] = [
    Capability { bit: 39, name: "CAP_BPF", what_for: "to load programs", without: Without::Fails },
    Capability {
        bit: 38,
        name: "CAP_PERFMON",
        what_for: "to attach them and read kernel memory",
        without: Without::Fails,
    },
    Capability {
        bit: 19,
        name: "CAP_SYS_PTRACE",
        what_for: "to see open files of processes that already run",
        without: Without::Loses("names of files that were open before the start are missing"),
    },
    Capability {
        bit: 24,
        name: "CAP_SYS_RESOURCE",
        what_for: "to raise the limit on locked memory",
        without: Without::Fine("not needed from kernel 5.11 on"),
    },
];

/// The remedy for missing privileges.
pub const REMEDY: &str = "run it with sudo; in a container with --privileged --pid=host";
/// Inode of the first user namespace. Source: kernel include/linux/proc_ns.h, `PROC_USER_INIT_INO`.
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";

/// Whether this process may load and attach programs.
#[must_use]
pub fn may_load() -> bool {
    missing_privileges().is_none()
}

/// What is missing to load and attach programs, in one line; `None` if nothing is.
#[must_use]
pub fn missing_privileges() -> Option<String> {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    // Without /proc nothing can be told: the kernel will say it.
    let missing = missing_of(effective(&status)?);
    if !missing.is_empty() {
        return Some(format!(
            "tracing needs root or the capabilities CAP_BPF and CAP_PERFMON: {} missing",
            list(&missing)
        ));
    }
    is_nested().then(|| "tracing needs root on the machine, but this is root in a user namespace".to_owned())
}

/// The findings.
pub(super) fn look() -> Vec<Finding> {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let mut findings = match effective(&status) {
        Some(set) => capabilities(set),
        None => vec![Finding::warn("capabilities: cannot read /proc/thread-self/status", "mount /proc")],
    };
    if is_nested() {
        findings.push(Finding::fail("user namespace: not the initial one, so its capabilities do not count", REMEDY));
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    findings.extend(locked_memory(&limits).map(|limit| {
        // Since 5.11 memory of maps is charged to the cgroup. Source: kernel commit 97306be45fbe.
        Finding::ok(format!("locked memory: {limit}; from kernel 5.11 on, BPF maps do not count"))
    }));
    findings
}

fn capabilities(set: u64) -> Vec<Finding> {
    let has = |bit: u32| set >> bit & 1 == 1;
    let mut findings = Vec::new();
    let present: Vec<_> = CAPABILITIES.iter().filter(|one| has(one.bit)).map(|one| one.name).collect();
    let admin = has(CAP_SYS_ADMIN).then_some("CAP_SYS_ADMIN");
    let present: Vec<_> = present.into_iter().chain(admin).collect();
    if missing_of(set).is_empty() {
        findings.push(Finding::ok(format!("capabilities: {}", present.join(", "))));
    }
    for one in CAPABILITIES.iter().filter(|one| !has(one.bit)) {
        let text = format!("capabilities: no {}, {}", one.name, one.what_for);
        match one.without {
            Without::Fails if has(CAP_SYS_ADMIN) => {}
            Without::Fails => findings.push(Finding::fail(text, REMEDY)),
            Without::Loses(loss) => findings.push(Finding::warn(text, format!("{loss}; {REMEDY}"))),
            Without::Fine(why) => findings.push(Finding::ok(format!("{text}: {why}"))),
        }
    }
    findings
}

/// Names of the capabilities without which nothing works and which the set lacks.
fn missing_of(set: u64) -> Vec<&'static str> {
    let has = |bit: u32| set >> bit & 1 == 1;
    if has(CAP_SYS_ADMIN) {
        return Vec::new();
    }
    CAPABILITIES.iter().filter(|one| one.without == Without::Fails && !has(one.bit)).map(|one| one.name).collect()
}

fn list(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(" and "))
}

/// The effective set in `/proc/PID/status` (proc_pid_status(5)).
fn effective(status: &str) -> Option<u64> {
    let digits = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(digits.trim(), 16).ok()
}

/// Whether this process is in a user namespace other than the first.
fn is_nested() -> bool {
    fs::read_link("/proc/self/ns/user").is_ok_and(|link| link.as_os_str() != FIRST_USER_NAMESPACE)
}

/// The soft and hard limit in `/proc/PID/limits`.
fn locked_memory(limits: &str) -> Option<String> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max locked memory"))?;
    let mut words = line.split_whitespace();
    let (soft, hard) = (words.next()?, words.next()?);
    Some(format!("{soft} (at most {hard}) bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    #[test]
    fn the_effective_set_is_read() {
        assert_eq!(effective("Name:\tx\nCapEff:\t000001fffeffffff\n"), Some(0x1ff_feff_ffff));
        assert_eq!(effective("Name:\tx\n"), None);
    }

    #[test]
    fn admin_stands_for_the_two_that_are_needed() {
        assert_eq!(missing_of(0), ["CAP_BPF", "CAP_PERFMON"]);
        assert_eq!(missing_of(1 << 39), ["CAP_PERFMON"]);
        assert!(missing_of(1 << 39 | 1 << 38).is_empty());
        assert!(missing_of(1 << CAP_SYS_ADMIN).is_empty());
        assert_eq!(list(&missing_of(0)), "CAP_BPF and CAP_PERFMON are");
        assert_eq!(list(&missing_of(1 << 39)), "CAP_PERFMON is");
    }

    #[test]
    fn only_what_is_needed_fails() {
        let fails = |set| capabilities(set).iter().filter(|finding| finding.grade == Grade::Fail).count();
        assert_eq!(fails(0), 2);
        assert_eq!(fails(1 << 39 | 1 << 38), 0);
        assert_eq!(fails(1 << CAP_SYS_ADMIN), 0);
    }

    #[test]
    fn the_limit_is_read() {
        let text =
            "Max processes  1 2 processes\nMax locked memory         8388608              8388608              bytes\n";
        assert_eq!(locked_memory(text).as_deref(), Some("8388608 (at most 8388608) bytes"));
    }
}
