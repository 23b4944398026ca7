//! `machine_*` and what else describes the machine.

use super::text::{Kind, Text};
use crate::serve::{machine::Machine, measured::Picture};

/// A number of a machine.
type Of = fn(&Machine, &Picture) -> Option<u64>;

/// The families, in the order in which they are written: a name, its meaning, and the value.
pub(super) const FAMILIES: [(&str, &str, Of); 5] = [
    ("machine_cpu_cores", "Online CPUs.", |it, _| it.cpus),
    ("machine_cpu_physical_cores", "Physical cores; a core can have several CPUs.", |it, _| it.cores),
    ("machine_cpu_sockets", "CPU sockets.", |it, _| it.sockets),
    ("machine_memory_bytes", "Memory of the machine in bytes.", |_, picture| picture.host.memory_limit),
    ("machine_swap_bytes", "Swap space of the machine in bytes.", |it, _| it.swap),
];

/// Writes it.
pub(super) fn write(picture: &Picture, text: &mut Text) {
    let machine = &*picture.machine;
    for (name, help, of) in FAMILIES {
        if let Some(value) = of(machine, picture) {
            text.family(name, Kind::Gauge, help);
            text.sample(&[], &[], value as f64);
        }
    }
    text.family("container_scrape_error", Kind::Gauge, "1 if some of the kernel's files could not be read.");
    text.sample(&[], &[], f64::from(u8::from(picture.failed)));
    text.family("cadvisor_version_info", Kind::Gauge, "Kernel and distribution versions; the value is always 1.");
    let version = concat!("tracer ", env!("CARGO_PKG_VERSION"));
    let labels =
        [("kernelVersion", &*machine.kernel), ("osVersion", &machine.distribution), ("cadvisorVersion", version)];
    text.sample(&labels, &[], 1.0);
}
