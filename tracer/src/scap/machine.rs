//! The machine that a capture was made on.
//!
//! ```text
//! u32 CPUs
//! u64 memory, bytes
//! u64 greatest process id
//! 128 bytes, host name, filled up with NULs
//! u64 boot time, ns since the epoch; 0 in older captures
//! u64 flags
//! u64 reserved, twice
//! ```

use super::{
    ScapError,
    bytes::{Bytes, Out},
};

/// Bytes of the name of the host.
const NAME: usize = 128;

/// The machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine<'a> {
    /// How many CPUs it had.
    pub cpus: u32,
    /// Memory, bytes.
    pub memory_bytes: u64,
    /// The greatest process id that it could give.
    pub max_pid: u64,
    /// Name of the host.
    pub hostname: &'a [u8],
    /// When it booted, ns since the epoch; `None` in older captures.
    pub boot_ns: Option<u64>,
    /// Properties, of which none must be known.
    pub flags: u64,
}

impl<'a> Machine<'a> {
    pub(super) fn parse(body: &'a [u8], offset: u64) -> Result<Self, ScapError> {
        let mut bytes = Bytes::new(body, offset, "machine info");
        let (cpus, memory_bytes, max_pid) = (bytes.u32()?, bytes.u64()?, bytes.u64()?);
        let hostname = bytes.take(NAME)?;
        let end = hostname.iter().position(|byte| *byte == 0).unwrap_or(hostname.len());
        let (boot_ns, flags) = (bytes.u64()?, bytes.u64()?);
        let boot_ns = (boot_ns != 0).then_some(boot_ns);
        Ok(Self { cpus, memory_bytes, max_pid, hostname: &hostname[..end], boot_ns, flags })
    }

    pub(super) fn put(&self, out: &mut Out<'_>) {
        // One NUL at least stands behind the name.
        let name = &self.hostname[..self.hostname.len().min(NAME - 1)];
        out.u32(self.cpus).u64(self.memory_bytes).u64(self.max_pid).raw(name).raw(&[0; NAME][name.len()..]);
        out.u64(self.boot_ns.unwrap_or(0)).u64(self.flags).u64(0).u64(0);
    }
}

#[cfg(test)]
mod tests {
    use crate::scap::{Block, testing::Body};

    #[test]
    fn the_host_is_named_without_its_padding() {
        let mut name = b"web-1".to_vec();
        name.resize(128, 0);
        let body = Body::default().u32(4).u64(1 << 30).u64(4096).raw(&name).u64(0).u64(1).u64(0).u64(0);
        let Block::Machine(machine) = body.parse(0x201).unwrap() else { panic!("no machine") };
        assert_eq!((machine.cpus, machine.memory_bytes, machine.max_pid), (4, 1 << 30, 4096));
        assert_eq!((machine.hostname, machine.boot_ns, machine.flags), (&b"web-1"[..], None, 1));
        assert!(Body::default().u32(4).parse(0x201).is_err());
    }
}
