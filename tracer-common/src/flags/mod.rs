//! Names of flag bits and of enumerated arguments.
//!
//! A live record carries the bits of the kernel; the `.scap` format has its own, the same on all architectures. Each name
//! stands here once with both. What users see, and what a file holds, is always the form of the file.

mod attr;
mod fcntl;
mod fd;
mod io;
mod ipc;
mod kernel;
mod memory;
mod mode;
mod mount;
mod net;
mod open;
mod path;
mod poll;
mod process;
mod sched;

pub use attr::*;
pub use fcntl::*;
pub use fd::*;
pub use io::*;
pub use ipc::*;
pub use kernel::*;
pub use memory::*;
pub use mode::*;
pub use mount::*;
pub use net::*;
pub use open::*;
pub use path::*;
pub use poll::*;
pub use process::*;
pub use sched::*;

/// One name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// The constant's name.
    pub name: &'static str,
    /// Its bits or value in the `.scap` format.
    pub file: u32,
    /// Its bits or value in the kernel.
    pub native: u32,
    /// The bits of the kernel's value that decide; for most flags, its own.
    pub mask: u32,
}

/// Whether the names are bits that may stand together, or values of which one is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetKind {
    /// Bits.
    Bits,
    /// Values.
    Values,
}

/// The names of one parameter. Their order is the order in which they are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlagSet {
    /// Name of the set, as in the documentation of the `.scap` format.
    pub name: &'static str,
    /// Bits or values.
    pub kind: SetKind,
    /// File form of a value that has no name; `None` when the file has the kernel's numbers.
    pub unknown: Option<u32>,
    /// The names.
    pub flags: &'static [Flag],
}

const fn flag(name: &'static str, file: u32, native: u32) -> Flag {
    Flag { name, file, native, mask: native }
}

const fn masked(name: &'static str, file: u32, native: u32, mask: u32) -> Flag {
    Flag { name, file, native, mask }
}

const fn value(name: &'static str, file: u32, native: u32) -> Flag {
    Flag { name, file, native, mask: u32::MAX }
}

/// In `native`: no value of the kernel has this name.
const NEVER: u32 = 0x8000_0000;

impl FlagSet {
    const fn bits(name: &'static str, flags: &'static [Flag]) -> Self {
        Self { name, kind: SetKind::Bits, unknown: None, flags }
    }

    const fn values(name: &'static str, unknown: u32, flags: &'static [Flag]) -> Self {
        Self { name, kind: SetKind::Values, unknown: Some(unknown), flags }
    }

    /// Values of which the file has the kernel's numbers, also of those without a name.
    const fn numbers(name: &'static str, flags: &'static [Flag]) -> Self {
        Self { name, kind: SetKind::Values, unknown: None, flags }
    }

    /// The file form of a value of the kernel. Bits without a name are lost, as in the format.
    #[must_use]
    pub fn to_file(&self, native: u32) -> u32 {
        match self.kind {
            SetKind::Bits => self
                .flags
                .iter()
                .filter(|flag| flag.mask != 0 && native & flag.mask == flag.native)
                .fold(0, |file, flag| file | flag.file),
            SetKind::Values => {
                let named = self.flags.iter().find(|flag| flag.native == native);
                named.map_or(self.unknown.unwrap_or(native), |flag| flag.file)
            }
        }
    }

    /// The names of permissions and type of a file. A type is the whole of its bits: that of a block device has the bit of
    /// a character device in it. The file's numbers of such a set are the kernel's.
    pub fn mode_names(&self, file: u32) -> impl Iterator<Item = &'static str> {
        self.flags.iter().filter(move |flag| file & flag.mask == flag.file).map(|flag| flag.name)
    }

    /// The names of a value in file form, in the order of the set.
    pub fn names(&self, file: u32) -> impl Iterator<Item = &'static str> {
        let mut left = file;
        let mut done = false;
        self.flags.iter().filter_map(move |flag| {
            let hit = match self.kind {
                SetKind::Values => flag.file == file,
                SetKind::Bits if done => false,
                SetKind::Bits if flag.file == 0 => file == 0,
                SetKind::Bits => left & flag.file == flag.file,
            };
            if hit && self.kind == SetKind::Bits {
                left &= !flag.file;
                done = flag.file == file;
            }
            hit.then_some(flag.name)
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn access_mode_zero_has_a_bit_in_the_file() {
        assert_eq!(OPEN_FLAGS.to_file(0), 1);
        let file = OPEN_FLAGS.to_file(0o2000102);
        assert_eq!(OPEN_FLAGS.names(file).collect::<Vec<_>>(), ["O_CREAT", "O_RDWR", "O_CLOEXEC"]);
    }

    #[test]
    fn o_tmpfile_and_o_sync_need_all_their_bits() {
        assert_eq!(OPEN_FLAGS.to_file(crate::arch::open::DIRECTORY) & 0x2000, 0);
        assert_ne!(OPEN_FLAGS.to_file(0o20000000 | crate::arch::open::DIRECTORY) & 0x2000, 0);
        assert_eq!(OPEN_FLAGS.to_file(0o10000) & 0x80, 0);
    }

    #[test]
    fn values_are_matched_whole_and_aliases_all_show() {
        assert_eq!(SOCKET_FAMILIES.to_file(2), 2);
        assert_eq!(SOCKET_FAMILIES.names(1).collect::<Vec<_>>(), ["AF_LOCAL", "AF_UNIX"]);
        assert_eq!(FCNTL_COMMANDS.to_file(0), 1);
        assert_eq!(FCNTL_COMMANDS.to_file(9999), 0);
    }

    #[test]
    fn an_operation_with_flags_keeps_its_number() {
        let shown = |native| FUTEX_OPERATIONS.names(FUTEX_OPERATIONS.to_file(native)).collect::<Vec<_>>();
        assert_eq!(shown(0x80 | 9), ["FUTEX_PRIVATE_FLAG", "FUTEX_WAIT_BITSET"]);
        assert_eq!(shown(0x180 | 11), ["FUTEX_CLOCK_REALTIME", "FUTEX_PRIVATE_FLAG", "FUTEX_WAIT_REQUEUE_PI"]);
        assert_eq!(shown(0), ["FUTEX_WAIT"]);
        // FUTEX_LOCK_PI2 has no name, and is not made of others.
        assert_eq!(FUTEX_OPERATIONS.to_file(0x80 | 13), 0x80);
    }

    #[test]
    fn numbers_of_the_kernel_become_bits_of_the_file() {
        assert_eq!([0, 16, 99].map(|native| SEMCTL_COMMANDS.to_file(native)), [0x4, 0x1000, 0]);
        assert_eq!([0, 1, 2].map(|native| QUOTA_TYPES.to_file(native)), [1, 2, 0]);
        assert_eq!([0, 4, 5].map(|native| QUOTA_FORMATS.to_file(native)), [1, 8, 0]);
        assert_eq!([0, 1].map(|native| QUOTA_INFO_FLAGS.to_file(native)), [0, 2]);
        assert_eq!(QUOTA_COMMANDS.to_file(0x80_0007), 0x20);
    }

    #[test]
    fn a_number_without_a_name_stays_where_the_file_has_those_of_the_kernel() {
        assert_eq!([1, 999].map(|native| PRCTL_OPTIONS.to_file(native)), [1, 999]);
        assert_eq!([57, 1].map(|native| SOCKOPT_OPTIONS.to_file(native)), [0x35, 1]);
        assert_eq!([0x4200, 12345].map(|native| PTRACE_REQUESTS.to_file(native)), [0xe, 0]);
        assert_eq!(RLIMIT_RESOURCES.to_file(99), 0xff);
        assert_eq!(BPF_COMMANDS.names(10).collect::<Vec<_>>(), ["BPF_PROG_TEST_RUN", "BPF_PROG_RUN"]);
    }
}
