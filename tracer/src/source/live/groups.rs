//! Tables that the kernel side counts in: two, of which one is counted in while the other one is read.

use aya::{
    Ebpf,
    maps::{ArrayOfMaps, MapData, PerCpuHashMap},
};
use tracer_common::{
    events::code,
    group::{COMPAT, Counted, GroupKey, GroupValue, NUMBER_SHIFT},
    wire,
};

use super::LiveError;
use crate::source::record::Head;

/// Whether the kernel has the hooks of sockets. First kernel 6.3.
#[must_use]
pub fn has_socket_hooks() -> bool {
    let types = std::fs::read(super::btf::BTF_PATH).unwrap_or_default();
    memchr::memmem::find(&types, b"\0btf_trace_sock_send_length\0").is_some()
}

/// One of them.
type Rows = PerCpuHashMap<MapData, GroupKey, GroupValue>;

/// The two tables.
pub struct Groups {
    outer: ArrayOfMaps<MapData, Rows>,
    tables: [Rows; 2],
    /// Which one is counted in.
    current: usize,
    counted: Counted,
}

impl Groups {
    /// Takes the tables out of the object and begins to count.
    ///
    /// # Errors
    /// They are not there, or the kernel refuses them.
    pub fn new(bpf: &mut Ebpf, counted: Counted) -> Result<Self, LiveError> {
        let no_map = |_| LiveError::Map("GROUPS");
        let outer = bpf.take_map("GROUPS").ok_or(LiveError::Map("GROUPS"))?;
        let mut outer: ArrayOfMaps<MapData, Rows> = ArrayOfMaps::try_from(outer).map_err(no_map)?;
        // Made with the object: before 6.4 a kernel takes no others for what the object says that they are.
        let mut table = |name| {
            let table = bpf.take_map(name).ok_or(LiveError::Map("GROUPS"))?;
            PerCpuHashMap::try_from(table).map_err(no_map)
        };
        let tables = [table("GROUPS_A")?, table("GROUPS_B")?];
        outer.set(0, &tables[0], 0).map_err(no_map)?;
        Ok(Self { outer, tables, current: 0, counted })
    }

    /// Takes what was counted, and begins anew. While the table is changed the kernel waits for those who still count, so
    /// that nothing is counted twice or lost.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn take(&mut self) -> Result<Vec<(GroupKey, GroupValue)>, LiveError> {
        let full = self.current;
        self.current = 1 - full;
        self.outer.set(0, &self.tables[self.current], 0).map_err(|_| LiveError::Map("GROUPS"))?;
        let table = &mut self.tables[full];
        let sum = |values: &aya::maps::PerCpuValues<GroupValue>| {
            values.iter().fold(GroupValue::default(), |sum, value| GroupValue {
                count: sum.count + value.count,
                sum: sum.sum + value.sum,
            })
        };
        let rows: Vec<(GroupKey, GroupValue)> =
            table.iter().filter_map(Result::ok).map(|(key, values)| (key, sum(&values))).collect();
        for (key, _) in &rows {
            table.remove(key).map_err(|_| LiveError::Map("GROUPS"))?;
        }
        Ok(rows)
    }

    /// A row as a record that stands for all its events.
    #[must_use]
    pub fn record(&self, time_ns: u64, key: &GroupKey, value: GroupValue) -> Vec<u8> {
        let code = match self.counted {
            Counted::Events if key.call != 0 => key.call as u16,
            // Which event it was, nobody asked.
            Counted::Events | Counted::SocketBytes => code::READ,
        };
        let compat = if key.call & COMPAT != 0 { wire::FLAG_COMPAT } else { 0 };
        let head = Head {
            cpu: key.cpu as u16,
            flags: compat | wire::FLAG_WHO | wire::FLAG_GROUP,
            tgid: key.tgid,
            cgroup: key.cgroup,
            time_ns,
            tid: if key.tid != 0 { key.tid } else { key.tgid }.into(),
            code,
            ..Head::default()
        };
        let number = ((key.call & !COMPAT) >> NUMBER_SHIFT) as u16;
        // Of a generic event, the portable number is not asked for when the other one is there.
        let params = [0u16.to_le_bytes(), number.to_le_bytes()];
        let params: &[&[u8]] = if code == code::GENERIC { &[&params[0], &params[1]] } else { &[] };
        let mut record = head.with(params);
        key.comm.iter().for_each(|word| record.extend_from_slice(&word.to_le_bytes()));
        for number in [0, key.uid, 0, 0] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.extend_from_slice(&value.count.to_le_bytes());
        record.extend_from_slice(&value.sum.to_le_bytes());
        record
    }
}
