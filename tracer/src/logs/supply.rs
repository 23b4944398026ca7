//! What the log of one container is to its reader, wherever that comes from.

use std::{io, path::Path};

use super::{Entry, Line, marks::Mark};

/// A log that is read.
pub trait Supply {
    /// The next line, or what is missing; `None` when there is no more for now.
    ///
    /// # Errors
    /// It cannot be read on.
    fn entry(&mut self) -> io::Result<Option<Entry>>;

    /// What began and will not go on, when the container has ended.
    fn rest(&mut self) -> Vec<Line>;

    /// The folder in which something happens when there is more; `None` if it is no file.
    fn folder(&self) -> Option<&Path>;

    /// Whether it is gone and all of it is read.
    fn is_gone(&self) -> bool;

    /// Where another run goes on: in front of the line that was handed out last, or behind it, once it was `shown`. `time_ns` is the time of
    /// the last one that was. `None` before anything was read.
    fn mark(&self, shown: bool, time_ns: u64) -> Option<Mark>;

    /// Why lines may be missing at the end of a run.
    fn last_gap(&self) -> Option<String> {
        None
    }
}
