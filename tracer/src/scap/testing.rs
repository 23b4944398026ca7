//! Blocks made by hand, for tests.

use super::{Block, ScapError, block::SECTION};

/// The body of a block.
#[derive(Debug, Clone, Default)]
pub(super) struct Body(Vec<u8>);

impl Body {
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn u16(self, number: u16) -> Self {
        self.raw(&number.to_ne_bytes())
    }

    pub(super) fn u32(self, number: u32) -> Self {
        self.raw(&number.to_ne_bytes())
    }

    pub(super) fn u64(self, number: u64) -> Self {
        self.raw(&number.to_ne_bytes())
    }

    /// With its length in front.
    pub(super) fn text(self, text: &[u8]) -> Self {
        self.u16(text.len() as u16).raw(text)
    }

    pub(super) fn body(self, other: &Self) -> Self {
        self.raw(&other.0)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first bytes of it.
    pub(super) fn cut(&self, len: usize) -> Self {
        Self(self.0[..len].to_vec())
    }

    /// As an entry with its length, which counts itself, in front.
    pub(super) fn counted(self) -> Self {
        Self::default().u32(self.len() as u32 + 4).body(&self)
    }

    /// Read as the first block of a stream.
    pub(super) fn parse(&self, kind: u32) -> Result<Block<'_>, ScapError> {
        Block::parse(kind, &self.0, 8)
    }

    /// As a whole block.
    pub(super) fn block(self, kind: u32) -> Vec<u8> {
        let padding = self.len().next_multiple_of(4) - self.len();
        let total = (self.len() + padding + 12) as u32;
        Self::default().u32(kind).u32(total).body(&self).raw(&[0; 3][..padding]).u32(total).0
    }
}

/// A section header without options: 28 bytes.
pub(super) fn section() -> Vec<u8> {
    Body::default().u32(0x1A2B_3C4D).u16(1).u16(2).u64(u64::MAX).block(SECTION)
}
