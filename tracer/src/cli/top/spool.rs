//! Standard input as a file that can be read several times: each question about a capture is a pass over it.
//!
//! What comes is put into a file without a name, which is gone with the process.

use std::{
    fs::File,
    io::{self, Read, Write as _},
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use rustix::fs::{CWD, Mode, OFlags, openat};

use super::Failure;
use crate::{message::Shown as _, thread};

/// How often it is looked at whether all is there.
const LOOK: Duration = Duration::from_millis(20);

/// What comes from standard input.
#[derive(Debug, Clone)]
pub(super) struct Spool {
    file: Arc<File>,
    /// Whether all that is wanted is there.
    complete: Arc<AtomicBool>,
}

impl Spool {
    /// Begins to read.
    ///
    /// # Errors
    /// There is no place for the file.
    pub(super) fn begin() -> Result<Self, Failure> {
        Self::of(io::stdin(), &std::env::temp_dir())
    }

    fn of(mut from: impl Read + Send + 'static, folder: &Path) -> Result<Self, Failure> {
        let file = unnamed(folder).map_err(|error| {
            let message = format!("cannot keep standard input in {}: {error}", folder.shown());
            Failure::with_hint(message, "set TMPDIR to a folder with room, or write the capture to a file")
        })?;
        let spool = Self { file: Arc::new(file), complete: Arc::default() };
        let of_thread = spool.clone();
        thread::begin("standard input", move || {
            let mut part = vec![0; 256 << 10];
            while !of_thread.is_complete() {
                match from.read(&mut part) {
                    Ok(0) => break,
                    Ok(count) => {
                        if let Err(error) = (&*of_thread.file).write_all(&part[..count]) {
                            crate::message::note(&format!("cannot keep more of standard input: {error}"));
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        crate::message::note(&format!("cannot read standard input: {error}"));
                        break;
                    }
                }
            }
            of_thread.finish();
        })
        .map_err(|error| Failure::new(error.to_string()))?;
        Ok(spool)
    }

    /// The file, for passes over it.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// What is there is enough.
    pub(super) fn finish(&self) {
        self.complete.store(true, Ordering::Relaxed);
    }

    /// Whether nothing more comes.
    pub(super) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Relaxed)
    }

    /// Waits until all is there, or `stop` is set.
    pub(super) fn wait(&self, stop: &AtomicBool) {
        while !self.is_complete() && !stop.load(Ordering::Relaxed) {
            sleep(LOOK);
        }
    }
}

/// A new file without a name.
fn unnamed(folder: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s068_what_came_is_read_as_often_as_it_is_wanted() {
        let text = b"a capture".repeat(100_000);
        let spool = Spool::of(io::Cursor::new(text.clone()), &std::env::temp_dir()).unwrap();
        spool.wait(&AtomicBool::new(false));
        for _ in 0..2 {
            assert!(std::fs::read(spool.path()).unwrap() == text);
        }
        // Of what does not end, what is there is enough once somebody says so.
        let endless = Spool::of(io::repeat(1), &std::env::temp_dir()).unwrap();
        endless.finish();
        endless.wait(&AtomicBool::new(false));
        assert!(Spool::of(io::empty(), Path::new("/nosuch")).is_err());
    }
}
