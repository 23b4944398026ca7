//! `k8s.*`: the pod of a container, from what its runtime or a capture says of the container, and from its cgroup. The Kubernetes
//! server is not asked: what only it knows is missing, and the controllers of pods are inferred.

use super::{
    ArgRule, Field, Value,
    container::{joined, late, option},
};
use crate::state::{
    Container,
    container::workload::{self, Workload},
};

/// The first twelve digits, as of a container.
const SHORT: usize = 12;

fn label<'a>(k: &'a Container, name: &str) -> Option<&'a String> {
    k.labels.get(name).or_else(|| k.spec.pod.labels.get(name))
}

fn sandbox(k: &Container) -> Option<&String> {
    k.spec.sandbox_id.as_ref().or_else(|| label(k, "io.kubernetes.sandbox.id"))
}

/// Whether the container is of a pod at all.
fn is_pod(k: &Container) -> bool {
    label(k, "io.kubernetes.pod.name").is_some() || sandbox(k).is_some()
}

/// The unique id of the pod, as its label tells it, else as its cgroup does.
fn uid(k: &Container) -> Option<&String> {
    label(k, "io.kubernetes.pod.uid").or_else(|| Some(&k.pod.as_ref()?.uid))
}

/// What the container is called in its pod; a sandbox is none of the pod's containers.
fn container_name(k: &Container) -> Option<&String> {
    label_of_container(k, "io.kubernetes.container.name")
        .or_else(|| k.name.as_ref().filter(|_| is_pod(k)))
        .filter(|_| !k.spec.pod.is_sandbox)
}

fn label_of_container<'a>(k: &'a Container, name: &str) -> Option<&'a String> {
    k.labels.get(name)
}

/// The controller of the pod.
fn workload(k: &Container) -> Option<Workload<'_>> {
    workload::infer(label(k, "io.kubernetes.pod.name")?, &k.spec.pod.labels)
}

/// The controller, if it is of that kind.
fn workload_of<'a>(k: &'a Container, kind: &str) -> Option<Workload<'a>> {
    workload(k).filter(|workload| workload.kind == kind)
}

/// Labels of the pod that people gave it.
fn pod_labels(k: &Container) -> impl Iterator<Item = (&String, &String)> {
    let internal = |name: &str| name.starts_with("io.kubernetes.") || name.starts_with("annotation.");
    k.spec.pod.labels.iter().filter(move |(name, _)| !internal(name))
}

/// Declares fields that no source has a value for any more.
macro_rules! silent {
    ($name:literal) => {
        late!(
            $name,
            Text,
            |_, _| Value::Missing,
            "always missing, because only the Kubernetes API knows it and tracer does not ask"
        )
        .deprecated()
        .needs($crate::fields::Needs::NONE)
        .by_type(|_, _| Some(Value::Missing))
    };
}

/// The rows.
pub(super) static FIELDS: &[Field] = &[
    late!(
        "k8s.ns.name",
        Text,
        |k, _| option(label(k, "io.kubernetes.pod.namespace")),
        "namespace of the pod; from the container runtime"
    ),
    late!(
        "k8s.pod.name",
        Text,
        |k, _| option(label(k, "io.kubernetes.pod.name")),
        "name of the pod; from the container runtime"
    ),
    late!("k8s.pod.id", Text, |k, _| option(uid(k)), "same as k8s.pod.uid"),
    late!(
        "k8s.pod.uid",
        Text,
        |k, _| option(uid(k)),
        "unique id of the pod; from the container runtime, or from the cgroup path"
    ),
    late!(
        "k8s.pod.qos",
        Text,
        |k, _| k.pod.as_ref().map(|pod| pod.qos).into(),
        "quality of service class of the pod: Guaranteed, Burstable or BestEffort; from the cgroup path"
    ),
    late!(
        "k8s.pod.sandbox_id",
        Text,
        |k, _| sandbox(k).map(|id| id.get(..SHORT).unwrap_or(id)).into(),
        "first 12 digits of the pod's sandbox id; from the container runtime"
    ),
    late!(
        "k8s.pod.full_sandbox_id",
        Text,
        |k, _| option(sandbox(k)),
        "full id of the pod's sandbox; from the container runtime"
    ),
    late!(
        "k8s.pod.label",
        Text,
        |k, arg| option(pod_labels(k).find(|(name, _)| arg.as_name() == Some(name.as_str())).map(|(_, value)| value)),
        "value of one label of the pod; from the container runtime"
    )
    .arg(ArgRule::Name)
    .cost(4),
    late!(
        "k8s.pod.labels",
        Text,
        |k, _| joined(pod_labels(k).map(|(name, value)| format!("{name}:{value}")), ", "),
        "all labels of the pod, as key:value, separated by commas; from the container runtime"
    )
    .cost(8),
    late!(
        "k8s.pod.annotation",
        Text,
        |k, arg| option(arg.as_name().and_then(|name| k.spec.pod.annotations.get(name))),
        "value of one annotation of the pod; from the container runtime"
    )
    .arg(ArgRule::Name),
    late!(
        "k8s.pod.annotations",
        Text,
        |k, _| joined(k.spec.pod.annotations.iter().map(|(name, value)| format!("{name}:{value}")), ", "),
        "all annotations of the pod, as key:value, separated by commas; from the container runtime"
    )
    .cost(8),
    late!(
        "k8s.pod.ip",
        Text,
        |k, _| option(k.ip.as_ref().filter(|_| is_pod(k))),
        "address of the pod; from the container runtime"
    )
    .cost(3),
    late!(
        "k8s.pod.cni.json",
        Text,
        |k, _| option(k.spec.cni_json.as_ref().filter(|_| is_pod(k))),
        "result of the network plugin (CNI) as JSON; only from captures that store it"
    )
    .cost(3),
    late!(
        "k8s.container.name",
        Text,
        |k, _| option(container_name(k)),
        "name of the container in its pod; from the container runtime"
    ),
    late!(
        "k8s.container.restarts",
        Int,
        |k, _| k.spec.pod.restarts.filter(|_| is_pod(k)).map(u64::from).into(),
        "number of times the container was restarted in its pod; from the container runtime"
    ),
    late!(
        "k8s.container.is_sandbox",
        Bool,
        |k, _| is_pod(k).then_some(k.spec.pod.is_sandbox).into(),
        "whether the container is the pod's sandbox, which only holds its namespaces; from the container runtime"
    ),
    late!(
        "k8s.workload.kind",
        Text,
        |k, _| workload(k).map(|workload| workload.kind).into(),
        "kind of the controller of the pod: Deployment, StatefulSet, DaemonSet, Job or CronJob; inferred from labels and the pod's \
         name"
    )
    .cost(4),
    late!(
        "k8s.workload.name",
        Text,
        |k, _| workload(k).map(|workload| workload.name).into(),
        "name of the controller of the pod; inferred from labels and the pod's name"
    )
    .cost(4),
    late!(
        "k8s.workload.inferred",
        Bool,
        |k, _| workload(k).map(|_| true).into(),
        "true if the controller is inferred; missing if the pod has none, or none that can be inferred"
    )
    .cost(4),
    late!(
        "k8s.deployment.name",
        Text,
        |k, _| workload_of(k, "Deployment").map(|workload| workload.name).into(),
        "name of the Deployment of the pod; inferred from labels and the pod's name"
    )
    .cost(4),
    late!(
        "k8s.rs.name",
        Text,
        |k, _| workload_of(k, "Deployment").and_then(|workload| workload.between).into(),
        "name of the ReplicaSet of the pod; inferred from labels and the pod's name"
    )
    .cost(4),
    silent!("k8s.rc.name"),
    silent!("k8s.rc.id"),
    silent!("k8s.rc.label").arg(ArgRule::Name),
    silent!("k8s.rc.labels"),
    silent!("k8s.svc.name"),
    silent!("k8s.svc.id"),
    silent!("k8s.svc.label").arg(ArgRule::Name),
    silent!("k8s.svc.labels"),
    silent!("k8s.ns.id"),
    silent!("k8s.ns.label").arg(ArgRule::Name),
    silent!("k8s.ns.labels"),
    silent!("k8s.rs.id"),
    silent!("k8s.rs.label").arg(ArgRule::Name),
    silent!("k8s.rs.labels"),
    silent!("k8s.deployment.id"),
    silent!("k8s.deployment.label").arg(ArgRule::Name),
    silent!("k8s.deployment.labels"),
];
