//! Ids, leaders and times: who the process is among the others.

use super::{ancestor, chain, parent, thread};
use crate::{
    fields::{ArgRule, Context, InKernel, Needs, Reveals, Value, fields},
    state::Thread,
};

/// The oldest process in the chain whose name ends in `sh`, itself included.
fn login_shell<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    chain(c).filter(|t| t.comm.ends_with(b"sh")).last()
}

/// The leader of a group of processes: the one of that id while it is there, else the oldest of the chain that is still in
/// the group.
fn leader<'a>(c: &Context<'a>, pid: fn(&Thread) -> u32, group: fn(&Thread) -> u32) -> Option<&'a Thread> {
    let this = thread(c)?;
    // What a capture says of another pid namespace may be numbers of there.
    let is_here = this.vpid == this.pid;
    let by_id = c.state.thread(pid(this)).filter(|leader| is_here && group(leader) == group(this));
    let oldest = || chain(c).take_while(|t| group(t) == group(this)).last();
    by_id.map(|leader| &**leader).or_else(oldest).filter(|_| group(this) != 0)
}

fn session<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    leader(c, |t| t.sid, |t| t.sid)
}

fn group<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    leader(c, |t| t.pgid, |t| t.pgid)
}

fn inner_group<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    leader(c, |t| t.vpgid, |t| t.vpgid)
}

fn since(c: &Context<'_>, t: Option<&Thread>) -> Value<'static> {
    start(t).map(|start_ns| c.event.time_ns.saturating_sub(start_ns)).into()
}

/// Of a stranger, too, if a record has told it.
fn ppid(c: &Context<'_>) -> Option<u32> {
    c.thread.filter(|thread| !thread.is_stranger || thread.ppid != 0).map(|thread| thread.ppid)
}

/// When it started, if that is known.
fn start(t: Option<&Thread>) -> Option<u64> {
    t.map(|t| t.start_ns).filter(|start_ns| *start_ns != 0)
}

/// When the init of its pid namespace started: as an event told, else as it is known of the ancestor that it is.
pub(in crate::fields) fn namespace_start(c: &Context<'_>) -> Option<u64> {
    let told = thread(c)?.pidns_init_start_ns;
    if told != 0 { Some(told) } else { start(chain(c).find(|t| t.vpid == 1)) }
}

fields! { FIELDS needs THREADS;
    "proc.loginshellid": Int [cost(4)] => |c, _| login_shell(c).map(|t| t.pid).into(),
        "pid of the outermost shell (a name that ends in sh) among the process and its ancestors";
    "proc.tty": Int => |c, _| thread(c).map(|t| t.tty).into(), "device number of the controlling terminal; 0 if there is none";
    "proc.pid": Int [in_kernel(InKernel::Tgid) needs(Needs::NONE)] => |c, _| c.event.tgid.into(), "process id";
    "proc.ppid": Int [in_kernel(InKernel::ParentTgid) needs(Needs::WHO)] => |c, _| ppid(c).into(), "process id of the parent";
    "proc.apid": Int [arg(ArgRule::Ancestor) cost(3)] => |c, a| ancestor(c, a, |t| t.pid.into()),
        "process id of an ancestor";
    "proc.vpid": Int [in_kernel(InKernel::Vpid)] => |c, _| thread(c).map(|t| t.vpid).into(), "process id in its own pid namespace";
    "proc.pvpid": Int [cost(2)] => |c, _| parent(c).map(|t| t.vpid).into(),
        "process id of the parent in its own pid namespace";
    "proc.sid": Int => |c, _| thread(c).map(|t| t.sid).into(), "session id";
    "proc.sname": Text [cost(2)] => |c, _| session(c).map(|t| &*t.comm).into(),
        "name of the session leader, or of the oldest ancestor in the session if the leader has ended";
    "proc.sid.exe": Text [reveals(Reveals::Command) cost(2)] => |c, _| session(c).map(|t| &*t.exe).into(), "first argument (argv[0]) of the session leader";
    "proc.sid.exepath": Text [cost(2)] => |c, _| session(c).map(|t| &*t.exepath).into(),
        "path of the executable of the session leader";
    "proc.vpgid": Int => |c, _| thread(c).map(|t| t.vpgid).into(), "process group id in its own pid namespace";
    "proc.vpgid.name": Text [cost(2)] => |c, _| inner_group(c).map(|t| &*t.comm).into(),
        "name of the leader of that process group, or of the oldest ancestor in the group if the leader has ended";
    "proc.vpgid.exe": Text [reveals(Reveals::Command) cost(2)] => |c, _| inner_group(c).map(|t| &*t.exe).into(), "first argument (argv[0]) of that leader";
    "proc.vpgid.exepath": Text [cost(2)] => |c, _| inner_group(c).map(|t| &*t.exepath).into(),
        "path of the executable of that leader";
    "proc.pgid": Int => |c, _| thread(c).map(|t| t.pgid).into(), "process group id";
    "proc.pgid.name": Text [cost(2)] => |c, _| group(c).map(|t| &*t.comm).into(),
        "name of the process group leader, or of the oldest ancestor in the group if the leader has ended";
    "proc.pgid.exe": Text [reveals(Reveals::Command) cost(2)] => |c, _| group(c).map(|t| &*t.exe).into(), "first argument (argv[0]) of the process group leader";
    "proc.pgid.exepath": Text [cost(2)] => |c, _| group(c).map(|t| &*t.exepath).into(),
        "path of the executable of the process group leader";
    "proc.is_sid_leader": Bool => |c, _| thread(c).map(|t| t.sid == t.pid || t.sid == t.vpid && t.sid != 0).into(),
        "whether the process leads its session";
    "proc.is_pgid_leader": Bool => |c, _| thread(c).map(|t| t.pgid == t.pid).into(),
        "whether the process leads its process group";
    "proc.is_vpgid_leader": Bool => |c, _| thread(c).map(|t| t.vpgid == t.vpid).into(),
        "whether the process leads its process group in its own pid namespace";
    "proc.duration": Time => |c, _| since(c, thread(c)),
        "time since the process started; missing if the capture does not store the start time";
    "proc.ppid.duration": Time [cost(2)] => |c, _| since(c, parent(c)), "time since the parent started";
    "proc.pid.ts": Time => |c, _| start(thread(c)).into(), "start time of the process, since the epoch";
    "proc.ppid.ts": Time [cost(2)] => |c, _| start(parent(c)).into(), "start time of the parent, since the epoch";
    "proc.pidns_init_start_ts": Time [cost(3)] => |c, _| namespace_start(c).into(),
        "start time of the init process of its pid namespace, since the epoch";
}
