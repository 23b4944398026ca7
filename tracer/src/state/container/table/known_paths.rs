//! The paths of cgroups, for what is asked of a path itself: units of systemd.

use rustc_hash::FxHashMap;

/// A path that is longer is not kept: those of units are shorter.
const MAX_PATH: usize = 512;
/// How much all of them take, bytes. Users can make cgroups, and give them any name.
const MAX_BYTES: usize = 8 << 20;

/// Paths by the id of the cgroup.
#[derive(Debug, Default)]
pub(super) struct Paths {
    by_cgroup: FxHashMap<u64, Box<str>>,
    bytes: usize,
}

impl Paths {
    pub(super) fn keep(&mut self, cgroup: u64, path: &str) {
        self.forget(cgroup);
        if path.len() <= MAX_PATH && self.bytes + cost(path) <= MAX_BYTES {
            self.bytes += cost(path);
            self.by_cgroup.insert(cgroup, path.into());
        }
    }

    pub(super) fn forget(&mut self, cgroup: u64) {
        if let Some(old) = self.by_cgroup.remove(&cgroup) {
            self.bytes -= cost(&old);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn get(&self, cgroup: u64) -> Option<&str> {
        self.by_cgroup.get(&cgroup).map(|path| &**path)
    }
}

/// With its place in the map.
fn cost(path: &str) -> usize {
    path.len() + size_of::<(u64, Box<str>)>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_a_limit_and_make_room_when_they_are_gone() {
        let mut paths = Paths::default();
        let long = "x".repeat(500);
        for id in 0..100_000 {
            paths.keep(id, &long);
        }
        assert!(paths.bytes <= MAX_BYTES && paths.get(99_999).is_none());
        paths.forget(0);
        paths.keep(99_999, "/a.service");
        paths.keep(99_999, "/b.service");
        assert_eq!(paths.get(99_999), Some("/b.service"));
        paths.keep(7, &"x".repeat(MAX_PATH + 1));
        assert_eq!(paths.get(7), None);
        (0..100_000).for_each(|id| paths.forget(id));
        assert_eq!(paths.bytes, 0);
    }
}
