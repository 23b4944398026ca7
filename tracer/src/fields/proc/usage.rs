//! What the process uses: descriptors, memory, threads.

use super::{main, thread};
use crate::{
    fields::{Context, Needs, Unit, Value, fields},
    scap::Memory,
    state::Fd,
};

fn std_fd<'a>(c: &Context<'a>, number: i32) -> Option<&'a Fd> {
    c.state.fd(thread(c)?, number).map(|fd| &**fd)
}

fn kind<'a>(c: &Context<'a>, number: i32) -> Value<'a> {
    std_fd(c, number).and_then(|fd| fd.kind.name()).into()
}

fn name<'a>(c: &Context<'a>, number: i32) -> Value<'a> {
    std_fd(c, number).map(|fd| &*fd.name).into()
}

fn open(c: &Context<'_>) -> Option<u64> {
    thread(c).map(|t| c.state.fds.len(t.fds) as u64)
}

fn limit(c: &Context<'_>) -> Option<u64> {
    thread(c).map(|t| t.fd_limit).filter(|limit| *limit != 0)
}

fn usage(c: &Context<'_>) -> Option<f64> {
    Some(open(c)? as f64 * 100.0 / limit(c)? as f64)
}

fn memory(c: &Context<'_>) -> Option<Memory> {
    main(c)?.memory
}

/// Threads of the process that run, as far as they are known; itself counts in any case.
fn threads(c: &Context<'_>) -> Option<u64> {
    let this = thread(c)?;
    let has_ended = c.state.threads.get(this.tid).is_some_and(|thread| thread.exited_ns.is_some());
    Some(u64::from(c.state.threads.running(this.pid)) + u64::from(has_ended))
}

fields! { FIELDS needs THREADS;
    "proc.fdopencount": Int [needs(Needs::STATE)] => |c, _| open(c).into(), "number of open descriptors that tracer knows of";
    "proc.fdlimit": Int => |c, _| limit(c).map(|limit| limit as i64).into(),
        "soft limit on open descriptors; -1 if there is none";
    "proc.fdusage": Float [unit(Unit::Percent) needs(Needs::STATE)] => |c, _| usage(c).into(), "open descriptors as a percentage of the limit";
    "proc.vmsize": Int [cost(2)] => |c, _| memory(c).map(|memory| memory.size_kb).into(),
        "virtual memory in kB, as of the last clone, exec or switch event";
    "proc.vmrss": Int [cost(2)] => |c, _| memory(c).map(|memory| memory.resident_kb).into(),
        "resident memory in kB, as of the last clone, exec or switch event";
    "proc.vmswap": Int [cost(2)] => |c, _| memory(c).map(|memory| memory.swapped_kb).into(),
        "swapped memory in kB, as of the last clone, exec or switch event";
    "proc.nthreads": Int [cost(20)] => |c, _| threads(c).into(), "number of threads of the process that tracer knows of";
    "proc.nchilds": Int [cost(20)] => |c, _| threads(c).map(|count| count.saturating_sub(1)).into(),
        "like proc.nthreads, without the main thread";
    "proc.stdin.type": Text [needs(Needs::STATE) cost(2)] => |c, _| kind(c, 0), "type of descriptor 0";
    "proc.stdout.type": Text [needs(Needs::STATE) cost(2)] => |c, _| kind(c, 1), "type of descriptor 1";
    "proc.stderr.type": Text [needs(Needs::STATE) cost(2)] => |c, _| kind(c, 2), "type of descriptor 2";
    "proc.stdin.name": Text [needs(Needs::STATE) cost(2)] => |c, _| name(c, 0), "name of descriptor 0";
    "proc.stdout.name": Text [needs(Needs::STATE) cost(2)] => |c, _| name(c, 1), "name of descriptor 1";
    "proc.stderr.name": Text [needs(Needs::STATE) cost(2)] => |c, _| name(c, 2), "name of descriptor 2";
}
