//! Compressed data of journal files.

use std::io::{self, Cursor, Read};

use crate::scap::input;

/// The longest value that is kept, bytes. journald takes larger ones only if it was told to.
pub const MAX_VALUE: usize = 16 << 20;
/// The most memory for the dictionary of xz, KiB. journald uses 8 MiB.
const XZ_MEMORY_KIB: u32 = 80 << 10;

/// How a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As it is.
    Plain,
    /// An xz stream.
    Xz,
    /// Its length in 64 bits, and a block of lz4.
    Lz4,
    /// A zstd frame.
    Zstd,
}

impl Packing {
    /// What the flags of an object say; `None` if that is unknown.
    #[must_use]
    pub fn of(flags: u8) -> Option<Self> {
        match flags {
            0 => Some(Self::Plain),
            1 => Some(Self::Xz),
            2 => Some(Self::Lz4),
            4 => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The value, of which no more than `at_most` bytes are wanted.
    ///
    /// # Errors
    /// It is damaged.
    pub fn unpack(self, packed: Vec<u8>, at_most: usize) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => {
                let mut packed = packed;
                packed.truncate(at_most);
                Ok(packed)
            }
            Self::Xz => taken(lzma_rust2::XzReader::new_mem_limit(&packed[..], false, XZ_MEMORY_KIB), at_most),
            Self::Zstd => taken(input::decompress(Cursor::new(packed))?, at_most),
            Self::Lz4 => lz4(&packed, at_most),
        }
    }
}

fn taken(input: impl Read, at_most: usize) -> io::Result<Vec<u8>> {
    let mut value = Vec::new();
    input.take(at_most as u64).read_to_end(&mut value)?;
    Ok(value)
}

fn lz4(packed: &[u8], at_most: usize) -> io::Result<Vec<u8>> {
    let (length, block) = packed.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
    let length = u64::from_le_bytes(*length);
    // A byte of a block gives 255 at most, so a longer length is wrong. A block cannot be unpacked in part.
    if length > MAX_VALUE as u64 + 1 || length > block.len() as u64 * 255 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "wrong length of an lz4 block"));
    }
    let mut value = vec![0; length as usize];
    let unpacked = lz4_flex::block::decompress_into(block, &mut value).map_err(io::Error::other)?;
    if unpacked != value.len() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "short lz4 block"));
    }
    value.truncate(at_most);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_packed_value_is_an_error() {
        for packing in [Packing::Xz, Packing::Lz4] {
            for bytes in [&b""[..], b"\xff", &[0xff; 40], &[0; 40]] {
                assert!(packing.unpack(bytes.to_vec(), 100).is_err() || bytes == [0; 40], "{packing:?} {bytes:?}");
            }
        }
        // A length that no block of that size has.
        let long = [&(1_u64 << 40).to_le_bytes()[..], &[0x1f; 20]].concat();
        assert!(Packing::Lz4.unpack(long, 100).is_err());
        assert_eq!(Packing::of(3), None);
    }
}
