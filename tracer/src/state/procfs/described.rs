//! What `/proc/PID` says besides `stat` and `status`: limits, cgroups, the file of the program.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use crate::scap::ExeFile;

/// The controllers that a process of the v2 tree is shown with, as the kernel side names them.
const V2_CONTROLLERS: [&str; 4] = ["cpuset", "cpu", "io", "memory"];

/// The soft limit of open files in `/proc/PID/limits`; 0 when it is not there. Source: proc_pid_limits(5).
pub(super) fn fd_limit(limits: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(limits);
    let soft = text.lines().find_map(|line| line.strip_prefix("Max open files")?.split_ascii_whitespace().next());
    match soft {
        Some("unlimited") => u64::MAX,
        Some(number) => number.parse().unwrap_or(0),
        None => 0,
    }
}

/// `/proc/PID/cgroup` as `controller=path`, each followed by a NUL. Source: cgroups(7).
pub(super) fn cgroups(text: &[u8]) -> Box<[u8]> {
    let text = String::from_utf8_lossy(text);
    let mut list = Vec::new();
    let mut named: Vec<&str> = Vec::new();
    let mut add = |name: &'_ str, path: &str| {
        list.extend_from_slice(name.as_bytes());
        list.push(b'=');
        list.extend_from_slice(path.as_bytes());
        list.push(0);
    };
    let mut unified = None;
    for line in text.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        match (parts.next(), parts.next()) {
            (Some(""), Some(path)) => unified = Some(path),
            (Some(names), Some(path)) => {
                for name in names.split(',') {
                    add(name, path);
                }
                named.extend(names.split(','));
            }
            _ => {}
        }
    }
    if let Some(path) = unified {
        V2_CONTROLLERS.into_iter().filter(|name| !named.contains(name)).for_each(|name| add(name, path));
    }
    list.into()
}

/// The file behind `/proc/PID/exe`, which has that path. Layers of an overlay, and whether the user may write to it, are only told by an exec.
pub(super) fn exe_file(link: &Path, path: &[u8]) -> ExeFile {
    let Ok(file) = fs::metadata(link) else { return ExeFile::default() };
    let ns = |seconds: i64, ns: i64| {
        let seconds = u64::try_from(seconds).ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(u64::try_from(ns).ok()?)
    };
    ExeFile {
        from_memfd: Some(path.starts_with(b"/memfd:")),
        ino: Some(file.ino()),
        ctime_ns: ns(file.ctime(), file.ctime_nsec()),
        mtime_ns: ns(file.mtime(), file.mtime_nsec()),
        ..ExeFile::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_first_number() {
        let limits = b"Max processes             100                  200                  processes\n\
            Max open files            1024                 524288               files\n";
        assert_eq!(fd_limit(limits), 1024);
        assert_eq!(fd_limit(b"Max open files            unlimited            unlimited            files\n"), u64::MAX);
        assert_eq!(fd_limit(b""), 0);
    }

    #[test]
    fn each_controller_has_its_path() {
        assert_eq!(
            &*cgroups(b"4:cpu,cpuacct:/a\n0::/b:c\n"),
            b"cpu=/a\0cpuacct=/a\0cpuset=/b:c\0io=/b:c\0memory=/b:c\0"
        );
        assert_eq!(&*cgroups(b"nonsense\n"), b"");
    }

    #[test]
    fn the_own_program_is_found() {
        let file = exe_file(Path::new("/proc/self/exe"), b"/memfd:x (deleted)");
        assert_eq!(file.from_memfd, Some(true));
        assert!(file.ino.is_some_and(|ino| ino != 0) && file.mtime_ns.is_some());
        assert_eq!(exe_file(Path::new("/nonexistent"), b""), ExeFile::default());
    }
}
