//! What containers and pods use, from the files of their cgroups, beside what their engine was told to allow.

use std::{thread, time::Duration};

use serde_json::Value;
use tracer_tests::{
    command::{output, tracer},
    containerd::Containerd,
    docker::{Docker, unique},
    level,
    session::Session,
};

/// Fills memory that counts for the container, and uses up its quota of CPU time.
const LOAD: &str = "dd if=/dev/zero of=/t/x bs=1M count=24 status=none; while true; do :; done";
const MIB: f64 = (1 << 20) as f64;

/// The rows of the last whole table in JSON, by the names of its columns.
fn rows(lines: &[String]) -> Vec<Vec<(String, Value)>> {
    let mut tables = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let table = tables.rfind(|table| table["data"].as_array().is_some_and(|rows| !rows.is_empty()));
    let table = table.unwrap_or_else(|| panic!("no table: {lines:?}"));
    let names: Vec<String> = table["info"]
        .as_array()
        .expect("columns")
        .iter()
        .filter(|column| !column.is_null())
        .map(|column| column["name"].as_str().expect("a name").to_owned())
        .collect();
    let row = |row: &Value| names.iter().cloned().zip(row.as_array().expect("a row").iter().cloned()).collect();
    table["data"].as_array().expect("rows").iter().map(row).collect()
}

fn number(row: &[(String, Value)], name: &str) -> Option<f64> {
    row.iter().find(|(own, _)| own == name).unwrap_or_else(|| panic!("no column {name}: {row:?}")).1.as_f64()
}

#[test]
fn memory_limit_and_throttling_of_a_container_are_those_that_were_set() {
    if !level::engine_or_skip() {
        return;
    }
    let name = unique("mem");
    let options = ["--memory", "96m", "--cpus", "0.2", "--tmpfs", "/t"];
    let container = Docker::default().run(&name, &options, &["sh", "-c", LOAD]);
    let other = Docker::default().run(&unique("free"), &[], &["sleep", "1000"]);
    let session = Session::table_of(&mut tracer(["-c", "topcontainers_mem"]));
    thread::sleep(Duration::from_millis(3500));
    let text = session.end();
    assert!(text.lines.iter().any(|line| line.contains(&name) && line.contains("96.00MB")), "{:?}", text.lines);
    let json = output(["-M", "4", "-j", "-c", "topcontainers_mem"]);
    let rows = rows(&json.lines);
    let of = |name: &str| {
        let row = rows.iter().find(|row| row.iter().any(|(_, value)| value == name));
        row.unwrap_or_else(|| panic!("no row of {name}: {rows:?} {}", json.errors))
    };
    let row = of(&name);
    let usage = number(row, "container.mem.usage").expect("memory");
    assert!((24.0 * MIB..96.0 * MIB).contains(&usage), "{usage}");
    let working_set = number(row, "container.mem.working_set").expect("a working set");
    assert!((24.0 * MIB..=usage).contains(&working_set), "{working_set} of {usage}");
    assert_eq!(number(row, "container.mem.limit"), Some(96.0 * MIB));
    let percent = number(row, "container.mem.percent").expect("a part");
    assert!((percent - 100.0 * working_set / (96.0 * MIB)).abs() < 0.1, "{percent}");
    assert!(number(row, "container.mem.peak").is_none_or(|peak| peak >= usage), "{row:?}");
    // A loop that may use a fifth of a CPU waits for most of the time.
    let throttled = number(row, "container.cpu.throttled").expect("a quota");
    assert!((3e8..3e9).contains(&throttled), "{throttled}");
    let free = of(&other.name);
    assert!(number(free, "container.mem.usage").is_some_and(|usage| usage > 0.0), "{free:?}");
    assert_eq!(number(free, "container.mem.percent").is_some(), number(free, "container.mem.limit").is_some());
    drop(container);
}

#[test]
fn memory_of_a_pod_is_that_of_all_its_containers() {
    if !(level::root_or_skip() && level::program_or_skip("containerd")) {
        return;
    }
    let containerd = Containerd::start();
    let pod = containerd.pod("cache-0", "burstable", &[("statefulset.kubernetes.io/pod-name", "cache-0")]);
    let fill = "dd if=/dev/zero of=/dev/shm/$0 bs=1M count=10 status=none; exec sleep 1000";
    for name in ["one", "two"] {
        let _ = pod.run(name, 0, &["sh", "-c", &fill.replace("$0", name)]);
    }
    thread::sleep(Duration::from_millis(500));
    let json = output(["-M", "3", "-j", "--engine-socket", &containerd.argument(), "-c", "toppods_mem"]);
    let rows = rows(&json.lines);
    let mine: Vec<_> = rows
        .iter()
        .filter(|row| row.iter().any(|(name, value)| name == "k8s.pod.name" && value == "cache-0"))
        .collect();
    assert_eq!(mine.len(), 1, "{rows:?} {}", json.errors);
    let usage = number(mine[0], "k8s.pod.mem.usage").expect("memory");
    assert!((20.0 * MIB..80.0 * MIB).contains(&usage), "{usage}");
    // On the screen, too: the row of a pod has the numbers of its cgroup.
    let arguments = ["top", "-v", "kubernetes_pods", "--plain", "-M", "3", "--engine-socket", &containerd.argument()];
    let screen = output(arguments);
    let row = screen.lines.iter().rev().find(|line| line.contains("cache-0"));
    let row = row.unwrap_or_else(|| panic!("{:?} {}", screen.lines, screen.errors));
    assert!(row.split_whitespace().any(|cell| cell.ends_with("MB")), "{row}: {:?}", screen.lines);
}
