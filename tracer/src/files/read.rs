//! Reading files that are obeyed: settings and scripts that were not named on the command line.

use std::{
    env,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FileType, Mode, OFlags, fstat, openat};

use super::{
    Refused,
    create::is_own_descriptor,
    is_ours, others_who_write,
    walk::{self, Last},
};

/// The text of a file of at most that many bytes that only root and the caller can change, also by renaming a folder above it.
///
/// # Errors
/// It cannot be read, is too long, or another user can change it.
pub fn read(path: &Path, max_bytes: u64) -> Result<String, Refused> {
    let file = if is_own_descriptor(path) { File::open(path)? } else { open(path)? };
    let mut text = String::new();
    file.take(max_bytes + 1).read_to_string(&mut text)?;
    if text.len() as u64 > max_bytes {
        return Err(io::Error::other(format!("it has more than {} KiB", max_bytes >> 10)).into());
    }
    Ok(text)
}

/// Where the caller keeps settings and scripts: `tracer` in the folder for configurations. Never in the working directory.
#[must_use]
pub fn settings_folder() -> Option<PathBuf> {
    folder_of("XDG_CONFIG_HOME", ".config")
}

/// Where what was done last is kept: `tracer` in the folder for state.
#[must_use]
pub fn state_folder() -> Option<PathBuf> {
    folder_of("XDG_STATE_HOME", ".local/state")
}

fn folder_of(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(below_home)))?;
    Some(folder.join("tracer"))
}

fn open(path: &Path) -> Result<File, Refused> {
    let refused = |reason: String| {
        let hint = "it must belong to root or you, and no other user may be able to change it: use chown and chmod";
        Refused::Unsafe { reason, hint }
    };
    let (dir, name) = walk::parent(path, Last::Follow)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(openat(&dir.fd, &name, flags, Mode::empty())?);
    let stat = fstat(&file)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            let who = others_who_write(&stat).map(|who| format!("{who} can change it"));
            who.or_else(|| dir.replaced_by(stat.st_uid)).map_or(Ok(()), |who| Err(refused(who)))?;
        }
        FileType::Directory => return Err(rustix::io::Errno::ISDIR.into()),
        // /dev/null holds no settings.
        FileType::CharacterDevice if dir.is_safe() && is_ours(stat.st_uid) => {}
        _ => return Err(refused("it is not a regular file".to_owned())),
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn what_others_can_change_is_not_read() {
        let folder = std::env::temp_dir().join(format!("tracer-read-{}", std::process::id()));
        fs::create_dir_all(folder.join("inner")).unwrap();
        let path = folder.join("inner/x");
        fs::write(&path, "text").unwrap();
        std::os::unix::fs::symlink("inner/x", folder.join("link")).unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(read(&path, 4).unwrap(), "text");
        assert_eq!(read(&folder.join("link"), 4).unwrap(), "text");
        assert_eq!(read(&path, 3).unwrap_err().to_string(), "it has more than 0 KiB");
        assert_eq!(read(Path::new("/dev/null"), 4).unwrap(), "");
        for (changed, open, shut) in
            [(path.clone(), 0o666, 0o600), (folder.join("inner"), 0o777, 0o755), (folder.clone(), 0o777, 0o755)]
        {
            mode(&changed, open);
            let reason = read(&path, 4).unwrap_err().to_string();
            assert!(reason.starts_with("every user can "), "{changed:?}: {reason}");
            mode(&changed, shut);
        }
        // Only the owner of a file can put another one in its place.
        mode(&folder.join("inner"), 0o1777);
        assert_eq!(read(&path, 4).unwrap(), "text");
        fs::remove_dir_all(folder).unwrap();
    }
}
