//! What people ask of Docker and Podman.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;
use tokio::time::sleep;

use super::{super::ask::row, Actor, client::Docker};
use crate::state::container::{
    engine::{
        ask::{Question, Row, Told, Wish},
        cut::{Cutter, Form},
        endpoint::EndpointError,
        http::{self, HttpError},
        json,
        text::{List, Number, Object, Objects, Text, Texts},
    },
    runtime,
};

/// Between the two readings of CPU time.
const BETWEEN: Duration = Duration::from_millis(1_000);
/// The most containers whose use is asked for.
const MAX_MEASURED: usize = 1_000;

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct VersionAnswer {
    version: Text,
    api_version: Text,
    #[serde(rename = "MinAPIVersion")]
    oldest_api: Text,
    os: Text,
    arch: Text,
    kernel_version: Text,
    components: List<Object<Component>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Component {
    name: Text,
    version: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Info {
    name: Text,
    containers: Number,
    containers_running: Number,
    containers_paused: Number,
    containers_stopped: Number,
    images: Number,
    server_version: Text,
    driver: Text,
    logging_driver: Text,
    cgroup_driver: Text,
    cgroup_version: Text,
    default_runtime: Text,
    security_options: List<Text>,
    kernel_version: Text,
    operating_system: Text,
    #[serde(rename = "OSType")]
    os: Text,
    architecture: Text,
    #[serde(rename = "NCPU")]
    cpus: Number,
    mem_total: Number,
    docker_root_dir: Text,
    swarm: Object<Swarm>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Swarm {
    local_node_state: Text,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Image {
    id: Text,
    repo_tags: List<Text>,
    created: Number,
    size: Number,
    labels: Texts,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Listed {
    id: Text,
    names: List<Text>,
    image: Text,
    created: Number,
    state: Text,
    status: Text,
    labels: Texts,
    ports: List<Object<Port>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "PascalCase")]
struct Port {
    #[serde(rename = "IP")]
    ip: Text,
    private_port: Number,
    public_port: Number,
    r#type: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stats {
    cpu_stats: Object<Cpu>,
    memory_stats: Object<Memory>,
    pids_stats: Object<Pids>,
    networks: Objects<Interface>,
    blkio_stats: Object<Block>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cpu {
    cpu_usage: Object<CpuUsage>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CpuUsage {
    total_usage: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Memory {
    usage: Number,
    limit: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pids {
    current: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Interface {
    rx_bytes: Number,
    tx_bytes: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block {
    io_service_bytes_recursive: List<Object<Operation>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Operation {
    op: Text,
    value: Number,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Happened {
    #[serde(rename = "Type")]
    kind: Text,
    #[serde(rename = "Action")]
    action: Text,
    #[serde(rename = "Actor")]
    actor: Object<Actor>,
    time: Number,
    #[serde(rename = "timeNano")]
    time_ns: Number,
}

fn text(Text(text): Text) -> Value {
    text.into()
}

fn number(number: &Number) -> Value {
    number.0.clone().map_or(Value::Null, Value::Number)
}

fn texts(List(all): List<Text>) -> Value {
    all.into_iter().filter_map(|Text(text)| text).collect()
}

/// Labels.
fn named(Texts(all): Texts) -> Value {
    Value::Object(all.into_iter().map(|(name, value)| (name, value.into())).collect())
}

/// An id, which is a digest without the name of its algorithm.
fn of_digest(Text(id): Text) -> Value {
    id.map(|id| id.strip_prefix("sha256:").unwrap_or(&id).to_owned()).into()
}

fn sum(values: impl Iterator<Item = Option<u64>>) -> Value {
    values.flatten().reduce(u64::saturating_add).into()
}

impl Docker {
    /// Answers a question of a person.
    pub(super) async fn reply(&self, question: Question) -> Result<Told, EndpointError> {
        let api = &self.version.api;
        match question {
            Question::Version => Ok(Told::one(self.single("/version", |it| self.of_version(it)).await?)),
            Question::Info => Ok(Told::one(self.single(&format!("/v{api}/info"), info).await?)),
            Question::Images => self.list(&format!("/v{api}/images/json"), image).await,
            Question::Containers => self.list(&format!("/v{api}/containers/json?all=true"), container).await,
            Question::Stats => self.stats().await,
        }
    }

    fn of_version(&self, it: VersionAnswer) -> Row {
        let components = it.components.0.into_iter().map(|Object(it)| (it.name.0, text(it.version)));
        let components = components.filter_map(|(name, version)| Some((name?, version))).collect();
        row([
            ("version", text(it.version)),
            ("api", text(it.api_version)),
            ("oldest_api", text(it.oldest_api)),
            ("os", text(it.os)),
            ("architecture", text(it.arch)),
            ("kernel", text(it.kernel_version)),
            ("components", Value::Object(components)),
        ])
    }

    /// An answer that is one object.
    async fn single<T: for<'a> Deserialize<'a>>(
        &self,
        path: &str,
        make: impl Fn(T) -> Row,
    ) -> Result<Row, EndpointError> {
        let mut found = None;
        json::read(&self.way, &self.pace, path, |object| {
            found = found.take().or_else(|| serde_json::from_slice(object).ok().map(&make));
        })
        .await?;
        Ok(found.unwrap_or_default())
    }

    /// An answer that is a list.
    async fn list<T: for<'a> Deserialize<'a>>(
        &self,
        path: &str,
        make: impl Fn(T) -> Row,
    ) -> Result<Told, EndpointError> {
        json::rows(&self.way, &self.pace, (path, Form::Array), |object| serde_json::from_slice(object).ok().map(&make))
            .await
    }

    /// What containers that run use: CPU time is read twice.
    async fn stats(&self) -> Result<Told, EndpointError> {
        let list = format!("/v{}/containers/json", self.version.api);
        let mut told = self.list(&list, container).await?;
        told.is_cut |= told.rows.len() > MAX_MEASURED;
        told.rows.truncate(MAX_MEASURED);
        let mut before = Vec::new();
        for row in &told.rows {
            before.push((self.measure(row).await, Instant::now()));
        }
        sleep(BETWEEN).await;
        let mut rows = Vec::new();
        for (row, (first, at)) in told.rows.iter().zip(before) {
            // It may have ended.
            let Some(mut measured) = self.measure(row).await else { continue };
            let cpu = |row: &Row| row.get("cpu_ns").and_then(Value::as_u64);
            if let Some((before, now)) = first.as_ref().and_then(cpu).zip(cpu(&measured)) {
                let percent = now.saturating_sub(before) as f64 / at.elapsed().as_nanos().max(1) as f64 * 100.0;
                measured.insert("cpu_percent".to_owned(), ((percent * 100.0).round() / 100.0).into());
            }
            for name in ["id", "name", "image"] {
                measured.extend(row.get(name).map(|value| (name.to_owned(), value.clone())));
            }
            rows.push(measured);
        }
        Ok(Told { rows, ..told })
    }

    async fn measure(&self, container: &Row) -> Option<Row> {
        let id = container.get("id")?.as_str().filter(|id| runtime::is_full_id(id))?;
        let path = format!("/v{}/containers/{id}/stats?stream=false&one-shot=true", self.version.api);
        self.single(&path, stats).await.ok()
    }

    /// Passes events on.
    pub(super) async fn report(&self, wish: Wish, to: &mut dyn FnMut(Row)) -> Result<Told, EndpointError> {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let until = if wish.follow { String::new() } else { format!("&until={}", now_s + 1) };
        let path = format!("/v{}/events?since={}{until}", self.version.api, wish.since_s);
        let mut body = http::get_at_leisure(&self.way, &path).await?;
        let mut cutter = Cutter::new(Form::Sequence);
        while let Some(piece) = body.next().await? {
            let mut rows = Vec::new();
            self.pace.bytes(piece.len()).await;
            let read = &mut |object: &[u8]| rows.extend(serde_json::from_slice(object).ok().map(event));
            cutter.push(&piece, read).map_err(HttpError::Cut)?;
            self.pace.values(rows.len()).await;
            rows.into_iter().for_each(&mut *to);
        }
        Ok(Told::default())
    }
}

fn info(it: Info) -> Row {
    row([
        ("name", text(it.name)),
        ("version", text(it.server_version)),
        ("containers", number(&it.containers)),
        ("running", number(&it.containers_running)),
        ("paused", number(&it.containers_paused)),
        ("stopped", number(&it.containers_stopped)),
        ("images", number(&it.images)),
        ("storage_driver", text(it.driver)),
        ("log_driver", text(it.logging_driver)),
        ("cgroup_driver", text(it.cgroup_driver)),
        ("cgroup_version", text(it.cgroup_version)),
        ("runtime", text(it.default_runtime)),
        ("security", texts(it.security_options)),
        ("swarm", text(it.swarm.0.local_node_state)),
        ("kernel", text(it.kernel_version)),
        ("system", text(it.operating_system)),
        ("os", text(it.os)),
        ("architecture", text(it.architecture)),
        ("cpus", number(&it.cpus)),
        ("memory_bytes", number(&it.mem_total)),
        ("folder", text(it.docker_root_dir)),
    ])
}

fn image(it: Image) -> Row {
    row([
        ("id", of_digest(it.id)),
        ("tags", texts(it.repo_tags)),
        ("size_bytes", number(&it.size)),
        ("created_s", number(&it.created)),
        ("labels", named(it.labels)),
    ])
}

fn container(it: Listed) -> Row {
    let name = it.names.0.into_iter().find_map(|Text(name)| name);
    let port = |Object(it): Object<Port>| {
        let private = format!("{}/{}", it.private_port.whole()?, it.r#type.0.unwrap_or_default());
        Some(match (it.public_port.whole(), it.ip.0) {
            (Some(public), Some(ip)) if ip.contains(':') => format!("[{ip}]:{public}->{private}"),
            (Some(public), ip) => format!("{}:{public}->{private}", ip.unwrap_or_default()),
            (None, _) => private,
        })
    };
    row([
        ("id", text(it.id)),
        ("name", name.map(|name| name.strip_prefix('/').unwrap_or(&name).to_owned()).into()),
        ("image", text(it.image)),
        ("state", text(it.state)),
        ("status", text(it.status)),
        ("created_s", number(&it.created)),
        ("ports", it.ports.0.into_iter().filter_map(port).map(Value::from).collect()),
        ("labels", named(it.labels)),
    ])
}

fn stats(it: Stats) -> Row {
    let Stats { cpu_stats, memory_stats: Object(memory), pids_stats, networks, blkio_stats } = it;
    let interfaces = networks.0.values();
    let moved = |wanted: &str| {
        let all = blkio_stats.0.io_service_bytes_recursive.0.iter();
        let of = all.filter(|Object(it)| it.op.0.as_ref().is_some_and(|op| op.eq_ignore_ascii_case(wanted)));
        sum(of.map(|Object(it)| it.value.whole()))
    };
    row([
        ("cpu_ns", number(&cpu_stats.0.cpu_usage.0.total_usage)),
        ("memory_bytes", number(&memory.usage)),
        ("memory_limit_bytes", number(&memory.limit)),
        ("processes", number(&pids_stats.0.current)),
        ("received_bytes", sum(interfaces.clone().map(|it| it.rx_bytes.whole()))),
        ("sent_bytes", sum(interfaces.map(|it| it.tx_bytes.whole()))),
        ("read_bytes", moved("read")),
        ("written_bytes", moved("write")),
    ])
}

fn event(it: Happened) -> Row {
    let Object(Actor { id, attributes: Texts(mut attributes) }) = it.actor;
    let time_ns = it.time_ns.whole().or_else(|| it.time.whole()?.checked_mul(1_000_000_000));
    // Behind a colon are command lines of programs that were run in it.
    let action = it.action.0.map(|action| action.split(':').next().unwrap_or_default().to_owned());
    let exit_code = attributes.remove("exitCode").or_else(|| attributes.remove("containerExitCode"));
    // Podman says 0 of all other events, too.
    let ends = action.as_deref().is_some_and(|action| matches!(action, "die" | "died" | "exec_die" | "exec_died"));
    row([
        ("time_ns", time_ns.into()),
        ("type", text(it.kind)),
        ("action", action.into()),
        ("id", of_digest(id)),
        ("name", attributes.remove("name").filter(|name| !name.starts_with("sha256:")).into()),
        ("image", attributes.remove("image").into()),
        ("exit_code", exit_code.filter(|_| ends).into()),
        ("signal", attributes.remove("signal").into()),
    ])
}
