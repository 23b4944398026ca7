//! Where the journal is: folders of files, for each machine one.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::layout::Id;

/// Below the host's root: what is kept, and what is lost when the machine stops.
const FOLDERS: [&str; 2] = ["var/log/journal", "run/log/journal"];
/// The most files that are read together.
const MAX_FILES: usize = 10_000;

/// Which files are read.
#[derive(Debug, Clone)]
pub enum Place {
    /// Those of this machine, below its root; of `all`, those of other machines, too.
    Machine {
        /// The host's root.
        root: PathBuf,
        /// Whether journals of other machines are shown.
        all: bool,
    },
    /// Those in these folders, and in folders for machines in them.
    Folders(Vec<PathBuf>),
    /// These files.
    Files(Vec<PathBuf>),
}

/// What a file is, whatever it is called now: device and inode.
pub type FileKey = (u64, u64);

impl Place {
    /// The files that are there now, and what could not be looked at.
    #[must_use]
    pub fn look(&self) -> (BTreeMap<FileKey, PathBuf>, Vec<(PathBuf, io::Error)>) {
        let (mut files, mut faults) = (BTreeMap::new(), Vec::new());
        match self {
            Self::Files(paths) => {
                for path in paths {
                    add(path, &mut files, &mut faults);
                }
            }
            _ => {
                for folder in self.folders(&mut faults) {
                    for path in entries(&folder, &mut faults).into_iter().filter(|path| is_journal(path)) {
                        add(&path, &mut files, &mut faults);
                    }
                }
            }
        }
        (files, faults)
    }

    /// The folders that have files.
    fn folders(&self, faults: &mut Vec<(PathBuf, io::Error)>) -> Vec<PathBuf> {
        let machines = |folder: &Path, faults: &mut _| -> Vec<PathBuf> {
            entries(folder, faults).into_iter().filter(|path| machine(path).is_some() && path.is_dir()).collect()
        };
        match self {
            Self::Files(_) => Vec::new(),
            Self::Folders(folders) => {
                folders.iter().flat_map(|folder| [vec![folder.clone()], machines(folder, faults)].concat()).collect()
            }
            Self::Machine { root, all } => {
                let own = machine_id(root).filter(|_| !all).map(|id| id.to_string());
                let of = FOLDERS.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir());
                let found: Vec<PathBuf> = of.flat_map(|folder| machines(&folder, faults)).collect();
                found
                    .into_iter()
                    .filter(|path| own.as_ref().is_none_or(|own| path.file_name().is_some_and(|it| it == own.as_str())))
                    .collect()
            }
        }
    }

    /// The folders in which a journal would be, for messages.
    #[must_use]
    pub fn expected(&self) -> Vec<PathBuf> {
        match self {
            Self::Machine { root, .. } => FOLDERS.iter().map(|folder| root.join(folder)).collect(),
            Self::Folders(paths) | Self::Files(paths) => paths.clone(),
        }
    }

    /// Whether journals of other machines are there that are not read.
    #[must_use]
    pub fn has_others(&self) -> bool {
        match self {
            Self::Machine { root, all: false } => {
                !Self::Machine { root: root.clone(), all: true }.folders(&mut Vec::new()).is_empty()
            }
            _ => false,
        }
    }
}

/// The id of the machine whose root that is.
#[must_use]
pub fn machine_id(root: &Path) -> Option<Id> {
    Id::parse(&fs::read_to_string(root.join("etc/machine-id")).ok()?)
}

/// What a folder has; one that is not there has nothing.
fn entries(folder: &Path, faults: &mut Vec<(PathBuf, io::Error)>) -> Vec<PathBuf> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            let mut all: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).take(MAX_FILES).collect();
            all.sort();
            all
        }
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                faults.push((folder.to_owned(), error));
            }
            Vec::new()
        }
    }
}

/// Whether a file is called so: also one that systemd put aside because it was not closed (`.journal~`).
fn is_journal(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.ends_with(b".journal") || name.ends_with(b".journal~")
}

/// The machine that a folder is for; that of a namespace has its name behind a dot.
fn machine(path: &Path) -> Option<Id> {
    let name = path.file_name()?.to_str()?;
    Id::parse(name.split_once('.').map_or(name, |(id, _)| id)).filter(|_| name.len() >= 32)
}

fn add(path: &Path, files: &mut BTreeMap<FileKey, PathBuf>, faults: &mut Vec<(PathBuf, io::Error)>) {
    match fs::metadata(path) {
        Ok(about) if about.is_file() && files.len() < MAX_FILES => {
            files.insert((about.dev(), about.ino()), path.to_owned());
        }
        Ok(about) if about.is_file() => faults.push((path.to_owned(), io::Error::other("too many files"))),
        Ok(_) => faults.push((path.to_owned(), io::Error::other("not a regular file"))),
        // Rotated or removed a moment ago.
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_journal(path) => {}
        Err(error) => faults.push((path.to_owned(), error)),
    }
}

/// Opens a file, and says what it is: another one may have its name by now.
///
/// # Errors
/// It cannot be opened.
pub fn open(path: &Path) -> io::Result<(FileKey, File)> {
    // A FIFO with that name would hold up the opening.
    let flags = libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(((about.dev(), about.ino()), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_this_machine_are_told_from_those_of_others() {
        let root = std::env::temp_dir().join(format!("tracer-journal-{}", std::process::id()));
        let (own, other) = ("0123456789abcdef0123456789abcdef", "1123456789abcdef0123456789abcdef");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join("etc/machine-id"), format!("{own}\n")).unwrap();
        for path in
            [format!("var/log/journal/{own}"), format!("run/log/journal/{own}"), format!("var/log/journal/{other}.ns")]
        {
            fs::create_dir_all(root.join(&path)).unwrap();
            for name in ["system.journal", "user-1000@1.journal~", "notes.txt"] {
                fs::write(root.join(&path).join(name), "").unwrap();
            }
        }
        let place = |all| Place::Machine { root: root.clone(), all };
        assert_eq!(place(false).look().0.len(), 4);
        assert_eq!(place(true).look().0.len(), 6);
        assert!(place(false).has_others());
        let folders = Place::Folders(vec![root.join("var/log/journal"), root.join("none")]);
        assert_eq!(folders.look().0.len(), 4);
        let (files, faults) = Place::Files(vec![root.join("none")]).look();
        assert!(files.is_empty() && faults.len() == 1);
        fs::remove_dir_all(root).unwrap();
    }
}
