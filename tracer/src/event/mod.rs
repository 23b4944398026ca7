//! An event: what a source delivers and everything above works on.
//!
//! Bytes become typed parameters here ([`decode`], [`param`]). An event borrows the record it came from; [`OwnedEvent`]
//! keeps one for later.

pub mod decode;
pub mod names;
pub mod param;
pub mod portable;
pub mod service;
pub mod sockaddr;

use tracer_common::{
    arch, events,
    flags::{BPF_MAKES_FD, F_DUPFD, F_DUPFD_CLOEXEC},
    group::{KeyDescriptor, Number},
};

pub use param::{FdList, ParamValue, Params};
pub use sockaddr::{SockAddr, SockTuple};

/// A row of the event table.
pub type Row = events::Event;

/// Whether events of a row of a capture only tell the reader something, or begin a call: they are not shown.
#[must_use]
pub fn is_never_shown(row: &Row) -> bool {
    row.is_enter() || (row.flags.has(events::Flags::OLD) && row.code.is_multiple_of(2))
}

/// Whether events of a row are no part of what happens, but tell of the source itself, of CPU times or cgroups.
#[must_use]
pub fn is_internal(row: &Row) -> bool {
    let of_old_captures = row.flags.has(events::Flags::OLD) && row.flags.has(events::Flags::TRACEPOINT);
    row.category == events::Category::Internal || of_old_captures
}

/// How a call is looked at that moves data between two descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Side {
    /// As one event: what every other call always is.
    #[default]
    Whole,
    /// As a read from the descriptor that the data comes from.
    In,
    /// As a write to the descriptor that it goes to.
    Out,
}

impl Side {
    /// The sides that events of a row have.
    #[must_use]
    pub fn of(row: &Row) -> &'static [Self] {
        if row.moves_between_fds() { &[Self::In, Self::Out] } else { &[Self::Whole] }
    }
}

/// Whether the first parameter of a row is the result of the call. At the beginning of a call it is an argument.
#[must_use]
pub fn has_result_param(row: &Row) -> bool {
    use tracer_common::kind::Kind;
    let is_result = |param: &events::Param| {
        // Calls that cannot fail return an id; the address that brk returns is never an error.
        matches!(param.kind, Kind::Errno | Kind::Fd | Kind::Pid | Kind::Uid | Kind::Gid) || param.name == "res"
    };
    row.is_syscall() && !row.is_enter() && row.params.first().is_some_and(is_result)
}

/// One event.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Running number in this session, from 1; internal events count too.
    pub num: u64,
    /// Time, nanoseconds since the epoch.
    pub time_ns: u64,
    /// CPU that it happened on.
    pub cpu: u16,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// Process id there.
    pub tgid: u32,
    /// Id of the task's cgroup; 0 when the source does not say.
    pub cgroup: u64,
    /// Time from entry to exit, when it was measured.
    pub latency_ns: Option<u64>,
    /// What the call returned, when the record says so apart from the parameters of the row.
    pub call_result: Option<i64>,
    /// Whether it came through the 32-bit entry.
    pub compat: bool,
    /// Whether it is from a capture file: what only a running kernel tells is then taken from what the file said before.
    pub from_file: bool,
    /// Whether it only changes what is known and is never shown.
    pub hidden: bool,
    /// Who made it, when the record says so.
    pub who: Option<Who<'a>>,
    /// How many events it stands for, when they were counted in the kernel.
    pub group: Option<Group>,
    /// The tables of calls that it is counted in, or would be, if the kernel side could have put it into a row of these: a bit for each.
    pub tables: u8,
    /// What their descriptor is, of these.
    pub descriptor: Option<&'a [u8; KeyDescriptor::LEN]>,
    /// Whether the kernel side chose it among others of its kind.
    pub sampled: bool,
    /// How many events it stands for among those that are sampled: more than 1 with [`crate::sample`], and 0 when it was left
    /// out.
    pub weight: u32,
    /// Which of its descriptors it is looked at for.
    pub side: Side,
    /// Whether it came before, for its other descriptor: only what differs between the two counts again.
    pub repeated: bool,
    /// Whether it is no call, but a request of an earlier call that is done now: only its bytes count.
    pub done: bool,
    /// Whether it received bytes without taking them ([`events::NOT_TAKEN`]): they do not count.
    pub peeked: bool,
    /// What it is.
    pub row: &'static Row,
    /// Its parameters.
    pub params: Params<'a>,
}

/// Events that were counted in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// What was added up, when they have it: bytes or nanoseconds.
    pub numbers: Option<Numbers>,
    /// Whether they failed, if that was asked for.
    pub failed: bool,
    /// Whether the table is that of sockets.
    pub of_sockets: bool,
    /// What is in its key: bits of [`by`](tracer_common::group::by).
    pub by: u32,
}

impl Group {
    /// What that number is for these events, if they have it.
    #[must_use]
    pub fn numbers(&self, number: Number) -> Option<Numbers> {
        let failed = u32::from(self.failed);
        let each = u64::from(failed);
        match number {
            Number::Failure => Some(Numbers { sum: each * self.count, min: each, max: each, range: failed }),
            _ => self.numbers,
        }
    }
}

/// Where events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Origin {
    /// From records.
    #[default]
    Records,
    /// From the rows of the table of calls of that number, and from records of calls that the kernel side could not put into a row of it.
    Calls(u8),
    /// From the rows of the table of sockets.
    Sockets,
}

/// Numbers of events that were counted in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Their sum.
    pub sum: u64,
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
    /// The range that all of them lie in, when that was asked for; else 0 when all of them are zero, and 1.
    pub range: u32,
}

/// Who made an event, at that moment: what the kernel side decided by, and what nothing else tells while threads are not
/// followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who<'a> {
    /// Name of the thread.
    pub comm: &'a [u8],
    /// Process id of the parent.
    pub ppid: u32,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Process id in its own pid namespace; 0 when the record does not say.
    pub vpid: u32,
}

impl Event<'static> {
    /// An event of a row that says nothing: for what is asked of a container or a thread alone.
    #[must_use]
    pub fn empty(row: &'static Row) -> Self {
        Self {
            num: 0,
            time_ns: 0,
            cpu: 0,
            tid: 0,
            tgid: 0,
            cgroup: 0,
            latency_ns: None,
            call_result: None,
            compat: false,
            from_file: false,
            hidden: false,
            who: None,
            group: None,
            tables: 1,
            descriptor: None,
            sampled: false,
            weight: 1,
            side: Side::Whole,
            repeated: false,
            peeked: false,
            done: false,
            row,
            params: Params::empty(row),
        }
    }
}

impl<'a> Event<'a> {
    /// The name that users see: of a generic event, that of its system call.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.row.code {
            events::code::GENERIC | events::old::code::GENERIC_E => self.generic_name(),
            _ => self.row.name,
        }
    }

    fn portable_name(&self) -> Option<&'static str> {
        let id = self.params.u64(0).and_then(|id| u16::try_from(id).ok());
        id.and_then(arch::name_of_id)
    }

    /// Of a generic event of a capture, whether only the number of the call on the writer's own architecture says its name.
    /// Older captures have only the portable number, and the other one may be of another architecture: it counts where the
    /// writer knew no portable one.
    #[must_use]
    pub fn is_named_by_number(&self) -> bool {
        self.portable_name().is_none() && self.params.raw(1).is_some()
    }

    fn generic_name(&self) -> &'static str {
        if self.from_file
            && let Some(name) = self.portable_name()
        {
            return name;
        }
        let Some(number) = self.params.u64(1) else { return "syscall" };
        if self.compat {
            return arch::compat_call(number).map_or("syscall", |call| call.name);
        }
        arch::SYSCALLS
            .binary_search_by_key(&number, |call| u64::from(call.number))
            .map_or("syscall", |at| arch::SYSCALLS[at].name)
    }

    /// The result: bytes, a descriptor, an address, an id or `-errno`. `None` for what is not the end of a call, and for events
    /// of captures that do not say it.
    #[must_use]
    pub fn result(&self) -> Option<i64> {
        self.call_result.or_else(|| self.param_result())
    }

    /// The result as a parameter of the row says it.
    #[must_use]
    pub fn param_result(&self) -> Option<i64> {
        if has_result_param(self.row) { self.params.i64(0) } else { None }
    }

    /// Whether the result is an error.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.result().is_some_and(|result| result < 0)
    }

    /// The descriptor that the event uses or, when it succeeded, creates. Of two, the one that its side is about.
    #[must_use]
    pub fn fd(&self) -> Option<i32> {
        i32::try_from(self.params.i64(self.fd_param()?)?).ok().filter(|fd| *fd >= 0)
    }

    /// Of a call that moves data between two descriptors, the one that it writes to.
    #[must_use]
    #[inline]
    pub fn fd_out(&self) -> Option<i32> {
        if !self.row.moves_between_fds() {
            return None;
        }
        Self { side: Side::Out, ..*self }.fd()
    }

    /// The parameter with that descriptor.
    #[must_use]
    pub fn fd_param(&self) -> Option<usize> {
        let layout = decode::layout(self.row);
        let at = if self.side == Side::Out { layout.fd_out } else { layout.fd }.map(usize::from);
        at.filter(|_| self.row.flags.has(events::Flags::USES_FD) || self.returns_fd())
    }

    /// Whether the result is a descriptor where the row says so. Of some calls the command decides: then the result of most commands is none,
    /// and neither is that of a command that is not known.
    #[must_use]
    pub fn returns_fd(&self) -> bool {
        let commands: &[u32] = match self.row.effect {
            events::Effect::Bpf => &BPF_MAKES_FD,
            events::Effect::Fcntl => &[F_DUPFD, F_DUPFD_CLOEXEC],
            _ => return true,
        };
        let command = self.row.param("cmd").and_then(|(at, _)| self.params.i64(at));
        command.and_then(|command| u32::try_from(command).ok()).is_some_and(|command| commands.contains(&command))
    }

    /// Whether it reads from its descriptor.
    #[must_use]
    pub fn reads(&self) -> bool {
        self.row.flags.has(events::Flags::READS_FROM_FD) && self.side != Side::Out
    }

    /// Whether it writes to its descriptor.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.row.flags.has(events::Flags::WRITES_TO_FD) && self.side != Side::In
    }

    /// A copy that keeps its bytes.
    #[must_use]
    pub fn to_owned(&self) -> OwnedEvent {
        OwnedEvent {
            event: Event { who: None, descriptor: None, params: Params::empty(self.row), ..*self },
            params: self.params.to_owned(),
        }
    }
}

/// An event that keeps its bytes.
#[derive(Debug, Clone)]
pub struct OwnedEvent {
    event: Event<'static>,
    params: param::OwnedParams,
}

impl OwnedEvent {
    /// The event.
    #[must_use]
    pub fn as_event(&self) -> Event<'_> {
        Event { params: self.params.as_params(self.event.row), ..self.event }
    }

    /// Bytes that it keeps.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.params.len_bytes()
    }
}
