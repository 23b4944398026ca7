//! Texts of a task: names, arguments, environment, paths, cgroups.
//!
//! They are gathered into the scratch before the parameters, so that the loops which walk lists and paths are in the
//! program once. Source: kernel include/linux/{mm_types,fs_struct,dcache,binfmts,cgroup-defs,kernfs}.h, fs/mount.h.

use tracer_common::{
    config::ABSENT,
    plan::{EXEC, EXEC_AT, TaskField},
    wire::{CUT_LIST, path::PREFIX},
};

use super::{file, iovec::pointer};
use crate::{
    collect::{Call, arg},
    maps::offset,
    read,
    record::{NAME_LEN, Record, Scratch, TEXT_LEN, TEXTS, TooLong, cursor, opaque, set_cursor},
    task,
};

/// The most components of a path.
const DEPTH: usize = 32;
/// The most components of the path of a cgroup.
const CGROUP_DEPTH: usize = 32;
/// The most bytes of the path of a cgroup, with its NUL: there are several.
const CGROUP_PATH: usize = 1000;
/// The most entries of the lists of an exec that failed.
const LIST: usize = 64;
/// The most bytes of a text.
const MASK: usize = TEXT_LEN - 1;

const COMM: usize = 0;
const EXE: usize = text(TaskField::Exe);
const ARGS: usize = text(TaskField::Args);
const ENV: usize = text(TaskField::Env);
const CWD: usize = text(TaskField::Cwd);
const EXEPATH: usize = text(TaskField::ExePath);
const CGROUPS: usize = text(TaskField::Cgroups);
const FILENAME: usize = text(TaskField::ExecFilename);

const fn text(field: TaskField) -> usize {
    field as usize - TaskField::Comm as usize
}

/// Copies text number `which` as parameter `index`.
#[inline(always)]
pub fn copy(record: Record, index: usize, which: u8) -> Result<(), TooLong> {
    let which = opaque(usize::from(which)) & 7;
    let (from, len) = (start(record.scratch, which) as usize, len(record.scratch, which));
    record.copy_kernel(index, from, len)
}

#[inline(always)]
fn start(scratch: *mut Scratch, which: usize) -> *mut u8 {
    // SAFETY: the scratch is a live map value and `which` is below `TEXTS`.
    unsafe { (&raw mut (*scratch).texts[which]).cast() }
}

#[inline(always)]
fn component(scratch: *mut Scratch) -> *mut u8 {
    // SAFETY: as in `start`.
    unsafe { (&raw mut (*scratch).component).cast() }
}

#[inline(always)]
fn len(scratch: *mut Scratch, which: usize) -> usize {
    // SAFETY: as in `start`.
    unsafe { core::ptr::read_volatile(&raw const (*scratch).text_len[which]) as usize }
}

#[inline(always)]
fn set_len(scratch: *mut Scratch, which: usize, len: usize) {
    // SAFETY: as in `start`.
    unsafe { core::ptr::write_volatile(&raw mut (*scratch).text_len[which], len as u64) };
}

/// Gathers the texts that the plan may want.
#[inline(never)]
pub fn gather(record: Record, call: Call) {
    let scratch = record.scratch;
    let exec = call.flags() & EXEC != 0;
    // SAFETY: each text has room for `TEXT_LEN` bytes.
    unsafe {
        set_len(scratch, COMM, read::kernel_text(start(scratch, COMM), 16, task::address() + offset!(task_comm)));
    }
    for which in [EXE, ARGS, ENV, CWD, EXEPATH, CGROUPS, FILENAME] {
        set_len(scratch, which, 0);
    }
    let mm: usize = task::field(offset!(task_mm));
    if exec && call.binprm == 0 {
        failed_exec(record, call);
    } else if mm != 0 {
        arguments(scratch, mm);
        if exec {
            let from: usize = read::kernel(mm + offset!(mm_env_start));
            let to: usize = read::kernel(mm + offset!(mm_env_end));
            user_range(scratch, ENV, from, to);
        }
    }
    if exec && call.binprm != 0 {
        let name: usize = read::kernel(call.binprm + offset!(binprm_filename));
        // SAFETY: as above.
        unsafe { set_len(scratch, FILENAME, read::kernel_text(start(scratch, FILENAME), MASK, name)) };
    }
    let fs: usize = task::field(offset!(task_fs));
    if fs != 0 {
        let root = fs + offset!(fs_root);
        path(scratch, CWD, fs + offset!(fs_pwd), root);
        if exec && mm != 0 {
            let exe: usize = read::kernel(mm + offset!(mm_exe_file));
            if exe != 0 {
                path(scratch, EXEPATH, exe + offset!(file_path), root);
            }
        }
    }
    cgroups(scratch);
}

/// Gathers a text of user memory in the place of a text of the task; nothing at address 0.
#[inline(never)]
pub fn gather_user(record: Record, field: u8, address: u64) {
    let which = opaque(usize::from(field - TaskField::Comm as u8)) & (TEXTS - 1);
    let scratch = record.scratch;
    // SAFETY: each text has room for `TEXT_LEN` bytes.
    let len = if address == 0 { 0 } else { unsafe { read::user_text(start(scratch, which), MASK, address as usize) } };
    set_len(scratch, which, len);
}

/// Room for what other rows gather: `TEXT_LEN` bytes, which become a parameter by [`copy_gathered`].
#[inline(always)]
pub fn gathered(record: Record) -> *mut u8 {
    start(record.scratch, CWD)
}

/// Says how long what was gathered is.
#[inline(always)]
pub fn set_gathered_len(record: Record, len: usize) {
    set_len(record.scratch, CWD, len);
}

/// Puts what was gathered as parameter `index`.
#[inline(always)]
pub fn copy_gathered(record: Record, index: usize) -> Result<(), TooLong> {
    copy(record, index, CWD as u8)
}

/// Gathers the path of the file behind a descriptor.
#[inline(never)]
pub fn gather_file_path(record: Record, fd: u64) {
    let scratch = record.scratch;
    set_len(scratch, CWD, 0);
    let (file, fs) = (file::of_fd(fd), task::field::<usize>(offset!(task_fs)));
    if file != 0 && fs != 0 {
        path(scratch, CWD, file + offset!(file_path), fs + offset!(fs_root));
    }
}

/// Gathers the path of the working directory; nothing unless that is `wanted`.
#[inline(never)]
pub fn gather_cwd(record: Record, wanted: bool) {
    let scratch = record.scratch;
    set_len(scratch, CWD, 0);
    let fs = task::field::<usize>(offset!(task_fs));
    if wanted && fs != 0 {
        path(scratch, CWD, fs + offset!(fs_pwd), fs + offset!(fs_root));
    }
}

/// Arguments as they stand in the memory of the process, up to 4 KiB.
#[inline(never)]
fn arguments(scratch: *mut Scratch, mm: usize) {
    let from: usize = read::kernel(mm + offset!(mm_arg_start));
    let to: usize = read::kernel(mm + offset!(mm_arg_end));
    if from == 0 || from >= to {
        return;
    }
    // SAFETY: each text has room for `TEXT_LEN` bytes.
    let first = unsafe { read::user_text(start(scratch, EXE), MASK, from) };
    set_len(scratch, EXE, first);
    user_range(scratch, ARGS, from + first, to);
}

#[inline(never)]
fn user_range(scratch: *mut Scratch, which: usize, from: usize, to: usize) {
    let whole = to.saturating_sub(from);
    let is_cut = whole > CUT_LIST;
    let len = opaque(if is_cut { CUT_LIST } else { whole }) & MASK;
    // SAFETY: each text has room for `TEXT_LEN` bytes.
    if len != 0 && unsafe { read::user_bytes(start(scratch, which), len, from) } {
        set_len(scratch, which, len);
        if is_cut {
            set_cut(scratch, which, whole);
        }
    }
}

/// Says of a list that is cut how long it is. Kernel fs/exec.c allows 2 GiB for arguments and environment together.
#[inline(always)]
fn set_cut(scratch: *mut Scratch, which: usize, whole: usize) {
    // SAFETY: each text has room for `TEXT_LEN` bytes.
    unsafe { start(scratch, which).add(CUT_LIST).cast::<u32>().write_unaligned(whole as u32) };
    set_len(scratch, which, CUT_LIST + 4);
}

/// What the caller passed to an exec that failed.
#[inline(never)]
fn failed_exec(record: Record, call: Call) {
    let scratch = record.scratch;
    let at = call.flags() & EXEC_AT != 0;
    let (name, argv, envp) = if at { (1, 2, 3) } else { (0, 1, 2) };
    let argv = arg(record, argv) as usize;
    // SAFETY: each text has room for `TEXT_LEN` bytes.
    unsafe {
        set_len(scratch, FILENAME, read::user_text(start(scratch, FILENAME), MASK, arg(record, name) as usize));
        let first = pointer(record, argv);
        if first != 0 {
            set_len(scratch, EXE, read::user_text(start(scratch, EXE), MASK, first));
        }
    }
    let size = if record.compat() { 4 } else { 8 };
    user_list(record, ARGS, argv + size);
    user_list(record, ENV, arg(record, envp) as usize);
}

/// A NULL-terminated array of texts in user memory.
#[inline(never)]
fn user_list(record: Record, which: usize, array: usize) {
    let scratch = record.scratch;
    let size = if record.compat() { 4 } else { 8 };
    set_cursor(scratch, 0);
    for at in 0..LIST {
        if list_step(scratch, which as u64, (array + size * at) as u64) == 0 {
            break;
        }
    }
    set_len(scratch, which, cursor(scratch));
    if cursor(scratch) > CUT_LIST {
        // Nobody adds up the rest of a call that failed.
        set_cut(scratch, which, 0);
    }
}

/// One entry, to which `entry` in user memory points. False behind the last.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn list_step(scratch: *mut Scratch, which: u64, entry: u64) -> u64 {
    let Some(record) = Record::of(scratch) else { return 0 };
    let entry = pointer(record, entry as usize);
    let position = cursor(scratch);
    if entry == 0 || position >= MASK {
        return 0;
    }
    let room = opaque(MASK - position) & MASK;
    let which = opaque(which as usize) & (TEXTS - 1);
    // SAFETY: position and room together stay below `TEXT_LEN`, and behind the texts of a scratch there is more.
    let len = unsafe { read::user_text(start(scratch, which).add(position & MASK), room, entry) };
    set_cursor(scratch, position + len);
    u64::from(len != 0)
}

/// Where a walk up a tree is. In memory, and each step a function of its own: the ways through a step must not part the
/// walk for the verifier.
#[repr(C)]
pub struct Walk {
    /// `struct vfsmount` that the walk is in.
    mount: usize,
    /// `struct dentry` or `struct kernfs_node` that is next.
    node: usize,
    /// Where a path ends: the root directory of the task.
    root_mount: usize,
    /// See `root_mount`.
    root_node: usize,
}

#[inline(always)]
fn load(place: *const usize) -> usize {
    // SAFETY: only used with members of the `Walk` of a live scratch.
    unsafe { core::ptr::read_volatile(place) }
}

#[inline(always)]
fn store(place: *mut usize, value: usize) {
    // SAFETY: as in `load`.
    unsafe { core::ptr::write_volatile(place, value) };
}

/// The walk of a scratch.
macro_rules! walk {
    ($scratch:expr, $member:ident) => {
        // SAFETY: the scratch is a live map value.
        unsafe { &raw mut (*$scratch).walk.$member }
    };
}

/// A `struct path` as text, as the task sees it: from its root directory down, across mounts.
#[inline(never)]
fn path(scratch: *mut Scratch, which: usize, path: usize, root: usize) {
    walk_path(scratch, path, root);
    finish(scratch, which);
}

/// The same, left where it was made. True when its beginning is missing.
#[inline(never)]
pub fn walk_path(scratch: *mut Scratch, path: usize, root: usize) -> bool {
    store(walk!(scratch, mount), read::kernel(path + offset!(path_mnt)));
    store(walk!(scratch, node), read::kernel(path + offset!(path_dentry)));
    store(walk!(scratch, root_mount), read::kernel(root + offset!(path_mnt)));
    store(walk!(scratch, root_node), read::kernel(root + offset!(path_dentry)));
    set_cursor(scratch, MASK);
    let mut is_cut = true;
    for _ in 0..DEPTH {
        let step = path_step(scratch);
        if step != 1 {
            is_cut = step != 0;
            break;
        }
    }
    end_path(scratch);
    if is_cut {
        mark_cut(scratch);
    }
    is_cut
}

/// Makes a path that was walked what was gathered, with what `put` puts in front of it. A path that is so long that there is no room
/// for it is none.
#[inline(always)]
pub fn finish_path(record: Record, put: impl FnOnce(*mut u8)) {
    let scratch = record.scratch;
    let position = cursor(scratch);
    if !(PREFIX..=MASK).contains(&position) {
        return;
    }
    let at = opaque(position - PREFIX) & MASK;
    // SAFETY: `at` is below `TEXT_LEN`, and the path has room for as much again behind it.
    put(unsafe { (&raw mut (*scratch).path).cast::<u8>().add(at) });
    set_cursor(scratch, at);
    finish(scratch, CWD);
}

/// Puts `/...` in front of a path whose beginning is missing, over its beginning when there is no more room.
#[inline(always)]
fn mark_cut(scratch: *mut Scratch) {
    let position = cursor(scratch);
    let at = opaque(if position < 4 { position } else { position - 4 }) & MASK;
    // SAFETY: `at` is below `TEXT_LEN`, and the path has room for as much again behind it.
    unsafe {
        (&raw mut (*scratch).path).cast::<u8>().add(at).cast::<u32>().write_unaligned(u32::from_le_bytes(*b"/..."))
    };
    set_cursor(scratch, at);
}

/// One component, or one mount: 1. At the root 0, and 2 when there is no more room.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn path_step(scratch: *mut Scratch) -> u64 {
    if scratch.is_null() {
        return 0;
    }
    let (mount, dentry) = (load(walk!(scratch, mount)), load(walk!(scratch, node)));
    if dentry == 0 || (mount == load(walk!(scratch, root_mount)) && dentry == load(walk!(scratch, root_node))) {
        return 0;
    }
    let parent: usize = read::kernel(dentry + offset!(dentry_parent));
    let mount_root: usize = read::kernel(mount + offset!(vfsmount_root));
    let name: usize = read::kernel(dentry + offset!(dentry_name));
    let len: u32 = read::kernel(dentry + offset!(dentry_name_len));
    if dentry == parent && dentry != mount_root {
        // In no directory, such as a file of memfd_create: its name is all there is.
        prepend(scratch, name, len as usize);
        return 0;
    }
    if dentry == mount_root {
        let outer = mount - offset!(mount_mnt);
        let above: usize = read::kernel(outer + offset!(mount_parent));
        if above == outer || above == 0 {
            return 0;
        }
        store(walk!(scratch, node), read::kernel(outer + offset!(mount_mountpoint)));
        store(walk!(scratch, mount), above + offset!(mount_mnt));
        return 1;
    }
    store(walk!(scratch, node), parent);
    if prepend(scratch, name, len as usize) { 1 } else { 2 }
}

/// An empty path is the root.
#[inline(always)]
fn end_path(scratch: *mut Scratch) {
    if cursor(scratch) == MASK {
        // SAFETY: inside the path of the scratch.
        unsafe { (*scratch).path[MASK - 1] = b'/' };
        set_cursor(scratch, MASK - 1);
    }
}

/// Puts `/` and a name of `len` bytes in front of the path of the scratch, whose beginning is the cursor.
#[inline(always)]
fn prepend(scratch: *mut Scratch, name: usize, len: usize) -> bool {
    let len = opaque(len) & 0xff;
    let position = cursor(scratch);
    if position < len + 2 || position > MASK {
        return false;
    }
    let at = opaque(position - len - 1) & MASK;
    // SAFETY: `at` is below `TEXT_LEN`, and the path has room for as much again behind it.
    unsafe {
        let to: *mut u8 = (&raw mut (*scratch).path).cast::<u8>().add(at);
        to.write(b'/');
        if len != 0 {
            read::kernel_bytes(to.add(1), len, name);
        }
    }
    set_cursor(scratch, at);
    true
}

/// Moves the path, which begins at the cursor and ends at `MASK`, to a text, with a NUL.
#[inline(always)]
fn finish(scratch: *mut Scratch, which: usize) {
    let position = cursor(scratch) & MASK;
    // SAFETY: both are in the scratch; the length is below `TEXT_LEN`.
    unsafe {
        let path: *mut u8 = (&raw mut (*scratch).path).cast();
        path.add(MASK).write(0);
        let len = opaque(TEXT_LEN - position) & MASK;
        if len != 0 && read::kernel_bytes(start(scratch, which), len, path.add(position) as usize) {
            set_len(scratch, which, len);
        }
    }
}

/// The cgroup of each controller as `name=path`, each with a NUL; the controllers that the users' tools show.
#[inline(never)]
fn cgroups(scratch: *mut Scratch) {
    let set: usize = task::field(offset!(task_cgroups));
    for (name, id) in [
        (*b"cpuset=\0", offset!(cgroup_cpuset)),
        (*b"cpu=\0\0\0\0", offset!(cgroup_cpu)),
        (*b"cpuacct=", offset!(cgroup_cpuacct)),
        (*b"io=\0\0\0\0\0", offset!(cgroup_io)),
        (*b"memory=\0", offset!(cgroup_memory)),
    ] {
        if id != ABSENT as usize {
            let state: usize = read::kernel(set + offset!(css_set_subsys) + 8 * id);
            let cgroup: usize = read::kernel(state + offset!(css_cgroup));
            cgroup_entry(scratch, u64::from_le_bytes(name), cgroup);
        }
    }
}

#[inline(never)]
fn cgroup_entry(scratch: *mut Scratch, name: u64, cgroup: usize) {
    if cgroup == 0 {
        return;
    }
    store(walk!(scratch, node), read::kernel(cgroup + offset!(cgroup_kn)));
    set_cursor(scratch, MASK);
    let mut is_cut = true;
    for _ in 0..CGROUP_DEPTH {
        let step = cgroup_step(scratch);
        if step != 1 {
            is_cut = step != 0;
            break;
        }
    }
    end_path(scratch);
    if cursor(scratch) < TEXT_LEN - CGROUP_PATH {
        set_cursor(scratch, TEXT_LEN - CGROUP_PATH + 4);
        is_cut = true;
    }
    // Whose folder it is in is not known without the beginning: it must not be taken for one at the root.
    if is_cut {
        mark_cut(scratch);
    }
    let position = cursor(scratch) & MASK;
    let path_len = opaque(TEXT_LEN - position) & 1023;
    let at = opaque(len(scratch, CGROUPS));
    if at > TEXT_LEN - 1024 - 8 {
        return;
    }
    // SAFETY: `at`, the name and the path together stay within the text.
    unsafe {
        let path: *mut u8 = (&raw mut (*scratch).path).cast();
        path.add(MASK).write(0);
        let to = start(scratch, CGROUPS).add(at);
        to.cast::<u64>().write_unaligned(name);
        // Bytes of the name: its first zero byte ends it.
        let name_len = opaque(name.trailing_text_len()) & 15;
        if path_len != 0 && read::kernel_bytes(to.add(name_len), path_len, path.add(position) as usize) {
            set_len(scratch, CGROUPS, at + name_len + path_len);
        }
    }
}

/// Up to eight bytes of text in a number.
trait ShortText {
    /// How many bytes come before the first zero byte.
    fn trailing_text_len(self) -> usize;
}

impl ShortText for u64 {
    #[inline(always)]
    fn trailing_text_len(self) -> usize {
        let mut len = 0;
        for byte in 0..8 {
            if (self >> (8 * byte)) & 0xff == 0 {
                break;
            }
            len += 1;
        }
        len
    }
}

/// One component of the path of a cgroup: 1. At the root 0, and 2 when there is no more room.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn cgroup_step(scratch: *mut Scratch) -> u64 {
    if scratch.is_null() {
        return 0;
    }
    let node = load(walk!(scratch, node));
    let parent: usize = read::kernel(node + offset!(kernfs_parent));
    if node == 0 || parent == 0 {
        return 0;
    }
    let text: usize = read::kernel(node + offset!(kernfs_name));
    let component = component(scratch);
    // SAFETY: the component has `NAME_LEN` bytes.
    let len = unsafe { read::kernel_text(component, NAME_LEN, text) };
    store(walk!(scratch, node), parent);
    if prepend(scratch, component as usize, if len == 0 { 0 } else { len - 1 }) { 1 } else { 2 }
}

/// Properties of the executable in the form of `execve_flags`.
#[inline(never)]
pub fn exe_flags() -> u64 {
    use tracer_common::flags::{FILE_LOWER_LAYER, FILE_UPPER_LAYER};
    let exe = exe_file();
    let layer = match file::layer(exe) {
        FILE_UPPER_LAYER => 2,
        FILE_LOWER_LAYER => 8,
        _ => 0,
    };
    layer | memfd(exe) | writable(exe)
}

/// The `struct file` of the executable; 0 for a kernel thread.
#[inline(never)]
pub fn exe_file() -> usize {
    let mm: usize = task::field(offset!(task_mm));
    if mm == 0 { 0 } else { read::kernel(mm + offset!(mm_exe_file)) }
}

/// A file of memfd_create has a name that begins so.
#[inline(never)]
fn memfd(file: usize) -> u64 {
    if file == 0 {
        return 0;
    }
    let dentry: usize = read::kernel(file + offset!(file_path) + offset!(path_dentry));
    let name: usize = read::kernel(dentry + offset!(dentry_name));
    let parent: usize = read::kernel(dentry + offset!(dentry_parent));
    let begin: [u8; 6] = read::kernel(name);
    // Such a file has no directory.
    if parent == dentry && begin == *b"memfd:" { 4 } else { 0 }
}

/// Whether the user may write to the file, by owner, group and mode.
#[inline(never)]
fn writable(file: usize) -> u64 {
    let inode = file::inode(file);
    if inode == 0 {
        return 0;
    }
    let cred: usize = task::field(offset!(task_cred));
    let mode: u16 = read::kernel(inode + offset!(inode_mode));
    let (owner, group): (u32, u32) =
        (read::kernel(inode + offset!(inode_uid)), read::kernel(inode + offset!(inode_gid)));
    let (uid, gid): (u32, u32) = (read::kernel(cred + offset!(cred_fsuid)), read::kernel(cred + offset!(cred_fsgid)));
    let capabilities: u64 = read::kernel(cred + offset!(cred_cap_effective));
    // CAP_DAC_OVERRIDE is capability 1.
    let may = if capabilities & 2 != 0 {
        true
    } else if uid == owner {
        mode & 0o200 != 0
    } else if gid == group {
        mode & 0o020 != 0
    } else {
        mode & 0o002 != 0
    };
    u64::from(may)
}
