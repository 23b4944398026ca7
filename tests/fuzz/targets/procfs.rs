//! Any bytes as what `/proc` says of a process, read from files as on a machine.

#![no_main]

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::{Path, PathBuf},
    sync::{LazyLock, atomic::AtomicBool},
};

use libfuzzer_sys::fuzz_target;
use tracer::state::{Procfs, State, procfs::Wanted};

/// What stands between the files of an input.
const BETWEEN: u8 = 0x1e;
/// The process that is described.
const PID: u32 = 7;
/// Its files, in the order of the input.
const FILES: [&str; 16] = [
    "7/stat",
    "7/status",
    "7/cgroup",
    "7/cmdline",
    "7/environ",
    "7/limits",
    "7/loginuid",
    "7/comm",
    "7/fdinfo/3",
    "7/net/tcp",
    "7/net/tcp6",
    "7/net/udp",
    "7/net/unix",
    "7/net/netlink",
    "7/task/8/stat",
    "stat",
];
/// Its links, in the order of the input, behind the files.
const LINKS: [&str; 4] = ["7/fd/3", "7/exe", "7/cwd", "7/ns/net"];

/// A root with folders and no files.
static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let root = folder.join(format!("tracer-fuzz-{}", std::process::id()));
    for path in ["7/fd", "7/fdinfo", "7/net", "7/ns", "7/task/8"] {
        fs::create_dir_all(root.join("proc").join(path)).expect("a folder");
    }
    root
});

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)
}

fuzz_target!(|bytes: &[u8]| {
    let root = ROOT.as_path();
    let mut parts = bytes.split(|byte| *byte == BETWEEN);
    for file in FILES {
        write(&root.join("proc").join(file), parts.next().unwrap_or_default()).expect("a file");
    }
    for link in LINKS {
        let path = root.join("proc").join(link);
        let _ = fs::remove_file(&path);
        // What cannot be a link is none.
        let target = parts.next().unwrap_or_default();
        let _ = symlink(std::ffi::OsStr::from_bytes(target), path);
    }
    let procfs = Procfs::new(root).with_args_limit(Some(4096));
    let mut state = State { procfs, ..State::default() };
    let mut scan = state.procfs.scan(Wanted { descriptors: true, threads: true, whole: true });
    assert!(!scan.first(&mut state, &AtomicBool::new(false)), "all of it is read");
    let procfs = &state.procfs;
    let _ = procfs.comm(PID);
    let _ = procfs.fd(PID, 3);
    if let Some(mut thread) = procfs.thread(PID) {
        thread.args_cut = Some(1);
        thread.env_cut = Some(1);
        procfs.complete_lists(&mut thread);
    }
});
