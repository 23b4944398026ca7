//! The bytes of a journal file, which may grow, shrink or change while it is read: with pread(2), never mapped, since a mapped file that is cut
//! ends whoever reads it.

use std::{fs::File, io, os::unix::fs::FileExt as _};

/// Bytes that are read and kept at once.
const BLOCK: u64 = 16 << 10;
/// Blocks that are kept: together half a MiB.
const BLOCKS: usize = 32;

/// What can be read at any place.
pub trait ReadAt: Send {
    /// Reads what is at `at`; fewer bytes at the end, none behind it.
    ///
    /// # Errors
    /// It cannot be read.
    fn read_some(&self, out: &mut [u8], at: u64) -> io::Result<usize>;

    /// How many bytes there are now.
    ///
    /// # Errors
    /// It is not known.
    fn size(&self) -> io::Result<u64>;
}

impl ReadAt for File {
    fn read_some(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        self.read_at(out, at)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for Vec<u8> {
    fn read_some(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        let there = usize::try_from(at).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let count = there.len().min(out.len());
        out[..count].copy_from_slice(&there[..count]);
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// A file and the blocks of it that were read last, each at the place that its number says.
pub struct Bytes {
    file: Box<dyn ReadAt>,
    blocks: Vec<Option<(u64, Vec<u8>)>>,
}

impl Bytes {
    /// Those of that file.
    #[must_use]
    pub fn new(file: Box<dyn ReadAt>) -> Self {
        Self { file, blocks: Vec::new() }
    }

    /// Forgets what was read, because the file may have changed, or to free the memory.
    pub fn forget(&mut self) {
        self.blocks = Vec::new();
    }

    /// How many there are now.
    ///
    /// # Errors
    /// It is not known.
    pub fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    /// Fills `out` with what is at `at`.
    ///
    /// # Errors
    /// The file ends before, or cannot be read.
    pub fn read(&mut self, at: u64, out: &mut [u8]) -> io::Result<()> {
        if out.len() as u64 > BLOCK {
            return self.read_through(at, out);
        }
        let mut done = 0;
        while done < out.len() {
            let now = at.checked_add(done as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
            let block = self.block(now / BLOCK)?;
            let there = block.get((now % BLOCK) as usize..).filter(|it| !it.is_empty());
            let there = there.ok_or(io::ErrorKind::UnexpectedEof)?;
            let count = there.len().min(out.len() - done);
            out[done..done + count].copy_from_slice(&there[..count]);
            done += count;
        }
        Ok(())
    }

    fn block(&mut self, number: u64) -> io::Result<&[u8]> {
        if self.blocks.is_empty() {
            self.blocks.resize_with(BLOCKS, || None);
        }
        let kept = &mut self.blocks[(number % BLOCKS as u64) as usize];
        if kept.as_ref().is_none_or(|(its, _)| *its != number) {
            let mut bytes = kept.take().map(|(_, bytes)| bytes).unwrap_or_default();
            bytes.resize(BLOCK as usize, 0);
            let count = fill(&*self.file, number.saturating_mul(BLOCK), &mut bytes)?;
            bytes.truncate(count);
            *kept = Some((number, bytes));
        }
        Ok(kept.as_ref().map_or(&[], |(_, bytes)| bytes))
    }

    fn read_through(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let count = fill(&*self.file, at, out)?;
        if count < out.len() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

/// Reads as much as is there.
fn fill(file: &dyn ReadAt, at: u64, out: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < out.len() {
        let Some(now) = at.checked_add(done as u64).filter(|now| *now <= i64::MAX as u64) else { break };
        match file.read_some(&mut out[done..], now) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_from_several_blocks_up_to_the_end() {
        let whole: Vec<u8> = (0..BLOCK * 2 + 100).map(|at| (at % 251) as u8).collect();
        let mut bytes = Bytes::new(Box::new(whole.clone()));
        for (at, length) in [(0, 10), (BLOCK - 3, 10), (BLOCK * 2 + 90, 10), (5, BLOCK as usize * 2)] {
            let mut out = vec![0; length];
            bytes.read(at, &mut out).unwrap();
            assert_eq!(out, whole[at as usize..at as usize + length], "{at}");
        }
        for (at, length) in [(BLOCK * 2 + 91, 10), (u64::MAX - 3, 10), (u64::MAX, 1), (100, BLOCK as usize * 2 + 1)] {
            assert_eq!(bytes.read(at, &mut vec![0; length]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{at}");
        }
    }
}
