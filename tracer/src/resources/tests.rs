//! The texts of both interfaces as kernels write them, and what is made of them.

use std::collections::HashMap;

use super::*;

fn read(version: Version, files: &[(&str, &str)]) -> Resources {
    let files: HashMap<&str, &str> = files.iter().copied().collect();
    let mut file = |_, name: &str| files.get(name).map(|text| (*text).to_owned());
    Resources::read(&Part::ALL, &|_| version, &mut file)
}

/// A container of Docker with `--memory 64m --memory-swap 96m --cpus 1.5` on a v1 host.
const OF_V1: &[(&str, &str)] = &[
    ("cpu.stat", "nr_periods 31\nnr_throttled 7\nthrottled_time 123456789\nnr_bursts 1\nburst_time 5\n"),
    ("cpuacct.stat", "user 1234\nsystem 56\n"),
    ("cpuacct.usage", "12900000017\n"),
    ("cpu.cfs_quota_us", "150000\n"),
    ("cpu.cfs_period_us", "100000\n"),
    ("cpu.shares", "1024\n"),
    ("memory.usage_in_bytes", "41943040\n"),
    ("memory.max_usage_in_bytes", "67108864\n"),
    ("memory.limit_in_bytes", "67108864\n"),
    ("memory.memsw.limit_in_bytes", "100663296\n"),
    ("memory.soft_limit_in_bytes", "9223372036854771712\n"),
    ("memory.kmem.usage_in_bytes", "1048576\n"),
    ("memory.failcnt", "3\n"),
    ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
    (
        "memory.stat",
        "cache 1\nrss 2\nmapped_file 3\nswap 4\npgfault 5\npgmajfault 6\ninactive_file 7\nactive_file 8\n\
            hierarchical_memory_limit 67108864\ntotal_cache 20971520\ntotal_rss 19922944\ntotal_shmem 4096\n\
            total_mapped_file 8192\ntotal_dirty 12288\ntotal_writeback 0\ntotal_swap 16384\ntotal_pgfault 900\n\
            total_pgmajfault 9\ntotal_inactive_file 10485760\ntotal_active_file 10481664\n",
    ),
    (
        "blkio.throttle.io_service_bytes_recursive",
        "8:16 Read 4096\n8:16 Write 0\n8:16 Sync 4096\n8:16 Async 0\n8:16 Discard 0\n8:16 Total 4096\n\
            8:0 Read 18446744073709551615\n8:0 Write 512\n8:0 Total 1\nTotal 4097\n",
    ),
    ("blkio.throttle.io_serviced_recursive", "8:16 Read 1\n8:16 Write 0\n8:16 Discard 0\n8:0 Read 9\nTotal 10\n"),
    ("pids.current", "12\n"),
    ("pids.max", "max\n"),
    ("pids.events", "max 0\n"),
    ("cpuset.cpus", "0-3\n"),
    ("cpuset.effective_cpus", "0-1\n"),
    ("cpuset.mems", "0\n"),
    ("cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"),
];

#[test]
fn the_texts_of_v1_are_read() {
    let read = read(Version::V1, OF_V1);
    let cpu = &read.cpu;
    assert_eq!(
        (cpu.usage_ns, cpu.user_ns, cpu.system_ns),
        (Some(12_900_000_017), Some(12_340_000_000), Some(560_000_000))
    );
    assert_eq!((cpu.periods, cpu.throttled_periods, cpu.throttled_ns), (Some(31), Some(7), Some(123_456_789)));
    assert_eq!((cpu.bursts, cpu.burst_ns), (Some(1), Some(5)));
    assert_eq!((cpu.quota_ns, cpu.period_ns), (Some(Limit::At(150_000_000)), Some(100_000_000)));
    assert_eq!((cpu.quota_cpus(), cpu.shares_or_converted(), cpu.weight), (Some(1.5), Some(1024), None));
    let memory = &read.memory;
    assert_eq!(memory.usage, Some(41_943_040));
    assert_eq!(memory.working_set(), Some(31_457_280));
    assert_eq!((memory.peak, memory.limit), (Some(67_108_864), Some(Limit::At(67_108_864))));
    assert_eq!((memory.swap, memory.swap_limit), (Some(16_384), Some(Limit::At(33_554_432))));
    assert_eq!((memory.anon, memory.file, memory.mapped), (Some(19_922_944), Some(20_971_520), Some(8_192)));
    assert_eq!((memory.shmem, memory.dirty, memory.writeback), (Some(4_096), Some(12_288), Some(0)));
    assert_eq!((memory.kernel, memory.faults, memory.major_faults), (Some(1_048_576), Some(900), Some(9)));
    assert_eq!((memory.at_limit, memory.oom, memory.oom_kills), (Some(3), None, Some(2)));
    assert_eq!((memory.reserved, memory.high), (Some(Limit::Max), None));
    let devices = read.io.devices.as_deref().unwrap();
    assert_eq!(
        devices,
        [
            Device {
                major: 8,
                minor: 0,
                read_bytes: Some(u64::MAX),
                written_bytes: Some(512),
                reads: Some(9),
                ..Device::default()
            },
            Device {
                major: 8,
                minor: 16,
                read_bytes: Some(4096),
                written_bytes: Some(0),
                discarded_bytes: Some(0),
                reads: Some(1),
                writes: Some(0),
                discards: Some(0),
            },
        ]
    );
    let pids = &read.pids;
    assert_eq!((pids.current, pids.peak, pids.limit, pids.at_limit), (Some(12), None, Some(Limit::Max), Some(0)));
    assert_eq!((read.cpuset.cpus.as_deref(), read.cpuset.cpu_count()), (Some("0-3"), Some(2)));
    assert_eq!(read.pressure, Pressure::default(), "v1 has none");
}

/// A container of a v2 host with all controllers.
const OF_V2: &[(&str, &str)] = &[
    (
        "cpu.stat",
        "usage_usec 12900000\nuser_usec 12340000\nsystem_usec 560000\nnice_usec 0\ncore_sched.force_idle_usec 0\n\
            nr_periods 31\nnr_throttled 7\nthrottled_usec 123456\nnr_bursts 1\nburst_usec 5\n",
    ),
    ("cpu.max", "max 100000\n"),
    ("cpu.weight", "39\n"),
    ("memory.current", "41943040\n"),
    ("memory.peak", "67108864\n"),
    ("memory.max", "67108864\n"),
    ("memory.min", "0\n"),
    ("memory.high", "max\n"),
    ("memory.swap.current", "16384\n"),
    ("memory.swap.max", "0\n"),
    ("memory.events", "low 0\nhigh 4\nmax 3\noom 2\noom_kill 1\noom_group_kill 0\n"),
    (
        "memory.stat",
        "anon 19922944\nfile 20971520\nkernel 1048576\nkernel_stack 65536\npagetables 4096\nsock 0\nshmem 4096\n\
            file_mapped 8192\nfile_dirty 12288\nfile_writeback 0\nanon_thp 0\ninactive_anon 0\nactive_anon 19922944\n\
            inactive_file 10485760\nactive_file 10481664\npgfault 900\npgmajfault 9\n",
    ),
    (
        "io.stat",
        "8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0 cost.usage=5\n\
            254:3 254:2 254:1 rbytes=7 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n7:0 \n",
    ),
    ("pids.current", "12\n"),
    ("pids.peak", "40\n"),
    ("pids.max", "100\n"),
    ("pids.events", "max 5\n"),
    ("cpuset.cpus", "\n"),
    ("cpuset.cpus.effective", "0-1,4\n"),
    ("cpuset.mems.effective", "0\n"),
    (
        "cpu.pressure",
        "some avg10=12.34 avg60=0.00 avg300=0.00 total=987654321\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    ),
    ("memory.pressure", "some avg10=100.00 avg60=0.00 avg300=0.00 total=3\n"),
];

#[test]
fn the_texts_of_v2_are_read() {
    let read = read(Version::V2, OF_V2);
    let cpu = &read.cpu;
    assert_eq!(
        (cpu.usage_ns, cpu.user_ns, cpu.system_ns),
        (Some(12_900_000_000), Some(12_340_000_000), Some(560_000_000))
    );
    assert_eq!((cpu.periods, cpu.throttled_periods, cpu.throttled_ns), (Some(31), Some(7), Some(123_456_000)));
    assert_eq!((cpu.quota_ns, cpu.period_ns, cpu.quota_cpus()), (Some(Limit::Max), Some(100_000_000), None));
    assert_eq!((cpu.weight, cpu.shares, cpu.shares_or_converted()), (Some(39), None, Some(998)));
    let memory = &read.memory;
    assert_eq!((memory.usage, memory.working_set()), (Some(41_943_040), Some(31_457_280)));
    assert_eq!((memory.peak, memory.limit), (Some(67_108_864), Some(Limit::At(67_108_864))));
    assert_eq!((memory.swap, memory.swap_limit), (Some(16_384), Some(Limit::At(0))));
    assert_eq!((memory.anon, memory.file, memory.mapped), (Some(19_922_944), Some(20_971_520), Some(8_192)));
    assert_eq!((memory.kernel, memory.faults, memory.major_faults), (Some(1_048_576), Some(900), Some(9)));
    assert_eq!((memory.at_limit, memory.at_high, memory.oom, memory.oom_kills), (Some(3), Some(4), Some(2), Some(1)));
    assert_eq!((memory.reserved, memory.high), (Some(Limit::At(0)), Some(Limit::Max)));
    let devices: Vec<_> = read.io.devices.unwrap().iter().map(|of| (of.major, of.minor, of.read_bytes)).collect();
    assert_eq!(devices, [(8, 0, Some(4096)), (254, 1, Some(7))]);
    let pids = &read.pids;
    assert_eq!(
        (pids.current, pids.peak, pids.limit, pids.at_limit),
        (Some(12), Some(40), Some(Limit::At(100)), Some(5))
    );
    assert_eq!((read.cpuset.cpus.as_deref(), read.cpuset.cpu_count()), (Some(""), Some(3)));
    let pressure = &read.pressure;
    assert_eq!((pressure.cpu.some_ns, pressure.cpu.full_ns), (Some(987_654_321_000), Some(0)));
    assert_eq!((pressure.cpu.some_avg10, pressure.memory.some_avg10), (Some(1234), Some(10_000)));
    assert_eq!((pressure.memory.full_ns, pressure.io), (None, Stall::default()));
}

#[test]
fn what_the_kernel_does_not_have_is_none() {
    for version in [Version::V1, Version::V2] {
        assert_eq!(read(version, &[]), Resources::default());
        // Files that are there and say nothing that is known.
        let all: Vec<_> = OF_V1.iter().chain(OF_V2).map(|(name, _)| (*name, "x y\n\n = : \n")).collect();
        let read = read(version, &all);
        let (cpu, memory) = (Cpu::default(), Memory::default());
        assert_eq!((read.cpu, read.memory, read.pids), (cpu, memory, Pids::default()));
        assert_eq!(read.io.devices, Some(Vec::new()), "counted, and none so far");
        assert_eq!(read.pressure, Pressure::default());
    }
    // Where only the tree itself counts, as without its controllers: no limits, and no memory.
    let bare = read(Version::V2, &[("cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\n")]);
    assert_eq!((bare.cpu.usage_ns, bare.cpu.periods, bare.memory.usage), (Some(5000), None, None));
}
