//! Blocks: what frames them, and the kinds that there are.

/// Bytes in front of the content: kind and length.
pub const HEADER: usize = 8;
/// The length again, behind the content.
const TRAILER: usize = 4;
/// The kind that begins a section.
pub const SECTION: u32 = 0x0A0D_0D0A;

/// What is at an offset.
pub enum Frame<'a> {
    /// A block with its content, padding included, and where it ends.
    Block { kind: u32, content: &'a [u8], end: usize },
    /// The file ends before the block does.
    Cut,
    /// Lengths that cannot be.
    Wrong(String),
}

/// The block at an offset.
pub fn next(bytes: &[u8], at: usize) -> Frame<'_> {
    let word = |at: usize| bytes.get(at..at + 4).map(|word| u32::from_le_bytes(word.try_into().expect("4 bytes")));
    let (Some(kind), Some(length)) = (word(at), word(at + 4)) else { return Frame::Cut };
    let len = length as usize;
    if len < HEADER + TRAILER || !len.is_multiple_of(4) {
        return Frame::Wrong(format!("a block of {len} bytes"));
    }
    let end = at + len;
    let Some(content) = bytes.get(at + HEADER..end - TRAILER) else { return Frame::Cut };
    match word(end - TRAILER) {
        None => Frame::Cut,
        Some(again) if again == length => Frame::Block { kind, content, end },
        Some(again) => Frame::Wrong(format!("a block of {len} bytes that ends as one of {again}")),
    }
}

/// A kind of block.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    pub name: &'static str,
    pub version: u8,
    /// Whether it is the version to write today.
    pub newest: bool,
    /// Whether an event has flags in front of it.
    pub flags: bool,
    /// Whether lengths of parameters have 32 bits.
    pub large: bool,
}

impl Block {
    /// The kind of that number.
    pub fn of(kind: u32) -> Option<Self> {
        let block = |name, version, newest| Self { name, version, newest, flags: false, large: false };
        Some(match kind {
            SECTION => block("section", 0, true),
            0x201 | 0x8002_ABCD => block("machine", 0, true),
            0x202 | 0x8000_ABCD => block("processes", 1, false),
            0x207 | 0x8013_ABCD => block("processes", 2, false),
            0x209 | 0x8014_ABCD => block("processes", 3, false),
            0x210 => block("processes", 4, false),
            0x211 => block("processes", 5, false),
            0x212 => block("processes", 6, false),
            0x213 => block("processes", 7, false),
            0x214 => block("processes", 8, false),
            0x215 => block("processes", 9, true),
            0x203 | 0x8001_ABCD => block("fds", 1, false),
            0x218 => block("fds", 2, true),
            0x205 | 0x8011_ABCD => block("interfaces", 1, false),
            0x219 => block("interfaces", 2, true),
            0x206 | 0x8012_ABCD => block("users", 1, false),
            0x220 => block("users", 2, true),
            0x204 | 0x8010_ABCD => block("events", 1, false),
            0x208 => Self { flags: true, ..block("events", 1, false) },
            0x216 => block("events", 2, true),
            0x217 => Self { flags: true, ..block("events", 2, true) },
            0x221 => Self { large: true, ..block("events", 2, true) },
            0x222 => Self { flags: true, large: true, ..block("events", 2, true) },
            _ => return None,
        })
    }

    /// Whether it may come behind the first event.
    pub fn is_event(self) -> bool {
        self.name == "events"
    }
}
