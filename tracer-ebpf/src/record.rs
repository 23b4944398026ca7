//! Building a record in scratch and handing it to a ring. Losses are counted here, by cause.
//!
//! The position is kept in the scratch itself, not in a register: after each parameter the verifier then sees the same
//! state whichever way the parameter was made, and the work grows with the sum of the ways, not with their product.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::{
    bpf_get_smp_processor_id,
    generated::{bpf_get_current_comm, bpf_ringbuf_output, bpf_ringbuf_query},
};
use tracer_common::{connection::Owner, wire};

use crate::{
    arch::Task,
    maps::{COUNTERS, RINGS, SCRATCH, config, offset},
    read,
    special::{opened::Opened, text::Walk},
    task,
};

/// Bytes of each text of a task.
pub const TEXT_LEN: usize = 4096;
/// How many texts there are: `Comm` to `ExecFilename` of `TaskField`.
pub const TEXTS: usize = 8;
/// Room for the numbers of a task: `Tid` to `CloneFlags` of `TaskField`, to a power of two.
pub const NUMBERS: usize = 64;
/// `BPF_RB_NO_WAKEUP`: user space drains on a timer.
const NO_WAKEUP: u64 = 1;
/// `BPF_RB_FORCE_WAKEUP`: a ring that is half full does not wait for it.
const WAKEUP: u64 = 2;
/// `BPF_RB_AVAIL_DATA` and `BPF_RB_RING_SIZE` of `bpf_ringbuf_query`.
const AVAILABLE: u64 = 0;
const RING_SIZE: u64 = 1;
/// How often the fill of the ring is looked at: every so many records, less one.
const LOOK_MASK: u64 = 63;

/// Where one program on one CPU builds its record.
#[repr(C)]
pub struct Scratch {
    /// The record.
    pub bytes: [u8; wire::SCRATCH_LEN],
    /// Where the next parameter goes.
    pub position: u64,
    /// The arguments of the call; then zero, the return value, numbers of the call. In memory, so that a plan can index them.
    pub args: [u64; ARGS],
    /// How far a loop has come. In memory for the same reason as the position.
    pub cursor: u64,
    /// Which question the call belongs to, and which table of calls it is looked at for.
    pub turn: u64,
    /// See `turn`.
    pub table: u64,
    /// Whether the program on `sys_exit` follows itself.
    pub resumed: u64,
    /// The tables that need a record of the call, as bits.
    pub tables: u64,
    /// Whether the number of the call is added up in the table that it is counted in.
    pub numbered: u64,
    /// Which message of a call with several is next; 0 when the call is over.
    pub message: u64,
    /// Its header, in the place of the second argument.
    pub header: u64,
    /// Its result, in the place of that of the call.
    pub moved: u64,
    /// The socket that the predicate found, 0 when it found none.
    pub socket: u64,
    /// Behind which descriptor.
    pub socket_fd: u64,
    /// The bits of a pointer of the caller: 64, or 32 when its structs are those of 32-bit programs.
    pub pointer_mask: u64,
    /// A walk up a tree.
    pub walk: Walk,
    /// What is known of a file that was opened.
    pub opened: Opened,
    /// The number of the directory whose text the record has; 0 when it is not to be kept.
    pub directory: u64,
    /// Where a loop ends.
    pub limit: u64,
    /// Length of the tuple and of the address.
    pub tuple_len: u64,
    /// See `tuple_len`.
    pub address_len: u64,
    /// The tuple, gathered before the parameters.
    pub tuple: [u8; SOCKET_LEN],
    /// The socket address, gathered before the parameters.
    pub address: [u8; SOCKET_LEN],
    /// What the file behind a descriptor says: device, inode number, bits of ours for the open flags.
    pub file: [u64; 3],
    /// The `struct file` behind it; 0 when there is none.
    pub found: u64,
    /// The numbers of the task, gathered before the parameters.
    pub numbers: [u64; NUMBERS],
    /// Length of each text.
    pub text_len: [u64; TEXTS],
    /// The texts of the task, gathered before the parameters.
    pub texts: [[u8; TEXT_LEN]; TEXTS],
    /// A path, built from its end; the second half takes what overshoots.
    pub path: [u8; 2 * TEXT_LEN],
    /// One component of it.
    pub component: [u8; NAME_LEN],
    /// Sum of the lengths in the iovec; before it is read, its address.
    pub iovec_sum: u64,
    /// How many entries of it were read; before, how many it has.
    pub iovec_count: u64,
    /// An iovec.
    pub iovec: [[u64; 2]; IOVECS],
    /// Nothing is written here: the verifier, which cannot relate offset and length of scattered data, wants the scratch to
    /// reach so far behind its bytes.
    pub slack: [u8; SLACK],
}

/// With the members before it, more than `MAX_PARAM_LEN` bytes.
const SLACK: usize = 20 << 10;
const _: () = assert!(size_of::<Scratch>() - wire::SCRATCH_LEN > wire::MAX_PARAM_LEN);

/// Room for an address or a tuple, with what a unix path may take.
pub const SOCKET_LEN: usize = 256;

/// Six arguments; `NONE` and `RET`, cut to three bits, are the next two; then what `collect` keeps beside them.
pub const ARGS: usize = 16;
const _: () = assert!(tracer_common::plan::RET & 7 == 7 && tracer_common::plan::NONE & 7 == 6);

/// Bytes of a component of a path, with its NUL.
pub const NAME_LEN: usize = 256;

/// The most entries of an iovec that are looked at.
pub const IOVECS: usize = 256;

/// Which slot of the scratch a program uses.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Slot {
    /// `sys_exit` and the program it goes on in.
    Syscall = 0,
    /// `sched_process_exec`.
    Exec = 1,
    /// `sched_process_exit`.
    Exit = 2,
    /// `cgroup_mkdir` and `cgroup_rmdir`, which the kernel calls under one lock.
    Cgroup = 3,
    /// `sys_enter`. The last one: user space makes it only when it is used.
    Enter = 4,
}

const _: () = assert!(Slot::Enter as u32 == wire::SCRATCH_SLOTS);

/// A record that is being built.
#[derive(Clone, Copy)]
pub struct Record {
    /// Its scratch.
    pub scratch: *mut Scratch,
}

/// The scratch of a program on this CPU.
#[inline(always)]
pub fn scratch_of(slot: Slot) -> Option<*mut Scratch> {
    // SAFETY: the helper has no preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    SCRATCH.get_ptr_mut(slot as u32 * config!(cpus) + cpu)
}

impl Record {
    /// Whether the structs of the caller are those of 32-bit programs.
    #[inline(always)]
    pub fn compat(self) -> bool {
        self.pointer_mask() == u32::MAX as usize
    }

    /// The bits of a pointer of the caller.
    #[inline(always)]
    pub fn pointer_mask(self) -> usize {
        // SAFETY: a live map value; volatile, so that the verifier forgets what it knows of it.
        unsafe { core::ptr::read_volatile(&raw const (*self.scratch).pointer_mask) as usize }
    }
}

/// How far the loop that uses this scratch has come.
#[inline(always)]
pub fn cursor(scratch: *mut Scratch) -> usize {
    // SAFETY: the scratch is a live map value.
    opaque(unsafe { core::ptr::read_volatile(&raw const (*scratch).cursor) } as usize)
}

/// Says how far it has come.
#[inline(always)]
pub fn set_cursor(scratch: *mut Scratch, at: usize) {
    // SAFETY: the scratch is a live map value.
    unsafe { core::ptr::write_volatile(&raw mut (*scratch).cursor, at as u64) };
}

/// The record does not fit.
pub struct TooLong;

/// Hides a number from the compiler, so that the check in front of an access stays where the verifier needs it.
#[inline(always)]
pub fn opaque(mut number: usize) -> usize {
    // SAFETY: the instruction moves a register onto itself. An empty text would give two line records to one instruction.
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) number, options(nomem, nostack, preserves_flags)) };
    number
}

impl Record {
    /// The record that is being built there. Functions that the verifier looks at on their own get an address that may be none, for
    /// all that it knows.
    #[inline(always)]
    pub fn of(scratch: *mut Scratch) -> Option<Self> {
        if scratch.is_null() { None } else { Some(Self { scratch }) }
    }

    /// Begins a record of the running task, with room for the numbers of a call.
    #[inline(always)]
    pub fn begin(slot: Slot, task: Task, code: u16, count: u32, flags: u16) -> Option<Self> {
        let Some(scratch) = scratch_of(slot) else {
            count_loss(Loss::Scratch, 1);
            return None;
        };
        let record = Self { scratch };
        // SAFETY: the scratch belongs to this program on this CPU.
        unsafe {
            header(record.bytes(), task, code, count, flags | wire::FLAG_CALL);
            (*scratch).position = wire::CALL_LENGTHS as u64 + 2 * u64::from(count);
        }
        Some(record)
    }

    #[inline(always)]
    fn bytes(self) -> *mut u8 {
        // SAFETY: the scratch is a live map value.
        unsafe { (&raw mut (*self.scratch).bytes).cast() }
    }

    /// Says how long the call took, nanoseconds.
    #[inline(always)]
    pub fn set_latency(self, latency_ns: u64) {
        // SAFETY: the offset lies in the scratch.
        unsafe { *self.bytes().add(wire::LATENCY).cast::<u64>() = latency_ns };
    }

    /// Its time, nanoseconds of the monotonic clock.
    #[inline(always)]
    pub fn time(self) -> u64 {
        // SAFETY: the offset lies in the scratch.
        unsafe { *self.bytes().add(wire::TIME).cast::<u64>() }
    }

    /// Puts a number of the call in its place.
    #[inline(always)]
    pub fn put_call(self, slot: usize, number: u64) {
        // SAFETY: the slot is a constant below `CALL_NUMBERS`, so that the offset lies in the scratch.
        unsafe { *self.bytes().add(wire::CALL + 8 * slot).cast::<u64>() = number };
    }

    /// Where the next parameter goes: room for `MAX_PARAM_LEN` bytes.
    #[inline(always)]
    pub fn room(self) -> Result<(*mut u8, usize), TooLong> {
        // SAFETY: as in `bytes`.
        let position = opaque(unsafe { core::ptr::read_volatile(&raw const (*self.scratch).position) } as usize);
        if position >= wire::MAX_RECORD {
            return Err(TooLong);
        }
        // SAFETY: checked against the size of the scratch.
        Ok((unsafe { self.bytes().add(position) }, position))
    }

    /// Ends parameter `index`, which took `len` bytes from `position`.
    #[inline(always)]
    pub fn end_param(self, index: usize, position: usize, len: usize) {
        // SAFETY: `index` is below `MAX_PARAMS`, so the length lies in the scratch; the position is checked when used.
        unsafe {
            let at = wire::CALL_LENGTHS + 2 * (index & (wire::MAX_PARAMS - 1));
            *self.bytes().add(at).cast::<u16>() = len as u16;
            core::ptr::write_volatile(&raw mut (*self.scratch).position, (position + len) as u64);
        }
    }

    /// Puts a number of `WIDTH` bytes as parameter `index`.
    #[inline(always)]
    pub fn put<const WIDTH: usize>(self, index: usize, number: u64) -> Result<(), TooLong> {
        let (to, position) = self.room()?;
        // SAFETY: `room` gives more than eight bytes.
        unsafe {
            match WIDTH {
                1 => to.write(number as u8),
                2 => to.cast::<u16>().write_unaligned(number as u16),
                4 => to.cast::<u32>().write_unaligned(number as u32),
                _ => to.cast::<u64>().write_unaligned(number),
            }
        }
        self.end_param(index, position, WIDTH);
        Ok(())
    }

    /// Hands the record to the ring of this CPU, or counts it as lost; whether it is there.
    #[inline(always)]
    pub fn submit(self) -> bool {
        let Ok((end, len)) = self.room() else {
            count_loss(Loss::Scratch, 1);
            return false;
        };
        // SAFETY: the header lies in the scratch, `len` is below its size, and `room` gives more than `WHO_LEN` bytes.
        unsafe {
            *self.bytes().add(wire::LEN).cast::<u32>() = (len - wire::EVENT) as u32;
            let len = if config!(who) != 0 {
                who(end);
                len + wire::WHO_LEN
            } else {
                len
            };
            output(self.bytes(), len)
        }
    }

    /// Counts the record as lost, since it outgrew its scratch.
    #[inline(always)]
    pub fn too_long(self) {
        count_loss(Loss::Scratch, 1);
    }

    /// Copies the text `len` bytes at `from`, kernel memory, as parameter `index`.
    #[inline(always)]
    pub fn copy_kernel(self, index: usize, from: usize, len: usize) -> Result<(), TooLong> {
        let (to, position) = self.room()?;
        let len = opaque(len) & (TEXT_LEN - 1);
        // SAFETY: `room` gives more bytes than the mask allows.
        let copied = len != 0 && unsafe { read::kernel_bytes(to, len, from) };
        self.end_param(index, position, if copied { len } else { 0 });
        Ok(())
    }
}

/// Hands `len` bytes to the ring of this CPU, or counts them as a lost record; whether they are there.
///
/// # Safety
/// `bytes` is valid for `len` bytes.
#[inline(always)]
unsafe fn output(bytes: *mut u8, len: usize) -> bool {
    // SAFETY: the helpers check what they are given; the counters are this CPU's own.
    unsafe {
        let cpu = bpf_get_smp_processor_id();
        let rings = config!(rings);
        // On nearly all machines each CPU has its own, and a division takes as long as a call.
        let ring = if cpu < rings || rings == 0 { cpu } else { cpu % rings };
        let Some(ring) = RINGS.get(ring) else {
            count_loss(Loss::RingFull, 1);
            return false;
        };
        let ring = core::ptr::from_ref(ring).cast_mut().cast();
        let Some(counters) = COUNTERS.get_ptr_mut(0) else { return false };
        let look = (*counters).submitted & LOOK_MASK == LOOK_MASK;
        let half_full = look && bpf_ringbuf_query(ring, AVAILABLE) * 2 > bpf_ringbuf_query(ring, RING_SIZE);
        let wakeup = if half_full { WAKEUP } else { NO_WAKEUP };
        let is_there = bpf_ringbuf_output(ring, bytes.cast(), len as u64, wakeup) == 0;
        if is_there {
            (*counters).submitted += 1;
        } else {
            (*counters).ring_full += 1;
        }
        is_there
    }
}

/// Says who runs, [`wire::WHO_LEN`] bytes.
///
/// # Safety
/// `to` is valid for so many bytes.
#[inline(always)]
pub unsafe fn who(to: *mut u8) {
    // SAFETY: the caller's promise; the helper writes `COMM_LEN` bytes.
    unsafe {
        bpf_get_current_comm(to.cast(), wire::COMM_LEN as u32);
        let numbers = to.add(wire::COMM_LEN).cast::<u32>();
        numbers.write_unaligned(task::parent());
        numbers.add(1).write_unaligned(task::uid());
        numbers.add(2).write_unaligned(task::gid());
        numbers.add(3).write_unaligned(0);
    }
}

/// The flags of a record, with what all records say.
#[inline(always)]
fn record_flags(flags: u16) -> u16 {
    if config!(who) != 0 { flags | wire::FLAG_WHO } else { flags }
}

/// The header of a record of the running task, without its length.
///
/// # Safety
/// `bytes` is valid for a header.
#[inline(always)]
unsafe fn header(bytes: *mut u8, task: Task, code: u16, count: u32, flags: u16) {
    // SAFETY: the helpers have no preconditions; all offsets lie within the header.
    unsafe {
        let now = read::now_ns();
        *bytes.add(wire::CPU).cast::<u16>() = bpf_get_smp_processor_id() as u16;
        *bytes.add(wire::FLAGS).cast::<u16>() = record_flags(flags);
        *bytes.add(wire::TGID).cast::<u32>() = task.field(offset!(task_tgid));
        *bytes.add(wire::CGROUP).cast::<u64>() = task.cgroup();
        *bytes.add(wire::LATENCY).cast::<u64>() = wire::NO_LATENCY;
        *bytes.add(wire::TIME).cast::<u64>() = now;
        *bytes.add(wire::TID).cast::<u64>() = u64::from(task.field::<u32>(offset!(task_pid)));
        *bytes.add(wire::CODE).cast::<u16>() = code;
        *bytes.add(wire::COUNT).cast::<u16>() = count as u16;
        *bytes.add(wire::COUNT + 2).cast::<u16>() = 0;
    }
}

/// Words of a record on the stack.
const SMALL: usize = (112 + wire::WHO_LEN) / 8;

/// Room for a [`Small`] record of so many words.
pub type RoomOf<const WORDS: usize> = MaybeUninit<[u64; WORDS]>;
/// Room for one of a few numbers.
pub type Room = RoomOf<SMALL>;

/// A record of a few numbers, built on the stack: hooks that may come in the middle of anything need no scratch. Where the caller has
/// the room, since a record that is returned would stand there twice.
pub struct Small<'r, const WORDS: usize> {
    bytes: &'r mut [u64; WORDS],
    len: usize,
}

/// Says that something is the running thread's.
///
/// # Safety
/// `to` is valid.
#[inline(always)]
pub unsafe fn own(to: *mut Owner) {
    let task = Task::current();
    // SAFETY: the caller's promise.
    unsafe {
        (*to).cgroup = task.cgroup();
        (*to).tgid = task.field(offset!(task_tgid));
        (*to).tid = task.field(offset!(task_pid));
        who((&raw mut (*to).who).cast());
    }
}

impl<'r, const WORDS: usize> Small<'r, WORDS> {
    /// Begins a record with `count` parameters.
    #[inline(always)]
    pub fn begin(room: &'r mut RoomOf<WORDS>, code: u16, count: u32, flags: u16) -> Self {
        let bytes = read::zeroed(room);
        // SAFETY: a header is shorter than the record.
        unsafe { header(bytes.as_mut_ptr().cast(), Task::current(), code, count, flags) };
        Self { bytes, len: wire::LENGTHS + 2 * count as usize }
    }

    /// Room for `LEN` bytes as parameter `index`. All together must fit; the verifier sees to it.
    #[inline(always)]
    pub fn room<const LEN: usize>(&mut self, index: usize) -> *mut u8 {
        // SAFETY: the length is a constant to the compiler, and below the size of the record.
        let to = unsafe {
            let bytes: *mut u8 = self.bytes.as_mut_ptr().cast();
            bytes.add(wire::LENGTHS + 2 * index).cast::<u16>().write_unaligned(LEN as u16);
            bytes.add(self.len)
        };
        self.len += LEN;
        to
    }

    /// Puts a number of `WIDTH` bytes as parameter `index`.
    #[inline(always)]
    pub fn put<const WIDTH: usize>(&mut self, index: usize, number: u64) {
        let to = self.room::<WIDTH>(index);
        for byte in 0..WIDTH {
            // SAFETY: so much room is there.
            unsafe { to.add(byte).write((number >> (8 * byte)) as u8) };
        }
    }

    /// Says how long the event is.
    #[inline(always)]
    fn end(&mut self) -> *mut u8 {
        let bytes: *mut u8 = self.bytes.as_mut_ptr().cast();
        // SAFETY: as in `room`.
        unsafe { bytes.add(wire::LEN).cast::<u32>().write((self.len - wire::EVENT) as u32) };
        bytes
    }

    /// Hands it to the ring of this CPU, or counts it as lost.
    #[inline(always)]
    pub fn submit(mut self) {
        let bytes = self.end();
        // SAFETY: as in `room`.
        unsafe {
            let len = if config!(who) != 0 {
                who(bytes.add(self.len));
                self.len + wire::WHO_LEN
            } else {
                self.len
            };
            output(bytes, len);
        }
    }

    /// The same for a record of another thread than the running one, or of none.
    ///
    /// # Safety
    /// `owner` is valid.
    #[inline(always)]
    pub unsafe fn submit_of(mut self, owner: *const Owner) {
        let bytes = self.end();
        // SAFETY: as in `room`; the caller's promise.
        unsafe {
            let Owner { cgroup, tgid, tid, .. } = *owner;
            bytes.add(wire::TGID).cast::<u32>().write(tgid);
            bytes.add(wire::CGROUP).cast::<u64>().write(cgroup);
            bytes.add(wire::TID).cast::<u64>().write(tid.into());
            let flags = bytes.add(wire::FLAGS).cast::<u16>();
            if tid == 0 {
                flags.write(flags.read() & !wire::FLAG_WHO);
                output(bytes, self.len);
            } else {
                flags.write(flags.read() | wire::FLAG_WHO);
                read::kernel_bytes(bytes.add(self.len), wire::WHO_LEN, (&raw const (*owner).who) as usize);
                output(bytes, self.len + wire::WHO_LEN);
            }
        }
    }
}

/// Why a record is not in a ring.
#[derive(Clone, Copy)]
pub enum Loss {
    /// The ring has no room.
    RingFull,
    /// No scratch, or too little.
    Scratch,
    /// The table of threads is full.
    CpuTable,
    /// A call had more messages than programs may follow one another.
    Messages,
    /// The table of threads in a call is full.
    EntryTable,
    /// The table of groups is full.
    Groups,
    /// The table of followed threads is full.
    Followed,
}

/// Counts `many` on this CPU.
#[inline(always)]
pub fn count_loss(loss: Loss, many: u64) {
    let Some(counters) = COUNTERS.get_ptr_mut(0) else { return };
    // SAFETY: the value is this CPU's own and the program is not interrupted by another one that counts.
    unsafe {
        match loss {
            Loss::RingFull => (*counters).ring_full += many,
            Loss::Scratch => (*counters).scratch += many,
            Loss::CpuTable => (*counters).cpu_table_full += many,
            Loss::Messages => (*counters).messages += many,
            Loss::EntryTable => (*counters).entry_table_full += many,
            Loss::Groups => (*counters).groups_full += many,
            Loss::Followed => (*counters).followed_full += many,
        }
    }
}
