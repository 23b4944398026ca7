//! The bytes of a capture: from a file or standard input, plain or compressed as a whole with gzip or zstd.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    os::{fd::AsFd as _, unix::fs::FileTypeExt as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{Mode, OFlags, fcntl_setfl, open as open_at},
};

/// The uncompressed bytes.
pub type Input = Box<dyn Read + Send>;

/// Told how many bytes of the file, as it is stored, were read.
pub type Progress = Arc<AtomicU64>;

/// Counts what is read.
struct Counted<R> {
    input: R,
    read: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

const GZIP: [u8; 2] = [0x1F, 0x8B];
const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
/// What is read at once from a compressed input.
const CHUNK: usize = 64 << 10;

/// A capture that is open, of which nothing was read.
#[derive(Debug)]
pub enum Opened {
    /// A file.
    File(File),
    /// A FIFO, which may have no writer yet.
    Fifo(File),
    /// Standard input.
    Stdin,
}

impl Opened {
    /// Opens a capture; `-` is standard input.
    ///
    /// # Errors
    /// It cannot be opened, or is a folder.
    pub fn new(path: &Path) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Stdin);
        }
        // A FIFO without a writer would hold up the opening, which no signal ends: it is whoever reads who waits for one.
        let file = File::from(open_at(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
        fcntl_setfl(&file, OFlags::empty())?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(if kind.is_fifo() { Self::Fifo(file) } else { Self::File(file) })
    }

    /// The uncompressed bytes; `read` counts them as they are stored.
    ///
    /// # Errors
    /// The beginning cannot be read.
    pub fn input(self, read: Progress) -> io::Result<Input> {
        match self {
            Self::File(input) => decompress(Counted { input, read }),
            Self::Fifo(input) => {
                // Without a writer reading would say at once that this is the end.
                let mut fds = [PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN)];
                while poll(&mut fds, None) == Err(rustix::io::Errno::INTR) {}
                decompress(Counted { input, read })
            }
            Self::Stdin => decompress(Counted { input: io::stdin(), read }),
        }
    }
}

/// Opens a capture; `-` is standard input.
///
/// # Errors
/// It cannot be opened or its beginning cannot be read.
pub fn open(path: &Path) -> io::Result<Input> {
    Opened::new(path)?.input(Progress::default())
}

/// The uncompressed bytes of an input, whose compression is told by its beginning.
///
/// # Errors
/// The beginning cannot be read.
pub fn decompress(mut input: impl Read + Send + 'static) -> io::Result<Input> {
    let mut head = Vec::with_capacity(ZSTD.len());
    input.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head)?;
    let (gzip, zstd) = (head.starts_with(&GZIP), head == ZSTD);
    let whole = io::Cursor::new(head).chain(input);
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, whole)))
    } else if zstd {
        Box::new(Zstd::new(BufReader::with_capacity(CHUNK, whole)))
    } else {
        Box::new(whole)
    })
}

/// The frames of a zstd stream, one behind the other.
struct Zstd<R> {
    input: R,
    decoder: FrameDecoder,
    /// In the middle of a frame.
    begun: bool,
    /// What is wrong after all that was decoded.
    failure: Option<io::Error>,
}

/// The last block of a frame, which is empty, and a checksum, which the decoder does not compare.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// The header of a frame with the smallest window.
const SMALLEST: [u8; 6] = [0x28, 0xB5, 0x2F, 0xFD, 0, 0];

impl<R: BufRead> Zstd<R> {
    fn new(input: R) -> Self {
        let mut decoder = FrameDecoder::new();
        // The decoder limits the window of all frames but the first, so the first is not one of the input.
        let _ = decoder.reset(&SMALLEST[..]);
        Self { input, decoder, begun: false, failure: None }
    }

    /// Begins the next frame; false when there is none.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.input.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.input.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

/// What is wrong with a zstd stream, in one sentence.
fn zstd_error(error: FrameDecoderError) -> io::Error {
    let mut cause: &(dyn std::error::Error + 'static) = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::UnexpectedEof) => io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete zstd stream"),
        _ => io::Error::other(error),
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.begun && self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            if !self.begun || self.decoder.is_finished() {
                self.begun = self.begin()?;
                if !self.begun {
                    return Ok(0);
                }
            } else {
                // Block by block, so that what is whole comes out in front of damage.
                let step = || BlockDecodingStrategy::UptoBlocks(1);
                if let Err(error) = self.decoder.decode_blocks(&mut self.input, step()) {
                    // The decoder keeps as much as later blocks may refer to until the frame ends.
                    let end = self.decoder.decode_blocks(&LAST_BLOCK[..], step());
                    self.failure = Some(zstd_error(error));
                    end.map_err(zstd_error)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    fn all(input: Vec<u8>) -> Vec<u8> {
        let mut out = Vec::new();
        decompress(io::Cursor::new(input)).unwrap().read_to_end(&mut out).unwrap();
        out
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    #[test]
    fn the_compression_is_told_by_the_beginning() {
        let text: Vec<u8> = (0..200_000u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        for packed in [text.clone(), gzip(&text), zstd(&text)] {
            assert!(all(packed) == text);
        }
        for short in [&b""[..], &[0x1F], b"abc"] {
            assert_eq!(all(short.to_vec()), short);
        }
    }

    #[test]
    fn streams_one_behind_the_other_are_one() {
        assert_eq!(all([gzip(b"one "), gzip(b"two")].concat()), b"one two");
        let skipped = [&[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0][..], b"???"].concat();
        assert_eq!(all([zstd(b"one "), skipped, zstd(b"two")].concat()), b"one two");
    }

    #[test]
    fn a_window_without_limit_is_refused() {
        // Window descriptor: 2 to the power of 10 + 31.
        let mut input = decompress(io::Cursor::new([&ZSTD[..], &[0, 31 << 3], &[0; 20]].concat())).unwrap();
        assert!(input.read(&mut [0; 16]).is_err());
    }

    #[test]
    fn damage_is_an_error_and_what_was_whole_comes_first() {
        let text: Vec<u8> = (0..100_000u32).flat_map(|number| number.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect();
        for packed in [gzip(&text), zstd(&text)] {
            let mut out = Vec::new();
            let cut = packed[..packed.len() - 9].to_vec();
            assert!(decompress(io::Cursor::new(cut)).unwrap().read_to_end(&mut out).is_err());
            assert!(out.len() > 1000 && text.starts_with(&out), "{}", out.len());
        }
    }

    #[test]
    fn all_whole_blocks_of_a_cut_zstd_stream_come_out() {
        // Blocks of 128 KiB at most, in one frame, whose window is larger.
        let text: Vec<u8> = (0..200_000u32).flat_map(|number| number.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect();
        let packed = zstd(&text);
        let mut out = Vec::new();
        let cut = packed[..packed.len() - 9].to_vec();
        let error = decompress(io::Cursor::new(cut)).unwrap().read_to_end(&mut out).unwrap_err();
        assert_eq!(error.to_string(), "incomplete zstd stream");
        assert!(out.len() > text.len() - (128 << 10) - 1 && text.starts_with(&out), "{}", out.len());
    }
}
