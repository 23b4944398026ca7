//! JSON lines into a file, and to standard output.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Seek as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::PathBuf,
    sync::Arc,
};

use super::{
    protocol::{Carrier, Protocol, Rest, Scheme},
    queue::Record,
    worker::{Arrived, Failure, Transport},
};
use crate::logs::print::json_line;

/// When a line has arrived there, for people.
const ARRIVES: &str = "it is written. Written again after a failure; half a line is taken back";

/// A file, as a target.
pub static FILE: Protocol = Protocol {
    name: "JSON lines in a file",
    schemes: &[Scheme { name: "file", rest: Rest::Path, carrier: Carrier::Local }],
    options: &[],
    sends: "JSON lines as of `-j`, appended to a file (mode 0600). If it is renamed or removed, tracer makes a new one. A blank in the path is `%20`",
    arrives: ARRIVES,
    prepare: |asked| {
        let path = PathBuf::from(&asked.path);
        Ok(Arc::new(move || Ok(Box::new(Appended::new(path.clone())))))
    },
};

/// Standard output, as a target.
pub static STDOUT: Protocol = Protocol {
    name: "JSON lines on standard output",
    schemes: &[Scheme { name: "stdout", rest: Rest::Nothing, carrier: Carrier::Local }],
    options: &[],
    sends: "JSON lines as of `-j`",
    arrives: ARRIVES,
    prepare: |_| Ok(Arc::new(|| Ok(Box::<Stdout>::default()))),
};

fn lines(records: &[Arc<Record>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        json_line(&record.writer, &record.entry, record.read_ns, &mut bytes);
        bytes.push(b'\n');
    }
    bytes
}

/// A file that lines are appended to. One that was renamed or removed is made anew.
struct Appended {
    path: PathBuf,
    file: Option<File>,
    arrived: usize,
}

impl Appended {
    /// That file.
    fn new(path: PathBuf) -> Self {
        Self { path, file: None, arrived: 0 }
    }

    fn open(&mut self) -> io::Result<&mut File> {
        let id = |about: fs::Metadata| (about.dev(), about.ino());
        let named = fs::symlink_metadata(&self.path).ok().map(id);
        let own = self.file.as_ref().and_then(|file| file.metadata().ok()).map(id);
        if own.is_none() || named != own {
            let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
            let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(&self.path)?;
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("it is not a regular file"));
            }
            self.file = Some(file);
        }
        self.file.as_mut().ok_or_else(|| io::Error::other("it is not open"))
    }
}

impl Transport for Appended {
    fn send(&mut self, records: &[Arc<Record>]) -> Result<(), Failure> {
        let file = self.open().map_err(Failure::later)?;
        let end = file.seek(io::SeekFrom::End(0)).map_err(Failure::later)?;
        if let Err(error) = file.write_all(&lines(records)) {
            // On a full disk, half of a line may have been written.
            let _ = file.set_len(end);
            return Err(Failure::later(error));
        }
        self.arrived += records.len();
        Ok(())
    }

    fn arrived(&mut self) -> Result<Arrived, Failure> {
        Ok(Arrived { count: std::mem::take(&mut self.arrived), rejected: Vec::new() })
    }

    fn end(&mut self) {
        let _ = self.file.as_ref().map(File::sync_data);
    }
}

/// Standard output.
#[derive(Default)]
struct Stdout {
    arrived: usize,
}

impl Transport for Stdout {
    fn send(&mut self, records: &[Arc<Record>]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(&lines(records)).and_then(|()| out.flush()) {
            Ok(()) => {
                self.arrived += records.len();
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::Broken),
            // Part of it may have been written, so it cannot be written again.
            Err(error) => Err(Failure::Refused(error.to_string())),
        }
    }

    fn arrived(&mut self) -> Result<Arrived, Failure> {
        Ok(Arrived { count: std::mem::take(&mut self.arrived), rejected: Vec::new() })
    }
}
