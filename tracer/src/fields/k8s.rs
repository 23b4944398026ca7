//! `k8s.*`: the pod of a container, from what its engine or a capture says of the container. The Kubernetes server is not
//! asked.

use super::{
    ArgRule, Field, Value,
    container::{joined, late, option},
};
use crate::state::Container;

/// The first twelve digits, as of a container.
const SHORT: usize = 12;

fn label<'a>(k: &'a Container, name: &str) -> Option<&'a String> {
    k.labels.get(name).or_else(|| k.spec.sandbox_labels.get(name))
}

fn sandbox(k: &Container) -> Option<&String> {
    k.spec.sandbox_id.as_ref().or_else(|| label(k, "io.kubernetes.sandbox.id"))
}

/// Whether the container is of a pod at all.
fn is_pod(k: &Container) -> bool {
    label(k, "io.kubernetes.pod.name").is_some() || sandbox(k).is_some()
}

/// Labels of the pod that people gave it.
fn pod_labels(k: &Container) -> impl Iterator<Item = (&String, &String)> {
    let internal = |name: &str| name.starts_with("io.kubernetes.") || name.starts_with("annotation.");
    k.spec.sandbox_labels.iter().filter(move |(name, _)| !internal(name))
}

/// Declares fields that no source has a value for any more.
macro_rules! silent {
    ($name:literal) => {
        late!(
            $name,
            Text,
            |_, _| Value::Missing,
            "always missing, because only the Kubernetes server knows it and tracer does not ask"
        )
        .deprecated()
        .needs($crate::fields::Needs::NONE)
        .by_type(|_, _| Some(Value::Missing))
    };
}

/// The rows.
pub(super) static FIELDS: &[Field] = &[
    late!("k8s.ns.name", Text, |k, _| option(label(k, "io.kubernetes.pod.namespace")), "namespace of the pod"),
    late!("k8s.pod.name", Text, |k, _| option(label(k, "io.kubernetes.pod.name")), "name of the pod"),
    late!("k8s.pod.id", Text, |k, _| option(label(k, "io.kubernetes.pod.uid")), "same as k8s.pod.uid"),
    late!("k8s.pod.uid", Text, |k, _| option(label(k, "io.kubernetes.pod.uid")), "unique id of the pod"),
    late!(
        "k8s.pod.sandbox_id",
        Text,
        |k, _| sandbox(k).map(|id| id.get(..SHORT).unwrap_or(id)).into(),
        "first 12 digits of the pod's sandbox id"
    ),
    late!("k8s.pod.full_sandbox_id", Text, |k, _| option(sandbox(k)), "full id of the pod's sandbox"),
    late!(
        "k8s.pod.label",
        Text,
        |k, arg| option(pod_labels(k).find(|(name, _)| arg.as_name() == Some(name.as_str())).map(|(_, value)| value)),
        "value of one label of the pod"
    )
    .arg(ArgRule::Name)
    .cost(4),
    late!(
        "k8s.pod.labels",
        Text,
        |k, _| joined(pod_labels(k).map(|(name, value)| format!("{name}:{value}")), ", "),
        "all labels of the pod as key:value, separated by commas"
    )
    .cost(8),
    late!("k8s.pod.ip", Text, |k, _| option(k.ip.as_ref().filter(|_| is_pod(k))), "address of the pod").cost(3),
    late!(
        "k8s.pod.cni.json",
        Text,
        |k, _| option(k.spec.cni_json.as_ref().filter(|_| is_pod(k))),
        "result of the network plugin (CNI) as JSON; only from captures that store it"
    )
    .cost(3),
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
    silent!("k8s.rs.name"),
    silent!("k8s.rs.id"),
    silent!("k8s.rs.label").arg(ArgRule::Name),
    silent!("k8s.rs.labels"),
    silent!("k8s.deployment.name"),
    silent!("k8s.deployment.id"),
    silent!("k8s.deployment.label").arg(ArgRule::Name),
    silent!("k8s.deployment.labels"),
];
