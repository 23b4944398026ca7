//! What a capture file says of a container: the JSON text of its container events, read and written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tracer_common::events::old::code as old;

use super::{
    Container, Owner,
    runtime::Runtime,
    spec::{Command, ImageName, Mount, Pod, Spec},
};

/// What an event says; empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Id as it is shown.
    pub id: String,
    /// The whole id.
    pub full_id: String,
    /// `container.type`, when it is one that has a name.
    pub runtime: Option<&'static str>,
    /// Name without a slash in front.
    pub name: String,
    /// Image as it was started.
    pub image: String,
    /// Id of the image.
    pub image_id: String,
    /// Address in the engine's network.
    pub ip: String,
    /// Whether it is privileged.
    pub privileged: Option<bool>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// How it was made.
    pub spec: Spec,
    /// Whose word the id is; `None` when that is not told.
    pub owner: Option<Owner>,
    /// The folder that its cgroup was in, when that is told.
    pub parent: Option<String>,
}

/// The parameter of an event that tells of a container, by the code of the event and its parameters; `None` when it tells of none.
#[must_use]
pub fn param<'a>(code: u16, get: impl Fn(usize) -> Option<&'a [u8]>) -> Option<usize> {
    match code {
        old::CONTAINER_JSON_E | old::CONTAINER_JSON_2_E => Some(0),
        // Of the container plugin.
        old::ASYNCEVENT_E => (get(1) == Some(b"container\0")).then_some(2),
        _ => None,
    }
}

/// What is told of a container without its environment. Text that is none of that kind says nothing any more.
#[must_use]
pub fn without_env(json: &[u8]) -> Vec<u8> {
    let text = json.strip_suffix(b"\0").unwrap_or(json);
    let mut value = serde_json::from_slice(text).unwrap_or(Value::Null);
    match value.get_mut("container").and_then(Value::as_object_mut) {
        Some(container) => drop(container.shift_remove("env")),
        None => value = Value::Null,
    }
    let mut bytes = value.to_string().into_bytes();
    bytes.extend_from_slice(&json[text.len()..]);
    bytes
}

/// `type` of a container whose runtime has no number. Source: falcosecurity/libs, `sinsp_container_type`: `CT_UNKNOWN`.
const UNKNOWN: u16 = 0xffff;

/// The runtime: by its number, or by its name where the format has no number.
fn runtime(container: &Value) -> Option<&'static str> {
    let by_name = || Runtime::by_name(container.get("runtime")?.as_str()?);
    let runtime = container.get("type").and_then(Value::as_u64).and_then(Runtime::by_number).or_else(by_name);
    runtime.map(|runtime| runtime.name)
}

/// A map of texts; what is no text is left out.
fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let map = value.and_then(Value::as_object).into_iter().flatten();
    map.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

fn list(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

/// A probe: `exe` and `args`, or as older captures have it, the health check of Docker.
fn probe(value: Option<&Value>) -> Option<Command> {
    let value = value?;
    match value.get("exe").and_then(Value::as_str) {
        Some(exe) => Some(Command(std::iter::once(exe.to_owned()).chain(list(value.get("args"))).collect())),
        None => Command::of_test(&list(value.get("Test"))),
    }
}

fn mount(value: &Value) -> Mount {
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Mount {
        source: text("Source"),
        dest: text("Destination"),
        mode: text("Mode"),
        is_writable: value.get("RW").and_then(Value::as_bool).unwrap_or(false),
        propagation: text("Propagation"),
    }
}

fn spec(container: &Value) -> Spec {
    let some = |name: &str| {
        let text = container.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let flag = |name: &str| container.get(name).and_then(Value::as_bool);
    let mounts = container.get("Mounts").and_then(Value::as_array).into_iter().flatten();
    Spec {
        repository: some("imagerepo"),
        tag: some("imagetag"),
        digest: some("imagedigest"),
        mounts: mounts.map(mount).collect(),
        health_check: probe(container.get("Healthcheck")),
        liveness_probe: probe(container.get("LivenessProbe")),
        readiness_probe: probe(container.get("ReadinessProbe")),
        cni_json: some("cni_json"),
        host_pid: flag("host_pid"),
        host_network: flag("host_network"),
        host_ipc: flag("host_ipc"),
        sandbox_id: some("pod_sandbox_id"),
        pod: Pod {
            labels: texts(container.get("pod_sandbox_labels")),
            annotations: texts(container.get("pod_sandbox_annotations")),
            restarts: container.get("restarts").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok()),
            is_sandbox: flag("is_pod_sandbox") == Some(true),
        },
        log: None,
    }
}

/// Whose word the id is.
fn owner(container: &Value) -> Option<Owner> {
    if !container.get("claimed")?.as_bool()? {
        return Some(Owner::Machine);
    }
    let uid = container.get("claimed_by").and_then(Value::as_u64).and_then(|uid| u32::try_from(uid).ok());
    Some(uid.map_or(Owner::Anyone, Owner::User))
}

impl Told {
    /// From the parameter of the event, with or without its final NUL. `None` when it is no such text, or names no id.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        let json = json.strip_suffix(b"\0").unwrap_or(json);
        let value = serde_json::from_slice::<Value>(json).ok()?;
        let container = value.get("container")?;
        let text = |name: &str| container.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let told = Self {
            id: text("id"),
            full_id: text("full_id"),
            runtime: runtime(container),
            name: text("name").trim_start_matches('/').to_owned(),
            image: text("image"),
            image_id: text("imageid"),
            ip: text("ip"),
            privileged: container.get("privileged").and_then(Value::as_bool),
            labels: texts(container.get("labels")),
            spec: spec(container),
            owner: owner(container),
            parent: container.get("cgroup_parent").and_then(Value::as_str).map(str::to_owned),
        };
        (!told.id.is_empty()).then_some(told)
    }
}

/// The text of the event that tells of a container, with its final NUL. `parent` is the folder that its cgroup is in.
#[must_use]
pub fn json(container: &Container, parent: &str) -> Vec<u8> {
    let mut map = Map::new();
    let mut set = |name: &str, value: Value| {
        map.insert(name.to_owned(), value);
    };
    let spec = &container.spec;
    let image = container.image.as_deref().unwrap_or_default();
    let parts = ImageName::parse(image);
    let or = |own: &Option<String>, part: Option<&str>| Value::from(own.as_deref().or(part).unwrap_or_default());
    set("id", container.id.as_str().into());
    set("full_id", container.full_id.as_str().into());
    if let Some(runtime) = Runtime::by_name(container.runtime) {
        set("type", runtime.number.unwrap_or(UNKNOWN).into());
        if runtime.number.is_none() {
            set("runtime", runtime.name.into());
        }
    }
    set("name", container.name.as_deref().unwrap_or_default().into());
    set("image", image.into());
    set("imageid", container.image_id.as_deref().unwrap_or_default().into());
    set("imagerepo", or(&spec.repository, Some(parts.repository)));
    set("imagetag", or(&spec.tag, parts.tag));
    set("imagedigest", or(&spec.digest, parts.digest));
    set("ip", container.ip.as_deref().unwrap_or_default().into());
    if let Some(privileged) = container.privileged {
        set("privileged", privileged.into());
    }
    set("labels", json!(container.labels));
    set("Mounts", spec.mounts.iter().map(mount_json).collect());
    let probes = [
        ("Healthcheck", &spec.health_check),
        ("LivenessProbe", &spec.liveness_probe),
        ("ReadinessProbe", &spec.readiness_probe),
    ];
    for (name, command) in probes {
        if let Some((exe, args)) = command.as_ref().and_then(|command| command.0.split_first()) {
            set(name, json!({ "exe": exe, "args": args }));
        }
    }
    if let Some(cni) = &spec.cni_json {
        set("cni_json", cni.as_str().into());
    }
    let flags = [("host_pid", spec.host_pid), ("host_network", spec.host_network), ("host_ipc", spec.host_ipc)];
    for (name, flag) in flags {
        if let Some(flag) = flag {
            set(name, flag.into());
        }
    }
    if let Some(id) = &spec.sandbox_id {
        set("pod_sandbox_id", id.as_str().into());
        set("pod_sandbox_labels", json!(spec.pod.labels));
        set("is_pod_sandbox", spec.pod.is_sandbox.into());
    }
    // Other tools have no keys for these.
    if !spec.pod.annotations.is_empty() {
        set("pod_sandbox_annotations", json!(spec.pod.annotations));
    }
    if let Some(restarts) = spec.pod.restarts {
        set("restarts", restarts.into());
    }
    set("claimed", (!container.owner.is_machine()).into());
    if !container.owner.is_machine() {
        set("cgroup_parent", parent.into());
    }
    if let Owner::User(uid) = container.owner {
        set("claimed_by", uid.into());
    }
    // It was found, and there is no more to wait for.
    set("lookup_state", 1.into());
    let mut bytes = json!({ "container": map }).to_string().into_bytes();
    bytes.push(0);
    bytes
}

fn mount_json(mount: &Mount) -> Value {
    json!({
        "Source": mount.source,
        "Destination": mount.dest,
        "Mode": mount.mode,
        "RW": mount.is_writable,
        "Propagation": mount.propagation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::container::runtime::RUNTIMES;

    #[test]
    fn a_container_is_told_with_how_it_was_made() {
        let json = br#"{"container":{"id":"0123456789ab","type":7,"imagerepo":"nginx","imagetag":"1","host_pid":true,
            "Mounts":[{"Source":"/a","Destination":"/b","Mode":"z","RW":true,"Propagation":"rprivate"}, 7],
            "Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":1},"LivenessProbe":{"exe":"cat","args":["/live"]},
            "pod_sandbox_id":"77","pod_sandbox_labels":{"app":"web","n":1},"labels":null}}"#;
        let told = Told::parse(json).unwrap();
        assert_eq!((told.runtime, told.spec.repository.as_deref()), (Some("containerd"), Some("nginx")));
        assert_eq!(told.spec.mounts[0].to_string(), "/a:/b:z:true:rprivate");
        assert_eq!(told.spec.health_check.unwrap().to_string(), "/bin/sh -c true");
        assert_eq!(told.spec.liveness_probe.unwrap().to_string(), "cat /live");
        assert_eq!((told.spec.readiness_probe, told.spec.host_pid, told.spec.host_ipc), (None, Some(true), None));
        assert_eq!(told.spec.pod.labels, BTreeMap::from([("app".to_owned(), "web".to_owned())]));
    }

    #[test]
    fn whose_word_an_id_is_comes_back() {
        for owner in [Owner::Machine, Owner::User(7), Owner::Anyone] {
            let container = Container { id: "77".into(), owner, ..Container::default() };
            let told = Told::parse(&json(&container, "/a.service")).unwrap();
            let parent = (!owner.is_machine()).then(|| "/a.service".to_owned());
            assert_eq!((told.owner, told.parent), (Some(owner), parent));
        }
        assert_eq!(Told::parse(br#"{"container":{"id":"77"}}"#).unwrap().owner, None);
    }

    #[test]
    fn every_runtime_comes_back() {
        for runtime in RUNTIMES {
            let container = Container { id: "77".into(), runtime: runtime.name, ..Container::default() };
            let json = json(&container, "");
            assert_eq!(Told::parse(&json).unwrap().runtime, Some(runtime.name));
            let value: Value = serde_json::from_slice(json.strip_suffix(b"\0").unwrap()).unwrap();
            let number = value["container"]["type"].as_u64();
            assert_eq!(number, Some(runtime.number.map_or(0xffff, u64::from)), "{}", runtime.name);
        }
        assert_eq!(Told::parse(br#"{"container":{"id":"77","type":65535}}"#).unwrap().runtime, None);
    }

    #[test]
    fn an_environment_is_left_out_and_the_rest_stays() {
        let json = b"{\"container\":{\"id\":\"77\",\"env\":[\"PASSWORD=x\"],\"name\":\"web\"}}\0";
        assert_eq!(without_env(json), b"{\"container\":{\"id\":\"77\",\"name\":\"web\"}}\0");
        assert_eq!(without_env(b"PASSWORD=x"), b"null");
    }

    #[test]
    fn what_is_told_of_a_container_comes_back() {
        let mount = Mount { source: "/a".into(), dest: "/b".into(), is_writable: true, ..Mount::default() };
        let container = Container {
            id: "0123456789ab".into(),
            full_id: "0123456789ab".repeat(5),
            runtime: "podman",
            name: Some("web".into()),
            image: Some("host:5000/nginx:1.25".into()),
            image_id: Some("77".into()),
            ip: Some("10.0.0.2".into()),
            privileged: Some(false),
            labels: BTreeMap::from([("a".into(), "\u{1b}[b".into())]),
            spec: Spec {
                mounts: vec![mount],
                health_check: Some(Command(vec!["curl".into(), "-f".into()])),
                host_ipc: Some(true),
                sandbox_id: Some("5".into()),
                ..Spec::default()
            },
            ..Container::default()
        };
        let told = Told::parse(&json(&container, "")).unwrap();
        let spec = &told.spec;
        assert_eq!((&*told.id, &told.full_id, told.runtime), ("0123456789ab", &container.full_id, Some("podman")));
        assert_eq!((Some(told.name), Some(told.image), Some(told.ip)), (container.name, container.image, container.ip));
        assert_eq!((told.labels, told.privileged), (container.labels, Some(false)));
        assert_eq!((spec.repository.as_deref(), spec.tag.as_deref()), (Some("host:5000/nginx"), Some("1.25")));
        assert_eq!((&spec.mounts, &spec.health_check), (&container.spec.mounts, &container.spec.health_check));
        assert_eq!((told.owner, told.parent), (Some(Owner::Machine), None));
        assert_eq!((spec.host_ipc, spec.sandbox_id.as_deref(), spec.digest.as_deref()), (Some(true), Some("5"), None));
    }
}
