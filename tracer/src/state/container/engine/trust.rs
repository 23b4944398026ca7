//! Which sockets are asked, and whose containers an engine may name.
//!
//! An engine that runs as root names the containers that root's folders are for. An engine of a user names that user's, and
//! no others. Who listens is the kernel's word ([`check_peer`]); who owns the socket and its folders is looked at before, so
//! that nothing is sent to a socket that somebody else has put there.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

use crate::message::Shown as _;
use crate::state::container::Owner;

/// Where users have folders of their own: `/run/user/UID`.
const USERS: &str = "/run/user/";
/// Write permission for the group, and for all.
const GROUP_WRITES: u32 = 0o020;
const ALL_WRITE: u32 = 0o002;
/// Entries of such a folder can be removed by their owners alone.
const STICKY: u32 = 0o1000;

/// What to do about a socket that is not asked.
pub const HINT: &str = "a socket in /run/user/UID must belong to that user, any other socket to root, and its folder must not be \
        writable by others";

/// Why a socket is not asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// It is not that of the user who should have it.
    #[error("it belongs to user {is}, not {expected}")]
    Socket {
        /// Whose it is.
        is: u32,
        /// Whose it has to be.
        expected: u32,
    },
    /// Somebody else can put another one in its place.
    #[error("other users can write to its folder '{}'", .0.shown())]
    Folder(PathBuf),
    /// Another user listens than the one who owns the socket.
    #[error("user {is} is listening there, not user {expected}")]
    Peer {
        /// Who listens.
        is: u32,
        /// Who has to.
        expected: u32,
    },
    /// It cannot be looked at.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Whose containers the engine at this socket may name. `asked_for`: a person named the socket, so it may be any user's.
///
/// # Errors
/// It is not to be asked.
pub fn of_socket(socket: &Path, host_root: &Path, asked_for: bool) -> Result<Owner, Distrust> {
    let real = fs::canonicalize(socket)?;
    let found = fs::metadata(&real)?;
    // A link leads out of the folder of a user as it leads in.
    let folder_of = [socket, real.as_path()].into_iter().find_map(|path| user_of(path, host_root));
    let expected = match folder_of {
        Some(uid) => uid,
        None if asked_for || found.uid() == own_uid() => found.uid(),
        None => 0,
    };
    if found.uid() != expected {
        return Err(Distrust::Socket { is: found.uid(), expected });
    }
    for folder in real.ancestors().skip(1) {
        if !is_safe(&fs::metadata(folder)?, &found) {
            return Err(Distrust::Folder(folder.to_owned()));
        }
    }
    // Who runs tracer trusts what is theirs, but in the folder of a user an engine is that user's.
    Ok(if folder_of.is_none() && expected == own_uid() { Owner::Machine } else { Owner::of_uid(expected) })
}

/// Makes sure that who listens is who owns the socket: it may have been replaced since.
///
/// # Errors
/// It is somebody else.
pub(super) fn check_peer(stream: &UnixStream, owner: Owner) -> Result<(), Distrust> {
    let is = stream.peer_cred()?.uid();
    let expected = match owner {
        Owner::Machine if is == own_uid() => return Ok(()),
        Owner::Machine | Owner::Anyone => 0,
        Owner::User(uid) => uid,
    };
    if is == expected { Ok(()) } else { Err(Distrust::Peer { is, expected }) }
}

fn own_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// The user in whose folder a path is, here or below the host's root.
fn user_of(path: &Path, host_root: &Path) -> Option<u32> {
    let on_host = path.strip_prefix(host_root).map_or_else(|_| path.to_owned(), |path| Path::new("/").join(path));
    let rest = on_host.to_str()?.strip_prefix("/var").filter(|path| path.starts_with(USERS)).map(str::to_owned);
    let text = rest.or_else(|| on_host.to_str().map(str::to_owned))?;
    text.strip_prefix(USERS)?.split('/').next()?.parse().ok()
}

/// Whether nobody but root and the socket's owner decides what is in a folder on the way to it.
fn is_safe(folder: &Metadata, socket: &Metadata) -> bool {
    let mode = folder.mode();
    let owned = [0, own_uid(), socket.uid()].contains(&folder.uid());
    // The group that may talk to the engine is no stranger to it.
    let by_group = mode & GROUP_WRITES != 0 && ![0, socket.gid()].contains(&folder.gid());
    owned && (mode & STICKY != 0 || (mode & ALL_WRITE == 0 && !by_group))
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::PermissionsExt as _, net::UnixListener};

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tracer-trust-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn folders_of_users_are_known_with_and_without_a_root_of_the_host() {
        let user = |path: &str, root: &str| user_of(Path::new(path), Path::new(root));
        assert_eq!(user("/run/user/1000/podman/podman.sock", "/"), Some(1000));
        assert_eq!(user("/host/run/user/1000/docker.sock", "/host"), Some(1000));
        assert_eq!(user("/var/run/user/7/docker.sock", "/"), Some(7));
        assert_eq!(user("/run/docker.sock", "/"), None);
        assert_eq!(user("/run/user/x/docker.sock", "/"), None);
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_trusted() {
        let folder = folder("open");
        let socket = folder.join("docker.sock");
        let _listener = UnixListener::bind(&socket).unwrap();
        let mode = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
        let asked = || of_socket(&socket, Path::new("/"), true);
        mode(0o755);
        assert_eq!(asked().unwrap(), Owner::Machine, "who runs the test owns it");
        mode(0o1777);
        assert_eq!(asked().unwrap(), Owner::Machine);
        mode(0o777);
        assert!(matches!(asked(), Err(Distrust::Folder(at)) if at.file_name() == folder.file_name()));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_socket_in_the_folder_of_another_user_is_not_asked() {
        let root = folder("users");
        let run = root.join("run/user");
        let other = own_uid() + 1;
        let at = |uid: u32| {
            let folder = run.join(uid.to_string());
            fs::create_dir_all(&folder).unwrap();
            folder.join("docker.sock")
        };
        let (own, others) = (at(own_uid()), at(other));
        let _listener = [&own, &others].map(|socket| UnixListener::bind(socket).unwrap());
        for asked_for in [false, true] {
            assert_eq!(of_socket(&own, &root, asked_for).unwrap(), Owner::of_uid(own_uid()));
            let error = of_socket(&others, &root, asked_for).unwrap_err();
            assert_eq!(error.to_string(), format!("it belongs to user {}, not {other}", own_uid()));
        }
        // A link does not help: whose folder it is in counts.
        let link = run.join(other.to_string()).join("link.sock");
        std::os::unix::fs::symlink(&own, &link).unwrap();
        assert!(matches!(of_socket(&link, &root, true), Err(Distrust::Socket { .. })));
        fs::remove_dir_all(&root).unwrap();
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_listens_is_asked_of_the_kernel() {
        let folder = folder("peer");
        let socket = folder.join("docker.sock");
        let _listener = UnixListener::bind(&socket).unwrap();
        let stream = UnixStream::connect(&socket).await.unwrap();
        assert!(check_peer(&stream, Owner::Machine).is_ok());
        assert!(matches!(check_peer(&stream, Owner::User(own_uid() + 1)), Err(Distrust::Peer { .. })));
        fs::remove_dir_all(&folder).unwrap();
    }
}
