//! How far each log was read, kept in a file across runs.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{asked::Position, files::Head, journal};

/// The largest file of marks that is read, bytes: those of a hundred thousand containers.
const MAX_FILE: u64 = 32 << 20;
/// The form of the file.
const VERSION: u32 = 1;
/// Marks of logs that were not seen for so long are dropped, nanoseconds: 30 days.
const MAX_AGE_NS: u64 = 30 * 24 * 3600 * 1_000_000_000;

/// How the names of journals begin, before the id of their numbers.
const JOURNAL: &str = "journal:";

/// How far a log was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// How the file begins.
    pub head: Head,
    /// Bytes of it, unpacked; of a journal, the number of the last entry.
    pub offset: u64,
    /// Time of the last line, nanoseconds since the epoch.
    pub time_ns: u64,
    /// How far a log was read that an engine gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Position>,
}

/// What goes wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum MarksError {
    /// It cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// It is something else.
    #[error(
        "{path} is not a file of `tracer logs --state`: {cause}\nhint: name another file, or remove this one to begin anew"
    )]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// Others may write it.
    #[error("{path} belongs to another user\nhint: name a file in a folder that only you can write")]
    Owner {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {cause}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    version: u32,
    logs: BTreeMap<String, Mark>,
}

/// The marks of all logs, by the id of the container.
#[derive(Debug)]
pub struct Marks {
    path: PathBuf,
    logs: BTreeMap<String, Mark>,
    changed: bool,
}

impl Marks {
    /// Those of an earlier run; none if the file is not there.
    ///
    /// # Errors
    /// The file cannot be read, or is something else.
    pub fn load(path: &Path) -> Result<Self, MarksError> {
        let read = |cause| MarksError::Read { path: path.to_owned(), cause };
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
        let mut marks = Self { path: path.to_owned(), logs: BTreeMap::new(), changed: false };
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(marks),
            Err(error) => return Err(read(error)),
        };
        let about = file.metadata().map_err(read)?;
        if about.uid() != nix::unistd::geteuid().as_raw() {
            return Err(MarksError::Owner { path: path.to_owned() });
        }
        let form = |cause: String| MarksError::Form { path: path.to_owned(), cause };
        if !about.is_file() {
            return Err(form("it is not a regular file".to_owned()));
        }
        if about.len() > MAX_FILE {
            return Err(form(format!("it has more than {} MiB", MAX_FILE >> 20)));
        }
        let kept: Kept =
            serde_json::from_reader(io::BufReader::new(file)).map_err(|_| form("it is damaged".to_owned()))?;
        if kept.version != VERSION {
            return Err(form(format!("its version is {}, and this is version {VERSION}", kept.version)));
        }
        marks.logs = kept.logs;
        Ok(marks)
    }

    /// How far the log of that container was read.
    #[must_use]
    pub fn of(&self, full_id: &str) -> Option<&Mark> {
        self.logs.get(full_id)
    }

    /// Notes how far.
    pub fn set(&mut self, full_id: &str, mark: Mark) {
        if self.logs.get(full_id) != Some(&mark) {
            self.logs.insert(full_id.to_owned(), mark);
            self.changed = true;
        }
    }

    /// How far journals were read.
    #[must_use]
    pub fn journals(&self) -> journal::Read {
        let read = |(name, mark): (&String, &Mark)| {
            let id = journal::Id::parse(name.strip_prefix(JOURNAL)?)?;
            Some((id, (mark.offset, mark.time_ns / 1_000)))
        };
        self.logs.iter().filter_map(read).collect()
    }

    /// Notes that the entries of a journal were read up to this one.
    pub fn set_journal(&mut self, stamp: &journal::Stamp) {
        let time_ns = stamp.realtime_us.saturating_mul(1_000);
        let mark = Mark { head: Head::of(&[]), offset: stamp.seqnum, time_ns, asked: None };
        self.set(&format!("{JOURNAL}{}", stamp.seqnum_id), mark);
    }

    /// Whether they can be written, before anything is shown.
    ///
    /// # Errors
    /// They cannot.
    pub fn check(&self) -> Result<(), MarksError> {
        let new = self.new_path();
        let _ = fs::remove_file(&new);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
        made.and_then(|_| fs::remove_file(&new)).map_err(|cause| MarksError::Write { path: self.path.clone(), cause })
    }

    /// The file that takes the name when it is whole.
    fn new_path(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        PathBuf::from(name)
    }

    /// Writes them down if they have changed: to another file first, which then takes the name, so that there always is a whole one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&mut self) -> Result<(), MarksError> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let newest = self.logs.values().map(|mark| mark.time_ns).max().unwrap_or(0);
        self.logs.retain(|_, mark| newest.saturating_sub(mark.time_ns) < MAX_AGE_NS);
        let kept = Kept { version: VERSION, logs: self.logs.clone() };
        let written = || -> io::Result<()> {
            let new = self.new_path();
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            serde_json::to_writer(&mut file, &kept)?;
            file.write_all(b"\n")?;
            file.sync_data()?;
            fs::rename(&new, &self.path)
        };
        written().map_err(|cause| MarksError::Write { path: self.path.clone(), cause })
    }
}
