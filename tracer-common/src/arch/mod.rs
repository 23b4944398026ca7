//! Facts of one processor architecture: one file each.

#[cfg(any(target_arch = "x86_64", target_arch = "bpf"))]
mod x86_64;
#[cfg(any(target_arch = "x86_64", target_arch = "bpf"))]
pub use x86_64::*;

/// A system call of this architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syscall {
    /// Its number.
    pub number: u16,
    /// Its number in the `.scap` format, the same on all architectures.
    pub id: u16,
    /// Its name.
    pub name: &'static str,
}

/// The name of a system call by its portable number.
#[must_use]
pub fn name_of_id(id: u16) -> Option<&'static str> {
    SYSCALLS.iter().find(|call| call.id == id).map(|call| call.name)
}

/// The number of a system call, at compile time; a name that is not there is a compile error.
#[must_use]
pub const fn number_of(name: &str) -> u16 {
    let mut at = 0;
    while at < SYSCALLS.len() {
        if crate::events::same(SYSCALLS[at].name.as_bytes(), name.as_bytes()) {
            return SYSCALLS[at].number;
        }
        at += 1;
    }
    panic!("there is no such system call")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_and_fit_the_table_of_plans() {
        for pair in SYSCALLS.windows(2) {
            assert!(pair[0].number < pair[1].number, "{} before {}", pair[0].name, pair[1].name);
        }
        assert!(SYSCALLS.iter().all(|call| usize::from(call.number) < MAX_SYSCALLS));
    }
}
