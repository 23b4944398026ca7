//! What containers write to their standard output and error, from where their runtimes keep it.
//!
//! `find` knows which containers there are and where the log of each is; `form` reads the forms in which runtimes keep them;
//! `series` is the log of one container, which goes over several `files` when it is rotated; `asked` is one that its engine gives, as
//! `entries`; both are a `supply`. `join` makes lines of pieces; `follow` brings the lines of all containers into the order of time and goes on
//! with what comes; `marks` keeps how far each was read. A `sink` takes the lines: `print` shows them as text or JSON, `ship` sends them elsewhere; on the
//! way there `shape` joins messages and leaves out what is not `wanted`.
//!
//! What is in a log is the word of a container: nothing of it is trusted, and all that is kept of it has a limit.

mod asked;
mod entries;
mod files;
mod find;
mod follow;
mod form;
mod join;
pub mod journal;
mod journaled;
mod marks;
mod print;
mod select;
mod series;
pub mod shape;
pub mod ship;
mod sink;
mod supply;
mod wanted;
pub mod when;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

pub use entries::Entries;
pub use find::{Finder, Log, Origin, Place};
pub(crate) use follow::now_ns;
pub use follow::{Ended, Options, run};
pub use form::{Form, Next, Piece};
pub use join::MAX_LINE;
pub use journaled::JournalOf;
pub use marks::{Marks, MarksError};
pub use print::{Look, Printer};
pub use select::Selection;
pub use sink::Sink;
pub use wanted::LineFilter;

/// Which of the two a container wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// Standard output; of a container with a terminal, both.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// As Docker and Kubernetes call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Out => "stdout",
            Self::Err => "stderr",
        }
    }

    /// The stream of that name.
    #[must_use]
    pub fn by_name(name: &[u8]) -> Option<Self> {
        [Self::Out, Self::Err].into_iter().find(|stream| stream.name().as_bytes() == name)
    }
}

/// A line of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written, nanoseconds since the epoch.
    pub time_ns: u64,
    /// Where to.
    pub stream: Stream,
    /// Its bytes, without the end of the line.
    pub text: Vec<u8>,
    /// Whether it was longer than [`MAX_LINE`]: the rest is left out.
    pub is_cut: bool,
}

/// What comes of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A line.
    Line(Line),
    /// Lines are missing here, for this reason.
    Gap(Cow<'static, str>),
}

/// A container with a log, or without one and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Who writes it.
    pub container: Arc<Writer>,
    /// Where it is kept, or why it cannot be read.
    pub place: Result<Origin, String>,
}

/// A container, as its lines name it. What is not known is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Writer {
    /// The whole id.
    pub full_id: String,
    /// `container.type`.
    pub runtime: String,
    /// Its name; without one, the beginning of its id.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Namespace of its pod.
    pub namespace: String,
    /// Its pod.
    pub pod: String,
    /// How its log is kept: the log driver, or `cri`.
    pub driver: String,
}

impl Writer {
    /// How lines begin: the name, and of a pod's container the pod before it.
    #[must_use]
    pub fn prefix(&self) -> String {
        if self.pod.is_empty() { self.name.clone() } else { format!("{}/{}", self.pod, self.name) }
    }
}
