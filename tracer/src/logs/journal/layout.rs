//! The journal file format: header and objects, read from bytes.
//!
//! A file is a header and then objects, each at a multiple of eight bytes and with its type, flags and size first. All numbers are
//! little-endian. *Data* objects hold one `FIELD=value` each and are shared by all entries that have it; an *entry* lists the data
//! objects that it consists of; *entry arrays* list entries in the order of writing, all of them or those of one data object, and are chained.
//! Two hash tables find data and fields by what they hold. In *compact* files offsets in arrays and entries have 32 bits.
//!
//! Source: <https://systemd.io/JOURNAL_FILE_FORMAT>, systemd `src/libsystemd/sd-journal/journal-def.h`.

/// How a file begins.
pub const SIGNATURE: &[u8; 8] = b"LPKSHHRH";
/// The oldest header: those of systemd 187 and later have more.
pub const MIN_HEADER: usize = 208;
/// The state of a file that was rotated.
const ARCHIVED: u8 = 2;
/// Bytes before what an object holds: type, flags, size.
pub const OBJECT_HEADER: u64 = 16;

/// Bits of `incompatible_flags`: a reader that does not know one must not read the file.
pub mod incompatible {
    /// Some data is compressed with xz.
    pub const XZ: u32 = 1 << 0;
    /// With lz4.
    pub const LZ4: u32 = 1 << 1;
    /// Hash tables use SipHash with the file's id as the key.
    pub const KEYED_HASH: u32 = 1 << 2;
    /// With zstd.
    pub const ZSTD: u32 = 1 << 3;
    /// Offsets in arrays and entries have 32 bits.
    pub const COMPACT: u32 = 1 << 4;
    /// All that are known.
    pub const KNOWN: u32 = XZ | LZ4 | KEYED_HASH | ZSTD | COMPACT;
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `FIELD=value`.
    Data = 1,
    /// The name of a field.
    Field = 2,
    /// An entry.
    Entry = 3,
    /// Offsets of entries.
    EntryArray = 6,
}

/// Where members are in a data object.
pub mod data {
    /// The next object in its chain of the hash table.
    pub const NEXT_HASH: u64 = 24;
    /// The next value of the same field.
    pub const NEXT_FIELD: u64 = 32;
    /// The first entry that has it.
    pub const ENTRY: u64 = 40;
    /// The array with the others.
    pub const ENTRY_ARRAY: u64 = 48;
    /// How many there are.
    pub const N_ENTRIES: u64 = 56;
    /// What it holds, in a regular file.
    pub const PAYLOAD: u64 = 64;
    /// The same in a compact one.
    pub const COMPACT_PAYLOAD: u64 = 72;
}

/// Where members are in a field object.
pub mod field {
    /// The next object in its chain of the hash table.
    pub const NEXT_HASH: u64 = 24;
    /// The first of its values.
    pub const HEAD_DATA: u64 = 32;
    /// Its name.
    pub const PAYLOAD: u64 = 40;
}

/// Where members are in an array of entries.
pub mod array {
    /// The next array of the chain.
    pub const NEXT: u64 = 16;
    /// The offsets.
    pub const ITEMS: u64 = 24;
}

/// Bytes before the items of an entry.
pub const ENTRY_ITEMS: u64 = 64;

/// The number at `at`; 0 where the bytes end before it, as members that an older writer did not know read.
#[must_use]
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |eight| u64::from_le_bytes(*eight))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_le_bytes(*four))
}

/// The id at `at`, in the same way.
#[must_use]
pub fn id_at(bytes: &[u8], at: usize) -> Id {
    Id(bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default())
}

/// An id of 128 bits: of a machine, a boot, a file or a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id(pub [u8; 16]);

impl Id {
    /// The id of 32 hexadecimal digits, as they are or as a UUID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.trim().chars().filter(|it| *it != '-').collect();
        let all = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        all.then(|| u128::from_str_radix(&digits, 16).ok()).flatten().map(|number| Self(number.to_be_bytes()))
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// See [`incompatible`].
    pub incompatible: u32,
    /// Whether it was closed for good: nothing is written to it any more.
    pub is_archived: bool,
    /// Of this file; the key of its hashes.
    pub file_id: Id,
    /// Of the machine that wrote it.
    pub machine_id: Id,
    /// Files with the same one share their sequence numbers.
    pub seqnum_id: Id,
    /// Bytes of the header.
    pub size: u64,
    /// Offset and bytes of the hash table of data.
    pub data_table: (u64, u64),
    /// The same for fields.
    pub field_table: (u64, u64),
    /// How many objects there are.
    pub n_objects: u64,
    /// How many entries.
    pub n_entries: u64,
    /// The array that lists the first of them; 0 if there are none.
    pub entry_array: u64,
    /// The number of the first entry.
    pub head_seqnum: u64,
    /// When the first entry was written, microseconds since the epoch.
    pub head_realtime_us: u64,
    /// When the last one was.
    pub tail_realtime_us: u64,
}

impl Header {
    /// The header at the beginning of a file; `None` if it is no journal.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() < MIN_HEADER || !bytes.starts_with(SIGNATURE) {
            return None;
        }
        Some(Self {
            incompatible: u32_at(bytes, 12),
            is_archived: bytes[16] == ARCHIVED,
            file_id: id_at(bytes, 24),
            machine_id: id_at(bytes, 40),
            seqnum_id: id_at(bytes, 72),
            size: u64_at(bytes, 88),
            data_table: (u64_at(bytes, 104), u64_at(bytes, 112)),
            field_table: (u64_at(bytes, 120), u64_at(bytes, 128)),
            n_objects: u64_at(bytes, 144),
            n_entries: u64_at(bytes, 152),
            entry_array: u64_at(bytes, 176),
            head_seqnum: u64_at(bytes, 168),
            head_realtime_us: u64_at(bytes, 184),
            tail_realtime_us: u64_at(bytes, 192),
        })
    }

    /// Whether offsets in arrays and entries have 32 bits.
    #[must_use]
    pub fn is_compact(&self) -> bool {
        self.incompatible & incompatible::COMPACT != 0
    }

    /// Whether hashes have a key.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.incompatible & incompatible::KEYED_HASH != 0
    }

    /// Where data objects have what they hold.
    #[must_use]
    pub fn payload(&self) -> u64 {
        if self.is_compact() { data::COMPACT_PAYLOAD } else { data::PAYLOAD }
    }

    /// Bytes of an offset in an array.
    #[must_use]
    pub fn array_item(&self) -> u64 {
        if self.is_compact() { 4 } else { 8 }
    }

    /// Bytes of an item of an entry: the offset and, in regular files, a hash.
    #[must_use]
    pub fn entry_item(&self) -> u64 {
        if self.is_compact() { 4 } else { 16 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_both_forms_and_written_in_one() {
        let id = Id::parse("0123456789abcdef0123456789ABCDEF").unwrap();
        assert_eq!(id.to_string(), "0123456789abcdef0123456789abcdef");
        assert_eq!(Id::parse("01234567-89ab-cdef-0123-456789abcdef\n"), Some(id));
        for wrong in ["", "0123", "0123456789abcdef0123456789abcdeg", "+123456789abcdef0123456789abcdef"] {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
    }
}
