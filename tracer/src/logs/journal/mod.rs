//! The journal of systemd, read from its files: without its library, which a static binary in a container does not have.
//!
//! `layout` is the file format, read by `file` through `bytes` and `unpack`, with the `hash` of values. `walk` goes over the entries of a file that
//! `matches` ask for, `merge` over those of all files of a `folder`; without files, `kmsg` has the messages of the kernel. `show` prints them.

mod bytes;
mod file;
mod folder;
mod hash;
mod kmsg;
mod layout;
pub mod matches;
mod merge;
mod show;
mod source;
mod unpack;
mod walk;

pub use bytes::ReadAt;
pub use file::{Field, JournalEntry, JournalError, JournalFile, Stamp};
pub use folder::{Place, machine_id};
pub use kmsg::Kmsg;
pub use layout::Id;
pub use matches::Matches;
pub use merge::{Boot, Journal, Range, Read};
pub use show::{Form, Printer};
pub use source::Source;
pub use walk::{Begin, Walk};
