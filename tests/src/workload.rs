//! A process that makes calls: forked from the test, so that the calls stand in the test beside what they must look like.
//!
//! The tracer does not trace its own process. The child says what it did (descriptors, ports, results) through memory that
//! both share, since a pipe would add calls of its own.
#![allow(unsafe_code, reason = "fork and shared memory")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    sync::atomic::{AtomicI64, Ordering},
};

use tracer::source::live::monotonic_ns;

/// Most values that a workload may say.
const MAX_SAID: usize = 64;

#[repr(C)]
struct Page {
    go: AtomicI64,
    /// Nanoseconds of the monotonic clock when it began.
    began: AtomicI64,
    done: AtomicI64,
    said: [AtomicI64; MAX_SAID],
}

/// A workload that waits for its start.
pub struct Workload<const N: usize> {
    /// Its process id.
    pub pid: u32,
    page: &'static Page,
    ended: bool,
}

impl<const N: usize> Workload<N> {
    /// Forks a process that waits, makes `calls`, keeps what they return, and exits.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn fork(calls: impl FnOnce() -> [i64; N]) -> Self {
        const { assert!(N <= MAX_SAID) };
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
        // SAFETY: new memory, which nothing else knows; it is checked below.
        let memory = unsafe { libc::mmap(ptr::null_mut(), size_of::<Page>(), protection, flags, -1, 0) };
        assert_ne!(memory, libc::MAP_FAILED, "no shared memory");
        // SAFETY: zeroed, large enough, aligned to a page; it is unmapped only when `self` is dropped.
        let page: &'static Page = unsafe { &*memory.cast::<Page>() };
        // SAFETY: the child runs only `child`, which uses no lock that another thread of the test could hold.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "cannot fork: {}", std::io::Error::last_os_error());
        if pid == 0 {
            child(page, calls);
        }
        Self { pid: pid as u32, page, ended: false }
    }

    /// Lets it begin.
    pub fn start(&self) {
        self.page.go.store(1, Ordering::Release);
    }

    /// Waits for its end; when it began, nanoseconds of the monotonic clock, and what it said.
    ///
    /// # Panics
    /// If it did not come to its end.
    #[must_use]
    pub fn end(mut self) -> (u64, [i64; N]) {
        self.ended = true;
        assert_eq!(wait(self.pid), 0, "the workload failed; standard error says why");
        assert_eq!(self.page.done.load(Ordering::Acquire), 1, "the workload did not come to its end");
        let said = std::array::from_fn(|n| self.page.said[n].load(Ordering::Relaxed));
        (self.page.began.load(Ordering::Relaxed) as u64, said)
    }
}

impl<const N: usize> Workload<N> {
    /// Ends it where it is.
    pub fn kill(mut self) {
        self.end_now();
    }

    fn end_now(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            // SAFETY: a signal to a child that was not waited for yet.
            unsafe { libc::kill(self.pid as i32, libc::SIGKILL) };
            let _ = wait(self.pid);
        }
    }
}

impl<const N: usize> Drop for Workload<N> {
    fn drop(&mut self) {
        self.end_now();
        // SAFETY: the page was mapped with this size, and nothing uses it after `self`.
        unsafe { libc::munmap(ptr::from_ref(self.page).cast_mut().cast(), size_of::<Page>()) };
    }
}

fn child<const N: usize>(page: &Page, calls: impl FnOnce() -> [i64; N]) -> ! {
    // SAFETY: it ends with the thread of the test, however that ends.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    while page.go.load(Ordering::Acquire) == 0 {
        // SAFETY: no descriptors; waits for a millisecond.
        unsafe { libc::poll(ptr::null_mut(), 0, 1) };
    }
    page.began.store(monotonic_ns() as i64, Ordering::Relaxed);
    let said = catch_unwind(AssertUnwindSafe(calls));
    if let Ok(said) = &said {
        for (place, value) in page.said.iter().zip(said) {
            place.store(*value, Ordering::Relaxed);
        }
        page.done.store(1, Ordering::Release);
    } else {
        let text = b"a workload panicked\n";
        // SAFETY: the text is alive.
        unsafe { libc::write(2, text.as_ptr().cast(), text.len()) };
    }
    // SAFETY: ends the process without what belongs to the test.
    unsafe { libc::_exit(i32::from(said.is_err())) }
}

/// Waits for the end of a child: its status as wait(2) encodes it.
///
/// # Panics
/// If there is no such child.
#[must_use]
pub fn wait(pid: u32) -> i32 {
    let mut status = 0;
    loop {
        // SAFETY: `status` is alive.
        let found = unsafe { libc::waitpid(pid as i32, &raw mut status, 0) };
        if found == pid as i32 {
            return status;
        }
        let error = std::io::Error::last_os_error();
        assert_eq!(error.kind(), std::io::ErrorKind::Interrupted, "cannot wait for {pid}: {error}");
    }
}
