//! Who takes the lines that are read.

use std::{io, sync::Arc};

use super::{Entry, Writer};

/// Takes lines, and says when they are safe.
pub trait Sink {
    /// Lines of that container come.
    fn expect(&mut self, writer: &Writer);

    /// Takes a line, or that lines are missing.
    ///
    /// # Errors
    /// It cannot be written.
    fn entry(&mut self, writer: &Arc<Writer>, entry: &Entry) -> io::Result<()>;

    /// Writes out what is there.
    ///
    /// # Errors
    /// It cannot be written.
    fn flush(&mut self) -> io::Result<()>;

    /// How many it was given.
    fn handed_over(&self) -> u64 {
        0
    }

    /// How many of these, counted from the first one, have come to their end, so that another run need not read them again.
    fn settled(&mut self) -> u64 {
        u64::MAX
    }

    /// Nothing more comes: waits until all has come to its end, or there is no more time for that.
    ///
    /// # Errors
    /// What was still here cannot be written.
    fn drain(&mut self) -> io::Result<()> {
        Ok(())
    }
}
