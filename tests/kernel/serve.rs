//! `tracer serve` without containers: what it answers to whom, how it begins and ends.

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    os::unix::net::UnixStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use tracer_tests::{
    command::{self, Running},
    level,
    scratch::Scratch,
    served::{Served, sample},
    wait,
};

#[test]
fn it_answers_what_there_is_and_says_what_there_is_not() {
    if !level::root_or_skip() {
        return;
    }
    let served = Served::start(&[]);
    let metrics = served.get("/metrics");
    assert_eq!(
        (metrics.status, metrics.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    for name in
        ["container_cpu_usage_seconds_total", "machine_memory_bytes", "tracer_events_lost_total", "tracer_build_info"]
    {
        assert!(sample(&metrics.body, name, &[]).is_some(), "{name}");
    }
    let host = sample(&metrics.body, "container_last_seen", &[("id", "/")]).expect("the machine");
    assert!(host > 1e9);
    for (path, status) in [
        ("/", 200),
        ("/static/app.js", 200),
        ("/static/nothing", 404),
        ("/nothing", 404),
        ("/docker/nothing", 404),
        ("/api/v1/containers/nothing", 404),
        ("/api/v1.3/machine", 200),
        ("/api/v1.3/containers/", 200),
        ("/api/v1.3/containers/nothing", 404),
        ("/api/v2.1/version", 200),
        ("/api/v2.1/machinestats", 200),
        ("/api/v2.1/stats/?count=-2", 400),
        ("/api/v2.1/stats/?count=x", 400),
        ("/api/v2.1/stats/?max_age=10", 400),
        ("/api/v2.1/events?max_events=x", 200),
        ("/api/v2.1/machine?unknown=1", 200),
        ("/metrics?unknown=1", 200),
        ("/api/v1/containers?unknown=1", 400),
        ("/api/v1/files/nothing?secnds=5", 400),
        ("/api/v1/files/nothing?seconds=5", 404),
        ("/api/v1/events?stream=true", 400),
        ("/api/v1/engines/nothing/info?since=1", 400),
        ("/api/v1/engines/nothing/exec", 404),
        ("/api/v2.1/stats/?type=other", 400),
        ("/api/v2.1/", 400),
        ("/readyz", 200),
        ("/version", 200),
        ("/../../etc/passwd", 404),
        ("/static/..%2f..%2fetc%2fpasswd", 404),
    ] {
        let answer = served.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    let wrong = served.ask("DELETE", "/metrics", &[], "");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(served.ask("POST", "/api/v1.3/containers/", &[], "{\"num_stats\":0}").status, 200);
    let long = "x".repeat(100_000);
    assert_eq!(served.ask("POST", "/api/v1.3/containers/", &[], &long).status, 413);
    // Every path that the description has is answered.
    let paths = served.get("/api/v1/openapi.json").json();
    let paths = paths["paths"].as_object().expect("paths");
    assert!(paths.len() > 15);
    for path in paths
        .keys()
        .filter(|path| !path.contains('{') && !path.ends_with("watch") && !path.ends_with("events") && *path != "/api")
    {
        assert_eq!(served.get(path).status, 200, "{path}");
    }
}

/// The first line and the body of what is answered to these bytes.
fn answered(served: &Served, request: &str) -> (String, String) {
    let text = String::from_utf8_lossy(&served.raw(request.as_bytes())).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

#[test]
fn what_is_refused_says_why_whatever_it_is() {
    if !level::root_or_skip() {
        return;
    }
    let served = Served::start(&[]);
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(40_000));
    let of_host = |line: &str, hosts: &str| format!("{line} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
    for (request, status, says) in [
        (&*long, "HTTP/1.1 431 ", "longer than 16 KiB"),
        ("junk\r\n\r\n", "HTTP/1.1 400 ", "not an HTTP/1.1 request"),
        ("GET /\u{1} HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", "not an HTTP/1.1 request"),
        ("GET /version HTTP/1.1\r\nHost: localhost\r\n\r\njunk\r\n\r\n", "HTTP/1.1 200 ", "not an HTTP/1.1 request"),
        // The request line may name a host, which counts.
        (&of_host("GET http://evil/version", "Host: localhost\r\n"), "HTTP/1.1 421 ", "not called 'evil'"),
        (&of_host("GET http://localhost/version", "Host: evil\r\n"), "HTTP/1.1 421 ", "not called 'evil'"),
        (&of_host("GET /version", "Host: localhost\r\nHost: evil\r\n"), "HTTP/1.1 400 ", "one Host header"),
        (&of_host("GET http://localhost/version", "Host: localhost\r\n"), "HTTP/1.1 200 ", "\"name\":\"tracer\""),
    ] {
        let (line, body) = answered(&served, request);
        let request: String = request.chars().take(60).collect();
        assert!(line.starts_with(status) && body.contains(says), "{request:?}: {line} {body}");
    }
}

#[test]
fn each_picture_of_watch_is_sent_once() {
    if !level::root_or_skip() {
        return;
    }
    let served = Served::start(&[]);
    let mut stream = TcpStream::connect(&served.address).expect("it listens");
    stream.write_all(b"GET /api/v1/watch HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is sent");
    let lines = std::io::BufRead::lines(std::io::BufReader::new(stream)).map_while(Result::ok);
    let messages =
        lines.filter_map(|line| serde_json::from_str::<serde_json::Value>(line.strip_prefix("data: ")?).ok());
    let times: Vec<u64> = messages.take(3).map(|it| it["time_ms"].as_u64().expect("a time")).collect();
    assert!(times.len() == 3 && times.is_sorted_by(|a, b| a < b), "{times:?}");
}

#[test]
fn the_machine_of_the_rest_api_is_this_one() {
    if !level::root_or_skip() {
        return;
    }
    let served = Served::start(&[]);
    let machine = served.get("/api/v1.3/machine").json();
    let memory = fs::read_to_string("/proc/meminfo").expect("meminfo");
    let kb: u64 =
        memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).expect("MemTotal");
    assert_eq!(machine["memory_capacity"], kb * 1024);
    let cpus = std::thread::available_parallelism().expect("CPUs").get();
    assert!(machine["num_cores"].as_u64().is_some_and(|cores| cores >= cpus as u64), "{machine}");
    let root = served.get("/api/v1.3/containers/").json();
    assert_eq!(root["name"], "/");
    assert!(root["stats"][0]["cpu"]["usage"]["total"].as_u64().is_some_and(|ns| ns > 0), "{root}");
    let events = served.get("/api/v2.1/attributes").json();
    assert_eq!(events["kernel_version"], fs::read_to_string("/proc/sys/kernel/osrelease").expect("osrelease").trim());
}

#[test]
fn strangers_are_refused() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let (token, config) = (scratch.path("token"), scratch.path("tracer.toml"));
    fs::write(&token, "0123456789abcdef\n").expect("a file");
    fs::write(&config, format!("[serve]\ntoken-file = '{}'\n", token.display())).expect("a file");
    let served = Served::start(&["--config", &config.display().to_string()]);
    let status = |headers: &[&str]| served.ask("GET", "/metrics", headers, "").status;
    assert_eq!(status(&[]), 401);
    assert_eq!(status(&["Authorization: Bearer 0123456789abcdef"]), 200);
    assert_eq!(status(&["Authorization: Bearer 0123456789abcdeF"]), 401);
    assert_eq!(served.get("/readyz").status, 200, "probes know nothing");
    let right = "Authorization: Bearer 0123456789abcdef";
    assert_eq!(status(&[right, "Host: evil.example"]), 421);
    assert_eq!(status(&[right, "Origin: http://evil.example"]), 403);
    assert_eq!(status(&[right, "Host: localhost:1"]), 200);

    // Another token, after SIGHUP; a wrong one changes nothing.
    let hang_up = || {
        assert!(
            Command::new("kill").args(["-HUP", &served.running.pid().to_string()]).status().expect("kill").success()
        )
    };
    fs::write(&token, "fedcba9876543210\n").expect("a file");
    hang_up();
    wait::until("the new token counts", || (status(&["Authorization: Bearer fedcba9876543210"]) == 200).then_some(()));
    assert_eq!(status(&[right]), 401);
    fs::write(&token, "short\n").expect("a file");
    hang_up();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(status(&["Authorization: Bearer fedcba9876543210"]), 200);
    let Served { running, .. } = served;
    running.interrupt();
    let output = running.end();
    assert_eq!(output.status.code(), Some(0), "{}", output.errors);
    assert!(output.errors.contains("settings were read again"), "{}", output.errors);
    assert!(output.errors.contains("settings stay as they are: "), "{}", output.errors);
}

/// Runs `openssl` in a folder.
fn openssl(folder: &Path, arguments: &str, input: &str) -> String {
    let mut command = Command::new("openssl");
    let command = command.args(arguments.split(' ')).current_dir(folder);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("openssl starts");
    let mut to = child.stdin.take().expect("piped");
    let _ = to.write_all(input.as_bytes());
    // The end of its input would end the connection before an answer.
    let output = child.wait_with_output().expect("openssl ends");
    drop(to);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn connections_are_secured_as_the_web_configuration_says() {
    if !level::root_or_skip() || !level::program_or_skip("openssl") {
        return;
    }
    let scratch = Scratch::new();
    let dir = scratch.dir();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for name in ["server", "ca"] {
        openssl(dir, &format!("req -x509 {key} -keyout {name}.key -out {name}.crt -subj /CN={name} -days 2"), "");
    }
    openssl(dir, &format!("req -new {key} -keyout client.key -out client.csr -subj /CN=client"), "");
    fs::write(scratch.path("extension"), "extendedKeyUsage=clientAuth\n").expect("a file");
    let by = "-CA ca.crt -CAkey ca.key -CAcreateserial";
    openssl(dir, &format!("x509 -req -in client.csr {by} -out client.crt -days 2 -extfile extension"), "");
    let config = scratch.path("web.yml");
    // The hash is of the word "secret".
    let write = |asks: &str| {
        let text = format!(
            "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_auth_type: {asks}\n  \
             client_ca_file: ca.crt\nhttp_server_config:\n  headers:\n    \
             Strict-Transport-Security: max-age=60\nbasic_auth_users:\n  \
             ann: $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW\n"
        );
        fs::write(&config, text).expect("a file");
    };
    write("NoClientCert");
    let place = ["serve", "--listen", "127.0.0.1:0", "--web-config", &config.display().to_string()];
    let mut running = Running::start(&mut command::tracer(place));
    let line = running.error_line();
    let (_, address) = line.split_once("https://").expect("TLS");
    let address = address.trim_end_matches('/').to_owned();
    let ask = |options: &str, path: &str, user: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{user}Connection: close\r\n\r\n");
        openssl(dir, &format!("s_client -quiet -connect {address} {options}"), &request)
    };
    let basic = "Authorization: Basic YW5uOnNlY3JldA==\r\n";
    wait::until("it is well", || ask("-tls1_3", "/healthz", "").starts_with("HTTP/1.1 200").then_some(()));
    assert!(ask("-tls1_2", "/metrics", "").starts_with("HTTP/1.1 401"));
    let answer = ask("-tls1_3", "/metrics", basic);
    assert!(answer.starts_with("HTTP/1.1 200"));
    assert!(answer.contains("\r\nstrict-transport-security: max-age=60\r\n"), "{answer}");
    let plain = {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut bytes = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut bytes);
        bytes
    };
    assert!(!plain.starts_with(b"HTTP/1.1"), "{plain:?}");

    // Clients have to show a certificate from now on.
    write("RequireAndVerifyClientCert");
    assert!(Command::new("kill").args(["-HUP", &running.pid().to_string()]).status().expect("kill").success());
    let own = "-cert client.crt -key client.key";
    wait::until("a client without certificate is refused", || {
        (!ask("-tls1_2", "/healthz", "").starts_with("HTTP/1.1")).then_some(())
    });
    assert!(ask(&format!("-tls1_2 {own}"), "/metrics", basic).starts_with("HTTP/1.1 200"));
    assert!(!ask("-tls1_2 -cert server.crt -key server.key", "/healthz", "").starts_with("HTTP/1.1"));
    running.interrupt();
    assert_eq!(running.end().status.code(), Some(0));
}

#[test]
fn slow_clients_keep_nobody_out() {
    if !level::root_or_skip() {
        return;
    }
    let served = Served::start(&[]);
    let slow: Vec<TcpStream> = (0..1000)
        .map(|_| {
            let mut stream = TcpStream::connect(&served.address).expect("it listens");
            // Some are closed at once.
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-");
            stream
        })
        .collect();
    let begin = Instant::now();
    // Their time is over after ten seconds.
    wait::until("somebody else is answered", || {
        let Ok(mut stream) = TcpStream::connect(&served.address) else { return None };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut bytes = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut bytes);
        bytes.starts_with(b"HTTP/1.1 200").then_some(())
    });
    assert!(begin.elapsed() < Duration::from_secs(20));
    drop(slow);
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(200_000));
    let mut stream = TcpStream::connect(&served.address).expect("it listens");
    let _ = stream.write_all(long.as_bytes());
    assert_eq!(served.get("/healthz").status, 200, "it goes on");
}

#[test]
fn it_listens_at_a_unix_socket_and_ends_as_it_is_told() {
    if !level::root_or_skip() {
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path("serve.sock");
    let place = format!("unix:{}", path.display());
    let mut running = Running::start(&mut command::tracer(["serve", "--listen", &place]));
    assert!(running.error_line().contains(&format!("listening at {place}")));
    let ask = || -> Option<()> {
        let mut stream = UnixStream::connect(&path).ok()?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        std::io::Read::read_to_string(&mut stream, &mut text).ok()?;
        text.starts_with("HTTP/1.1 200").then_some(())
    };
    wait::until("it answers", ask);
    let second = command::output(["serve", "--listen", &place]);
    assert_eq!(second.status.code(), Some(1), "{}", second.errors);
    assert!(second.errors.contains("cannot listen at unix:"), "{}", second.errors);
    assert!(second.errors.contains("hint: another program listens there"), "{}", second.errors);
    assert!(Command::new("kill").args(["-TERM", &running.pid().to_string()]).status().expect("kill").success());
    let output = running.end();
    assert_eq!(output.status.code(), Some(128 + 15), "{}", output.errors);
    assert!(!path.exists(), "its file ends with it");

    // One that was killed leaves its file, which stops no other one.
    let mut killed = Running::start(&mut command::tracer(["serve", "--listen", &place]));
    let _ = killed.error_line();
    assert!(Command::new("kill").args(["-KILL", &killed.pid().to_string()]).status().expect("kill").success());
    let _ = killed.end();
    assert!(path.exists(), "nothing was left behind");
    let mut third = Running::start(&mut command::tracer(["serve", "--listen", &place]));
    assert!(third.error_line().contains(&format!("listening at {place}")));
    wait::until("it answers", ask);
    third.interrupt();
    assert_eq!(third.end().status.code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn wrong_use_is_said_before_anything_begins() {
    let wrong = |words: &[&str]| {
        let output = command::output([&["serve"], words].concat());
        (output.status.code(), output.errors)
    };
    for (words, said) in [
        (&["--listen", "nowhere"][..], "not an address to listen at"),
        (&["--port=8080"], "use --listen :PORT"),
        (&["--storage_driver=influxdb"], "let it scrape /metrics"),
        (&["--metrics", "most"], "basic"),
        (&["proc.nam=x"], "did you mean 'proc.name'?"),
        (&["--url-base-prefix", "/a b"], "give it as /tools/tracer"),
        (&["--nonsense"], "tracer serve --help"),
    ] {
        let (code, errors) = wrong(words);
        assert_eq!(code, Some(2), "{words:?}: {errors}");
        assert!(errors.contains(said), "{words:?}: {errors}");
    }
    let (code, errors) = wrong(&["--web-config", "/nonexistent"]);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("cannot read '/nonexistent'"), "{errors}");
}
