//! A program on a pseudo-terminal, driven like by somebody who types.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    os::fd::AsRawFd as _,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::sys;

/// How much of what was written last is looked at.
const KEPT: usize = 256 << 10;

/// A program on a terminal.
pub(crate) struct Pty {
    child: Option<Child>,
    master: File,
    /// The end of what it wrote.
    written: Vec<u8>,
    /// All that it wrote, bytes.
    pub(crate) bytes: u64,
}

impl Pty {
    /// Starts it.
    pub(crate) fn start(command: &mut Command, (columns, rows): (u16, u16)) -> Result<Self> {
        let (master, slave) = sys::terminal(columns, rows).context("no pseudo-terminal")?;
        let copy = || -> io::Result<Stdio> { Ok(slave.try_clone()?.into()) };
        command.stdin(copy()?).stdout(copy()?).stderr(copy()?).env("TERM", "xterm-256color");
        let child = sys::on_terminal(command).spawn().context("cannot start it on a terminal")?;
        Ok(Self { child: Some(child), master, written: Vec::new(), bytes: 0 })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Presses a key, and waits until what is written after it has that text. How long that took.
    pub(crate) fn press(&mut self, key: &[u8], wanted: &str) -> Result<Duration> {
        self.read(Duration::ZERO)?;
        self.written.clear();
        let began = Instant::now();
        self.master.write_all(key).context("cannot type")?;
        self.wait(wanted, Duration::from_secs(20))?;
        Ok(began.elapsed())
    }

    /// Waits until that text is written.
    pub(crate) fn wait(&mut self, wanted: &str, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while !contains(&self.written, wanted.as_bytes()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "'{wanted}' does not come: {}",
                    String::from_utf8_lossy(&self.written[self.written.len().saturating_sub(600)..])
                );
            }
            self.read(left)?;
        }
        Ok(())
    }

    /// Reads what is there, after waiting for some at most so long.
    pub(crate) fn read(&mut self, wait: Duration) -> Result<()> {
        if !sys::readable(self.master.as_raw_fd(), wait)? {
            return Ok(());
        }
        let mut part = [0; 64 << 10];
        match self.master.read(&mut part) {
            Ok(count) => {
                self.bytes += count as u64;
                self.written.extend_from_slice(&part[..count]);
                let over = self.written.len().saturating_sub(KEPT);
                self.written.drain(..over);
                Ok(())
            }
            // How Linux says that nothing has the other end any more.
            Err(error) if error.raw_os_error() == Some(libc::EIO) => bail!("it has ended: {}", self.text()),
            Err(error) => Err(error).context("cannot read the terminal"),
        }
    }

    /// Reads for so long.
    pub(crate) fn read_for(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.read(left)?;
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// Types `q`, and waits for the end. What it wrote last, and what it used.
    pub(crate) fn quit(mut self) -> Result<(String, sys::Usage)> {
        self.master.write_all(b"q").context("cannot type")?;
        let deadline = Instant::now() + Duration::from_secs(20);
        // Until the other end is closed.
        while Instant::now() < deadline && self.read(Duration::from_secs(1)).is_ok() {}
        let text = self.text();
        let child = self.child.take().context("it was ended before")?;
        Ok((text, sys::wait(child)?))
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_on_a_terminal_is_answered() {
        let script = "stty size; read line; echo got-$line; read line";
        let mut pty = Pty::start(Command::new("sh").args(["-c", script]), (77, 11)).unwrap();
        pty.wait("11 77", Duration::from_secs(10)).unwrap();
        pty.press(b"hello\n", "got-hello").unwrap();
        assert!(pty.bytes > 10);
        assert!(pty.wait("never", Duration::from_millis(20)).is_err());
    }
}
