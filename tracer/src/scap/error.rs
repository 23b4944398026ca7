//! Why a capture cannot be read.
//!
//! Offsets count bytes of the uncompressed stream, from 0.

use std::io;

/// Why a capture cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScapError {
    /// The input has no bytes.
    #[error("not a capture file (empty)")]
    Empty,
    /// It does not begin with a section header.
    #[error("not a capture file (bad magic at byte {offset})")]
    Magic {
        /// Where the magic was expected.
        offset: u64,
    },
    /// It is a capture of a network.
    #[error("a network capture (pcap or pcapng), not a system call capture")]
    Network,
    /// It was written on a machine whose numbers have their bytes in the other order.
    #[error("capture from a machine with the opposite byte order (magic at byte {offset})")]
    ByteOrder {
        /// Where the byte-order magic is.
        offset: u64,
    },
    /// A newer format.
    #[error("unknown capture format {major}, expected 1 (section at byte {offset})")]
    Version {
        /// Where the section header begins.
        offset: u64,
        /// The major version that it names.
        major: u16,
    },
    /// The input ends before the block does.
    #[error("cut in the middle of a block (block at byte {offset}, end of the data at byte {end})")]
    Cut {
        /// Where the block begins.
        offset: u64,
        /// Where the data ends.
        end: u64,
    },
    /// The length of a block is impossible, so what follows cannot be found.
    #[error("damaged: a block has {length} bytes (at byte {offset})")]
    Length {
        /// Where the block begins.
        offset: u64,
        /// The length that it has at its beginning.
        length: u32,
    },
    /// A block ends with another length than it begins with.
    #[error("damaged: a block has {length} bytes at its start and {trailer} at its end (at byte {offset})")]
    Trailer {
        /// Where the block begins.
        offset: u64,
        /// The length at its beginning.
        length: u32,
        /// The length at its end.
        trailer: u32,
    },
    /// The content of a block is wrong. Its borders are known, so reading can go on behind it.
    #[error("damaged: {block} (at byte {offset})")]
    Content {
        /// Where in the block the reader got stuck.
        offset: u64,
        /// What kind of block it is.
        block: &'static str,
    },
    /// The input cannot be read or decompressed.
    #[error("cannot read beyond byte {offset}")]
    Io {
        /// Bytes that were read before.
        offset: u64,
        /// Why.
        source: io::Error,
    },
}

impl ScapError {
    /// Where it happened: byte of the uncompressed stream.
    #[must_use]
    pub fn offset(&self) -> u64 {
        match self {
            Self::Empty | Self::Network => 0,
            Self::Magic { offset }
            | Self::ByteOrder { offset }
            | Self::Version { offset, .. }
            | Self::Cut { offset, .. }
            | Self::Length { offset, .. }
            | Self::Trailer { offset, .. }
            | Self::Content { offset, .. }
            | Self::Io { offset, .. } => *offset,
        }
    }

    /// What to do about it, when that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        matches!(self, Self::Network)
            .then_some("use tshark or Wireshark for network captures; tracer -w writes system call captures")
    }

    /// Whether the next block can be read in spite of it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Content { .. })
    }
}
