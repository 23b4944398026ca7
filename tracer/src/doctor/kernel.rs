//! What this kernel can do, and whether it really does.

use std::{env::consts::ARCH, fs, path::Path};

use rustix::system::uname;

use super::{Finding, privileges::may_load};
use crate::message::Shown as _;
use crate::source::live::{Live, LiveError, Options, btf::BTF_PATH, plan::Wanted};

/// The oldest kernel that may work, and the oldest that is tested.
const SUPPORTED: (u32, u32) = (5, 15);
const TESTED: (u32, u32) = (6, 1);
/// Memory of a ring for the try, bytes.
const RING_BYTES: usize = 64 << 10;

/// The findings that need no privileges.
pub(super) fn look() -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).ok();
    // Not from /proc, which need not be there.
    let mut findings = vec![release(&uname().release().to_string_lossy()), btf(Path::new(BTF_PATH))];
    findings.push(lockdown(read("/sys/kernel/security/lockdown").as_deref()));
    findings.extend(read("/proc/sys/kernel/unprivileged_bpf_disabled").map(|value| {
        let meaning = if value == "0" { "every user may load some programs" } else { "only with privileges" };
        Finding::ok(format!("kernel.unprivileged_bpf_disabled: {value}, {meaning}"))
    }));
    findings
}

/// A call that hardly anybody makes: without one that is wanted, the programs for calls are not attached.
pub(crate) const UNUSED_CALL: &str = "quotactl";

/// Loads and attaches all programs, and lets them go again.
pub(super) fn try_hooks() -> Vec<Finding> {
    if !may_load() {
        return vec![Finding::fail("hooks: not tested without privileges", "see above")];
    }
    let options = Options {
        ring_bytes: Some(RING_BYTES),
        cpu_time: true,
        containers: true,
        latency: true,
        entry_args: true,
        page_faults: true,
        ..Options::default()
    };
    let wanted = Wanted { bytes: true, ..Wanted::only(&|row, call| !row.is_syscall() || call == Some(UNUSED_CALL)) };
    match Live::start(&options, &wanted) {
        Ok(live) => attached(&live),
        Err(error) => vec![refused(&error)],
    }
}

fn attached(live: &Live) -> Vec<Finding> {
    let checked = live.verified_instructions().into_iter();
    let mut findings: Vec<_> = checked
        .map(|(program, instructions)| match instructions {
            // Kernels before 5.16 do not count.
            0 => Finding::ok(format!("hooks: {program} loads and attaches")),
            _ => Finding::ok(format!("hooks: {program} loads and attaches, {instructions} instructions verified")),
        })
        .collect();
    let missing = live.missing().iter();
    findings.extend(
        missing.map(|loss| Finding::warn(format!("hooks: {loss}"), "everything else works; please report this kernel")),
    );
    findings
}

fn refused(error: &LiveError) -> Finding {
    let text = error.to_string();
    let (text, hint) = text.split_once("\nhint: ").unwrap_or((&text, ""));
    let hint = if hint.is_empty() || hint.contains("--doctor") {
        "see above for the cause, or report this kernel"
    } else {
        hint
    };
    // The verifier's words are long; its last line has the cause.
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let last = lines.next_back().map(|last| format!(" … {last}")).unwrap_or_default();
    Finding::fail(format!("hooks: {first}{last}"), hint)
}

fn release(release: &str) -> Finding {
    let text = format!("kernel: {release} on {ARCH}");
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (major, minor) = SUPPORTED;
    if version < SUPPORTED {
        Finding::fail(text, format!("tracer supports kernels from {major}.{minor} on"))
    } else if version < TESTED {
        Finding::warn(text, format!("it should work, but only kernels from {}.{} on are tested", TESTED.0, TESTED.1))
    } else {
        Finding::ok(text)
    }
}

fn btf(path: &Path) -> Finding {
    match fs::metadata(path) {
        Ok(file) => Finding::ok(format!("BTF: {}, {} KiB", path.shown(), file.len() >> 10)),
        Err(error) => Finding::fail(
            format!("BTF: cannot read {}: {error}", path.shown()),
            "use a kernel built with CONFIG_DEBUG_INFO_BTF=y; in a container, mount /sys",
        ),
    }
}

/// The mode that applies is in brackets. Source: kernel_lockdown(7).
fn lockdown(modes: Option<&str>) -> Finding {
    let Some(modes) = modes else { return Finding::ok("lockdown: off, or securityfs is not mounted") };
    let mode = modes.split(' ').find_map(|mode| mode.strip_prefix('[')?.strip_suffix(']')).unwrap_or(modes);
    if mode == "confidentiality" {
        let hint = "boot with lockdown=integrity or without lockdown, because BPF programs may not read kernel memory";
        return Finding::fail(format!("lockdown: {mode}"), hint);
    }
    Finding::ok(format!("lockdown: {mode}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Grade;

    #[test]
    fn old_kernels_fail_and_untested_ones_warn() {
        for (text, grade) in
            [("5.10.0-8-amd64", Grade::Fail), ("5.15.1", Grade::Warn), ("6.1.0-rc1", Grade::Ok), ("7.2+", Grade::Ok)]
        {
            assert_eq!(release(text).grade, grade, "{text}");
        }
        assert_eq!(release("").grade, Grade::Fail);
    }

    #[test]
    fn confidentiality_forbids_reading() {
        assert_eq!(lockdown(Some("none [integrity] confidentiality")), Finding::ok("lockdown: integrity"));
        assert_eq!(lockdown(Some("none integrity [confidentiality]")).grade, Grade::Fail);
        assert_eq!(lockdown(None).grade, Grade::Ok);
    }

    #[test]
    fn a_refusal_is_one_line_and_a_hint() {
        let cause = "invalid argument\nprocessed 7 insns\nR1 invalid mem access".to_owned();
        let finding = refused(&LiveError::Program { program: "exec", hook: "sched_process_exec", cause });
        assert!(!finding.text.contains('\n') && finding.text.ends_with("R1 invalid mem access"), "{}", finding.text);
        assert!(finding.hint.is_some_and(|hint| !hint.contains("--doctor")));
    }
}
