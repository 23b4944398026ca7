//! The path of a file that was opened, as the kernel has it.
//!
//! A directory is known by a number that is made of all directories above it: of each, what stays the same while it has this name and
//! this place, and what changes when it is renamed, whoever does it. Its text is sent once; after that the number stands for it, and
//! making the number takes one read for each directory.
//!
//! Source: kernel include/linux/dcache.h, `struct dentry`; fs/dcache.c, `__d_move` and `__d_alloc`, which set `d_seq`; fs/d_path.c.

use tracer_common::wire::path::{KNOWN, NEW, PREFIX, WHOLE};

use super::text;
use crate::{
    arch::member,
    maps::{DIRECTORIES, config, offset},
    read::{self, Block, Room},
    record::{Record, Scratch, opaque},
    task,
};

/// The most directories and mounts of a path, together.
const DEPTH: usize = 32;
/// The most mounts that lie on each other, so that a file is the root of all of them.
const MOUNTS: usize = 4;
/// Words at the beginning of a `struct dentry`: flags and sequence count, two of a list, parent, hash and length of the name, where the
/// name is, inode.
const WORDS: usize = 7;
/// Which of them has the sequence count, in its high half.
const SEQ: usize = 0;
/// See [`WORDS`].
const PARENT: usize = 3;
/// See [`WORDS`].
const HASH_LEN: usize = 4;
/// See [`WORDS`].
const NAME: usize = 5;
/// See [`WORDS`].
const INODE: usize = 6;
/// What words are multiplied with, with the secret in between: random odd numbers.
const FACTORS: [u64; 6] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xd6e8_feb8_6659_fd93,
    0xa076_1d64_78bd_642f,
    0xe703_7ed1_a0b4_28db,
];

/// Where a walk is, and what it found.
#[repr(C)]
pub struct Opened {
    /// `struct path` of the file.
    path: usize,
    /// `struct path` of the root directory of the task.
    root: usize,
    /// `struct vfsmount` that the walk is in.
    mount: usize,
    /// Root of this mount.
    mount_root: usize,
    /// `struct mount` that it lies on.
    above: usize,
    /// Where it lies there.
    mountpoint: usize,
    /// `struct dentry` that is next.
    node: usize,
    /// Where it ends.
    root_mount: usize,
    /// See `root_mount`.
    root_node: usize,
    /// The number so far.
    number: u64,
    /// `struct dentry` of the file.
    leaf: usize,
    /// Its sequence count when it was read.
    seq: u64,
    /// Its name.
    name: usize,
    /// Bytes of it.
    name_len: u64,
    /// The number of its directory, as it was before the text was made.
    before: u64,
    /// See `before`, for the file.
    seq_before: u64,
}

/// What a step came to.
mod step {
    /// A directory; there is more.
    pub const UP: u64 = 1;
    /// The end.
    pub const END: u64 = 0;
    /// There is nothing that could be said.
    pub const NOTHING: u64 = 2;
    /// The file is a root itself, or in no directory.
    pub const ALONE: u64 = 3;
    /// Another mount.
    pub const MOUNT: u64 = 4;
    /// A directory is being renamed.
    pub const UNSTEADY: u64 = 5;
}

macro_rules! get {
    ($scratch:expr, $member:ident) => {
        // SAFETY: the scratch is a live map value; volatile, so that nothing of it stays in registers, which the verifier would follow.
        unsafe { core::ptr::read_volatile(&raw const (*$scratch).opened.$member) }
    };
}

macro_rules! set {
    ($scratch:expr, $member:ident, $value:expr) => {{
        let value = $value;
        // SAFETY: as in `get`.
        unsafe { core::ptr::write_volatile(&raw mut (*$scratch).opened.$member, value) }
    }};
}

/// Gathers the path of a file in the form of [`tracer_common::wire::path`].
#[inline(never)]
pub fn gather(scratch: *mut Scratch, file: usize) {
    let Some(record) = Record::of(scratch) else { return };
    text::set_gathered_len(record, 0);
    set_directory(scratch, 0);
    let fs: *const u8 = task::field(offset!(task_fs));
    if file == 0 || fs.is_null() {
        return;
    }
    set!(scratch, path, file + offset!(file_path));
    set!(scratch, root, fs as usize + offset!(fs_root));
    set!(scratch, root_mount, member(fs, offset!(fs_root) + offset!(path_mnt)));
    set!(scratch, root_node, member(fs, offset!(fs_root) + offset!(path_dentry)));
    let kind = number(scratch);
    if kind == step::NOTHING {
        return;
    }
    if kind == step::UP && is_known(record) && copy_name(scratch) {
        return;
    }
    whole(scratch);
}

/// Marks the directory whose text a record had, now that user space will see it.
#[inline(always)]
pub fn sent(record: Record) {
    // SAFETY: the scratch is a live map value.
    let directory = unsafe { core::ptr::read_volatile(&raw const (*record.scratch).directory) };
    if directory != 0 {
        mark(directory);
    }
}

#[inline(never)]
fn mark(directory: u64) {
    // Records that are younger than this are delivered after the one with the text.
    let _ = DIRECTORIES.insert(directory, read::now_ns(), 0);
}

#[inline(always)]
fn set_directory(scratch: *mut Scratch, number: u64) {
    // SAFETY: as in `sent`.
    unsafe { core::ptr::write_volatile(&raw mut (*scratch).directory, number) };
}

/// Whether user space has the text of the directory by the time that this record comes.
#[inline(always)]
fn is_known(record: Record) -> bool {
    let number: u64 = get!(record.scratch, number);
    // SAFETY: values are read only.
    let since = unsafe { DIRECTORIES.get(number).map(|since| core::ptr::read_volatile(since)) };
    since.is_some_and(|since| since < record.time())
}

/// Whether entries of directories are as [`WORDS`] says, as they are but in kernels for debugging.
#[inline(always)]
fn is_usual() -> bool {
    let found = [offset!(dentry_seq), offset!(dentry_parent), offset!(dentry_name), offset!(dentry_inode)];
    found == [8 * SEQ + 4, 8 * PARENT, 8 * NAME, 8 * INODE]
}

/// Finds the name of the file and the number of its directory: [`step::UP`], or why there is none.
#[inline(never)]
fn number(scratch: *mut Scratch) -> u64 {
    let mut room = Room::<2>::uninit();
    let path = Block::of_both(&mut room, get!(scratch, path), offset!(path_mnt), offset!(path_dentry));
    set!(scratch, node, path.get(offset!(path_dentry)));
    enter_mount(scratch, path.get::<usize>(offset!(path_mnt)) - offset!(mount_mnt));
    set!(scratch, number, u64::from(config!(secret)));
    if !is_usual() {
        return step::ALONE;
    }
    let mut kind = step::NOTHING;
    for _ in 0..MOUNTS {
        kind = opened_leaf(scratch);
        if kind != step::MOUNT {
            break;
        }
    }
    if kind != step::UP {
        return if kind == step::MOUNT { step::ALONE } else { kind };
    }
    for _ in 0..DEPTH {
        kind = opened_step(scratch);
        if kind == step::END {
            return step::UP;
        }
        if kind == step::ALONE || kind == step::UNSTEADY {
            return kind;
        }
    }
    step::ALONE
}

/// Reads a `struct mount`.
#[inline(always)]
fn enter_mount(scratch: *mut Scratch, mount: usize) {
    let mut room = Room::<3>::uninit();
    let it = Block::of_both(&mut room, mount, offset!(mount_parent), offset!(mount_mountpoint));
    set!(scratch, mount, mount + offset!(mount_mnt));
    set!(scratch, above, it.get(offset!(mount_parent)));
    set!(scratch, mountpoint, it.get(offset!(mount_mountpoint)));
    set!(scratch, mount_root, it.get(offset!(mount_mnt) + offset!(vfsmount_root)));
}

/// Goes to the mount that this one lies on: [`step::MOUNT`], or [`step::END`] where it lies on none.
#[inline(always)]
fn leave_mount(scratch: *mut Scratch) -> u64 {
    let above = get!(scratch, above);
    if above == 0 || above + offset!(mount_mnt) == get!(scratch, mount) {
        return step::END;
    }
    set!(scratch, node, get!(scratch, mountpoint));
    enter_mount(scratch, above);
    step::MOUNT
}

/// The file itself: its name is left, and the walk is at its directory.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn opened_leaf(scratch: *mut Scratch) -> u64 {
    if scratch.is_null() {
        return step::NOTHING;
    }
    let (mount, node) = (get!(scratch, mount), get!(scratch, node));
    if node == 0 {
        return step::NOTHING;
    }
    if mount == get!(scratch, root_mount) && node == get!(scratch, root_node) {
        return step::ALONE;
    }
    if node == get!(scratch, mount_root) {
        return if leave_mount(scratch) == step::MOUNT { step::MOUNT } else { unnamed(node) };
    }
    let mut room = Room::<WORDS>::uninit();
    let words = read::words(&mut room, node);
    let parent = words[PARENT] as usize;
    if parent == node {
        return unnamed(node);
    }
    set!(scratch, leaf, node);
    set!(scratch, seq, words[SEQ] >> 32);
    set!(scratch, name, words[NAME] as usize);
    set!(scratch, name_len, words[HASH_LEN] >> 32);
    set!(scratch, node, parent);
    step::UP
}

/// A root, or a file that is in no directory, such as one of memfd_create. What has no name either, such as a pipe, has no path.
#[inline(always)]
fn unnamed(node: usize) -> u64 {
    if read::kernel::<u32>(node + offset!(dentry_name_len)) == 0 { step::NOTHING } else { step::ALONE }
}

/// One directory, or one mount.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn opened_step(scratch: *mut Scratch) -> u64 {
    if scratch.is_null() {
        return step::ALONE;
    }
    let (mount, node) = (get!(scratch, mount), get!(scratch, node));
    if mount == get!(scratch, root_mount) && node == get!(scratch, root_node) {
        return step::END;
    }
    let secret = u64::from(config!(secret)) << 16;
    let before: u64 = get!(scratch, number);
    let times = |word: u64, factor: usize| word.wrapping_mul(FACTORS[factor] ^ secret);
    if node == get!(scratch, mount_root) {
        let kind = leave_mount(scratch);
        let sum = times(before, 0).wrapping_add(times(mount as u64, 1)).wrapping_add(times(node as u64, 2));
        set!(scratch, number, sum ^ (sum >> 29));
        return kind;
    }
    let mut room = Room::<WORDS>::uninit();
    let words = read::words(&mut room, node);
    let parent = words[PARENT] as usize;
    if node == 0 || parent == node {
        return step::ALONE;
    }
    let seq = words[SEQ] >> 32;
    if seq & 1 != 0 {
        return step::UNSTEADY;
    }
    let sum = times(before, 0)
        .wrapping_add(times(parent as u64, 1))
        .wrapping_add(times(seq, 2))
        .wrapping_add(times(words[HASH_LEN], 3))
        .wrapping_add(times(words[NAME], 4))
        .wrapping_add(times(words[INODE], 5));
    set!(scratch, number, sum ^ (sum >> 29));
    set!(scratch, node, parent);
    step::UP
}

/// Puts the name of the file behind the number of its directory; false when it was renamed meanwhile.
#[inline(never)]
fn copy_name(scratch: *mut Scratch) -> bool {
    let Some(record) = Record::of(scratch) else { return false };
    let to = text::gathered(record);
    let len = opaque(get!(scratch, name_len) as usize) & 0xff;
    let (number, name) = (get!(scratch, number), get!(scratch, name));
    // SAFETY: there is room for `TEXT_LEN` bytes.
    unsafe {
        put_prefix(to, KNOWN, number);
        if len == 0 || !read::kernel_bytes(to.add(PREFIX), len, name) {
            return false;
        }
        to.add(PREFIX + len).write(0);
    }
    text::set_gathered_len(record, PREFIX + len + 1);
    is_steady(scratch)
}

/// Whether the entry of the file is as it was when its name was found.
#[inline(always)]
fn is_steady(scratch: *mut Scratch) -> bool {
    let seq: u64 = get!(scratch, seq);
    seq & 1 == 0 && u64::from(read::kernel::<u32>(get!(scratch, leaf) + offset!(dentry_seq))) == seq
}

/// # Safety
/// `to` is valid for [`PREFIX`] bytes.
#[inline(always)]
unsafe fn put_prefix(to: *mut u8, kind: u8, number: u64) {
    // SAFETY: the caller's promise.
    unsafe {
        to.write(0);
        to.add(1).write(kind);
        to.add(2).cast::<u64>().write_unaligned(number);
    }
}

/// Puts the whole path. Its directory is to be kept if nothing was renamed while the path was made; nothing is put if something was.
#[inline(never)]
fn whole(scratch: *mut Scratch) {
    let Some(record) = Record::of(scratch) else { return };
    for _ in 0..2 {
        let kind = number(scratch);
        set!(scratch, before, get!(scratch, number));
        set!(scratch, seq_before, get!(scratch, seq));
        let is_cut = text::walk_path(scratch, get!(scratch, path), get!(scratch, root));
        let is_same =
            number(scratch) == kind && kind != step::UNSTEADY && get!(scratch, number) == get!(scratch, before);
        let is_kept = kind == step::UP && !is_cut;
        if is_same && (kind != step::UP || get!(scratch, seq) == get!(scratch, seq_before) && is_steady(scratch)) {
            let number = if is_kept { get!(scratch, before) } else { 0 };
            set_directory(scratch, number);
            text::finish_path(record, |to| {
                // SAFETY: so many bytes are there.
                unsafe { put_prefix(to, if is_kept { NEW } else { WHOLE }, number) }
            });
            return;
        }
    }
    text::set_gathered_len(record, 0);
}
