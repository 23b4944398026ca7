//! The thread that writes: chunks of whole blocks, compressed or not, into files.
//!
//! Each chunk is a gzip member or a zstd frame of its own, so that a file always ends with something whole: what is behind it
//! when the disk is full or the process is killed is cut off, or is stepped over by readers.

use std::{
    fs::{File, Metadata, Permissions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread::JoinHandle,
};

use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress};

use crate::{
    files::{self, Refused},
    message::Shown as _,
    output::error_of_write,
    thread::{self, NoThread},
};

/// How what is written is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Compression {
    /// Uncompressed
    #[default]
    None,
    /// Readable everywhere
    Gzip,
    /// Faster; not readable by sysdig
    Zstd,
}

/// Chunks that wait for the disk.
const AHEAD: usize = 16;
/// The name that stands for standard output.
const STDOUT: &str = "-";

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// It cannot be made.
    #[error("cannot create capture '{}'", path.shown())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Refused,
    },
    /// It cannot be written to any more.
    #[error("cannot write capture '{}' after byte {offset}", path.shown())]
    Write {
        /// The file.
        path: PathBuf,
        /// Bytes that it has.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// Somebody removed it, or put another one in its place.
    #[error("capture '{}' was removed while it was being written", path.shown())]
    Removed {
        /// The file.
        path: PathBuf,
    },
    /// There is no thread that writes.
    #[error(transparent)]
    NoThread(#[from] NoThread),
    /// The thread is gone.
    #[error("the thread that writes the capture ended early")]
    Gone,
}

enum Order {
    /// What is written belongs to this file from now on; and a file that is removed.
    Open(PathBuf, Option<PathBuf>),
    Chunk(Vec<u8>),
}

/// What both threads know.
#[derive(Debug, Default)]
struct Shared {
    failed: AtomicBool,
    failure: Mutex<Option<DiskError>>,
    /// How many files were made behind the first one, and bytes of the last of them.
    files: AtomicU64,
    file_bytes: AtomicU64,
    /// Bytes of all files.
    bytes: AtomicU64,
}

/// The way to the disk.
pub(super) struct Disk {
    orders: Option<SyncSender<Order>>,
    empty: Receiver<Vec<u8>>,
    shared: Arc<Shared>,
    /// What the thread will do that begins with the first order.
    worker: Option<Box<Worker>>,
    thread: Option<JoinHandle<()>>,
    /// How many files were ordered behind the first one.
    files: u64,
}

impl Disk {
    /// Makes the first file. None of the files that are `read` is ever written. With `force`, files may be those of other
    /// users. Also returns the file if it is not a plain one.
    pub(super) fn start(
        path: &Path,
        compression: Compression,
        read: &[PathBuf],
        force: bool,
    ) -> Result<(Self, Option<File>), DiskError> {
        let read: Vec<_> = read.iter().filter_map(|path| path.metadata().ok()).map(|it| id(&it)).collect();
        let target = Target::create(path, &read, force)?;
        let copy = if target.is_plain { None } else { target.file.try_clone().ok() };
        let (orders, todo) = mpsc::sync_channel(AHEAD);
        let (used, empty) = mpsc::sync_channel(AHEAD);
        let shared = Arc::new(Shared::default());
        let worker = Worker { shared: Arc::clone(&shared), compression, read, force, target, todo, used };
        let worker = Some(Box::new(worker));
        Ok((Self { orders: Some(orders), empty, shared, worker, thread: None, files: 0 }, copy))
    }

    /// Writes a chunk of whole blocks, and returns memory for the next one. It waits while the disk is behind.
    pub(super) fn write(&mut self, chunk: Vec<u8>) -> Result<Vec<u8>, DiskError> {
        self.order(Order::Chunk(chunk))?;
        let mut memory = self.empty.try_recv().unwrap_or_default();
        memory.clear();
        Ok(memory)
    }

    /// Goes on in another file, and removes one that is not kept.
    pub(super) fn open(&mut self, path: PathBuf, gone: Option<PathBuf>) -> Result<(), DiskError> {
        self.files += 1;
        self.order(Order::Open(path, gone))
    }

    fn order(&mut self, order: Order) -> Result<(), DiskError> {
        self.check()?;
        if let Some(worker) = self.worker.take() {
            self.thread = Some(thread::begin("write", move || worker.run())?);
        }
        let sent = self.orders.as_ref().is_some_and(|orders| orders.send(order).is_ok());
        if sent { Ok(()) } else { self.check().and(Err(DiskError::Gone)) }
    }

    /// Whether writing failed; the reason is given once.
    pub(super) fn check(&self) -> Result<(), DiskError> {
        if !self.shared.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let failure = self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        Err(failure.unwrap_or(DiskError::Gone))
    }

    /// Bytes of the current file, as far as they are written.
    pub(super) fn file_bytes(&self) -> u64 {
        if self.shared.files.load(Ordering::Acquire) != self.files {
            return 0;
        }
        self.shared.file_bytes.load(Ordering::Relaxed)
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// Waits until all is written.
    pub(super) fn finish(&mut self) -> Result<(), DiskError> {
        self.orders = None;
        let ended = self.thread.take().is_none_or(|thread| thread.join().is_ok());
        if ended { self.check() } else { Err(DiskError::Gone) }
    }
}

/// Which file it is, whatever its name: device and inode number.
type FileId = (u64, u64);

fn id(metadata: &Metadata) -> FileId {
    (metadata.dev(), metadata.ino())
}

/// A file, or standard output.
struct Target {
    path: PathBuf,
    file: File,
    /// Bytes up to the end of the last whole chunk.
    len: u64,
    /// Whether it can be cut and looked at: it is a plain file.
    is_plain: bool,
}

impl Target {
    fn create(path: &Path, read: &[FileId], force: bool) -> Result<Self, DiskError> {
        let refused = |source| DiskError::Create { path: path.to_owned(), source };
        let failed = |error: io::Error| refused(error.into());
        if path.as_os_str() == STDOUT {
            use std::os::fd::AsFd as _;
            let file = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(failed)?);
            return Ok(Self { path: path.to_owned(), file, len: 0, is_plain: false });
        }
        let file = files::create(path, force).map_err(refused)?;
        let metadata = file.metadata().map_err(failed)?;
        let is_plain = metadata.is_file();
        if is_plain {
            if read.contains(&id(&metadata)) {
                return Err(failed(io::Error::other("it is being read")));
            }
            file.set_len(0).map_err(failed)?;
            // One that was there before may be open to others.
            let _ = file.set_permissions(Permissions::from_mode(0o600));
        }
        Ok(Self { path: path.to_owned(), file, len: 0, is_plain })
    }

    /// Writes a chunk whole, or cuts what did not fit; of plain blocks, those that fitted stay.
    fn write(&mut self, chunk: &[u8], is_blocks: bool) -> Result<(), DiskError> {
        let mut done = 0;
        while done < chunk.len() {
            match self.file.write(&chunk[done..]) {
                Ok(0) => return Err(self.failed(io::ErrorKind::WriteZero.into())),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if self.is_plain {
                        self.len += if is_blocks { whole_blocks(&chunk[..done]) } else { 0 };
                        // What is left is whole; when that fails, readers say where the end is cut.
                        let _ = self.file.set_len(self.len);
                    }
                    return Err(self.failed(error));
                }
            }
        }
        self.len += chunk.len() as u64;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> DiskError {
        let source = if self.is_plain { source } else { error_of_write(source, false) };
        DiskError::Write { path: self.path.clone(), offset: self.len, source }
    }

    /// Whether the name still leads to this file.
    fn check(&self) -> Result<(), DiskError> {
        let same = match (self.file.metadata(), self.path.metadata()) {
            (Ok(here), Ok(there)) => id(&here) == id(&there),
            // The folder may be one that only its owner can look into, now that the right to do so was given up.
            (_, Err(error)) => error.kind() == io::ErrorKind::PermissionDenied,
            (Err(_), _) => false,
        };
        if !self.is_plain || same {
            return Ok(());
        }
        Err(DiskError::Removed { path: self.path.clone() })
    }
}

/// Bytes of the whole blocks that bytes begin with.
fn whole_blocks(bytes: &[u8]) -> u64 {
    let mut end = 0;
    while let Some(len) =
        bytes.get(end + 4..).and_then(<[u8]>::first_chunk).map(|len| u32::from_ne_bytes(*len) as usize)
        && len > 0
        && end + len <= bytes.len()
    {
        end += len;
    }
    end as u64
}

struct Worker {
    shared: Arc<Shared>,
    compression: Compression,
    /// Files that are read.
    read: Vec<FileId>,
    force: bool,
    target: Target,
    todo: Receiver<Order>,
    used: SyncSender<Vec<u8>>,
}

impl Worker {
    fn run(mut self) {
        while let Ok(order) = self.todo.recv() {
            let result = match order {
                Order::Chunk(chunk) => self.chunk(chunk),
                Order::Open(path, gone) => self.open(&path, gone),
            };
            if let Err(error) = result {
                *self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                self.shared.failed.store(true, Ordering::Release);
                return;
            }
        }
    }

    fn open(&mut self, path: &Path, gone: Option<PathBuf>) -> Result<(), DiskError> {
        self.target = Target::create(path, &self.read, self.force)?;
        self.shared.file_bytes.store(0, Ordering::Relaxed);
        self.shared.files.fetch_add(1, Ordering::Release);
        if let Some(gone) = gone {
            // It may have been moved away, which is as good.
            let _ = files::remove(&gone);
        }
        Ok(())
    }

    fn chunk(&mut self, chunk: Vec<u8>) -> Result<(), DiskError> {
        match self.compression {
            Compression::None => self.target.write(&chunk, true)?,
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::with_capacity(chunk.len() / 4), flate2::Compression::fast());
                let packed = encoder.write_all(&chunk).and_then(|()| encoder.finish());
                let packed = packed.map_err(|source| self.target.failed(source))?;
                self.target.write(&packed, false)?;
            }
            Compression::Zstd => {
                let mut packed = Vec::with_capacity(chunk.len() / 4);
                compress(&*chunk, &mut packed, CompressionLevel::Fastest);
                self.target.write(&packed, false)?;
            }
        }
        let before = self.shared.file_bytes.swap(self.target.len, Ordering::Relaxed);
        self.shared.bytes.fetch_add(self.target.len.saturating_sub(before), Ordering::Relaxed);
        // Nobody may need it any more.
        let _ = self.used.try_send(chunk);
        self.target.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scap::Writer;

    #[test]
    fn what_is_whole_is_counted() {
        let mut writer = Writer::default();
        writer.section();
        let one = writer.len();
        writer.users([]);
        let two = writer.len();
        for len in 0..=two {
            let expected = if len == two {
                two
            } else if len >= one {
                one
            } else {
                0
            };
            assert_eq!(whole_blocks(&writer.bytes()[..len]), expected as u64, "{len}");
        }
        assert_eq!(whole_blocks(&[0; 40]), 0);
    }
}
