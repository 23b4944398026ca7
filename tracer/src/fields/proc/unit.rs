//! Units of systemd: in which one the process is, by its cgroup.

use crate::{
    fields::{Context, InKernel, Value, fields},
    state::container::{cgroup_paths, unit::Place},
};

/// The place of the process in the tree of units.
fn place<'a>(c: &Context<'a>) -> Place<'a> {
    let thread = c.thread;
    let id = if c.event.cgroup != 0 { Some(c.event.cgroup) } else { thread.map(|thread| thread.cgroup) };
    if let Some(path) = id.and_then(|id| c.state.containers.path(id)) {
        return Place::of(path);
    }
    // A capture has the cgroups of a thread in all hierarchies, and units are in one of them.
    let Some(thread) = thread.filter(|_| c.event.cgroup == 0) else { return Place::default() };
    let places = cgroup_paths(&thread.cgroups).map(Place::of);
    let best = places.max_by_key(|place| (place.unit.is_some(), place.user_unit.is_some(), place.slice.is_some()));
    best.unwrap_or_default()
}

fn value<'a>(text: Option<&'a str>) -> Value<'a> {
    text.into()
}

fields! { FIELDS needs NONE;
    "proc.unit": Text [in_kernel(InKernel::Cgroup) cost(2)] => |c, _| value(place(c).unit),
        "unit of systemd that the process is in, such as nginx.service; of a container, its scope if it has one";
    "proc.slice": Text [in_kernel(InKernel::Cgroup) cost(2)] => |c, _| value(place(c).slice),
        "slice of systemd that the process is in, such as system.slice";
    "proc.user_unit": Text [in_kernel(InKernel::Cgroup) cost(2)] => |c, _| value(place(c).user_unit),
        "unit of the user's own systemd that the process is in";
}
