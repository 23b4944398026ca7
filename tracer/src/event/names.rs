//! Names of calls: an event has one name, and the system call that makes it may have another, such as `pread` and `pread64`.
//!
//! Filters accept both. What is printed is always the name of the event.

use std::sync::LazyLock;

use tracer_common::{
    arch::{COMPAT_SYSCALLS, SYSCALLS},
    events::{self, code},
};

/// Calls whose event has a different name: name of the event, name of the call. Sorted by event.
static OTHERS: LazyLock<Box<[(&str, &str)]>> = LazyLock::new(|| {
    let native = SYSCALLS.iter().map(|call| (events::by_syscall(call.name), call.name));
    let compat = COMPAT_SYSCALLS.iter().map(|call| (events::by_syscall(call.like), call.name));
    let mut others: Vec<_> = native
        .chain(compat)
        // A call without a row of its own makes an event with its own name.
        .filter(|(row, call)| row.code != code::GENERIC && row.name != *call)
        .map(|(row, call)| (row.name, call))
        .collect();
    others.sort_unstable();
    others.dedup();
    others.into()
});

/// The calls that make events of this name and have another name themselves.
pub fn calls_of(event: &str) -> impl Iterator<Item = &'static str> + use<> {
    let start = OTHERS.partition_point(|(name, _)| *name < event);
    let count = OTHERS[start..].iter().take_while(|(name, _)| *name == event).count();
    OTHERS[start..start + count].iter().map(|(_, call)| *call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_knows_the_calls_with_other_names() {
        let calls = |event: &str| calls_of(event).collect::<Vec<_>>();
        assert_eq!((calls("pread"), calls("pwrite")), (vec!["pread64"], vec!["pwrite64"]));
        assert_eq!((calls("prlimit"), calls("llseek")), (vec!["prlimit64"], vec!["_llseek"]));
        assert_eq!((calls("fcntl"), calls("sendfile")), (vec!["fcntl64"], vec!["sendfile64"]));
        assert_eq!((calls("read"), calls("nothing"), calls("")), (vec![], vec![], vec![]));
    }

    #[test]
    fn another_name_of_an_event_is_not_the_name_of_an_event() {
        for (event, call) in OTHERS.iter() {
            let rows: Vec<_> = events::all().filter(|row| row.name == *call && row.name != *event).collect();
            assert!(rows.is_empty(), "{call} makes {event}, and is an event itself");
        }
    }
}
