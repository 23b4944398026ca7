//! System calls exactly as they are written: no library chooses another one, or retries.
#![allow(unsafe_code, reason = "raw system calls")]

use std::ffi::CStr;

/// What fits into a register: a number or an address.
pub trait Word {
    /// As it stands in the register.
    fn word(self) -> u64;
}

macro_rules! numbers {
    ($($number:ty)*) => {
        $(impl Word for $number {
            fn word(self) -> u64 {
                self as u64
            }
        })*
    };
}
numbers!(i32 u32 i64 u64 usize);

impl<T> Word for *const T {
    fn word(self) -> u64 {
        self as u64
    }
}

impl<T> Word for *mut T {
    fn word(self) -> u64 {
        self as u64
    }
}

impl Word for &CStr {
    fn word(self) -> u64 {
        self.as_ptr() as u64
    }
}

/// The address of what a reference points to.
pub fn at<T: ?Sized>(target: &T) -> u64 {
    (&raw const *target).cast::<u8>() as u64
}

/// The same, of what the kernel writes to.
pub fn at_mut<T: ?Sized>(target: &mut T) -> u64 {
    (&raw mut *target).cast::<u8>() as u64
}

/// An address that no process has memory at.
pub const NOWHERE: u64 = 8;

/// Makes system call `number`; the result as the kernel gives it, `-errno` on failure. Use [`sys!`](crate::sys).
#[must_use]
pub fn call(number: libc::c_long, words: &[u64]) -> i64 {
    let word = |n: usize| words.get(n).copied().unwrap_or(0);
    // SAFETY: tests pass addresses of their own live memory, or such that the kernel refuses.
    let result = unsafe { libc::syscall(number, word(0), word(1), word(2), word(3), word(4), word(5)) };
    if result == -1 { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { result }
}

/// `sys!(openat, AT_FDCWD, path, flags, mode)`: the call of that name, from `libc::SYS_*`.
#[macro_export]
macro_rules! sys {
    ($number:ident $(, $arg:expr)* $(,)?) => {
        $crate::call::call(libc::$number, &[$($crate::call::Word::word($arg)),*])
    };
}

/// Writes a byte to memory that the test mapped.
pub fn touch(address: u64) {
    // SAFETY: tests pass the address of memory that they mapped.
    unsafe { (address as *mut u8).write_volatile(1) };
}

/// Sets the handler of a signal.
///
/// # Panics
/// If the kernel refuses.
pub fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: the handlers of tests do nothing.
    let before = unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
}

/// Lets a signal end calls with `EINTR`, which otherwise begin again.
pub fn interrupts(signal: i32) {
    // SAFETY: it changes a flag of the handler.
    let result = unsafe { siginterrupt(signal, 1) };
    assert_eq!(result, 0);
}

unsafe extern "C" {
    /// Source: siginterrupt(3).
    fn siginterrupt(signal: i32, flag: i32) -> i32;
}

/// Memory below 4 GiB, for calls of 32-bit programs.
#[derive(Debug)]
pub struct Low {
    page: u64,
    used: u64,
}

impl Low {
    /// 64 KiB of it.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it maps memory")]
    pub fn new() -> Self {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT);
        let page = call(libc::SYS_mmap, &[0, 1 << 16, protection as u64, flags as u64, u64::MAX, 0]);
        assert!(page > 0, "no memory below 4 GiB: {page}");
        Self { page: page as u64, used: 0 }
    }

    /// Its address with these bytes in it, aligned to eight.
    ///
    /// # Panics
    /// If it is used up.
    pub fn put(&mut self, bytes: &[u8]) -> u32 {
        let at = self.page + self.used;
        self.used += (bytes.len() as u64 + 7) & !7;
        assert!(self.used <= 1 << 16, "used up");
        // SAFETY: inside the memory that was mapped, which nothing else knows.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, bytes.len()) };
        at as u32
    }

    /// A text with a NUL.
    pub fn text(&mut self, text: &std::ffi::CStr) -> u32 {
        self.put(text.to_bytes_with_nul())
    }

    /// Words, as an array or a struct.
    pub fn words(&mut self, words: &[u32]) -> u32 {
        self.put(&words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>())
    }
}

/// Calls that need an instruction of their own.
#[cfg(target_arch = "x86_64")]
pub mod x86_64 {
    /// A call through the 32-bit entry, `int $0x80`; the result as the kernel gives it.
    #[must_use]
    pub fn int80(number: u32, words: &[u32]) -> i64 {
        let mut args = [0_u32; 6];
        args[..words.len()].copy_from_slice(words);
        let result: i32;
        // SAFETY: two registers are saved by hand, the others are named.
        unsafe {
            std::arch::asm!("push rbx", "push rbp", "mov ebx, [r8]", "mov ecx, [r8 + 4]", "mov edx, [r8 + 8]",
                "mov esi, [r8 + 12]", "mov edi, [r8 + 16]", "mov ebp, [r8 + 20]", "int 0x80", "pop rbp", "pop rbx",
                in("r8") args.as_ptr(), inout("eax") number => result, out("ecx") _, out("edx") _, out("esi") _,
                out("edi") _, lateout("r8") _, out("r9") _, out("r10") _, out("r11") _);
        }
        result.into()
    }

    /// `vfork`, whose child ends at once with this exit code. It must not return from the function that it borrows.
    #[must_use]
    pub fn vfork_exit(code: i32) -> i64 {
        let result: i64;
        // SAFETY: the child uses no stack and ends before the parent goes on.
        unsafe {
            std::arch::asm!("syscall", "test rax, rax", "jnz 2f", "mov rax, {exit}", "syscall", "2:",
                exit = const libc::SYS_exit, inout("rax") libc::SYS_vfork => result, in("rdi") i64::from(code),
                out("rcx") _, out("r11") _);
        }
        result
    }
}
