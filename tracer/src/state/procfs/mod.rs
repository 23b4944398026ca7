//! What `/proc` says of threads and descriptors that were there before the tracer: read at the start, and once for
//! whatever is met later without having been seen to begin.

mod described;
mod scan;
mod socket;
mod view;

use std::{
    cell::RefCell,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use rustc_hash::FxHashMap;

use super::{Fd, FdKind, Thread};
use crate::scap::{Capabilities, Memory};
use described::fd_limit;
use socket::Sockets;

pub use scan::{Scan, Wanted};
pub use view::View;

/// The most bytes of a file that are read: environment and arguments have no bound of their own.
const MAX_BYTES: usize = 64 << 10;
/// The most look-ups of single descriptors between two calls of [`Procfs::renew`], so that a storm of unknown ones cannot stall the events.
const MAX_LOOKUPS: u32 = 20_000;

/// `/proc` of the host.
#[derive(Debug)]
pub struct Procfs {
    proc: PathBuf,
    /// Root of the v2 cgroup tree.
    cgroup: PathBuf,
    boot_ns: u64,
    sockets: RefCell<Sockets>,
    lookups: RefCell<u32>,
    /// Whether there is one: what a capture does not say cannot be looked up.
    there: bool,
    /// The most bytes of arguments and of an environment, when that was asked for.
    args_limit: Option<usize>,
}

impl Default for Procfs {
    fn default() -> Self {
        Self::new(Path::new("/"))
    }
}

/// A clock tick of `/proc/PID/stat` and of CPU times in captures, nanoseconds, which Linux fixes at 100 for user space.
pub const TICK_NS: u64 = 10_000_000;

/// Open flags of the kernel in file form.
fn file_flags(native: u32) -> u32 {
    tracer_common::flags::OPEN_FLAGS.to_file(native)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same of a list, up to `limit` bytes; and how long it is when it is longer than that.
fn read_list(path: &Path, limit: usize) -> (Vec<u8>, Option<u32>) {
    use std::io::Read;
    let mut bytes = Vec::new();
    let Ok(mut file) = fs::File::open(path) else { return (bytes, None) };
    if file.by_ref().take(limit as u64).read_to_end(&mut bytes).is_err() || bytes.len() < limit {
        return (bytes, None);
    }
    let more = io::copy(&mut file, &mut io::sink()).unwrap_or(0);
    let len = u32::try_from(bytes.len() as u64 + more).unwrap_or(0);
    (bytes, (more > 0).then_some(len))
}

fn trimmed(bytes: Vec<u8>) -> Box<[u8]> {
    bytes.trim_ascii_end().into()
}

impl Procfs {
    /// Below `root`: `/`, or where the host is mounted.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self::at(root.join("proc"), root)
    }

    /// What a view shows of the host whose root is mounted at `root`.
    #[must_use]
    pub fn of_view(view: &View, root: &Path) -> Self {
        view.path().map_or_else(Self::none, |proc| Self::at(proc.into(), root))
    }

    fn at(proc: PathBuf, root: &Path) -> Self {
        let unified = root.join("sys/fs/cgroup/unified");
        let cgroup = if unified.is_dir() { unified } else { root.join("sys/fs/cgroup") };
        let boot_ns = boot_time_ns(&proc);
        Self {
            proc,
            cgroup,
            boot_ns,
            sockets: RefCell::default(),
            lookups: RefCell::new(0),
            there: true,
            args_limit: None,
        }
    }

    /// The same with another limit of arguments and environments, bytes. Then also those are read that an event has cut.
    #[must_use]
    pub fn with_args_limit(self, limit: Option<u32>) -> Self {
        Self { args_limit: limit.map(|limit| limit as usize), ..self }
    }

    /// Completes the arguments and the environment of a process that has just begun to run its program, when they were cut and
    /// there is a limit above that. Not when they are those of another program by now.
    pub fn complete_lists(&self, thread: &mut Thread) {
        let Some(limit) = self.args_limit.filter(|_| self.there && thread.is_cut()) else { return };
        let dir = self.of(thread.pid);
        if thread.args_cut.is_some() {
            let (cmdline, cut) = read_list(&dir.join("cmdline"), limit);
            let (exe, args) = split_arguments(&cmdline);
            if exe == thread.exe && args.starts_with(&thread.args) {
                thread.args_cut = cut.map(|len| len.saturating_sub(exe.len() as u32 + 1));
                thread.args = args;
            }
        }
        if thread.env_cut.is_some() {
            let (env, cut) = read_list(&dir.join("environ"), limit);
            if env.starts_with(&thread.env) {
                (thread.env, thread.env_cut) = (env.into(), cut);
            }
        }
    }

    /// That of a machine of which only a capture is there, or whose processes cannot be seen: it says nothing.
    #[must_use]
    pub fn none() -> Self {
        Self {
            proc: PathBuf::new(),
            cgroup: PathBuf::new(),
            boot_ns: 0,
            sockets: RefCell::default(),
            lookups: RefCell::new(0),
            there: false,
            args_limit: None,
        }
    }

    fn of(&self, pid: u32) -> PathBuf {
        self.proc.join(pid.to_string())
    }

    /// Where a process is described: by its main thread, or, if that one has ended before the others, by one of these. Then it has no
    /// program, no directory and no descriptors any more. Source: kernel fs/proc/base.c, `proc_cwd_link`; kernel/exit.c, `exit_fs`.
    fn living(&self, pid: u32) -> PathBuf {
        let dir = self.of(pid);
        if has_directory(&dir) {
            return dir;
        }
        let tasks = fs::read_dir(dir.join("task")).into_iter().flatten().flatten();
        tasks.map(|task| task.path()).find(|task| has_directory(task)).unwrap_or(dir)
    }

    /// Name of a thread.
    #[must_use]
    pub fn comm(&self, tid: u32) -> Option<Box<[u8]>> {
        if self.there { read(&self.of(tid).join("comm")).ok().map(trimmed) } else { None }
    }

    /// The memory of a process at this moment, without what is swapped and page faults; `None` when it cannot be looked up.
    /// Source: proc(5), `/proc/PID/statm`.
    #[must_use]
    pub fn memory(&self, pid: u32) -> Option<Memory> {
        if !self.there {
            return None;
        }
        let text = read(&self.of(pid).join("statm")).ok()?;
        let text = std::str::from_utf8(&text).ok()?;
        let page_kb = rustix::param::page_size() as u64 >> 10;
        let mut kb = text
            .split_ascii_whitespace()
            .map(|pages| pages.parse::<u64>().ok())
            .map(|pages| pages.and_then(|pages| u32::try_from(pages * page_kb).ok()));
        Some(Memory { size_kb: kb.next()??, resident_kb: kb.next()??, ..Memory::default() })
    }

    /// The main thread of a process; `None` when there is no such process.
    #[must_use]
    pub fn thread(&self, pid: u32) -> Option<Thread> {
        self.thread_within(pid, MAX_BYTES)
    }

    /// The same, with at most so many bytes of arguments and of the environment, unless another limit was asked for.
    fn thread_within(&self, pid: u32, limit: usize) -> Option<Thread> {
        let limit = self.args_limit.unwrap_or(limit);
        if !self.there {
            return None;
        }
        let dir = self.of(pid);
        let stat = Stat::parse(&read(&dir.join("stat")).ok()?)?;
        let status = read(&dir.join("status")).unwrap_or_default();
        let status = Status::parse(&String::from_utf8_lossy(&status));
        let dir = self.living(pid);
        let cgroup = read(&dir.join("cgroup")).unwrap_or_default();
        let (cmdline, cmdline_cut) = read_list(&dir.join("cmdline"), limit);
        let (exe, args) = split_arguments(&cmdline);
        let args_cut = cmdline_cut.map(|len| len.saturating_sub(exe.len() as u32 + 1));
        let (env, env_cut) = read_list(&dir.join("environ"), limit);
        let link = |name: &str| fs::read_link(dir.join(name)).map(|path| path.as_os_str().as_bytes().into());
        let exepath: Box<[u8]> = link("exe").unwrap_or_default();
        let loginuid = read(&dir.join("loginuid")).ok().and_then(|text| number(&text)).unwrap_or(u32::MAX);
        Some(Thread {
            tid: pid,
            pid: status.tgid.unwrap_or(pid),
            ppid: stat.ppid,
            vtid: status.ns_pid.unwrap_or(pid),
            vpid: status.ns_tgid.unwrap_or(pid),
            pgid: stat.pgid,
            vpgid: status.ns_pgid.unwrap_or(stat.pgid),
            sid: stat.sid,
            comm: stat.comm,
            exe,
            exe_file: described::exe_file(&dir.join("exe"), &exepath),
            exepath,
            args,
            env: env.into(),
            args_cut,
            env_cut,
            cwd: link("cwd").unwrap_or_default(),
            uid: status.uid,
            gid: status.gid,
            loginuid,
            tty: stat.tty,
            fd_limit: fd_limit(&read(&dir.join("limits")).unwrap_or_default()),
            start_ns: self.boot_ns.saturating_add(stat.start_ticks.saturating_mul(TICK_NS)),
            cgroup: self.cgroup_of(&cgroup).unwrap_or(0),
            cgroups: described::cgroups(&cgroup),
            memory: Some(Memory { major_faults: stat.major_faults, minor_faults: stat.minor_faults, ..status.memory }),
            capabilities: Some(status.capabilities),
            ..Thread::default()
        })
    }

    /// Id of the cgroup in the v2 tree: the inode number of its directory.
    fn cgroup_of(&self, text: &[u8]) -> Option<u64> {
        let text = String::from_utf8_lossy(text);
        let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
        fs::metadata(self.cgroup.join(path)).ok().map(|metadata| metadata.ino())
    }

    /// What a descriptor is, when the process still has it.
    #[must_use]
    pub fn fd(&self, pid: u32, fd: i32) -> Option<Fd> {
        let mut lookups = self.lookups.borrow_mut();
        if *lookups >= MAX_LOOKUPS || !self.there {
            return None;
        }
        *lookups += 1;
        self.read_fd(pid, fd, true)
    }

    /// Allows single look-ups again; to be called now and then.
    pub fn renew(&self) {
        *self.lookups.borrow_mut() = 0;
        self.sockets.borrow_mut().forget();
    }

    fn read_fd(&self, pid: u32, fd: i32, fresh: bool) -> Option<Fd> {
        let target = |dir: &Path| fs::read_link(dir.join("fd").join(fd.to_string())).ok();
        let mut dir = self.of(pid);
        let target = match target(&dir) {
            Some(target) => target,
            None => {
                dir = self.living(pid);
                target(&dir)?
            }
        };
        let info = read(&dir.join("fdinfo").join(fd.to_string())).unwrap_or_default();
        let mut value = self.describe(pid, target.as_os_str().as_bytes(), fresh);
        value.flags = fdinfo_flags(&info);
        if value.kind == FdKind::Pidfd {
            value.pid = fdinfo_pid(&info);
        }
        Some(value)
    }

    fn describe(&self, pid: u32, target: &[u8], fresh: bool) -> Fd {
        let bracketed = |prefix: &str| {
            let inside = target.strip_prefix(prefix.as_bytes())?.strip_suffix(b"]")?;
            std::str::from_utf8(inside).ok()?.parse::<u64>().ok()
        };
        if let Some(ino) = bracketed("socket:[") {
            return self.sockets.borrow_mut().find(&self.of(pid), ino, fresh).unwrap_or(Fd { ino, ..Fd::default() });
        }
        if let Some(ino) = bracketed("pipe:[") {
            return Fd { kind: FdKind::Pipe, ino, ..Fd::default() };
        }
        if let Some(name) = target.strip_prefix(b"anon_inode:") {
            return Fd { kind: anonymous_kind(name), ..Fd::default() };
        }
        if let Some(name) = target.strip_prefix(b"/memfd:") {
            let name = name.strip_suffix(b" (deleted)").unwrap_or(name);
            return Fd { kind: FdKind::Memfd, name: name.into(), ..Fd::default() };
        }
        Fd { kind: FdKind::File, name: target.into(), ..Fd::default() }
    }
}

/// Whether the thread of that folder is alive. What must not be looked at is no sign that it is not.
fn has_directory(dir: &Path) -> bool {
    !fs::read_link(dir.join("cwd")).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// When the machine started, nanoseconds since the epoch.
pub(super) fn boot_time_ns(proc: &Path) -> u64 {
    let text = read(&proc.join("stat")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let seconds: u64 = text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000)
}

fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// First argument, and the others with their NULs.
fn split_arguments(cmdline: &[u8]) -> (Box<[u8]>, Box<[u8]>) {
    match cmdline.iter().position(|byte| *byte == 0) {
        Some(end) => (cmdline[..end].into(), cmdline[end + 1..].into()),
        None => (cmdline.into(), Box::default()),
    }
}

fn fdinfo_flags(info: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(info);
    let native = text.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    native.map_or(0, file_flags)
}

/// The process that a pidfd is for; 0 when it has ended or is not in this namespace. Source: proc_pid_fdinfo(5).
fn fdinfo_pid(info: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(info);
    text.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok()).unwrap_or(0)
}

/// What has no place in a file system, by the name that `/proc` shows behind `anon_inode:`.
pub(super) const ANONYMOUS: &[(&[u8], FdKind)] = &[
    (b"[eventpoll]", FdKind::Eventpoll),
    (b"[eventfd]", FdKind::Event),
    (b"[signalfd]", FdKind::Signal),
    (b"[timerfd]", FdKind::Timer),
    (b"inotify", FdKind::Inotify),
    (b"[inotify]", FdKind::Inotify),
    (b"bpf-map", FdKind::Bpf),
    (b"bpf-prog", FdKind::Bpf),
    (b"bpf_link", FdKind::Bpf),
    (b"bpf_iter", FdKind::Bpf),
    (b"bpf-stats", FdKind::Bpf),
    (b"btf", FdKind::Bpf),
    (b"[bpf-map]", FdKind::Bpf),
    (b"[bpf-prog]", FdKind::Bpf),
    (b"[userfaultfd]", FdKind::Userfault),
    (b"[io_uring]", FdKind::IoUring),
    (b"[pidfd]", FdKind::Pidfd),
];

fn anonymous_kind(name: &[u8]) -> FdKind {
    ANONYMOUS.iter().find(|(known, _)| *known == name).map_or(FdKind::Unknown, |(_, kind)| *kind)
}

/// The fields of `/proc/PID/stat` that are used. Source: proc_pid_stat(5).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    comm: Box<[u8]>,
    ppid: u32,
    pgid: u32,
    sid: u32,
    tty: u32,
    start_ticks: u64,
    minor_faults: u64,
    major_faults: u64,
}

/// The parent, from the text of `/proc/PID/stat` (proc_pid_stat(5)).
#[must_use]
pub fn parent(stat: &[u8]) -> Option<u32> {
    Stat::parse(stat).map(|stat| stat.ppid)
}

impl Stat {
    /// The name stands in parentheses and may have some of its own.
    fn parse(text: &[u8]) -> Option<Self> {
        let open = text.iter().position(|byte| *byte == b'(')?;
        let close = text.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let signed = |at: usize| fields.get(at)?.parse::<i64>().ok().map(|value| value as u32);
        Some(Self {
            comm: text.get(open + 1..close)?.into(),
            ppid: signed(1)?,
            pgid: signed(2)?,
            sid: signed(3)?,
            tty: signed(4)?,
            start_ticks: fields.get(19)?.parse().ok()?,
            minor_faults: fields.get(7)?.parse().ok()?,
            major_faults: fields.get(9)?.parse().ok()?,
        })
    }
}

/// The lines of `/proc/PID/status` that are used. Source: proc_pid_status(5).
#[derive(Debug, Default, PartialEq, Eq)]
struct Status {
    tgid: Option<u32>,
    uid: u32,
    gid: u32,
    ns_pid: Option<u32>,
    ns_tgid: Option<u32>,
    ns_pgid: Option<u32>,
    /// Without page faults, which stand in `stat`.
    memory: Memory,
    capabilities: Capabilities,
}

impl Status {
    fn parse(text: &str) -> Self {
        let lines: FxHashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
        let words = |name: &str| lines.get(name).copied().unwrap_or_default().split_ascii_whitespace();
        // Real, effective, saved and filesystem id.
        let effective = |name: &str| words(name).nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        // One number for each namespace, the innermost last.
        let innermost = |name: &str| words(name).last().and_then(|word| word.parse().ok());
        // Kernel threads have no memory of their own, and no such lines.
        let kb = |name: &str| words(name).next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let set = |name: &str| words(name).next().and_then(|word| u64::from_str_radix(word, 16).ok()).unwrap_or(0);
        Self {
            tgid: innermost("Tgid"),
            uid: effective("Uid"),
            gid: effective("Gid"),
            ns_pid: innermost("NSpid"),
            ns_tgid: innermost("NStgid"),
            ns_pgid: innermost("NSpgid"),
            memory: Memory {
                size_kb: kb("VmSize"),
                resident_kb: kb("VmRSS"),
                swapped_kb: kb("VmSwap"),
                ..Memory::default()
            },
            capabilities: Capabilities {
                inheritable: set("CapInh"),
                permitted: set("CapPrm"),
                effective: set("CapEff"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_read_whole() {
        let text = b"42 (a) b (c)) S 1 42 41 34816 42 4194560 1 0 0 0 5 6 0 0 20 0 1 0 777 1 2 3";
        let stat = Stat::parse(text).unwrap();
        assert_eq!(&*stat.comm, b"a) b (c)");
        assert_eq!((stat.ppid, stat.pgid, stat.sid, stat.tty, stat.start_ticks), (1, 42, 41, 34816, 777));
        assert_eq!(Stat::parse(b"42 (x"), None);
    }

    #[test]
    fn ids_inside_a_namespace_are_the_last_of_their_line() {
        let status =
            Status::parse("Tgid:\t900\nUid:\t0\t1000\t0\t0\nGid:\t5\t6\t7\t8\nNSpid:\t901\t2\nNStgid:\t900\t1\n");
        assert_eq!((status.tgid, status.uid, status.gid), (Some(900), 1000, 6));
        assert_eq!((status.ns_pid, status.ns_tgid, status.ns_pgid), (Some(2), Some(1), None));
    }

    #[test]
    fn a_pidfd_tells_its_process() {
        assert_eq!(fdinfo_pid(b"pos:\t0\nflags:\t02000002\nNSpid:\t7\nPid:\t42\n"), 42);
        assert_eq!(fdinfo_pid(b"Pid:\t-1\n"), 0);
    }

    #[test]
    fn the_own_process_is_found_with_its_descriptors() {
        let procfs = Procfs::default();
        let me = procfs.thread(std::process::id()).unwrap();
        assert_eq!(me.pid, std::process::id());
        let file = fs::File::open("/proc/self/stat").unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        let found = procfs.fd(me.pid, fd).unwrap();
        assert_eq!(found.kind, FdKind::File);
        assert!(found.name.ends_with(b"/stat"), "{:?}", String::from_utf8_lossy(&found.name));
        assert_ne!(found.flags & 0x1000, 0, "opened with O_CLOEXEC");
    }

    #[test]
    fn the_ends_of_an_open_connection_are_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let procfs = Procfs::default();
        let fd = |fd: i32| procfs.fd(std::process::id(), fd).unwrap();
        let found = fd(std::os::fd::AsRawFd::as_raw_fd(&client));
        let sock = found.sock.unwrap();
        assert_eq!(sock.local, client.local_addr().ok());
        assert_eq!(sock.remote, client.peer_addr().ok());
        assert_eq!(found.kind, FdKind::Ipv4);
        assert!(fd(std::os::fd::AsRawFd::as_raw_fd(&listener)).sock.unwrap().listening);
    }
}
