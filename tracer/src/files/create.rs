//! Opening files to write: captures, files of a rotation, excerpts, files of scripts.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::{
        fd::OwnedFd,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, FileType, Mode, OFlags, Stat, fcntl_getfl, fcntl_setfl, fstatfs, openat, renameat, statat, unlinkat,
    },
    io::Errno,
};

use super::{
    Refused, is_ours, own_uid,
    walk::{self, Dir, Last},
};

/// How often a name is looked at when it comes and goes meanwhile.
const ATTEMPTS: usize = 8;

/// Opens a file to write. A new one is the caller's alone; an existing file of the caller is opened as it is, not emptied. With
/// `force` it may be any file that the path leads to. Never waits.
///
/// # Errors
/// It cannot be opened, or it is not opened because another user may have put it there.
pub fn create(path: &Path, force: bool) -> Result<File, Refused> {
    let file = open(path, force)?;
    refuse_views(&file)?;
    Ok(file)
}

/// Refuses a file of a file system that shows what the kernel has, such as `/proc/self/comm`: it takes what is written, and keeps nothing of it.
fn refuse_views(file: &File) -> Result<(), Refused> {
    let is_regular = file.metadata()?.is_file();
    let kind = fstatfs(file)?.f_type;
    if is_regular && VIEWS.iter().any(|magic| i128::from(*magic) == i128::from(kind)) {
        return Err(unsafe_because("files there are not stored: they show data of the kernel", "choose another name"));
    }
    Ok(())
}

/// File systems of that sort. Source: kernel include/uapi/linux/magic.h: proc, sysfs, debugfs, tracefs, securityfs, cgroup, cgroup2, bpf.
const VIEWS: [u32; 8] =
    [0x9fa0, 0x6265_6572, 0x6462_6720, 0x7472_6163, 0x7363_6673, 0x0027_e0eb, 0x6367_7270, 0xcafe_4a11];

fn open(path: &Path, force: bool) -> Result<File, Refused> {
    if force || is_own_descriptor(path) {
        return open_any(path);
    }
    let (dir, name) = walk::parent(path, Last::Keep)?;
    for _ in 0..ATTEMPTS {
        match statat(&dir.fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => match open_existing(&dir, &name, &stat, false) {
                Err(Refused::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            },
            Err(Errno::NOENT) => {
                refuse_shared(&dir)?;
                match open_new(&dir, &name, OFlags::empty()) {
                    Err(Errno::EXIST) => {}
                    opened => return Ok(File::from(opened?)),
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(unsafe_because("another process keeps changing it", ELSEWHERE))
}

/// Whether [`create`] would refuse a file now. Nothing is made.
///
/// # Errors
/// Those that opening would have because another user may have put it there.
pub fn check(path: &Path, force: bool) -> Result<(), Refused> {
    if force || is_own_descriptor(path) {
        return Ok(());
    }
    let (dir, name) = walk::parent(path, Last::Keep)?;
    match statat(&dir.fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => open_existing(&dir, &name, &stat, false).map(drop),
        Err(Errno::NOENT) => refuse_shared(&dir),
        Err(error) => Err(error.into()),
    }
}

/// Removes a file that [`create`] made, if it is still a file of the caller.
///
/// # Errors
/// It cannot be removed.
pub fn remove(path: &Path) -> Result<(), Refused> {
    let (dir, name) = walk::parent(path, Last::Keep)?;
    let stat = statat(&dir.fd, &name, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_uid == own_uid() {
        unlinkat(&dir.fd, &name, AtFlags::empty())?;
    }
    Ok(())
}

const ELSEWHERE: &str = "choose another name or folder, or use it with --force";
const OTHER_FOLDER: &str = "choose a folder that only you can write to, or use this one with --force";

fn unsafe_because(reason: impl Into<String>, hint: &'static str) -> Refused {
    Refused::Unsafe { reason: reason.into(), hint }
}

/// Whether a path names a descriptor of this process, which the caller opened: what `/dev/stdout` and `>(…)` of a shell are.
pub(super) fn is_own_descriptor(path: &Path) -> bool {
    let path = path.to_string_lossy();
    let number = path.strip_prefix("/dev/fd/").or_else(|| path.strip_prefix("/proc/self/fd/"));
    matches!(&*path, "/dev/stdin" | "/dev/stdout" | "/dev/stderr")
        || number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// As any program opens a file, but it does not wait for the reader of a FIFO.
fn open_any(path: &Path) -> Result<File, Refused> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags.bits().cast_signed());
    let file = options.open(path).map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::NXIO) => unsafe_because("no program reads from it", "start its reader first"),
        _ => error.into(),
    })?;
    wait_in_writes(file)
}

/// Only opening must not wait.
fn wait_in_writes(file: File) -> Result<File, Refused> {
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

fn open_new(dir: &Dir, name: &OsStr, more: OFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(&dir.fd, name, flags | more, Mode::RUSR | Mode::WUSR)
}

/// Refuses a folder in which others can rename and remove files of the caller.
fn refuse_shared(dir: &Dir) -> Result<(), Refused> {
    match dir.written_by().filter(|_| !dir.is_sticky() && !is_of_who_called(dir.stat.st_uid, &dir.stat)) {
        Some(who) => Err(unsafe_because(format!("{who}, which is not sticky"), OTHER_FOLDER)),
        None => Ok(()),
    }
}

/// Whether a folder belongs to the user who started this through sudo(8), and nobody else writes to it. That user may do less
/// than root, so links in there are not followed, and files in there are not root's.
fn is_of_who_called(uid: u32, stat: &Stat) -> bool {
    let caller = || std::env::var("SUDO_UID").ok()?.parse::<u32>().ok();
    own_uid() == 0 && stat.st_mode & 0o022 == 0 && caller() == Some(uid)
}

/// Opens what has that name already. In a `shared` folder, others may have made it.
fn open_existing(dir: &Dir, name: &OsStr, stat: &Stat, shared: bool) -> Result<File, Refused> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile if shared => {}
        FileType::RegularFile => {
            refuse_shared(dir)?;
            refuse_planted(dir, stat)?;
        }
        FileType::CharacterDevice if dir.is_safe() && is_ours(stat.st_uid) => {}
        FileType::Directory => return Err(Errno::ISDIR.into()),
        FileType::Symlink => {
            let hint = "give the file that the link points to, or follow the link with --force";
            return Err(unsafe_because("it is a symbolic link", hint));
        }
        FileType::Fifo => {
            let hint = "pipe the capture: tracer -w - | READER, or use the FIFO with --force";
            return Err(unsafe_because("it is a FIFO, and opening it would wait for its reader", hint));
        }
        FileType::Socket => return Err(unsafe_because("it is a socket", ELSEWHERE)),
        _ => return Err(unsafe_because("it is a device", ELSEWHERE)),
    }
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(openat(&dir.fd, name, flags, Mode::empty())?);
    let opened = file.metadata()?;
    if (opened.dev(), opened.ino()) != (stat.st_dev, stat.st_ino) {
        // Somebody put another file there meanwhile.
        return Err(io::Error::from(io::ErrorKind::NotFound).into());
    }
    wait_in_writes(file)
}

/// Refuses a file that another user owns, or that may be another file of the caller under a second name.
fn refuse_planted(dir: &Dir, stat: &Stat) -> Result<(), Refused> {
    if stat.st_uid != own_uid() {
        return Err(unsafe_because(format!("it belongs to user {}", stat.st_uid), ELSEWHERE));
    }
    if stat.st_nlink > 1 && !dir.is_safe() {
        return Err(unsafe_because("it has several hard links, so another user may have linked it here", ELSEWHERE));
    }
    Ok(())
}

/// A folder that files are made in, and stay in whatever happens to its path.
#[derive(Debug)]
pub struct Folder {
    dir: Dir,
    force: bool,
}

impl Folder {
    /// Opens a folder; it and those above it are made if they are missing. With `force`, others may change what is in it.
    ///
    /// # Errors
    /// It cannot be opened or made, or others can change what is in it.
    pub fn open(path: &Path, force: bool) -> Result<Self, Refused> {
        if force {
            std::fs::create_dir_all(path)?;
            return Ok(Self { dir: Dir::any(path)?, force });
        }
        let dir = walk::folder(path)?;
        refuse_shared(&dir)?;
        Ok(Self { dir, force })
    }

    /// A new file, for appending.
    ///
    /// # Errors
    /// There is one already, or it cannot be made.
    pub fn create_new(&self, name: &str) -> io::Result<File> {
        Ok(open_new(&self.dir, OsStr::new(name), OFlags::APPEND)?.into())
    }

    /// Puts a file with that content in the place of the one that has the name: whoever reads it finds all of one or of the other. A link
    /// of that name is replaced, not followed. It is the caller's alone.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let new = format!(".{name}.{}", std::process::id());
        let new = OsStr::new(&new);
        let made = match open_new(&self.dir, new, OFlags::empty()) {
            // That of a process with this number that was ended in the middle.
            Err(Errno::EXIST) => {
                unlinkat(&self.dir.fd, new, AtFlags::empty())?;
                open_new(&self.dir, new, OFlags::empty())
            }
            made => made,
        };
        let mut file = File::from(made?);
        let written = file.write_all(content).and_then(|()| file.sync_all());
        let moved = written.and_then(|()| Ok(renameat(&self.dir.fd, new, &self.dir.fd, name)?));
        if moved.is_err() {
            let _ = unlinkat(&self.dir.fd, new, AtFlags::empty());
        }
        moved
    }

    /// A file that was made before, for appending.
    ///
    /// # Errors
    /// It cannot be opened, or another user put another one in its place.
    pub fn append(&self, name: &str) -> Result<File, Refused> {
        let name = OsStr::new(name);
        let stat = statat(&self.dir.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let file = open_existing(&self.dir, name, &stat, self.force)?;
        fcntl_setfl(&file, fcntl_getfl(&file)? | OFlags::APPEND)?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn what_shows_the_kernel_is_not_written_over() {
        for force in [false, true] {
            let refused = create(Path::new("/proc/self/comm"), force).unwrap_err().to_string();
            assert!(refused.contains("not stored"), "{refused}");
        }
        assert!(create(Path::new("/dev/null"), true).is_ok());
    }

    #[test]
    fn only_own_descriptors_are_opened_by_their_names() {
        for path in ["/dev/stdout", "/dev/fd/63", "/proc/self/fd/1"] {
            assert!(is_own_descriptor(Path::new(path)), "{path}");
        }
        for path in ["/dev/null", "/dev/fd/", "/dev/fd/../x", "/proc/1/fd/1", "/proc/self/fd/1/x", "x"] {
            assert!(!is_own_descriptor(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_a_link_is_not_followed() {
        let path = std::env::temp_dir().join(format!("tracer-replace-{}", std::process::id()));
        let folder = Folder::open(&path.join("made"), false).unwrap();
        let file = path.join("made/x");
        folder.replace("x", b"one").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        fs::write(path.join("other"), "kept").unwrap();
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("../other", &file).unwrap();
        folder.replace("x", b"two").unwrap();
        assert!(!file.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(fs::read_to_string(path.join("other")).unwrap(), "kept");
        let names: Vec<_> = fs::read_dir(path.join("made")).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(names, ["x"], "nothing else is left");
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn new_and_own_files_are_opened_and_others_are_refused() {
        let folder = std::env::temp_dir().join(format!("tracer-create-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join("x");
        let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(create(&path, false).unwrap().metadata().unwrap().mode() & 0o777, 0o600);
        fs::write(&path, "kept").unwrap();
        let _ = create(&path, false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        let refused = |path: &Path| create(path, false).unwrap_err().to_string();
        std::os::unix::fs::symlink("x", folder.join("link")).unwrap();
        assert_eq!(refused(&folder.join("link")), "it is a symbolic link");
        assert!(create(&folder.join("link"), true).is_ok());
        mode(0o777);
        for path in [&path, &folder.join("new")] {
            assert!(refused(path).contains("every user can write to the folder"), "{path:?}");
            assert!(create(path, true).is_ok());
        }
        mode(0o1777);
        assert!(create(&path, false).is_ok());
        fs::hard_link(&path, folder.join("second")).unwrap();
        assert_eq!(refused(&path), "it has several hard links, so another user may have linked it here");
        mode(0o700);
        assert!(create(&path, false).is_ok(), "nobody else made the second name");
        assert!(create(Path::new("/dev/null"), false).is_ok());
        remove(&folder.join("link")).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists() && folder.join("link").is_symlink());
        fs::remove_dir_all(folder).unwrap();
    }
}
