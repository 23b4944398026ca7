//! Docker's API, which Podman has, too: what lists, events and inspections say of a container.

use std::collections::{BTreeMap, HashMap};

use bollard::{
    models::{ContainerInspectResponse, ContainerSummary, EndpointSettings, EventMessage, MountPoint, SystemVersion},
    query_parameters::{EventsOptionsBuilder, InspectContainerOptions, ListContainersOptions},
};

use super::{Answer, Client, Metadata};
use crate::state::container::spec::{Command, Mount, Spec};

/// `container.type` of Docker's containers.
pub(super) const DOCKER: &str = "docker";
/// `container.type` of Podman's containers.
pub(super) const PODMAN: &str = "podman";
/// Engines that speak this API.
pub(super) const RUNTIMES: [&str; 2] = [DOCKER, PODMAN];

/// What of an event's attributes is no label. Source: moby, daemon/events.go; podman, pkg/domain/entities/events.go.
const NO_LABELS: [&str; 8] =
    ["image", "name", "exitCode", "execDuration", "signal", "oldName", "podId", "containerExitCode"];

/// Which runtime an engine is.
pub(super) fn runtime(version: &SystemVersion) -> &'static str {
    let components = version.components.iter().flatten();
    let podman = components.into_iter().any(|component| component.name.to_lowercase().contains(PODMAN));
    if podman { PODMAN } else { DOCKER }
}

/// The events that are followed, from `since` (seconds since the epoch) on: those of containers, and not what happens
/// inside of one (health checks make three for each probe). Podman has other names for some: there all are taken.
pub(super) fn events(runtime: &str, since: u64) -> EventsOptionsBuilder {
    let mut filters = HashMap::from([("type".to_owned(), vec!["container".to_owned()])]);
    if runtime == DOCKER {
        let wanted = ["create", "start", "rename", "update", "die", "destroy"];
        filters.insert("event".to_owned(), wanted.map(str::to_owned).to_vec());
    }
    EventsOptionsBuilder::new().since(&since.to_string()).filters(&filters)
}

/// Which containers are listed: those that run.
pub(super) fn running() -> ListContainersOptions {
    ListContainersOptions::default()
}

/// Asks for one container. `None` if the engine does not know it, or does not answer.
pub(super) async fn inspect(client: &Client, id: &str) -> Option<Metadata> {
    let options = None::<InspectContainerOptions>;
    let response = client.docker.inspect_container(id, options.clone()).await.ok()?;
    let shared_network = response
        .host_config
        .as_ref()
        .and_then(|config| config.network_mode.as_deref()?.strip_prefix("container:").map(str::to_owned));
    let mut metadata = inspected(response, client.runtime)?;
    if let Some(other) = shared_network.filter(|_| metadata.ip.is_none()) {
        let other = client.docker.inspect_container(&other, options).await.ok();
        metadata.ip = other.and_then(|other| inspected(other, client.runtime)?.ip);
    }
    Some(metadata)
}

/// What an inspection says.
fn inspected(response: ContainerInspectResponse, runtime: &'static str) -> Option<Metadata> {
    let config = response.config.unwrap_or_default();
    let host = response.host_config.unwrap_or_default();
    let shares = |mode: Option<String>| Some(mode.as_deref() == Some("host"));
    let spec = Spec {
        mounts: response.mounts.unwrap_or_default().into_iter().map(mount).collect(),
        health_check: config.healthcheck.and_then(|check| Command::of_test(&check.test?)),
        host_pid: shares(host.pid_mode),
        host_network: shares(host.network_mode),
        host_ipc: shares(host.ipc_mode),
        ..Spec::default()
    };
    Some(Metadata {
        full_id: response.id?,
        runtime,
        name: response.name.as_deref().and_then(plain_name),
        image: config.image.filter(|image| !image.is_empty()),
        image_id: response.image.as_deref().and_then(without_hash_name),
        ip: response.network_settings.and_then(|settings| first_address(settings.networks?)),
        privileged: Some(host.privileged.unwrap_or(false)),
        labels: Some(sorted(config.labels.unwrap_or_default())),
        spec: Some(spec),
    })
}

/// What a list says.
pub(super) fn listed(summary: ContainerSummary, runtime: &'static str) -> Option<Metadata> {
    let names = summary.names.unwrap_or_default();
    // Links of other containers are names, too: `/other/alias`.
    let own = names.iter().find(|name| !name.trim_start_matches('/').contains('/')).or(names.first());
    Some(Metadata {
        full_id: summary.id?,
        runtime,
        name: own.and_then(|name| plain_name(name)),
        // When its tag went to another image, the list has the image's id for a name.
        image: summary.image.filter(|image| !image.is_empty() && !image.starts_with("sha256:")),
        image_id: summary.image_id.as_deref().and_then(without_hash_name),
        ip: summary.network_settings.and_then(|settings| first_address(settings.networks?)),
        privileged: None,
        labels: Some(sorted(summary.labels.unwrap_or_default())),
        spec: None,
    })
}

fn mount(mount: MountPoint) -> Mount {
    Mount {
        source: mount.source.unwrap_or_default(),
        dest: mount.destination.unwrap_or_default(),
        mode: mount.mode.unwrap_or_default(),
        is_writable: mount.rw.unwrap_or(false),
        propagation: mount.propagation.unwrap_or_default(),
    }
}

/// What an event says, and whether to inspect the container to know the rest.
pub(super) fn happened(event: EventMessage, runtime: &'static str) -> Option<(Answer, bool)> {
    let actor = event.actor?;
    let full_id = actor.id?;
    let action = event.action?;
    if ["die", "died", "destroy", "remove"].contains(&action.as_str()) {
        return Some((Answer::Ended(full_id), false));
    }
    if !["create", "start", "rename", "update", "init"].contains(&action.as_str()) {
        return None;
    }
    let mut attributes = actor.attributes.unwrap_or_default();
    let name = attributes.remove("name").as_deref().and_then(plain_name);
    let image = attributes.remove("image").filter(|image| !image.is_empty());
    attributes.retain(|name, _| !NO_LABELS.contains(&name.as_str()));
    let found = Metadata { full_id, runtime, name, image, labels: Some(sorted(attributes)), ..Metadata::default() };
    // Before the start there is no address; what else a list does not say can wait until then.
    Some((Answer::Found(Box::new(found)), action != "create"))
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
fn first_address(networks: HashMap<String, EndpointSettings>) -> Option<String> {
    let by_name: BTreeMap<_, _> = networks.into_iter().collect();
    by_name.into_values().find_map(|network| network.ip_address.filter(|address| !address.is_empty()))
}

fn sorted(labels: HashMap<String, String>) -> BTreeMap<String, String> {
    labels.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_event_of_a_creation_has_name_image_and_labels() {
        let event: EventMessage = serde_json::from_value(json!({
            "Type": "container", "Action": "create", "scope": "local", "time": 1,
            "Actor": {"ID": "abc", "Attributes": {"image": "img:1", "name": "fresh", "tier": "web", "exitCode": "0"}}
        }))
        .unwrap();
        let Some((Answer::Found(found), false)) = happened(event, DOCKER) else { panic!("not found") };
        assert_eq!((found.full_id.as_str(), found.runtime), ("abc", "docker"));
        assert_eq!((found.name.as_deref(), found.image.as_deref()), (Some("fresh"), Some("img:1")));
        assert_eq!(found.labels, Some(BTreeMap::from([("tier".to_owned(), "web".to_owned())])));
    }

    #[test]
    fn ends_are_understood_in_the_words_of_both_engines() {
        let event = |action: &str| EventMessage {
            action: Some(action.into()),
            actor: Some(bollard::models::EventActor { id: Some("abc".into()), attributes: None }),
            ..EventMessage::default()
        };
        for action in ["die", "died", "destroy", "remove"] {
            assert!(matches!(happened(event(action), PODMAN), Some((Answer::Ended(_), false))), "{action}");
        }
        assert!(happened(event("exec_create: sh"), DOCKER).is_none());
        assert!(matches!(happened(event("start"), DOCKER), Some((Answer::Found(_), true))));
    }

    #[test]
    fn a_list_gives_the_own_name_and_not_a_link() {
        let summary: ContainerSummary = serde_json::from_value(json!({
            "Id": "abc", "Names": ["/other/alias", "/web"], "Image": "sha256:77", "ImageID": "sha256:77",
            "Labels": null, "NetworkSettings": {"Networks": {"b": {"IPAddress": "10.0.0.2"}, "a": {"IPAddress": ""}}}
        }))
        .unwrap();
        let found = listed(summary, DOCKER).unwrap();
        assert_eq!((found.name.as_deref(), found.image), (Some("web"), None));
        assert_eq!((found.image_id.as_deref(), found.ip.as_deref()), (Some("77"), Some("10.0.0.2")));
        assert_eq!(found.labels, Some(BTreeMap::new()));
    }

    #[test]
    fn an_inspection_gives_all() {
        let response: ContainerInspectResponse = serde_json::from_value(json!({
            "Id": "abc", "Name": "/web", "Image": "sha256:77",
            "Config": {"Image": "img:1", "Labels": {"tier": "web"}},
            "HostConfig": {"Privileged": true, "NetworkMode": "default", "PidMode": "host"},
            "Mounts": [{"Type": "bind", "Source": "/a", "Destination": "/b", "RW": true}],
            "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.17.0.2"}}}
        }))
        .unwrap();
        let found = inspected(response, DOCKER).unwrap();
        assert_eq!((found.name.as_deref(), found.image.as_deref()), (Some("web"), Some("img:1")));
        assert_eq!((found.image_id.as_deref(), found.ip.as_deref()), (Some("77"), Some("172.17.0.2")));
        let spec = found.spec.unwrap();
        assert_eq!((found.privileged, spec.host_pid, spec.host_network), (Some(true), Some(true), Some(false)));
        assert_eq!(spec.mounts[0].to_string(), "/a:/b::true:");
    }

    #[test]
    fn an_engine_says_whether_it_is_podman() {
        let version = |name: &str| {
            let text = json!({"Components": [{"Name": name, "Version": "4.3.1"}]});
            serde_json::from_value::<SystemVersion>(text).unwrap()
        };
        assert_eq!(runtime(&version("Podman Engine")), PODMAN);
        assert_eq!(runtime(&version("Engine")), DOCKER);
    }
}
