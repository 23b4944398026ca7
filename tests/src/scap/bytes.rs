//! Values in a row of bytes, each with its offset in the capture.

use super::Fault;

/// What is left of a row of bytes.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    /// Where what is left begins, in the capture.
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Bytes that begin at an offset of the capture.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next value is.
    pub fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// All that is left.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// A fault at the next value.
    pub fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { offset: self.at as u64, what: what.into() }
    }

    /// The next `len` bytes; `what` they are is said if there are fewer.
    pub fn take(&mut self, len: usize, what: &str) -> Result<&'a [u8], Fault> {
        let Some((taken, left)) = self.bytes.split_at_checked(len) else {
            return Err(self.fault(format!("{what} of {len} bytes where {} are left", self.left())));
        };
        self.bytes = left;
        self.at += len;
        Ok(taken)
    }

    /// The next `len` bytes, as a row of their own.
    pub fn sub(&mut self, len: usize, what: &str) -> Result<Self, Fault> {
        let at = self.at;
        Ok(Self::new(self.take(len, what)?, at))
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Fault> {
        Ok(self.take(N, what)?.try_into().expect("as many as were asked for"))
    }

    pub fn u8(&mut self, what: &str) -> Result<u8, Fault> {
        Ok(self.array::<1>(what)?[0])
    }

    pub fn u16(&mut self, what: &str) -> Result<u16, Fault> {
        Ok(u16::from_le_bytes(self.array(what)?))
    }

    pub fn u32(&mut self, what: &str) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub fn u64(&mut self, what: &str) -> Result<u64, Fault> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub fn i64(&mut self, what: &str) -> Result<i64, Fault> {
        Ok(i64::from_le_bytes(self.array(what)?))
    }

    /// A text of at most `most` bytes behind its length.
    pub fn text(&mut self, most: usize, what: &str) -> Result<&'a [u8], Fault> {
        let start = self.at;
        let len = usize::from(self.u16(what)?);
        if len > most {
            let what = format!("{what} of {len} bytes, where readers take {most}");
            return Err(Fault { offset: start as u64, what });
        }
        self.take(len, what)
    }

    /// The zeros that end a list: fewer than 4 bytes.
    pub fn padding(&mut self) -> Result<(), Fault> {
        let fine = self.left() < 4 && self.rest().iter().all(|byte| *byte == 0);
        if fine { Ok(()) } else { Err(self.fault(format!("{} bytes that are no padding", self.left()))) }
    }
}
