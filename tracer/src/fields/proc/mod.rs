//! `proc.*`: the process of an event, its parents, its leaders, what it runs and what it uses.

mod exe;
mod ids;
mod probe;
mod program;
mod unit;
mod usage;

use super::{Arg, Context, Field, Key, Value};
use crate::state::Thread;

pub(super) use ids::namespace_start;

/// The rows.
pub(super) static FIELDS: &[&[Field]] =
    &[program::FIELDS, ids::FIELDS, exe::FIELDS, usage::FIELDS, probe::FIELDS, unit::FIELDS];

/// The thread, when more is known of it than its id.
pub(super) fn thread<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    known(c.thread?)
}

/// A thread of which more is known than its id: no other has a name, a user or arguments, not even empty ones.
fn known(thread: &Thread) -> Option<&Thread> {
    Some(thread).filter(|thread| !thread.is_stranger)
}

/// The main thread.
fn main<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    thread(c).map(|thread| c.state.process(thread))
}

fn parent<'a>(c: &Context<'a>) -> Option<&'a Thread> {
    known(c.state.parent(c.thread?)?)
}

/// Itself, then its ancestors.
fn chain<'a>(c: &Context<'a>) -> impl Iterator<Item = &'a Thread> {
    let this = thread(c);
    let ancestors = c.thread.into_iter().flat_map(|thread| c.state.ancestors(thread)).map_while(known);
    this.into_iter().chain(ancestors)
}

/// A value of the ancestor that the argument says; without one, of all of them, the parent first, with blanks between.
fn ancestor<'a>(c: &Context<'a>, arg: &Arg, get: impl Fn(&'a Thread) -> Value<'a>) -> Value<'a> {
    if let Key::Index(number) = arg.key {
        return chain(c).nth(number).map_or(Value::Missing, get);
    }
    let mut out = Vec::new();
    for value in chain(c).skip(1).map(get).filter(|value| !value.is_missing()) {
        if !out.is_empty() {
            out.push(b' ');
        }
        value.write(super::Digits::Decimal, &mut out);
    }
    if out.is_empty() { Value::Missing } else { Value::made(out) }
}
