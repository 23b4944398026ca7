//! How a process came into its container: from outside, or as one of its probes.

use super::{chain, thread};
use crate::{
    fields::{Context, Needs, Value, fields},
    state::{
        ContainerKey, Thread,
        container::{Spec, spec::Command},
    },
};

/// Whether the process came into its container from outside: its parent is in another one. A parent that is not known
/// is outside too: inside, it would have been seen.
fn entered(c: &Context<'_>) -> Option<bool> {
    let this = thread(c)?;
    if c.container == ContainerKey::HOST {
        return Some(false);
    }
    Some(c.state.parent(this).is_none_or(|parent| parent.container != c.container))
}

fn runs(t: &Thread, command: &Command) -> bool {
    let words = std::iter::once(&*t.exe).chain(t.arguments());
    words.eq(command.0.iter().map(String::as_bytes))
}

/// Whether it, or an ancestor in the same container, runs the command of a probe.
fn probes(c: &Context<'_>, probe: fn(&Spec) -> Option<&Command>) -> Value<'static> {
    let command = probe(&c.state.containers.get(c.container).spec);
    let Some(command) = command else { return Value::Bool(false) };
    chain(c).take_while(|t| t.container == c.container).any(|t| runs(t, command)).into()
}

/// What it needs: the probe must be known when the event is shown.
const NEEDS: Needs = Needs::THREADS.with(Needs::CONTAINER).with(Needs::CONTAINER_NOW);

fields! { FIELDS needs THREADS;
    "proc.is_container_entry": Bool [cost(3)] => |c, _| entered(c).into(),
        "whether the process entered its container from outside, as with docker exec, so that its parent is not in the container";
    "proc.is_container_healthcheck": Bool [cost(9) needs(NEEDS) deprecated()] => |c, _| {
        probes(c, |spec| spec.health_check.as_ref())
    }, "whether the process is the health check of its container, or a child of the health check";
    "proc.is_container_liveness_probe": Bool [cost(9) needs(NEEDS) deprecated()] => |c, _| {
        probes(c, |spec| spec.liveness_probe.as_ref())
    }, "whether the process is the liveness probe of its container, or a child of the probe";
    "proc.is_container_readiness_probe": Bool [cost(9) needs(NEEDS) deprecated()] => |c, _| {
        probes(c, |spec| spec.readiness_probe.as_ref())
    }, "whether the process is the readiness probe of its container, or a child of the probe";
}
