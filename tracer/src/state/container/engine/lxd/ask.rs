//! What people ask of LXD and Incus.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Lifecycle,
    client::{LIST, Lxd},
    stream::Stream,
};
use crate::state::container::engine::{
    ask::{Question, Row, Told, Wish, row},
    cri::NO_PAST,
    cut::Form,
    endpoint::EndpointError,
    json,
    text::{List, Number, Object, Objects, Text, Texts},
};

/// Instances with what they use. To find addresses, the server starts other programs: only a person is worth that.
const INSTANCES: &str = "/1.0/instances?recursion=2&all-projects=true";
const IMAGES: &str = "/1.0/images?recursion=1";

#[derive(Deserialize, Default)]
#[serde(default)]
struct ServerAnswer {
    metadata: Object<Server>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Server {
    api_version: Text,
    environment: Object<Environment>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Environment {
    server_name: Text,
    server_version: Text,
    kernel: Text,
    kernel_version: Text,
    kernel_architecture: Text,
    storage: Text,
    driver: Text,
    os_name: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Image {
    fingerprint: Text,
    aliases: List<Object<Alias>>,
    properties: Texts,
    size: Number,
    created_at: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Alias {
    name: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Instance {
    name: Text,
    project: Text,
    status: Text,
    r#type: Text,
    created_at: Text,
    config: Texts,
    state: Object<State>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct State {
    cpu: Object<Cpu>,
    memory: Object<Memory>,
    processes: Number,
    network: Objects<Interface>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cpu {
    usage: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Memory {
    usage: Number,
    total: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Interface {
    counters: Object<Counters>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Counters {
    bytes_received: Number,
    bytes_sent: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Happened {
    timestamp: Text,
    project: Text,
    metadata: Object<Lifecycle>,
}

fn text(Text(text): Text) -> Value {
    text.into()
}

fn moment(text: &Text) -> Option<Timestamp> {
    text.0.as_ref()?.parse().ok()
}

fn seconds(text: &Text) -> Value {
    moment(text).map(|it| it.as_second()).filter(|second| *second > 0).into()
}

impl Lxd {
    /// Answers a question of a person.
    pub(super) async fn reply(&self, question: Question) -> Result<Told, EndpointError> {
        match question {
            Question::Version | Question::Info => {
                let mut found = None;
                json::read(&self.way, &self.pace, super::client::SERVER, |object| {
                    let answer = serde_json::from_slice(object).ok();
                    found = found.take().or_else(|| answer.map(|answer| server(answer, question == Question::Info)));
                })
                .await?;
                Ok(Told::one(found.unwrap_or_default()))
            }
            Question::Images => self.list(IMAGES, image).await,
            Question::Containers => self.list(LIST, instance).await,
            Question::Stats => {
                let running = |it: Instance| (it.status.0.as_deref() == Some("Running")).then(|| stats(it));
                let make = |object: &[u8]| running(serde_json::from_slice(object).ok()?);
                json::rows(&self.way, &self.pace, (INSTANCES, Form::Wrapped), make).await
            }
        }
    }

    async fn list<T: for<'a> Deserialize<'a>>(
        &self,
        path: &str,
        make: impl Fn(T) -> Row,
    ) -> Result<Told, EndpointError> {
        let make = |object: &[u8]| serde_json::from_slice(object).ok().map(&make);
        json::rows(&self.way, &self.pace, (path, Form::Wrapped), make).await
    }

    /// Passes events on.
    pub(super) async fn report(&self, wish: Wish, to: &mut dyn FnMut(Row)) -> Result<Told, EndpointError> {
        if !wish.follow {
            return Ok(Told::cannot(NO_PAST));
        }
        let mut stream = Stream::begin(&self.way).await?;
        while let Some(rows) = stream.next(&self.pace, |object| serde_json::from_slice(object).ok().map(event)).await? {
            rows.into_iter().for_each(&mut *to);
        }
        Ok(Told::default())
    }
}

fn server(answer: ServerAnswer, all: bool) -> Row {
    let Object(Server { api_version, environment: Object(it) }) = answer.metadata;
    let mut fields = row([
        ("version", text(it.server_version)),
        ("api", text(api_version)),
        ("os", text(it.kernel)),
        ("architecture", text(it.kernel_architecture)),
        ("kernel", text(it.kernel_version)),
    ]);
    if all {
        fields.extend(row([
            ("name", text(it.server_name)),
            ("system", text(it.os_name)),
            ("storage_driver", text(it.storage)),
            ("runtime", text(it.driver)),
        ]));
    }
    fields
}

fn image(it: Image) -> Row {
    let tags: Vec<String> = it.aliases.0.into_iter().filter_map(|Object(alias)| alias.name.0).collect();
    let described = it.properties.0.get("description").cloned();
    row([
        ("id", text(it.fingerprint)),
        ("tags", if tags.is_empty() { described.into_iter().map(Value::from).collect() } else { tags.into() }),
        ("size_bytes", it.size.0.map_or(Value::Null, Value::Number)),
        ("created_s", seconds(&it.created_at)),
    ])
}

fn instance(it: Instance) -> Row {
    let image = it.config.0.get("image.description").cloned();
    row([
        ("id", it.name.0.clone().into()),
        ("name", text(it.name)),
        ("image", image.into()),
        ("state", it.status.0.map(|status| status.to_lowercase()).into()),
        ("kind", text(it.r#type)),
        ("created_s", seconds(&it.created_at)),
        ("namespace", text(it.project)),
    ])
}

fn stats(it: Instance) -> Row {
    let Object(State { cpu, memory: Object(memory), processes, network: Objects(network) }) = it.state;
    let outside = || network.iter().filter(|(name, _)| *name != "lo").map(|(_, it)| &it.counters.0);
    let sum = |values: Vec<u64>| values.into_iter().reduce(u64::saturating_add);
    row([
        ("id", it.name.0.clone().into()),
        ("name", text(it.name)),
        ("cpu_ns", cpu.0.usage.whole().into()),
        ("memory_bytes", memory.usage.whole().into()),
        ("memory_limit_bytes", memory.total.whole().filter(|limit| *limit > 0).into()),
        ("processes", processes.whole().into()),
        ("received_bytes", sum(outside().filter_map(|it| it.bytes_received.whole()).collect()).into()),
        ("sent_bytes", sum(outside().filter_map(|it| it.bytes_sent.whole()).collect()).into()),
    ])
}

fn event(it: Happened) -> Row {
    let Object(Lifecycle { action, source }) = it.metadata;
    let time_ns = moment(&it.timestamp).and_then(|time| u64::try_from(time.as_nanosecond()).ok());
    // `/1.0/instances/NAME?project=…`
    let name = source.0.as_deref().and_then(|path| path.rsplit('/').next()).and_then(|it| it.split('?').next());
    let name = name.map(str::to_owned);
    let action = action.0.unwrap_or_default();
    let (kind, action) = action.split_once('-').unwrap_or(("server", &action));
    row([
        ("time_ns", time_ns.into()),
        ("type", kind.into()),
        ("action", action.into()),
        ("id", name.clone().into()),
        ("name", name.into()),
        ("namespace", text(it.project)),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<T: for<'a> Deserialize<'a>>(value: &Value) -> T {
        serde_json::from_slice(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn an_instance_says_what_it_is_and_what_it_uses() {
        let it = json!({"name": "web", "project": "shop", "status": "Running", "type": "container",
            "created_at": "2026-08-01T10:00:00Z", "config": {"image.description": "busybox", "user.secret": "x"},
            "state": {"cpu": {"usage": u64::MAX}, "memory": {"usage": 5, "total": 0}, "processes": 2, "network": {
                "lo": {"counters": {"bytes_received": 7, "bytes_sent": 7}},
                "eth0": {"counters": {"bytes_received": 3, "bytes_sent": 4}}}}});
        let row = instance(read(&it));
        let expected = json!({"id": "web", "name": "web", "image": "busybox", "state": "running", "kind": "container",
            "created_s": 1_785_578_400, "namespace": "shop"});
        assert_eq!(Value::Object(row), expected);
        let row = stats(read(&it));
        let expected = json!({"id": "web", "name": "web", "cpu_ns": u64::MAX, "memory_bytes": 5, "processes": 2,
            "received_bytes": 3, "sent_bytes": 4});
        assert_eq!(Value::Object(row), expected);
        assert_eq!(instance(read(&json!({"name": 7, "state": []}))).len(), 0);
    }

    #[test]
    fn an_event_names_its_instance() {
        let it = json!({"timestamp": "2026-08-01T10:00:00.5Z", "project": "shop", "type": "lifecycle",
            "metadata": {"action": "instance-started", "source": "/1.0/instances/web?project=shop"}});
        let expected = json!({"time_ns": 1_785_578_400_500_000_000_u64, "type": "instance", "action": "started",
            "id": "web", "name": "web", "namespace": "shop"});
        assert_eq!(Value::Object(event(read(&it))), expected);
    }
}
