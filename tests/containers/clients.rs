//! Published clients of cAdvisor: what they send, byte for byte, and that the answer is what they parse. Go refuses a number with a
//! fraction for a whole one, a null for a list is one, and times that are not of RFC 3339: so do these types.
//!
//! Source: cAdvisor's own `client`, `client/v2` and the script of its page; its types are those of `info/v1` and `info/v2`.

#![expect(dead_code, reason = "fields are there because clients parse them")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};
use tracer_tests::{
    docker::{Docker, unique},
    level,
    served::Served,
    wait,
};

/// A time of Go.
#[derive(Debug, PartialEq, Eq)]
struct Time(String);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let (date, time) = text.split_once('T').ok_or_else(|| serde::de::Error::custom("a time without T"))?;
        let is_date = date.len() == 10 && date.bytes().all(|it| it.is_ascii_digit() || it == b'-');
        let is_time =
            time.len() >= 9 && (time.ends_with('Z') || time.contains(['+', '-'])) && time.as_bytes()[2] == b':';
        if is_date && is_time { Ok(Self(text)) } else { Err(serde::de::Error::custom(format!("no time: {text}"))) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CpuSpec {
    limit: u64,
    max_limit: u64,
    mask: String,
    quota: u64,
    period: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MemorySpec {
    limit: u64,
    reservation: u64,
    swap_limit: u64,
}

#[derive(Debug, Deserialize)]
struct Spec {
    creation_time: Option<Time>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    envs: BTreeMap<String, String>,
    has_cpu: bool,
    #[serde(default)]
    cpu: CpuSpec,
    has_memory: bool,
    #[serde(default)]
    memory: MemorySpec,
    has_network: bool,
    has_filesystem: bool,
    has_diskio: bool,
    #[serde(default)]
    image: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    total: u64,
    per_cpu_usage: Vec<u64>,
    user: u64,
    system: u64,
}

#[derive(Debug, Deserialize)]
struct Cpu {
    usage: Usage,
    #[serde(default)]
    load_average: i32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Memory {
    usage: u64,
    max_usage: u64,
    cache: u64,
    rss: u64,
    swap: u64,
    mapped_file: u64,
    working_set: u64,
    failcnt: u64,
    container_data: BTreeMap<String, u64>,
    hierarchical_data: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct PerDisk {
    major: u64,
    minor: u64,
    stats: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DiskIo {
    io_service_bytes: Vec<PerDisk>,
    io_serviced: Vec<PerDisk>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Network {
    name: String,
    rx_bytes: u64,
    tx_bytes: u64,
    rx_packets: u64,
    tx_packets: u64,
    interfaces: Vec<BTreeMap<String, serde_json::Value>>,
}

#[derive(Debug, Deserialize)]
struct Stats {
    timestamp: Time,
    cpu: Option<Cpu>,
    memory: Option<Memory>,
    #[serde(default)]
    diskio: DiskIo,
    #[serde(default)]
    network: Network,
}

#[derive(Debug, Deserialize)]
struct Reference {
    name: String,
}

#[derive(Debug, Deserialize)]
struct ContainerInfo {
    #[serde(default)]
    id: String,
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    subcontainers: Vec<Reference>,
    spec: Spec,
    #[serde(default)]
    stats: Vec<Stats>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Machine {
    num_cores: i64,
    cpu_frequency_khz: u64,
    memory_capacity: u64,
    machine_id: String,
    system_uuid: String,
    boot_id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attributes {
    kernel_version: String,
    cadvisor_version: String,
    num_cores: i64,
    memory_capacity: u64,
}

#[derive(Debug, Deserialize)]
struct Event {
    container_name: String,
    timestamp: Time,
    event_type: String,
}

#[derive(Debug, Deserialize)]
struct Process {
    pid: i64,
    #[serde(default)]
    cmd: String,
}

/// One connection, which goes on after an answer.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn to(served: &Served) -> Self {
        let stream = TcpStream::connect(&served.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        Self(BufReader::new(stream))
    }

    /// Sends a request, and reads the answer to it.
    fn send(&mut self, request: &str) -> (u16, String) {
        self.0.get_mut().write_all(request.as_bytes()).expect("the request is sent");
        let mut line = || {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("a line in time");
            line.trim_end().to_owned()
        };
        let status = line().split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
        let headers: Vec<String> =
            std::iter::from_fn(|| Some(line().to_lowercase()).filter(|it| !it.is_empty())).collect();
        let header = |name: &str| headers.iter().find_map(|it| it.strip_prefix(name)?.strip_prefix(": "));
        let (length, gzip) = (header("content-length"), header("content-encoding") == Some("gzip"));
        let mut body = Vec::new();
        if let Some(length) = length {
            body.resize(length.parse().expect("a length"), 0);
            self.0.read_exact(&mut body).expect("a body");
        } else {
            assert_eq!(header("transfer-encoding"), Some("chunked"), "{headers:?}");
            loop {
                let mut size = String::new();
                self.0.read_line(&mut size).expect("a size");
                let size = usize::from_str_radix(size.trim(), 16).expect("a size");
                let mut piece = vec![0; size + 2];
                self.0.read_exact(&mut piece).expect("a piece");
                body.extend_from_slice(&piece[..size]);
                if size == 0 {
                    break;
                }
            }
        }
        let mut text = String::new();
        if gzip {
            flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).expect("gzip");
        } else {
            text = String::from_utf8(body).expect("text");
        }
        (status, text)
    }
}

/// As Go's `http.Get` and `http.Post` send it.
fn go(address: &str, path: &str, body: Option<&str>) -> String {
    let (method, more) = match body {
        Some(body) => ("POST", format!("Content-Length: {}\r\nContent-Type: application/json\r\n", body.len())),
        None => ("GET", String::new()),
    };
    let body = body.unwrap_or_default();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: Go-http-client/1.1\r\n{more}Accept-Encoding: gzip\r\n\r\n{body}"
    )
}

/// As a browser sends it for the script of cAdvisor's page.
fn page(address: &str, path: &str, body: Option<&str>) -> String {
    let browser = format!(
        "Host: {address}\r\nConnection: keep-alive\r\nUser-Agent: Mozilla/5.0\r\nX-Requested-With: XMLHttpRequest\r\n\
         Accept: application/json, text/javascript, */*; q=0.01\r\nReferer: http://{address}/containers/\r\n\
         Accept-Encoding: gzip, deflate, br\r\n"
    );
    match body {
        Some(body) => format!(
            "POST {path} HTTP/1.1\r\n{browser}Origin: http://{address}\r\n\
             Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
        None => format!("GET {path} HTTP/1.1\r\n{browser}\r\n"),
    }
}

fn parsed<T: DeserializeOwned>((status, text): (u16, String)) -> T {
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn published_clients_get_what_they_parse() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let name = unique("client");
    let options = ["--memory", "64m", "--cpus", "0.5", "--label", "shop=a"];
    let container = docker.run(&name, &options, &["sleep", "1000"]);
    let served = Served::beside_engine(&[]);
    let of_docker = format!("/api/v1.3/docker/{name}");
    wait::until("it is known", || (served.get(&of_docker).status == 200).then_some(()));
    let address = &served.address;
    let mut connection = Connection::to(&served);
    let is_right = |info: &ContainerInfo| {
        assert_eq!((info.id.as_str(), info.namespace.as_str()), (container.id.as_str(), "docker"));
        assert!(info.aliases.contains(&name) && info.name.contains(&container.id), "{info:?}");
        let spec = &info.spec;
        assert!(spec.has_cpu && spec.has_memory && spec.creation_time.is_some(), "{spec:?}");
        assert_eq!((spec.memory.limit, spec.cpu.quota, spec.cpu.period), (64 << 20, 50_000, 100_000));
        assert_eq!(spec.labels.get("shop").map(String::as_str), Some("a"));
        let stats = info.stats.last().expect("a sample");
        let (cpu, memory) = (stats.cpu.as_ref().expect("CPU"), stats.memory.as_ref().expect("memory"));
        assert!(cpu.usage.total > 0 && memory.usage > 0 && memory.working_set <= memory.usage, "{stats:?}");
    };

    // client, version 1.3: the structure of a request with nothing in it but a number of samples.
    let query = r#"{"num_stats":3,"start":"0001-01-01T00:00:00Z","end":"0001-01-01T00:00:00Z"}"#;
    let one: BTreeMap<String, ContainerInfo> = parsed(connection.send(&go(address, &of_docker, Some(query))));
    assert_eq!(one.len(), 1, "the client wants one");
    one.values().for_each(is_right);
    let path = one.keys().next().expect("one").clone();
    let all: BTreeMap<String, ContainerInfo> = parsed(connection.send(&go(address, "/api/v1.3/docker", Some(query))));
    is_right(&all[&path]);
    let info: ContainerInfo =
        parsed(connection.send(&go(address, &format!("/api/v1.3/containers{path}"), Some(query))));
    is_right(&info);
    assert!(info.stats.len() <= 3, "{}", info.stats.len());
    let root: ContainerInfo = parsed(connection.send(&go(address, "/api/v1.3/containers", Some(query))));
    assert!(root.name == "/" && root.subcontainers.iter().any(|it| it.name.starts_with('/')), "{root:?}");
    let below: Vec<ContainerInfo> =
        parsed(connection.send(&go(address, "/api/v1.3/subcontainers", Some(r#"{"num_stats":1}"#))));
    is_right(below.iter().find(|info| info.name == path).expect("it is below the root"));
    let machine: Machine = parsed(connection.send(&go(address, "/api/v1.3/machine", None)));
    assert!(machine.num_cores > 0 && machine.memory_capacity > 1 << 26, "{machine:?}");
    let events: Vec<Event> = parsed(connection.send(&go(address, "/api/v1.3/events/?oom_events=true", None)));
    assert!(events.iter().all(|event| event.event_type == "oomKill" && event.container_name.starts_with('/')));
    let (status, text) = connection.send(&go(address, "/api/v1.3/docker/nothing-of-that-name", Some(query)));
    assert!(status != 200 && !text.trim().is_empty(), "the client shows the text: {status} {text}");

    // client/v2, which asks version 2.0.
    let version: String = parsed(connection.send(&go(address, "/api/v2.0/version", None)));
    let attributes: Attributes = parsed(connection.send(&go(address, "/api/v2.0/attributes", None)));
    assert!(!version.is_empty() && attributes.num_cores == machine.num_cores, "{attributes:?}");
    assert_eq!(attributes.memory_capacity, machine.memory_capacity);
    let again: Machine = parsed(connection.send(&go(address, "/api/v2.0/machine", None)));
    assert_eq!(again.boot_id, machine.boot_id);

    // The page.
    let wish = r#"{"num_stats":60,"num_samples":0}"#;
    let info: ContainerInfo =
        parsed(connection.send(&page(address, &format!("/api/v1.0/containers{path}"), Some(wish))));
    is_right(&info);
    let below: Vec<ContainerInfo> =
        parsed(connection.send(&page(address, &format!("/api/v1.1/subcontainers{path}"), Some(wish))));
    below.iter().for_each(is_right);
    let machine: Machine = parsed(connection.send(&page(address, "/api/v1.0/machine", None)));
    assert_eq!(machine.num_cores, again.num_cores);
    let processes: Vec<Process> = parsed(connection.send(&page(address, &format!("/api/v2.0/ps{path}"), None)));
    assert!(
        processes.iter().any(|it| it.pid == i64::from(container.pid()) && it.cmd.contains("sleep")),
        "{processes:?}"
    );
    let metrics: BTreeMap<String, serde_json::Value> =
        parsed(connection.send(&page(address, &format!("/api/v2.0/appmetrics{path}"), None)));
    assert!(metrics.is_empty());
}
