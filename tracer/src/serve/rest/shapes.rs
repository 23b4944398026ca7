//! The objects of cAdvisor's API. What is not known is left out, which its clients allow everywhere. Integers are exact up to 2^64-1.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    resources::{Device, Limit, Stall},
    serve::{
        known::Known,
        measured::{Interface, Measured, Picture, Process},
    },
};

/// In place of a limit where there is none: of version 2 cgroups.
const NO_LIMIT: u64 = u64::MAX;

pub(super) fn time(ns: u64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(ns)).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_string()
}

/// Other names of a container.
pub(super) fn aliases(known: &Known) -> Vec<String> {
    let names = ["name", "id"].into_iter().map(|name| known.get(name).to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

/// An object without keys that have no value.
fn object(entries: Vec<(&str, Value)>) -> Value {
    let given = entries.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(given.map(|(key, value)| (key.to_owned(), value)).collect())
}

/// How a container is set up; `is_v2` has its other names in it.
pub(super) fn spec(known: Option<&Known>, now: &Measured, is_v2: bool) -> Value {
    let resources = &now.resources;
    let limit = |limit: Option<Limit>| limit.map(|limit| limit.value().unwrap_or(NO_LIMIT));
    let us = |ns: u64| ns / 1000;
    let cpu = object(vec![
        ("limit", json!(resources.cpu.shares_or_converted())),
        ("max_limit", json!(0)),
        ("mask", json!(resources.cpuset.effective_cpus)),
        ("quota", json!(resources.cpu.quota_ns.and_then(Limit::value).map(us))),
        ("period", json!(resources.cpu.period_ns.map(us))),
    ]);
    let memory = object(vec![
        ("limit", json!(limit(resources.memory.limit))),
        ("reservation", json!(resources.memory.reserved.map(|it| it.value().unwrap_or(0)))),
        ("swap_limit", json!(limit(resources.memory.swap_limit))),
    ]);
    let started = now.started_s.map(|seconds| time((seconds * 1e9) as u64));
    let mut entries = vec![
        ("creation_time", json!(started)),
        ("start_time", json!(started)),
        ("has_cpu", json!(resources.cpu.usage_ns.is_some())),
        ("cpu", cpu),
        ("has_memory", json!(resources.memory.usage.is_some())),
        ("memory", memory),
        ("has_hugetlb", json!(false)),
        ("has_network", json!(!now.interfaces.is_empty())),
        ("has_processes", json!(now.processes.is_some())),
        ("processes", object(vec![("limit", json!(resources.pids.limit.and_then(Limit::value)))])),
        ("has_filesystem", json!(false)),
        ("has_diskio", json!(resources.io.devices.is_some())),
        ("has_custom_metrics", json!(false)),
    ];
    if let Some(known) = known {
        entries.push(("labels", json!(known.labels)));
        entries.push(("image", json!(Some(known.get("image")).filter(|image| !image.is_empty()))));
        if is_v2 {
            entries.push(("aliases", json!(aliases(known))));
            entries.push(("namespace", json!(known.get("runtime"))));
        }
    }
    object(entries)
}

/// The last `count` of them; all for -1.
fn last(all: &[Measured], count: i64) -> &[Measured] {
    match usize::try_from(count) {
        Ok(count) => &all[all.len().saturating_sub(count)..],
        Err(_) => all,
    }
}

/// Samples of version 1, the oldest first.
pub(super) fn samples_v1(all: &[Measured], count: i64, picture: &Picture) -> Vec<Value> {
    let sample = |now: &Measured| {
        let mut sample = common(now, picture);
        sample.insert("network".to_owned(), network_v1(&now.interfaces));
        sample.insert("task_stats".to_owned(), json!({}));
        sample.insert("oom_events".to_owned(), json!(now.resources.memory.oom_kills.unwrap_or(0)));
        Value::Object(sample)
    };
    last(all, count).iter().map(sample).collect()
}

/// Samples of version 2.1, the oldest first, each with what a CPU second cost since the one before.
pub(super) fn samples_v2(all: &[Measured], count: i64, picture: &Picture) -> Vec<Value> {
    let mut samples = Vec::new();
    let mut before: Option<&Measured> = None;
    for now in all {
        let mut sample = common(now, picture);
        sample.insert(
            "network".to_owned(),
            json!({ "interfaces": now.interfaces.iter().map(interface).collect::<Vec<_>>() }),
        );
        sample.insert("load_stats".to_owned(), json!({}));
        if let Some(rate) = before.and_then(|before| rate(before, now)) {
            sample.insert("cpu_inst".to_owned(), rate);
        }
        samples.push(Value::Object(sample));
        before = Some(now);
    }
    let first = usize::try_from(count).map_or(0, |count| samples.len().saturating_sub(count));
    samples.split_off(first)
}

/// CPU in use between two samples, in billionths of a CPU.
fn rate(before: &Measured, now: &Measured) -> Option<Value> {
    let seconds = now.now_ns.checked_sub(before.now_ns).filter(|ns| *ns > 0)? as f64 / 1e9;
    let of = |value: fn(&Measured) -> Option<u64>| {
        let used = value(now)?.saturating_sub(value(before)?);
        Some((used as f64 / seconds) as u64)
    };
    Some(json!({ "usage": object(vec![
        ("total", json!(of(|it| it.resources.cpu.usage_ns))),
        ("user", json!(of(|it| it.resources.cpu.user_ns))),
        ("system", json!(of(|it| it.resources.cpu.system_ns))),
    ]) }))
}

/// What samples of both versions have.
fn common(now: &Measured, picture: &Picture) -> Map<String, Value> {
    let resources = &now.resources;
    let (cpu, memory) = (&resources.cpu, &resources.memory);
    let faults = object(vec![("pgfault", json!(memory.faults)), ("pgmajfault", json!(memory.major_faults))]);
    let entries = [
        ("timestamp", json!(time(now.now_ns))),
        (
            "cpu",
            object(vec![
                (
                    "usage",
                    object(vec![
                        ("total", json!(cpu.usage_ns)),
                        ("user", json!(cpu.user_ns)),
                        ("system", json!(cpu.system_ns)),
                    ]),
                ),
                (
                    "cfs",
                    object(vec![
                        ("periods", json!(cpu.periods)),
                        ("throttled_periods", json!(cpu.throttled_periods)),
                        ("throttled_time", json!(cpu.throttled_ns)),
                    ]),
                ),
                ("load_average", json!(0)),
                ("psi", pressure(&resources.pressure.cpu)),
            ]),
        ),
        ("diskio", object(vec![("io_service_bytes", bytes(now, picture)), ("io_serviced", counts(now, picture))])),
        (
            "memory",
            object(vec![
                ("usage", json!(memory.usage)),
                ("max_usage", json!(memory.peak)),
                ("cache", json!(memory.file)),
                ("rss", json!(memory.anon)),
                ("swap", json!(memory.swap)),
                ("mapped_file", json!(memory.mapped)),
                ("working_set", json!(memory.working_set())),
                ("total_active_file", json!(memory.active_file)),
                ("total_inactive_file", json!(memory.inactive_file)),
                ("failcnt", json!(memory.at_limit)),
                ("kernel", json!(memory.kernel)),
                ("container_data", faults.clone()),
                ("hierarchical_data", faults),
                ("psi", pressure(&resources.pressure.memory)),
            ]),
        ),
        (
            "processes",
            object(vec![
                ("process_count", json!(now.processes)),
                ("threads_current", json!(resources.pids.current)),
                ("threads_max", json!(resources.pids.limit.and_then(Limit::value))),
            ]),
        ),
    ];
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Microseconds, as the kernel's file has them; nothing where it has no such file.
fn pressure(stall: &Stall) -> Value {
    let side = |ns: Option<u64>, average: Option<u32>| {
        let average = average.map(|hundredths| f64::from(hundredths) / 100.0);
        ns.map_or(Value::Null, |ns| object(vec![("total", json!(ns / 1000)), ("avg10", json!(average))]))
    };
    let (some, full) = (side(stall.some_ns, stall.some_avg10), side(stall.full_ns, stall.full_avg10));
    if some.is_null() && full.is_null() { Value::Null } else { object(vec![("some", some), ("full", full)]) }
}

fn bytes(now: &Measured, picture: &Picture) -> Value {
    devices(now, picture, |device| [device.read_bytes, device.written_bytes])
}

fn counts(now: &Measured, picture: &Picture) -> Value {
    devices(now, picture, |device| [device.reads, device.writes])
}

fn devices(now: &Measured, picture: &Picture, of: fn(&Device) -> [Option<u64>; 2]) -> Value {
    let Some(devices) = &now.resources.io.devices else { return Value::Null };
    let one = |device: &Device| {
        let [read, written] = of(device).map(Option::unwrap_or_default);
        json!({
            "device": picture.devices.get(&(device.major, device.minor)),
            "major": device.major,
            "minor": device.minor,
            "stats": { "Read": read, "Write": written, "Total": read.saturating_add(written) },
        })
    };
    Value::Array(devices.iter().map(one).collect())
}

fn interface(it: &Interface) -> Value {
    let [rx_bytes, rx_packets, rx_errors, rx_dropped] = it.received;
    let [tx_bytes, tx_packets, tx_errors, tx_dropped] = it.sent;
    json!({
        "name": it.name, "rx_bytes": rx_bytes, "rx_packets": rx_packets, "rx_errors": rx_errors, "rx_dropped": rx_dropped,
        "tx_bytes": tx_bytes, "tx_packets": tx_packets, "tx_errors": tx_errors, "tx_dropped": tx_dropped,
    })
}

/// For old clients the first interface is there twice.
fn network_v1(interfaces: &[Interface]) -> Value {
    let mut network = interfaces.first().map_or_else(|| json!({}), interface);
    network["interfaces"] = Value::Array(interfaces.iter().map(interface).collect());
    network
}

/// What the last minute was like: CPU in thousandths, memory in bytes.
pub(super) fn summary(all: &[Measured]) -> Value {
    let cpu: Vec<f64> =
        all.windows(2).filter_map(|pair| Some(rate(&pair[0], &pair[1])?["usage"]["total"].as_f64()? / 1e6)).collect();
    let memory: Vec<f64> = all.iter().filter_map(|it| Some(it.resources.memory.usage? as f64)).collect();
    let newest = all.last();
    object(vec![
        ("timestamp", json!(newest.map(|it| time(it.now_ns)))),
        (
            "latest_usage",
            json!({ "cpu": cpu.last().map(|it| *it as u64), "memory": newest.and_then(|it| it.resources.memory.usage) }),
        ),
        ("minute_usage", json!({ "percent_complete": 100, "cpu": percentiles(cpu), "memory": percentiles(memory) })),
    ])
}

fn percentiles(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    let Some(max) = values.last().copied() else { return json!({ "present": false }) };
    let at = |percent: usize| values[(values.len() - 1) * percent / 100] as u64;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    json!({
        "present": true, "mean": mean as u64, "max": max as u64, "fifty": at(50), "ninety": at(90), "ninetyfive": at(95),
        "count": values.len(),
    })
}

/// The machine.
pub(super) fn machine(picture: &Picture) -> Value {
    let machine = &picture.machine;
    object(vec![
        ("timestamp", json!(time(picture.host.now_ns))),
        ("num_cores", json!(machine.cpus)),
        ("num_physical_cores", json!(machine.cores)),
        ("num_sockets", json!(machine.sockets)),
        ("memory_capacity", json!(picture.host.memory_limit)),
        ("swap_capacity", json!(machine.swap)),
        ("machine_id", json!(machine.machine_id)),
        ("boot_id", json!(machine.boot_id)),
        ("filesystems", json!([])),
        (
            "network_devices",
            Value::Array(picture.host.interfaces.iter().map(|it| json!({ "name": it.name })).collect()),
        ),
        ("topology", Value::Null),
        ("cloud_provider", json!("Unknown")),
        ("instance_type", json!("Unknown")),
    ])
}

/// A process. The command line, which may have secrets, is its name only.
pub(super) fn process(it: &Process, cgroup: &str) -> Value {
    object(vec![
        ("pid", json!(it.pid)),
        ("parent_pid", json!(it.parent)),
        ("start_time", json!(it.started_s.map(|seconds| time((seconds * 1e9) as u64)))),
        ("rss", json!(it.resident)),
        ("status", json!(it.state.to_string())),
        ("cgroup_path", json!(cgroup)),
        ("cmd", json!(it.name)),
    ])
}

/// The machine, flat.
pub(super) fn attributes(picture: &Picture) -> Value {
    let machine = &picture.machine;
    object(vec![
        ("kernel_version", json!(machine.kernel)),
        ("container_os_version", json!(machine.distribution)),
        ("cadvisor_version", json!(concat!("tracer ", env!("CARGO_PKG_VERSION")))),
        ("num_cores", json!(machine.cpus)),
        ("memory_capacity", json!(picture.host.memory_limit)),
        ("machine_id", json!(machine.machine_id)),
        ("cloud_provider", json!("Unknown")),
        ("instance_type", json!("Unknown")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(now_ns: u64, usage_ns: u64) -> Measured {
        let mut measured = Measured { now_ns, ..Measured::default() };
        measured.resources.cpu.usage_ns = Some(usage_ns);
        measured.resources.memory.limit = Some(Limit::Max);
        measured.resources.memory.usage = Some(u64::MAX);
        measured
    }

    #[test]
    fn integers_survive_up_to_the_greatest() {
        let picture = Picture::default();
        let all = [measured(1_500_000_000, 7)];
        let sample = &samples_v1(&all, -1, &picture)[0];
        assert_eq!(sample["memory"]["usage"].as_u64(), Some(u64::MAX));
        assert_eq!(sample["timestamp"], "1970-01-01T00:00:01.5Z");
        let text = spec(None, &all[0], false).to_string();
        assert!(text.contains("\"limit\":18446744073709551615"), "{text}");
    }

    #[test]
    fn samples_are_as_many_as_were_asked_for_with_the_newest_last() {
        let all: Vec<Measured> = (0..10).map(|at| measured(at * 1_000_000_000, at * 500_000_000)).collect();
        let picture = Picture::default();
        let count = |count| (samples_v1(&all, count, &picture).len(), samples_v2(&all, count, &picture).len());
        assert_eq!([count(-1), count(0), count(3), count(99)], [(10, 10), (0, 0), (3, 3), (10, 10)]);
        let newest = &samples_v2(&all, 1, &picture)[0];
        assert_eq!(newest["cpu_inst"]["usage"]["total"], 500_000_000);
        assert_eq!(newest["timestamp"], "1970-01-01T00:00:09Z");
        assert_eq!(summary(&all)["latest_usage"]["cpu"], 500, "thousandths of a CPU");
    }

    #[test]
    fn the_first_interface_is_there_for_old_clients() {
        let it = Interface { name: "eth0".into(), received: [1, 2, 3, 4], sent: [5, 6, 7, 8] };
        let network = network_v1(&[it]);
        assert_eq!(
            (&network["name"], &network["rx_bytes"], &network["interfaces"][0]["tx_dropped"]),
            (&json!("eth0"), &json!(1), &json!(8))
        );
    }
}
