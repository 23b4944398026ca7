//! Paths as bytes: joining to a directory and normalising, without asking the filesystem.

/// `path` seen from the directory `base`, without `.`, `..` and doubled slashes. Links are not followed. Without a base a
/// relative path stays one.
#[must_use]
pub fn resolve(base: &[u8], path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(base.len() + path.len() + 1);
    if !path.starts_with(b"/") {
        push(&mut out, base);
    }
    push(&mut out, path);
    if base.is_empty() && !path.starts_with(b"/") && !out.is_empty() {
        out.remove(0);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

fn push(out: &mut Vec<u8>, path: &[u8]) {
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let parent = out.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                out.truncate(parent);
            }
            name => {
                out.push(b'/');
                out.extend_from_slice(name);
            }
        }
    }
}

/// The directory of a path and its last component; both empty when the path has no slash.
#[must_use]
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => (b"/", &path[1..]),
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (b"", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_joined_and_normalised() {
        let text = |base: &str, path: &str| String::from_utf8(resolve(base.as_bytes(), path.as_bytes())).unwrap();
        assert_eq!(text("/home/me", "x"), "/home/me/x");
        assert_eq!(text("/home/me/", "./a//b/../c"), "/home/me/a/c");
        assert_eq!(text("/home", "../../.."), "/");
        assert_eq!(text("/home", "/etc/./passwd"), "/etc/passwd");
        assert_eq!(text("", "./x"), "x", "nobody knows from where");
    }

    #[test]
    fn a_path_splits_at_its_last_slash() {
        assert_eq!(split(b"/etc/passwd"), (&b"/etc"[..], &b"passwd"[..]));
        assert_eq!(split(b"/x"), (&b"/"[..], &b"x"[..]));
        assert_eq!(split(b"x"), (&b""[..], &b"x"[..]));
    }
}
