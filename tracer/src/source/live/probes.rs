//! The programs, where they attach, and when.

use std::collections::BTreeMap;

use aya::{Btf, Ebpf, programs::BtfTracePoint};

use super::LiveError;

/// When a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Always.
    Always,
    /// Never by itself: another program goes on in it.
    TailCalled,
    /// When containers may appear; without it they are found more slowly.
    Cgroups,
    /// When CPU time is asked for.
    CpuTime,
}

/// A program.
#[derive(Debug)]
pub struct Probe {
    /// Its name in the object.
    pub program: &'static str,
    /// The tracepoint.
    pub hook: &'static str,
    /// When it is attached.
    pub when: When,
    /// What is lost when the kernel refuses it; `None` when nothing works without it.
    pub loss: Option<&'static str>,
}

/// All programs.
pub const PROBES: &[Probe] = &[
    Probe { program: "sys_exit_task", hook: "sys_exit", when: When::TailCalled, loss: None },
    Probe {
        program: "cgroup_mkdir",
        hook: "cgroup_mkdir",
        when: When::Cgroups,
        loss: Some("short-lived containers may stay without a name"),
    },
    Probe {
        program: "cgroup_rmdir",
        hook: "cgroup_rmdir",
        when: When::Cgroups,
        loss: Some("ended containers are forgotten late"),
    },
    Probe { program: "process_exit", hook: "sched_process_exit", when: When::Always, loss: None },
    Probe { program: "exec", hook: "sched_process_exec", when: When::Always, loss: None },
    Probe { program: "sched_switch", hook: "sched_switch", when: When::CpuTime, loss: Some("no CPU time") },
    Probe { program: "sys_exit", hook: "sys_exit", when: When::Always, loss: None },
];

/// Loads and attaches what is wanted. Returns what the kernel refused and is missing now.
///
/// # Errors
/// A program without which nothing works is refused; the error has the verifier's words.
pub fn attach(bpf: &mut Ebpf, btf: &Btf, wanted: impl Fn(When) -> bool) -> Result<Vec<String>, LiveError> {
    let mut missing = Vec::new();
    for probe in PROBES.iter().filter(|probe| wanted(probe.when)) {
        match (load_and_attach(bpf, btf, probe), probe.loss) {
            (Ok(()), _) => {}
            (Err(error), None) => return Err(error),
            (Err(error), Some(loss)) => missing.push(format!("{loss} ({error})")),
        }
    }
    Ok(missing)
}

fn load_and_attach(bpf: &mut Ebpf, btf: &Btf, probe: &Probe) -> Result<(), LiveError> {
    let failed = |cause: String| LiveError::Program { program: probe.program, hook: probe.hook, cause };
    let program: &mut BtfTracePoint = bpf
        .program_mut(probe.program)
        .ok_or_else(|| failed("it is not in the object".into()))?
        .try_into()
        .map_err(|error: aya::programs::ProgramError| failed(error.to_string()))?;
    program.load(probe.hook, btf).map_err(|error| failed(super::load::chain(&error)))?;
    if probe.when == When::TailCalled {
        let fd = program
            .fd()
            .and_then(|fd| fd.try_clone().map_err(Into::into))
            .map_err(|error| failed(error.to_string()))?;
        let map = bpf.map_mut("NEXT").ok_or_else(|| failed("map NEXT is not in the object".into()))?;
        let mut next = aya::maps::ProgramArray::try_from(map).map_err(|error| failed(error.to_string()))?;
        return next.set(0, &fd, 0).map_err(|error| failed(error.to_string()));
    }
    program.attach().map_err(|error| failed(super::load::chain(&error)))?;
    Ok(())
}

/// For each loaded program, how often the kernel skipped it since it interrupted itself.
#[must_use]
pub fn skipped(bpf: &Ebpf) -> BTreeMap<&'static str, u64> {
    PROBES
        .iter()
        .filter_map(|probe| {
            let program: &BtfTracePoint = bpf.program(probe.program)?.try_into().ok()?;
            let misses = super::counters::recursion_misses(program.fd().ok()?)?;
            Some((probe.program, misses))
        })
        .collect()
}
