//! The `.scap` capture file, on the level of blocks and bytes.
//!
//! A capture is a section header, what existed when it began (machine, interfaces, users, threads and what they had open),
//! and events. [`Reader`] goes through it block by block; each [`Block`] is a view of the bytes that the reader holds, and
//! lists are read as they are asked for. [`block`] describes the frame, each other module the content of its blocks.
//!
//! What is guaranteed for any input: no panic, no more memory than twice what one block of the input has (which is at most
//! 256 MiB), everything in front of damage is delivered, and an error says where it is. What events mean, and what they do
//! to the tables, is for others: nothing here knows anything of the rest of the program.

mod block;
mod bytes;
pub mod convert;
mod error;
mod event;
mod fd;
pub(crate) mod input;
mod interface;
mod machine;
pub mod options;
mod process;
mod reader;
mod rules;
mod user;
mod write;

#[cfg(test)]
mod testing;

pub use block::{Block, Section};
pub use error::ScapError;
pub use event::{Event, EventParams};
pub use fd::{Fd, Fds, Target};
pub use input::{Input, Opened, Progress, decompress, open};
pub use interface::{Interface, Interfaces};
pub use machine::Machine;
pub use options::Options;
pub use process::{Capabilities, ExeFile, Memory, Process, Processes};
pub use reader::Reader;
pub use user::{User, Users};
pub use write::{EventHead, EventOut, Writer};
