//! The one table: every event, declared once.
//!
//! A row says what an event is and is its documentation. The kernel's plan, the decoder, the printer, filter names,
//! effects on state, lists for users and test coverage are read from it. Codes are the event types of the `.scap` format;
//! those in [`OWN`] are of events that the format does not know, and codes from [`LIVE_ONLY`] on are records of our own that
//! never leave the program.
//!
//! ```text
//! CODE_NAME = code "event name" [["syscall", …]] CATEGORY [FLAG | FLAG] [=> Effect] {
//!     parameter: Kind[(set or directory parameter)] = source, "what it is";
//! }
//! ```
//! A source is `ret`, an argument number, or a function of [`source`]. Events that only captures have are in [`old`](mod@old).

pub mod old;
pub mod source;

use crate::{kind::Kind, plan::Source, wire::MAX_PARAMS};

/// Codes from here on are not of the `.scap` format, and never leave the program.
pub const LIVE_ONLY: u16 = 0x8000;

/// Codes of events that the `.scap` format does not know: they have their places in the tables, and in captures they stand by
/// name. The last of them is the last code of all.
pub const OWN: core::ops::Range<u16> = 480..CODES;

/// All codes below [`LIVE_ONLY`] are below this.
pub const CODES: u16 = 640;

/// A row of the table.
#[derive(Debug)]
pub struct Event {
    /// Event type number of the `.scap` format, or one of [`OWN`].
    pub code: u16,
    /// Name of the row's constant.
    pub ident: &'static str,
    /// What users call it: `evt.type`.
    pub name: &'static str,
    /// The system calls that make it; empty for other events.
    pub syscalls: &'static [&'static str],
    /// What kind of thing the call does.
    pub category: Category,
    /// Properties.
    pub flags: Flags,
    /// What it does to the state of threads and file descriptors.
    pub effect: Effect,
    /// Parameters in the order of the record.
    pub params: &'static [Param],
    /// One sentence, then the source.
    pub doc: &'static str,
}

/// A parameter of a row.
#[derive(Debug)]
pub struct Param {
    /// What users call it: `evt.arg.NAME`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Where the kernel side takes it from.
    pub source: Source,
    /// What it means.
    pub doc: &'static str,
    /// Whether it shows a command line or an environment, which may have secrets.
    pub is_command: bool,
}

/// Properties of an event: a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u16);

#[allow(missing_docs, reason = "the names are those of the .scap documentation and say it")]
impl Flags {
    pub const NONE: Self = Self(0);
    pub const CREATES_FD: Self = Self(1);
    pub const DESTROYS_FD: Self = Self(2);
    pub const USES_FD: Self = Self(4);
    pub const READS_FROM_FD: Self = Self(8);
    pub const WRITES_TO_FD: Self = Self(16);
    pub const MODIFIES_STATE: Self = Self(32);
    pub const WAITS: Self = Self(64);
    /// Not a system call: a tracepoint. Such rows may have an even code.
    pub const TRACEPOINT: Self = Self(128);
    /// Made by the tracer itself; hidden unless asked for.
    pub const INTERNAL: Self = Self(256);
    /// One call makes an event for each message that it sends or receives.
    pub const SEVERAL: Self = Self(512);
    /// The beginning of a call, with what its arguments were then. Such rows have even codes, too.
    pub const ENTER: Self = Self(1024);
    /// Only captures have it. Such rows may have even codes, too.
    pub const OLD: Self = Self(2048);
    /// A running kernel is asked for it only by filters that name it: it is frequent, or more than calls tell.
    pub const ASKED: Self = Self(4096);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Flags of a receiving call whose bytes are not taken: `MSG_PEEK` leaves them in the queue, and `MSG_ERRQUEUE` gives back what
/// was sent before.
///
/// Source: recv(2), include/linux/socket.h.
pub const NOT_TAKEN: u32 = 0x2 | 0x2000;

/// `evt.category`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the .scap documentation and say it")]
pub enum Category {
    Other,
    File,
    Net,
    Ipc,
    Memory,
    Process,
    Sleep,
    System,
    Signal,
    User,
    Time,
    IoRead,
    IoWrite,
    IoOther,
    Wait,
    Scheduler,
    Internal,
}

/// What an event does to the state, for `state/effects`. One variant for each transition, not for each call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// A new fd for a path: `open`, `openat`, `creat`, `open_by_handle_at`.
    Open,
    /// An fd is closed.
    Close,
    /// A range of fds is closed.
    CloseRange,
    /// An fd is duplicated.
    Dup,
    /// Duplicates an fd or changes its flags, as the command says.
    Fcntl,
    /// An fd is marked to be closed at an exec, or not to be, if the request is that.
    Cloexec,
    /// Two new fds for the ends of a pipe.
    Pipe,
    /// A new socket.
    Socket,
    /// Two new connected unix sockets.
    SocketPair,
    /// A socket gets a local address.
    Bind,
    /// A socket begins to listen.
    Listen,
    /// A socket gets a peer.
    Connect,
    /// A new fd for a connection.
    Accept,
    /// Data that carries the addresses of a socket.
    Transfer,
    /// A new fd without a path; its name is the event's.
    AnonFd,
    /// A new fd for anonymous memory.
    Memfd,
    /// A new fd of bpf, when the command makes one.
    Bpf,
    /// A new fd for what another process has open.
    PidfdGetfd,
    /// The working directory changes to a path.
    Chdir,
    /// The working directory changes to a directory fd.
    Fchdir,
    /// The working directory changes with the root directory.
    Cwd,
    /// A new thread or process.
    Clone,
    /// A new program.
    Exec,
    /// The thread has its own descriptors from now on, as the flags say.
    Unshare,
    /// The thread has another effective user.
    SetUid,
    /// The thread has another effective group.
    SetGid,
    /// The process begins a session.
    SetSid,
    /// A process is put into a process group.
    SetPgid,
    /// The thread gets another name, as the option says.
    Prctl,
    /// The limit of open files becomes known or another one, as the resource says.
    Limit,
    /// A thread ends.
    ProcExit,
    /// The path of a call that will open a file, as it was when the call began.
    Entry,
    /// A cgroup appears.
    CgroupMkdir,
    /// A cgroup disappears.
    CgroupRmdir,
}

/// The index of a name, at compile time; a name that is not there is a compile error.
#[must_use]
pub const fn index_of(names: &[&str], name: &str) -> u8 {
    let mut i = 0;
    while i < names.len() {
        if same(names[i].as_bytes(), name.as_bytes()) {
            return i as u8;
        }
        i += 1;
    }
    panic!("the row has no parameter of that name")
}

pub(crate) const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// Used by `events!`: whether a parameter has the mark `command`.
macro_rules! marked {
    () => {
        false
    };
    (command) => {
        true
    };
}

/// Used by `events!`: a source from its short form.
macro_rules! source_of {
    (ret) => {
        $crate::events::source::ret()
    };
    ($n:literal) => {
        $crate::events::source::arg($n)
    };
    (task ($field:ident)) => {
        $crate::events::source::task($crate::plan::TaskField::$field)
    };
    (quota ($field:ident)) => {
        $crate::events::source::quota($crate::plan::QuotaField::$field)
    };
    (task_text ($field:ident)) => {
        $crate::events::source::task_text($crate::plan::TaskField::$field)
    };
    ($name:ident ($($operand:tt)*)) => {
        $crate::events::source::$name($($operand)*)
    };
    ($name:ident) => {
        $crate::events::source::$name()
    };
}

/// Used by `events!`: a kind from its short form. `names` are the parameters of the row.
macro_rules! kind {
    ($names:ident PathAt ($dirfd:ident)) => {
        $crate::kind::Kind::PathAt($crate::events::index_of($names, stringify!($dirfd)))
    };
    ($names:ident Dyn ($set:ident)) => {
        $crate::kind::Kind::Dyn(&$crate::kind::$set)
    };
    ($names:ident $kind:ident ($set:ident)) => {
        $crate::kind::Kind::$kind(&$crate::flags::$set)
    };
    ($names:ident $kind:ident) => {
        $crate::kind::Kind::$kind
    };
}

/// Used by `events!`: the system calls of a row.
macro_rules! syscalls {
    ($name:literal) => {
        &[$name]
    };
    ($name:literal [$($call:literal),*]) => {
        &[$($call),*]
    };
}

/// Used by `events!`: the effect of a row.
macro_rules! effect {
    () => {
        $crate::events::Effect::None
    };
    ($effect:ident) => {
        $crate::events::Effect::$effect
    };
}

/// Declares the rows of one family; see the module's documentation for the form.
macro_rules! events {
    ($(
        $(#[doc = $doc:literal])+
        $ident:ident = $code:literal $name:literal $([$($call:literal),*])? $category:ident [$($flag:ident)|*] $(=> $effect:ident)? {
            $($param:ident: $kind:ident $(($set:ident))? = $src:tt $(($($operand:tt)*))?, $pdoc:literal $(, $mark:ident)?;)*
        }
    )+) => {
        $(
            $(#[doc = $doc])+
            pub static $ident: $crate::events::Event = {
                #[allow(dead_code, reason = "only rows with relative paths look names up")]
                const NAMES: &[&str] = &[$(stringify!($param)),*];
                $crate::events::Event {
                    code: $code,
                    ident: stringify!($ident),
                    name: $name,
                    syscalls: $crate::events::syscalls!($name $([$($call),*])?),
                    category: $crate::events::Category::$category,
                    flags: $crate::events::Flags::NONE$(.with($crate::events::Flags::$flag))*,
                    effect: $crate::events::effect!($($effect)?),
                    params: &[$(
                        $crate::events::Param {
                            name: stringify!($param),
                            kind: $crate::events::kind!(NAMES $kind $(($set))?),
                            source: $crate::events::source_of!($src $(($($operand)*))?),
                            doc: $pdoc,
                            is_command: $crate::events::marked!($($mark)?),
                        },
                    )*],
                    doc: concat!($($doc),+),
                }
            };
        )+
        /// The rows of this family.
        pub static ROWS: &[&$crate::events::Event] = &[$(&$ident),+];
        /// The codes of this family, for `match`.
        #[allow(missing_docs, reason = "each constant is documented at the row of its name")]
        pub mod code {
            $(pub const $ident: u16 = $code;)+
        }
    };
}
pub(crate) use {effect, kind, marked, source_of, syscalls};

/// Declares the families: their modules, and everything that is made from all of them.
macro_rules! families {
    ($($(#[doc = $doc:literal])+ $family:ident)+) => {
        $($(#[doc = $doc])+ pub mod $family;)+

        /// The codes of all events, for `match`.
        pub mod code {
            $(pub use super::$family::code::*;)+
        }

        /// All rows, a slice for each family.
        pub static FAMILIES: &[(&str, &[&Event])] = &[$((stringify!($family), $family::ROWS)),+];
    };
}

families! {
    /// Opening, closing and duplicating file descriptors.
    file
    /// The beginning of calls.
    enter
    /// Reading and writing.
    io
    /// Directories and mounts.
    fs
    /// Names of files: made, changed and removed.
    link
    /// Attributes of files: what they are, permissions, owners.
    inode
    /// Sockets.
    net
    /// Processes and threads.
    process
    /// What belongs to a process: session, group, namespaces, limits.
    attr
    /// Extended attributes of files.
    xattr
    /// Users, groups and capabilities.
    user
    /// Signals.
    signal
    /// Descriptors that are not files, and other ways between processes.
    ipc
    /// What the kernel runs or keeps for programs: bpf, modules, io_uring, keys, quotas.
    kernel
    /// Memory of a process.
    memory
    /// Waiting for descriptors.
    poll
    /// Sleep and timers.
    time
    /// Calls that only 32-bit programs have.
    ia32
    /// What happens to threads apart from calls.
    sched
    /// Connections of TCP, apart from calls.
    tcp
    /// Events that are not calls of their own, and records of the tracer.
    meta
}

/// The rows of a family; those that only captures have come behind the others.
const fn family(at: usize) -> &'static [&'static Event] {
    if at < FAMILIES.len() { FAMILIES[at].1 } else { old::FAMILIES[at - FAMILIES.len()] }
}

/// Rows by code.
static BY_CODE: [Option<&Event>; CODES as usize] = {
    let mut index: [Option<&Event>; CODES as usize] = [None; CODES as usize];
    let mut f = 0;
    while f < FAMILIES.len() + old::FAMILIES.len() {
        let rows = family(f);
        let mut r = 0;
        while r < rows.len() {
            let row = rows[r];
            assert!(row.params.len() <= MAX_PARAMS, "a row has too many parameters");
            assert!(row.flags.has(Flags::OLD) == (f >= FAMILIES.len()), "a row is in the wrong table");
            let may_be_even = row.flags.has(Flags::TRACEPOINT) || row.flags.has(Flags::ENTER);
            let even_is_right = row.code % 2 == 1 || may_be_even;
            assert!(even_is_right || row.code >= LIVE_ONLY, "an even code is an enter event");
            if row.code < LIVE_ONLY {
                assert!(index[row.code as usize].is_none(), "two rows have the same code");
                index[row.code as usize] = Some(row);
            }
            r += 1;
        }
        f += 1;
    }
    index
};

/// The rows of events that a live capture can make.
pub fn all() -> impl Iterator<Item = &'static Event> {
    FAMILIES.iter().flat_map(|(_, rows)| rows.iter().copied())
}

/// The rows of events that only captures have.
pub fn old() -> impl Iterator<Item = &'static Event> {
    old::FAMILIES.iter().flat_map(|rows| rows.iter().copied())
}

/// The row of a code, of a live event or of one that only captures have.
#[must_use]
#[inline]
pub fn by_code(code: u16) -> Option<&'static Event> {
    match BY_CODE.get(usize::from(code)) {
        Some(row) => *row,
        None if code >= LIVE_ONLY => meta::ROWS.iter().copied().find(|row| row.code == code),
        None => None,
    }
}

/// The same in a file of the `.scap` format, which may have codes of its own one day where ours are.
#[must_use]
pub fn of_format(code: u16) -> Option<&'static Event> {
    by_code(code).filter(|row| !row.is_own())
}

/// The row of an event that the format does not know, by its name.
#[must_use]
pub fn own_row(name: &[u8]) -> Option<&'static Event> {
    OWN.filter_map(by_code).find(|row| row.name.as_bytes() == name)
}

/// The row that a system call of that name makes; the generic one when it has no row of its own.
#[must_use]
pub fn by_syscall(name: &str) -> &'static Event {
    all().find(|row| row.syscalls.contains(&name)).unwrap_or(&meta::GENERIC)
}

impl Event {
    /// Whether this is a record of our own, which is never shown or written.
    #[must_use]
    pub const fn live_only(&self) -> bool {
        self.code >= LIVE_ONLY
    }

    /// Whether the `.scap` format does not know it.
    #[must_use]
    pub const fn is_own(&self) -> bool {
        self.code >= OWN.start && self.code < OWN.end
    }

    /// Whether it tells of a connection: its record is of the thread that has the connection, not of the one that ran.
    #[must_use]
    pub const fn is_of_connection(&self) -> bool {
        self.is_own() && self.flags.has(Flags::TRACEPOINT)
    }

    /// Whether the event is the beginning of a call.
    #[must_use]
    pub const fn is_enter(&self) -> bool {
        self.flags.has(Flags::ENTER)
    }

    /// Whether the event stands for a system call, its beginning or its end.
    #[must_use]
    pub const fn is_syscall(&self) -> bool {
        !self.flags.has(Flags::TRACEPOINT) && self.code < LIVE_ONLY
    }

    /// Whether data goes through a file descriptor.
    #[must_use]
    pub const fn is_io(&self) -> bool {
        self.flags.0 & (Flags::READS_FROM_FD.0 | Flags::WRITES_TO_FD.0) != 0
    }

    /// Whether one call reads from a descriptor and writes to another one: its bytes count on both sides.
    #[must_use]
    pub const fn moves_between_fds(&self) -> bool {
        self.flags.has(Flags(Flags::READS_FROM_FD.0 | Flags::WRITES_TO_FD.0))
    }

    /// Of a call that receives from a socket, the argument with its `MSG_*` flags.
    #[must_use]
    pub const fn message_flags(&self) -> Option<u8> {
        match self.code {
            code::RECV | code::RECVFROM | code::RECVMMSG => Some(3),
            code::RECVMSG => Some(2),
            _ => None,
        }
    }

    /// The parameter of that name and its index.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<(usize, &'static Param)> {
        self.params.iter().enumerate().find(|(_, param)| param.name == name)
    }
}

#[cfg(test)]
mod tests;
