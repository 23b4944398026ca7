//! `tracer serve` beside real containers: its numbers are those of the load, and of the kernel's files.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use tracer_tests::{
    docker::{Container, Docker, unique},
    level,
    served::{Served, sample},
    wait,
};

const BLOCK: u64 = 512;
const BLOCKS: u64 = 900;

/// Copies blocks once the file `/tmp/go` is there, fails to open a file ten times, and stays.
fn load() -> String {
    format!(
        "while [ ! -e /tmp/go ]; do sleep 0.1; done; \
         dd if=/dev/zero of=/tmp/in bs={BLOCK} count={BLOCKS} 2>/tmp/err; dd if=/tmp/in of=/tmp/out bs={BLOCK} 2>/tmp/err; \
         for i in 1 2 3 4 5 6 7 8 9 10; do cat /nothing 2>/tmp/err; done; touch /tmp/done; sleep 1000"
    )
}

/// The file of a v1 or v2 hierarchy with that name, of a container.
pub(crate) fn file_of(container: &Container, v1: &str, v2: &str) -> Option<String> {
    let cgroups = fs::read_to_string(format!("/proc/{}/cgroup", container.pid())).ok()?;
    let controller = v1.split('.').next()?;
    let line = cgroups
        .lines()
        .find(|line| line.split(':').nth(1).is_some_and(|names| names.split(',').any(|it| it == controller)));
    let of_v1 = line.and_then(|line| {
        let path = line.splitn(3, ':').nth(2)?;
        fs::read_to_string(format!("/sys/fs/cgroup/{controller}{path}/{v1}")).ok()
    });
    let of_v2 = || {
        let path = cgroups.lines().find_map(|line| line.strip_prefix("0::"))?;
        ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
            .iter()
            .find_map(|root| fs::read_to_string(format!("{root}{path}/{v2}")).ok())
    };
    of_v1.or_else(of_v2)
}

#[test]
fn what_a_container_did_is_counted_exactly_and_what_it_uses_is_what_the_kernel_says() {
    if !level::engine_or_skip() {
        return;
    }
    let served = Served::beside_engine(&["--container-label", "shop"]);
    let name = unique("serve");
    let options = ["--memory", "64m", "--cpus", "0.5", "--label", "shop=a\"b\nc"];
    let container = Docker::default().run(&name, &options, &["sh", "-c", &load()]);
    let by_name =
        |family: &str, labels: &[(&str, &str)]| served.sample(family, &[&[("name", name.as_str())], labels].concat());
    wait::until("it is known by name", || by_name("tracer_container_info", &[]));
    // What its start did is over.
    let before = |family: &str, labels: &[(&str, &str)]| by_name(family, labels).unwrap_or(0.0);
    let written = before("tracer_container_file_bytes_total", &[("direction", "write")]);
    let _ = container.exec(&["touch", "/tmp/go"]);
    wait::until("its work is done", || (container.exec(&["ls", "/tmp"]).contains("done")).then_some(()));
    let bytes = (BLOCK * BLOCKS) as f64;
    wait::until("all of it is counted", || {
        (before("tracer_container_file_bytes_total", &[("direction", "write")]) - written >= 2.0 * bytes).then_some(())
    });
    let metrics = served.get("/metrics").body;
    let of = |family: &str, labels: &[(&str, &str)]| {
        sample(&metrics, family, &[&[("name", name.as_str())], labels].concat())
    };
    let failed = of("tracer_container_syscall_errors_total", &[("syscall", "openat"), ("errno", "ENOENT")])
        .or_else(|| of("tracer_container_syscall_errors_total", &[("syscall", "open"), ("errno", "ENOENT")]));
    assert!(failed.is_some_and(|count| count >= 10.0), "{failed:?}\n{metrics}");
    assert!(of("tracer_container_execs_total", &[("result", "ok")]).is_some_and(|count| count >= 13.0));
    assert!(of("tracer_container_forks_total", &[]).is_some_and(|count| count >= 12.0));
    assert!(of("tracer_container_exits_total", &[("reason", "error")]).is_some_and(|count| count >= 10.0));
    let timed = of("tracer_container_syscall_duration_seconds_count", &[("class", "file")]);
    let most = of("tracer_container_syscall_duration_seconds_bucket", &[("class", "file"), ("le", "+Inf")]);
    assert!(timed.is_some_and(|count| count >= 15.0) && timed == most, "{timed:?} {most:?}");

    // The map of the page has the same calls.
    wait::until("the ranges add up to the histogram", || {
        let ranges = served.get(&format!("/api/v1/latency/{name}")).json()["classes"]["file"].clone();
        let sum: f64 = ranges.as_array().expect("ranges").iter().filter_map(serde_json::Value::as_f64).sum();
        (by_name("tracer_container_syscall_duration_seconds_count", &[("class", "file")]) == Some(sum)).then_some(())
    });

    // Labels are text of others.
    assert!(metrics.contains("container_label_shop=\"a\\\"b\\nc\""), "{metrics}");
    assert_eq!(of("container_spec_memory_limit_bytes", &[]), Some(f64::from(64 << 20)));
    assert_eq!(of("container_spec_cpu_quota", &[]), Some(50_000.0));
    let usage =
        file_of(&container, "memory.usage_in_bytes", "memory.current").and_then(|text| text.trim().parse::<f64>().ok());
    let (usage, said) = (usage.expect("memory"), by_name("container_memory_usage_bytes", &[]).expect("memory"));
    assert!((usage - said).abs() <= 0.1 * usage, "{usage} {said}");
    let limit = file_of(&container, "pids.max", "pids.max").expect("a limit");
    let said = by_name("container_threads_max", &[]).expect("a limit");
    assert_eq!(limit.trim().parse::<f64>().unwrap_or(0.0), said);
    let cpu = by_name("container_cpu_usage_seconds_total", &[]).expect("CPU time");
    let ns = file_of(&container, "cpuacct.usage", "none").and_then(|text| text.trim().parse::<f64>().ok());
    if let Some(ns) = ns {
        assert!(cpu <= ns / 1e9 && cpu >= ns / 1e9 * 0.9, "{cpu} {ns}");
    }

    // The same by the API, ours and cAdvisor's, and on the page.
    let own = served.get(&format!("/api/v1/containers/{name}")).json();
    assert_eq!((&own["id"], &own["name"]), (&container.id.as_str().into(), &name.as_str().into()));
    assert_eq!(own["now"]["memory_limit_bytes"], 64 << 20);
    let docker = served.get(&format!("/api/v1.3/docker/{name}")).json();
    let (path, info) = docker.as_object().and_then(|map| map.iter().next()).expect("one container");
    assert!(path.contains(&container.id) && info["name"] == path.as_str(), "{path}");
    assert_eq!((&info["aliases"][0], &info["namespace"]), (&name.as_str().into(), &"docker".into()));
    assert_eq!(info["spec"]["memory"]["limit"], 64 << 20);
    let stats = served.get("/api/v2.1/stats?type=docker&recursive=true").json();
    assert!(stats[path]["stats"][0]["memory"]["usage"].as_u64().is_some(), "{stats}");
    let processes = served.get(&format!("/api/v1/processes/{name}")).json();
    let all = processes.as_array().expect("processes");
    let init = all.iter().find(|it| it["pid"] == container.pid()).unwrap_or_else(|| panic!("{processes}"));
    assert!(init["name"] == "sleep" && init["started_s"].as_f64().is_some_and(|began| began > 1e9), "{init}");
    let ps = served.get(&format!("/api/v2.1/ps{path}")).json();
    assert_eq!(ps.as_array().map(Vec::len), Some(all.len()), "{ps}");
    let page = served.get(&format!("/docker/{}", container.id)).body;
    assert!(page.contains(&format!("<h1>{name}</h1>")) && page.contains("a&quot;b"), "{page}");
    assert!(served.get("/").body.contains(&name));

    // Its series end with it; what it did stays.
    let calls = before("tracer_container_syscalls_total", &[]);
    drop(container);
    wait::until("its series have ended", || {
        served.get("/metrics").body.lines().all(|line| !line.contains(&format!("name=\"{name}\""))).then_some(())
    });
    let stays = served.sample("tracer_workload_syscalls_total", &[("workload", &name)]);
    assert!(stays.is_some_and(|sum| sum >= calls), "{stays:?} {calls}");
    let died = served.sample("tracer_container_deaths_total", &[("workload", &name), ("reason", "signal")]);
    assert_eq!(died, Some(1.0));
}

#[test]
fn a_container_that_lives_for_a_moment_is_in_the_sums() {
    if !level::engine_or_skip() {
        return;
    }
    let served = Served::beside_engine(&[]);
    let name = unique("moment");
    let script = format!("dd if=/bin/busybox of=/tmp/out bs={BLOCK} count={BLOCKS} 2>/tmp/err; exit 3");
    let docker = Docker::default();
    let output = docker.command(&["run", "--rm", "--name", &name, &level::image(), "sh", "-c", &script]).output();
    assert_eq!(output.expect("docker").status.code(), Some(3));
    let of = |family: &str, labels: &[(&str, &str)]| {
        served.sample(family, &[&[("workload", name.as_str())], labels].concat())
    };
    wait::until("it is counted", || of("tracer_container_deaths_total", &[("reason", "error")]));
    let bytes = (BLOCK * BLOCKS) as f64;
    let written = of("tracer_workload_file_bytes_total", &[("direction", "write")]).expect("bytes");
    // Beside the load, what dd says, and what the runtime writes before it hands over.
    assert!(written >= bytes && written < bytes + 4096.0, "{written}");
    assert_eq!(of("tracer_container_starts_total", &[]), Some(1.0));
    assert!(of("tracer_workload_exits_total", &[("reason", "error")]).is_some_and(|count| count >= 1.0));
}

#[test]
fn the_cpu_time_of_a_container_that_has_ended_is_in_the_sums() {
    if !level::engine_or_skip() {
        return;
    }
    let served = Served::beside_engine(&["--metrics", "all"]);
    let name = unique("computed");
    // What the shell and its child used, as the kernel says at its end, in ticks of 10 ms.
    let script =
        "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sha256sum /bin/busybox >/dev/null; cat /proc/$$/stat";
    let docker = Docker::default();
    let output = docker.command(&["run", "--rm", "--name", &name, &level::image(), "sh", "-c", script]).output();
    let stat = String::from_utf8_lossy(&output.expect("docker").stdout).into_owned();
    let (_, fields) = stat.rsplit_once(") ").expect("a process");
    let ticks: f64 = fields.split_whitespace().skip(11).take(4).map(|ticks| ticks.parse::<f64>().expect("ticks")).sum();
    let of = |family: &str| served.sample(family, &[("workload", name.as_str())]);
    wait::until("it has ended", || of("tracer_container_deaths_total"));
    let cpu_s = wait::until("its time is counted", || of("tracer_workload_cpu_seconds_total"));
    // The runtime uses some before it hands over.
    let own_s = ticks / 100.0;
    assert!(own_s > 0.1 && cpu_s >= own_s * 0.95 - 0.02 && cpu_s <= own_s * 1.05 + 0.2, "{cpu_s} {own_s}");
    assert_eq!(of("tracer_container_starts_total"), Some(1.0));
}

#[test]
fn bytes_over_the_network_are_those_that_were_sent() {
    if !level::engine_or_skip() {
        return;
    }
    let served = Served::beside_engine(&["--metrics", "basic"]);
    let docker = Docker::default();
    let (to, from) = (unique("to"), unique("from"));
    let receiver = docker.run(&to, &[], &["sh", "-c", "sleep 1000 | nc -l -p 7000 >/dev/null"]);
    let address = docker.output(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", &receiver.id]);
    let network = if address.is_empty() { format!("container:{to}") } else { "bridge".to_owned() };
    let host = if address.is_empty() { "127.0.0.1".to_owned() } else { address };
    let script = format!(
        "while ! dd if=/dev/zero bs={BLOCK} count={BLOCKS} 2>/tmp/err | nc {host} 7000; do sleep 0.1; done; sleep 1000"
    );
    let _sender = docker.run(&from, &["--network", &network], &["sh", "-c", &script]);
    let bytes = (BLOCK * BLOCKS) as f64;
    let of = |name: &str, direction: &str| {
        served.sample("tracer_container_network_bytes_total", &[("name", name), ("direction", direction)])
    };
    let received = wait::until("all of it has arrived", || of(&to, "receive").filter(|sum| *sum >= bytes));
    assert_eq!((received, of(&from, "transmit")), (bytes, Some(bytes)));
    assert!(!served.get("/metrics").body.contains("syscall_duration"), "basic has no times");
}

#[test]
fn connections_that_are_reset_or_refused_are_counted_by_container() {
    if !level::engine_or_skip() {
        return;
    }
    let served = Served::beside_engine(&["--metrics", "all"]);
    let docker = Docker::default();
    let (of_all, beside) = (unique("refused"), unique("beside"));
    // Nobody listens there. The other one does the same, to show that they are told apart.
    let script = |times: u32| {
        format!("i=0; while [ $i -lt {times} ]; do nc 127.0.0.1 1 </dev/null; i=$((i+1)); done; sleep 1000")
    };
    let _refused = docker.run(&of_all, &[], &["sh", "-c", &script(7)]);
    let _beside = docker.run(&beside, &[], &["sh", "-c", &script(2)]);
    let ended = |name: &str| {
        let labels = [("name", name), ("side", "client"), ("result", "refused")];
        served.sample("tracer_container_tcp_connections_total", &labels)
    };
    wait::until("all have ended", || (ended(&of_all)? >= 7.0 && ended(&beside)? >= 2.0).then_some(()));
    let resets =
        |name: &str| served.sample("tracer_container_tcp_resets_total", &[("name", name), ("direction", "received")]);
    assert_eq!((ended(&of_all), ended(&beside)), (Some(7.0), Some(2.0)));
    assert_eq!((resets(&of_all), resets(&beside)), (Some(7.0), Some(2.0)));
}

/// What Prometheus' own checker has to say of names that are cAdvisor's.
const OF_CADVISOR: [&str; 2] = ["cadvisor_version_info ", "container_memory_failcnt "];

#[test]
fn the_checker_of_prometheus_has_nothing_to_say_but_of_names_of_cadvisor() {
    if !level::engine_or_skip() || !level::program_or_skip("promtool") {
        return;
    }
    let served = Served::beside_engine(&["--all-container-labels"]);
    let name = unique("checked");
    let options = ["--label", "a.b=1", "--label", "a-b=2", "--label", "\u{e9}=\u{1f600}\\"];
    let _container =
        Docker::default().run(&name, &options, &["sh", "-c", "while cat /nothing; ls /; do sleep 0.1; done"]);
    wait::until("it is counted", || served.sample("tracer_container_syscall_errors_total", &[("name", &name)]));
    let metrics = served.get("/metrics").body;
    let mut check = Command::new("promtool");
    let check = check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut check = check.spawn().expect("promtool");
    check.stdin.take().expect("piped").write_all(metrics.as_bytes()).expect("it reads");
    let output = check.wait_with_output().expect("it ends");
    let said = [output.stderr, output.stdout].concat();
    let said = String::from_utf8_lossy(&said);
    let ours: Vec<&str> = said.lines().filter(|line| !OF_CADVISOR.iter().any(|name| line.starts_with(name))).collect();
    assert_eq!(ours, Vec::<&str>::new(), "{metrics}");
}

#[test]
fn what_a_container_does_right_now_is_exact_and_asking_for_it_loses_nothing() {
    if !level::engine_or_skip() {
        return;
    }
    let served = Served::beside_engine(&[]);
    let name = unique("asked");
    let container = Docker::default().run(&name, &[], &["sh", "-c", &load()]);
    let written = || {
        let labels = [("name", name.as_str()), ("direction", "write")];
        served.sample("tracer_container_file_bytes_total", &labels).unwrap_or(0.0)
    };
    wait::until("it is known by name", || served.sample("tracer_container_info", &[("name", &name)]));
    let before = written();
    let address = served.address.clone();
    let get = |what: &str, seconds: u32| -> serde_json::Value {
        let mut stream = std::net::TcpStream::connect(&address).expect("it listens");
        let path = format!("/api/v1/{what}/{name}?seconds={seconds}");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("it is sent");
        let text = std::io::read_to_string(stream).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{text}");
        serde_json::from_str(body).expect("JSON")
    };
    let container_of = &container;
    let (files, errors) = std::thread::scope(|scope| {
        let files = scope.spawn(|| get("files", 8));
        let errors = scope.spawn(|| get("errors", 8));
        // The question changes again and again meanwhile.
        let others = scope.spawn(|| (0..6).for_each(|_| drop(get("connections", 1))));
        // By now the engine has been asked for all of them.
        std::thread::sleep(std::time::Duration::from_secs(4));
        let _ = container_of.exec(&["touch", "/tmp/go"]);
        others.join().expect("it answers");
        (files.join().expect("it answers"), errors.join().expect("it answers"))
    });
    let column = |table: &serde_json::Value, title: &str| {
        let columns = table["columns"].as_array().expect("columns");
        columns.iter().position(|column| column["title"] == title).unwrap_or_else(|| panic!("{table}"))
    };
    let rows = |table: &serde_json::Value| table["rows"].as_array().expect("rows").clone();
    let (error, count) = (column(&errors, "ERROR"), column(&errors, "COUNT"));
    let missing = rows(&errors).into_iter().find(|row| row[error] == "ENOENT").unwrap_or_else(|| panic!("{errors}"));
    assert!(missing[count].as_f64().is_some_and(|count| count >= 10.0), "{errors}");
    assert!(rows(&files).iter().any(|row| row.to_string().contains("/tmp/out")), "{files} {errors}");
    // What is always counted went on through all changes, exactly.
    let bytes = (BLOCK * BLOCKS) as f64;
    wait::until("all of it is counted", || (written() - before >= 2.0 * bytes).then_some(()));
    assert!(written() - before < 2.0 * bytes + 4096.0, "{}", written() - before);
}

#[test]
fn what_is_more_than_so_many_series_is_left_out_and_told() {
    if !level::engine_or_skip() {
        return;
    }
    let served = Served::beside_engine(&["--max-series", "200"]);
    let names = ["first", "second", "third", "fourth"].map(unique);
    let script = "while :; do cat /nothing; ls / >/dev/null; sleep 0.1; done 2>/dev/null";
    let mut containers = Vec::new();
    for name in &names {
        containers.push(Docker::default().run(name, &[], &["sh", "-c", script]));
        wait::until("its sums are known", || served.sample("tracer_workload_syscalls_total", &[("workload", name)]));
    }
    let metrics = served.get("/metrics").body;
    let of = |family: &str, labels: &[(&str, &str)]| sample(&metrics, family, labels);
    let series = metrics.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series <= 200 && of("tracer_series", &[]) == Some(series as f64), "{series}");
    assert!(
        of("tracer_series_left_out", &[("part", "containers")]).is_some_and(|left_out| left_out > 0.0),
        "{metrics}"
    );
    // The last one is left out, and its sums are there.
    assert_eq!(of("tracer_container_info", &[("name", &names[3])]), None);
    assert!(of("tracer_workload_syscalls_total", &[("workload", &names[3])]).is_some());
    let Served { running, .. } = served;
    running.interrupt();
    let output = running.end();
    assert_eq!(output.errors.matches("because of --max-series").count(), 1, "{}", output.errors);
}

#[test]
fn the_writable_layer_of_a_container_is_as_large_as_du_says() {
    if !level::engine_or_skip() {
        return;
    }
    let docker = Docker::default();
    let name = unique("layer");
    let script = "dd if=/dev/zero of=/tmp/data bs=64k count=50 2>/tmp/err; ln /tmp/data /tmp/again; mkdir /tmp/own; chmod 700 /tmp/own; \
                  chown 1234 /tmp/own; echo x >/tmp/own/x; touch /tmp/done; sleep 1000";
    let container = docker.run(&name, &[], &["sh", "-c", script]);
    let layer = docker.output(&["inspect", "--format", "{{.GraphDriver.Data.UpperDir}}", &container.id]);
    let layer = layer.trim().to_owned();
    let is_overlay = layer.starts_with('/');
    if is_overlay {
        wait::until("its files are there", || fs::metadata(format!("{layer}/tmp/done")).is_ok().then_some(()));
    }
    let of = |served: &Served, family: &str| served.sample(family, &[("name", name.as_str())]);
    let served = Served::beside_engine(&["--disk-usage"]);
    wait::until("it is known", || of(&served, "container_start_time_seconds"));
    if !is_overlay {
        println!("the engine has no overlay: only that nothing is said is tested");
        assert_eq!(of(&served, "container_fs_usage_bytes"), None);
        return;
    }
    let used = wait::until("its layer was read", || of(&served, "container_fs_usage_bytes"));
    let du = Command::new("du").args(["-s", "-B1", &layer]).output().expect("du").stdout;
    let du: f64 =
        String::from_utf8_lossy(&du).split_whitespace().next().and_then(|text| text.parse().ok()).expect("a sum");
    assert!(used >= 3_200_000.0 && (used - du).abs() < 0.5, "{used} {du}");
    assert!(of(&served, "container_fs_limit_bytes").is_some_and(|limit| limit > used));
    // Nobody pays for it who has not asked.
    let without = Served::beside_engine(&[]);
    wait::until("it is known", || of(&without, "container_start_time_seconds"));
    assert_eq!(of(&without, "container_fs_usage_bytes"), None);
}
