//! Engines that tests play: a server of a test's own that listens on a socket, as any user, and says what it wants.
#![allow(unsafe_code, reason = "the identity of a thread")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::chown,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

/// What an engine says in answer to a request: it writes to the connection, and closes it when it returns. The second
/// argument is the path that was asked for.
pub type Answer = dyn Fn(&mut Connection<'_>, &str) -> std::io::Result<()> + Send + Sync;

/// A connection to an engine that a test plays.
#[derive(Debug)]
pub struct Connection<'a> {
    /// The connection itself.
    pub stream: UnixStream,
    sent: &'a AtomicU64,
    stop: &'a AtomicBool,
}

impl Connection<'_> {
    /// Sends bytes, and counts them.
    ///
    /// # Errors
    /// The other side does not take them any more.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.sent.fetch_add(bytes.as_ref().len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// The beginning of an answer whose body ends with the connection.
    ///
    /// # Errors
    /// As for [`Connection::send`].
    pub fn head(&mut self) -> std::io::Result<()> {
        self.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
    }

    /// A whole answer.
    ///
    /// # Errors
    /// As for [`Connection::send`].
    pub fn whole(&mut self, body: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.head()?;
        self.send(body)
    }

    /// Whether the test goes on.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Keeps the connection open, and says nothing, until the test or the other side ends.
    pub fn wait(&mut self) {
        let _ = self.stream.set_read_timeout(Some(std::time::Duration::from_millis(50)));
        let mut byte = [0];
        while self.is_wanted() {
            match std::io::Read::read(&mut self.stream, &mut byte) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

/// What it says of its version, which is as good as any.
pub const VERSION: &str = r#"{"Version":"27.0","ApiVersion":"1.46","MinAPIVersion":"1.24","Components":[{"Name":"Engine","Version":"27.0"}]}"#;

/// An engine that a test plays, until it is dropped.
#[derive(Debug)]
pub struct Engine {
    /// Where it listens.
    pub socket: PathBuf,
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    /// Which processes connected, and which of them sent a request.
    connected: Arc<Mutex<Vec<u32>>>,
    asked: Arc<Mutex<Vec<u32>>>,
}

impl Engine {
    /// Listens as that user, to whom the socket belongs. The user must be allowed to make it there.
    ///
    /// # Panics
    /// If that cannot be.
    #[must_use]
    pub fn start(socket: &Path, uid: u32, answer: Box<Answer>) -> Self {
        let bound = {
            let socket = socket.to_owned();
            thread::spawn(move || {
                become_user(uid);
                UnixListener::bind(&socket).unwrap_or_else(|error| panic!("{}: {error}", socket.display()))
            })
        };
        let listener = bound.join().expect("a socket");
        let this = Self {
            socket: socket.to_owned(),
            sent: Arc::default(),
            stop: Arc::default(),
            connected: Arc::default(),
            asked: Arc::default(),
        };
        let (sent, stop) = (Arc::clone(&this.sent), Arc::clone(&this.stop));
        let (connected, asked_by) = (Arc::clone(&this.connected), Arc::clone(&this.asked));
        let answer: Arc<Answer> = Arc::from(answer);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let pid = peer(&stream);
                connected.lock().expect("a list").push(pid);
                let (sent, stop, answer) = (Arc::clone(&sent), Arc::clone(&stop), Arc::clone(&answer));
                let asked_by = Arc::clone(&asked_by);
                thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().expect("a connection")).lines();
                    let Some(Ok(asked)) = lines.next() else { return };
                    asked_by.lock().expect("a list").push(pid);
                    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let path = asked.split(' ').nth(1).unwrap_or_default().to_owned();
                    // The other side may hang up at any time.
                    let _ = answer(&mut Connection { stream, sent: &sent, stop: &stop }, &path);
                });
            }
        });
        this
    }

    /// How often that process connected, and how often it asked for something. Other tracers of this machine may, too.
    #[must_use]
    pub fn contacts(&self, pid: u32) -> (usize, usize) {
        let of = |list: &Mutex<Vec<u32>>| list.lock().expect("a list").iter().filter(|one| **one == pid).count();
        (of(&self.connected), of(&self.asked))
    }

    /// How many bytes it could send.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // So that the listener sees it.
        let _ = UnixStream::connect(&self.socket);
        let _ = fs::remove_file(&self.socket);
    }
}

/// The process at the other end.
fn peer(stream: &UnixStream) -> u32 {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the kernel writes to `peer`, which is as long as it is told.
    let result = unsafe {
        libc::getsockopt(stream.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, (&raw mut peer).cast(), &raw mut len)
    };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    peer.pid as u32
}

/// The calling thread is that user from now on, for files and for whoever connects; the other threads are not.
fn become_user(uid: u32) {
    if uid != 0 {
        // SAFETY: the calls change the identity of this thread alone, which glibc's wrappers would spread to all.
        let changed = unsafe {
            libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) == 0
                && libc::syscall(libc::SYS_setresgid, uid, uid, uid) == 0
                && libc::syscall(libc::SYS_setresuid, uid, uid, uid) == 0
        };
        assert!(changed, "become user {uid}: {}", std::io::Error::last_os_error());
    }
}

/// The folder that a user has in `/run/user`, for a test; removed at its end.
#[derive(Debug)]
pub struct UserFolder(PathBuf);

impl UserFolder {
    /// Makes it, for a user who has none.
    ///
    /// # Panics
    /// If there is one already.
    #[must_use]
    pub fn new(uid: u32) -> Self {
        let folder = PathBuf::from(format!("/run/user/{uid}"));
        fs::create_dir_all("/run/user").expect("/run/user");
        fs::create_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        chown(&folder, Some(uid), Some(uid)).expect("an owner");
        Self(folder)
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for UserFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
