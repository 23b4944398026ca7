//! Whether somebody still reads the output: a tracer whose output nobody gets any more ends, also while it has nothing to print.
//!
//! Pipes say that their last reader is gone, sockets that both directions are shut, terminals that they were hung up. Files and
//! devices have no reader. A TCP peer that merely closed is known by the next write only, because it may have closed its sending
//! direction alone.

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::fs::FileTypeExt as _,
    },
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// Outputs that have a reader.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    outputs: Vec<OwnedFd>,
}

impl Readers {
    /// Watches an output if it has a reader. It stays open here, which readers of a pipe do not see before the process ends.
    pub(crate) fn watch(&mut self, output: BorrowedFd<'_>) {
        let Ok(copy) = output.try_clone_to_owned() else { return };
        let file = File::from(copy);
        let kind = file.metadata().map(|metadata| metadata.file_type());
        if file.is_terminal() || kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket()) {
            self.outputs.push(file.into());
        }
    }

    /// Fails as a write would if the reader of one of them has gone. It does not wait: a microsecond for a pipe.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.outputs.is_empty() {
            return Ok(());
        }
        let mut polled: Vec<PollFd<'_>> =
            self.outputs.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::empty())).collect();
        match poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
            Ok(0) | Err(Errno::INTR) => Ok(()),
            Ok(_) if polled.iter().any(|it| it.revents().intersects(PollFlags::ERR | PollFlags::HUP)) => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            // What cannot be asked is written to as before.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// An error of a write, which says in one way that the reader has gone: also of a socket whose peer left something unread, and of
/// a terminal that was hung up.
pub(crate) fn error_of_write(error: io::Error, is_terminal: bool) -> io::Error {
    let hung_up = is_terminal && Errno::from_io_error(&error) == Some(Errno::IO);
    if hung_up || error.kind() == io::ErrorKind::ConnectionReset { io::ErrorKind::BrokenPipe.into() } else { error }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::net::UnixStream};

    use super::*;

    /// Of an output: whether it is watched, and whether its reader is there.
    fn readers(output: BorrowedFd<'_>) -> Readers {
        let mut readers = Readers::default();
        readers.watch(output);
        readers
    }

    #[test]
    fn pipes_and_sockets_say_that_their_reader_has_gone() {
        let (reader, writer) = io::pipe().unwrap();
        let (other, socket) = UnixStream::pair().unwrap();
        let of_both = [readers(writer.as_fd()), readers(socket.as_fd())];
        assert!(of_both.iter().all(|it| it.outputs.len() == 1 && it.check().is_ok()));
        // It only sends nothing more.
        other.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(of_both[1].check().is_ok());
        (&socket).write_all(b"unread").unwrap();
        drop((reader, other));
        for it in of_both {
            assert_eq!(it.check().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
        let error = (&socket).write_all(b"x").unwrap_err();
        assert_eq!(error_of_write(error, false).kind(), io::ErrorKind::BrokenPipe);
        let error = || io::Error::from(Errno::IO);
        assert_eq!(error_of_write(error(), true).kind(), io::ErrorKind::BrokenPipe);
        assert_ne!(error_of_write(error(), false).kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn files_and_devices_have_no_reader() {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let null = File::options().write(true).open("/dev/null").unwrap();
        for it in [readers(file.as_fd()), readers(null.as_fd()), Readers::default()] {
            assert!(it.outputs.is_empty() && it.check().is_ok());
        }
    }
}
