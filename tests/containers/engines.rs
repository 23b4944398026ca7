//! `tracer engine` and `/api/v1/engines` against real engines, and against one that attacks: every request only asks.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tracer_tests::{
    command::{Output, Running, output, tracer},
    containerd::Containerd,
    docker::{Docker, unique},
    engine::{Engine, VERSION},
    level,
    lxd::Lxd,
    podman::Podman,
    scratch::Scratch,
    served::Served,
    wait,
};

/// All that is asked without end.
const QUESTIONS: [&str; 5] = ["info", "version", "images", "containers", "stats"];

/// Stands between tracer and an engine, and keeps what tracer sends.
struct Between {
    socket: PathBuf,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Between {
    fn start(socket: PathBuf, engine: PathBuf) -> Self {
        let listener = UnixListener::bind(&socket).expect("a socket");
        let sent: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&sent);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = UnixStream::connect(&engine) else { return };
                let kept = Arc::clone(&kept);
                let (mut from, mut to) = (client.try_clone().expect("a copy"), server.try_clone().expect("a copy"));
                thread::spawn(move || {
                    let mut piece = [0; 4096];
                    while let Ok(count @ 1..) = from.read(&mut piece) {
                        kept.lock().expect("what was sent").extend_from_slice(&piece[..count]);
                        if to.write_all(&piece[..count]).is_err() {
                            break;
                        }
                    }
                    let _ = to.shutdown(Shutdown::Write);
                });
                let (mut from, mut to) = (server, client);
                thread::spawn(move || {
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Both);
                });
            }
        });
        Self { socket, sent }
    }

    /// The first lines of all requests.
    fn requests(&self) -> Vec<String> {
        let sent = self.sent.lock().expect("what was sent");
        let text = String::from_utf8_lossy(&sent);
        text.lines().filter(|line| line.ends_with(" HTTP/1.1")).map(str::to_owned).collect()
    }
}

fn docker_socket() -> PathBuf {
    let host = Docker::default().host().map(str::to_owned).or_else(|| std::env::var("DOCKER_HOST").ok());
    let host = host.unwrap_or_else(|| "unix:///run/docker.sock".to_owned());
    PathBuf::from(host.strip_prefix("unix://").expect("a socket"))
}

fn argument(runtime: &str, socket: &Path) -> String {
    format!("--engine-socket={runtime}={}", socket.display())
}

fn objects(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", output.errors);
    let object = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    output.lines.iter().map(object).collect()
}

fn find<'v>(all: &'v [Value], field: &str, value: &str) -> &'v Value {
    all.iter().find(|it| it[field] == value).unwrap_or_else(|| panic!("no {field}={value} in {all:?}"))
}

#[test]
fn what_docker_says_is_what_docker_prints_and_nothing_but_get_is_sent() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let between = Between::start(scratch.path("docker.sock"), docker_socket());
    let socket = argument("docker", &between.socket);
    let ask = |words: &[&str]| output([&["engine"], words, &["-j", &socket]].concat());
    let docker = Docker::default();
    let began = a_moment_ago_s();
    let [name, ended] = ["runs", "ended"].map(unique);
    let busy = "while true; do i=1; done";
    let container = docker.run(&name, &["--memory", "64m", "--label", "shop=a\u{202e}b"], &["sh", "-c", busy]);
    let over = docker.run(&ended, &[], &["sh", "-c", "exit 7"]);
    assert_eq!(docker.output(&["wait", &over.id]), "7");

    let version = objects(&ask(&["version"]));
    assert_eq!(version[0]["version"], docker.output(&["version", "--format", "{{.Server.Version}}"]).as_str());
    let info = objects(&ask(&["info"]));
    for (field, theirs) in [("storage_driver", "{{.Driver}}"), ("kernel", "{{.KernelVersion}}"), ("cpus", "{{.NCPU}}")]
    {
        let ours = info[0][field].as_str().map_or_else(|| info[0][field].to_string(), str::to_owned);
        assert_eq!(ours, docker.output(&["info", "--format", theirs]), "{field}");
    }
    let images = objects(&ask(&["images"]));
    let ids = docker.output(&["images", "--no-trunc", "--quiet"]);
    for id in ids.lines().map(|id| id.trim_start_matches("sha256:")) {
        find(&images, "id", id);
    }
    let running = objects(&ask(&["containers"]));
    let it = find(&running, "id", &container.id);
    assert_eq!((&it["name"], &it["labels"]["shop"]), (&name.as_str().into(), &"a\u{202e}b".into()));
    assert!(running.iter().all(|it| it["id"] != over.id.as_str()));
    assert_eq!(find(&objects(&ask(&["containers", "-a"])), "id", &over.id)["state"], "exited");
    let stats = objects(&ask(&["stats"]));
    let it = find(&stats, "id", &container.id);
    assert!(it["cpu_percent"].as_f64().is_some_and(|percent| (10.0..120.0).contains(&percent)), "{it}");
    assert!(it["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 0) && it["memory_limit_bytes"] == 64 << 20, "{it}");
    let events = objects(&ask(&["events", "--since", &began.to_string()]));
    let of = |action: &str| events.iter().find(|it| it["id"] == over.id.as_str() && it["action"] == action).cloned();
    assert!(of("start").is_some());
    assert_eq!(of("die").expect("its end")["exit_code"], "7");

    // Labels are text of others, and so are names; the terminal is not theirs.
    let raw = ask(&["containers"]).lines.concat();
    assert!(raw.contains("a\\u202eb") && !raw.contains('\u{202e}'), "{raw}");
    let table = output(["engine", "containers", &socket]);
    assert!(table.lines[0].starts_with("ENGINE") && table.lines.iter().any(|line| line.contains(&name)));
    let requests = between.requests();
    assert!(requests.len() >= QUESTIONS.len() + 2, "{requests:?}");
    assert!(requests.iter().all(|line| line.starts_with("GET /")), "{requests:?}");
}

fn a_moment_ago_s() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_secs() - 1
}

#[test]
fn events_come_as_they_happen_and_ctrl_c_and_a_closed_pipe_end_well() {
    if !level::engine_or_skip() {
        return;
    }
    let socket = argument("docker", &docker_socket());
    let running = Running::start(&mut tracer(["engine", "events", "-f", "-j", &socket]));
    let name = unique("happens");
    thread::sleep(Duration::from_secs(1));
    let _container = Docker::default().run(&name, &[], &["sleep", "1000"]);
    let started = loop {
        let line = running.line().expect("an event");
        let event: Value = serde_json::from_str(&line).expect("JSON");
        if event["name"] == name.as_str() && event["action"] == "start" {
            break event;
        }
    };
    assert_eq!((&started["engine"], &started["type"]), (&"docker".into(), &"container".into()));
    running.interrupt();
    let ended = running.end();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.errors);

    let mut piped = tracer(["engine", "events", "-f", &socket]);
    let mut child = piped.stdout(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    thread::sleep(Duration::from_secs(1));
    let again = unique("again");
    let _second = Docker::default().run(&again, &[], &["sleep", "1000"]);
    let code = wait::until("it ends", || child.try_wait().expect("a child"));
    assert_eq!(code.code(), Some(0));
}

#[test]
fn podman_and_cri_answer_in_the_same_fields_and_say_what_they_cannot() {
    let needs = ["podman", "runc", "busybox", "containerd", "ctr"].into_iter().all(level::program_or_skip);
    if !needs || !level::root_or_skip() {
        return;
    }
    let (podman, containerd) = (Podman::start(), Containerd::start());
    let pod = containerd.pod("web-0", "burstable", &[]);
    let id = pod.run("nginx", 0, &["sleep", "1000"]);
    let name = unique("podman");
    podman.sleep(&name);
    let sockets = [podman.argument(), containerd.argument()].map(|socket| format!("--engine-socket={socket}"));
    let ask = |words: &[&str]| output([&["engine"], words, &["-j", &sockets[0], &sockets[1]]].concat());
    let containers = objects(&ask(&["containers"]));
    assert_eq!(find(&containers, "name", &name)["engine"], "podman");
    let of_pod = find(&containers, "id", &id);
    assert_eq!(
        (&of_pod["engine"], &of_pod["pod"], &of_pod["state"]),
        (&"containerd".into(), &pod.config.name.as_str().into(), &"running".into())
    );
    let versions = objects(&ask(&["version"]));
    assert!(find(&versions, "engine", "containerd")["api"].as_str().is_some_and(|api| api.starts_with("CRI")));
    let infos = objects(&ask(&["info"]));
    assert_eq!(find(&infos, "engine", "containerd")["runtime_ready"], "yes");
    let images = objects(&ask(&["images"]));
    assert!(images.iter().any(|it| it["engine"] == "containerd") && images.iter().any(|it| it["engine"] == "podman"));
    let stats = objects(&ask(&["stats"]));
    let by_cri = find(&stats, "id", &id);
    assert!(by_cri["cpu_ns"].as_u64().is_some() && by_cri["memory_bytes"].as_u64().is_some(), "{by_cri}");
    find(&stats, "name", &name);
    let past = ask(&["events"]);
    assert!(past.errors.contains("containerd: it keeps no past events"), "{}", past.errors);
    // One of them alone.
    let one = objects(&ask(&["containers", "podman"]));
    assert!(!one.is_empty() && one.iter().all(|it| it["engine"] == "podman"), "{one:?}");
    let none = ask(&["containers", "rkt"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(none.errors.contains("no container engine is called 'rkt'"), "{}", none.errors);
}

#[test]
fn the_server_gives_what_engines_say() {
    if !level::engine_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let between = Between::start(scratch.path("docker.sock"), docker_socket());
    let socket = argument("docker", &between.socket);
    let served = Served::start(&[&socket]);
    let name = unique("served");
    let container = Docker::default().run(&name, &[], &["sleep", "1000"]);
    let all = served.get("/api/v1/engines").json();
    assert_eq!((&all[0]["engine"], all.as_array().map(Vec::len)), (&"docker".into(), Some(1)), "{all}");
    for what in QUESTIONS {
        let answer = served.get(&format!("/api/v1/engines/docker/{what}")).json();
        assert!(!answer[what].is_null() && answer["lacks"].is_null(), "{what}: {answer}");
    }
    let containers = served.get("/api/v1/engines/docker/containers").json();
    let containers = containers["containers"].as_array().expect("a list").clone();
    assert_eq!(find(&containers, "id", &container.id)["name"], name.as_str());
    let events = served.get("/api/v1/engines/docker/events").json();
    let events = events["events"].as_array().expect("a list").clone();
    assert!(events.iter().any(|it| it["name"] == name.as_str() && it["action"] == "start"), "{events:?}");
    for (path, status) in [("rkt/info", 404), ("docker/exec", 404), ("docker/events?since=x", 400)] {
        assert_eq!(served.get(&format!("/api/v1/engines/{path}")).status, status, "{path}");
    }
    let requests = between.requests();
    assert!(!requests.is_empty() && requests.iter().all(|line| line.starts_with("GET /")), "{requests:?}");
}

#[test]
fn an_engine_that_attacks_costs_little_and_moves_no_cursor() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let id = "e".repeat(64);
    let answer = move |connection: &mut tracer_tests::engine::Connection<'_>, path: &str| {
        if path.ends_with("/version") {
            return connection.whole(VERSION);
        }
        if path.contains("/images/") {
            // A list without end.
            connection.head()?;
            connection.send("[")?;
            while connection.is_wanted() {
                connection.send(format!(
                    "{{\"Id\":\"{}\",\"RepoTags\":[\"{}\"]}},",
                    "f".repeat(64),
                    "x".repeat(2000)
                ))?;
            }
            return Ok(());
        }
        if path.contains("/info") {
            connection.head()?;
            connection.wait();
            return Ok(());
        }
        connection.whole(format!(
            r#"[{{"Id":"{id}","Names":["/a\u001b[2J\u202e\nb"],"State":"running","Created":{},"Ports":{{}},"Labels":[1]}}, 5, {{"Id":7}}]"#,
            u64::MAX
        ))
    };
    let engine = Engine::start(&scratch.path("engine.sock"), 0, Box::new(answer));
    let socket = argument("docker", &engine.socket);
    let began = Instant::now();
    let shown = output(["engine", "containers", &socket]);
    let text = shown.lines.join("\n");
    assert!(shown.status.success() && text.contains("eeeeeeeeeeee"), "{text} {}", shown.errors);
    assert!(!text.contains(['\u{1b}', '\u{202e}']) && shown.lines.len() == 3, "{text}");
    let exact = output(["engine", "containers", "-j", "-a", &socket]).lines.concat();
    assert!(exact.contains(&format!("\"created_s\":{}", u64::MAX)) && !exact.contains('\u{1b}'), "{exact}");
    let mut command = tracer(["engine", "images", "-j", &socket]);
    let peak = peak_kib(command.stdout(Stdio::null()).stderr(Stdio::null()));
    assert!(peak < 200 << 10, "{peak} KiB");
    let silent = output(["engine", "info", &socket]);
    assert_eq!(silent.status.code(), Some(1));
    assert!(silent.errors.contains("does not answer: timed out"), "{}", silent.errors);
    assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
}

#[test]
fn as_many_streams_of_events_as_are_documented_begin_together() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let answer = move |connection: &mut tracer_tests::engine::Connection<'_>, path: &str| {
        if path.ends_with("/version") {
            return connection.whole(VERSION);
        }
        if path.contains("/images/") {
            return connection.send(
                "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n{\"message\":\"images are\\u001b[2J out\"}",
            );
        }
        connection.head()?;
        connection.wait();
        Ok(())
    };
    let engine = Engine::start(&scratch.path("engine.sock"), 0, Box::new(answer));
    let socket = argument("docker", &engine.socket);
    let served = Served::start(&[&socket]);
    let begin = || {
        let mut stream = std::net::TcpStream::connect(&served.address).expect("it listens");
        let path = "/api/v1/engines/docker/events?stream=true";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is sent");
        stream
    };
    let status = |stream: &mut std::net::TcpStream| {
        let mut line = [0; 12];
        stream.read_exact(&mut line).expect("an answer");
        String::from_utf8_lossy(&line[9..]).into_owned()
    };
    for _ in 0..3 {
        let mut streams: Vec<_> = (0..8).map(|_| begin()).collect();
        let all: Vec<String> = streams.iter_mut().map(status).collect();
        assert_eq!(all, ["200"; 8]);
        assert_eq!(status(&mut begin()), "503", "one more than there may be");
        // Others are still answered, all at the same time.
        let asking: Vec<_> = (0..12)
            .map(|_| {
                let address = served.address.clone();
                thread::spawn(move || {
                    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
                    let path = "/api/v1/engines/docker/version";
                    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                        .expect("it is sent");
                    std::io::read_to_string(stream).expect("an answer")
                })
            })
            .collect();
        for asked in asking {
            let text = asked.join().expect("it answers");
            assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        }
        drop(streams);
        // Places become free when it is seen that their clients have gone.
        wait::until("there is a place again", || (status(&mut begin()) == "200").then_some(()));
        wait::until("all places are free", || {
            let mut streams: Vec<_> = (0..8).map(|_| begin()).collect();
            streams.iter_mut().all(|stream| status(stream) == "200").then_some(())
        });
    }
    assert_eq!(served.get("/api/v1/engines/nothing/events?stream=true").status, 404);
    let refused = served.get("/api/v1/engines/docker/images");
    assert!(refused.status == 502 && refused.body.contains("status 400: images are"), "{}", refused.body);
    let shown = output(["engine", "images", &socket]);
    assert!(shown.errors.contains("status 400: images are\\x1b[2J out"), "{}", shown.errors);
    let wrong = output(["engine", "images", "--since", "1h", &socket]);
    assert!(wrong.errors.contains("hint: write: tracer engine events --since TIME"), "{}", wrong.errors);
}

/// Runs a command to its end, and returns the most memory that it had.
fn peak_kib(command: &mut Command) -> u64 {
    let mut child = command.spawn().expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let _ = wait::until("it ends", || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or(0));
        child.try_wait().expect("a child")
    });
    peak
}

#[test]
fn lxd_answers_in_the_same_fields() {
    if !level::root_or_skip() || !level::program_or_skip("busybox") {
        return;
    }
    let Some(lxd) = Lxd::start() else { return };
    let name = unique("l");
    lxd.launch(&name, &["-c", "user.tier=back"]);
    let socket = format!("--engine-socket={}", lxd.argument());
    let ask = |what: &str| objects(&output(["engine", what, "-j", &socket]));
    let it = find(&ask("containers"), "name", &name).clone();
    assert_eq!((&it["engine"], &it["state"]), (&"lxd".into(), &"running".into()));
    let stats = ask("stats");
    let it = find(&stats, "name", &name);
    assert!(it["cpu_ns"].as_u64().is_some_and(|ns| ns > 0) && it["processes"].as_u64().is_some(), "{it}");
    assert!(ask("images")[0]["size_bytes"].as_u64().is_some_and(|bytes| bytes > 0));
    assert!(ask("version")[0]["version"].is_string() && ask("info")[0]["name"].is_string());
    let past = output(["engine", "events", &socket]);
    assert!(past.errors.contains("lxd: it keeps no past events"), "{}", past.errors);
}
