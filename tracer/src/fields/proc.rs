//! `proc.*`.

use std::rc::Rc;

use super::{Arg, ArgRule, Context, Needs, Value, fields};
use crate::state::{ContainerKey, Thread, thread::entries};

fn thread<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    c.thread.map(|thread| &**thread)
}

fn parent<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    c.state.parent(c.thread?).map(|parent| &**parent)
}

/// Ancestor `n` of the process; 0 is the process itself.
fn ancestor<'a>(c: &Context<'a>, arg: &Arg) -> Option<&'a Thread> {
    match arg.as_index().unwrap_or(1) {
        0 => thread(c),
        n => c.state.ancestors(c.thread?).nth(n - 1),
    }
}

/// The main thread of process `pid`.
fn process<'a>(c: &Context<'a>, pid: u32) -> Option<&'a Thread> {
    c.state.thread(pid).filter(|_| pid != 0).map(|thread| &**thread)
}

fn some(text: Option<&[u8]>) -> Value<'_> {
    text.map_or(Value::Missing, Value::some_text)
}

/// The entries of a list with blanks between them.
fn joined(first: &[u8], list: &[u8]) -> Vec<u8> {
    let mut text = first.to_vec();
    for entry in entries(list) {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(entry);
    }
    text
}

fn args<'a>(t: Option<&'a Thread>, arg: &Arg) -> Value<'a> {
    match (t, arg.as_index()) {
        (None, _) => Value::Missing,
        (Some(t), Some(index)) => t.arguments().nth(index).into(),
        (Some(t), None) => Value::made(joined(b"", &t.args)),
    }
}

fn cmdline(t: Option<&Thread>) -> Value<'_> {
    t.map_or(Value::Missing, |t| Value::made(joined(&t.comm, &t.args)))
}

fn cwd(t: &Thread) -> Value<'_> {
    match &*t.cwd {
        b"" => Value::Missing,
        b"/" => Value::text(b"/"),
        cwd => Value::made([cwd, b"/"].concat()),
    }
}

/// The oldest process in the chain whose name ends in `sh`, itself included.
fn login_shell<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    let this = thread(c)?;
    std::iter::once(this).chain(c.state.ancestors(this)).filter(|t| t.comm.ends_with(b"sh")).last()
}

/// Whether the process came into its container from outside: its parent is in another one. A parent that is not known
/// is outside too: inside, it would have been seen.
fn entered(c: &Context<'_>) -> Option<bool> {
    let this = thread(c)?;
    if c.container == ContainerKey::HOST {
        return Some(false);
    }
    Some(c.state.parent(this).is_none_or(|parent| parent.container != c.container))
}

fn since(c: &Context<'_>, t: Option<&Thread>) -> Value<'static> {
    t.filter(|t| t.start_ns != 0).map(|t| c.event.time_ns.saturating_sub(t.start_ns)).into()
}

fn std_fd<'a>(c: &Context<'a>, number: i32) -> Option<&'a crate::state::Fd> {
    c.state.fd(thread(c)?, number).map(|fd: &Rc<_>| &**fd)
}

fields! { FIELDS needs STATE;
    "proc.name": Text => |c, _| some(thread(c).map(|t| &*t.comm)), "name of the program, at most 15 characters";
    "proc.pname": Text [cost(2)] => |c, _| some(parent(c).map(|t| &*t.comm)), "name of the parent";
    "proc.aname": Text [arg(ArgRule::Ancestor) cost(3)] => |c, a| some(ancestor(c, a).map(|t| &*t.comm)),
        "name of an ancestor";
    "proc.exe": Text => |c, _| some(thread(c).map(|t| &*t.exe)), "first argument";
    "proc.pexe": Text [cost(2)] => |c, _| some(parent(c).map(|t| &*t.exe)), "first argument of the parent";
    "proc.aexe": Text [arg(ArgRule::Ancestor) cost(3)] => |c, a| some(ancestor(c, a).map(|t| &*t.exe)),
        "first argument of an ancestor";
    "proc.exepath": Text => |c, _| some(thread(c).map(|t| &*t.exepath)), "path of the executable";
    "proc.pexepath": Text [cost(2)] => |c, _| some(parent(c).map(|t| &*t.exepath)), "path of the executable of the parent";
    "proc.aexepath": Text [arg(ArgRule::Ancestor) cost(3)] => |c, a| some(ancestor(c, a).map(|t| &*t.exepath)),
        "path of the executable of an ancestor";
    "proc.args": Text [arg(ArgRule::IndexAllowed) cost(8)] => |c, a| args(thread(c), a),
        "arguments after the first, with blanks between; or one of them, from 0";
    "proc.cmdline": Text [cost(8)] => |c, _| cmdline(thread(c)), "name and arguments";
    "proc.pcmdline": Text [cost(9)] => |c, _| cmdline(parent(c)), "name and arguments of the parent";
    "proc.acmdline": Text [arg(ArgRule::Ancestor) cost(9)] => |c, a| cmdline(ancestor(c, a)),
        "name and arguments of an ancestor";
    "proc.exeline": Text [cost(8)] => |c, _| thread(c).map_or(Value::Missing, |t| Value::made(joined(&t.exe, &t.args))),
        "all arguments";
    "proc.cmdnargs": Int => |c, _| thread(c).map(|t| t.arguments().count() as u64).into(),
        "number of arguments after the first";
    "proc.cmdlenargs": Int => |c, _| thread(c).map(|t| t.arguments().map(|arg| arg.len() as u64).sum::<u64>()).into(),
        "length of these arguments together";
    "proc.env": Text [arg(ArgRule::NameAllowed) cost(8)] => |c, a| match (thread(c), a.as_name()) {
        (None, _) => Value::Missing,
        (Some(t), Some(name)) => t.env(name.as_bytes()).into(),
        (Some(t), None) => Value::made(joined(b"", &t.env)),
    }, "environment; or one variable";
    "proc.cwd": Text [cost(4)] => |c, _| thread(c).map_or(Value::Missing, cwd), "working directory, with a final slash";
    "proc.loginshellid": Int [cost(4)] => |c, _| login_shell(c).map(|t| t.pid).into(),
        "id of the oldest process of the chain whose name ends in sh";
    "proc.tty": Int => |c, _| thread(c).map(|t| t.tty).into(), "device number of the controlling terminal; 0 without";
    "proc.pid": Int [needs(Needs::NONE)] => |c, _| c.event.tgid.into(), "process id";
    "proc.ppid": Int => |c, _| thread(c).map(|t| t.ppid).into(), "process id of the parent";
    "proc.apid": Int [arg(ArgRule::Ancestor) cost(3)] => |c, a| ancestor(c, a).map(|t| t.pid).into(),
        "process id of an ancestor";
    "proc.vpid": Int => |c, _| thread(c).map(|t| t.vpid).into(), "process id in its own pid namespace";
    "proc.pvpid": Int [cost(2)] => |c, _| parent(c).map(|t| t.vpid).into(),
        "process id of the parent in its own pid namespace";
    "proc.sid": Int => |c, _| thread(c).map(|t| t.sid).into(), "session id";
    "proc.sname": Text [cost(2)] => |c, _| some(thread(c).and_then(|t| process(c, t.sid)).map(|t| &*t.comm)),
        "name of the session leader";
    "proc.pgid": Int => |c, _| thread(c).map(|t| t.pgid).into(), "process group";
    "proc.pgid.name": Text [cost(2)] => |c, _| some(thread(c).and_then(|t| process(c, t.pgid)).map(|t| &*t.comm)),
        "name of the leader of the process group";
    "proc.vpgid": Int => |c, _| thread(c).map(|t| t.vpgid).into(), "process group in its own pid namespace";
    "proc.is_sid_leader": Bool => |c, _| thread(c).map(|t| t.sid == t.pid).into(), "whether it leads its session";
    "proc.is_pgid_leader": Bool => |c, _| thread(c).map(|t| t.pgid == t.pid).into(), "whether it leads its process group";
    "proc.is_vpgid_leader": Bool => |c, _| thread(c).map(|t| t.vpgid == t.vpid).into(),
        "whether it leads its process group in its own pid namespace";
    "proc.duration": Time => |c, _| since(c, thread(c)), "time since the process started";
    "proc.ppid.duration": Time [cost(2)] => |c, _| since(c, parent(c)), "time since the parent started";
    "proc.pid.ts": Time => |c, _| thread(c).filter(|t| t.start_ns != 0).map(|t| t.start_ns).into(),
        "start of the process, since the epoch";
    "proc.ppid.ts": Time [cost(2)] => |c, _| parent(c).filter(|t| t.start_ns != 0).map(|t| t.start_ns).into(),
        "start of the parent, since the epoch";
    "proc.fdopencount": Int => |c, _| thread(c).map(|t| c.state.fds.len(t.fds) as u64).into(),
        "number of open descriptors that are known";
    "proc.fdlimit": Int => |c, _| thread(c).filter(|t| t.fd_limit != 0).map(|t| t.fd_limit).into(),
        "soft limit of open descriptors";
    "proc.nthreads": Int [cost(20)] => |c, _| {
        thread(c).map(|t| c.state.threads.iter().filter(|other| other.pid == t.pid).count() as u64).into()
    }, "threads of the process that are known";
    "proc.stdin.type": Text [cost(2)] => |c, _| std_fd(c, 0).and_then(|fd| fd.kind.name()).into(), "type of descriptor 0";
    "proc.stdout.type": Text [cost(2)] => |c, _| std_fd(c, 1).and_then(|fd| fd.kind.name()).into(), "type of descriptor 1";
    "proc.stderr.type": Text [cost(2)] => |c, _| std_fd(c, 2).and_then(|fd| fd.kind.name()).into(), "type of descriptor 2";
    "proc.stdin.name": Text [cost(2)] => |c, _| some(std_fd(c, 0).map(|fd| &*fd.name)), "name of descriptor 0";
    "proc.stdout.name": Text [cost(2)] => |c, _| some(std_fd(c, 1).map(|fd| &*fd.name)), "name of descriptor 1";
    "proc.stderr.name": Text [cost(2)] => |c, _| some(std_fd(c, 2).map(|fd| &*fd.name)), "name of descriptor 2";
    "proc.is_container_entry": Bool [cost(3)] => |c, _| entered(c).into(),
        "whether the process came into its container from outside, as docker exec does: its parent is not in it";
}
