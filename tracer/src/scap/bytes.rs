//! Taking values off the front of a block, with the offset for errors, and putting them behind each other. Numbers are in the
//! byte order of this machine.

use super::ScapError;

/// The rest of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
    /// Where the rest begins in the stream.
    offset: u64,
    /// What kind of block it is, for errors.
    block: &'static str,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(rest: &'a [u8], offset: u64, block: &'static str) -> Self {
        Self { rest, offset, block }
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Damage at this place.
    pub(super) fn damaged(&self) -> ScapError {
        ScapError::Content { offset: self.offset, block: self.block }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], ScapError> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else { return Err(self.damaged()) };
        self.rest = rest;
        self.offset += len as u64;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ScapError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else { return Err(self.damaged()) };
        self.rest = rest;
        self.offset += N as u64;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ScapError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, ScapError> {
        self.array().map(u16::from_ne_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ScapError> {
        self.array().map(u32::from_ne_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ScapError> {
        self.array().map(u64::from_ne_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, ScapError> {
        self.array().map(i64::from_ne_bytes)
    }

    /// A text with its length in front.
    pub(super) fn text(&mut self) -> Result<&'a [u8], ScapError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// The next entry of a list, without its length: `None` when what remains is padding.
    /// `counted` are the bytes of the length field that the length includes.
    pub(super) fn entry(&mut self, counted: usize) -> Result<Option<Self>, ScapError> {
        if self.ends() {
            return Ok(None);
        }
        let before = *self;
        let len = self.u32()? as usize;
        let offset = self.offset;
        let rest = len.checked_sub(counted).ok_or_else(|| before.damaged())?;
        let rest = self.take(rest).map_err(|_| before.damaged())?;
        Ok(Some(Self { rest, offset, block: self.block }))
    }

    /// Whether what remains can only be padding.
    pub(super) fn ends(&self) -> bool {
        self.rest.len() < 4
    }

    /// After an error: nothing remains.
    pub(super) fn give_up(&mut self) {
        self.rest = &[];
    }
}

/// The body of a block that is being written.
#[derive(Debug)]
pub(super) struct Out<'a>(pub(super) &'a mut Vec<u8>);

impl Out<'_> {
    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.raw(&[value])
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_ne_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_ne_bytes())
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_ne_bytes())
    }

    pub(super) fn i64(&mut self, value: i64) -> &mut Self {
        self.raw(&value.to_ne_bytes())
    }

    /// A text with its length in front, cut to `most` bytes.
    pub(super) fn text(&mut self, text: &[u8], most: u16) -> &mut Self {
        let text = &text[..text.len().min(usize::from(most))];
        self.u16(text.len() as u16).raw(text)
    }

    /// An entry with its length in front, of which `counted` bytes count, too.
    pub(super) fn entry(&mut self, counted: u32, fill: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.u32(0);
        fill(self);
        let len = (self.0.len() - start - 4) as u32 + counted;
        self.0[start..start + 4].copy_from_slice(&len.to_ne_bytes());
    }
}
