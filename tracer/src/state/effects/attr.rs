//! What processes change of themselves and others: ids, session, group, name, limits.

use tracer_common::flags::{CLONE_FILES, CLONE_FS, CLONE_NEWNS, PR_SET_NAME, RLIMIT_NOFILE};

use super::{
    super::{State, Thread, user::User},
    fd::number,
};
use crate::event::Event;

/// Longest name of a thread, bytes: `TASK_COMM_LEN` less its NUL.
const COMM_LEN: usize = 15;
/// An id that stays as it is, a limit that is not there.
const NONE: i64 = -1;

/// Changes the thread of the event and, as it stands for the process, the main thread.
fn change(state: &mut State, process: u32, tid: u32, change: impl Fn(&mut Thread)) {
    for tid in [process, tid] {
        if let Some(thread) = state.threads.get_mut(tid) {
            change(thread);
        }
    }
}

/// The process that a number means to the caller; 0 is the caller itself. `None` in another pid namespace, where only
/// the own number is known.
pub(super) fn process_of(state: &State, event: &Event<'_>, number: i64) -> Option<u32> {
    let caller = state.thread(event.tid)?;
    match u32::try_from(number).ok()? {
        0 => Some(caller.pid),
        number if number == caller.vpid => Some(caller.pid),
        number => (caller.vtid == caller.tid).then_some(number),
    }
}

/// A thread that shared its descriptors goes on with a copy.
pub(super) fn unshare(state: &mut State, event: &Event<'_>) {
    let flags = number(event, "flags").filter(|_| event.result() == Some(0)).unwrap_or(0);
    // Source: kernel kernel/fork.c, `check_unshare_flags` and `ksys_unshare`: a mount namespace of its own needs a root of its own.
    if flags & i64::from(CLONE_FS | CLONE_NEWNS) != 0 {
        own_directory(state, event);
    }
    if flags & i64::from(CLONE_FILES) == 0 {
        return;
    }
    let Some(shared) = state.thread(event.tid).map(|thread| thread.fds) else { return };
    let own = state.fds.copy(shared);
    state.fds.release(shared);
    if let Some(thread) = state.threads.get_mut(event.tid) {
        thread.fds = own;
    }
}

/// From now on the thread has a working directory of its own.
fn own_directory(state: &mut State, event: &Event<'_>) {
    let Some(cwd) = state.thread(event.tid).map(|thread| state.cwd(thread).into()) else { return };
    if let Some(thread) = state.threads.get_mut(event.tid).filter(|thread| thread.pid != thread.tid) {
        (thread.cwd, thread.own_fs) = (cwd, true);
    }
}

/// The effective id of a call that succeeded: `effective`, or `only` where the call sets one.
fn new_id(event: &Event<'_>, effective: &str, only: &str) -> Option<u32> {
    let id = number(event, effective).or_else(|| number(event, only))? as u32;
    (event.result() == Some(0) && id != u32::MAX).then_some(id)
}

pub(super) fn set_uid(state: &mut State, event: &Event<'_>) {
    if let (Some(uid), Some(thread)) = (new_id(event, "euid", "uid"), state.threads.get_mut(event.tid)) {
        thread.uid = uid;
    }
}

pub(super) fn set_gid(state: &mut State, event: &Event<'_>) {
    if let (Some(gid), Some(thread)) = (new_id(event, "egid", "gid"), state.threads.get_mut(event.tid)) {
        thread.gid = gid;
    }
}

pub(super) fn set_sid(state: &mut State, event: &Event<'_>) {
    if event.failed() {
        return;
    }
    change(state, event.tgid, event.tid, |thread| {
        (thread.sid, thread.pgid, thread.vpgid) = (thread.pid, thread.pid, thread.vpid);
        thread.tty = 0;
    });
}

pub(super) fn set_pgid(state: &mut State, event: &Event<'_>) {
    let (Some(pid), Some(group)) = (number(event, "pid"), number(event, "pgid")) else { return };
    let Some(process) = process_of(state, event, pid).filter(|_| event.result() == Some(0)) else { return };
    let tid = if process == event.tgid { event.tid } else { process };
    let pgid = if group == 0 { Some(process) } else { process_of(state, event, group) };
    change(state, process, tid, |thread| {
        thread.vpgid = if group == 0 { thread.vpid } else { group as u32 };
        thread.pgid = if thread.vpgid == thread.vpid { thread.pid } else { pgid.unwrap_or(thread.pgid) };
    });
}

pub(super) fn prctl(state: &mut State, event: &Event<'_>) {
    if event.result() != Some(0) || number(event, "option") != Some(PR_SET_NAME.into()) {
        return;
    }
    let Some(name) = event.row.param("arg2_str").and_then(|(index, _)| event.params.text(index)) else { return };
    if let Some(thread) = state.threads.get_mut(event.tid) {
        thread.comm = name[..name.len().min(COMM_LEN)].into();
    }
}

/// The limit of open files. Of prlimit, the one that was set, else the one that was asked for.
pub(super) fn limit(state: &mut State, event: &Event<'_>) {
    if event.result() != Some(0) || number(event, "resource") != Some(RLIMIT_NOFILE.into()) {
        return;
    }
    let some = |name: &str| number(event, name).filter(|limit| *limit != NONE);
    let Some(soft) = some("cur").or_else(|| some("newcur")).or_else(|| some("oldcur")) else { return };
    let Some(process) = process_of(state, event, number(event, "pid").unwrap_or(0)) else { return };
    let tid = if process == event.tgid { event.tid } else { process };
    change(state, process, tid, |thread| thread.fd_limit = soft as u64);
}

/// The text of the parameter of that name; empty when it is not there.
fn text(event: &Event<'_>, name: &str) -> String {
    let bytes = event.row.param(name).and_then(|(index, _)| event.params.text(index)).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

/// An id of the host that a capture tells of; those inside of containers may be of somebody else.
fn told_id(event: &Event<'_>, name: &str) -> Option<u32> {
    number(event, name).filter(|_| text(event, "container_id").is_empty()).map(|id| id as u32)
}

/// A capture tells of a user.
pub(super) fn user_added(state: &mut State, event: &Event<'_>) {
    if let Some(uid) = told_id(event, "uid") {
        let gid = number(event, "gid").unwrap_or(-1) as u32;
        let (name, home, shell) = (text(event, "name"), text(event, "home"), text(event, "shell"));
        state.users.add_user(uid, User { gid, name, home, shell });
    }
}

/// A capture tells of a group.
pub(super) fn group_added(state: &mut State, event: &Event<'_>) {
    if let Some(gid) = told_id(event, "gid") {
        state.users.add_group(gid, text(event, "name"));
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        event::decode,
        source::inject::record,
        state::{Fd, FdKind, Thread, effects},
        testing::World,
    };
    use tracer_common::events::{Event as Row, attr, fs, kernel, signal, user};
    use tracer_common::plan::Store;

    /// Applies a call of `tid` whose numbers are these, in the order of the row; flags in the kernel's form.
    fn call(world: &mut World, tid: u32, row: &'static Row, numbers: &[i64]) {
        assert_eq!(row.params.len(), numbers.len());
        let bytes: Vec<Vec<u8>> = row
            .params
            .iter()
            .zip(numbers)
            .map(|(param, number)| match param.kind.live_store() {
                Store::U8 => number.to_le_bytes()[..1].to_vec(),
                Store::U16 => number.to_le_bytes()[..2].to_vec(),
                Store::U32 => number.to_le_bytes()[..4].to_vec(),
                Store::U64 | Store::SignedInt => number.to_le_bytes().to_vec(),
                Store::Var => Vec::new(),
            })
            .collect();
        let params: Vec<&[u8]> = bytes.iter().map(|bytes| &bytes[..]).collect();
        apply(world, &world.record(tid, row.code, &params));
    }

    fn apply(world: &mut World, record: &[u8]) {
        let event = decode::live(record, 1, 0).unwrap();
        effects::before(&mut world.state, &event);
    }

    fn thread(world: &World, tid: u32) -> &Thread {
        world.state.thread(tid).unwrap()
    }

    fn fd(world: &World, tid: u32, fd: i32) -> Option<Fd> {
        world.state.fd(thread(world, tid), fd).map(|fd| Fd::clone(fd))
    }

    #[test]
    fn the_effective_ids_change_when_the_call_succeeds() {
        let mut world = World::new();
        call(&mut world, 20, &user::SETUID, &[0, 7]);
        call(&mut world, 20, &user::SETGID, &[0, 8]);
        assert_eq!((thread(&world, 20).uid, thread(&world, 20).gid), (7, 8));
        call(&mut world, 20, &user::SETRESUID, &[0, 1, 2, 3]);
        call(&mut world, 20, &user::SETREGID, &[0, 4, 5]);
        assert_eq!((thread(&world, 20).uid, thread(&world, 20).gid), (2, 5));
        call(&mut world, 20, &user::SETREUID, &[0, 9, -1]);
        call(&mut world, 20, &user::SETRESGID, &[-1, 9, 9, 9]);
        assert_eq!((thread(&world, 20).uid, thread(&world, 20).gid), (2, 5));
    }

    #[test]
    fn unshared_descriptors_are_the_threads_own() {
        let mut world = World::new();
        let shared = world.state.fds.share(thread(&world, 10).fds);
        let old = std::mem::replace(&mut world.state.threads.get_mut(20).unwrap().fds, shared);
        world.state.fds.release(old);
        call(&mut world, 20, &attr::UNSHARE, &[-1, 0x400]);
        assert_eq!(thread(&world, 20).fds, shared);
        call(&mut world, 20, &attr::UNSHARE, &[0, 0x400]);
        call(&mut world, 20, &kernel::BPF, &[6, 0]);
        assert_eq!(fd(&world, 20, 6).map(|fd| fd.kind), Some(FdKind::Bpf));
        assert_eq!(fd(&world, 20, 3).map(|fd| fd.kind), Some(FdKind::File), "what was open still is");
        assert!(fd(&world, 10, 6).is_none());
    }

    #[test]
    fn a_session_is_a_group_too() {
        let mut world = World::new();
        call(&mut world, 20, &attr::SETSID, &[20]);
        let thread = thread(&world, 20);
        assert_eq!((thread.sid, thread.pgid, thread.vpgid), (20, 20, 20));
    }

    #[test]
    fn a_shell_puts_its_child_into_a_group() {
        let mut world = World::new();
        call(&mut world, 10, &attr::SETPGID, &[0, 20, 0]);
        assert_eq!((thread(&world, 20).pgid, thread(&world, 20).vpgid), (20, 20));
        call(&mut world, 20, &attr::SETPGID, &[0, 0, 10]);
        assert_eq!((thread(&world, 20).pgid, thread(&world, 20).vpgid), (10, 10));
        call(&mut world, 20, &attr::SETPGID, &[-1, 0, 20]);
        assert_eq!(thread(&world, 20).pgid, 10);
    }

    #[test]
    fn in_another_pid_namespace_only_the_own_number_is_known() {
        let mut world = World::new();
        let inside = world.state.threads.get_mut(30).unwrap();
        (inside.vtid, inside.vpid, inside.pgid, inside.vpgid) = (5, 5, 30, 5);
        call(&mut world, 30, &attr::SETPGID, &[0, 20, 5]);
        assert_eq!(thread(&world, 20).pgid, 0);
        call(&mut world, 30, &attr::SETPGID, &[0, 5, 9]);
        assert_eq!((thread(&world, 30).pgid, thread(&world, 30).vpgid), (30, 9));
    }

    #[test]
    fn a_new_name_is_cut_as_the_kernel_cuts_it() {
        let mut world = World::new();
        let prctl = |res: i64, option: u32| {
            (res.to_le_bytes(), option.to_le_bytes(), b"a name of nineteen\0", 0_i64.to_le_bytes())
        };
        for (res, option, shown) in [(-14, 15, "cat"), (0, 16, "cat"), (0, 15, "a name of ninet")] {
            let (res, option, name, number) = prctl(res, option);
            let record = world.record(20, attr::PRCTL.code, &[&res, &option, name, &number]);
            apply(&mut world, &record);
            assert_eq!(&*thread(&world, 20).comm, shown.as_bytes());
        }
    }

    #[test]
    fn the_limit_of_open_files_is_known_and_changed() {
        let mut world = World::new();
        call(&mut world, 20, &attr::GETRLIMIT, &[0, 1024, 4096, 7]);
        assert_eq!(thread(&world, 20).fd_limit, 1024);
        call(&mut world, 20, &attr::SETRLIMIT, &[0, 50, 60, 6]);
        assert_eq!(thread(&world, 20).fd_limit, 1024, "another resource");
        call(&mut world, 10, &attr::PRLIMIT, &[0, -1, -1, 2048, 4096, 20, 7]);
        assert_eq!(thread(&world, 20).fd_limit, 2048);
        call(&mut world, 10, &attr::PRLIMIT, &[0, 100, 100, 2048, 4096, 0, 7]);
        assert_eq!((thread(&world, 10).fd_limit, thread(&world, 20).fd_limit), (100, 2048));
    }

    #[test]
    fn new_descriptors_have_their_kind() {
        let mut world = World::new();
        call(&mut world, 20, &signal::SIGNALFD4, &[6, 0o2000000, -1, 1]);
        call(&mut world, 20, &kernel::IO_URING_SETUP, &[7, 8, 8, 16, 2, 0, 0, 1]);
        call(&mut world, 20, &kernel::BPF, &[8, 0]);
        call(&mut world, 20, &kernel::BPF, &[3, 22]);
        let kinds: Vec<_> = [6, 7, 8, 3].map(|number| fd(&world, 20, number).map(|fd| (fd.kind, fd.flags))).into();
        let cloexec = 0x1000;
        let expected =
            [(FdKind::Signal, cloexec), (FdKind::IoUring, cloexec), (FdKind::Bpf, cloexec), (FdKind::File, 0)];
        assert_eq!(kinds, expected.map(Some));
        call(&mut world, 20, &signal::SIGNALFD, &[6, 6, 1, 0]);
        assert_eq!(fd(&world, 20, 6).map(|fd| fd.flags), Some(cloexec), "it is the old one with another mask");
    }

    #[test]
    fn what_another_process_has_open_is_known() {
        let mut world = World::new();
        call(&mut world, 20, &attr::PIDFD_OPEN, &[6, 10, 0o4000]);
        let pidfd = fd(&world, 20, 6).unwrap();
        assert_eq!((pidfd.kind, pidfd.pid, pidfd.flags), (FdKind::Pidfd, 10, 0x1040));
        call(&mut world, 20, &attr::PIDFD_GETFD, &[7, 6, 4, 0]);
        let got = fd(&world, 20, 7).unwrap();
        assert_eq!((&*got.name, got.kind, got.flags), (&b"/srv/data"[..], FdKind::Directory, 0x1000));
    }

    #[test]
    fn a_capture_tells_of_users_of_the_host() {
        use tracer_common::events::old::code as old;
        let mut world = World::new();
        for (uid, name, container) in [(7_u32, &b"ann\0"[..], &b"\0"[..]), (8, b"bob\0", b"0123456789ab\0")] {
            let params: [&[u8]; 6] = [&uid.to_le_bytes(), &[0; 4], name, b"/home\0", b"/bin/sh\0", container];
            let record = world.record(20, old::USER_ADDED_E, &params);
            apply(&mut world, &record);
        }
        let record = world.record(20, old::GROUP_ADDED_E, &[&9_u32.to_le_bytes(), b"staff\0", b"\0"]);
        apply(&mut world, &record);
        assert_eq!(world.state.users.user(7).map(|user| user.name.as_str()), Some("ann"));
        assert_eq!((world.state.users.user(8), world.state.users.group(9)), (None, Some("staff")));
    }

    #[test]
    fn a_thread_may_have_a_working_directory_of_its_own() {
        let mut world = World::new();
        let first = Thread { cwd: (*b"/a").into(), ..Thread::clone(world.state.thread(10).unwrap()) };
        let second = Thread { tid: 11, fds: world.state.fds.share(first.fds), ..Thread::clone(&first) };
        world.state.threads.insert(first);
        world.state.threads.insert(second);
        let mut apply = |tid: u32, code: u16, params: &[&[u8]]| {
            let record = record(code, tid, 10, params);
            effects::before(&mut world.state, &decode::live(&record, 1, 0).unwrap());
            [10, 11].map(|tid| {
                let thread = world.state.thread(tid).unwrap();
                String::from_utf8(world.state.cwd(thread).to_vec()).unwrap()
            })
        };
        let zero = 0_i64.to_le_bytes();
        assert_eq!(apply(11, fs::CHDIR.code, &[&zero, b"../b\0", b"/real/b\0"]), ["/real/b", "/real/b"]);
        // The kernel's CLONE_FS.
        assert_eq!(apply(11, attr::UNSHARE.code, &[&zero, &0x200_u32.to_le_bytes()]), ["/real/b", "/real/b"]);
        assert_eq!(apply(11, fs::CHDIR.code, &[&zero, b"/c\0", b"/c\0"]), ["/real/b", "/c"]);
        assert_eq!(apply(10, fs::FCHDIR.code, &[&zero, &3_i64.to_le_bytes(), b"/d\0"]), ["/d", "/c"]);
        assert_eq!(apply(10, fs::CHROOT.code, &[&zero, b"/d\0", b"/\0"]), ["/", "/c"]);
        let failed = (-2_i64).to_le_bytes();
        assert_eq!(apply(10, fs::CHDIR.code, &[&failed, b"/x\0", b""]), ["/", "/c"]);
        // What another tool captured has only the path that was passed.
        assert_eq!(apply(10, fs::CHDIR.code, &[&zero, b"x/../y\0"]), ["/y", "/c"]);
    }
}
