//! From a descriptor to its file, and what the file says.
//!
//! Source: kernel include/linux/fdtable.h, include/linux/fs.h. `fdtable.fd` is a pointer to pointers, a plain number for
//! the verifier: from there on everything is read through the helper, each use of which costs as much as a short call.

use tracer_common::flags::{FILE_CREATED, FILE_LOWER_LAYER, FILE_UPPER_LAYER};

use crate::{
    arch::member,
    maps::offset,
    read::{self, Block, Room},
    record::Record,
    task,
};

/// Formats of inodes, `S_IFMT` and what it masks.
pub mod format {
    pub const MASK: u16 = 0o170_000;
    pub const REGULAR: u16 = 0o100_000;
    pub const PIPE: u16 = 0o010_000;
    pub const CHARACTERS: u16 = 0o020_000;
    pub const BLOCKS: u16 = 0o060_000;
}

/// `SB_KERNMOUNT`.
pub const KERNEL_MOUNT: usize = 1 << 22;
/// `FMODE_CREATED`.
const MODE_CREATED: usize = 1 << 20;
/// `OVERLAYFS_SUPER_MAGIC`.
const OVERLAY_MAGIC: u64 = 0x794c_7630;

/// The `struct file` of a descriptor of the running task; 0 when there is none.
#[inline(never)]
pub fn of_fd(fd: u64) -> usize {
    find(fd)
}

/// As [`of_fd`], without a call.
#[inline(always)]
pub fn find(fd: u64) -> usize {
    if (fd as i32) < 0 {
        return 0;
    }
    let fd = fd as u32;
    let files: *const u8 = task::field(offset!(task_files));
    let table: *const u8 = member(files, offset!(files_fdt));
    let max: u32 = member(table, offset!(fdtable_max_fds));
    if fd >= max {
        return 0;
    }
    let array: usize = member(table, offset!(fdtable_fd));
    read::kernel(array + 8 * fd as usize)
}

/// The `struct inode` of a file.
#[inline(always)]
pub fn inode(file: usize) -> usize {
    if file == 0 { 0 } else { read::kernel(file + offset!(file_inode)) }
}

/// What of a file says whether it is a socket.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The `struct file`; 0 when there is none.
    file: usize,
    /// Its `struct inode`; 0 without a file.
    pub inode: usize,
    /// What is the file's own: of a socket, its `struct socket`.
    private: usize,
}

/// The kind of a file. On newer kernels its inode and private data are neighbours.
#[inline(always)]
pub fn kind(file: usize) -> Kind {
    if file == 0 {
        return Kind { file, inode: 0, private: 0 };
    }
    let mut room = Room::<2>::uninit();
    let members = Block::of_both(&mut room, file, offset!(file_inode), offset!(file_private_data));
    Kind { file, inode: members.get(offset!(file_inode)), private: members.get(offset!(file_private_data)) }
}

impl Kind {
    /// Of a socket, its `struct sock`; 0 when it has none any more. Neither format nor operations of the file are read for it: a socket
    /// lies directly in front of its inode, and knows its file.
    ///
    /// Source: kernel include/net/sock.h, `struct socket_alloc`; net/socket.c, `sock_alloc_file`.
    #[inline(always)]
    pub fn sock(self) -> Option<usize> {
        if self.inode.wrapping_sub(self.private) != offset!(socket_inode) {
            return None;
        }
        let mut room = Room::<2>::uninit();
        let members = Block::of_both(&mut room, self.private, offset!(socket_file), offset!(socket_sk));
        if members.get::<usize>(offset!(socket_file)) == self.file {
            Some(members.get(offset!(socket_sk)))
        } else {
            None
        }
    }
}

/// Index of the device number among what was gathered.
pub const DEVICE: usize = 0;
/// Index of the inode number.
pub const INODE: usize = 1;
/// Index of the bits of ours.
const BITS: usize = 2;

/// Gathers what the file behind a descriptor says; zeros when there is none.
#[inline(never)]
pub fn gather(record: Record, fd: u64) {
    let file = find(fd);
    // SAFETY: the scratch is a live map value.
    unsafe { core::ptr::write_volatile(&raw mut (*record.scratch).found, file as u64) };
    let [inode, mode] = inode_and_mode(file);
    if inode == 0 {
        set_gathered(record, [0; 3]);
        return;
    }
    let [super_block, number] = super_block_and_number(inode);
    let [device, magic] = device_and_magic(super_block);
    let bits = layer_of(inode, magic as u64) | if mode & MODE_CREATED != 0 { FILE_CREATED } else { 0 };
    set_gathered(record, [encode_device(device as u32), number as u64, u64::from(bits)]);
}

#[inline(always)]
fn inode_and_mode(file: usize) -> [usize; 2] {
    let mut room = Room::<6>::uninit();
    let members = Block::of_both(&mut room, file, offset!(file_inode), offset!(file_mode));
    [members.get(offset!(file_inode)), members.get::<u32>(offset!(file_mode)) as usize]
}

#[inline(always)]
fn super_block_and_number(inode: usize) -> [usize; 2] {
    let mut room = Room::<4>::uninit();
    let members = Block::of_both(&mut room, inode, offset!(inode_sb), offset!(inode_ino));
    [members.get(offset!(inode_sb)), members.get(offset!(inode_ino))]
}

/// Device and magic number.
#[inline(always)]
fn device_and_magic(super_block: usize) -> [usize; 2] {
    let mut room = Room::<11>::uninit();
    let members = Block::of_both(&mut room, super_block, offset!(super_dev), offset!(super_magic));
    [members.get::<u32>(offset!(super_dev)) as usize, members.get(offset!(super_magic))]
}

/// The `struct file` that was found for it.
#[inline(always)]
pub fn found(record: Record) -> usize {
    // SAFETY: as in `gather`.
    unsafe { core::ptr::read_volatile(&raw const (*record.scratch).found) as usize }
}

/// Keeps three numbers for the parameters.
#[inline(always)]
pub fn set_gathered(record: Record, numbers: [u64; 3]) {
    // SAFETY: the scratch is a live map value.
    unsafe { core::ptr::write_volatile(&raw mut (*record.scratch).file, numbers) };
}

/// What was gathered.
#[inline(always)]
pub fn gathered(record: Record, index: usize) -> u64 {
    // SAFETY: as in `gather`; volatile, so that the verifier sees one way.
    unsafe { core::ptr::read_volatile(&raw const (*record.scratch).file[index]) }
}

/// The flags that were passed to an open call, with what the opened file says.
#[inline(always)]
pub fn open_flags(record: Record, flags: u32) -> u64 {
    u64::from(flags & !(FILE_CREATED | FILE_UPPER_LAYER | FILE_LOWER_LAYER)) | gathered(record, BITS)
}

/// In which layer of an overlay the file is.
#[inline(always)]
pub fn layer_bits(record: Record) -> u64 {
    gathered(record, BITS) & u64::from(FILE_UPPER_LAYER | FILE_LOWER_LAYER)
}

/// The kernel's device number in the form that user space has. Source: include/linux/kdev_t.h, `new_encode_dev`.
#[inline(always)]
pub fn encode_device(device: u32) -> u64 {
    let (major, minor) = (device >> 20, device & 0xf_ffff);
    u64::from((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12))
}

/// Inode number; 0 without a file.
#[inline(always)]
pub fn inode_number(file: usize) -> u64 {
    let inode = inode(file);
    if inode == 0 { 0 } else { read::kernel(inode + offset!(inode_ino)) }
}

/// In which layer of an overlay the file is: one of the two bits of ours, or nothing.
///
/// Source: kernel fs/overlayfs/ovl_entry.h: the dentry in the upper layer stands directly behind the inode.
#[inline(never)]
pub fn layer(file: usize) -> u32 {
    let inode = inode(file);
    if inode == 0 {
        return 0;
    }
    let super_block: usize = read::kernel(inode + offset!(inode_sb));
    layer_of(inode, read::kernel(super_block + offset!(super_magic)))
}

#[inline(always)]
fn layer_of(inode: usize, magic: u64) -> u32 {
    if magic != OVERLAY_MAGIC {
        return 0;
    }
    let upper: usize = read::kernel(inode + offset!(inode_size));
    if upper != 0 { FILE_UPPER_LAYER } else { FILE_LOWER_LAYER }
}
