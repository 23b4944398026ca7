//! What the process runs: names, arguments, environment, working directory.

use super::{ancestor, chain, parent, thread};
use crate::{
    fields::{Arg, ArgRule, Context, InKernel, Key, Needs, Reveals, Value, fields},
    state::{Thread, thread::entries},
};

/// What stands at the end of a list that is cut.
const CUT: &[u8] = b"...";

/// The entries of a list with blanks between them.
fn joined(first: &[u8], list: &[u8], cut: Option<u32>) -> Vec<u8> {
    let mut text = first.to_vec();
    for entry in entries(list) {
        if !text.is_empty() {
            text.push(b' ');
        }
        text.extend_from_slice(entry);
    }
    if cut.is_some() {
        text.extend_from_slice(CUT);
    }
    text
}

/// The arguments after `first` with it.
fn with_arguments(first: &[u8], t: &Thread) -> Vec<u8> {
    joined(first, &t.args, t.args_cut)
}

fn environment(t: &Thread) -> Vec<u8> {
    joined(b"", &t.env, t.env_cut)
}

/// The length that a cut list had; missing when it was not cut, or nobody knows.
fn cut_len(cut: Option<u32>) -> Option<u32> {
    cut.filter(|len| *len != 0)
}

/// The name of the main thread, or of this one when that is not known.
fn main_name<'a>(c: &Context<'a>) -> Value<'a> {
    let main = c.state.thread(c.event.tgid).filter(|main| !main.is_stranger);
    main.map(|main| &**main).or(c.thread.map(|t| &**t)).map_or(Value::Missing, |t| Value::some_text(&t.comm))
}

fn args<'a>(t: Option<&'a Thread>, arg: &Arg) -> Value<'a> {
    match (t, arg.as_index()) {
        (None, _) => Value::Missing,
        (Some(t), Some(index)) => t.arguments().nth(index).into(),
        (Some(t), None) => Value::made(with_arguments(b"", t)),
    }
}

fn cmdline(t: &Thread) -> Value<'_> {
    Value::made(with_arguments(&t.comm, t))
}

fn cwd(cwd: &[u8]) -> Value<'static> {
    match cwd {
        b"" => Value::Missing,
        b"/" => Value::text(b"/"),
        cwd => Value::made([cwd, b"/"].concat()),
    }
}

fn env<'a>(t: &'a Thread, arg: &Arg) -> Value<'a> {
    match arg.as_name() {
        Some(name) => t.env(name.as_bytes()).into(),
        None => Value::made(environment(t)),
    }
}

/// The first value of a variable that an ancestor has; without a name, the environment of ancestors.
fn ancestor_env<'a>(c: &Context<'a>, arg: &Arg) -> Value<'a> {
    match &arg.key {
        Key::Name(name) => chain(c).skip(1).find_map(|t| t.env(name.as_bytes())).into(),
        _ => ancestor(c, arg, |t| Value::made(environment(t))),
    }
}

fields! { FIELDS needs THREADS;
    "proc.name": Text [in_kernel(InKernel::Comm) needs(Needs::WHO)] => |c, _| c.thread.map_or(Value::Missing, |t| Value::some_text(&t.comm)),
        "program name, at most 15 characters";
    "proc.main_name": Text [in_kernel(InKernel::MainName)] => |c, _| main_name(c),
        "name of the main thread of the process, at most 15 characters";
    "proc.pname": Text [cost(2)] => |c, _| match c.thread.and_then(|t| c.state.parent(t)) {
        // Of one of which nothing is known, a record may still have said the name.
        Some(t) if t.is_stranger => Value::some_text(&t.comm),
        parent => parent.map(|t| &*t.comm).into(),
    }, "name of the parent process";
    "proc.aname": Text [arg(ArgRule::Ancestor) cost(3)] => |c, a| ancestor(c, a, |t| Value::text(&t.comm)),
        "name of an ancestor";
    "proc.exe": Text [reveals(Reveals::Command)] => |c, _| thread(c).map(|t| &*t.exe).into(), "first argument (argv[0])";
    "proc.pexe": Text [reveals(Reveals::Command) cost(2)] => |c, _| parent(c).map(|t| &*t.exe).into(), "first argument (argv[0]) of the parent";
    "proc.aexe": Text [reveals(Reveals::Command) arg(ArgRule::Ancestor) cost(3)] => |c, a| ancestor(c, a, |t| Value::text(&t.exe)),
        "first argument (argv[0]) of an ancestor";
    "proc.exepath": Text => |c, _| thread(c).map(|t| &*t.exepath).into(), "path of the executable";
    "proc.pexepath": Text [cost(2)] => |c, _| parent(c).map(|t| &*t.exepath).into(),
        "path of the executable of the parent";
    "proc.aexepath": Text [arg(ArgRule::Ancestor) cost(3)] => |c, a| ancestor(c, a, |t| Value::text(&t.exepath)),
        "path of the executable of an ancestor";
    "proc.args": Text [reveals(Reveals::Command) arg(ArgRule::IndexAllowed) cost(8)] => |c, a| args(thread(c), a),
        "arguments after the first, separated by spaces; with a number, one of them, counted from 0. When a process \
            starts, they are cut at 4091 bytes, with ... at the end";
    "proc.aargs": Text [reveals(Reveals::Command) arg(ArgRule::Ancestor) cost(9)] => |c, a| ancestor(c, a, |t| Value::made(with_arguments(b"", t))),
        "arguments of an ancestor, without the first";
    "proc.cmdline": Text [reveals(Reveals::Command) cost(8)] => |c, _| thread(c).map_or(Value::Missing, cmdline), "program name and arguments";
    "proc.pcmdline": Text [reveals(Reveals::Command) cost(9)] => |c, _| parent(c).map_or(Value::Missing, cmdline),
        "program name and arguments of the parent";
    "proc.acmdline": Text [reveals(Reveals::Command) arg(ArgRule::Ancestor) cost(9)] => |c, a| ancestor(c, a, cmdline),
        "program name and arguments of an ancestor";
    "proc.exeline": Text [reveals(Reveals::Command) cost(8)] => |c, _| thread(c).map_or(Value::Missing, |t| Value::made(with_arguments(&t.exe, t))),
        "all arguments, including the first";
    "proc.cmdnargs": Int [cost(4)] => |c, _| thread(c).map(|t| t.arguments().count() as u64).into(),
        "number of arguments after the first";
    "proc.cmdlenargs": Int [cost(4)] => |c, _| thread(c).map(|t| t.arguments().map(|arg| arg.len() as u64).sum::<u64>()).into(),
        "total length of the arguments after the first";
    "proc.env": Text [reveals(Reveals::Command) arg(ArgRule::NameAllowed) cost(8)] => |c, a| thread(c).map_or(Value::Missing, |t| env(t, a)),
        "environment, separated by spaces; with a name, one variable. When a process starts, it is cut at 4091 bytes, \
            with ... at the end";
    "proc.args_cut": Int => |c, _| thread(c).and_then(|t| cut_len(t.args_cut)).into(),
        "bytes that the arguments after the first had before they were cut, NULs included; missing if they are complete";
    "proc.env_cut": Int => |c, _| thread(c).and_then(|t| cut_len(t.env_cut)).into(),
        "bytes that the environment had before it was cut, NULs included; missing if it is complete";
    "proc.aenv": Text [reveals(Reveals::Command) arg(ArgRule::Ancestor) or_name() cost(9)] => ancestor_env,
        "environment of an ancestor; with a name, one variable of the nearest ancestor that has it";
    "proc.cwd": Text [needs(Needs::STATE) cost(4)] => |c, _| c.thread.map_or(Value::Missing, |t| cwd(c.state.cwd(t))),
        "working directory, with a trailing slash";
}
