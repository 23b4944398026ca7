//! `container.mem.*`, `container.cpu.throttled`, `container.pressure.*` and the same of pods: what the files of a cgroup say when
//! the field is asked for. A capture does not have these files.

use super::{Field, Needs, Type, Unit};
use crate::state::container::usage::Usage;

/// Declares a field of containers, or of pods, from its value in what the cgroup uses.
macro_rules! used {
    ($of:ident $name:literal, $kind:ident, $unit:ident, $get:expr, $doc:literal) => {
        Field::new(
            $name,
            Type::$kind,
            |c, _| {
                let usage = c.state.containers.$of(c.container);
                usage.and_then(|usage| ($get as fn(&Usage) -> Option<_>)(&usage)).into()
            },
            concat!($doc, "; read from the cgroup of a running machine, missing in captures"),
        )
        .unit(Unit::$unit)
        .needs(Needs::THREADS)
        .cost(9)
    };
}

/// Of containers.
pub(super) static OF_CONTAINERS: &[Field] = &[
    used!(usage "container.mem.usage", Int, Bytes, |it| it.memory.usage, "memory of the container, with its page cache"),
    used!(
        usage "container.mem.working_set",
        Int,
        Bytes,
        Usage::working_set,
        "memory of the container without page cache that was not used lately"
    ),
    used!(
        usage "container.mem.limit",
        Int,
        Bytes,
        |it| it.limit,
        "smallest memory limit of the container and of the cgroups around it; missing if there is none"
    ),
    used!(usage "container.mem.percent", Float, Percent, Usage::percent, "working set in percent of the memory limit"),
    used!(usage "container.mem.peak", Int, Bytes, |it| it.memory.peak, "highest memory of the container so far"),
    used!(
        usage "container.cpu.throttled",
        Time,
        Time,
        Usage::throttled,
        "time per second that threads of the container waited because its CPU quota was used up, summed over CPUs"
    ),
    used!(
        usage "container.pressure.cpu",
        Float,
        Percent,
        |it| it.cpu_pressure,
        "part of the last second in which a thread of the container waited for a CPU"
    ),
    used!(
        usage "container.pressure.memory",
        Float,
        Percent,
        |it| it.memory_pressure,
        "part of the last second in which a thread of the container waited for memory"
    ),
    used!(
        usage "container.pressure.io",
        Float,
        Percent,
        |it| it.io_pressure,
        "part of the last second in which a thread of the container waited for I/O"
    ),
];

/// Of pods.
pub(super) static OF_PODS: &[Field] = &[
    used!(pod_usage "k8s.pod.mem.usage", Int, Bytes, |it| it.memory.usage, "memory of the pod, with its page cache"),
    used!(
        pod_usage "k8s.pod.mem.working_set",
        Int,
        Bytes,
        Usage::working_set,
        "memory of the pod without page cache that was not used lately"
    ),
    used!(
        pod_usage "k8s.pod.mem.limit",
        Int,
        Bytes,
        |it| it.limit,
        "smallest memory limit of the pod and of the cgroups around it; missing if there is none"
    ),
    used!(
        pod_usage "k8s.pod.mem.percent",
        Float,
        Percent,
        Usage::percent,
        "working set of the pod in percent of its memory limit"
    ),
    used!(pod_usage "k8s.pod.mem.peak", Int, Bytes, |it| it.memory.peak, "highest memory of the pod so far"),
    used!(
        pod_usage "k8s.pod.cpu.throttled",
        Time,
        Time,
        Usage::throttled,
        "time per second that threads of the pod waited because a CPU quota was used up, summed over CPUs"
    ),
    used!(
        pod_usage "k8s.pod.pressure.cpu",
        Float,
        Percent,
        |it| it.cpu_pressure,
        "part of the last second in which a thread of the pod waited for a CPU"
    ),
    used!(
        pod_usage "k8s.pod.pressure.memory",
        Float,
        Percent,
        |it| it.memory_pressure,
        "part of the last second in which a thread of the pod waited for memory"
    ),
    used!(
        pod_usage "k8s.pod.pressure.io",
        Float,
        Percent,
        |it| it.io_pressure,
        "part of the last second in which a thread of the pod waited for I/O"
    ),
];
