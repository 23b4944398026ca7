//! Any text as the files of a cgroup, of both interfaces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracer::resources::{Part, Resources, Version};

/// What stands between the files of an input.
const BETWEEN: char = '\u{1e}';
/// The files, in the order of the input.
const FILES: [&str; 14] = [
    "cpu.stat",
    "cpu.max",
    "cpuacct.stat",
    "cpuacct.usage",
    "memory.stat",
    "memory.events",
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "io.stat",
    "blkio.throttle.io_service_bytes_recursive",
    "blkio.throttle.io_serviced_recursive",
    "pids.max",
    "cpuset.cpus.effective",
    "cpu.pressure",
];

fuzz_target!(|text: &str| {
    for version in [Version::V1, Version::V2] {
        let mut file = |_, name: &str| {
            let at = FILES.iter().position(|file| *file == name)?;
            text.split(BETWEEN).nth(at).map(str::to_owned)
        };
        let read = Resources::read(&Part::ALL, &|_| version, &mut file);
        let _ = (read.cpu.quota_cpus(), read.cpu.shares_or_converted(), read.cpuset.cpu_count());
        assert!(read.memory.working_set() <= read.memory.usage);
        // In order, and each once.
        for devices in read.io.devices.iter().flat_map(|devices| devices.windows(2)) {
            assert!((devices[0].major, devices[0].minor) < (devices[1].major, devices[1].minor));
        }
    }
});
