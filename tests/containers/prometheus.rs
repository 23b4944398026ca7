//! A real Prometheus scrapes `tracer serve`: its answers are what containers did, and dashboards that people have find their series.

use std::{fs, net::TcpListener, process::Command};

use tracer_tests::{
    command::Running,
    docker::{Docker, unique},
    level,
    scratch::Scratch,
    served::Served,
    wait,
};

use crate::serve::file_of;

const BYTES: f64 = 409_600.0;

/// A Prometheus that scrapes every second.
fn prometheus(scratch: &Scratch, target: &str) -> Served {
    let config = scratch.path("prometheus.yml");
    let text = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
         scrape_configs: [{{job_name: tracer, static_configs: [{{targets: ['{target}']}}]}}]\n"
    );
    fs::write(&config, text).expect("a configuration");
    // A port that was free a moment ago: it does not say which one it takes.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut command = Command::new("prometheus");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", scratch.path("data").display()));
    command.arg(format!("--web.listen-address={free}"));
    let running = Running::start(&mut command);
    let it = Served { running, address: free.to_string() };
    wait::until("Prometheus is ready", || {
        std::net::TcpStream::connect(free).ok()?;
        (it.get("/-/ready").status == 200).then_some(())
    });
    it
}

/// The samples that a query has now: their labels and values.
fn query(prometheus: &Served, text: &str) -> Vec<(serde_json::Value, f64)> {
    let escaped: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = prometheus.get(&format!("/api/v1/query?query={escaped}")).json();
    assert_eq!(answer["status"], "success", "{text}: {answer}");
    let result = answer["data"]["result"].as_array().expect("samples").clone();
    let number = |sample: &serde_json::Value| sample["value"][1].as_str().and_then(|text| text.parse().ok());
    result.iter().map(|sample| (sample["metric"].clone(), number(sample).expect("a number"))).collect()
}

fn value(prometheus: &Served, text: &str) -> Option<f64> {
    query(prometheus, text).first().map(|(_, number)| *number)
}

#[test]
fn prometheus_finds_what_containers_did_and_dashboards_find_their_series() {
    if !level::engine_or_skip() || !level::program_or_skip("prometheus") {
        return;
    }
    let scratch = Scratch::new();
    let served = Served::beside_engine(&["--container-label", "com.docker.compose.project"]);
    let prometheus = prometheus(&scratch, &served.address);
    let docker = Docker::default();
    let (name, idle) = (unique("scraped"), unique("scraped"));
    let script = format!(
        "while [ ! -e /from/go ]; do sleep 0.1; done; head -c {BYTES} /dev/zero >/tmp/x; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; touch /from/done; sleep 1000"
    );
    let options = ["--label", "com.docker.compose.project=shop"];
    // No command has to be run inside to let it begin: that writes, too.
    let shared = format!("{}:/from", scratch.dir().display());
    let container = docker.run(&name, &[&options[..], &["-v", &shared]].concat(), &["sh", "-c", &script]);
    let _idle = docker.run(&idle, &options, &["sleep", "1000"]);
    let is_known = format!("tracer_container_info{{name=\"{name}\"}}");
    wait::until("it is known", || value(&prometheus, &is_known));
    let written = format!("tracer_container_file_bytes_total{{name=\"{name}\",direction=\"write\"}}");
    // What its start wrote.
    let before = value(&prometheus, &written).unwrap_or(0.0);
    fs::write(scratch.path("go"), "").expect("a file");
    wait::until("its work is done", || fs::exists(scratch.path("done")).is_ok_and(|is_there| is_there).then_some(()));
    let sum = wait::until("all is scraped", || value(&prometheus, &written).filter(|sum| *sum - before >= BYTES));
    assert_eq!(sum - before, BYTES);
    // Nothing runs there any more, so the kernel's number and the scraped one come to the same.
    wait::until("the CPU time is that of the kernel", || {
        let ns = file_of(&container, "cpuacct.usage", "none").and_then(|text| text.trim().parse::<f64>().ok());
        let us = || {
            let text = file_of(&container, "none", "cpu.stat")?;
            text.lines().find_map(|line| line.strip_prefix("usage_usec "))?.parse::<f64>().ok()
        };
        let kernel_s = ns.map(|ns| ns / 1e9).or_else(|| us().map(|us| us / 1e6))?;
        let scraped = value(&prometheus, &format!("container_cpu_usage_seconds_total{{name=\"{name}\"}}"))?;
        (kernel_s > 0.05 && (scraped - kernel_s).abs() <= 0.02 * kernel_s).then_some(())
    });
    let both = format!("count(container_last_seen{{name=~\"{name}|{idle}\"}})");
    assert_eq!(value(&prometheus, &both), Some(2.0));
    assert_eq!(value(&prometheus, "up"), Some(1.0));
    let labels = query(&prometheus, &format!("container_start_time_seconds{{name=\"{name}\"}}"));
    assert_eq!(labels[0].0["container_label_com_docker_compose_project"], "shop", "{labels:?}");

    // What the dashboards 193 and 14282 and their like ask for.
    let mut asked = vec![
        "sum(rate(container_cpu_usage_seconds_total{name=~\".+\"}[1m])) by (name)",
        "sum(rate(container_cpu_user_seconds_total{image!=\"\"}[1m])) by (name)",
        "sum(container_memory_rss{name=~\".+\"}) by (name)",
        "sum(container_memory_cache{name=~\".+\"}) by (name)",
        "sum(container_memory_usage_bytes{image!=\"\"}) by (name)",
        "count(container_last_seen{image!=\"\"})",
        "machine_memory_bytes",
        "machine_cpu_cores",
    ];
    if !docker.output(&["inspect", "--format", "{{.NetworkSettings.IPAddress}}", &container.id]).is_empty() {
        asked.push("sum(rate(container_network_receive_bytes_total{name=~\".+\"}[1m])) by (name)");
        asked.push("sum(rate(container_network_transmit_bytes_total{name=~\".+\"}[1m])) by (name)");
    }
    for text in asked {
        wait::until(text, || (!query(&prometheus, text).is_empty()).then_some(()));
    }
}
