//! What the kernel's files say of a cgroup: CPU time, memory, I/O, processes, limits and pressure, of v1 and of v2.
//!
//! [`Trees`] knows where the hierarchies are mounted and reads; a file for each part says which files it comes from and parses
//! their texts. Values are those of the kernel and exact: times are nanoseconds, sizes bytes. What the kernel does not
//! have – a controller that is not enabled, a file of a newer version – is `None` and never 0.
//!
//! Each cgroup's numbers contain those of the cgroups in it, except where a part says otherwise.

mod cpu;
mod cpuset;
mod files;
mod io;
mod memory;
mod pids;
mod pressure;
mod text;
mod trees;

pub use cpu::Cpu;
pub use cpuset::Cpuset;
pub use files::Files;
pub use io::{Device, Io};
pub use memory::Memory;
pub use pids::Pids;
pub use pressure::{Pressure, Stall};
pub use text::Limit;
pub use trees::Trees;

/// Which interface a controller has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A hierarchy of its own. Source: kernel Documentation/admin-guide/cgroup-v1.
    V1,
    /// The one tree. Source: kernel Documentation/admin-guide/cgroup-v2.rst.
    V2,
}

/// A part of what can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// CPU time, throttling, quota and weight.
    Cpu,
    /// Memory, its limits and events.
    Memory,
    /// Block I/O of each device.
    Io,
    /// How many tasks there are.
    Pids,
    /// CPUs and memory nodes that may be used.
    Cpuset,
    /// How long tasks waited for CPU, memory and I/O.
    Pressure,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Cpu, Self::Memory, Self::Io, Self::Pids, Self::Cpuset, Self::Pressure];
}

/// The file of a cgroup that has that name, as text; `None` when there is none that can be read.
type File<'a> = dyn FnMut(&str) -> Option<String> + 'a;

/// What was read. A part that was not asked for is empty, as is one whose controller is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resources {
    /// CPU time, throttling, quota and weight.
    pub cpu: Cpu,
    /// Memory, its limits and events.
    pub memory: Memory,
    /// Block I/O of each device.
    pub io: Io,
    /// How many tasks there are.
    pub pids: Pids,
    /// CPUs and memory nodes that may be used.
    pub cpuset: Cpuset,
    /// How long tasks waited.
    pub pressure: Pressure,
}

impl Resources {
    /// Reads those parts; `file` gives the text of a file by the interface and the name, such as `memory.stat`, and `version`
    /// says which interface a part has.
    #[must_use]
    pub fn read(
        parts: &[Part],
        version: &dyn Fn(Part) -> Version,
        file: &mut dyn FnMut(Version, &str) -> Option<String>,
    ) -> Self {
        let mut read = Self::default();
        for part in parts {
            let version = version(*part);
            let file: &mut File<'_> = &mut |name| file(version, name);
            match part {
                Part::Cpu => read.cpu = Cpu::read(version, file),
                Part::Memory => read.memory = Memory::read(version, file),
                Part::Io => read.io = Io::read(version, file),
                Part::Pids => read.pids = Pids::read(file),
                Part::Cpuset => read.cpuset = Cpuset::read(version, file),
                Part::Pressure => read.pressure = Pressure::read(version, file),
            }
        }
        read
    }
}

#[cfg(test)]
mod tests;
