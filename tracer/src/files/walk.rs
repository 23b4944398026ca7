//! From folder to folder, each opened in the one before it, so that nothing changes between looking and opening.
//!
//! This follows a link only out of a safe folder. Once the way leads through a folder that another user can change, no link is
//! followed any more: like openat2(2) with `RESOLVE_NO_SYMLINKS` from there on, but each folder is looked at on the way.

use crate::message::Shown as _;
use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    os::{
        fd::OwnedFd,
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, Stat, fstat, fstatfs, mkdirat, openat, readlinkat},
    io::Errno,
};

use super::{Refused, STICKY, is_ours, others_who_write};

/// As many links as the kernel follows, see path_resolution(7).
const MAX_LINKS: usize = 40;

/// A folder on the way.
#[derive(Debug)]
pub(super) struct Dir {
    pub(super) fd: OwnedFd,
    pub(super) stat: Stat,
    /// The way to it, for messages.
    path: PathBuf,
    /// Who else can change where the way leads, in words.
    pub(super) changed_by: Option<String>,
}

impl Dir {
    fn open(at: &Dir, name: &OsStr, flags: OFlags) -> Result<Self, Errno> {
        let fd = openat(&at.fd, name, OFlags::PATH | OFlags::CLOEXEC | flags, Mode::empty())?;
        let stat = fstat(&fd)?;
        Ok(Self { fd, stat, path: at.path.join(name), changed_by: None })
    }

    /// A folder, whoever can change the way to it.
    pub(super) fn any(path: &Path) -> Result<Self, Errno> {
        Self::start(path)
    }

    fn start(name: impl AsRef<Path>) -> Result<Self, Errno> {
        let fd = openat(CWD, name.as_ref(), OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let stat = fstat(&fd)?;
        Ok(Self { fd, stat, path: name.as_ref().to_owned(), changed_by: None })
    }

    /// Who else can make names in the folder, in words.
    pub(super) fn written_by(&self) -> Option<String> {
        others_who_write(&self.stat).map(|who| format!("{who} can write to the folder '{}'", self.path.shown()))
    }

    pub(super) fn is_sticky(&self) -> bool {
        self.stat.st_mode & STICKY != 0
    }

    /// Who else can put another file in the place of one of that owner, in words.
    pub(super) fn replaced_by(&self, owner: u32) -> Option<String> {
        self.changed_by.clone().or_else(|| {
            let kept = self.is_sticky() && is_ours(self.stat.st_uid) && is_ours(owner);
            self.written_by().filter(|_| !kept)
        })
    }

    /// Whether nobody else decides what its names lead to.
    pub(super) fn is_safe(&self) -> bool {
        self.changed_by.is_none() && others_who_write(&self.stat).is_none()
    }
}

/// What is done with a link at the end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    /// It is the end.
    Keep,
    /// It is followed like all others.
    Follow,
}

fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().map(|component| component.as_os_str().to_owned())
}

/// Goes to the folder of a path, and returns the last name.
///
/// # Errors
/// A folder cannot be opened, or a link is not to be followed.
pub(super) fn parent(path: &Path, last: Last) -> Result<(Dir, OsString), Refused> {
    let is_name = matches!(path.components().next_back(), Some(Component::Normal(_)));
    if !is_name || path.as_os_str().as_bytes().last() == Some(&b'/') {
        return Err(if path.as_os_str().is_empty() { Errno::NOENT } else { Errno::ISDIR }.into());
    }
    let (dir, name) = walk(path, last, false)?;
    name.map(|name| (dir, name)).ok_or_else(|| Errno::ISDIR.into())
}

/// Goes to a folder; those that are missing are made, for the caller alone.
///
/// # Errors
/// A folder cannot be opened or made, or a link is not to be followed.
pub(super) fn folder(path: &Path) -> Result<Dir, Refused> {
    walk(path, Last::Follow, true).map(|(dir, _)| dir)
}

/// Without the last name if the path ends in a folder; where folders are `made`, it always does.
fn walk(path: &Path, last: Last, makes: bool) -> Result<(Dir, Option<OsString>), Refused> {
    let mut dir = Dir::start(".")?;
    let mut left: VecDeque<OsString> = names(path).collect();
    let mut links = 0;
    while let Some(name) = left.pop_front() {
        let is_last = left.is_empty() && !makes;
        if name == "/" {
            dir = Dir { changed_by: dir.changed_by, ..Dir::start("/")? };
            continue;
        }
        if name == "." {
            continue;
        }
        if is_last && last == Last::Keep {
            return Ok((dir, Some(name)));
        }
        let mut next = match Dir::open(&dir, &name, OFlags::NOFOLLOW) {
            Err(Errno::NOENT) if makes => {
                match mkdirat(&dir.fd, &name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                Dir::open(&dir, &name, OFlags::NOFOLLOW)?
            }
            Err(Errno::NOENT) if is_last => return Ok((dir, Some(name))),
            opened => opened?,
        };
        next.changed_by = dir.replaced_by(next.stat.st_uid);
        match FileType::from_raw_mode(next.stat.st_mode) {
            FileType::Symlink if dir.is_safe() => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::LOOP.into());
                }
                if fstatfs(&dir.fd)?.f_type == PROC_SUPER_MAGIC {
                    // Such a link leads to an open folder, whatever its text is; what is there belongs to that process.
                    let target = Dir::open(&dir, &name, OFlags::empty())?;
                    let who = format!("a process can change where '{}' points", target.path.shown());
                    dir = Dir { changed_by: Some(who), ..target };
                    continue;
                }
                let target = readlinkat(&dir.fd, &name, Vec::new())?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                for name in names(&target).rev() {
                    left.push_front(name);
                }
            }
            FileType::Symlink => {
                let link = next.path.shown();
                let who = dir.changed_by.clone().or_else(|| dir.written_by()).unwrap_or_default();
                return Err(Refused::Unsafe {
                    reason: format!("'{link}' is a symbolic link, and {who}"),
                    hint: "give the folder that the link points to, or follow the link with --force",
                });
            }
            _ if is_last => return Ok((dir, Some(name))),
            FileType::Directory => dir = next,
            _ => return Err(Errno::NOTDIR.into()),
        }
    }
    Ok((dir, None))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn links_are_followed_out_of_safe_folders_alone() {
        let folder = std::env::temp_dir().join(format!("tracer-way-{}", std::process::id()));
        let open = folder.join("open");
        fs::create_dir_all(folder.join("real")).unwrap();
        fs::create_dir_all(&open).unwrap();
        for (link, to) in [("link", "real"), ("open/link", "../real"), ("loop", "loop")] {
            std::os::unix::fs::symlink(to, folder.join(link)).unwrap();
        }
        let to = |path: &str| parent(&folder.join(path), Last::Keep).map(|(dir, name)| (dir.stat.st_ino, name));
        let real = to("real/x").unwrap();
        assert_eq!(real.1, "x");
        for path in ["link/x", "link/../link/x", "open/../real/x", "./real/./x", "open/link/x"] {
            assert_eq!(to(path).unwrap(), real, "{path}");
        }
        for mode in [0o777, 0o1777] {
            fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
            let reason = to("open/link/x").unwrap_err().to_string();
            assert!(reason.contains("open/link' is a symbolic link, and every user can write"), "{reason}");
            assert_eq!(to("open/../real/x").unwrap().0, real.0);
        }
        assert_eq!(to("loop/x").unwrap_err().to_string(), std::io::Error::from(Errno::LOOP).to_string());
        for path in ["", "..", "real/"] {
            assert!(parent(Path::new(path), Last::Keep).is_err(), "{path}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
