//! Descriptors that are made, copied and closed.

use std::rc::Rc;

use tracer_common::{
    events::{Flags, code},
    flags::{F_DUPFD, F_DUPFD_CLOEXEC, F_SETFD, FIOCLEX, FIONCLEX},
    kind::Kind,
};

use super::super::{Fd, FdKind, State, path, thread::MAX_THREADS};
use crate::event::Event;

/// `O_CLOEXEC` in file form.
pub(super) const CLOEXEC: u32 = 0x1000;
/// `O_NONBLOCK` in file form.
pub(super) const NONBLOCK: u32 = 0x40;
/// `O_DIRECTORY` in file form.
const DIRECTORY: u32 = 0x400;
/// `FD_UPPER_LAYER` in file form; `FD_LOWER_LAYER` is the next bit.
const LAYER: u32 = 0x8000;
/// A descriptor that is still used after so long is one that stays, nanoseconds.
const SETTLED_NS: u64 = 100_000_000;
/// `AT_FDCWD`.
const AT_FDCWD: i64 = -100;

/// The parameter of that name as a number.
pub(super) fn number(event: &Event<'_>, name: &str) -> Option<i64> {
    event.row.param(name).and_then(|(index, _)| event.params.i64(index))
}

/// A descriptor from a number, when it is one.
pub(super) fn descriptor(number: i64) -> Option<i32> {
    i32::try_from(number).ok().filter(|fd| *fd >= 0)
}

/// Sets what a descriptor is that the event's process got: the kernel chose a free number.
pub(super) fn set(state: &mut State, event: &Event<'_>, fd: i32, value: Fd) {
    if let Some(table) = state.thread(event.tid).map(|thread| thread.fds) {
        state.fds.open(table, fd, Rc::new(value), event.tid, event.time_ns);
    }
}

/// Changes what is known of a descriptor of the event's process.
pub(super) fn change(state: &mut State, event: &Event<'_>, fd: i32, change: impl FnOnce(&mut Fd)) {
    if let Some(table) = state.thread(event.tid).map(|thread| thread.fds)
        && let Some(fd) = state.fds.get_mut(table, fd)
    {
        change(fd);
    }
}

/// The directory that a path of the event is relative to; empty when it is not known.
fn base(state: &mut State, event: &Event<'_>, kind: Kind) -> Box<[u8]> {
    let dirfd = match kind {
        Kind::PathAt(index) => event.params.i64(usize::from(index)).unwrap_or(AT_FDCWD),
        _ => AT_FDCWD,
    };
    let dirfd = descriptor(dirfd);
    if let Some(fd) = dirfd {
        know(state, event, fd);
    }
    let Some(thread) = state.thread(event.tid) else { return Box::default() };
    match dirfd {
        Some(fd) => state.fd(thread, fd).map(|fd| fd.name.clone()).unwrap_or_default(),
        None => state.cwd(thread).into(),
    }
}

/// A path of the event from the root on; empty when it begins at a directory that is not known.
fn absolute(state: &mut State, event: &Event<'_>, kind: Kind, path: &[u8]) -> Box<[u8]> {
    if path.starts_with(b"/") {
        return path::resolve(b"", path).into();
    }
    let base = base(state, event, kind);
    if base.is_empty() { base } else { path::resolve(&base, path).into() }
}

/// Keeps the path of a call that begins: by its end another thread may have written over it.
pub(super) fn entry(state: &mut State, event: &Event<'_>) {
    let Some(path) = event.row.param("name").and_then(|(index, _)| event.params.text(index)) else { return };
    // Threads whose end was never seen must not fill the table.
    if state.entry_paths.len() >= MAX_THREADS {
        state.entry_paths.clear();
    }
    state.entry_paths.insert(event.tid, (event.row.code + 1, path.into()));
}

pub(super) fn open(state: &mut State, event: &Event<'_>) {
    let began = state.entry_paths.remove(&event.tid).filter(|(code, _)| *code == event.row.code).map(|(_, path)| path);
    let Some(fd) = event.result().and_then(descriptor) else { return };
    let passed = event.row.param("name");
    let opened = event.row.param("realpath").or_else(|| event.row.param("path"));
    let is_told = opened.is_some_and(|(index, _)| index < event.params.count());
    let opened = opened.and_then(|(index, _)| event.params.text(index)).filter(|path| !path.is_empty());
    let raw = match passed {
        Some((index, _)) => began.as_deref().or_else(|| event.params.text(index)),
        None => opened,
    };
    let raw = raw.unwrap_or_default();
    let name = match (opened, passed) {
        (Some(path), _) => path.into(),
        // A capture of another tool does not have it.
        (None, Some((_, param))) if !is_told => {
            let name = absolute(state, event, param.kind, raw);
            // What it does not say cannot be asked for: the path as it was passed is better than none.
            if name.is_empty() && event.from_file { path::resolve(b"", raw).into() } else { name }
        }
        _ => Box::default(),
    };
    // The layer of a file that `creat` made stands in a parameter of its own, in other bits.
    let layer = (number(event, "creat_flags").unwrap_or(0) as u32 & 3) * LAYER;
    let flags = number(event, "flags").unwrap_or(0) as u32 | layer;
    let kind = if flags & DIRECTORY != 0 { FdKind::Directory } else { FdKind::File };
    let value = Fd {
        kind,
        name,
        raw_name: Some(raw.into()),
        renamed_by: event.num,
        flags,
        dev: number(event, "dev").unwrap_or(0) as u32,
        ino: number(event, "ino").unwrap_or(0) as u64,
        ..Fd::default()
    };
    set(state, event, fd, value);
}

/// Copies a descriptor to another number. The copy is not closed at an exec unless `cloexec` says so.
fn copy(state: &mut State, event: &Event<'_>, from: i64, to: i64, cloexec: bool) {
    let (Some(from), Some(to)) = (descriptor(from), descriptor(to)) else { return };
    if from == to {
        return;
    }
    know(state, event, from);
    let Some(mut value) = state.thread(event.tid).and_then(|thread| state.fd(thread, from)).map(|fd| Fd::clone(fd))
    else {
        return;
    };
    value.flags = value.flags & !CLOEXEC | if cloexec { CLOEXEC } else { 0 };
    let replaces = matches!(event.row.code, code::DUP2 | code::DUP3);
    match state.thread(event.tid).map(|thread| thread.fds).filter(|_| replaces) {
        Some(table) => state.fds.set(table, to, Rc::new(value)),
        None => set(state, event, to, value),
    }
}

pub(super) fn dup(state: &mut State, event: &Event<'_>) {
    let (Some(new), Some(old)) = (event.result(), number(event, "oldfd")) else { return };
    let cloexec = number(event, "flags").is_some_and(|flags| flags as u32 & CLOEXEC != 0);
    copy(state, event, old, new, cloexec);
}

pub(super) fn fcntl(state: &mut State, event: &Event<'_>) {
    let (Some(result), Some(fd)) = (event.result(), number(event, "fd")) else { return };
    let Some(command) = number(event, "cmd").map(|command| command as u32) else { return };
    if result < 0 {
        return;
    }
    match command {
        F_DUPFD | F_DUPFD_CLOEXEC => copy(state, event, fd, result, command == F_DUPFD_CLOEXEC),
        F_SETFD => {
            if let (Some(fd), Some(argument)) = (descriptor(fd), number(event, "arg")) {
                let cloexec = if argument & 1 != 0 { CLOEXEC } else { 0 };
                change(state, event, fd, |fd| fd.flags = fd.flags & !CLOEXEC | cloexec);
            }
        }
        _ => {}
    }
}

pub(super) fn pipe(state: &mut State, event: &Event<'_>) {
    if event.failed() {
        return;
    }
    let ino = number(event, "ino").unwrap_or(0) as u64;
    let flags = number(event, "flags").unwrap_or(0) as u32;
    for end in ["fd1", "fd2"] {
        if let Some(fd) = number(event, end).and_then(descriptor) {
            set(state, event, fd, Fd { kind: FdKind::Pipe, flags, ino, ..Fd::default() });
        }
    }
}

pub(super) fn anonymous(state: &mut State, event: &Event<'_>) {
    let Some(fd) = event.result().and_then(descriptor) else { return };
    let shown = number(event, "flags").unwrap_or(0) as u32;
    let mut value = Fd::default();
    (value.kind, value.flags) = match event.row.code {
        code::EVENTFD | code::EVENTFD2 => (FdKind::Event, shown),
        // EPOLL_CLOEXEC is the only flag, and its bit is another than that of O_CLOEXEC.
        code::EPOLL_CREATE | code::EPOLL_CREATE1 => (FdKind::Eventpoll, if shown != 0 { CLOEXEC } else { 0 }),
        // An old descriptor gets another mask and stays what it is.
        code::SIGNALFD | code::SIGNALFD4 if number(event, "fd").and_then(descriptor).is_some() => return,
        code::SIGNALFD | code::SIGNALFD4 => (FdKind::Signal, shown),
        // These two are always closed at an exec; PIDFD_NONBLOCK is the only flag.
        code::PIDFD_OPEN => (FdKind::Pidfd, if shown != 0 { CLOEXEC | NONBLOCK } else { CLOEXEC }),
        code::IO_URING_SETUP => (FdKind::IoUring, CLOEXEC),
        code::INOTIFY_INIT | code::INOTIFY_INIT1 => (FdKind::Inotify, shown),
        // The event has too few bits for its flags.
        code::TIMERFD_CREATE => (FdKind::Timer, 0),
        code::USERFAULTFD => (FdKind::Userfault, shown),
        _ => (FdKind::Unknown, shown),
    };
    if value.kind == FdKind::Pidfd {
        value.pid = number(event, "pid").and_then(|pid| super::attr::process_of(state, event, pid)).unwrap_or(0);
    }
    set(state, event, fd, value);
}

pub(super) fn bpf(state: &mut State, event: &Event<'_>) {
    let Some(fd) = event.result().and_then(descriptor) else { return };
    if event.returns_fd() {
        set(state, event, fd, Fd { kind: FdKind::Bpf, flags: CLOEXEC, ..Fd::default() });
    }
}

/// A copy of what another process has open, always closed at an exec.
pub(super) fn pidfd_getfd(state: &mut State, event: &Event<'_>) {
    let Some(fd) = event.result().and_then(descriptor) else { return };
    let Some(pidfd) = number(event, "pid_fd").and_then(descriptor) else { return };
    let Some(target) = number(event, "target_fd").and_then(descriptor) else { return };
    know(state, event, pidfd);
    let Some(caller) = state.thread(event.tid) else { return };
    let process = state.fd(caller, pidfd).and_then(|pidfd| state.thread(pidfd.pid));
    let known = process.and_then(|process| state.fd(process, target)).map(|fd| Fd::clone(fd));
    let mut value = known.or_else(|| state.procfs.fd(caller.pid, fd)).unwrap_or_default();
    value.flags |= CLOEXEC;
    set(state, event, fd, value);
}

pub(super) fn memfd(state: &mut State, event: &Event<'_>) {
    let Some(fd) = event.result().and_then(descriptor) else { return };
    let name = event.row.param("name").and_then(|(index, _)| event.params.text(index)).unwrap_or_default();
    // MFD_CLOEXEC is 1.
    let flags = if number(event, "flags").unwrap_or(0) & 1 != 0 { CLOEXEC } else { 0 };
    set(state, event, fd, Fd { kind: FdKind::Memfd, name: name.into(), renamed_by: event.num, flags, ..Fd::default() });
}

pub(super) fn ioctl(state: &mut State, event: &Event<'_>) {
    let Some(fd) = number(event, "fd").and_then(descriptor).filter(|_| !event.failed()) else { return };
    match number(event, "request").map(|request| request as u32) {
        Some(FIOCLEX) => change(state, event, fd, |fd| fd.flags |= CLOEXEC),
        Some(FIONCLEX) => change(state, event, fd, |fd| fd.flags &= !CLOEXEC),
        _ => {}
    }
}

pub(super) fn close(state: &mut State, event: &Event<'_>) {
    // The descriptor is gone even when the call was interrupted or reports an error of the file.
    if event.result() == Some(i64::from(-libc::EBADF)) {
        return;
    }
    if let Some(fd) = number(event, "fd").and_then(descriptor)
        && let Some(table) = state.thread(event.tid).map(|thread| thread.fds)
    {
        state.fds.close(table, fd, event.tid, event.time_ns);
    }
}

pub(super) fn close_range(state: &mut State, event: &Event<'_>) {
    // CLOSE_RANGE_CLOEXEC, in file form 4, only marks.
    let flags = number(event, "flags").unwrap_or(0);
    let (Some(first), Some(last)) = (number(event, "first"), number(event, "last")) else { return };
    let Some(table) = state.thread(event.tid).map(|thread| thread.fds) else { return };
    if event.failed() {
        return;
    }
    if flags & 4 != 0 {
        let marked: Vec<i32> =
            state.fds.iter(table).map(|(fd, _)| fd).filter(|fd| (first..=last).contains(&i64::from(*fd))).collect();
        for fd in marked {
            change(state, event, fd, |fd| fd.flags |= CLOEXEC);
        }
    } else {
        state.fds.retain(table, |fd, _| !(first..=last).contains(&i64::from(fd)));
    }
}

/// Looks up the descriptor that the event uses, if nothing is known of it.
pub(super) fn know_fd(state: &mut State, event: &Event<'_>) {
    if event.row.flags.has(Flags::USES_FD)
        && event.result() != Some(i64::from(-libc::EBADF))
        && let Some(fd) = event.fd()
    {
        know(state, event, fd);
    }
}

fn know(state: &mut State, event: &Event<'_>, fd: i32) {
    let Some(thread) = state.thread(event.tid) else { return };
    let (pid, table) = (thread.pid, thread.fds);
    let look_up = match state.fd(thread, fd) {
        Some(fd) => fd.look_up_ns != 0 && event.time_ns >= fd.look_up_ns,
        // It came in a way that no event tells of, such as a message with SCM_RIGHTS. A look-up is late by the time that a
        // record is on its way, and what was closed meanwhile has left its number to another one: it has to stay first.
        None if state.fds.is_complete(table) => {
            state.fds.set(table, fd, Rc::new(Fd { look_up_ns: event.time_ns + SETTLED_NS, ..Fd::default() }));
            false
        }
        None => true,
    };
    if look_up {
        // What is not found either is entered as unknown: it is looked up once.
        let value = state.procfs.fd(pid, fd).unwrap_or_default();
        let looked_up = value.kind != FdKind::Unknown;
        state.fds.set(table, fd, Rc::new(Fd { looked_up, ..value }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::decode, source::inject, state::effects, testing::World};

    /// What descriptor 9 of process 10 is after a call that returned it.
    fn made(code: u16, params: &[&[u8]]) -> Fd {
        let mut world = World::new();
        let record = world.record(10, code, params);
        effects::before(&mut world.state, &decode::live(&record, 1, 0).unwrap());
        let thread = world.state.thread(10).unwrap();
        Fd::clone(world.state.fd(thread, 9).unwrap())
    }

    #[test]
    fn each_call_for_a_descriptor_without_a_file_gives_it_a_type() {
        let res = 9i64.to_le_bytes();
        // Flags in a live record are the kernel's: O_CLOEXEC, as `int`.
        let (cloexec, number) = (0o2000000u32.to_le_bytes(), 77u64.to_le_bytes());
        let rows: &[(u16, &[&[u8]], FdKind, u32)] = &[
            (code::EVENTFD, &[&res, &number, &[0; 4]], FdKind::Event, 0),
            (code::EVENTFD2, &[&res, &cloexec, &number], FdKind::Event, CLOEXEC),
            (code::EPOLL_CREATE, &[&res, &[1, 0, 0, 0]], FdKind::Eventpoll, 0),
            (code::EPOLL_CREATE1, &[&res, &cloexec], FdKind::Eventpoll, CLOEXEC),
            (code::INOTIFY_INIT, &[&res, &[0]], FdKind::Inotify, 0),
            (code::INOTIFY_INIT1, &[&res, &cloexec], FdKind::Inotify, CLOEXEC),
            (code::TIMERFD_CREATE, &[&res, &[1], &[0x40]], FdKind::Timer, 0),
            (code::USERFAULTFD, &[&res, &cloexec], FdKind::Userfault, CLOEXEC),
        ];
        for (code, params, kind, flags) in rows {
            let fd = made(*code, params);
            assert_eq!((fd.kind, fd.flags), (*kind, *flags), "event {code}");
        }
    }

    #[test]
    fn a_file_that_was_opened_by_its_handle_has_a_path() {
        let (res, dirfd, flags) = (9i64.to_le_bytes(), 4i64.to_le_bytes(), 0u32.to_le_bytes());
        let (dev, ino) = (0x22u32.to_le_bytes(), 77u64.to_le_bytes());
        let fd = made(code::OPEN_BY_HANDLE_AT, &[&res, &dirfd, &flags, b"/srv/data/x\0", &dev, &ino]);
        assert_eq!((fd.kind, &*fd.name, fd.dev, fd.ino), (FdKind::File, &b"/srv/data/x"[..], 0x22, 77));
    }

    #[test]
    fn a_file_that_creat_made_is_in_its_layer() {
        let (res, mode, ino) = (9i64.to_le_bytes(), 0u32.to_le_bytes(), 77u64.to_le_bytes());
        for (native, layer) in [(1u32 << 29, LAYER), (1 << 28, 2 * LAYER), (0, 0)] {
            let fd = made(code::CREAT, &[&res, b"/a\0", &mode, &mode, &ino, &native.to_le_bytes()]);
            assert_eq!(fd.flags, layer, "{native:x}");
        }
    }

    #[test]
    fn a_descriptor_that_no_event_told_of_is_looked_up_when_it_stays() {
        let mut world = World::new();
        let own = std::process::id();
        world.thread(own, 1, "test", crate::state::ContainerKey::HOST);
        let table = world.state.thread(own).unwrap().fds;
        world.state.fds.complete(table);
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file);
        let used = |world: &mut World, time_ns: u64| {
            let (res, fd_bytes) = (1i64.to_le_bytes(), i64::from(fd).to_le_bytes());
            let record = inject::record_at(time_ns, code::READ, own, own, 1, &[&res, b"x", &fd_bytes, &[1, 0, 0, 0]]);
            effects::before(&mut world.state, &decode::live(&record, 1, 0).unwrap());
            world.state.fds.get(table, fd).map(|fd| fd.name.clone()).unwrap_or_default()
        };
        world.state.fds.close(table, fd, own, 0);
        assert_eq!(&*used(&mut world, 1), b"");
        assert_eq!(&*used(&mut world, SETTLED_NS), b"");
        assert!(used(&mut world, SETTLED_NS + 1).ends_with(b"/stat"));
    }

    #[test]
    fn requests_of_ioctl_mark_a_descriptor() {
        let mut world = World::new();
        let table = world.state.thread(10).unwrap().fds;
        let record = world.openat_at(10, 9, -100, b"/a");
        effects::before(&mut world.state, &decode::live(&record, 1, 0).unwrap());
        let mut marked = |res: i64, request: u32| {
            // The upper half of the register is of no meaning.
            let (res, request) = (res.to_le_bytes(), (u64::from(request) | 1 << 40).to_le_bytes());
            let record = world.record(10, code::IOCTL, &[&res, &9i64.to_le_bytes(), &request, &[0; 8]]);
            effects::before(&mut world.state, &decode::live(&record, 1, 0).unwrap());
            world.state.fds.get(table, 9).unwrap().flags & CLOEXEC != 0
        };
        assert!(!marked(0, FIONCLEX));
        assert!(!marked(-9, FIOCLEX));
        assert!(marked(0, FIOCLEX));
        assert!(marked(0, 0x5401));
        assert!(!marked(0, FIONCLEX));
    }

    #[test]
    fn a_name_is_what_the_kernel_says_and_nothing_else() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut world = World::new();
        let table = world.state.thread(10).unwrap().fds;
        world.state.fds.complete(table);
        let opened = |world: &mut World, record: &[u8]| {
            effects::before(&mut world.state, &decode::live(record, 1, 0).unwrap());
            let fd = Fd::clone(world.state.fds.get(table, 9).unwrap());
            (text(&fd.name), text(&fd.raw_name.unwrap()))
        };
        let with_path = world.openat_of(10, 9, 4, b"../file", b"/srv/elsewhere");
        assert_eq!(opened(&mut world, &with_path), ("/srv/elsewhere".into(), "../file".into()));
        let without = world.openat_of(10, 9, -100, b"/file", b"");
        assert_eq!(opened(&mut world, &without), (String::new(), "/file".into()));
    }
}
