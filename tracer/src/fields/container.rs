//! `container.*`.

use super::{Arg, ArgRule, Context, Field, InKernel, Key, Needs, Type, Value, proc};
use crate::{
    glob,
    state::{
        Container, ContainerKey,
        container::spec::{ImageName, Mount},
    },
};

/// The container of the event. A capture does not tell that of a thread of which it tells nothing.
pub(crate) fn of<'a>(c: &Context<'a>) -> Option<&'a Container> {
    let is_known = !c.event.from_file || c.container != ContainerKey::HOST || proc::thread(c).is_some();
    is_known.then(|| c.state.containers.get(c.container))
}

pub(super) fn option(text: Option<&String>) -> Value<'_> {
    text.map(String::as_str).into()
}

/// Several texts with a separator between; nothing when there are none.
pub(super) fn joined(all: impl Iterator<Item = String>, between: &str) -> Value<'static> {
    let all: Vec<String> = all.collect();
    if all.is_empty() { Value::Missing } else { Value::made(all.join(between).into_bytes()) }
}

/// The mount that the argument means: a number, or a pattern of the path in question.
fn mount<'a>(container: &'a Container, arg: &Arg, path: fn(&Mount) -> &str) -> Option<&'a Mount> {
    let mounts = &container.spec.mounts;
    match &arg.key {
        Key::Index(number) => mounts.get(*number),
        Key::Name(pattern) => {
            mounts.iter().find(|mount| glob::matches(pattern.as_bytes(), path(mount).as_bytes(), false))
        }
        Key::None | Key::Param(_) => None,
    }
}

fn by_dest<'a>(container: &'a Container, arg: &Arg) -> Option<&'a Mount> {
    mount(container, arg, |mount| &mount.dest)
}

fn by_source<'a>(container: &'a Container, arg: &Arg) -> Option<&'a Mount> {
    mount(container, arg, |mount| &mount.source)
}

/// A part of the image's name, as it was told, else as it stands in the name.
fn image_part<'a>(k: &'a Container, told: Option<&'a String>, get: fn(ImageName<'a>) -> Option<&'a str>) -> Value<'a> {
    told.map(String::as_str).or_else(|| get(ImageName::parse(k.image.as_deref()?))).into()
}

/// Its id, and those around it.
fn ids(container: &Container) -> Value<'_> {
    let around = container.around.iter().map(String::as_str);
    Value::List(std::iter::once(container.id.as_str()).chain(around).map(Value::from).collect())
}

/// When the container started: its pid namespace, in events of its threads.
fn start(c: &Context<'_>) -> Option<u64> {
    if c.container == ContainerKey::HOST { None } else { proc::namespace_start(c) }
}

/// A field of the metadata: its value in an event is that in the container of the event.
macro_rules! metadata {
    ($by_container:expr) => {
        |c, arg| {
            let get: $crate::fields::ByContainer = $by_container;
            $crate::fields::container::of(c).map_or($crate::fields::Value::Missing, |container| get(container, arg))
        }
    };
}

/// Declares metadata fields from their value in a container, which stands once.
macro_rules! late {
    ($name:literal, $kind:ident, $get:expr, $doc:literal) => {
        $crate::fields::Field::new($name, $crate::fields::Type::$kind, $crate::fields::container::metadata!($get), $doc)
            .late($get)
    };
}
pub(super) use {late, metadata};

/// The rows.
pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "container.id",
        Type::Text,
        |c, _| of(c).map(|k| k.id.as_str()).into(),
        "first 12 digits of the container id (a filter may have all 64); for nested containers, the innermost; host outside of containers",
    )
    .short_id()
    .in_kernel(InKernel::Container),
    Field::new(
        "container.ids",
        Type::Text,
        |c, _| of(c).map_or(Value::Missing, ids),
        "ids of the container and of the containers around it, innermost first; a filter may have the whole id",
    )
    .short_id()
    .list()
    .in_kernel(InKernel::Container)
    .cost(4),
    Field::new("container.full_id", Type::Text, |c, _| of(c).map(|k| k.full_id.as_str()).into(), "full container id")
        .in_kernel(InKernel::Container),
    Field::new(
        "container.type",
        Type::Text,
        |c, _| of(c).map(|k| k.runtime).filter(|name| !name.is_empty()).into(),
        "container runtime, such as docker; host outside of containers",
    )
    .in_kernel(InKernel::Container),
    Field::new(
        "container.claimed",
        Type::Bool,
        |c, _| of(c).map(|k| !k.owner.is_machine()).into(),
        "whether an unprivileged user could have created the cgroup, so that id and name are only that user's claim",
    )
    .in_kernel(InKernel::Container),
    late!(
        "container.unit",
        Text,
        |k, _| option(k.unit.as_ref()),
        "systemd unit of the container's cgroup, such as docker-ID.scope"
    ),
    late!("container.name", Text, |k, _| option(k.name.as_ref()), "container name; host outside of containers"),
    late!("container.image", Text, |k, _| option(k.image.as_ref()), "image name that the container was started with"),
    late!("container.image.id", Text, |k, _| option(k.image_id.as_ref()), "image id"),
    late!(
        "container.image.repository",
        Text,
        |k, _| image_part(k, k.spec.repository.as_ref(), |image| Some(image.repository)),
        "image name without tag and digest"
    )
    .cost(3),
    late!("container.image.tag", Text, |k, _| image_part(k, k.spec.tag.as_ref(), |image| image.tag), "image tag")
        .cost(3),
    late!(
        "container.image.digest",
        Text,
        |k, _| image_part(k, k.spec.digest.as_ref(), |image| image.digest),
        "image digest, if the image name has one or a capture stores it"
    )
    .cost(3),
    late!("container.privileged", Bool, |k, _| k.privileged.into(), "whether the container is privileged"),
    late!(
        "container.mounts",
        Text,
        |k, _| joined(k.spec.mounts.iter().map(ToString::to_string), ","),
        "all mounts as source:destination:mode:writable:propagation, separated by commas"
    )
    .cost(8),
    late!(
        "container.mount",
        Text,
        |k, arg| by_dest(k, arg).map_or(Value::Missing, |mount| Value::made(mount.to_string().into_bytes())),
        "one mount, selected by number or by a pattern for its destination"
    )
    .arg(ArgRule::IndexOrName)
    .cost(8),
    late!(
        "container.mount.source",
        Text,
        |k, arg| by_dest(k, arg).map(|mount| mount.source.as_str()).into(),
        "source of a mount, selected by number or by a pattern for its destination"
    )
    .arg(ArgRule::IndexOrName)
    .cost(4),
    late!(
        "container.mount.dest",
        Text,
        |k, arg| by_source(k, arg).map(|mount| mount.dest.as_str()).into(),
        "destination of a mount, selected by number or by a pattern for its source"
    )
    .arg(ArgRule::IndexOrName)
    .cost(4),
    late!(
        "container.mount.mode",
        Text,
        |k, arg| by_dest(k, arg).map(|mount| mount.mode.as_str()).into(),
        "mode of a mount, selected by number or by a pattern for its destination"
    )
    .arg(ArgRule::IndexOrName)
    .cost(4),
    late!(
        "container.mount.rdwr",
        Text,
        |k, arg| by_dest(k, arg).map(|mount| if mount.is_writable { "true" } else { "false" }).into(),
        "whether a mount is writable, selected by number or by a pattern for its destination"
    )
    .arg(ArgRule::IndexOrName)
    .cost(4),
    late!(
        "container.mount.propagation",
        Text,
        |k, arg| by_dest(k, arg).map(|mount| mount.propagation.as_str()).into(),
        "propagation of a mount, selected by number or by a pattern for its destination"
    )
    .arg(ArgRule::IndexOrName)
    .cost(4),
    late!(
        "container.healthcheck",
        Text,
        |k, _| joined(k.spec.health_check.iter().map(ToString::to_string), ""),
        "health check command"
    )
    .cost(4),
    late!(
        "container.liveness_probe",
        Text,
        |k, _| joined(k.spec.liveness_probe.iter().map(ToString::to_string), ""),
        "Kubernetes liveness probe command; only from captures that store it"
    )
    .cost(4),
    late!(
        "container.readiness_probe",
        Text,
        |k, _| joined(k.spec.readiness_probe.iter().map(ToString::to_string), ""),
        "Kubernetes readiness probe command; only from captures that store it"
    )
    .cost(4),
    Field::new(
        "container.start_ts",
        Type::Time,
        |c, _| start(c).into(),
        "start time of its pid namespace, since the epoch",
    )
    .needs(Needs::THREADS)
    .cost(3),
    Field::new(
        "container.duration",
        Type::Time,
        |c, _| start(c).map(|start_ns| c.event.time_ns.saturating_sub(start_ns)).into(),
        "time since container.start_ts",
    )
    .needs(Needs::THREADS)
    .cost(3),
    late!("container.ip", Text, |k, _| option(k.ip.as_ref()), "address in the engine's network"),
    late!(
        "container.cni.json",
        Text,
        |k, _| option(k.spec.cni_json.as_ref()),
        "result of the network plugin (CNI) as JSON; only from captures that store it"
    ),
    late!(
        "container.host_pid",
        Bool,
        |k, _| k.spec.host_pid.into(),
        "whether the container uses the host's pid namespace"
    ),
    late!(
        "container.host_network",
        Bool,
        |k, _| k.spec.host_network.into(),
        "whether the container uses the host's network"
    ),
    late!(
        "container.host_ipc",
        Bool,
        |k, _| k.spec.host_ipc.into(),
        "whether the container uses the host's IPC namespace"
    ),
    late!(
        "container.label",
        Text,
        |k, arg| option(arg.as_name().and_then(|name| k.labels.get(name))),
        "value of one label"
    )
    .arg(ArgRule::Name),
    late!(
        "container.labels",
        Text,
        |k, _| joined(k.labels.iter().map(|(key, value)| format!("{key}:{value}")), ", "),
        "all labels as key:value, separated by commas"
    )
    .cost(8),
];

#[cfg(test)]
mod tests {
    use crate::{
        fields::{FieldRef, Show},
        state::container::told::Told,
        testing::World,
    };

    #[test]
    fn what_is_told_of_a_container_is_in_its_fields() {
        let mut world = World::new();
        let json = br#"{"container":{"id":"0123456789ab","type":6,"image":"host:5000/web:v2@sha256:9","labels":
            {"io.kubernetes.pod.name":"web-1","io.kubernetes.pod.namespace":"prod","io.kubernetes.pod.uid":"u-1"},
            "Mounts":[{"Source":"/var/a","Destination":"/etc/b","Mode":"ro","RW":false,"Propagation":"rprivate"}],
            "pod_sandbox_id":"aaaabbbbccccdddd","pod_sandbox_labels":{"app":"web","io.kubernetes.pod.name":"web-1"},
            "LivenessProbe":{"exe":"nginx","args":["-x","file"]}}}"#;
        world.state.containers.told(Told::parse(json).unwrap());
        let record = world.write_socket(30, 5, 5);
        let value = |name: &str| {
            let field = FieldRef::resolve(name, Show::default()).unwrap();
            world.with(&record, |context| {
                let mut text = Vec::new();
                let value = field.get(context);
                value.write(field.field.digits, &mut text);
                if value.is_missing() { "-".to_owned() } else { String::from_utf8(text).unwrap() }
            })
        };
        let expected = [
            ("container.type", "cri"),
            ("container.image.repository", "host:5000/web"),
            ("container.image.tag", "v2"),
            ("container.image.digest", "sha256:9"),
            ("container.mounts", "/var/a:/etc/b:ro:false:rprivate"),
            ("container.mount[/etc/*]", "/var/a:/etc/b:ro:false:rprivate"),
            ("container.mount.source[0]", "/var/a"),
            ("container.mount.dest[/var/?]", "/etc/b"),
            ("container.mount.rdwr[0]", "false"),
            ("container.mount.mode[7]", "-"),
            ("container.label.io.kubernetes.pod.uid", "u-1"),
            ("k8s.pod.name", "web-1"),
            ("k8s.ns.name", "prod"),
            ("k8s.pod.id", "u-1"),
            ("k8s.pod.sandbox_id", "aaaabbbbcccc"),
            ("k8s.pod.label.app", "web"),
            ("k8s.pod.labels", "app:web"),
            ("k8s.svc.name", "-"),
            ("container.liveness_probe", "nginx -x file"),
            ("proc.is_container_liveness_probe", "true"),
            ("proc.is_container_readiness_probe", "false"),
            ("container.host_pid", "-"),
        ];
        for (name, text) in expected {
            assert_eq!(value(name), text, "{name}");
        }
    }
}
