//! Docker's API, which Podman has, too: what versions, lists, events and inspections say of a container.

mod ask;
pub(super) mod client;

use std::path::PathBuf;

use serde::Deserialize;

use super::{
    Metadata,
    cut::Form,
    text::{Flag, List, MAX_ENTRIES, MAX_TEXTS, Object, Objects, Text, Texts, cut},
};
use crate::state::container::{
    runtime,
    spec::{Command, Log, Mount, Spec},
};

/// `container.type` of Docker's containers.
pub const DOCKER: &str = "docker";
/// `container.type` of Podman's containers.
pub const PODMAN: &str = "podman";
/// The newest version of the API that this is written for. Engines that have only newer ones are asked for their oldest.
const NEWEST_API: ApiVersion = ApiVersion { major: 1, minor: 53 };
/// The longest version of an engine that is shown.
const MAX_VERSION: usize = 64;

/// What of an event's attributes is no label. Source: moby, daemon/events.go; podman, pkg/domain/entities/events.go.
const NO_LABELS: [&str; 8] =
    ["image", "name", "exitCode", "execDuration", "signal", "oldName", "podId", "containerExitCode"];

/// A version of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ApiVersion {
    major: u32,
    minor: u32,
}

impl ApiVersion {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    /// Which engine it is.
    runtime: &'static str,
    /// The engine's version.
    number: String,
    /// The version of the API to use with it.
    api: ApiVersion,
}

/// Path of the request for it, which needs no version.
const VERSION: &str = "/version";
/// Path of a request whose answer has versions in its headers.
const PING: &str = "/_ping";
/// Podman's version, and that of the API, among those headers. Source: podman, pkg/api/handlers/compat/ping.go.
const PING_HEADERS: [&str; 2] = ["libpod-api-version", "api-version"];

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct VersionAnswer {
    version: Text,
    api_version: Text,
    #[serde(rename = "MinAPIVersion")]
    min_api_version: Text,
    components: List<Object<Component>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Component {
    name: Text,
}

/// What the answer to [`VERSION`] says; `None` if it names no version of the API.
fn version(object: &[u8]) -> Option<Version> {
    let answer: VersionAnswer = serde_json::from_slice(object).ok()?;
    let api = |text: &Text| text.0.as_deref().and_then(ApiVersion::parse);
    let newest = api(&answer.api_version)?;
    let oldest = api(&answer.min_api_version).unwrap_or(newest.min(NEWEST_API));
    let names = answer.components.0.iter().filter_map(|Object(component)| component.name.0.as_deref());
    let podman = names.into_iter().any(|name| name.to_lowercase().contains(PODMAN));
    Some(Version {
        runtime: if podman { PODMAN } else { DOCKER },
        number: shown(&answer.version.0.unwrap_or_default()),
        api: newest.min(NEWEST_API).max(oldest),
    })
}

/// What [`PING_HEADERS`] say; `None` if it is not Podman.
fn pinged([number, api]: [Option<&str>; 2]) -> Option<Version> {
    let api = ApiVersion::parse(api?)?.min(NEWEST_API);
    Some(Version { runtime: PODMAN, number: shown(number?), api })
}

/// A version as it is shown, in one line.
fn shown(number: &str) -> String {
    cut(&number.replace(char::is_control, ""), MAX_VERSION).to_owned()
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The containers that run.
    List,
    /// What happens to containers.
    Events,
    /// All of one container.
    Inspection,
}

/// What an object of an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Of a container.
    Found {
        /// What it says.
        metadata: Box<Metadata>,
        /// Whether there is more to know now than it says.
        inspect: bool,
        /// The container whose address is this one's, too.
        shares_network_of: Option<String>,
    },
    /// The container of that id has ended.
    Ended(String),
}

impl Kind {
    /// The path of the request for a list.
    fn list(api: ApiVersion) -> String {
        format!("/v{api}/containers/json")
    }

    /// The path of the request for the container of that id, which is one ([`runtime::is_full_id`]).
    fn inspection(api: ApiVersion, full_id: &str) -> String {
        format!("/v{api}/containers/{full_id}/json")
    }

    /// The path of the request for a container's log from `since` (seconds since the epoch) on, with the time of each entry.
    fn log(api: ApiVersion, full_id: &str, since: u64, follow: bool) -> String {
        let follow = u8::from(follow);
        format!("/v{api}/containers/{full_id}/logs?stdout=1&stderr=1&timestamps=1&since={since}&follow={follow}")
    }

    /// The path of the request for the events from `since` (seconds since the epoch) on: those of containers, and not what
    /// happens inside of one (health checks make three for each probe). Podman has other names for some: there all are taken.
    fn events(runtime: &'static str, api: ApiVersion, since: u64) -> String {
        let filters = match runtime {
            DOCKER => r#"{"type":["container"],"event":["create","start","rename","update","die","destroy"]}"#,
            _ => r#"{"type":["container"]}"#,
        };
        let mut path = format!("/v{api}/events?since={since}&filters=");
        for byte in filters.bytes() {
            if byte.is_ascii_alphanumeric() { path.push(byte.into()) } else { path.push_str(&format!("%{byte:02X}")) }
        }
        path
    }

    /// How the objects of an answer follow each other.
    #[must_use]
    pub fn form(self) -> Form {
        match self {
            Self::List => Form::Array,
            Self::Events | Self::Inspection => Form::Sequence,
        }
    }

    /// Reads an object of an answer; `None` if it says nothing of a container. `runtime` is `container.type` of its containers.
    #[must_use]
    pub fn read(self, object: &[u8], runtime: &'static str) -> Option<Said> {
        let said = match self {
            Self::List => listed(serde_json::from_slice(object).ok()?, runtime),
            Self::Events => happened(serde_json::from_slice(object).ok()?, runtime),
            Self::Inspection => inspected(serde_json::from_slice(object).ok()?, runtime),
        }?;
        let id = match &said {
            Said::Found { metadata, .. } => &metadata.full_id,
            Said::Ended(id) => id,
        };
        runtime::is_full_id(id).then_some(said)
    }
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Inspection {
    id: Text,
    name: Text,
    image: Text,
    log_path: Text,
    resolv_conf_path: Text,
    config: Object<Config>,
    host_config: Object<HostConfig>,
    mounts: List<Object<MountPoint>>,
    network_settings: Object<NetworkSettings>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    image: Text,
    labels: Texts,
    healthcheck: Object<HealthCheck>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct HealthCheck {
    test: List<Text>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    privileged: Flag,
    network_mode: Text,
    pid_mode: Text,
    ipc_mode: Text,
    log_config: Object<LogConfig>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct LogConfig {
    r#type: Text,
    /// Of Podman.
    path: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct MountPoint {
    source: Text,
    destination: Text,
    mode: Text,
    #[serde(rename = "RW")]
    rw: Flag,
    propagation: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct NetworkSettings {
    networks: Objects<Network>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Network {
    #[serde(rename = "IPAddress")]
    ip_address: Text,
}

/// What an inspection says.
fn inspected(answer: Inspection, runtime: &'static str) -> Option<Said> {
    let (Object(config), Object(host)) = (answer.config, answer.host_config);
    let shares = |mode: &Text| Some(mode.0.as_deref() == Some("host"));
    let Object(check) = config.healthcheck;
    let test: Vec<String> = check.test.0.into_iter().filter_map(|Text(word)| word).collect();
    let test_bytes: usize = test.iter().map(String::len).sum();
    let path = |text: Text| text.0.filter(|path| path.starts_with('/')).map(PathBuf::from);
    let Object(log) = host.log_config;
    let file = path(answer.log_path).or_else(|| path(log.path));
    // Both are in the container's own folder.
    let folder =
        path(answer.resolv_conf_path).filter(|_| runtime == DOCKER).and_then(|it| Some(it.parent()?.to_owned()));
    let log = log.r#type.0.map(|driver| Log { driver, path: file, folder });
    let spec = Spec {
        log,
        mounts: mounts(answer.mounts),
        health_check: Some(test).filter(|_| test_bytes <= MAX_TEXTS).as_deref().and_then(Command::of_test),
        host_pid: shares(&host.pid_mode),
        host_network: shares(&host.network_mode),
        host_ipc: shares(&host.ipc_mode),
        ..Spec::default()
    };
    let ip = first_address(answer.network_settings);
    let other = host.network_mode.0.as_deref().and_then(|mode| mode.strip_prefix("container:"));
    let shares_network_of = other.filter(|id| ip.is_none() && runtime::is_full_id(id)).map(str::to_owned);
    let metadata = Metadata {
        full_id: answer.id.0?,
        runtime,
        namespace: None,
        name: answer.name.0.as_deref().and_then(plain_name),
        image: config.image.0.filter(|image| !image.is_empty()),
        image_id: answer.image.0.as_deref().and_then(without_hash_name),
        ip,
        privileged: Some(host.privileged.0.unwrap_or(false)),
        labels: Some(config.labels.0),
        spec: Some(spec),
    };
    Some(Said::Found { metadata: Box::new(metadata), inspect: false, shares_network_of })
}

/// The mounts, as far as there is room for them.
fn mounts(all: List<Object<MountPoint>>) -> Vec<Mount> {
    let mut left = MAX_TEXTS;
    let mounts = all.0.into_iter().take(MAX_ENTRIES).map_while(|Object(mount)| {
        let mount = Mount {
            source: mount.source.0.unwrap_or_default(),
            dest: mount.destination.0.unwrap_or_default(),
            mode: mount.mode.0.unwrap_or_default(),
            is_writable: mount.rw.0.unwrap_or(false),
            propagation: mount.propagation.0.unwrap_or_default(),
        };
        left = left.checked_sub(mount.bytes())?;
        Some(mount)
    });
    mounts.collect()
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Summary {
    id: Text,
    names: List<Text>,
    image: Text,
    #[serde(rename = "ImageID")]
    image_id: Text,
    labels: Texts,
    network_settings: Object<NetworkSettings>,
}

/// What a list says.
fn listed(summary: Summary, runtime: &'static str) -> Option<Said> {
    let names: Vec<String> = summary.names.0.into_iter().filter_map(|Text(name)| name).collect();
    // Links of other containers are names, too: `/other/alias`.
    let own = names.iter().find(|name| !name.trim_start_matches('/').contains('/')).or(names.first());
    let metadata = Metadata {
        full_id: summary.id.0?,
        runtime,
        namespace: None,
        name: own.and_then(|name| plain_name(name)),
        // When its tag went to another image, the list has the image's id for a name.
        image: summary.image.0.filter(|image| !image.is_empty() && !image.starts_with("sha256:")),
        image_id: summary.image_id.0.as_deref().and_then(without_hash_name),
        ip: first_address(summary.network_settings),
        privileged: None,
        labels: Some(summary.labels.0),
        spec: None,
    };
    Some(Said::Found { metadata: Box::new(metadata), inspect: true, shares_network_of: None })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Happened {
    #[serde(rename = "Actor")]
    actor: Object<Actor>,
    #[serde(rename = "Action")]
    action: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Actor {
    #[serde(rename = "ID")]
    id: Text,
    #[serde(rename = "Attributes")]
    attributes: Texts,
}

/// What an event says, and whether to inspect the container to know the rest.
fn happened(event: Happened, runtime: &'static str) -> Option<Said> {
    let Object(actor) = event.actor;
    let full_id = actor.id.0?;
    let action = event.action.0?;
    if ["die", "died", "destroy", "remove"].contains(&action.as_str()) {
        return Some(Said::Ended(full_id));
    }
    if !["create", "start", "rename", "update", "init"].contains(&action.as_str()) {
        return None;
    }
    let mut attributes = actor.attributes.0;
    let name = attributes.remove("name").as_deref().and_then(plain_name);
    let image = attributes.remove("image").filter(|image| !image.is_empty());
    attributes.retain(|name, _| !NO_LABELS.contains(&name.as_str()));
    let metadata = Metadata { full_id, runtime, name, image, labels: Some(attributes), ..Metadata::default() };
    // Before the start there is no address; what else a list does not say can wait until then.
    Some(Said::Found { metadata: Box::new(metadata), inspect: action != "create", shares_network_of: None })
}

fn plain_name(name: &str) -> Option<String> {
    let name = name.trim_start_matches('/');
    (!name.is_empty()).then(|| name.to_owned())
}

fn without_hash_name(id: &str) -> Option<String> {
    let id = id.rsplit(':').next().unwrap_or(id);
    (!id.is_empty()).then(|| id.to_owned())
}

/// The address in the network whose name sorts first.
fn first_address(settings: Object<NetworkSettings>) -> Option<String> {
    let Objects(by_name) = settings.0.networks;
    let mut addresses = by_name.into_values().filter_map(|network| network.ip_address.0);
    addresses.find(|address| !address.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789";

    fn read(kind: Kind, object: &Value, runtime: &'static str) -> Option<Said> {
        kind.read(object.to_string().as_bytes(), runtime)
    }

    fn found(kind: Kind, object: &Value) -> (Metadata, bool) {
        match read(kind, object, DOCKER) {
            Some(Said::Found { metadata, inspect, .. }) => (*metadata, inspect),
            other => panic!("not found: {other:?}"),
        }
    }

    #[test]
    fn the_event_of_a_creation_has_name_image_and_labels() {
        let (found, inspect) = found(
            Kind::Events,
            &json!({
                "Type": "container", "Action": "create", "scope": "local", "time": 1,
                "Actor": {"ID": ID, "Attributes": {"image": "img:1", "name": "fresh", "tier": "web", "exitCode": "0"}}
            }),
        );
        assert!(!inspect);
        assert_eq!((found.full_id.as_str(), found.runtime), (ID, "docker"));
        assert_eq!((found.name.as_deref(), found.image.as_deref()), (Some("fresh"), Some("img:1")));
        assert_eq!(found.labels, Some(BTreeMap::from([("tier".to_owned(), "web".to_owned())])));
    }

    #[test]
    fn ends_are_understood_in_the_words_of_both_engines() {
        let event = |action: &str, id: &str| json!({"Action": action, "Actor": {"ID": id}});
        for action in ["die", "died", "destroy", "remove"] {
            assert_eq!(read(Kind::Events, &event(action, ID), PODMAN), Some(Said::Ended(ID.into())), "{action}");
        }
        assert_eq!(read(Kind::Events, &event("exec_create: sh", ID), DOCKER), None);
        assert!(matches!(read(Kind::Events, &event("start", ID), DOCKER), Some(Said::Found { inspect: true, .. })));
        assert_eq!(read(Kind::Events, &event("start", "../../x"), DOCKER), None, "not an id");
    }

    #[test]
    fn a_list_gives_the_own_name_and_not_a_link() {
        let (found, _) = found(
            Kind::List,
            &json!({
                "Id": ID, "Names": ["/other/alias", "/web"], "Image": "sha256:77", "ImageID": "sha256:77",
                "Labels": null, "NetworkSettings": {"Networks": {"b": {"IPAddress": "10.0.0.2"}, "a": {"IPAddress": ""}}}
            }),
        );
        assert_eq!((found.name.as_deref(), found.image), (Some("web"), None));
        assert_eq!((found.image_id.as_deref(), found.ip.as_deref()), (Some("77"), Some("10.0.0.2")));
        assert_eq!(found.labels, Some(BTreeMap::new()));
    }

    #[test]
    fn an_inspection_gives_all() {
        let (found, _) = found(
            Kind::Inspection,
            &json!({
                "Id": ID, "Name": "/web", "Image": "sha256:77",
                "Config": {"Image": "img:1", "Labels": {"tier": "web"}, "Healthcheck": {"Test": ["CMD", "true"]}},
                "HostConfig": {"Privileged": true, "NetworkMode": "default", "PidMode": "host"},
                "Mounts": [{"Type": "bind", "Source": "/a", "Destination": "/b", "RW": true}],
                "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}}
            }),
        );
        assert_eq!((found.name.as_deref(), found.image.as_deref()), (Some("web"), Some("img:1")));
        assert_eq!((found.image_id.as_deref(), found.ip.as_deref()), (Some("77"), Some("172.17.0.2")));
        let spec = found.spec.unwrap();
        assert_eq!((found.privileged, spec.host_pid, spec.host_network), (Some(true), Some(true), Some(false)));
        assert_eq!(spec.mounts[0].to_string(), "/a:/b::true:");
        assert_eq!(spec.health_check, Some(Command(vec!["true".into()])));
    }

    #[test]
    fn the_address_of_a_shared_network_is_asked_for_by_ids_only() {
        let object = |other: &str| json!({"Id": ID, "HostConfig": {"NetworkMode": format!("container:{other}")}});
        let shared = |other| match read(Kind::Inspection, &object(other), DOCKER) {
            Some(Said::Found { shares_network_of, .. }) => shares_network_of,
            other => panic!("{other:?}"),
        };
        assert_eq!(shared(ID).as_deref(), Some(ID));
        assert_eq!(shared("x/../../../images/prune"), None);
    }

    #[test]
    fn an_inspection_is_never_larger_than_its_limits() {
        let mount = json!({"Source": "x".repeat(3000), "Destination": "y".repeat(3000)});
        let object = json!({
            "Id": ID, "Mounts": vec![mount; 100], "Name": "n".repeat(100_000),
            "Config": {"Healthcheck": {"Test": vec!["w".repeat(1000); 400]}}
        });
        let (found, _) = found(Kind::Inspection, &object);
        assert!(found.bytes() < 2 * MAX_TEXTS, "{}", found.bytes());
        let spec = found.spec.unwrap();
        assert_eq!((spec.mounts.len(), spec.health_check), (10, None));
    }

    #[test]
    fn podman_is_known_by_the_headers_of_a_ping() {
        let podman = Version { runtime: "podman", number: "4.3.1".to_owned(), api: ApiVersion { major: 1, minor: 41 } };
        assert_eq!(pinged([Some("4.3.1\n"), Some("1.41")]), Some(podman));
        assert_eq!(pinged([None, Some("1.41")]), None, "another engine");
        assert_eq!(pinged([Some("4.3.1"), Some("new")]), None);
        let newer = pinged([Some("9.0.0"), Some("1.99")]).expect("a version");
        assert_eq!(newer.api, NEWEST_API);
    }

    #[test]
    fn an_engine_says_whether_it_is_podman_and_which_version_to_use() {
        let said = |object: &Value| version(object.to_string().as_bytes());
        let of = |name: &str, newest: &str, oldest: Option<&str>| {
            said(&json!({
                "Components": [{"Name": name, "Version": "4.3.1"}, 7], "Version": "20.10\n\u{1b}[2J".to_owned(),
                "ApiVersion": newest, "MinAPIVersion": oldest
            }))
            .map(|version| (version.runtime, version.api.to_string()))
        };
        assert_eq!(of("Podman Engine", "1.41", Some("1.24")), Some((PODMAN, "1.41".into())));
        assert_eq!(of("Engine", "1.999", Some("1.44")), Some((DOCKER, NEWEST_API.to_string())));
        assert_eq!(of("Engine", "1.999", Some("1.60")), Some((DOCKER, "1.60".into())));
        assert_eq!(of("Engine", "1.30", None), Some((DOCKER, "1.30".into())));
        assert_eq!(of("Engine", "new", None), None);
        let bomb = said(&json!({"ApiVersion": "1.41", "Version": "\n\u{1b}[2J".repeat(10_000)})).unwrap();
        assert_eq!(bomb.number, "[2J".repeat(21) + "[");
    }
}
