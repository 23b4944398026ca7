//! The API of LXD, which Incus has, too: what its version, its instances and its events say of a container.
//!
//! Containers have no ids but their names, which are names within a project: LXC calls one `NAME` in the project `default`, and
//! `PROJECT_NAME` in any other. Source: LXD and Incus, `shared/api` and `internal/project`.

mod ask;
pub(super) mod client;
mod stream;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Metadata,
    api::Version,
    text::{Flag, MAX_ENTRIES, MAX_TEXTS, Object, Objects, Text, Texts, cut},
};
use crate::state::container::{
    runtime,
    spec::{Mount, Spec},
};

/// `container.type` of its containers.
const LXC: &str = "lxc";
/// What the engines call themselves.
const ENGINES: [&str; 2] = ["lxd", "incus"];
/// The project that is not in the names of its containers.
const DEFAULT_PROJECT: &str = "default";
/// `location` of an instance where there is no cluster.
const NOWHERE: [&str; 2] = ["none", ""];
/// The longest version that is shown.
const MAX_VERSION: usize = 64;
/// What of the configuration is a label.
const LABELS: [&str; 2] = ["user.", "image."];
/// What of that is none: programs that an instance runs when it is made, which may have passwords.
const NO_LABELS: [&str; 5] =
    ["user.user-data", "user.vendor-data", "user.network-config", "user.meta-data", "cloud-init."];

/// What an engine says of itself: its version, and which member of a cluster it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    version: Version,
    member: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ServerAnswer {
    metadata: Object<ServerMetadata>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ServerMetadata {
    api_version: Text,
    environment: Object<Environment>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Environment {
    server: Text,
    server_version: Text,
    server_name: Text,
    server_clustered: Flag,
}

/// What the answer to a question for the server says; `None` if it is none of these engines, or does not say so.
fn server(object: &[u8]) -> Option<Server> {
    let answer: ServerAnswer = serde_json::from_slice(object).ok()?;
    let Object(ServerMetadata { api_version, environment: Object(environment) }) = answer.metadata;
    let said = environment.server.0?;
    let runtime = ENGINES.into_iter().find(|engine| *engine == said)?;
    let shown = |Text(text): Text| Some(cut(&text?.replace(char::is_control, ""), MAX_VERSION).to_owned());
    let version = Version { runtime, number: shown(environment.server_version)?, api: shown(api_version)? };
    let is_member = environment.server_clustered.0 == Some(true);
    Some(Server { version, member: environment.server_name.0.filter(|_| is_member) })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct InstanceAnswer {
    metadata: Object<Instance>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Instance {
    name: Text,
    project: Text,
    architecture: Text,
    location: Text,
    status: Text,
    #[serde(rename = "type")]
    kind: Text,
    expanded_config: Texts,
    expanded_devices: Objects<Device>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Device {
    #[serde(rename = "type")]
    kind: Text,
    source: Text,
    pool: Text,
    path: Text,
    readonly: Text,
}

/// What an answer about one instance says; `None` if it is not a container of this member of a cluster.
fn inspected(object: &[u8], member: Option<&str>) -> Option<Metadata> {
    let answer: InstanceAnswer = serde_json::from_slice(object).ok()?;
    described(answer.metadata.0, member).map(|(metadata, _)| metadata)
}

/// The same of an instance in a list, and whether it runs.
fn listed(object: &[u8], member: Option<&str>) -> Option<(Box<Metadata>, bool)> {
    let (metadata, runs) = described(serde_json::from_slice(object).ok()?, member)?;
    Some((Box::new(metadata), runs))
}

fn described(instance: Instance, member: Option<&str>) -> Option<(Metadata, bool)> {
    let (name, project) = (instance.name.0?, instance.project.0.unwrap_or_else(|| DEFAULT_PROJECT.to_owned()));
    let is_container = instance.kind.0.as_deref() == Some("container");
    if !is_container || !is_name(&name) || !is_project(&project) || !is_here(instance.location.0.as_deref(), member) {
        return None;
    }
    let mut config = instance.expanded_config.0;
    let mut taken = |key: &str| config.remove(key).filter(|value| !value.is_empty());
    let (privileged, image_id) = (taken("security.privileged"), taken("volatile.base_image"));
    let of_image = ["image.os", "image.release", "image.description"].map(|key| config.get(key).cloned());
    let image = match of_image {
        [Some(os), Some(release), _] => Some(format!("{os}/{release}")),
        [os, _, description] => description.or(os),
    };
    let is_label = |key: &str| {
        LABELS.iter().any(|start| key.starts_with(start)) && !NO_LABELS.iter().any(|start| key.starts_with(start))
    };
    config.retain(|key, _| is_label(key));
    let more = [("project", Some(project.clone())), ("architecture", instance.architecture.0)];
    let more = more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let labels: BTreeMap<String, String> = config.into_iter().chain(more).collect();
    let spec = Spec { mounts: mounts(instance.expanded_devices), ..Spec::default() };
    let metadata = Metadata {
        full_id: in_cgroups(&project, &name),
        runtime: LXC,
        image: image.map(|image| cut(&image, super::text::MAX_TEXT).to_owned()),
        image_id,
        privileged: Some(privileged.as_deref() == Some("true")),
        labels: Some(labels),
        spec: Some(spec),
        ..Metadata::default()
    };
    Some((metadata, instance.status.0.as_deref() == Some("Running")))
}

/// The disks, as far as there is room for them.
fn mounts(Objects(devices): Objects<Device>) -> Vec<Mount> {
    let mut left = MAX_TEXTS;
    let disks = devices.into_values().filter(|device| device.kind.0.as_deref() == Some("disk"));
    let mounts = disks.take(MAX_ENTRIES).map_while(|disk| {
        let mount = Mount {
            source: disk.source.0.or(disk.pool.0).unwrap_or_default(),
            dest: disk.path.0.unwrap_or_default(),
            is_writable: disk.readonly.0.as_deref() != Some("true"),
            ..Mount::default()
        };
        left = left.checked_sub(mount.bytes())?;
        Some(mount)
    });
    mounts.collect()
}

/// What an event says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// There is something new to know of the container that LXC calls so.
    Changed(String),
    /// It has ended.
    Ended(String),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Event {
    location: Text,
    project: Text,
    metadata: Object<Lifecycle>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Lifecycle {
    action: Text,
    source: Text,
}

/// What an event says of a container of this member of a cluster.
fn happened(object: &[u8], member: Option<&str>) -> Option<Said> {
    let event: Event = serde_json::from_slice(object).ok()?;
    let Object(Lifecycle { action, source }) = event.metadata;
    if !is_here(event.location.0.as_deref(), member) {
        return None;
    }
    let (action, source) = (action.0?, source.0?);
    // Older ones have containers where newer ones have instances.
    let action = ["instance-", "container-"].into_iter().find_map(|start| action.strip_prefix(start))?;
    let path = source.split('?').next()?;
    let name = ["/1.0/instances/", "/1.0/containers/"].into_iter().find_map(|start| path.strip_prefix(start))?;
    let project = event.project.0.unwrap_or_else(|| DEFAULT_PROJECT.to_owned());
    let id = (is_name(name) && is_project(&project)).then(|| in_cgroups(&project, name))?;
    match action {
        "created" | "started" | "restarted" | "renamed" | "updated" | "resumed" => Some(Said::Changed(id)),
        "stopped" | "shutdown" | "deleted" => Some(Said::Ended(id)),
        _ => None,
    }
}

/// What LXC calls a container, and so do its cgroups.
fn in_cgroups(project: &str, name: &str) -> String {
    if project == DEFAULT_PROJECT { name.to_owned() } else { format!("{project}_{name}") }
}

/// The project and the name of a container that LXC calls so; `None` if no instance can have that name.
fn of_cgroups(id: &str) -> Option<(&str, &str)> {
    let (project, name) = id.rsplit_once('_').unwrap_or((DEFAULT_PROJECT, id));
    (is_name(name) && is_project(project)).then_some((project, name))
}

/// Whether it can be the name of an instance: that of a host.
fn is_name(text: &str) -> bool {
    let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(is_of_host)
}

/// Whether it can be the name of a project, and stand in a request as it is. Source: LXD, `lxd/api_project.go`, which has no `/`, `_`,
/// quotes and blanks in them.
fn is_project(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"/_'\"*?&#%+=".contains(&byte))
}

/// Whether an instance at that place of a cluster is on this machine.
fn is_here(location: Option<&str>, member: Option<&str>) -> bool {
    let location = location.filter(|location| !NOWHERE.contains(location));
    match (location, member) {
        (Some(location), Some(member)) => location == member,
        _ => true,
    }
}

/// How a container is asked for, and named in lists: by what it claims to be.
fn key(metadata: &Metadata) -> String {
    runtime::named(LXC, &metadata.full_id)
}

/// Reads any answer, as each kind of them. For those who try all of them.
#[doc(hidden)]
#[must_use]
pub fn read(object: &[u8]) -> Vec<Metadata> {
    let _ = (server(object), happened(object, None));
    inspected(object, None).into_iter().chain(listed(object, Some("a")).map(|(metadata, _)| *metadata)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn instance() -> Value {
        json!({
            "name": "web", "project": "shop", "architecture": "x86_64", "location": "none", "status": "Running",
            "type": "container", "profiles": ["default"], "created_at": "2026-01-02T03:04:05Z",
            "config": {"user.tier": "no"},
            "expanded_config": {
                "image.os": "Debian", "image.release": "bookworm", "image.description": "Debian 12",
                "security.privileged": "true", "user.tier": "front", "user.user-data": "#cloud-config\npassword: x",
                "environment.SECRET": "y", "volatile.base_image": "77aa", "volatile.last_state.power": "RUNNING"
            },
            "expanded_devices": {
                "root": {"type": "disk", "pool": "fast", "path": "/"},
                "data": {"type": "disk", "source": "/srv", "path": "/data", "readonly": "true"},
                "eth0": {"type": "nic", "network": "lxdbr0"}
            }
        })
    }

    fn bytes(value: &Value) -> Vec<u8> {
        value.to_string().into_bytes()
    }

    #[test]
    fn an_instance_has_its_image_its_labels_and_its_disks() {
        let (listed, runs) = listed(&bytes(&instance()), None).unwrap();
        let inspected = inspected(&bytes(&json!({"type": "sync", "metadata": instance()})), None).unwrap();
        assert!(runs);
        assert_eq!(*listed, inspected);
        assert_eq!((inspected.full_id.as_str(), inspected.runtime, inspected.name), ("shop_web", "lxc", None));
        assert_eq!(
            (inspected.image.as_deref(), inspected.image_id.as_deref()),
            (Some("Debian/bookworm"), Some("77aa"))
        );
        assert_eq!(inspected.privileged, Some(true));
        let labels: Vec<_> = inspected.labels.iter().flatten().map(|(name, value)| format!("{name}={value}")).collect();
        let expected = [
            "architecture=x86_64",
            "image.description=Debian 12",
            "image.os=Debian",
            "image.release=bookworm",
            "project=shop",
            "user.tier=front",
        ];
        assert_eq!(labels, expected, "and no passwords");
        let mounts: Vec<_> = inspected.spec.unwrap().mounts.iter().map(ToString::to_string).collect();
        assert_eq!(mounts, ["/srv:/data::false:", "fast:/::true:"]);
    }

    #[test]
    fn virtual_machines_and_instances_of_other_members_are_left_out() {
        let with = |key: &str, value: &str| {
            let mut instance = instance();
            instance[key] = value.into();
            bytes(&instance)
        };
        assert!(listed(&with("type", "virtual-machine"), None).is_none());
        assert!(listed(&with("name", "../x"), None).is_none());
        assert!(listed(&with("project", "a/b"), None).is_none());
        assert!(listed(&with("location", "one"), Some("two")).is_none());
        assert!(listed(&with("location", "one"), Some("one")).is_some());
        assert_eq!(listed(&with("status", "Stopped"), None).map(|(_, runs)| runs), Some(false));
    }

    #[test]
    fn a_name_in_cgroups_has_the_project_in_it_unless_that_is_the_default_one() {
        for (project, name, id) in [("default", "web", "web"), ("shop", "web-1", "shop_web-1"), ("a.b", "c", "a.b_c")] {
            assert_eq!(in_cgroups(project, name), id);
            assert_eq!(of_cgroups(id), Some((project, name)));
        }
        for id in ["", "a b", "../x", "shop/x_web", "_web", "web?x=y", "web.x"] {
            assert_eq!(of_cgroups(id), None, "{id}");
        }
    }

    #[test]
    fn events_say_what_is_new_and_what_has_ended() {
        let event = |action: &str, source: &str, project: &str| {
            bytes(&json!({
                "type": "lifecycle", "location": "none", "project": project,
                "metadata": {"action": action, "source": source, "context": {"old_name": "x"}}
            }))
        };
        let said = |action, source, project| happened(&event(action, source, project), None);
        assert_eq!(said("instance-created", "/1.0/instances/a", "default"), Some(Said::Changed("a".into())));
        assert_eq!(said("instance-started", "/1.0/instances/a?project=p", "p"), Some(Said::Changed("p_a".into())));
        assert_eq!(said("container-shutdown", "/1.0/containers/a", "default"), Some(Said::Ended("a".into())));
        assert_eq!(said("instance-exec", "/1.0/instances/a", "default"), None);
        assert_eq!(said("image-created", "/1.0/images/77", "default"), None);
        assert_eq!(said("instance-deleted", "/1.0/instances/a/snapshots/b", "default"), None);
    }

    #[test]
    fn a_server_says_which_engine_it_is() {
        let answer = |server: &str, clustered: bool| {
            let environment = json!({
                "server": server, "server_version": "5.0.2\n", "server_name": "one", "server_clustered": clustered
            });
            bytes(&json!({"type": "sync", "metadata": {"api_version": "1.0", "environment": environment}}))
        };
        let said = server(&answer("lxd", false)).unwrap();
        assert_eq!((said.version.to_string().as_str(), said.member), ("lxd 5.0.2, API 1.0", None));
        assert_eq!(server(&answer("incus", true)).unwrap().member.as_deref(), Some("one"));
        assert_eq!(server(&answer("docker", false)), None);
        // To whom it does not trust it says no more than this.
        assert_eq!(server(br#"{"metadata": {"api_version": "1.0", "auth": "untrusted"}}"#), None);
    }
}
