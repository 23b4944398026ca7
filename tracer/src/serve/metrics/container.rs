//! `container_*` and `machine_*`: metrics with the names, types, labels and meanings that dashboards of cAdvisor know, from files of the
//! kernel. A row each. What the kernel does not have is left out.

use std::borrow::Cow;

use super::text::{Kind, Text};
use crate::{
    resources::Limit,
    serve::measured::{Measured, Picture},
};

/// Samples of a container: labels of their own, and values.
type Samples = Vec<(Vec<(&'static str, Cow<'static, str>)>, f64)>;

/// A family.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    of: fn(&Measured, &Picture) -> Samples,
}

/// One sample without labels, if there is a value.
fn plain(value: Option<f64>) -> Samples {
    value.map(|value| (Vec::new(), value)).into_iter().collect()
}

/// A count or bytes.
fn count(value: Option<u64>) -> Samples {
    plain(value.map(|value| value as f64))
}

fn seconds(ns: Option<u64>) -> Samples {
    plain(ns.map(to_seconds))
}

fn to_seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// A limit; 0 stands for none.
fn limit(limit: Option<Limit>) -> Samples {
    plain(limit.map(|limit| limit.value().unwrap_or(0) as f64))
}

/// Only of what has a quota.
fn with_quota(measured: &Measured, value: Option<u64>) -> Option<u64> {
    measured.resources.cpu.quota_ns?.value().and(value)
}

/// One sample for each device.
fn by_device(measured: &Measured, picture: &Picture, value: fn(&crate::resources::Device) -> Option<u64>) -> Samples {
    let devices = measured.resources.io.devices.iter().flatten();
    let sample = |device: &crate::resources::Device| {
        let name = picture.devices.get(&(device.major, device.minor)).cloned().unwrap_or_default();
        Some((vec![("device", Cow::Owned(name))], value(device)? as f64))
    };
    devices.filter_map(sample).collect()
}

/// One sample for each network interface.
fn by_interface(measured: &Measured, value: fn(&crate::serve::measured::Interface) -> u64) -> Samples {
    let interfaces = measured.interfaces.iter();
    interfaces.map(|it| (vec![("interface", Cow::Owned(it.name.clone()))], value(it) as f64)).collect()
}

macro_rules! family {
    ($name:literal, $kind:ident, $help:literal, $of:expr) => {
        Family { name: concat!("container_", $name), kind: Kind::$kind, help: $help, of: $of }
    };
}

/// The families, in the order in which they are written.
pub(super) const FAMILIES: &[Family] = &[
    family!("cpu_usage_seconds_total", Counter, "CPU time.", |it, _| {
        let total = it.resources.cpu.usage_ns.map(|ns| (vec![("cpu", Cow::Borrowed("total"))], to_seconds(ns)));
        total.into_iter().collect()
    }),
    family!("cpu_user_seconds_total", Counter, "CPU time of programs.", |it, _| seconds(it.resources.cpu.user_ns)),
    family!("cpu_system_seconds_total", Counter, "CPU time of the kernel.", |it, _| seconds(
        it.resources.cpu.system_ns
    )),
    family!("cpu_cfs_periods_total", Counter, "Periods of the CPU quota in which something ran.", |it, _| {
        count(with_quota(it, it.resources.cpu.periods))
    }),
    family!("cpu_cfs_throttled_periods_total", Counter, "Those of them in which the quota was used up.", |it, _| {
        count(with_quota(it, it.resources.cpu.throttled_periods))
    }),
    family!("cpu_cfs_throttled_seconds_total", Counter, "How long tasks waited for the next period.", |it, _| {
        seconds(with_quota(it, it.resources.cpu.throttled_ns))
    }),
    family!("memory_usage_bytes", Gauge, "Memory, page cache included.", |it, _| count(it.resources.memory.usage)),
    family!("memory_working_set_bytes", Gauge, "Memory less the page cache that was not used lately.", |it, _| {
        count(it.resources.memory.working_set())
    }),
    family!("memory_rss", Gauge, "Bytes of memory of processes that are not of files.", |it, _| count(
        it.resources.memory.anon
    )),
    family!("memory_cache", Gauge, "Bytes of page cache, shared memory included.", |it, _| count(
        it.resources.memory.file
    )),
    family!("memory_swap", Gauge, "Bytes in swap.", |it, _| count(it.resources.memory.swap)),
    family!("memory_mapped_file", Gauge, "Bytes of mapped files.", |it, _| count(it.resources.memory.mapped)),
    family!("memory_max_usage_bytes", Gauge, "The most memory that it had.", |it, _| count(it.resources.memory.peak)),
    family!("memory_failcnt", Counter, "How often the limit of memory was reached.", |it, _| count(
        it.resources.memory.at_limit
    )),
    family!("memory_kernel_usage", Gauge, "Bytes of kernel memory.", |it, _| count(it.resources.memory.kernel)),
    family!("memory_total_active_file_bytes", Gauge, "Page cache that was used lately.", |it, _| {
        count(it.resources.memory.active_file)
    }),
    family!("memory_total_inactive_file_bytes", Gauge, "Page cache that can go first.", |it, _| {
        count(it.resources.memory.inactive_file)
    }),
    family!("memory_failures_total", Counter, "Page faults, those that waited for a device apart.", |it, _| {
        let memory = &it.resources.memory;
        let types = [("pgfault", memory.faults), ("pgmajfault", memory.major_faults)];
        let scopes = |(kind, value): (&'static str, Option<u64>)| {
            ["container", "hierarchy"].into_iter().filter_map(move |scope| {
                let labels = vec![("failure_type", Cow::Borrowed(kind)), ("scope", Cow::Borrowed(scope))];
                Some((labels, value? as f64))
            })
        };
        types.into_iter().flat_map(scopes).collect()
    }),
    family!("oom_events_total", Counter, "Processes that the OOM killer ended.", |it, _| count(
        it.resources.memory.oom_kills
    )),
    family!("fs_reads_bytes_total", Counter, "Bytes that were read from block devices.", |it, all| {
        by_device(it, all, |device| device.read_bytes)
    }),
    family!("fs_writes_bytes_total", Counter, "Bytes that were written to block devices.", |it, all| {
        by_device(it, all, |device| device.written_bytes)
    }),
    family!("fs_reads_total", Counter, "Reads from block devices.", |it, all| by_device(it, all, |device| device
        .reads)),
    family!("fs_writes_total", Counter, "Writes to block devices.", |it, all| by_device(it, all, |device| device
        .writes)),
    family!("blkio_device_usage_total", Counter, "Bytes of block devices by operation.", |it, all| {
        let mut samples = Vec::new();
        for device in it.resources.io.devices.iter().flatten() {
            let name = all.devices.get(&(device.major, device.minor)).cloned().unwrap_or_default();
            for (operation, value) in [("Read", device.read_bytes), ("Write", device.written_bytes)] {
                let labels = vec![
                    ("device", Cow::Owned(name.clone())),
                    ("major", Cow::Owned(device.major.to_string())),
                    ("minor", Cow::Owned(device.minor.to_string())),
                    ("operation", Cow::Borrowed(operation)),
                ];
                samples.extend(value.map(|value| (labels, value as f64)));
            }
        }
        samples
    }),
    family!("network_receive_bytes_total", Counter, "Bytes that came in.", |it, _| by_interface(it, |it| it.received
        [0])),
    family!("network_receive_packets_total", Counter, "Packets that came in.", |it, _| by_interface(it, |it| it
        .received[1])),
    family!("network_receive_errors_total", Counter, "Errors while receiving.", |it, _| by_interface(it, |it| it
        .received[2])),
    family!("network_receive_packets_dropped_total", Counter, "Packets that came in and were dropped.", |it, _| {
        by_interface(it, |it| it.received[3])
    }),
    family!("network_transmit_bytes_total", Counter, "Bytes that went out.", |it, _| by_interface(it, |it| it.sent[0])),
    family!("network_transmit_packets_total", Counter, "Packets that went out.", |it, _| by_interface(it, |it| it
        .sent[1])),
    family!("network_transmit_errors_total", Counter, "Errors while sending.", |it, _| by_interface(it, |it| it.sent
        [2])),
    family!(
        "network_transmit_packets_dropped_total",
        Counter,
        "Packets that were dropped before they went out.",
        |it, _| { by_interface(it, |it| it.sent[3]) }
    ),
    family!("processes", Gauge, "Processes, those of nested cgroups included.", |it, _| count(it.processes)),
    family!("threads", Gauge, "Threads.", |it, _| count(it.resources.pids.current)),
    family!("threads_max", Gauge, "How many threads there may be; 0 for no limit.", |it, _| limit(
        it.resources.pids.limit
    )),
    family!("pressure_cpu_waiting_seconds_total", Counter, "How long at least one task waited for a CPU.", |it, _| {
        seconds(it.resources.pressure.cpu.some_ns)
    }),
    family!("pressure_cpu_stalled_seconds_total", Counter, "How long all tasks waited for a CPU.", |it, _| {
        seconds(it.resources.pressure.cpu.full_ns)
    }),
    family!(
        "pressure_memory_waiting_seconds_total",
        Counter,
        "How long at least one task waited for memory.",
        |it, _| { seconds(it.resources.pressure.memory.some_ns) }
    ),
    family!("pressure_memory_stalled_seconds_total", Counter, "How long all tasks waited for memory.", |it, _| {
        seconds(it.resources.pressure.memory.full_ns)
    }),
    family!("pressure_io_waiting_seconds_total", Counter, "How long at least one task waited for I/O.", |it, _| {
        seconds(it.resources.pressure.io.some_ns)
    }),
    family!("pressure_io_stalled_seconds_total", Counter, "How long all tasks waited for I/O.", |it, _| {
        seconds(it.resources.pressure.io.full_ns)
    }),
    family!("last_seen", Gauge, "When it was seen last, seconds since the epoch.", |it, _| {
        plain(Some((it.now_ns / 1_000_000_000) as f64))
    }),
    family!("start_time_seconds", Gauge, "When its first process began, seconds since the epoch.", |it, _| plain(
        it.started_s
    )),
    family!("spec_cpu_period", Gauge, "Length of a period of the CPU quota, microseconds.", |it, _| {
        count(it.resources.cpu.period_ns.map(|ns| ns / 1000))
    }),
    family!("spec_cpu_quota", Gauge, "CPU time that may be used in a period, microseconds.", |it, _| {
        count(it.resources.cpu.quota_ns.and_then(Limit::value).map(|ns| ns / 1000))
    }),
    family!("spec_cpu_shares", Gauge, "Its share of the CPUs beside others, usually 1024.", |it, _| {
        count(it.resources.cpu.shares_or_converted())
    }),
    family!("spec_memory_limit_bytes", Gauge, "How much memory it may have; 0 for no limit.", |it, _| {
        limit(it.resources.memory.limit)
    }),
    family!("spec_memory_reservation_limit_bytes", Gauge, "How much memory is kept for it; 0 for none.", |it, _| {
        limit(it.resources.memory.reserved)
    }),
    family!("spec_memory_swap_limit_bytes", Gauge, "How much swap it may have; 0 for no limit.", |it, _| {
        limit(it.resources.memory.swap_limit)
    }),
];

/// A container with the labels of all of its samples.
pub(super) struct Subject<'a> {
    pub(super) labels: Vec<(String, String)>,
    pub(super) measured: &'a Measured,
}

/// Writes all families that any of these has.
pub(super) fn write(subjects: &[Subject<'_>], picture: &Picture, text: &mut Text) {
    for family in FAMILIES {
        let mut has_begun = false;
        for subject in subjects {
            let samples = (family.of)(subject.measured, picture);
            if samples.is_empty() {
                continue;
            }
            if !std::mem::replace(&mut has_begun, true) {
                text.family(family.name, family.kind, family.help);
            }
            let common: Vec<(&str, &str)> = subject.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
            for (labels, value) in samples {
                let own: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, &**value)).collect();
                text.sample(&common, &own, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::resources::{Device, Resources};

    #[test]
    fn names_are_there_once_and_say_what_they_are() {
        let names: HashSet<&str> = FAMILIES.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), FAMILIES.len());
        for family in FAMILIES {
            let is_old_name = family.name == "container_memory_failcnt";
            assert_eq!(family.name.ends_with("_total") || is_old_name, family.kind == Kind::Counter, "{}", family.name);
        }
    }

    #[test]
    fn what_the_kernel_does_not_have_is_left_out() {
        let mut text = Text::default();
        let measured = Measured { now_ns: 5_000_000_000, ..Measured::default() };
        let subjects = [Subject { labels: vec![("id".into(), "/x".into())], measured: &measured }];
        write(&subjects, &Picture::default(), &mut text);
        let text = text.into_text();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(samples, ["container_last_seen{id=\"/x\"} 5"]);
    }

    #[test]
    fn numbers_have_base_units() {
        let mut resources = Resources::default();
        resources.cpu.usage_ns = Some(1_500_000_000);
        resources.cpu.throttled_ns = Some(250_000_000);
        resources.memory.limit = Some(Limit::Max);
        resources.io.devices = Some(vec![Device { major: 8, minor: 0, read_bytes: Some(4096), ..Device::default() }]);
        let measured = Measured { resources, ..Measured::default() };
        let picture = Picture { devices: [((8, 0), "/dev/sda".to_owned())].into(), ..Picture::default() };
        let mut text = Text::default();
        write(&[Subject { labels: Vec::new(), measured: &measured }], &picture, &mut text);
        let text = text.into_text();
        for line in [
            "container_cpu_usage_seconds_total{cpu=\"total\"} 1.5",
            "container_spec_memory_limit_bytes 0",
            "container_fs_reads_bytes_total{device=\"/dev/sda\"} 4096",
            "container_blkio_device_usage_total{device=\"/dev/sda\",major=\"8\",minor=\"0\",operation=\"Read\"} 4096",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        assert!(!text.contains("throttled"), "it has no quota");
    }
}
