//! When it happened, and how long it took.

use tracer_common::events::Flags;

use crate::{
    fields::{Arg, Context, Digits, EventType, InKernel, Needs, TimeMode, Value, Writer, fields},
    format::{time, units},
};

const SECOND: u64 = 1_000_000_000;

fn relative(c: &Context<'_>) -> u64 {
    c.event.time_ns.saturating_sub(c.times.first_ns)
}

fn delta(c: &Context<'_>) -> u64 {
    match c.times.previous_ns {
        0 => 0,
        previous => c.event.time_ns.saturating_sub(previous),
    }
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> Value<'static> {
    let mut out = Vec::with_capacity(32);
    write(&mut out);
    Value::made(out)
}

/// The value of a field whose text `write` appends.
pub(super) fn written(write: Writer, c: &Context<'_>, arg: &Arg) -> Value<'static> {
    let mut out = Vec::with_capacity(160);
    if write(c, arg, &mut out) { Value::made(out) } else { Value::Missing }
}

fn output_time(c: &Context<'_>, arg: &Arg, out: &mut Vec<u8>) -> bool {
    match (arg.show.time, output_ns(c, arg)) {
        (TimeMode::Human, Some(ns)) => time::time_of_day(ns, true, out),
        (_, Some(ns)) => time::seconds(ns, out),
        (_, None) => return false,
    }
    true
}

fn since_epoch<'a>(c: &Context<'a>, _: &Arg) -> Value<'a> {
    c.event.time_ns.into()
}

fn output_ns(c: &Context<'_>, arg: &Arg) -> Option<u64> {
    match arg.show.time {
        TimeMode::Human | TimeMode::Absolute => Some(c.event.time_ns),
        TimeMode::Relative => Some(relative(c)),
        TimeMode::Latency => c.event.latency_ns,
        TimeMode::Delta => Some(delta(c)),
    }
}

/// Ten buckets for each power of ten; nothing for a call whose latency is not known.
fn quantized(latency_ns: Option<u64>) -> Value<'static> {
    latency_ns.map(|ns| (10.0 * (ns.max(1) as f64).log10()) as u64).into()
}

fn no_wait(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    (!event.row.flags.has(Flags::WAITS)).then_some(Value::Missing)
}

fields! { FIELDS needs NONE;
    "evt.time": Text [cost(8) json(since_epoch)] => |c, _| text(|out| time::time_of_day(c.event.time_ns, true, out)),
        "local time of day with nanoseconds";
    "evt.time.s": Text [cost(8)] => |c, _| text(|out| time::time_of_day(c.event.time_ns, false, out)),
        "local time of day, seconds only";
    "evt.time.iso8601": Text [cost(8)] => |c, _| text(|out| time::iso8601(c.event.time_ns, out)),
        "date and time in UTC, as ISO 8601";
    "evt.datetime": Text [cost(8) json(since_epoch)] => |c, _| text(|out| time::date_time(c.event.time_ns, true, out)),
        "local date and time with nanoseconds";
    "evt.datetime.s": Text [cost(8)] => |c, _| text(|out| time::date_time(c.event.time_ns, false, out)),
        "local date and time, seconds only";
    "evt.rawtime": Time => |c, _| c.event.time_ns.into(), "time since the epoch";
    "evt.rawtime.s": Int => |c, _| (c.event.time_ns / SECOND).into(), "whole seconds since the epoch";
    "evt.rawtime.ns": Time [digits(Digits::Nine)] => |c, _| (c.event.time_ns % SECOND).into(),
        "nanosecond part of evt.rawtime";
    "evt.reltime": Time [digits(Digits::Nine)] => |c, _| relative(c).into(), "time since the first event";
    "evt.reltime.s": Int => |c, _| (relative(c) / SECOND).into(), "whole seconds since the first event";
    "evt.reltime.ns": Time [digits(Digits::Nine)] => |c, _| (relative(c) % SECOND).into(),
        "nanosecond part of evt.reltime";
    "evt.deltatime": Time [needs(Needs::NEIGHBOURS)] => |c, _| delta(c).into(), "time since the previous event";
    "evt.deltatime.s": Int [needs(Needs::NEIGHBOURS)] => |c, _| (delta(c) / SECOND).into(), "whole seconds of evt.deltatime";
    "evt.deltatime.ns": Time [needs(Needs::NEIGHBOURS) digits(Digits::Nine)] => |c, _| (delta(c) % SECOND).into(),
        "nanosecond part of evt.deltatime";
    "evt.outputtime": Text [cost(8) json(|c, arg| output_ns(c, arg).into()) write(output_time)] => |c, arg| {
        written(output_time, c, arg)
    }, "time in the form that -t selects";
    "evt.latency": Time [in_kernel(InKernel::Latency) needs(Needs::LATENCY)] => |c, _| c.event.latency_ns.into(),
        "time from syscall entry to exit";
    "evt.latency.s": Int [needs(Needs::LATENCY)] => |c, _| c.event.latency_ns.map(|ns| ns / SECOND).into(),
        "whole seconds of evt.latency";
    "evt.latency.ns": Time [in_kernel(InKernel::Latency) needs(Needs::LATENCY) digits(Digits::Nine)] => |c, _| {
        c.event.latency_ns.map(|ns| ns % SECOND).into()
    }, "nanosecond part of evt.latency";
    "evt.latency.human": Text [needs(Needs::LATENCY) cost(8)] => |c, _| c.event.latency_ns.map_or(Value::Missing, |ns| {
        Value::made(units::time(ns as f64).into_bytes())
    }), "evt.latency with a unit, such as 4.97us";
    "evt.latency.quantized": Int [needs(Needs::LATENCY) table_only()] => |c, _| quantized(c.event.latency_ns),
        "evt.latency in buckets, ten per power of ten, for heat maps";
    "evt.wait_latency": Time [needs(Needs::LATENCY) by_type(no_wait) deprecated()] => |c, _| {
        c.event.latency_ns.filter(|_| c.event.row.flags.has(Flags::WAITS)).into()
    }, "evt.latency, but only of calls that wait";
}
