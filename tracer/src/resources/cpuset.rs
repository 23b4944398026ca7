//! Which CPUs and memory nodes may be used: `cpuset.*`.

use super::{File, Version};

/// What may be used, as lists like `0-3,8`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cpuset {
    /// CPUs that are asked for; empty on v2 where nothing is.
    pub cpus: Option<String>,
    /// Memory nodes that are asked for.
    pub nodes: Option<String>,
    /// CPUs that it really has.
    pub effective_cpus: Option<String>,
    /// Memory nodes that it really has.
    pub effective_nodes: Option<String>,
}

impl Cpuset {
    /// How many CPUs it really has.
    #[must_use]
    pub fn cpu_count(&self) -> Option<u64> {
        count(self.effective_cpus.as_ref()?)
    }

    pub(super) fn read(version: Version, file: &mut File<'_>) -> Self {
        let mut list = |name: &str| file(name).map(|text| text.trim_ascii().to_owned());
        let (cpus, nodes) = match version {
            Version::V1 => ("cpuset.effective_cpus", "cpuset.effective_mems"),
            Version::V2 => ("cpuset.cpus.effective", "cpuset.mems.effective"),
        };
        Self {
            cpus: list("cpuset.cpus"),
            nodes: list("cpuset.mems"),
            effective_cpus: list(cpus),
            effective_nodes: list(nodes),
        }
    }
}

/// How many a list names; `None` if it is not one.
fn count(list: &str) -> Option<u64> {
    list.split(',').filter(|part| !part.is_empty()).try_fold(0_u64, |sum, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        sum.checked_add(u64::from(last.checked_sub(first)?) + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_counted() {
        for (list, expected) in [("", Some(0)), ("0", Some(1)), ("0-3,8", Some(5)), ("1-1,3-4", Some(3))] {
            assert_eq!(count(list), expected, "{list}");
        }
        for list in ["3-1", "a", "0-", "0-3,x", "-1", "0-4294967296"] {
            assert_eq!(count(list), None, "{list}");
        }
    }
}
