//! Fields: what users filter on and print. One row each; `-l`, filters, templates, chisels, views and documentation read
//! the rows.

use crate::{
    event::Event,
    state::{ContainerKey, Fd, State, Thread},
};

/// Everything that a field may be computed from.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The event.
    pub event: &'a Event<'a>,
    /// The thread that it happened in, as it was then; `None` when it is not known.
    pub thread: Option<&'a Thread>,
    /// The descriptor that it is about, as it was then.
    pub fd: Option<&'a Fd>,
    /// The container that it happened in.
    pub container: ContainerKey,
    /// Everything else, as it is now.
    pub state: &'a State,
    /// Times of other events.
    pub times: Times,
}

/// Times that fields are relative to, nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// The first event of the session.
    pub first_ns: u64,
    /// The event before this one.
    pub previous_ns: u64,
}
