//! Threads that begin, run another program, move and end.

use std::rc::Rc;

use tracer_common::{
    events::code,
    flags::{CLONE_FILES, CLONE_FS, CLONE_PARENT, CLONE_THREAD},
    wire,
};

use super::{
    super::{State, Thread, path, procfs::TICK_NS},
    fd::{CLOEXEC, descriptor, number},
};
use crate::{
    event::Event,
    scap::{Capabilities, ExeFile, Memory},
};

/// A thread that ended is kept for so long: late records, and a parent that hears of its child after the child's end.
const KEEP_ENDED_NS: u64 = 3_000_000_000;

/// The text of the parameter of that name.
fn text<'a>(event: &Event<'a>, name: &str) -> Option<&'a [u8]> {
    event.row.param(name).and_then(|(index, _)| event.params.text(index))
}

/// The list of the parameter of that name.
fn list(event: &Event<'_>, name: &str) -> Box<[u8]> {
    event.row.param(name).and_then(|(index, _)| event.params.raw(index)).unwrap_or_default().into()
}

/// Whether a list was cut, and how long it was: as the kernel side says, or in a file as it was told before.
fn cut(event: &Event<'_>, name: &str, list: &[u8], told: Option<u32>) -> Option<u32> {
    if !event.from_file {
        return event.row.param(name).and_then(|(index, _)| event.params.cut_list(index));
    }
    let ends_early = list.len() >= wire::CUT_LIST && !list.ends_with(&[0]);
    told.filter(|_| list.len() == wire::CUT_LIST).or(ends_early.then_some(0))
}

fn id(event: &Event<'_>, name: &str) -> u32 {
    number(event, name).unwrap_or(0) as u32
}

/// The same; when the event does not say, `before`.
fn id_or(event: &Event<'_>, name: &str, before: u32) -> u32 {
    number(event, name).map_or(before, |id| id as u32)
}

/// Makes sure that the thread of the event is in the table, and in the container that the record says.
pub(super) fn know_thread(state: &mut State, event: &Event<'_>) {
    if event.tid == 0 || matches!(event.row.code, code::CGROUP_MKDIR | code::CGROUP_RMDIR) {
        return;
    }
    let ended = |thread: &Thread| thread.exited_ns.is_some_and(|ended| event.time_ns > ended + KEEP_ENDED_NS / 3);
    if event.from_file {
        if state.thread(event.tid).is_none() {
            look_up(state, event);
        }
        return;
    }
    match state.thread(event.tid) {
        // Told of it when it connected, which may be long ago.
        Some(thread) if event.row.is_of_connection() && thread.pid == event.tgid => return,
        // What a row says was so when it was counted, and only what was asked for: see `of_row`.
        Some(_) if event.group.is_some() && !state.brief => return,
        Some(thread) if thread.pid == event.tgid && !ended(thread) => {
            know_who(state, event);
            if state.thread(event.tid).is_some_and(|thread| thread.cgroup == event.cgroup) {
                return;
            }
        }
        _ => {
            look_up(state, event);
            know_who(state, event);
        }
    }
    let container = state.containers.of_cgroup(event.cgroup, event.tgid);
    if let Some(thread) = state.threads.get_mut(event.tid) {
        thread.cgroup = event.cgroup;
        thread.container = container;
    }
}

/// Where threads are followed: the thread of a row that the kernel counted, as it was then. Records may have told more since.
pub fn of_row(state: &mut State, event: &Event<'_>) -> Option<Rc<Thread>> {
    let who = event.who.filter(|_| event.group.is_some() && !state.brief)?;
    let known = state.thread(event.tid).filter(|thread| thread.pid == event.tgid);
    let unknown = || Thread { tid: event.tid, pid: event.tgid, ..Thread::default() };
    let mut thread = known.map_or_else(unknown, |known| Thread::clone(known));
    if !who.comm.is_empty() {
        thread.comm = who.comm.into();
    }
    thread.uid = who.uid;
    if who.vpid != 0 {
        thread.vpid = who.vpid;
    }
    if event.cgroup != 0 && event.cgroup != thread.cgroup {
        thread.container = state.containers.of_cgroup(event.cgroup, event.tgid);
    }
    Some(Rc::new(thread))
}

/// Whether the record says all that is asked for of its thread.
fn is_told(state: &State, event: &Event<'_>) -> bool {
    state.brief && (state.nameless || event.who.is_some())
}

/// Takes over what the record says of its thread: by that the kernel side decided.
fn know_who(state: &mut State, event: &Event<'_>) {
    let Some(who) = event.who else { return };
    let same = |thread: &Thread| {
        (&*thread.comm, thread.ppid, thread.uid, thread.gid) == (who.comm, who.ppid, who.uid, who.gid)
            && (who.vpid == 0 || who.vpid == thread.vpid)
    };
    let brief = state.brief;
    if state.thread(event.tid).is_none_or(|thread| same(thread) && !(brief && thread.is_stranger)) {
        return;
    }
    if let Some(thread) = state.threads.get_mut(event.tid) {
        thread.comm = who.comm.into();
        (thread.ppid, thread.uid, thread.gid) = (who.ppid, who.uid, who.gid);
        if who.vpid != 0 {
            thread.vpid = who.vpid;
        }
        // Nothing else is asked for then.
        thread.is_stranger &= !brief;
    }
}

/// Enters a thread of which nothing is known, from `/proc` while it lives, else with what the record says.
fn look_up(state: &mut State, event: &Event<'_>) {
    forget(state, event.tid);
    // A new process is described by the event itself.
    let described = event.row.effect == tracer_common::events::Effect::Clone && event.result() == Some(0);
    if event.tid != event.tgid
        && let Some(leader) = state.thread(event.tgid)
    {
        let mut thread = Thread::clone(leader);
        thread.tid = event.tid;
        thread.exited_ns = None;
        thread.begin();
        if !described
            && !is_told(state, event)
            && let Some(comm) = state.procfs.comm(event.tid)
        {
            thread.comm = comm;
        }
        thread.fds = state.fds.share(thread.fds);
        state.threads.insert(thread);
        return;
    }
    let needless = described || is_told(state, event);
    let found = if needless { None } else { state.procfs.thread(event.tgid) };
    let mut thread = found.unwrap_or_else(|| Thread::stranger(event.tid, event.tgid));
    thread.tid = event.tid;
    thread.fds = state.fds.create();
    state.threads.insert(thread);
}

/// Takes a thread out of the tables.
fn forget(state: &mut State, tid: u32) {
    if let Some(thread) = state.threads.remove(tid) {
        state.fds.release(thread.fds);
    }
}

/// The parameter of a switch event with which those of memory begin.
const SWITCH_MEMORY: usize = 1;
/// The same of clone and exec events.
const PROCESS_MEMORY: usize = 8;

/// What a clone, exec or switch event says of memory, in five parameters that follow one another.
fn memory(event: &Event<'_>, first: usize) -> Option<Memory> {
    let number = |at: usize| event.params.u64(first + at);
    Some(Memory {
        major_faults: number(0).unwrap_or(0),
        minor_faults: number(1).unwrap_or(0),
        size_kb: number(2)? as u32,
        resident_kb: number(3).unwrap_or(0) as u32,
        swapped_kb: number(4).unwrap_or(0) as u32,
    })
}

/// What an exec event says of the executable; older captures say less.
fn exe_file(event: &Event<'_>) -> ExeFile {
    let flags = number(event, "flags");
    // The flags of `EXECVE_FLAGS`.
    let has = |bit: i64| flags.map(|flags| flags & bit != 0);
    let value = |name: &str| number(event, name).map(|value| value as u64);
    ExeFile {
        writable: has(0x1),
        upper_layer: has(0x2),
        from_memfd: has(0x4),
        lower_layer: has(0x8),
        ino: value("exe_ino"),
        ctime_ns: value("exe_ino_ctime"),
        mtime_ns: value("exe_ino_mtime"),
    }
}

fn capabilities(event: &Event<'_>) -> Option<Capabilities> {
    let set = |name: &str| number(event, name).map(|set| set as u64);
    Some(Capabilities {
        inheritable: set("cap_inheritable")?,
        permitted: set("cap_permitted")?,
        effective: set("cap_effective")?,
    })
}

/// What a clone or exec event says of its thread.
fn describe(thread: &mut Thread, event: &Event<'_>) {
    thread.is_stranger = false;
    thread.own_fs = false;
    thread.pid = event.tgid;
    thread.ppid = id(event, "ptid");
    thread.comm = text(event, "comm").unwrap_or_default().into();
    thread.exe = text(event, "exe").unwrap_or_default().into();
    thread.args = list(event, "args");
    thread.args_cut = cut(event, "args", &thread.args, thread.args_cut);
    if let Some(cwd) = text(event, "cwd").filter(|cwd| !cwd.is_empty()) {
        thread.cwd = cwd.into();
    }
    // What an older capture does not say is as it was.
    thread.fd_limit = number(event, "fdlimit").map_or(thread.fd_limit, |limit| limit as u64);
    thread.uid = id_or(event, "uid", thread.uid);
    thread.gid = id_or(event, "gid", thread.gid);
    thread.memory = memory(event, PROCESS_MEMORY).or(thread.memory);
    let cgroups = list(event, "cgroups");
    if !cgroups.is_empty() {
        thread.cgroups = cgroups;
    }
}

pub(super) fn clone(state: &mut State, event: &Event<'_>) {
    match event.result() {
        Some(0) => child(state, event),
        Some(tid) if tid > 0 => parent(state, event, tid as u32),
        _ => {}
    }
}

/// The flags that made a child, as it tells them. Those of `clone3` stand in memory of the caller, who may have used it
/// again by then: whether it is a thread is known by its ids, and threads that do not share descriptors hardly exist.
fn flags_of_child(event: &Event<'_>) -> u32 {
    match event.row.code == code::CLONE3 && event.tid != event.tgid {
        true => CLONE_THREAD | CLONE_FILES | CLONE_FS,
        false => id(event, "flags"),
    }
}

/// Whether a child has the same parent as its maker, who is not known by the child's record then.
fn is_sibling(flags: u32) -> bool {
    flags & (CLONE_PARENT | CLONE_THREAD) == CLONE_PARENT
}

/// The child tells of itself.
fn child(state: &mut State, event: &Event<'_>) {
    let flags = flags_of_child(event);
    let ppid = id(event, "ptid");
    let mother = if flags & CLONE_THREAD != 0 { event.tgid } else { ppid };
    // One that ended had the same number before.
    let is_this = |thread: &Thread| thread.ppid == ppid && thread.start_ns != 0 && thread.exited_ns.is_none();
    let known = state.thread(event.tid).is_some_and(|thread| is_this(thread));
    if !known {
        let birth = (ppid, id(event, "vtid"));
        let elsewhere = birth.1 != event.tid && flags & CLONE_FILES == 0;
        let born = if elsewhere { state.births.child(birth, event.time_ns) } else { None };
        let born = born.or_else(|| is_sibling(flags).then(|| without_descriptors(state, ppid)));
        inherit(state, mother, event.tid, flags, born);
    }
    let start_ns = event.time_ns;
    let container = moved(state, event);
    let boot_ns = state.host.boot_ns;
    let Some(thread) = state.threads.get_mut(event.tid) else { return };
    thread.container = container;
    describe(thread, event);
    // Since boot, in live events and in files alike.
    let pidns = number(event, "pidns_init_start_ts").filter(|start| *start != 0 && boot_ns != 0);
    if let Some(start) = pidns {
        thread.pidns_init_start_ns = boot_ns.saturating_add(start as u64);
    }
    thread.vtid = id(event, "vtid");
    thread.vpid = id(event, "vpid");
    thread.exited_ns = None;
    thread.own_fs = flags & (CLONE_THREAD | CLONE_FS) == CLONE_THREAD;
    thread.start_ns = start_ns;
    if event.from_file && flags & CLONE_THREAD != 0 && state.thread(event.tgid).is_none() {
        leader(state, event);
    }
}

/// Enters the main thread of a process of which a capture tells only another thread: they have nearly all in common.
fn leader(state: &mut State, event: &Event<'_>) {
    let Some(thread) = state.thread(event.tid) else { return };
    let mut leader = Thread { tid: event.tgid, vtid: thread.vpid, start_ns: 0, ..Thread::clone(thread) };
    leader.fds = state.fds.share(leader.fds);
    leader.begin();
    state.threads.insert(leader);
}

/// The parent tells of its child, often before the child does. In another pid namespace the number means another thread.
fn parent(state: &mut State, event: &Event<'_>, tid: u32) {
    if id(event, "vtid") != event.tid {
        return parent_elsewhere(state, event, tid);
    }
    let flags = id(event, "flags");
    let Some(caller) = state.thread(event.tid) else { return };
    let (caller_tid, caller_pid, caller_ppid, caller_fds) = (caller.tid, caller.pid, caller.ppid, caller.fds);
    let just_ended = |ended: u64| event.time_ns.saturating_sub(ended) < KEEP_ENDED_NS;
    // The child told of itself before. When it has ended, too, this may also be the next one with its number.
    if let Some(child) = state.threads.get_mut(tid)
        && child.exited_ns.is_none_or(|ended| just_ended(ended) && !child.announced)
    {
        child.announced = true;
        let fds = child.fds;
        if is_sibling(flags) {
            state.fds.add(fds, caller_fds);
        }
        return;
    }
    forget(state, tid);
    inherit(state, caller_tid, tid, flags, None);
    let Some(thread) = state.threads.get_mut(tid) else { return };
    let is_thread = flags & CLONE_THREAD != 0;
    thread.pid = if is_thread { caller_pid } else { tid };
    thread.ppid = if is_thread || is_sibling(flags) { caller_ppid } else { caller_pid };
    (thread.vtid, thread.vpid) = (tid, thread.pid);
    thread.start_ns = event.time_ns;
    thread.announced = true;
}

/// The same in another pid namespace: the child will tell its id here, but what it has is what the parent has now.
fn parent_elsewhere(state: &mut State, event: &Event<'_>, vtid: u32) {
    let flags = id(event, "flags");
    let Some(caller) = state.thread(event.tid).cloned() else { return };
    let birth = (if is_sibling(flags) { caller.ppid } else { event.tgid }, vtid);
    if flags & CLONE_FILES != 0 || state.births.parent_is_late(birth, event.time_ns) {
        return;
    }
    let mut thread = Thread::clone(&caller);
    thread.fds = state.fds.copy(thread.fds);
    for forgotten in state.births.keep(birth, event.time_ns, thread) {
        state.fds.release(forgotten.fds);
    }
}

/// The container of a process that may have been put into another cgroup just before. Where cgroups have ids the record
/// tells; elsewhere it is asked for again.
fn moved(state: &mut State, event: &Event<'_>) -> super::super::ContainerKey {
    if event.from_file {
        // Told with the event, because its cgroups do not say it.
        if let Some((_, told)) = state.told_container.filter(|(tid, _)| *tid == event.tid) {
            return told;
        }
        // Events of old captures have no cgroups: then the thread stays where it is.
        let known = state.thread(event.tid).map(|thread| thread.container).unwrap_or_default();
        let cgroups = list(event, "cgroups");
        return if cgroups.is_empty() { known } else { state.containers.of_cgroups(&cgroups) };
    }
    state.containers.process_changed(event.tgid);
    state.containers.of_cgroup(event.cgroup, event.tgid)
}

/// Makes thread `tid` a copy of its mother, with its own descriptors unless they are shared: of `born`, which is the mother
/// as she was and has the descriptors already, when that is known.
fn inherit(state: &mut State, mother: u32, tid: u32, flags: u32, born: Option<Thread>) {
    let mut thread = born.unwrap_or_else(|| {
        let Some(mother) = state.thread(mother) else {
            return Thread { fds: state.fds.create(), ..Thread::stranger(tid, tid) };
        };
        let mut thread = Thread::clone(mother);
        let share = flags & CLONE_FILES != 0;
        thread.fds = if share { state.fds.share(thread.fds) } else { state.fds.copy(thread.fds) };
        thread
    });
    let before = state.thread(tid).map(|thread| (thread.cgroup, thread.container));
    forget(state, tid);
    thread.tid = tid;
    thread.exited_ns = None;
    thread.announced = false;
    thread.begin();
    if let Some((cgroup, container)) = before {
        (thread.cgroup, thread.container) = (cgroup, container);
    }
    state.threads.insert(thread);
}

/// A process like `pid`, of whose descriptors nothing is known.
fn without_descriptors(state: &mut State, pid: u32) -> Thread {
    let thread = state.thread(pid).map_or_else(|| Thread::stranger(pid, pid), |thread| Thread::clone(thread));
    Thread { fds: state.fds.create(), ..thread }
}

pub(super) fn exec(state: &mut State, event: &Event<'_>) {
    if event.result() != Some(0) {
        return;
    }
    let Some(table) = state.thread(event.tid).map(|thread| thread.fds) else { return };
    // The process has its descriptors for itself now, without those that are closed at an exec.
    let own = state.fds.copy(table);
    state.fds.release(table);
    state.fds.retain(own, |_, fd| fd.flags & CLOEXEC == 0);
    let exepath = text(event, "trusted_exepath").unwrap_or_default();
    let container = moved(state, event);
    let Some(thread) = state.threads.get_mut(event.tid) else { return };
    thread.container = container;
    describe(thread, event);
    thread.fds = own;
    thread.exepath = exepath.into();
    thread.env = list(event, "env");
    thread.env_cut = cut(event, "env", &thread.env, thread.env_cut);
    if !event.from_file {
        state.procfs.complete_lists(thread);
    }
    thread.exe_file = exe_file(event);
    thread.capabilities = capabilities(event).or(thread.capabilities);
    thread.tty = id_or(event, "tty", thread.tty);
    thread.loginuid = id_or(event, "loginuid", thread.loginuid);
    thread.pgid = id_or(event, "pgid", thread.pgid);
    thread.vpgid = id_or(event, "vpgid", thread.vpgid);
}

/// The children of a process that ended have another parent: that of the thread which the event says.
fn reparent(state: &mut State, event: &Event<'_>) {
    let Some(reaper) = number(event, "reaper_tid").and_then(|tid| u32::try_from(tid).ok()).filter(|tid| *tid != 0)
    else {
        return;
    };
    let Some(process) = state.thread(event.tid).map(|thread| thread.pid) else { return };
    // While there is another thread of the process, that one takes care of them.
    let reaper = state.thread(reaper).map_or(reaper, |thread| thread.pid);
    if reaper == process {
        return;
    }
    let is_child = |thread: &&std::rc::Rc<Thread>| thread.ppid == process && thread.pid != process;
    let children: Vec<u32> = state.threads.iter().filter(is_child).map(|thread| thread.tid).collect();
    for tid in children {
        if let Some(thread) = state.threads.get_mut(tid) {
            thread.ppid = reaper;
        }
    }
}

/// A thread has ended. It is kept for a moment.
pub fn ended(state: &mut State, tid: u32, ended_ns: u64) {
    if let Some(thread) = state.threads.get_mut(tid) {
        thread.exited_ns = Some(ended_ns);
        state.ended.push_back((ended_ns + KEEP_ENDED_NS, tid));
    }
}

pub(super) fn exit(state: &mut State, event: &Event<'_>) {
    state.entry_paths.remove(&event.tid);
    reparent(state, event);
    ended(state, event.tid, event.time_ns);
    while state.ended.front().is_some_and(|(due, _)| *due < event.time_ns) {
        let Some((due, tid)) = state.ended.pop_front() else { break };
        // The number may belong to another thread by now, which may have ended, too.
        if state.thread(tid).and_then(|thread| thread.exited_ns).is_some_and(|ended| ended + KEEP_ENDED_NS <= due) {
            forget(state, tid);
        }
    }
}

/// The working directory that the kernel tells; false when it does not, as in captures of others.
pub(super) fn cwd(state: &mut State, event: &Event<'_>) -> bool {
    let Some(cwd) = text(event, "cwd").filter(|cwd| !cwd.is_empty()) else { return false };
    let cwd: Box<[u8]> = cwd.into();
    set_cwd(state, event, |known| known.clone_from(&cwd));
    true
}

/// Changes the working directory of a thread and, unless it has one of its own, of its process.
fn set_cwd(state: &mut State, event: &Event<'_>, change: impl Fn(&mut Box<[u8]>)) {
    let Some((process, is_own)) = state.thread(event.tid).map(|thread| (thread.pid, thread.own_fs)) else { return };
    if process != event.tid
        && !is_own
        && let Some(leader) = state.threads.get_mut(process)
    {
        change(&mut leader.cwd);
    }
    if let Some(thread) = state.threads.get_mut(event.tid) {
        change(&mut thread.cwd);
    }
}

pub(super) fn chdir(state: &mut State, event: &Event<'_>) {
    if event.result() != Some(0) || cwd(state, event) {
        return;
    }
    let Some(to) = text(event, "path") else { return };
    set_cwd(state, event, |cwd| {
        // From a directory that is not known, a relative path leads to another one that is not.
        if to.starts_with(b"/") || !cwd.is_empty() {
            *cwd = path::resolve(cwd, to).into();
        }
    });
}

pub(super) fn fchdir(state: &mut State, event: &Event<'_>) {
    if event.result() != Some(0) || cwd(state, event) {
        return;
    }
    super::fd::know_fd(state, event);
    let Some(thread) = state.thread(event.tid) else { return };
    let Some(fd) = number(event, "fd").and_then(descriptor) else { return };
    // Empty when the descriptor is not known: then the directory is not known any more, either.
    let name = state.fd(thread, fd).map(|fd| fd.name.clone()).unwrap_or_default();
    set_cwd(state, event, |cwd| cwd.clone_from(&name));
}

/// The parameter of a CPU time event of a file of ours that says how long the interval was.
const INTERVAL: usize = 2;

/// A CPU time event: how much of the last interval the thread ran. On the running kernel it says so, and in files of ours; in
/// those of others, it says how much it ran since its start, in clock ticks.
pub(super) fn cpu(state: &mut State, event: &Event<'_>) {
    let param = |index| event.params.u64(index).unwrap_or(0);
    let (user, system) = (param(0), param(1));
    let own = event.params.raw(INTERVAL).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
    let interval_ns = own.unwrap_or(state.cpu_interval_ns);
    let Some(thread) = state.threads.get_mut(event.tid) else { return };
    if !event.from_file || own.is_some() {
        run(thread, user, system, interval_ns);
        thread.ran_ns = thread.ran_ns.saturating_add(user.saturating_add(system));
        return;
    }
    if let Some((seen_ns, user_then, system_then)) = thread.cpu_seen.replace((event.time_ns, user, system)) {
        let ns = |now: u64, then: u64| now.saturating_sub(then).saturating_mul(TICK_NS);
        let (user_ns, system_ns) = (ns(user, user_then), ns(system, system_then));
        run(thread, user_ns, system_ns, event.time_ns.saturating_sub(seen_ns));
    }
}

/// Sets how much of an interval the thread ran. One thread cannot run more than all of the time.
fn run(thread: &mut Thread, user_ns: u64, system_ns: u64, interval_ns: u64) {
    if interval_ns != 0 {
        let percent = |ns: u64| ns as f64 * 100.0 / interval_ns as f64;
        thread.cpu_percent = percent(user_ns.saturating_add(system_ns)).min(100.0);
        thread.cpu_user_percent = percent(user_ns).min(thread.cpu_percent);
    }
}

/// A thread leaves its CPU: how long it was there is known when it was seen to come.
pub(super) fn switch(state: &mut State, event: &Event<'_>) {
    let cpu = usize::from(event.cpu);
    if state.running.len() <= cpu {
        state.running.resize(cpu + 1, (0, 0));
    }
    let next = event.params.u64(0).and_then(|next| u32::try_from(next).ok()).unwrap_or(0);
    let (came, since_ns) = std::mem::replace(&mut state.running[cpu], (next, event.time_ns));
    let slice_ns = event.time_ns.checked_sub(since_ns).filter(|_| came == event.tid && since_ns != 0);
    let Some(thread) = state.threads.get_mut(event.tid) else { return };
    thread.memory = memory(event, SWITCH_MEMORY).or(thread.memory);
    thread.slice_ns = slice_ns;
    // On the running kernel the sum comes with procinfo events, whether or not switches are asked for; in our files, too.
    if event.from_file && !state.cpu_times {
        thread.ran_ns = thread.ran_ns.saturating_add(slice_ns.unwrap_or(0));
    }
}

pub(super) fn cgroup_mkdir(state: &mut State, event: &Event<'_>) {
    if let (Some(id), Some(path)) = (event.params.u64(0), event.params.text(1)) {
        state.containers.cgroup_added(id, path);
    }
}

pub(super) fn cgroup_rmdir(state: &mut State, event: &Event<'_>) {
    if let Some(id) = event.params.u64(0) {
        state.containers.cgroup_removed(id);
    }
}

#[cfg(test)]
mod tests;
