//! How metrics group system calls: by class, direction, and what they do to files.

use std::sync::LazyLock;

use rustc_hash::FxHashMap;
use tracer_common::{
    arch::SYSCALLS,
    events::{self, Category},
};

use super::counted::OTHER;

/// Calls that count apart: the class of their times, if they are timed, what they do to a file, if anything, and their names.
const CALLS_APART: [(Option<&str>, Option<&str>, &[&str]); 8] = [
    (Some("file"), Some("open"), &["open", "openat", "openat2", "creat"]),
    (Some("file"), Some("unlink"), &["unlink", "unlinkat"]),
    (None, Some("unlink"), &["rmdir"]),
    (Some("file"), Some("rename"), &["rename", "renameat", "renameat2"]),
    (Some("file"), Some("mkdir"), &["mkdir", "mkdirat"]),
    (Some("fsync"), Some("fsync"), &["fsync", "fdatasync", "sync_file_range", "msync"]),
    (Some("connect"), None, &["connect"]),
    (Some("net"), None, &["accept", "accept4", "sendto", "sendmsg", "recvfrom", "recvmsg"]),
];

/// How a call counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) class: &'static str,
    /// Whether it reads or writes, if it moves data.
    pub(super) direction: &'static str,
    /// What it does to a file, apart from reading and writing.
    pub(super) operation: Option<&'static str>,
    /// The class of its times.
    pub(super) timed: Option<&'static str>,
}

impl Call {
    /// The call, or other event, of that name.
    pub(super) fn of(name: &str) -> Self {
        /// By the names of events and of system calls, which differ for some.
        static BY_NAME: LazyLock<FxHashMap<&str, Call>> = LazyLock::new(|| {
            let of_events = events::all().filter(|row| !row.is_enter()).map(|row| (row.name, row));
            let of_calls = SYSCALLS.iter().map(|call| (call.name, events::by_syscall(call.name)));
            of_calls.chain(of_events).map(|(name, row)| (name, Call::new(name, row))).collect()
        });
        let unknown = Self { class: OTHER, direction: "read", operation: None, timed: None };
        BY_NAME.get(name).copied().unwrap_or(unknown)
    }

    fn new(name: &str, row: &events::Event) -> Self {
        let apart = CALLS_APART.iter().find(|(.., names)| names.contains(&name));
        Self {
            class: class(row.category),
            direction: if row.flags.has(events::Flags::WRITES_TO_FD) { "write" } else { "read" },
            operation: apart.and_then(|(_, operation, _)| *operation),
            timed: apart.and_then(|(timed, ..)| *timed),
        }
    }
}

/// The names of calls whose times have a class.
pub(super) fn timed() -> impl Iterator<Item = &'static str> {
    CALLS_APART.iter().filter(|(timed, ..)| timed.is_some()).flat_map(|(.., names)| *names).copied()
}

const fn class(category: Category) -> &'static str {
    match category {
        Category::File => "file",
        Category::IoRead | Category::IoWrite | Category::IoOther => "io",
        Category::Net => "net",
        Category::Process | Category::Signal | Category::User => "process",
        Category::Memory => "memory",
        Category::Ipc => "ipc",
        Category::Sleep | Category::Time | Category::Wait => "time",
        Category::Other | Category::System | Category::Scheduler | Category::Internal => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_in_classes() {
        for (name, expected) in [
            ("openat", "file"),
            ("read", "io"),
            ("sendto", "io"),
            ("socket", "net"),
            ("mmap", "memory"),
            // The event is `pwrite`, the call `pwrite64`.
            ("pwrite", "io"),
            ("pwrite64", "io"),
            ("nosuch", OTHER),
        ] {
            assert_eq!(Call::of(name).class, expected, "{name}");
        }
        let directions = ["pwrite", "writev", "read"].map(|name| Call::of(name).direction);
        assert_eq!(directions, ["write", "write", "read"]);
    }

    #[test]
    fn names_apart_are_those_of_events() {
        for name in CALLS_APART.iter().flat_map(|(.., names)| *names) {
            assert!(SYSCALLS.iter().any(|call| call.name == *name), "{name}");
        }
        assert!(timed().any(|name| name == "fsync") && !timed().any(|name| name == "rmdir"));
    }
}
