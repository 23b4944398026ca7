//! One journal file: its objects, found by their offsets. Nothing that it says is trusted: offsets are looked at before they are followed, chains only
//! lead forward, and everything that is kept has a limit.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustc_hash::FxHashMap;

use super::{
    bytes::{Bytes, ReadAt},
    hash,
    layout::{
        ENTRY_ITEMS, Header, Id, Kind, MIN_HEADER, OBJECT_HEADER, array, data, field, id_at, incompatible, u64_at,
    },
    unpack::{MAX_VALUE, Packing},
};

/// The most fields of an entry. journald takes 1024.
const MAX_FIELDS: u64 = 4_096;
/// The most bytes of an entry that are kept.
const MAX_ENTRY: usize = 64 << 20;
/// The longest name of a field. journald takes 64.
const MAX_NAME: usize = 1_024;
/// Values that are kept because other entries have them, too, and their longest.
const MAX_KNOWN: usize = 2_048;
const MAX_KNOWN_VALUE: usize = 256;
/// The most arrays of a chain: each is twice as long as the one before it until it has a page or more.
const MAX_ARRAYS: usize = 100_000;
/// The longest chain of a hash table that is followed.
const MAX_CHAIN: usize = 100_000;

/// Why a file cannot be read, or a part of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The system says so.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is something else.
    #[error("it is not a journal file")]
    NotJournal,
    /// A newer systemd wrote it.
    #[error("it has features that tracer does not know (flags {0:#x})")]
    Unknown(u32),
    /// It was damaged, or is being written.
    #[error("damaged at byte {at}: {what}")]
    Damaged {
        /// Where.
        at: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

fn damaged<T>(at: u64, what: &'static str) -> Result<T, JournalError> {
    Err(JournalError::Damaged { at, what })
}

/// `FIELD=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    bytes: Vec<u8>,
    name_len: usize,
    /// Whether the value is longer than what is kept.
    pub is_cut: bool,
}

impl Field {
    /// One with that value; `None` if nothing can be called so.
    #[must_use]
    pub fn new(name: &[u8], value: &[u8]) -> Option<Self> {
        let is_name = (1..=MAX_NAME).contains(&name.len()) && !name.contains(&b'=');
        is_name.then(|| Self { bytes: [name, b"=", value].concat(), name_len: name.len(), is_cut: false })
    }

    /// `FIELD=value`.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.bytes[..self.name_len]
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.bytes.get(self.name_len + 1..).unwrap_or_default()
    }
}

/// When and in which order an entry was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Its number among those of the same `seqnum_id`.
    pub seqnum: u64,
    /// Who counted.
    pub seqnum_id: Id,
    /// Microseconds since the epoch.
    pub realtime_us: u64,
    /// Microseconds since the boot.
    pub monotonic_us: u64,
    /// Which boot.
    pub boot_id: Id,
    /// Of all that it holds.
    pub xor_hash: u64,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalEntry {
    /// When.
    pub stamp: Stamp,
    /// What it holds, as the file has it: a name may come several times.
    pub fields: Vec<Arc<Field>>,
}

impl JournalEntry {
    /// The first value of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|field| field.name() == name.as_bytes()).map(|field| field.value())
    }

    /// The same, as a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        std::str::from_utf8(self.get(name)?).ok()?.parse().ok()
    }
}

/// The offsets of entries, of a file or of one value, in the order in which they were written.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    /// One that is kept outside the arrays.
    first: Option<u64>,
    /// Where an array begins, and how many offsets come before it.
    arrays: Vec<(u64, u64)>,
    /// How many there are.
    pub len: u64,
}

/// A file.
pub struct JournalFile {
    /// Where it is.
    pub path: PathBuf,
    /// What its header said when it was read last.
    pub header: Header,
    bytes: Bytes,
    /// Bytes of the file when the header was read.
    size: u64,
    known: FxHashMap<u64, Arc<Field>>,
}

impl JournalFile {
    /// Reads the header.
    ///
    /// # Errors
    /// It cannot be read, or is no journal that is known.
    pub fn new(file: Box<dyn ReadAt>, path: &Path) -> Result<Self, JournalError> {
        let mut file = Self {
            path: path.to_owned(),
            header: Header::default(),
            bytes: Bytes::new(file),
            size: 0,
            known: FxHashMap::default(),
        };
        file.refresh()?;
        Ok(file)
    }

    /// Reads the header again. True if something was written since.
    ///
    /// # Errors
    /// It cannot be read, or is no journal that is known.
    pub fn refresh(&mut self) -> Result<bool, JournalError> {
        self.bytes.forget();
        let mut bytes = [0; MIN_HEADER];
        self.bytes.read(0, &mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => JournalError::NotJournal,
            _ => error.into(),
        })?;
        let header = Header::parse(&bytes).ok_or(JournalError::NotJournal)?;
        let unknown = header.incompatible & !incompatible::KNOWN;
        if unknown != 0 {
            return Err(JournalError::Unknown(unknown));
        }
        if header.size < MIN_HEADER as u64 {
            return damaged(88, "the header is too short");
        }
        // After the header, so that what it tells of is within.
        self.size = self.bytes.size()?;
        let is_changed = header != self.header;
        self.header = header;
        Ok(is_changed)
    }

    /// Frees what is kept to be faster.
    pub fn forget(&mut self) {
        self.bytes.forget();
        self.known = FxHashMap::default();
    }

    fn read<const N: usize>(&mut self, at: u64) -> Result<[u8; N], JournalError> {
        let mut out = [0; N];
        self.fill(at, &mut out)?;
        Ok(out)
    }

    fn fill(&mut self, at: u64, out: &mut [u8]) -> Result<(), JournalError> {
        self.bytes.read(at, out).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => JournalError::Damaged { at, what: "the file ends before" },
            _ => error.into(),
        })
    }

    fn number(&mut self, at: u64) -> Result<u64, JournalError> {
        Ok(u64::from_le_bytes(self.read(at)?))
    }

    /// The size and the flags of the object there, which has to be of that kind and of that many bytes at least.
    fn object(&mut self, at: u64, kind: Kind, at_least: u64) -> Result<(u64, u8), JournalError> {
        if at < self.header.size || !at.is_multiple_of(8) {
            return damaged(at, "no object can be there");
        }
        if at >= self.size {
            return damaged(at, "the file ends before");
        }
        let header: [u8; OBJECT_HEADER as usize] = self.read(at)?;
        let size = u64_at(&header, 8);
        if header[0] != kind as u8 {
            return damaged(at, "the object is not of the kind that belongs there");
        }
        if size < at_least {
            return damaged(at, "the object is too short");
        }
        if size > self.size - at {
            return damaged(at, "the file ends within the object");
        }
        Ok((size, header[1]))
    }

    /// All entries.
    ///
    /// # Errors
    /// They cannot be read. `chain` then has what could be.
    pub fn entries(&mut self, chain: &mut Chain) -> Result<(), JournalError> {
        let (begin, count) = (self.header.entry_array, self.header.n_entries);
        self.chain(None, begin, count, chain)
    }

    /// The entries that have that value.
    ///
    /// # Errors
    /// They cannot be read. `chain` then has what could be.
    pub fn entries_of(&mut self, at: u64, chain: &mut Chain) -> Result<(), JournalError> {
        self.object(at, Kind::Data, self.header.payload())?;
        let bytes: [u8; data::PAYLOAD as usize] = self.read(at)?;
        let [first, begin, count] =
            [data::ENTRY, data::ENTRY_ARRAY, data::N_ENTRIES].map(|member| u64_at(&bytes, member as usize));
        self.chain(Some(first).filter(|_| count > 0), begin, count, chain)
    }

    fn chain(&mut self, first: Option<u64>, begin: u64, count: u64, chain: &mut Chain) -> Result<(), JournalError> {
        *chain = Chain { first, arrays: Vec::new(), len: u64::from(first.is_some()) };
        let (mut at, mut before) = (begin, 0);
        while chain.len < count && at != 0 {
            // Arrays are appended: one that leads back would never end.
            if at <= before || chain.arrays.len() >= MAX_ARRAYS {
                return damaged(at, "arrays of entries that do not end");
            }
            let (size, _) = self.object(at, Kind::EntryArray, array::ITEMS)?;
            let next = self.number(at + array::NEXT)?;
            let items = (size - array::ITEMS) / self.header.array_item();
            chain.arrays.push((at, chain.len));
            chain.len = chain.len.saturating_add(items).min(count);
            (before, at) = (at, next);
        }
        if chain.len < count {
            return damaged(before, "the list of entries ends early");
        }
        Ok(())
    }

    /// The offset of one of them, counted from 0.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn offset(&mut self, chain: &Chain, number: u64) -> Result<u64, JournalError> {
        if let (Some(first), 0) = (chain.first, number) {
            return Ok(first);
        }
        let index = chain.arrays.partition_point(|(_, before)| *before <= number);
        let Some((at, before)) = index.checked_sub(1).and_then(|index| chain.arrays.get(index)) else {
            return damaged(0, "no such entry");
        };
        let item = self.header.array_item();
        let place = at + array::ITEMS + (number - before) * item;
        let offset = if item == 4 { u32::from_le_bytes(self.read(place)?).into() } else { self.number(place)? };
        if offset == 0 {
            return damaged(place, "an entry is missing");
        }
        Ok(offset)
    }

    /// When the entry there was written.
    ///
    /// # Errors
    /// It is damaged.
    pub fn stamp(&mut self, at: u64) -> Result<Stamp, JournalError> {
        self.object(at, Kind::Entry, ENTRY_ITEMS)?;
        let bytes: [u8; ENTRY_ITEMS as usize] = self.read(at)?;
        Ok(Stamp {
            seqnum: u64_at(&bytes, 16),
            seqnum_id: self.header.seqnum_id,
            realtime_us: u64_at(&bytes, 24),
            monotonic_us: u64_at(&bytes, 32),
            boot_id: id_at(&bytes, 40),
            xor_hash: u64_at(&bytes, 56),
        })
    }

    /// The offsets of what the entry there holds.
    ///
    /// # Errors
    /// It is damaged.
    pub fn items(&mut self, at: u64, items: &mut Vec<u64>) -> Result<(), JournalError> {
        items.clear();
        let (size, _) = self.object(at, Kind::Entry, ENTRY_ITEMS)?;
        let item = self.header.entry_item();
        let count = (size - ENTRY_ITEMS) / item;
        if count > MAX_FIELDS {
            return damaged(at, "the entry has too many fields");
        }
        let mut bytes = vec![0; (count * item) as usize];
        self.fill(at + ENTRY_ITEMS, &mut bytes)?;
        items.extend(bytes.chunks_exact(item as usize).map(|bytes| match bytes.first_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => u32::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default()).into(),
        }));
        Ok(())
    }

    /// The entry there. What of it cannot be read is left out, and the first cause of that is returned, too.
    ///
    /// # Errors
    /// Nothing of it can be read.
    pub fn entry(&mut self, at: u64) -> Result<(JournalEntry, Option<JournalError>), JournalError> {
        let stamp = self.stamp(at)?;
        let mut items = Vec::new();
        self.items(at, &mut items)?;
        let (mut fields, mut fault) = (Vec::with_capacity(items.len()), None);
        let mut room = MAX_ENTRY;
        for item in items {
            match self.field(item, room) {
                Ok(field) => {
                    room = room.saturating_sub(field.bytes.len());
                    fields.push(field);
                }
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        Ok((JournalEntry { stamp, fields }, fault))
    }

    /// The value there.
    fn field(&mut self, at: u64, room: usize) -> Result<Arc<Field>, JournalError> {
        if let Some(field) = self.known.get(&at) {
            return Ok(Arc::clone(field));
        }
        if room == 0 {
            return damaged(at, "the entry is longer than 64 MiB");
        }
        let (bytes, is_cut) = self.payload(at, room)?;
        let name_len = memchr::memchr(b'=', &bytes).filter(|length| (1..=MAX_NAME).contains(length));
        let Some(name_len) = name_len else { return damaged(at, "a value without a name") };
        let field = Arc::new(Field { bytes, name_len, is_cut });
        if field.bytes.len() <= MAX_KNOWN_VALUE {
            if self.known.len() >= MAX_KNOWN {
                self.known.clear();
            }
            self.known.insert(at, Arc::clone(&field));
        }
        Ok(field)
    }

    /// What the data object there holds, and whether that is only a part.
    fn payload(&mut self, at: u64, room: usize) -> Result<(Vec<u8>, bool), JournalError> {
        let begin = self.header.payload();
        let (size, flags) = self.object(at, Kind::Data, begin)?;
        let Some(packing) = Packing::of(flags) else { return damaged(at, "an unknown compression") };
        let at_most = room.min(MAX_VALUE);
        let stored = size - begin;
        if packing == Packing::Plain {
            let mut bytes = vec![0; stored.min(at_most as u64) as usize];
            self.fill(at + begin, &mut bytes)?;
            return Ok((bytes, stored > at_most as u64));
        }
        if stored > MAX_VALUE as u64 {
            return damaged(at, "a compressed value that is too long");
        }
        let mut bytes = vec![0; stored as usize];
        self.fill(at + begin, &mut bytes)?;
        // One byte more says whether there is more.
        let mut bytes = packing
            .unpack(bytes, at_most + 1)
            .map_err(|_| JournalError::Damaged { at, what: "a compressed value that cannot be unpacked" })?;
        let is_cut = bytes.len() > at_most;
        bytes.truncate(at_most);
        Ok((bytes, is_cut))
    }

    /// The data object that holds `FIELD=value`.
    ///
    /// # Errors
    /// The hash table is damaged.
    pub fn find(&mut self, wanted: &[u8]) -> Result<Option<u64>, JournalError> {
        let (table, hash) = (self.header.data_table, hash::of(&self.header, wanted));
        let mut at = self.bucket(table, hash)?;
        for _ in 0..MAX_CHAIN {
            if at == 0 {
                return Ok(None);
            }
            self.object(at, Kind::Data, self.header.payload())?;
            let bytes: [u8; 16] = self.read(at + data::NEXT_HASH - 8)?;
            let (its, next) = (u64_at(&bytes, 0), u64_at(&bytes, 8));
            if its == hash && self.payload(at, wanted.len() + 1)?.0 == wanted {
                return Ok(Some(at));
            }
            at = next;
        }
        damaged(at, "a chain of the hash table that does not end")
    }

    /// The values of a field, in the order in which they were first written.
    ///
    /// # Errors
    /// The hash table or a chain is damaged; `each` was called for those before.
    pub fn values(&mut self, name: &str, mut each: impl FnMut(&[u8], u64)) -> Result<(), JournalError> {
        let (table, hash) = (self.header.field_table, hash::of(&self.header, name.as_bytes()));
        let mut at = self.bucket(table, hash)?;
        let mut head = None;
        for _ in 0..MAX_CHAIN {
            if at == 0 {
                break;
            }
            let (size, _) = self.object(at, Kind::Field, field::PAYLOAD)?;
            let bytes: [u8; (field::PAYLOAD - OBJECT_HEADER) as usize] = self.read(at + OBJECT_HEADER)?;
            let (its, next) = (u64_at(&bytes, 0), u64_at(&bytes, (field::NEXT_HASH - OBJECT_HEADER) as usize));
            if its == hash && size - field::PAYLOAD == name.len() as u64 {
                let mut payload = vec![0; name.len()];
                self.fill(at + field::PAYLOAD, &mut payload)?;
                if payload == name.as_bytes() {
                    head = Some(u64_at(&bytes, (field::HEAD_DATA - OBJECT_HEADER) as usize));
                    break;
                }
            }
            at = next;
        }
        // New values are put in front.
        let mut at = head.unwrap_or(0);
        let mut before = u64::MAX;
        while at != 0 {
            if at >= before {
                return damaged(at, "a chain of values that does not end");
            }
            let field = self.field(at, MAX_VALUE)?;
            each(field.value(), at);
            before = at;
            at = self.number(at + data::NEXT_FIELD)?;
        }
        Ok(())
    }

    /// The first object of a hash in a table.
    fn bucket(&mut self, (table, bytes): (u64, u64), hash: u64) -> Result<u64, JournalError> {
        let buckets = bytes / 16;
        if table == 0 || buckets == 0 {
            return Ok(0);
        }
        if table < self.header.size || table > self.size || bytes > self.size - table {
            return damaged(table, "no hash table can be there");
        }
        self.number(table + hash % buckets * 16)
    }
}
