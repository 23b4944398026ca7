use super::*;
use crate::{
    event::decode,
    source::inject,
    state::{Fd, effects},
    testing::World,
};

/// A record of process `pid` at `time_ns`, with these parameters by name and no others.
fn apply(world: &mut World, time_ns: u64, pid: u32, code: u16, params: &[(&str, i64)]) {
    apply_of(world, time_ns, (pid, pid), code, params);
}

/// The same of a thread and its process.
fn apply_of(world: &mut World, time_ns: u64, ids: (u32, u32), code: u16, params: &[(&str, i64)]) {
    let row = tracer_common::events::by_code(code).unwrap();
    let bytes = row.params.iter().map(|param| {
        let value = params.iter().find(|(name, _)| *name == param.name);
        value.map(|(_, value)| value.to_le_bytes().to_vec()).unwrap_or_default()
    });
    let bytes: Vec<Vec<u8>> = bytes.collect();
    let bytes: Vec<&[u8]> = bytes.iter().map(|bytes| &bytes[..]).collect();
    let record = inject::record_at(time_ns, code, ids.0, ids.1, 1, &bytes);
    let event = decode::live(&record, 1, 0).unwrap();
    effects::before(&mut world.state, &event);
    effects::after(&mut world.state, &event);
}

/// Both sides of a fork of 10 whose child is 77, the child's first or last.
fn fork(world: &mut World, time_ns: u64, child_first: bool) {
    let parent: (u32, &[(&str, i64)]) = (10, &[("res", 77), ("vtid", 10)]);
    let child: (u32, &[(&str, i64)]) = (77, &[("res", 0), ("ptid", 10), ("vtid", 77)]);
    let sides = if child_first { [child, parent] } else { [parent, child] };
    for (pid, params) in sides {
        apply(world, time_ns, pid, code::FORK, params);
    }
}

fn set_name(world: &mut World, pid: u32, fd: i32, name: &[u8]) {
    let table = world.state.thread(pid).unwrap().fds;
    world.state.fds.set(table, fd, std::rc::Rc::new(Fd { name: name.into(), ..Fd::default() }));
}

fn name(world: &World, pid: u32, fd: i32) -> Option<&[u8]> {
    world.state.fd(world.state.thread(pid).unwrap(), fd).map(|fd| &*fd.name)
}

#[test]
fn a_process_with_the_number_of_another_inherits_from_its_parent_alone() {
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut world = World::new();
        fork(&mut world, 1_000, first);
        set_name(&mut world, 77, 9, b"/first");
        apply(&mut world, 2_000, 77, code::PROCEXIT, &[]);
        set_name(&mut world, 10, 8, b"/inherited");
        fork(&mut world, 3_000, second);
        assert_eq!(name(&world, 77, 9), None, "{first} {second}");
        assert_eq!(name(&world, 77, 8), Some(&b"/inherited"[..]), "{first} {second}");
        assert_eq!(world.state.thread(77).unwrap().exited_ns, None);
    }
}

#[test]
fn a_sibling_of_its_maker_inherits_from_the_maker() {
    // 20 makes 77 a child of its own parent, 10.
    for child_first in [false, true] {
        let mut world = World::new();
        set_name(&mut world, 10, 3, b"/of-the-parent");
        set_name(&mut world, 20, 3, b"/of-the-maker");
        // A live record has the kernel's flags.
        let flags = ("flags", i64::from(libc::CLONE_PARENT));
        let maker: (u32, &[(&str, i64)]) = (20, &[("res", 77), flags, ("vtid", 20)]);
        let child: (u32, &[(&str, i64)]) = (77, &[("res", 0), flags, ("ptid", 10), ("vtid", 77)]);
        for (pid, params) in if child_first { [child, maker] } else { [maker, child] } {
            apply(&mut world, 1_000, pid, code::CLONE, params);
        }
        assert_eq!(name(&world, 77, 3), Some(&b"/of-the-maker"[..]), "child first: {child_first}");
        assert_eq!(world.state.thread(77).unwrap().ppid, 10);
    }
}

#[test]
fn a_thread_whose_flags_were_written_over_has_the_descriptors_of_its_process() {
    let mut world = World::new();
    set_name(&mut world, 10, 3, b"/of-the-parent");
    set_name(&mut world, 20, 3, b"/of-the-process");
    let params = [("res", 0), ("flags", 0), ("ptid", 10), ("vtid", 21), ("vpid", 20)];
    apply_of(&mut world, 1_000, (21, 20), code::CLONE3, &params);
    assert_eq!(name(&world, 21, 3), Some(&b"/of-the-process"[..]));
    assert_eq!(world.state.thread(21).unwrap().fds, world.state.thread(20).unwrap().fds);
}

#[test]
fn a_parent_that_hears_of_its_child_after_the_end_brings_nobody_back() {
    let mut world = World::new();
    apply(&mut world, 1_000, 77, code::VFORK, &[("res", 0), ("ptid", 10), ("vtid", 77)]);
    apply(&mut world, 2_000, 77, code::PROCEXIT, &[]);
    apply(&mut world, 3_000, 10, code::VFORK, &[("res", 77), ("vtid", 10)]);
    assert_eq!(world.state.thread(77).unwrap().exited_ns, Some(2_000));
}

#[test]
fn memory_stands_where_it_is_looked_for() {
    let names = ["pgft_maj", "pgft_min", "vm_size", "vm_rss", "vm_swap"];
    let processes = [code::CLONE, code::CLONE3, code::FORK, code::VFORK, code::EXECVE, code::EXECVEAT];
    let rows = processes.map(|code| (code, PROCESS_MEMORY)).into_iter().chain([(code::SWITCH, SWITCH_MEMORY)]);
    for (code, first) in rows {
        let row = tracer_common::events::by_code(code).unwrap();
        let found: Vec<&str> = row.params[first..first + 5].iter().map(|param| param.name).collect();
        assert_eq!(found, names, "{}", row.name);
    }
}

#[test]
fn an_exec_tells_of_the_program_and_leaves_what_it_does_not_say() {
    let mut world = World::new();
    world.state.threads.get_mut(20).unwrap().loginuid = 1000;
    let params = [("res", 0), ("flags", 5), ("exe_ino", 77), ("exe_ino_ctime", 9), ("vm_size", 300), ("pgft_min", 4)];
    let sets = [("cap_inheritable", 0), ("cap_permitted", 3), ("cap_effective", 1), ("tty", 34_816), ("uid", 5)];
    apply(&mut world, 1_000, 20, code::EXECVE, &[&params[..], &sets].concat());
    let thread = world.state.thread(20).unwrap();
    let file = thread.exe_file;
    assert_eq!((file.writable, file.upper_layer, file.from_memfd), (Some(true), Some(false), Some(true)));
    assert_eq!((file.ino, file.ctime_ns, file.mtime_ns), (Some(77), Some(9), None));
    assert_eq!(thread.capabilities.map(|sets| (sets.permitted, sets.effective)), Some((3, 1)));
    assert_eq!(thread.memory.map(|memory| (memory.size_kb, memory.minor_faults)), Some((300, 4)));
    assert_eq!((thread.tty, thread.uid, thread.loginuid), (34_816, 5, 1000));
}

#[test]
fn a_thread_that_nobody_describes_is_a_stranger_until_it_runs_a_program() {
    let mut world = World::new();
    world.state.procfs = crate::state::Procfs::none();
    apply(&mut world, 1_000, 555, code::GETUID, &[]);
    let thread = world.state.thread(555).unwrap();
    assert!(thread.is_stranger && thread.uid == u32::MAX);
    apply(&mut world, 2_000, 555, code::EXECVE, &[("res", 0), ("uid", 7)]);
    let thread = world.state.thread(555).unwrap();
    assert!(!thread.is_stranger && thread.uid == 7);
}

#[test]
fn children_of_a_process_that_ends_get_the_parent_that_the_event_says() {
    let parent = |world: &World, pid: u32| world.state.thread(pid).unwrap().ppid;
    let mut world = World::new();
    fork(&mut world, 1_000, true);
    apply(&mut world, 2_000, 88, code::FORK, &[("res", 0), ("ptid", 77), ("vtid", 88)]);
    assert_eq!((parent(&world, 77), parent(&world, 88)), (10, 77));
    // A thread of the process goes on: it is still the parent.
    apply_of(&mut world, 2_500, (78, 77), code::GETUID, &[]);
    apply(&mut world, 3_000, 77, code::PROCEXIT, &[("reaper_tid", 78)]);
    assert_eq!(parent(&world, 88), 77);
    apply_of(&mut world, 4_000, (78, 77), code::PROCEXIT, &[("reaper_tid", 20)]);
    assert_eq!((parent(&world, 77), parent(&world, 88)), (10, 20));
    apply(&mut world, 5_000, 88, code::PROCEXIT, &[("reaper_tid", 0)]);
    assert_eq!(parent(&world, 88), 20);
}

#[test]
fn cpu_time_is_a_part_of_an_interval() {
    let mut world = World::new();
    world.state.cpu_interval_ns = 1_000_000_000;
    apply(&mut world, 1_000, 20, code::PROCINFO, &[("cpu_usr", 100_000_000), ("cpu_sys", 150_000_000)]);
    apply(&mut world, 2_000, 20, code::PROCINFO, &[("cpu_usr", 0), ("cpu_sys", 500_000_000)]);
    let thread = world.state.thread(20).unwrap();
    assert_eq!((thread.cpu_percent, thread.cpu_user_percent, thread.ran_ns), (50.0, 0.0, 750_000_000));
}

#[test]
fn a_call_is_of_the_thread_that_runs_and_an_end_of_a_connection_of_the_one_that_had_it() {
    use tracer_common::events::{inode::STATX, tcp::TCP_CLOSE};
    // Long after a thread has ended, its number is that of another one; but a connection of it may end then.
    for (code, is_other) in [(STATX.code, true), (code::STAT, true), (TCP_CLOSE.code, false)] {
        let mut world = World::new();
        fork(&mut world, 1_000, false);
        apply(&mut world, 2_000, 77, code::PROCEXIT, &[]);
        apply(&mut world, 2_000 + KEEP_ENDED_NS / 2, 77, code, &[]);
        assert_eq!(world.state.thread(77).unwrap().exited_ns.is_none(), is_other, "{code}");
    }
}
