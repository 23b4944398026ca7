//! Tables that the kernel side counts in: two maps for each, of which one is counted in while the other one is read.

use std::{fs::File, io::Read as _, ops::ControlFlow};

use aya::{
    Ebpf,
    maps::{ArrayOfMaps, MapData, MapError, PerCpuHashMap},
};
use tracer_common::{
    config::TURNS,
    events::{self, code},
    group::{
        COMPAT, Counted, GroupKey, GroupValue, Grouping, NO_NUMBER, NUMBER_SHIFT, NUMBERS, OUT, RANGE_MASK, SOCKETS,
        TABLES, by,
    },
    plan::Store,
    wire,
};

use super::{LiveError, Options, cpu::Transfer};
use crate::source::record::Head;

/// Whether the kernel has the hooks of sockets. First kernel 6.3.
#[must_use]
pub fn has_socket_hooks() -> bool {
    const NAME: &[u8] = b"\0btf_trace_sock_send_length\0";
    let Ok(mut types) = File::open(super::btf::BTF_PATH) else { return false };
    // In pieces: a buffer of some megabytes would stay a hole in the memory of what follows.
    let mut piece = vec![0; 64 << 10];
    let mut kept = 0;
    while let Ok(count @ 1..) = types.read(&mut piece[kept..]) {
        let end = kept + count;
        if memchr::memmem::find(&piece[..end], NAME).is_some() {
            return true;
        }
        kept = end.min(NAME.len());
        piece.copy_within(end - kept..end, 0);
    }
    false
}

/// One of them.
type Rows = PerCpuHashMap<MapData, GroupKey, GroupValue>;

/// The maps of each table of the kernel side, by its number.
pub const NAMES: [[&str; 2]; TABLES as usize] = [
    ["CALLS_0A", "CALLS_0B"],
    ["CALLS_1A", "CALLS_1B"],
    ["CALLS_2A", "CALLS_2B"],
    ["CALLS_3A", "CALLS_3B"],
    ["CALLS_4A", "CALLS_4B"],
    ["CALLS_5A", "CALLS_5B"],
    ["SOCKETS_A", "SOCKETS_B"],
];

/// What is counted in each table, by its number.
pub type Groupings = [Option<Grouping>; TABLES as usize];

/// What these options ask for.
#[must_use]
pub fn wanted(options: &Options) -> Groupings {
    let of =
        |table| if table == SOCKETS { options.sockets } else { options.calls.get(table as usize).copied().flatten() };
    std::array::from_fn(|table| of(table as u32))
}

/// The place of the outer map that no program looks at.
const NO_TABLE: u32 = TURNS as u32 * TABLES;

/// The tables that are counted.
pub struct Groups {
    outer: ArrayOfMaps<MapData, Rows>,
    tables: Vec<Table>,
    /// The question that counts.
    turn: u32,
}

/// One of them.
struct Table {
    number: u32,
    maps: [Rows; 2],
    /// Which map the question that counts has, or had when it was the last one.
    current: usize,
    /// What it counts; `None` when it does not use the table.
    grouping: Option<Grouping>,
    /// The same of the next question, once it was put in its place.
    next: Option<(usize, Option<Grouping>)>,
}

/// A row that was taken.
pub struct Row<'t> {
    number: u32,
    grouping: Grouping,
    key: &'t GroupKey,
    value: GroupValue,
}

/// Who takes rows.
pub type VisitRow<'v> = &'v mut dyn FnMut(&Row<'_>) -> ControlFlow<()>;

impl Groups {
    /// Takes the tables that are wanted out of the object, all of them when what is wanted `changes`, and begins to count.
    ///
    /// # Errors
    /// They are not there, or the kernel refuses them.
    pub fn new(bpf: &mut Ebpf, wanted: Groupings, changes: bool) -> Result<Self, LiveError> {
        let no_map = |_| LiveError::Map("GROUPS");
        let outer = bpf.take_map("GROUPS").ok_or(LiveError::Map("GROUPS"))?;
        let mut outer: ArrayOfMaps<MapData, Rows> = ArrayOfMaps::try_from(outer).map_err(no_map)?;
        let mut tables = Vec::new();
        for ((number, names), grouping) in (0..).zip(NAMES).zip(wanted) {
            if grouping.is_none() && !changes {
                continue;
            }
            // Made with the object: before 6.4 a kernel takes no others for what the object says that they are.
            let mut map = |name| {
                let map = bpf.take_map(name).ok_or(LiveError::Map("GROUPS"))?;
                PerCpuHashMap::try_from(map).map_err(no_map)
            };
            let maps: [Rows; 2] = [map(names[0])?, map(names[1])?];
            if grouping.is_some() {
                outer.set(number, &maps[0], 0).map_err(no_map)?;
            }
            tables.push(Table { number, maps, current: 0, grouping, next: None });
        }
        Ok(Self { outer, tables, turn: 0 })
    }

    /// Gives the next question its tables: of each, the map that is not counted in now. Nothing is counted there before its turn comes.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn prepare(&mut self, wanted: Groupings) -> Result<(), LiveError> {
        let turn = 1 - self.turn;
        for table in &mut self.tables {
            let map = if table.grouping.is_some() { 1 - table.current } else { table.current };
            let place = turn * TABLES + table.number;
            self.outer.set(place, &table.maps[map], 0).map_err(|_| LiveError::Map("GROUPS"))?;
            table.next = Some((map, wanted[table.number as usize]));
        }
        Ok(())
    }

    /// Waits for the programs that still count for the question whose turn is over; then [`Groups::pass_on`] has all of it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn wait(&mut self) -> Result<(), LiveError> {
        let Some(any) = self.tables.first() else { return Ok(()) };
        self.outer.set(NO_TABLE, &any.maps[0], 0).map_err(|_| LiveError::Map("GROUPS"))
    }

    /// Takes what the question before counted, and goes on with the next one.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn pass_on(&mut self, visit: VisitRow<'_>) -> Result<(), LiveError> {
        self.turn = 1 - self.turn;
        let mut flow = ControlFlow::Continue(());
        for table in &mut self.tables {
            if let Some(grouping) = table.grouping {
                let rows = take_all(&mut table.maps[table.current]).map_err(|_| LiveError::Map("GROUPS"))?;
                let mut rows = rows.iter();
                while flow.is_continue()
                    && let Some((key, value)) = rows.next()
                {
                    flow = visit(&Row { number: table.number, grouping, key, value: *value });
                }
            }
            if let Some((map, grouping)) = table.next.take() {
                (table.current, table.grouping) = (map, grouping);
            }
        }
        Ok(())
    }

    /// Takes what was counted, and begins anew. While a table is changed the kernel waits for those who still count, so
    /// that nothing is counted twice or lost. Once `visit` breaks, the rest is not taken.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn take(&mut self, visit: VisitRow<'_>) -> Result<(), LiveError> {
        for table in &mut self.tables {
            let Some(grouping) = table.grouping else { continue };
            let place = self.turn * TABLES + table.number;
            let rows = table.take(&mut self.outer, place).map_err(|_| LiveError::Map("GROUPS"))?;
            for (key, value) in rows {
                if visit(&Row { number: table.number, grouping, key: &key, value }).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl Table {
    fn take(
        &mut self,
        outer: &mut ArrayOfMaps<MapData, Rows>,
        place: u32,
    ) -> Result<Vec<(GroupKey, GroupValue)>, MapError> {
        let full = self.current;
        self.current = 1 - full;
        outer.set(place, &self.maps[self.current], 0)?;
        take_all(&mut self.maps[full])
    }
}

/// All rows of a map that is not counted in, which is empty then.
fn take_all(map: &mut Rows) -> Result<Vec<(GroupKey, GroupValue)>, MapError> {
    let sum = |values: &aya::maps::PerCpuValues<GroupValue>| {
        let mut sum = GroupValue::default();
        values.iter().for_each(|value| sum.merge(value));
        sum
    };
    let rows = map.iter().map(|row| row.map(|(key, values)| (key, sum(&values))));
    let rows: Vec<(GroupKey, GroupValue)> = rows.collect::<Result<_, _>>()?;
    for (key, _) in &rows {
        map.remove(key)?;
    }
    Ok(rows)
}

/// The rows of what a thread moved, as `asked`: one for each direction.
pub fn of_transfer(transfer: &Transfer, asked: u32) -> impl Iterator<Item = (GroupKey, GroupValue)> {
    let Transfer { tid, tgid, cgroup, comm, moved } = *transfer;
    let is_asked = |member| asked & member != 0;
    let key = GroupKey {
        cgroup: if is_asked(by::CGROUP) { cgroup } else { 0 },
        comm: if is_asked(by::COMM) { comm } else { [0; 2] },
        tgid: if is_asked(by::TGID) { tgid } else { 0 },
        tid: if is_asked(by::TID) { tid } else { 0 },
        range: 1,
        ..GroupKey::default()
    };
    let row = move |call, count, sum| (GroupKey { call, ..key }, GroupValue { count, sum, min: 0, max: sum });
    let rows = [row(0, moved.receives, moved.received), row(OUT, moved.sends, moved.sent)];
    rows.into_iter().filter(|(_, value)| value.count > 0)
}

impl<'t> Row<'t> {
    /// One of the bytes that are kept with CPU time.
    #[must_use]
    pub fn of_slices(grouping: Grouping, key: &'t GroupKey, value: GroupValue) -> Self {
        Self { number: SOCKETS, grouping, key, value }
    }
}

impl Row<'_> {
    /// The row as a record that stands for all its events, with flags of its turn.
    #[must_use]
    pub fn record(&self, time_ns: u64, flags: u16) -> Vec<u8> {
        let (key, value) = (self.key, self.value);
        let code = match self.grouping.counted {
            Counted::Events if key.call as u16 != 0 => key.call as u16,
            // Which event it was, nobody asked, but perhaps which way the bytes went.
            Counted::Events | Counted::SocketBytes | Counted::SliceBytes if key.call & OUT != 0 => code::WRITE,
            Counted::Events | Counted::SocketBytes | Counted::SliceBytes => code::READ,
        };
        let has_number = code == code::GENERIC || self.grouping.by & by::NUMBER != 0;
        let compat = if key.call & COMPAT != 0 { wire::FLAG_COMPAT } else { 0 };
        let head = Head {
            cpu: key.cpu as u16,
            flags: flags | compat | wire::FLAG_WHO | wire::FLAG_GROUP | self.origin(),
            tgid: key.tgid,
            cgroup: key.cgroup,
            time_ns,
            tid: if key.tid != 0 { key.tid } else { key.tgid }.into(),
            code,
            call: has_number.then(|| self.numbers()),
            ..Head::default()
        };
        let result = self.result(code);
        let params: &[&[u8]] = if has_number { &[] } else { &[&result] };
        let mut record = head.with(params);
        key.comm.iter().for_each(|word| record.extend_from_slice(&word.to_le_bytes()));
        for number in [0, key.uid, 0, key.vpid] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        for number in
            [value.count, value.sum, value.min, value.max, u64::from(self.grouping.by) << 32 | u64::from(key.range)]
        {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.extend_from_slice(&key.descriptor.to_bytes());
        record
    }

    /// The flags that say for which tables it is: its own, and of a row with bytes the one that they are added up for.
    fn origin(&self) -> u16 {
        let of = |table: u16| 1 << (table + wire::TABLE_SHIFT);
        if self.number == SOCKETS {
            return wire::FLAG_SOCKETS;
        }
        let has_bytes = self.key.range & RANGE_MASK != NO_NUMBER;
        let bytes_of = self.grouping.bytes_of.filter(|_| has_bytes);
        of(self.number as u16) | bytes_of.map_or(0, |table| of(table.into()))
    }

    /// The result and the number of the call, whose arguments nobody asked for. The portable number is not asked for when the other one is
    /// there.
    fn numbers(&self) -> [u64; wire::CALL_NUMBERS] {
        let key = self.key;
        let mut numbers = [0; wire::CALL_NUMBERS];
        numbers[wire::CALL_RESULT] = (-i64::from(key.error)) as u64;
        numbers[wire::CALL_SYSCALL] = u64::from((key.call & NUMBERS) >> NUMBER_SHIFT);
        numbers
    }

    /// The first parameter of such a record: of a call its result, if it was asked for.
    fn result(&self, code: u16) -> Vec<u8> {
        let asked = self.grouping.by & by::ERROR != 0;
        let first = events::by_code(code).and_then(|row| row.params.first()).filter(|_| asked);
        let result = (-i64::from(self.key.error)).to_le_bytes();
        let width = first.map_or(0, |param| match param.kind.live_store() {
            Store::U8 => 1,
            Store::U16 => 2,
            Store::U32 => 4,
            Store::U64 | Store::SignedInt => 8,
            Store::Var => 0,
        });
        result[..width].into()
    }
}
