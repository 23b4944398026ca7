//! Files that a script may write: in a folder that the user named as an argument of the type `folder`, and nowhere else.
//!
//! A script gives a file its name, never a path. Files are new or were made by this run, only the user may read them, and how
//! many and how large they are is bounded.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use rustc_hash::FxHashMap;

use crate::files::{self, Refused};
use crate::message::Shown as _;

/// The most files of one run.
const MAX_FILES: usize = 1_000;
/// The most files that are open at a time.
const MAX_OPEN: usize = 64;
/// The most bytes of all files together.
const MAX_BYTES: u64 = 4 << 30;
/// The longest name.
const MAX_NAME: usize = 200;

/// A folder, and what was written into it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    folder: files::Folder,
    /// Files of this run; those that are not open are opened again.
    files: FxHashMap<String, Option<File>>,
    open: usize,
    bytes: u64,
}

impl Folder {
    /// An existing folder, or a new one. With `force`, others may change what is in it.
    pub(super) fn new(path: &str, force: bool) -> Result<Self, String> {
        let folder = files::Folder::open(Path::new(path), force).map_err(|error| {
            let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("cannot use folder '{path}': {error}{hint}")
        })?;
        Ok(Self { path: path.into(), folder, files: FxHashMap::default(), open: 0, bytes: 0 })
    }

    /// Appends to a file. Characters of its name that could lead elsewhere, or confuse a shell, are points.
    /// Returns the name that it got.
    pub(super) fn append(&mut self, name: &str, data: &[u8]) -> Result<String, String> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
        let name: String = name.chars().take(MAX_NAME).map(|it| if plain(it) { it } else { '.' }).collect();
        let name = match name.trim_start_matches('.') {
            "" => return Err("append: the file name is empty".to_owned()),
            name => name.to_owned(),
        };
        if self.bytes + data.len() as u64 > MAX_BYTES {
            return Err(format!("append: more than {MAX_BYTES} bytes"));
        }
        self.write(&name, data)
            .map_err(|error| format!("cannot write '{}': {error}", self.path.join(&name).shown()))?;
        self.bytes += data.len() as u64;
        Ok(name)
    }

    fn write(&mut self, name: &str, data: &[u8]) -> Result<(), Refused> {
        if self.open >= MAX_OPEN {
            self.files.values_mut().for_each(|file| *file = None);
            self.open = 0;
        }
        let count = self.files.len();
        let file = match self.files.get_mut(name) {
            Some(Some(file)) => file,
            Some(closed) => {
                self.open += 1;
                closed.insert(self.folder.append(name)?)
            }
            None if count >= MAX_FILES => {
                return Err(io::Error::other(format!("there are already {MAX_FILES} files")).into());
            }
            None => {
                // Never a file that somebody else made, or a link to one.
                let file = self.folder.create_new(name)?;
                self.open += 1;
                self.files.entry(name.to_owned()).or_default().insert(file)
            }
        };
        Ok(file.write_all(data)?)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many files it wrote.
    pub(super) fn count(&self) -> usize {
        self.files.len()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use super::*;

    #[test]
    fn files_stay_in_the_folder_and_those_of_others_stay_as_they_are() {
        let path = std::env::temp_dir().join(format!("tracer-folder-{}", std::process::id()));
        let mut folder = Folder::new(path.to_str().unwrap(), false).unwrap();
        fs::write(path.join("mine"), "mine").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", path.join("link")).unwrap();
        assert_eq!(folder.append("../../etc/x y\n", b"one").unwrap(), "etc.x.y.");
        let _ = folder.append("../../etc/x y\n", b" two").unwrap();
        assert_eq!(fs::read_to_string(path.join("etc.x.y.")).unwrap(), "one two");
        assert_eq!(fs::metadata(path.join("etc.x.y.")).unwrap().mode() & 0o777, 0o600);
        for name in ["mine", "link", "..", ""] {
            assert!(folder.append(name, b"x").is_err(), "{name}");
        }
        for number in 0..2 * MAX_OPEN {
            let _ = folder.append(&format!("n{number}"), b"a").unwrap();
        }
        let _ = folder.append("n0", b"b").unwrap();
        assert_eq!(fs::read_to_string(path.join("n0")).unwrap(), "ab");
        assert_eq!(folder.count(), 1 + 2 * MAX_OPEN);
        fs::remove_dir_all(path).unwrap();
    }
}
