//! What the kernel side knows of fields: by what it tests them, keys tables by them, and adds them up.

use tracer_common::group::{Number, by};

/// By what the kernel side knows a field. What it stands for is the same there and here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InKernel {
    /// Thread id.
    Tid,
    /// Process id.
    Tgid,
    /// Process id of the parent.
    ParentTgid,
    /// Name of the thread.
    Comm,
    /// Name of the main thread, which follows from the process.
    MainName,
    /// Effective user id.
    Uid,
    /// Name of the effective user.
    UserName,
    /// Effective group id.
    Gid,
    /// Number of the CPU.
    Cpu,
    /// Name of the event.
    Type,
    /// Result of the call.
    Result,
    /// Whether the result is an error.
    Failed,
    /// Name of the error.
    ResultName,
    /// Process id in its own pid namespace.
    Vpid,
    /// 1 when the result is an error, else 0.
    Failure,
    /// Bytes that were transferred: the result, unless it is an error.
    Bytes,
    /// The same, if they were read.
    BytesIn,
    /// The same, if they were written.
    BytesOut,
    /// Time from the beginning of the call.
    Latency,
    /// A parameter by name.
    Param,
    /// Number of the descriptor.
    Descriptor,
    /// What the descriptor is.
    FdType,
    /// A port.
    Port(End),
    /// An address.
    Ip(End),
    /// Protocol of the socket.
    Protocol,
    /// Name of the descriptor, which of sockets is both ends.
    FdName,
    /// Whether this end of a socket is the server.
    Role,
    /// Something of the container: known by its cgroups.
    Container,
    /// Something of the path of the cgroup.
    Cgroup,
}

/// Which end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Any of the two.
    Either,
    /// This one.
    Local,
    /// The other one.
    Remote,
    /// That of the client.
    Client,
    /// That of the server.
    Server,
}

impl InKernel {
    /// The members of the key of a table that is counted in the kernel, from which the field follows; `None` when it does not
    /// follow from any.
    #[must_use]
    pub const fn key(self) -> Option<u32> {
        Some(match self {
            Self::Comm | Self::MainName => by::COMM | by::TGID,
            Self::Tgid => by::TGID,
            Self::Tid => by::TID | by::TGID,
            Self::Uid | Self::UserName => by::UID | by::TGID,
            Self::Vpid => by::VPID | by::TGID,
            Self::Cpu => by::CPU,
            // On hosts without a v2 tree for containers, the process says which one it is.
            Self::Container | Self::Cgroup => by::CGROUP | by::TGID,
            Self::Type => by::CALL,
            Self::Failed | Self::ResultName => by::ERROR,
            Self::FdType => by::FD_KIND,
            Self::Protocol => by::PROTOCOL,
            // What is no socket is no server.
            Self::Role => by::FD_KIND | by::PROTOCOL | by::ROLE,
            Self::FdName => by::NAME | by::PROTOCOL | by::ROLE | by::BOTH_ENDS,
            Self::Port(End::Either) => by::PROTOCOL | by::LOCAL_PORT | by::REMOTE_PORT,
            Self::Port(End::Local) => by::PROTOCOL | by::LOCAL_PORT,
            Self::Port(End::Remote) => by::PROTOCOL | by::REMOTE_PORT,
            Self::Port(End::Client) => by::PROTOCOL | by::CLIENT_PORT,
            Self::Port(End::Server) => by::PROTOCOL | by::SERVER_PORT,
            Self::Ip(End::Either) => by::PROTOCOL | by::LOCAL_IP | by::REMOTE_IP,
            Self::Ip(End::Local) => by::PROTOCOL | by::LOCAL_IP,
            Self::Ip(End::Remote) => by::PROTOCOL | by::REMOTE_IP,
            Self::Ip(End::Client) => by::PROTOCOL | by::CLIENT_IP,
            Self::Ip(End::Server) => by::PROTOCOL | by::SERVER_IP,
            _ => return None,
        })
    }

    /// Whether a test of it can be made of the row of a table instead of each event: it says the ends of a socket.
    #[must_use]
    pub const fn is_about_ends(self) -> bool {
        matches!(self, Self::Port(_) | Self::Ip(_) | Self::Protocol | Self::Role)
    }

    /// What more the key of such a table needs so that the number follows.
    #[must_use]
    pub const fn number_by(self) -> u32 {
        if matches!(self, Self::BytesIn | Self::BytesOut) { by::DIRECTION } else { 0 }
    }

    /// The number that it is, of those that are added up in the kernel.
    #[must_use]
    pub const fn number(self) -> Number {
        match self {
            Self::Bytes | Self::BytesIn | Self::BytesOut => Number::Bytes,
            Self::Latency => Number::Latency,
            Self::Failure => Number::Failure,
            _ => Number::None,
        }
    }
}
