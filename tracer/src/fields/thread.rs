//! `thread.*`.

use tracer_common::events::code;

use super::{Arg, ArgRule, Context, EventType, InKernel, Needs, Unit, Value, fields, proc::thread};
use crate::{
    scap::{Capabilities, Memory},
    state::{Thread, thread::entries},
};

/// The capabilities by number. Source: include/uapi/linux/capability.h.
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The names of a set, with blanks between; nothing when the set is not known.
fn capabilities(c: &Context<'_>, set: fn(&Capabilities) -> u64) -> Value<'static> {
    let Some(bits) = thread(c).and_then(|t| t.capabilities.as_ref()).map(set) else { return Value::Missing };
    let names: Vec<&str> =
        CAPABILITIES.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 != 0).map(|(_, name)| *name).collect();
    Value::made(names.join(" ").into_bytes())
}

fn memory(c: &Context<'_>) -> Option<Memory> {
    thread(c)?.memory
}

/// Memory is that of the process: it is counted at the main thread alone, so that sums over threads are right.
fn own_memory(c: &Context<'_>, get: fn(&Memory) -> u32) -> Option<u64> {
    let t = thread(c)?;
    if t.is_main() { t.memory.as_ref().map(|memory| get(memory).into()) } else { Some(0) }
}

/// The same as it is now, where there is a machine to look at.
fn own_memory_now(c: &Context<'_>, get: fn(&Memory) -> u32) -> Option<u64> {
    let t = thread(c)?;
    if t.is_main() {
        t.memory_now(&c.state.procfs, c.state.threads.running(t.pid) <= 1).as_ref().map(|memory| get(memory).into())
    } else {
        Some(0)
    }
}

fn cgroups(t: &Thread) -> Value<'static> {
    let all: Vec<&[u8]> = entries(&t.cgroups).collect();
    if all.is_empty() { Value::Missing } else { Value::made(all.join(&b' ')) }
}

fn cgroup<'a>(t: &'a Thread, arg: &Arg) -> Option<&'a [u8]> {
    let name = arg.as_name()?.as_bytes();
    entries(&t.cgroups).find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
}

/// Only switches end a slice.
fn no_switch(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (event.row.code != code::SWITCH).then_some(Value::Missing)
}

fn slice(c: &Context<'_>) -> Option<u64> {
    c.thread.filter(|_| c.event.row.code == code::SWITCH)?.slice_ns
}

/// A capture says only the thread of an event: of an unknown one, nobody knows the process.
fn is_main(c: &Context<'_>) -> Option<bool> {
    (!c.event.from_file || thread(c).is_some()).then_some(c.event.tid == c.event.tgid)
}

/// What needs the CPU time of threads.
const CPU: Needs = Needs::CPU_TIME;

fields! { FIELDS needs THREADS;
    "thread.tid": Int [in_kernel(InKernel::Tid) needs(Needs::NONE)] => |c, _| c.event.tid.into(), "thread id";
    "thread.ismain": Bool [needs(Needs::NONE)] => |c, _| is_main(c).into(),
        "whether the thread is the main thread of its process";
    "thread.vtid": Int => |c, _| thread(c).map(|t| t.vtid).into(), "thread id in its own pid namespace";
    "thread.nametid": Text [cost(8) table_only()] => |c, _| thread(c).map_or(Value::Missing, |t| {
        let mut text = t.comm.to_vec();
        text.extend_from_slice(t.tid.to_string().as_bytes());
        Value::made(text)
    }), "thread name and id joined, as a table key";
    "thread.cap_permitted": Text [cost(8)] => |c, _| capabilities(c, |sets| sets.permitted),
        "permitted capabilities, separated by spaces";
    "thread.cap_inheritable": Text [cost(8)] => |c, _| capabilities(c, |sets| sets.inheritable),
        "inheritable capabilities, separated by spaces";
    "thread.cap_effective": Text [cost(8)] => |c, _| capabilities(c, |sets| sets.effective),
        "effective capabilities, separated by spaces; all three sets are as of the last exec";
    "thread.cgroups": Text [cost(8)] => |c, _| thread(c).map_or(Value::Missing, cgroups),
        "cgroup of each controller as controller=path, separated by spaces";
    "thread.cgroup": Text [arg(ArgRule::Name) cost(3)] => |c, arg| thread(c).and_then(|t| cgroup(t, arg)).into(),
        "cgroup of one controller, such as cpu or memory";
    "thread.exectime": Time [by_type(no_switch)] => |c, _| slice(c).into(),
        "how long the thread ran on the CPU that it leaves with this switch event; missing if the switch to the thread was not seen";
    "thread.totexectime": Time [needs(CPU)] => |c, _| c.thread.map(|t| t.ran_ns).into(),
        "CPU time since tracing began; live, up to the last second; in a capture file, the sum of thread.exectime";
    "thread.cpu": Float [unit(Unit::Percent) needs(CPU)] => |c, _| c.thread.map(|t| t.cpu_percent).into(),
        "CPU use of the thread in the last second, in percent of one CPU";
    "thread.cpu.user": Float [unit(Unit::Percent) needs(CPU)] => |c, _| c.thread.map(|t| t.cpu_user_percent).into(),
        "user-mode share of thread.cpu";
    "thread.cpu.system": Float [unit(Unit::Percent) needs(CPU)] => |c, _| {
        c.thread.map(|t| t.cpu_percent - t.cpu_user_percent).into()
    }, "kernel-mode share of thread.cpu";
    "thread.vmsize": Int => |c, _| own_memory(c, |memory| memory.size_kb).into(),
        "virtual memory in kB; 0 for all threads but the main thread";
    "thread.vmrss": Int => |c, _| own_memory(c, |memory| memory.resident_kb).into(),
        "resident memory in kB; 0 for all threads but the main thread";
    "thread.vmsize.b": Int [unit(Unit::Bytes) table_only()] => |c, _| {
        own_memory_now(c, |memory| memory.size_kb).map(|kb| kb * 1024).into()
    }, "like thread.vmsize, but in bytes and, live, as of now";
    "thread.vmrss.b": Int [unit(Unit::Bytes) table_only()] => |c, _| {
        own_memory_now(c, |memory| memory.resident_kb).map(|kb| kb * 1024).into()
    }, "like thread.vmrss, but in bytes and, live, as of now";
    "thread.pfmajor": Int => |c, _| memory(c).map(|memory| memory.major_faults).into(),
        "major page faults (read from disk) since the thread started, as of the last event that reported them";
    "thread.pfminor": Int => |c, _| memory(c).map(|memory| memory.minor_faults).into(),
        "minor page faults since the thread started, as of the last event that reported them";
}

#[cfg(test)]
mod tests {
    use tracer_common::events::code;

    use crate::{
        event::decode,
        fields::{FieldRef, Show, Value},
        source::inject,
        state::{State, effects},
        testing::World,
    };

    /// Process `tid` leaves CPU 0 at a time, and `next` comes.
    fn switch(state: &mut State, time_ns: u64, tid: u32, next: i64) {
        let record = inject::record_at(time_ns, code::SWITCH, tid, tid, 1, &[&next.to_le_bytes()]);
        effects::before(state, &decode::live(&record, 1, 0).unwrap());
    }

    #[test]
    fn a_slice_is_known_when_its_beginning_was_seen() {
        let mut world = World::new();
        let slice = |world: &World, tid: u32| world.state.thread(tid).unwrap().slice_ns;
        switch(&mut world.state, 1_000, 10, 20);
        assert_eq!(slice(&world, 10), None, "nobody saw it come");
        switch(&mut world.state, 1_700, 20, 30);
        assert_eq!(slice(&world, 20), Some(700));
        switch(&mut world.state, 2_000, 10, 20);
        assert_eq!(slice(&world, 10), None, "the switch from 30 to 10 was lost");
    }

    #[test]
    fn sets_and_lists_are_shown_by_their_names() {
        let mut world = World::new();
        let thread = world.state.threads.get_mut(10).unwrap();
        let sets = crate::scap::Capabilities { effective: 0x8000_0000_0021, ..Default::default() };
        thread.capabilities = Some(sets);
        thread.cgroups = b"cpu=/a\0memory=/b c\0"[..].into();
        let record = world.openat(10, 3, b"/etc/passwd");
        let value = |name: &str| {
            let field = FieldRef::resolve(name, Show::default()).unwrap();
            world.with(&record, |context| {
                let mut text = Vec::new();
                let value = field.get(context);
                value.write(field.field.digits, &mut text);
                (value != Value::Missing).then(|| String::from_utf8(text).unwrap())
            })
        };
        assert_eq!(value("thread.cap_effective").as_deref(), Some("CAP_CHOWN CAP_KILL"));
        assert_eq!(value("thread.cap_permitted").as_deref(), Some(""));
        assert_eq!(value("thread.cgroups").as_deref(), Some("cpu=/a memory=/b c"));
        assert_eq!(value("thread.cgroup.memory").as_deref(), Some("/b c"));
        assert_eq!(value("thread.cgroup[cpuset]"), None);
        assert_eq!(value("proc.aname").as_deref(), Some("init"));
    }
}
