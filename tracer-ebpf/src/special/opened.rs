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

/// The most directories of a path, and as many mounts.
const DEPTH: usize = 32;
/// The most mounts that lie on each other, so that a file is the root of all of them.
const MOUNTS: usize = 4;
/// Words at the beginning of a `struct dentry`: flags and sequence count, two of a list, parent, hash and length of the name, where the
/// name is, inode.
const WORDS: usize = 7;
/// Words of a short name, which stands behind them: as many as all kernels have.
const SHORT: usize = 4;
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

/// What a walk begins with, and what it found.
#[repr(C)]
pub struct Opened {
    /// `struct path` of the file.
    path: usize,
    /// `struct path` of the root directory of the task.
    root: usize,
    /// Where a walk ends: `struct vfsmount` and `struct dentry` of that directory.
    root_mount: usize,
    /// See `root_mount`.
    root_node: usize,
    /// The number of the directory.
    number: u64,
    /// `struct dentry` of the file.
    leaf: usize,
    /// Its sequence count when it was read.
    seq: u64,
    /// Its name.
    name: usize,
    /// Bytes of it.
    name_len: u64,
    /// The name itself, if it is short.
    short: [u64; SHORT],
    /// The number of its directory, as it was before the text was made.
    before: u64,
    /// See `before`, for the file.
    seq_before: u64,
}

/// What a walk came to.
mod found {
    /// The name of the file and the number of its directory.
    pub const BOTH: u64 = 1;
    /// Nothing that could be said.
    pub const NOTHING: u64 = 2;
    /// The file is a root itself, or in no directory, or too deep for a number.
    pub const ALONE: u64 = 3;
    /// A directory is being renamed.
    pub const UNSTEADY: u64 = 4;
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
    let kind = opened_number(scratch);
    if kind == found::NOTHING {
        return;
    }
    if kind == found::BOTH && is_known(record) && copy_name(scratch) {
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

/// A mount that a walk is in.
#[derive(Clone, Copy)]
struct Mount {
    /// Its `struct vfsmount`.
    at: usize,
    /// Its root.
    root: usize,
    /// `struct mount` that it lies on.
    above: usize,
    /// Where it lies there.
    mountpoint: usize,
}

impl Mount {
    /// That of a `struct mount`.
    #[inline(always)]
    fn of(mount: usize) -> Self {
        let mut room = Room::<3>::uninit();
        let it = Block::of_both(&mut room, mount, offset!(mount_parent), offset!(mount_mountpoint));
        Self {
            at: mount + offset!(mount_mnt),
            root: it.get(offset!(mount_mnt) + offset!(vfsmount_root)),
            above: it.get(offset!(mount_parent)),
            mountpoint: it.get(offset!(mount_mountpoint)),
        }
    }

    /// Whether it lies on no other one.
    #[inline(always)]
    fn is_last(self) -> bool {
        self.above == 0 || self.above + offset!(mount_mnt) == self.at
    }
}

/// Finds the name of the file and the number of its directory. The walk is in registers: each step of it is a read and little else.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn opened_number(scratch: *mut Scratch) -> u64 {
    if scratch.is_null() {
        return found::NOTHING;
    }
    if !is_usual() {
        return found::ALONE;
    }
    let mut room = Room::<2>::uninit();
    let path = Block::of_both(&mut room, get!(scratch, path), offset!(path_mnt), offset!(path_dentry));
    let mut node: usize = path.get(offset!(path_dentry));
    let (root_mount, root_node) = (get!(scratch, root_mount), get!(scratch, root_node));
    let at: usize = path.get(offset!(path_mnt));
    let mut mount = Mount { at, root: 0, above: 0, mountpoint: 0 };
    // In the mount of the root directory the walk ends there, unless the file is outside of it.
    if at != root_mount {
        mount = Mount::of(at - offset!(mount_mnt));
    } else if node == root_node {
        return found::ALONE;
    }
    for _ in 0..MOUNTS {
        if node != mount.root || mount.at == root_mount && node == root_node {
            break;
        }
        if mount.is_last() {
            return unnamed(node);
        }
        node = mount.mountpoint;
        mount = Mount::of(mount.above);
    }
    if node == 0 {
        return found::NOTHING;
    }
    let mut room = Room::<{ WORDS + SHORT }>::uninit();
    let words = read::words(&mut room, node);
    if words[PARENT] as usize == node {
        return unnamed(node);
    }
    if node == mount.root {
        return found::ALONE;
    }
    for word in 0..SHORT {
        // SAFETY: the scratch is a live map value.
        unsafe { core::ptr::write_volatile(&raw mut (*scratch).opened.short[word], words[WORDS + word]) };
    }
    set!(scratch, leaf, node);
    set!(scratch, seq, words[SEQ] >> 32);
    set!(scratch, name, words[NAME] as usize);
    set!(scratch, name_len, words[HASH_LEN] >> 32);
    node = words[PARENT] as usize;
    let secret = u64::from(config!(secret)) << 16;
    let times = |word: u64, factor: usize| word.wrapping_mul(FACTORS[factor] ^ secret);
    let mut number = secret;
    for _ in 0..DEPTH {
        if mount.at == root_mount && node == root_node {
            set!(scratch, number, number);
            return found::BOTH;
        }
        if node == mount.root {
            let sum = times(number, 0).wrapping_add(times(mount.at as u64, 1)).wrapping_add(times(node as u64, 2));
            number = sum ^ (sum >> 29);
            if mount.is_last() {
                set!(scratch, number, number);
                return found::BOTH;
            }
            node = mount.mountpoint;
            mount = Mount::of(mount.above);
            continue;
        }
        let mut room = Room::<WORDS>::uninit();
        let words = read::words(&mut room, node);
        let (parent, seq) = (words[PARENT], words[SEQ] >> 32);
        if node == 0 || parent as usize == node {
            return found::ALONE;
        }
        if seq & 1 != 0 {
            return found::UNSTEADY;
        }
        let sum = times(number, 0)
            .wrapping_add(times(parent, 1))
            .wrapping_add(times(seq, 2))
            .wrapping_add(times(words[HASH_LEN], 3))
            .wrapping_add(times(words[NAME], 4))
            .wrapping_add(times(words[INODE], 5));
        number = sum ^ (sum >> 29);
        node = parent as usize;
    }
    found::ALONE
}

/// A root, or a file that is in no directory, such as one of memfd_create. What has no name either, such as a pipe, has no path.
#[inline(always)]
fn unnamed(node: usize) -> u64 {
    if read::kernel::<u32>(node + offset!(dentry_name_len)) == 0 { found::NOTHING } else { found::ALONE }
}

/// Puts the name of the file behind the number of its directory; false when it was renamed meanwhile.
#[inline(never)]
fn copy_name(scratch: *mut Scratch) -> bool {
    let Some(record) = Record::of(scratch) else { return false };
    let to = text::gathered(record);
    let len = opaque(get!(scratch, name_len) as usize) & 0xff;
    let (number, name) = (get!(scratch, number), get!(scratch, name));
    let is_short = name == get!(scratch, leaf) + 8 * WORDS && len < 8 * SHORT;
    // SAFETY: there is room for `TEXT_LEN` bytes; the words of the short name are in the scratch.
    unsafe {
        put_prefix(to, KNOWN, number);
        if is_short {
            for word in 0..SHORT {
                let text = core::ptr::read_volatile(&raw const (*scratch).opened.short[word]);
                read::store_word(to.add(PREFIX + 8 * word), text);
            }
        } else if !read::kernel_bytes(to.add(PREFIX), len, name) {
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
        let kind = opened_number(scratch);
        set!(scratch, before, get!(scratch, number));
        set!(scratch, seq_before, get!(scratch, seq));
        let is_cut = text::walk_path(scratch, get!(scratch, path), get!(scratch, root));
        let is_same =
            opened_number(scratch) == kind && kind != found::UNSTEADY && get!(scratch, number) == get!(scratch, before);
        let is_kept = kind == found::BOTH && !is_cut;
        if is_same && (kind != found::BOTH || get!(scratch, seq) == get!(scratch, seq_before) && is_steady(scratch)) {
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
