//! The programs, where they attach, and when.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aya::{
    Btf, Ebpf,
    maps::ProgramArray,
    programs::{BtfTracePoint, Program, ProgramError, tp_btf::BtfTracePointLinkId},
};

use tracer_common::{
    events::{self, Event},
    plan::{NEXT_MESSAGES, NEXT_PARTS, NEXT_RARE, NEXT_TASK},
};

use super::{LiveError, load::chain};
use crate::thread;

/// When a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// When a system call is wanted.
    Calls,
    /// When the latency of calls, or their arguments at the beginning, are asked for.
    Enter,
    /// When programs that are run, or threads that end, are wanted.
    Lives,
    /// When CPU time or switches are asked for.
    Switches,
    /// When containers may appear; without it they are found more slowly.
    Cgroups,
    /// When only some threads are followed.
    Forks,
    /// When the bytes of sockets are counted in the kernel.
    Sockets,
    /// When one of its events is asked for.
    Asked,
    /// The same, and page faults are reported at all.
    Faults,
    /// When its event is asked for, or whose connection it is of which others tell.
    Connections,
    /// Never by itself: the one on `sys_exit` goes on in it.
    TailCalled,
    /// The same, when calls are counted in parts: for each of two descriptors, or for each request that they report.
    Parts,
}

impl When {
    /// Why it is not attached, where that is worth a line to users.
    #[must_use]
    pub const fn reason_against(self) -> Option<&'static str> {
        match self {
            Self::Calls => Some("no output needs system calls"),
            Self::Enter => Some("no output needs latency"),
            Self::Lives => Some("no output needs them"),
            Self::Switches => Some("no output needs CPU time or switches"),
            _ => None,
        }
    }
}

/// A program.
#[derive(Debug)]
pub struct Probe {
    /// Its name in the object.
    pub program: &'static str,
    /// The tracepoint.
    pub hook: &'static str,
    /// What it is for, for users.
    pub what: &'static str,
    /// When it is attached.
    pub when: When,
    /// Its index among the programs that the one on `sys_exit` goes on in.
    pub next: Option<u32>,
    /// The rows of the events that it makes, where it is attached for them alone.
    pub rows: &'static [&'static Event],
    /// What is lost when the kernel refuses it; `None` when nothing works without it.
    pub loss: Option<&'static str>,
}

impl Probe {
    /// Whether it is attached itself, and not gone on in.
    #[must_use]
    pub const fn attaches(&self) -> bool {
        !matches!(self.when, When::TailCalled | When::Parts)
    }
}

/// All programs.
pub const PROBES: &[Probe] = &[
    Probe {
        program: "sys_exit_task",
        hook: "sys_exit",
        what: "continues where the one for all calls ends",
        when: When::TailCalled,
        next: Some(NEXT_TASK),
        rows: &[],
        loss: None,
    },
    Probe {
        program: "sys_exit_rare",
        hook: "sys_exit",
        what: "continues where the one for all calls ends",
        when: When::TailCalled,
        next: Some(NEXT_RARE),
        rows: &[],
        loss: None,
    },
    Probe {
        program: "sys_exit_parts",
        hook: "sys_exit",
        what: "continues where the one for all calls ends",
        when: When::Parts,
        next: Some(NEXT_PARTS),
        rows: &[],
        loss: None,
    },
    Probe {
        program: "cgroup_mkdir",
        hook: "cgroup_mkdir",
        what: "reports new containers",
        when: When::Cgroups,
        next: None,
        rows: &[],
        loss: Some("short-lived containers may stay without a name"),
    },
    Probe {
        program: "cgroup_rmdir",
        hook: "cgroup_rmdir",
        what: "reports removed containers",
        when: When::Cgroups,
        next: None,
        rows: &[],
        loss: Some("containers that have ended are removed late"),
    },
    Probe {
        program: "process_fork",
        hook: "sched_process_fork",
        what: "follows threads that followed ones make",
        when: When::Forks,
        next: None,
        rows: &[],
        loss: None,
    },
    Probe {
        program: "process_exit",
        hook: "sched_process_exit",
        what: "reports ends of threads",
        when: When::Lives,
        next: None,
        rows: &[],
        loss: None,
    },
    Probe {
        program: "exec",
        hook: "sched_process_exec",
        what: "reports programs that are run",
        when: When::Lives,
        next: None,
        rows: &[],
        loss: None,
    },
    Probe {
        program: "sock_send_length",
        hook: "sock_send_length",
        what: "sums bytes sent at the sockets",
        when: When::Sockets,
        next: None,
        rows: &[],
        loss: None,
    },
    Probe {
        program: "sock_recv_length",
        hook: "sock_recv_length",
        what: "sums bytes received at the sockets",
        when: When::Sockets,
        next: None,
        rows: &[],
        loss: None,
    },
    Probe {
        program: "sched_switch",
        hook: "sched_switch",
        what: "reports switches",
        when: When::Switches,
        next: None,
        rows: &[],
        loss: Some("no CPU time and no switch events"),
    },
    Probe {
        program: "signal_deliver",
        hook: "signal_deliver",
        what: "reports signals",
        when: When::Asked,
        next: None,
        rows: &[&events::sched::SIGNALDELIVER],
        loss: Some("no signaldeliver events"),
    },
    Probe {
        program: "page_fault_user",
        hook: "page_fault_user",
        what: "reports page faults of programs",
        when: When::Faults,
        next: None,
        rows: &[&events::sched::PAGE_FAULT],
        loss: Some("no page_fault events from programs"),
    },
    Probe {
        program: "page_fault_kernel",
        hook: "page_fault_kernel",
        what: "reports page faults in the kernel",
        when: When::Faults,
        next: None,
        rows: &[&events::sched::PAGE_FAULT],
        loss: Some("no page_fault events from the kernel"),
    },
    Probe {
        program: "tcp_state",
        hook: "inet_sock_set_state",
        what: "follows TCP connections, and reports their ends",
        when: When::Connections,
        next: None,
        rows: &[&events::tcp::TCP_CLOSE],
        loss: Some("no tcp_close events"),
    },
    Probe {
        program: "tcp_again",
        hook: "tcp_retransmit_skb",
        what: "reports segments that are sent again",
        when: When::Asked,
        next: None,
        rows: &[&events::tcp::TCP_RETRANSMIT],
        loss: Some("no tcp_retransmit events"),
    },
    Probe {
        program: "tcp_reset_sent",
        hook: "tcp_send_reset",
        what: "reports connections that are reset from here",
        when: When::Asked,
        next: None,
        rows: &[&events::tcp::TCP_RESET],
        loss: Some("no tcp_reset events of resets that are sent"),
    },
    Probe {
        program: "tcp_reset_received",
        hook: "tcp_receive_reset",
        what: "reports connections that peers reset",
        when: When::Asked,
        next: None,
        rows: &[&events::tcp::TCP_RESET],
        loss: Some("no tcp_reset events of resets that are received"),
    },
    Probe {
        program: "sys_exit",
        hook: "sys_exit",
        what: "reports system calls when they return",
        when: When::Calls,
        next: Some(NEXT_MESSAGES),
        rows: &[],
        loss: None,
    },
    Probe {
        program: "sys_enter",
        hook: "sys_enter",
        what: "measures latency, or reports the start of calls",
        when: When::Enter,
        next: None,
        rows: &[],
        loss: Some("no latency"),
    },
];

/// The types that the kernel gives to the hooks.
#[must_use]
pub fn types() -> Vec<String> {
    PROBES.iter().map(|probe| format!("btf_trace_{}", probe.hook)).collect()
}

/// Those of the programs that are wanted.
pub fn wanted(is_wanted: impl Fn(&'static Probe) -> bool) -> Vec<&'static Probe> {
    PROBES.iter().filter(|probe| is_wanted(probe)).collect()
}

/// Whether each program was loaded.
pub type Outcomes = BTreeMap<&'static str, Result<(), LiveError>>;

/// What is attached, by the name of the program; those that never are by themselves have no link.
pub type Attached = BTreeMap<&'static str, Option<BtfTracePointLinkId>>;

/// Attaches what was loaded and is not attached yet. Returns what the kernel refused and is missing now.
///
/// # Errors
/// A program without which nothing works is refused; the error has the verifier's words.
pub fn attach(
    bpf: &mut Ebpf,
    wanted: &[&'static Probe],
    outcomes: &mut Outcomes,
    attached: &mut Attached,
) -> Result<Vec<String>, LiveError> {
    let mut missing = Vec::new();
    for probe in wanted {
        if attached.contains_key(probe.program) {
            continue;
        }
        // A question may ask for it again later: that it was refused is said once.
        let loaded = match outcomes.get(probe.program) {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) => outcomes.remove(probe.program).unwrap_or(Ok(())),
            None if probe.loss.is_some() => continue,
            None => Err(failed(probe, "it was not loaded")),
        };
        match (loaded.and_then(|()| attach_one(bpf, probe)), probe.loss) {
            (Ok(link), _) => drop(attached.insert(probe.program, link)),
            (Err(error), None) => return Err(error),
            (Err(error), Some(loss)) => missing.push(format!("{loss} ({error})")),
        }
    }
    Ok(missing)
}

/// Detaches all but these programs.
pub fn detach(bpf: &mut Ebpf, wanted: &[&str], attached: &mut Attached) {
    let is_over = |program: &str| !wanted.contains(&program);
    attached.retain(|program, link| {
        let over = link.is_some() && is_over(program);
        if over
            && let Some(link) = link.take()
            && let Some(program) = bpf.program_mut(program)
            && let Ok(program) = <&mut BtfTracePoint>::try_from(program)
        {
            // Nobody uses it, whatever comes of that.
            let _ = program.detach(link);
        }
        !over
    });
}

fn failed(probe: &Probe, cause: impl Into<String>) -> LiveError {
    LiveError::Program { program: probe.program, hook: probe.hook, cause: cause.into() }
}

/// Loads the programs on all CPUs: the verifier's work is most of the time that the start takes. The one for all calls is the
/// largest, so it comes first.
pub fn load(bpf: &mut Ebpf, btf: &Btf, wanted: &[&'static Probe]) -> Outcomes {
    let mut programs: BTreeMap<String, &mut Program> =
        bpf.programs_mut().map(|(name, program)| (name.to_owned(), program)).collect();
    let mut work: Vec<(&'static Probe, &mut Program)> =
        wanted.iter().filter_map(|probe| Some((*probe, programs.remove(probe.program)?))).collect();
    work.sort_by_key(|(probe, _)| probe.when == When::Calls);
    let (pieces, work, outcomes) = (work.len(), Mutex::new(work), Mutex::new(Outcomes::new()));
    let next = || work.lock().unwrap_or_else(PoisonError::into_inner).pop();
    thread::on_all_cpus(pieces, || {
        while let Some((probe, program)) = next() {
            let outcome = load_one(probe, program, btf);
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(probe.program, outcome);
        }
    });
    outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn load_one(probe: &Probe, program: &mut Program, btf: &Btf) -> Result<(), LiveError> {
    let program: &mut BtfTracePoint = program.try_into().map_err(|error: ProgramError| failed(probe, chain(&error)))?;
    program.load(probe.hook, btf).map_err(|error| failed(probe, chain(&error)))
}

fn attach_one(bpf: &mut Ebpf, probe: &Probe) -> Result<Option<BtfTracePointLinkId>, LiveError> {
    let program = bpf.program_mut(probe.program).ok_or_else(|| failed(probe, "it is not in the object"))?;
    let program: &mut BtfTracePoint = program.try_into().map_err(|error: ProgramError| failed(probe, chain(&error)))?;
    let fd = program
        .fd()
        .and_then(|fd| fd.try_clone().map_err(ProgramError::from))
        .map_err(|error| failed(probe, chain(&error)))?;
    if let Some(index) = probe.next {
        let map = bpf.map_mut("NEXT").ok_or(LiveError::Map("NEXT"))?;
        let mut next = ProgramArray::try_from(map).map_err(|_| LiveError::Map("NEXT"))?;
        next.set(index, &fd, 0).map_err(|error| failed(probe, chain(&error)))?;
    }
    if !probe.attaches() {
        return Ok(None);
    }
    let program = bpf.program_mut(probe.program).ok_or_else(|| failed(probe, "it is not in the object"))?;
    let program: &mut BtfTracePoint = program.try_into().map_err(|error: ProgramError| failed(probe, chain(&error)))?;
    program.attach().map(Some).map_err(|error| failed(probe, chain(&error)))
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
