//! `machine_*` and what else describes the machine.

use std::{collections::BTreeSet, fs};

use super::text::{Kind, Text};
use crate::{serve::measured::Picture, state::host_root};

/// A number of a machine.
type Of = fn(&Machine, &Picture) -> Option<u64>;

/// The families, in the order in which they are written: a name, its meaning, and the value.
pub(super) const FAMILIES: [(&str, &str, Of); 5] = [
    ("machine_cpu_cores", "CPUs that are online.", |it, _| it.cpus),
    ("machine_cpu_physical_cores", "Cores; a core may have several CPUs.", |it, _| it.cores),
    ("machine_cpu_sockets", "Sockets of processors.", |it, _| it.sockets),
    ("machine_memory_bytes", "Memory.", |_, picture| picture.host.memory_limit),
    ("machine_swap_bytes", "Swap.", |it, _| it.swap),
];

/// Writes it.
pub(super) fn write(picture: &Picture, text: &mut Text) {
    let machine = Machine::read();
    for (name, help, of) in FAMILIES {
        if let Some(value) = of(&machine, picture) {
            text.family(name, Kind::Gauge, help);
            text.sample(&[], &[], value as f64);
        }
    }
    text.family("container_scrape_error", Kind::Gauge, "1 if a part could not be read.");
    text.sample(&[], &[], f64::from(u8::from(picture.failed)));
    text.family("cadvisor_version_info", Kind::Gauge, "Versions of kernel and distribution; the value is 1.");
    let version = concat!("tracer ", env!("CARGO_PKG_VERSION"));
    let labels =
        [("kernelVersion", &*machine.kernel), ("osVersion", &machine.distribution), ("cadvisorVersion", version)];
    text.sample(&labels, &[], 1.0);
}

/// What a machine is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::serve) struct Machine {
    pub(in crate::serve) cpus: Option<u64>,
    pub(in crate::serve) cores: Option<u64>,
    pub(in crate::serve) sockets: Option<u64>,
    /// Bytes.
    pub(in crate::serve) swap: Option<u64>,
    pub(in crate::serve) kernel: String,
    pub(in crate::serve) distribution: String,
    pub(in crate::serve) machine_id: String,
    pub(in crate::serve) boot_id: String,
}

impl Machine {
    /// Reads it.
    pub(in crate::serve) fn read() -> Self {
        let (root, _) = host_root();
        let text = |path: &str| fs::read_to_string(root.join(path)).ok();
        let line = |path: &str| text(path).map(|text| text.trim().to_owned()).unwrap_or_default();
        let info = text("proc/meminfo").unwrap_or_default();
        let swap =
            info.lines().find_map(|line| line.strip_prefix("SwapTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
        let (mut cores, mut sockets, mut cpus) = (BTreeSet::new(), BTreeSet::new(), 0);
        for entry in fs::read_dir(root.join("sys/devices/system/cpu")).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_cpu = name.to_string_lossy().strip_prefix("cpu").is_some_and(|number| number.parse::<u32>().is_ok());
            let id = |name: &str| fs::read_to_string(entry.path().join("topology").join(name)).ok();
            // Only those that are online have a topology.
            if is_cpu && let (Some(core), Some(socket)) = (id("core_id"), id("physical_package_id")) {
                cpus += 1;
                cores.insert((socket.clone(), core));
                sockets.insert(socket);
            }
        }
        let some = |count: usize| (count > 0).then_some(count as u64);
        let release = text("etc/os-release").or_else(|| text("usr/lib/os-release")).unwrap_or_default();
        let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        Self {
            cpus: some(cpus),
            cores: some(cores.len()),
            sockets: some(sockets.len()),
            swap: swap.map(|kb: u64| kb * 1024),
            kernel: line("proc/sys/kernel/osrelease"),
            distribution: name.map(|name| name.trim_matches('"').to_owned()).unwrap_or_default(),
            machine_id: line("etc/machine-id"),
            boot_id: line("proc/sys/kernel/random/boot_id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cpus_and_a_kernel() {
        let machine = Machine::read();
        assert!(!machine.kernel.is_empty());
        assert!(machine.cores <= machine.cpus && machine.sockets <= machine.cores);
    }
}
