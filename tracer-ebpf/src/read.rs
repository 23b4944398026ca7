//! Reading the clock, and memory of the kernel and of the user. A read that fails gives zero or nothing; it never ends the record.

use core::mem::MaybeUninit;

use crate::record::opaque;
use aya_ebpf::helpers::generated::{
    bpf_ktime_get_ns, bpf_probe_read_kernel, bpf_probe_read_kernel_str, bpf_probe_read_user, bpf_probe_read_user_str,
};

/// Nanoseconds of the monotonic clock. That of the time since boot, which goes on in suspend, costs a call more.
#[inline(always)]
pub fn now_ns() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// All-zero, made word by word: for more than a word the language calls a function that fills byte by byte. For types whose size is a
/// multiple of eight and of which all-zero is a value.
#[inline(always)]
pub fn zeroed<T: Copy>(value: &mut MaybeUninit<T>) -> &mut T {
    const { assert!(size_of::<T>().is_multiple_of(8) && align_of::<T>() == 8) };
    let words: *mut u64 = value.as_mut_ptr().cast();
    // SAFETY: so many words are there; the caller's promise.
    unsafe {
        for at in 0..size_of::<T>() / 8 {
            // Volatile, or the stores become that call.
            words.add(at).write_volatile(0);
        }
        value.assume_init_mut()
    }
}

/// Writes a word as a whole, wherever it stands: the language would write it in bytes.
///
/// # Safety
/// `to` is valid for eight bytes.
#[inline(always)]
pub unsafe fn store_word(to: *mut u8, word: u64) {
    // SAFETY: the caller's promise.
    unsafe { core::arch::asm!("*(u64 *)({0} + 0) = {1}", in(reg) to, in(reg) word, options(nostack)) };
}

/// A value in kernel memory; zero when it cannot be read.
#[inline(always)]
pub fn kernel<T: Copy>(address: usize) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the helper checks `address` and writes `size_of::<T>()` bytes to `value`, zeros when it fails (kernel
    // kernel/trace/bpf_trace.c); all bits are values of the integers that this is used with.
    unsafe {
        bpf_probe_read_kernel(value.as_mut_ptr().cast(), size_of::<T>() as u32, address as *const _);
        value.assume_init()
    }
}

/// The first words of a kernel object; zeros when it cannot be read.
#[inline(always)]
pub fn words<const WORDS: usize>(room: &mut Room<WORDS>, object: usize) -> &[u64; WORDS] {
    // SAFETY: as in `kernel`.
    unsafe {
        bpf_probe_read_kernel(room.as_mut_ptr().cast(), size_of::<[u64; WORDS]>() as u32, object as *const _);
        room.assume_init_ref()
    }
}

/// Room for a [`Block`].
pub type Room<const WORDS: usize> = MaybeUninit<[u64; WORDS]>;

/// A part of a kernel object, of several words, read at once: each read is a call. It stands where the caller has the room, since what is
/// returned would stand on the stack twice.
pub struct Block<'r, const WORDS: usize> {
    /// Where the object is; 0 when there is none.
    pub of: usize,
    /// Offset of the first word.
    first: usize,
    words: &'r [u64; WORDS],
}

impl<'r, const WORDS: usize> Block<'r, WORDS> {
    /// The part from the member at `offset` on; zeros when there is no object.
    #[inline(always)]
    pub fn of(room: &'r mut Room<WORDS>, object: usize, offset: usize) -> Self {
        let first = offset & !7;
        // SAFETY: as in `kernel`.
        let words = unsafe {
            let from = (object + first) as *const _;
            bpf_probe_read_kernel(room.as_mut_ptr().cast(), size_of::<[u64; WORDS]>() as u32, from);
            room.assume_init_ref()
        };
        Self { of: object, first, words }
    }

    /// The part from the first of two members on.
    #[inline(always)]
    pub fn of_both(room: &'r mut Room<WORDS>, object: usize, one: usize, other: usize) -> Self {
        Self::of(room, object, if one < other { one } else { other })
    }

    /// A member. Members of kernel structs are aligned.
    #[inline(always)]
    pub fn get<T: Copy>(&self, offset: usize) -> T {
        let at = offset.wrapping_sub(self.first);
        if at > size_of::<[u64; WORDS]>() - size_of::<T>() {
            return kernel(self.of + offset);
        }
        // SAFETY: checked; all bits are values of the integers that this is used with.
        unsafe { self.words.as_ptr().cast::<u8>().add(at).cast::<T>().read() }
    }
}

/// A value in user memory; `None` when it cannot be read.
#[inline(always)]
pub fn user<T: Copy>(address: usize) -> Option<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: as in `kernel`; user memory is checked by the helper.
    unsafe {
        let failed = bpf_probe_read_user(value.as_mut_ptr().cast(), size_of::<T>() as u32, address as *const _) != 0;
        if failed { None } else { Some(value.assume_init()) }
    }
}

/// Copies `len` bytes of kernel memory to `to`, which must have room.
///
/// # Safety
/// `to` is valid for `len` bytes.
#[inline(always)]
pub unsafe fn kernel_bytes(to: *mut u8, len: usize, address: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { bpf_probe_read_kernel(to.cast(), len as u32, address as *const _) == 0 }
}

/// Copies `len` bytes of user memory to `to`.
///
/// # Safety
/// `to` is valid for `len` bytes.
#[inline(always)]
pub unsafe fn user_bytes(to: *mut u8, len: usize, address: usize) -> bool {
    // SAFETY: the caller's promise.
    unsafe { bpf_probe_read_user(to.cast(), len as u32, address as *const _) == 0 }
}

/// Copies a text of user memory, at most `len` bytes with its NUL. Returns the bytes written, 0 on failure.
///
/// Older kernels, such as 6.1, say 0 for an empty text and not 1: mm/maccess.c, `strncpy_from_user_nofault`.
///
/// # Safety
/// `to` is valid for `len` bytes.
#[inline(always)]
pub unsafe fn user_text(to: *mut u8, len: usize, address: usize) -> usize {
    // SAFETY: the caller's promise; `len` is never zero.
    unsafe { to.write(0) };
    // SAFETY: as above.
    let written = unsafe { bpf_probe_read_user_str(to.cast(), len as u32, address as *const _) };
    if written < 0 {
        return 0;
    }
    // At least 1, without a branch, which would part the ways for the verifier.
    let written = opaque(written as usize);
    written | (written.wrapping_sub(1) >> (usize::BITS - 1))
}

/// Copies a text of kernel memory, at most `len` bytes with its NUL. Returns the bytes written, 0 on failure.
///
/// # Safety
/// `to` is valid for `len` bytes.
#[inline(always)]
pub unsafe fn kernel_text(to: *mut u8, len: usize, address: usize) -> usize {
    // SAFETY: the caller's promise.
    let written = unsafe { bpf_probe_read_kernel_str(to.cast(), len as u32, address as *const _) };
    if written < 0 { 0 } else { written as usize }
}
