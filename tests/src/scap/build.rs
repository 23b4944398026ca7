//! Small captures, byte by byte: what the tracer may write, and what it must not.

use super::frame::SECTION;

/// The kind of a block of an event, and of one with flags.
pub const EVENT: u32 = 0x216;
/// See [`EVENT`].
pub const EVENT_FLAGS: u32 = 0x217;
/// The kind of a list of processes.
pub const PROCESSES: u32 = 0x215;
/// The end of a `read`.
pub const READ_X: u16 = 7;
/// The thread of all that is built here.
pub const TID: u64 = 7;

/// A block with its lengths and padding.
#[must_use]
pub fn block(kind: u32, content: &[u8]) -> Vec<u8> {
    let mut padded = content.to_vec();
    padded.resize(content.len().next_multiple_of(4), 0);
    let len = (padded.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &len, &padded, &len].concat()
}

/// A text behind its length.
#[must_use]
pub fn text(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text].concat()
}

/// An entry of a list whose length counts itself.
#[must_use]
pub fn entry(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32 + 4).to_le_bytes()[..], content].concat()
}

/// A section header with these options.
#[must_use]
pub fn section(options: &[u8]) -> Vec<u8> {
    block(SECTION, &[&0x1A2B_3C4D_u32.to_le_bytes()[..], &[1, 0, 2, 0], &[0xFF; 8], options].concat())
}

/// A machine of two CPUs.
#[must_use]
pub fn machine() -> Vec<u8> {
    let mut content = [0; 180];
    content[0] = 2;
    block(0x201, &content)
}

/// The entry of a shell with that name, up to its being in memory.
#[must_use]
pub fn process(name: &[u8]) -> Vec<u8> {
    process_in(TID, name, b"cpu=/\0")
}

/// The same of another process, with its cgroups.
#[must_use]
pub fn process_in(tid: u64, name: &[u8], cgroups: &[u8]) -> Vec<u8> {
    let mut content = [tid, tid, 1, 1, tid].map(u64::to_le_bytes).concat();
    for value in [name, b"-sh", b"/bin/sh", b"-c\0", b"/"] {
        content.extend(text(value));
    }
    content.extend([0; 8 + 4 + 8 + 12 + 16]);
    content.extend(text(b"A=1\0"));
    content.extend([tid; 2].map(u64::to_le_bytes).concat());
    content.extend(text(cgroups));
    content.extend(text(b"/"));
    content.extend([0; 67]);
    entry(&content)
}

/// A list with one descriptor of a kind that has a name.
#[must_use]
pub fn fds(tid: u64, kind: u8, name: &[u8]) -> Vec<u8> {
    let fd = [&3_u64.to_le_bytes()[..], &9_u64.to_le_bytes(), &[kind], &text(name)].concat();
    block(0x218, &[&tid.to_le_bytes()[..], &entry(&fd)].concat())
}

/// What is in front of the events.
#[must_use]
pub fn head() -> Vec<u8> {
    [section(&[]), machine(), block(PROCESSES, &process(b"sh")), fds(TID, 1, b"/dev/null")].concat()
}

/// The content of a block of an event, with what is behind it.
#[must_use]
pub fn event(time: u64, code: u16, params: &[&[u8]], behind: &[u8]) -> Vec<u8> {
    event_of(time, TID, code, params, behind)
}

/// The same of another thread.
#[must_use]
pub fn event_of(time: u64, tid: u64, code: u16, params: &[&[u8]], behind: &[u8]) -> Vec<u8> {
    let lengths: Vec<_> = params.iter().flat_map(|param| (param.len() as u16).to_le_bytes()).collect();
    let values = params.concat();
    let len = 26 + lengths.len() + values.len();
    let mut content = 1_u16.to_le_bytes().to_vec();
    content.extend([time, tid].map(u64::to_le_bytes).concat());
    content.extend((len as u32).to_le_bytes());
    content.extend(code.to_le_bytes());
    content.extend((params.len() as u32).to_le_bytes());
    content.extend(lengths);
    content.extend(values);
    if !behind.is_empty() {
        content.resize(content.len().next_multiple_of(4), 0);
    }
    [content, behind.to_vec()].concat()
}

/// The content of a block of an event with flags, from one without.
#[must_use]
pub fn flagged(content: &[u8], flags: u32) -> Vec<u8> {
    [&content[..2], &flags.to_le_bytes(), &content[2..]].concat()
}

/// The end of a `read` of 3 bytes, which is there in full.
#[must_use]
pub fn read_x(time: u64, behind: &[u8]) -> Vec<u8> {
    event(time, READ_X, &[&3_u64.to_le_bytes(), b"abc", &3_u64.to_le_bytes(), &4096_u32.to_le_bytes()], behind)
}

/// An option, and the end of options.
#[must_use]
pub fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = [&code.to_le_bytes()[..], &text(value)].concat();
    option.resize(option.len().next_multiple_of(4), 0);
    [option, vec![0; 4]].concat()
}
