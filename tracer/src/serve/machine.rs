//! The machine: what hardly ever changes of it.

use std::{collections::BTreeSet, fs};

use crate::state::host_root;

/// What a machine is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) cpus: Option<u64>,
    pub(super) cores: Option<u64>,
    pub(super) sockets: Option<u64>,
    /// Bytes.
    pub(super) swap: Option<u64>,
    pub(super) kernel: String,
    pub(super) distribution: String,
    pub(super) machine_id: String,
    pub(super) boot_id: String,
}

impl Machine {
    /// Reads it.
    pub(super) fn read() -> Self {
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
