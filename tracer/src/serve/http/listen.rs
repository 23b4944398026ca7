//! Where the server listens: addresses, unix sockets, and sockets that systemd has opened.

use std::{
    fmt, fs, io,
    net::{IpAddr, SocketAddr, TcpListener},
    os::{
        fd::{AsFd as _, FromRawFd as _, OwnedFd},
        unix::{
            fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::message::Shown as _;

/// The port, unless another one is asked for: one of those that exporters use.
pub const PORT: u16 = 9938;
/// The first descriptor that systemd hands over. Source: sd_listen_fds(3).
const FIRST_FD: i32 = 3;

/// An address to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// It is no address.
#[derive(Debug, thiserror::Error)]
#[error("not an address to listen at; use ADDRESS:PORT, :PORT for all addresses, or unix:PATH")]
pub struct ListenError;

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(ListenError) } else { Ok(Self::Unix(path.into())) };
        }
        let all = || SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 0], 0));
        if let Some(port) = text.strip_prefix(':').filter(|port| !port.contains(':')) {
            let port = port.parse().map_err(|_| ListenError)?;
            return Ok(Self::Tcp(SocketAddr::new(all().ip(), port)));
        }
        if let Some(port) = text.strip_prefix("localhost:") {
            let port = port.parse().map_err(|_| ListenError)?;
            return Ok(Self::Tcp(SocketAddr::from(([127, 0, 0, 1], port))));
        }
        let bare = || text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, PORT));
        text.parse().ok().or_else(bare).map(Self::Tcp).ok_or(ListenError)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}/"),
            Self::Unix(path) => write!(f, "unix:{}", path.shown()),
        }
    }
}

/// What listens.
#[derive(Debug)]
pub(in crate::serve) enum Bound {
    /// At an address.
    Tcp(TcpListener),
    /// In the file system, with the file that was made for it.
    Unix(UnixListener, Option<SocketFile>),
}

/// A file that was made for a socket, and ends with it.
#[derive(Debug)]
pub(in crate::serve) struct SocketFile {
    path: PathBuf,
    /// Device and number: the file may be another one by then.
    identity: (u64, u64),
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), identity: identity(path)? })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Without rights in its folder it stays, which stops no later start.
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Whether it is the socket of a program that has ended: then it refuses. One that does not answer in time is in use.
fn is_left_behind(path: &Path) -> bool {
    let refused = || {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)
    };
    fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket())
        && refused() == Err(rustix::io::Errno::CONNREFUSED)
}

impl Bound {
    /// Begins to listen.
    ///
    /// # Errors
    /// The address is taken or not allowed.
    pub(in crate::serve) fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(listener))
            }
            Listen::Unix(path) => {
                // What an earlier run left behind, and nothing else.
                if is_left_behind(path) {
                    fs::remove_file(path)?;
                }
                let listener = UnixListener::bind(path)?;
                let file = SocketFile::of(path)?;
                fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
                listener.set_nonblocking(true)?;
                Ok(Self::Unix(listener, Some(file)))
            }
        }
    }

    /// The sockets that systemd handed over to this process; none if it did not.
    ///
    /// # Errors
    /// One of them is not a socket that listens.
    pub(in crate::serve) fn from_systemd() -> io::Result<Vec<Self>> {
        let number = |name: &str| std::env::var(name).ok()?.parse::<i32>().ok();
        let is_ours = number("LISTEN_PID").is_some_and(|pid| pid.cast_unsigned() == std::process::id());
        let count = number("LISTEN_FDS").filter(|_| is_ours).unwrap_or(0).clamp(0, 64);
        (FIRST_FD..FIRST_FD + count).map(Self::from_fd).collect()
    }

    #[allow(unsafe_code, reason = "descriptors that systemd opened for this process")]
    fn from_fd(fd: i32) -> io::Result<Self> {
        // SAFETY: systemd says that these descriptors are this process's, and nothing else here has taken them.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
        let domain = rustix::net::sockopt::socket_domain(fd.as_fd())?;
        if domain == AddressFamily::UNIX {
            let listener = UnixListener::from(fd);
            listener.set_nonblocking(true)?;
            return Ok(Self::Unix(listener, None));
        }
        let listener = TcpListener::from(fd);
        listener.set_nonblocking(true)?;
        Ok(Self::Tcp(listener))
    }

    /// Whether only this machine can reach it.
    pub(in crate::serve) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(listener) => listener.local_addr().is_ok_and(|address| address.ip().is_loopback()),
            Self::Unix(..) => true,
        }
    }

    /// Where it listens, for people.
    pub(in crate::serve) fn place(&self) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map(|address| Listen::Tcp(address).to_string()).unwrap_or_default()
            }
            Self::Unix(listener, _) => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(std::os::unix::net::SocketAddr::as_pathname);
                path.map(|path| Listen::Unix(path.into()).to_string()).unwrap_or_default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_the_forms_that_people_write() {
        let text = |text: &str| text.parse::<Listen>().map(|listen| listen.to_string()).map_err(drop);
        assert_eq!(text("127.0.0.1:1"), Ok("http://127.0.0.1:1/".into()));
        assert_eq!(text("localhost:80"), Ok("http://127.0.0.1:80/".into()));
        assert_eq!(text(":80"), Ok("http://[::]:80/".into()));
        assert_eq!(text("::1"), Ok(format!("http://[::1]:{PORT}/")));
        assert_eq!(text("[::1]:7"), Ok("http://[::1]:7/".into()));
        assert_eq!(text("unix:/run/t.sock"), Ok("unix:/run/t.sock".into()));
        for wrong in ["", "unix:", "nowhere:80", "1.2.3.4:99999", ":x"] {
            assert_eq!(text(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
        let path = std::env::temp_dir().join(format!("tracer-listen-{}", std::process::id()));
        let listen = Listen::Unix(path.clone());
        let first = Bound::bind(&listen).unwrap();
        assert!(first.is_local() && first.place().starts_with("unix:/"));
        assert_eq!(Bound::bind(&listen).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!path.exists(), "it ends with its socket");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a program was killed");
        let second = Bound::bind(&listen).unwrap();
        // What has its place by then is not its own.
        fs::remove_file(&path).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        drop(second);
        assert!(path.exists());
        // One that does not take connections is in use: with a full queue it does not refuse.
        rustix::net::listen(&other, 0).unwrap();
        let waiting = std::os::unix::net::UnixStream::connect(&path);
        assert_eq!(Bound::bind(&listen).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop((other, waiting));
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a file").unwrap();
        assert!(Bound::bind(&listen).is_err(), "what is no socket stays");
        fs::remove_file(path).unwrap();
    }
}
