//! Paths that begin with other paths, component by component: `/usr` is the beginning of `/usr/lib` and of `/usr`, not of
//! `/usrlocal`. What is searched for may have shell patterns, each for one component.

use std::cmp::Ordering;

use crate::glob;

type Path = Box<[u8]>;
type Component = Box<[u8]>;

/// What `pmatch` searches for.
#[derive(Debug, Default)]
pub struct Prefixes {
    /// Without patterns, in the order of their components. None begins with another: so only one can be a beginning of a
    /// path, the last one that does not stand behind the path.
    plain: Box<[Path]>,
    /// With patterns.
    patterns: Box<[Box<[Component]>]>,
}

fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|component| !component.is_empty())
}

fn order(a: &[u8], b: &[u8]) -> Ordering {
    components(a).cmp(components(b))
}

fn begins(path: &[u8], start: &[u8]) -> bool {
    // A relative path begins with none that is absolute.
    let mut path_parts = components(path);
    path.starts_with(b"/") == start.starts_with(b"/") && components(start).all(|part| path_parts.next() == Some(part))
}

fn is_pattern(path: &[u8]) -> bool {
    path.iter().any(|byte| b"*?[\\".contains(byte))
}

impl Prefixes {
    /// Of what is written in the list.
    #[must_use]
    pub fn new<'a>(paths: impl Iterator<Item = &'a [u8]>) -> Self {
        let (patterns, mut plain): (Vec<&[u8]>, Vec<&[u8]>) = paths.partition(|path| is_pattern(path));
        // Absolute paths first; then a beginning stands before what it begins.
        plain.sort_by(|a, b| a.starts_with(b"/").cmp(&b.starts_with(b"/")).then_with(|| order(a, b)));
        plain.dedup_by(|longer, shorter| begins(longer, shorter));
        Self {
            plain: plain.into_iter().map(Into::into).collect(),
            patterns: patterns
                .into_iter()
                // An absolute pattern has an empty component in front, as an absolute path has.
                .map(|path| path.starts_with(b"/").then_some(&b""[..]).into_iter().chain(components(path)))
                .map(|parts| parts.map(Into::into).collect())
                .collect(),
        }
    }

    /// Whether one of them is a beginning of the path.
    #[must_use]
    pub fn matches(&self, path: &[u8]) -> bool {
        let absolute = path.starts_with(b"/");
        let behind = self.plain.partition_point(|start| {
            start.starts_with(b"/").cmp(&absolute).then_with(|| order(start, path)) != Ordering::Greater
        });
        let before = behind.checked_sub(1).and_then(|at| self.plain.get(at));
        before.is_some_and(|start| begins(path, start)) || self.patterns.iter().any(|parts| fits(parts, path, absolute))
    }
}

fn fits(parts: &[Component], path: &[u8], absolute: bool) -> bool {
    let mut path = absolute.then_some(&b""[..]).into_iter().chain(components(path));
    parts.iter().all(|part| path.next().is_some_and(|component| glob::matches(part, component, false)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_end_at_a_slash() {
        let prefixes = |list: &[&'static str]| Prefixes::new(list.iter().map(|path| path.as_bytes()));
        let some = prefixes(&["/usr/lib", "/usr", "/etc/ssh/", "/proc/*/stat", "var/lo?", "/usr.d", "/usr/"]);
        for hit in
            ["/usr", "/usr/", "/usr/lib/x", "//usr/x", "/etc/ssh", "/etc/ssh/sshd_config", "/proc/1/stat", "/usr.d/x"]
        {
            assert!(some.matches(hit.as_bytes()), "{hit}");
        }
        for hit in ["/proc/self/stat/x", "var/log", "var/log/syslog"] {
            assert!(some.matches(hit.as_bytes()), "{hit}");
        }
        for miss in
            ["/usrlocal", "/etc", "/etc/sshd", "/proc/1/2/stat", "usr", "", "/", "/var/log", "/usr-x", "etc/ssh"]
        {
            assert!(!some.matches(miss.as_bytes()), "{miss}");
        }
        assert!(prefixes(&["/"]).matches(b"/a/b") && prefixes(&["/"]).matches(b"/"));
        assert!(!prefixes(&["/"]).matches(b"a") && !prefixes(&[]).matches(b"/a"));
    }

    #[test]
    fn one_look_finds_what_looking_at_each_finds() {
        let names = ["a", "b", "a.b", "ab", "a-"];
        let mut paths: Vec<String> = Vec::new();
        for first in names {
            paths.push(format!("/{first}"));
            for second in names {
                paths.push(format!("/{first}/{second}"));
                paths.push(format!("{first}/{second}"));
            }
        }
        for skip in 0..7 {
            let list: Vec<&[u8]> = paths.iter().skip(skip).step_by(7).map(String::as_bytes).collect();
            let prefixes = Prefixes::new(list.iter().copied());
            for path in &paths {
                let expected = list.iter().any(|start| begins(path.as_bytes(), start));
                assert_eq!(prefixes.matches(path.as_bytes()), expected, "{path}");
            }
        }
    }
}
