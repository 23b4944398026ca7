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

/// One sample for the device of the writable layer.
fn of_layer(measured: &Measured, picture: &Picture, value: fn(&crate::serve::disk::Used) -> u64) -> Samples {
    let sample = |used: &crate::serve::disk::Used| {
        let name = picture.devices.get(&used.device).cloned().unwrap_or_default();
        (vec![("device", Cow::Owned(name))], value(used) as f64)
    };
    measured.disk.iter().map(sample).collect()
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
    family!("cpu_usage_seconds_total", Counter, "CPU time in user and kernel mode.", |it, _| {
        let total = it.resources.cpu.usage_ns.map(|ns| (vec![("cpu", Cow::Borrowed("total"))], to_seconds(ns)));
        total.into_iter().collect()
    }),
    family!("cpu_user_seconds_total", Counter, "CPU time in user mode.", |it, _| seconds(it.resources.cpu.user_ns)),
    family!("cpu_system_seconds_total", Counter, "CPU time in kernel mode.", |it, _| seconds(
        it.resources.cpu.system_ns
    )),
    family!("cpu_cfs_periods_total", Counter, "CPU quota periods in which a task ran.", |it, _| {
        count(with_quota(it, it.resources.cpu.periods))
    }),
    family!(
        "cpu_cfs_throttled_periods_total",
        Counter,
        "CPU quota periods in which the quota was used up.",
        |it, _| { count(with_quota(it, it.resources.cpu.throttled_periods)) }
    ),
    family!(
        "cpu_cfs_throttled_seconds_total",
        Counter,
        "Time that tasks waited because the CPU quota was used up.",
        |it, _| { seconds(with_quota(it, it.resources.cpu.throttled_ns)) }
    ),
    family!("memory_usage_bytes", Gauge, "Memory usage in bytes, including the page cache.", |it, _| count(
        it.resources.memory.usage
    )),
    family!("memory_working_set_bytes", Gauge, "Memory usage in bytes without inactive page cache.", |it, _| {
        count(it.resources.memory.working_set())
    }),
    family!("memory_rss", Gauge, "Anonymous memory in bytes.", |it, _| count(it.resources.memory.anon)),
    family!("memory_cache", Gauge, "Page cache in bytes, including shared memory.", |it, _| count(
        it.resources.memory.file
    )),
    family!("memory_swap", Gauge, "Swap usage in bytes.", |it, _| count(it.resources.memory.swap)),
    family!("memory_mapped_file", Gauge, "Mapped files in bytes.", |it, _| count(it.resources.memory.mapped)),
    family!("memory_max_usage_bytes", Gauge, "Peak memory usage in bytes.", |it, _| count(it.resources.memory.peak)),
    family!("memory_failcnt", Counter, "Times the memory limit was reached.", |it, _| count(
        it.resources.memory.at_limit
    )),
    family!("memory_kernel_usage", Gauge, "Kernel memory in bytes.", |it, _| count(it.resources.memory.kernel)),
    family!("memory_total_active_file_bytes", Gauge, "Active page cache in bytes.", |it, _| {
        count(it.resources.memory.active_file)
    }),
    family!(
        "memory_total_inactive_file_bytes",
        Gauge,
        "Inactive page cache in bytes, which is reclaimed first.",
        |it, _| { count(it.resources.memory.inactive_file) }
    ),
    family!("memory_failures_total", Counter, "Page faults; pgmajfault are those that read from a device.", |it, _| {
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
    family!("oom_events_total", Counter, "Processes killed by the OOM killer.", |it, _| count(
        it.resources.memory.oom_kills
    )),
    family!("fs_usage_bytes", Gauge, "Bytes in the writable layer. Only with --disk-usage.", |it, all| {
        of_layer(it, all, |used| used.bytes)
    }),
    family!(
        "fs_limit_bytes",
        Gauge,
        "Size in bytes of the file system with the writable layer. Only with --disk-usage.",
        |it, all| of_layer(it, all, |used| used.limit)
    ),
    family!("fs_reads_bytes_total", Counter, "Bytes read from block devices.", |it, all| {
        by_device(it, all, |device| device.read_bytes)
    }),
    family!("fs_writes_bytes_total", Counter, "Bytes written to block devices.", |it, all| {
        by_device(it, all, |device| device.written_bytes)
    }),
    family!("fs_reads_total", Counter, "Reads from block devices.", |it, all| by_device(it, all, |device| device
        .reads)),
    family!("fs_writes_total", Counter, "Writes to block devices.", |it, all| by_device(it, all, |device| device
        .writes)),
    family!(
        "blkio_device_usage_total",
        Counter,
        "Bytes read from and written to block devices, by operation.",
        |it, all| {
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
        }
    ),
    family!("network_receive_bytes_total", Counter, "Bytes received.", |it, _| by_interface(it, |it| it.received[0])),
    family!("network_receive_packets_total", Counter, "Packets received.", |it, _| by_interface(it, |it| it.received
        [1])),
    family!("network_receive_errors_total", Counter, "Receive errors.", |it, _| by_interface(it, |it| it.received[2])),
    family!("network_receive_packets_dropped_total", Counter, "Received packets that were dropped.", |it, _| {
        by_interface(it, |it| it.received[3])
    }),
    family!("network_transmit_bytes_total", Counter, "Bytes sent.", |it, _| by_interface(it, |it| it.sent[0])),
    family!("network_transmit_packets_total", Counter, "Packets sent.", |it, _| by_interface(it, |it| it.sent[1])),
    family!("network_transmit_errors_total", Counter, "Send errors.", |it, _| by_interface(it, |it| it.sent[2])),
    family!("network_transmit_packets_dropped_total", Counter, "Packets dropped before they were sent.", |it, _| {
        by_interface(it, |it| it.sent[3])
    }),
    family!("processes", Gauge, "Processes, including those in nested cgroups.", |it, _| count(it.processes)),
    family!("threads", Gauge, "Threads.", |it, _| count(it.resources.pids.current)),
    family!("threads_max", Gauge, "Thread limit; 0 means no limit.", |it, _| limit(it.resources.pids.limit)),
    family!(
        "pressure_cpu_waiting_seconds_total",
        Counter,
        "Time in which at least one task waited for a CPU.",
        |it, _| { seconds(it.resources.pressure.cpu.some_ns) }
    ),
    family!("pressure_cpu_stalled_seconds_total", Counter, "Time in which all tasks waited for a CPU.", |it, _| {
        seconds(it.resources.pressure.cpu.full_ns)
    }),
    family!(
        "pressure_memory_waiting_seconds_total",
        Counter,
        "Time in which at least one task waited for memory.",
        |it, _| { seconds(it.resources.pressure.memory.some_ns) }
    ),
    family!("pressure_memory_stalled_seconds_total", Counter, "Time in which all tasks waited for memory.", |it, _| {
        seconds(it.resources.pressure.memory.full_ns)
    }),
    family!(
        "pressure_io_waiting_seconds_total",
        Counter,
        "Time in which at least one task waited for I/O.",
        |it, _| { seconds(it.resources.pressure.io.some_ns) }
    ),
    family!("pressure_io_stalled_seconds_total", Counter, "Time in which all tasks waited for I/O.", |it, _| {
        seconds(it.resources.pressure.io.full_ns)
    }),
    family!("last_seen", Gauge, "When the container was last seen, seconds since the epoch.", |it, _| {
        plain(Some((it.now_ns / 1_000_000_000) as f64))
    }),
    family!("start_time_seconds", Gauge, "When the first process started, seconds since the epoch.", |it, _| plain(
        it.started_s
    )),
    family!("spec_cpu_period", Gauge, "CPU quota period in microseconds.", |it, _| {
        count(it.resources.cpu.period_ns.map(|ns| ns / 1000))
    }),
    family!("spec_cpu_quota", Gauge, "CPU time allowed per period, in microseconds.", |it, _| {
        count(it.resources.cpu.quota_ns.and_then(Limit::value).map(|ns| ns / 1000))
    }),
    family!("spec_cpu_shares", Gauge, "CPU shares relative to other cgroups; the default is 1024.", |it, _| {
        count(it.resources.cpu.shares_or_converted())
    }),
    family!("spec_memory_limit_bytes", Gauge, "Memory limit in bytes; 0 means no limit.", |it, _| {
        limit(it.resources.memory.limit)
    }),
    family!("spec_memory_reservation_limit_bytes", Gauge, "Memory reservation in bytes; 0 means none.", |it, _| {
        limit(it.resources.memory.reserved)
    }),
    family!("spec_memory_swap_limit_bytes", Gauge, "Swap limit in bytes; 0 means no limit.", |it, _| {
        limit(it.resources.memory.swap_limit)
    }),
];

/// A container with the labels of all of its samples.
pub(super) struct Subject<'a> {
    pub(super) labels: Vec<(String, String)>,
    pub(super) measured: &'a Measured,
    /// Its place among containers; the machine has none.
    pub(super) rank: Option<usize>,
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
            subject.rank.into_iter().for_each(|rank| text.container(rank, false));
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
        let subjects = [Subject { labels: vec![("id".into(), "/x".into())], measured: &measured, rank: Some(0) }];
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
        write(&[Subject { labels: Vec::new(), measured: &measured, rank: None }], &picture, &mut text);
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
