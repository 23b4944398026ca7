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
    /// Effective user id.
    Uid,
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
    /// Time from the beginning of the call.
    Latency,
    /// A parameter by name.
    Param,
    /// Number of the descriptor.
    Descriptor,
    /// What the descriptor is.
    FdType,
    /// A port of one of the ends, or both.
    Port,
    /// An address of one of the ends, or both.
    Ip,
    /// Something of the container: known by its cgroups.
    Container,
}

impl InKernel {
    /// The members of the key of a table that is counted in the kernel, from which the field follows; `None` when it does not
    /// follow from any.
    #[must_use]
    pub const fn key(self) -> Option<u32> {
        Some(match self {
            Self::Comm => by::COMM | by::TGID,
            Self::Tgid => by::TGID,
            Self::Tid => by::TID | by::TGID,
            Self::Uid => by::UID | by::TGID,
            Self::Vpid => by::VPID | by::TGID,
            Self::Cpu => by::CPU,
            // On hosts without a v2 tree for containers, the process says which one it is.
            Self::Container => by::CGROUP | by::TGID,
            Self::Type => by::CALL,
            Self::Failed | Self::ResultName => by::ERROR,
            _ => return None,
        })
    }

    /// The number that it is, of those that are added up in the kernel.
    #[must_use]
    pub const fn number(self) -> Number {
        match self {
            Self::Bytes => Number::Bytes,
            Self::Latency => Number::Latency,
            Self::Failure => Number::Failure,
            _ => Number::None,
        }
    }
}
