//! Making a record (`tracer_common::wire`) in user space: what a source reports of itself, and tests.

use tracer_common::wire;

/// What stands in front of the parameters.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head {
    /// CPU that it happened on.
    pub cpu: u16,
    /// `FLAG_*` of [`wire`]; `FLAG_CALL` follows from `call`.
    pub flags: u16,
    /// Thread group; 0 when it is not known.
    pub tgid: u32,
    /// Id of the cgroup; 0 when it is not known.
    pub cgroup: u64,
    /// Time from entry to exit, nanoseconds; `None` when it is not known.
    pub latency_ns: Option<u64>,
    /// Nanoseconds of the monotonic clock.
    pub time_ns: u64,
    /// Thread.
    pub tid: u64,
    /// Event code.
    pub code: u16,
    /// Numbers of the call, with [`wire::FLAG_CALL`]: parameters among them are not written.
    pub call: Option<[u64; wire::CALL_NUMBERS]>,
}

impl Head {
    /// Writes the record into `out`, whose memory is used again: the length of each parameter, and all of them one behind the
    /// other.
    pub fn write(&self, lengths: impl ExactSizeIterator<Item = u16>, payload: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.resize(if self.call.is_some() { wire::CALL_LENGTHS } else { wire::LENGTHS }, 0);
        let count = lengths.len();
        let len = out.len() - wire::EVENT + 2 * count + payload.len();
        let mut put = |at: usize, value: &[u8]| out[at..at + value.len()].copy_from_slice(value);
        put(wire::CPU, &self.cpu.to_le_bytes());
        let flags = self.flags | if self.call.is_some() { wire::FLAG_CALL } else { 0 };
        put(wire::FLAGS, &flags.to_le_bytes());
        put(wire::TGID, &self.tgid.to_le_bytes());
        put(wire::CGROUP, &self.cgroup.to_le_bytes());
        put(wire::LATENCY, &self.latency_ns.unwrap_or(wire::NO_LATENCY).to_le_bytes());
        put(wire::TIME, &self.time_ns.to_le_bytes());
        put(wire::TID, &self.tid.to_le_bytes());
        put(wire::LEN, &(len as u32).to_le_bytes());
        put(wire::CODE, &self.code.to_le_bytes());
        put(wire::COUNT, &(count as u32).to_le_bytes());
        for (at, number) in self.call.iter().flatten().enumerate() {
            put(wire::CALL + 8 * at, &number.to_le_bytes());
        }
        for len in lengths {
            out.extend_from_slice(&len.to_le_bytes());
        }
        out.extend_from_slice(payload);
    }

    /// A record with these parameters.
    #[must_use]
    pub fn with(&self, params: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(params.iter().map(|param| param.len() as u16), &params.concat(), &mut out);
        out
    }
}
