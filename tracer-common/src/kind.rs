//! `Kind`: what a parameter is.
//!
//! A kind carries the width and the sign of the value in the record and how it is printed; decoding, printing, filter
//! types and the kernel's way of storing all follow from it. The type names of the `.scap` format are in the docs of each
//! kind.

use crate::{flags::FlagSet, plan::Store};

/// The types that a value of [`Kind::Dyn`] may have, by its first byte.
#[derive(Debug, Clone, Copy)]
pub struct DynSet {
    /// Name of the set, as in the documentation of the `.scap` format.
    pub name: &'static str,
    /// The types.
    pub kinds: &'static [Kind],
}

/// Values of socket options.
pub static SOCKOPT_TYPES: DynSet =
    DynSet { name: "sockopt_dynamic_param", kinds: &[Kind::Bytes, Kind::Errno, Kind::U32, Kind::U64, Kind::RelTime] };
/// Arguments of ptrace.
pub static PTRACE_TYPES: DynSet = DynSet { name: "ptrace_dynamic_param", kinds: &[Kind::Hex64, Kind::Signal] };
/// What the old event of bpf returned.
pub static BPF_TYPES: DynSet = DynSet { name: "bpf_dynamic_param", kinds: &[Kind::Fd, Kind::Errno] };
/// Arguments of keyctl.
pub static KEYCTL_TYPES: DynSet = DynSet { name: "keyctl_dynamic_param", kinds: &[Kind::I64, Kind::Text] };

/// What a parameter is.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// 8 bytes, signed: a result, a byte count or `-errno` (`PT_ERRNO`).
    Errno,
    /// 8 bytes, signed: a file descriptor, `AT_FDCWD` or `-errno` (`PT_FD`).
    Fd,
    /// 8 bytes, signed: a process or thread id (`PT_PID`).
    Pid,
    /// 1 byte, unsigned (`PT_UINT8`).
    U8,
    /// 2 bytes, signed (`PT_INT16`).
    I16,
    /// 2 bytes, unsigned (`PT_UINT16`).
    U16,
    /// 4 bytes, unsigned (`PT_UINT32`).
    U32,
    /// 8 bytes, unsigned (`PT_UINT64`).
    U64,
    /// 8 bytes, of which the lower 4 are an unsigned number (`PT_UINT64`): the call takes an `int`, the format more.
    Low32,
    /// 4 bytes, signed (`PT_INT32`).
    I32,
    /// 8 bytes, signed (`PT_INT64`).
    I64,
    /// 1 byte, printed in hexadecimal.
    Hex8,
    /// 4 bytes, printed in hexadecimal.
    Hex32,
    /// 4 bytes, signed, printed in hexadecimal.
    HexI32,
    /// 8 bytes, printed in hexadecimal.
    Hex64,
    /// 4 bytes, printed in octal.
    Oct32,
    /// Text with a final NUL (`PT_CHARBUF`).
    Text,
    /// A path, absolute or relative to the working directory, with a final NUL (`PT_FSPATH`).
    Path,
    /// A path relative to the directory fd in the parameter of that index (`PT_FSRELPATH`).
    PathAt(u8),
    /// Texts, each with a final NUL: arguments, environment, cgroups.
    List,
    /// Raw bytes (`PT_BYTEBUF`).
    Bytes,
    /// A socket address (`PT_SOCKADDR`), in the form of `param-types` (family, address, port).
    SockAddr,
    /// Both ends of a socket (`PT_SOCKTUPLE`).
    SockTuple,
    /// Bits with names, 1 byte (`PT_FLAGS8`).
    Flags8(&'static FlagSet),
    /// Bits with names, 2 bytes (`PT_FLAGS16`).
    Flags16(&'static FlagSet),
    /// Bits with names, 4 bytes (`PT_FLAGS32`).
    Flags32(&'static FlagSet),
    /// One of some named values, 1 byte (`PT_ENUMFLAGS8`).
    Enum8(&'static FlagSet),
    /// One of some named values, 2 bytes (`PT_ENUMFLAGS16`).
    Enum16(&'static FlagSet),
    /// One of some named values, 4 bytes (`PT_ENUMFLAGS32`).
    Enum32(&'static FlagSet),
    /// Permissions and type of a file, 4 bytes, printed in octal (`PT_MODE`).
    Mode(&'static FlagSet),
    /// A value whose first byte says which of some types it has (`PT_DYN`).
    Dyn(&'static DynSet),
    /// File descriptors with poll events (`PT_FDLIST`): a `u16` count, then an `i64` and a `u16` for each.
    FdList,
    /// The first 32 signals of a set, 4 bytes (`PT_SIGSET`).
    SigSet,
    /// A time span in nanoseconds; all ones is none (`PT_RELTIME`).
    RelTime,
    /// A user id, 4 bytes (`PT_UID`).
    Uid,
    /// A group id, 4 bytes (`PT_GID`).
    Gid,
    /// A signal number, 1 byte (`PT_SIGTYPE`).
    Signal,
    /// Nanoseconds since the epoch (`PT_ABSTIME`).
    AbsTime,
    /// A system call by its portable number, 2 bytes (`PT_SYSCALLID`).
    SyscallId,
    /// 4 bytes, signed: a file descriptor (`PT_FD32`). Only in captures, like all that follow.
    Fd32,
    /// 4 bytes, signed: a process or thread id (`PT_PID32`).
    Pid32,
    /// A port, 2 bytes, in the byte order of the host (`PT_PORT`).
    Port,
    /// An IPv4 address, 4 bytes in network order (`PT_IPV4ADDR`).
    Ip4,
    /// An IPv6 address, 16 bytes (`PT_IPV6ADDR`).
    Ip6,
    /// Texts, each with a final NUL (`PT_CHARBUFARRAY`).
    TextArray,
    /// Pairs of texts (`PT_CHARBUF_PAIR_ARRAY`). A file holds only a pointer of the process that wrote it, so there never
    /// is a value.
    PairArray,
}

impl Kind {
    /// Bytes that the value takes in a file; `None` when it varies.
    #[must_use]
    pub const fn width(self) -> Option<usize> {
        if matches!(self, Self::Ip6) {
            return Some(16);
        }
        match self.store() {
            Store::U8 => Some(1),
            Store::U16 => Some(2),
            Store::U32 => Some(4),
            Store::U64 | Store::SignedInt => Some(8),
            Store::Var => None,
        }
    }

    /// How a live record stores a value of this kind: as a file does, but flags and enumerated values as whole `int`s.
    /// The kernel's own need not fit into the width of the file: `EFD_CLOEXEC` has 20 bits, `F_DUPFD_CLOEXEC` is 1030.
    #[must_use]
    pub const fn live_store(self) -> Store {
        match self.flag_set() {
            Some(_) => Store::U32,
            None => self.store(),
        }
    }

    /// How a file stores a value of this kind.
    #[must_use]
    pub const fn store(self) -> Store {
        match self {
            Self::U8 | Self::Hex8 | Self::Flags8(_) | Self::Enum8(_) | Self::Signal => Store::U8,
            Self::I16 | Self::U16 | Self::Flags16(_) | Self::Enum16(_) | Self::SyscallId | Self::Port => Store::U16,
            Self::U32
            | Self::I32
            | Self::Hex32
            | Self::HexI32
            | Self::Oct32
            | Self::Flags32(_)
            | Self::Enum32(_)
            | Self::Mode(_)
            | Self::SigSet
            | Self::Uid
            | Self::Gid
            | Self::Fd32
            | Self::Pid32
            | Self::Ip4 => Store::U32,
            Self::Errno | Self::U64 | Self::Low32 | Self::I64 | Self::Hex64 | Self::AbsTime | Self::RelTime => {
                Store::U64
            }
            Self::Fd | Self::Pid => Store::SignedInt,
            Self::Text
            | Self::Path
            | Self::PathAt(_)
            | Self::List
            | Self::Bytes
            | Self::SockAddr
            | Self::SockTuple
            | Self::Dyn(_)
            | Self::FdList
            | Self::Ip6
            | Self::TextArray
            | Self::PairArray => Store::Var,
        }
    }

    /// Whether the number is negative when its highest bit is set.
    #[must_use]
    pub const fn signed(self) -> bool {
        matches!(self, Self::Errno | Self::Fd | Self::Pid | Self::I16 | Self::I32 | Self::I64 | Self::HexI32)
            || matches!(self, Self::Fd32 | Self::Pid32)
    }

    /// The names of the bits or values, if they have names.
    #[must_use]
    pub const fn flag_set(self) -> Option<&'static FlagSet> {
        match self {
            Self::Flags8(set)
            | Self::Flags16(set)
            | Self::Flags32(set)
            | Self::Enum8(set)
            | Self::Enum16(set)
            | Self::Enum32(set)
            | Self::Mode(set) => Some(set),
            _ => None,
        }
    }

    /// The name of the type in lists for users, as in the documentation of the `.scap` format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Errno => "ERRNO",
            Self::Fd => "FD",
            Self::Pid => "PID",
            Self::U8 | Self::Hex8 => "UINT8",
            Self::I16 => "INT16",
            Self::U16 => "UINT16",
            Self::U32 | Self::Hex32 | Self::Oct32 => "UINT32",
            Self::U64 | Self::Low32 | Self::Hex64 => "UINT64",
            Self::I32 | Self::HexI32 => "INT32",
            Self::I64 => "INT64",
            Self::Text => "CHARBUF",
            Self::Path => "FSPATH",
            Self::PathAt(_) => "FSRELPATH",
            Self::List | Self::Bytes => "BYTEBUF",
            Self::SockAddr => "SOCKADDR",
            Self::SockTuple => "SOCKTUPLE",
            Self::Flags8(_) => "FLAGS8",
            Self::Flags16(_) => "FLAGS16",
            Self::Flags32(_) => "FLAGS32",
            Self::Enum8(_) => "ENUMFLAGS8",
            Self::Enum32(_) => "ENUMFLAGS32",
            Self::Enum16(_) => "ENUMFLAGS16",
            Self::Mode(_) => "MODE",
            Self::Dyn(_) => "DYN",
            Self::FdList => "FDLIST",
            Self::SigSet => "SIGSET",
            Self::RelTime => "RELTIME",
            Self::Uid => "UID",
            Self::Gid => "GID",
            Self::Signal => "SIGTYPE",
            Self::AbsTime => "ABSTIME",
            Self::SyscallId => "SYSCALLID",
            Self::Fd32 => "FD32",
            Self::Pid32 => "PID32",
            Self::Port => "PORT",
            Self::Ip4 => "IPV4ADDR",
            Self::Ip6 => "IPV6ADDR",
            Self::TextArray => "CHARBUFARRAY",
            Self::PairArray => "CHARBUF_PAIR_ARRAY",
        }
    }
}
