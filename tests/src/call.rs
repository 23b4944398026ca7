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

/// Calls that need an instruction of their own.
#[cfg(target_arch = "x86_64")]
pub mod x86_64 {
    /// A call through the 32-bit entry, `int $0x80`.
    #[must_use]
    pub fn int80(number: u32, first: u32) -> i32 {
        let result: i32;
        // SAFETY: the entry saves all registers but those named.
        unsafe {
            std::arch::asm!("push rbx", "mov ebx, {first:e}", "int 0x80", "pop rbx",
                first = in(reg) first, inout("eax") number => result, in("ecx") 0, in("edx") 0,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _);
        }
        result
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
