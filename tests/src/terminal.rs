//! A terminal with somebody who types: a pseudo-terminal, and a program that has it as its controlling terminal.
#![allow(unsafe_code, reason = "pseudo-terminals")]

use std::{
    fs::File,
    io::{Read as _, Write as _},
    os::{fd::FromRawFd as _, unix::process::CommandExt as _},
    process::{Child, Command},
    ptr,
};

use crate::wait;

/// What shells ask with, by the variable `PS1`.
pub const PROMPT: &str = "tracer-asks>";

/// A shell on a terminal of its own; it ends with this.
pub struct Terminal {
    child: Child,
    master: File,
    /// All that was shown.
    shown: Vec<u8>,
    /// How often a shell has asked for a line that was typed.
    asked: usize,
}

impl Terminal {
    /// Starts a command that runs an interactive shell, and waits until that asks for a line.
    ///
    /// # Panics
    /// If it cannot be started, or does not ask in time.
    pub fn start(command: &mut Command) -> Self {
        let (mut master, mut slave) = (0, 0);
        // SAFETY: both numbers are alive; no name and no settings are asked for.
        let opened =
            unsafe { libc::openpty(&raw mut master, &raw mut slave, ptr::null_mut(), ptr::null(), ptr::null()) };
        assert_eq!(opened, 0, "no pseudo-terminal: {}", std::io::Error::last_os_error());
        // SAFETY: both were just opened, and nothing else has them.
        let (master, slave) = unsafe { (File::from_raw_fd(master), File::from_raw_fd(slave)) };
        // SAFETY: the descriptor is open; the flag changes only how it waits.
        unsafe { libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&master), libc::FIONBIO, &raw const ON) };
        command.env("PS1", PROMPT).env_remove("ENV").env("TERM", "dumb");
        command.stdin(slave.try_clone().expect("a descriptor")).stdout(slave.try_clone().expect("a descriptor"));
        command.stderr(slave);
        // SAFETY: both calls are allowed between fork and exec; standard input is the terminal.
        unsafe {
            command.pre_exec(|| {
                if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
                Ok(())
            });
        }
        let child = command.spawn().expect("a shell");
        let mut this = Self { child, master, shown: Vec::new(), asked: 0 };
        this.wait_for_prompt();
        this
    }

    /// The process id of the command.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Types a line, and waits until a shell asks for the next.
    ///
    /// # Panics
    /// If none does in time.
    pub fn line(&mut self, line: &str) {
        self.master.write_all(format!("{line}\n").as_bytes()).expect("the terminal is there");
        self.wait_for_prompt();
    }

    fn wait_for_prompt(&mut self) {
        let wanted = self.asked + 1;
        wait::until("a shell to ask for a line", || {
            let _ = self.master.read_to_end(&mut self.shown);
            (String::from_utf8_lossy(&self.shown).matches(PROMPT).count() >= wanted).then_some(())
        });
        self.asked = wanted;
    }
}

static ON: libc::c_int = 1;

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
