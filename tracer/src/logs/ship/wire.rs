//! Messages over datagrams and connections: syslog, GELF, plain lines.
//!
//! Nothing answers there. A datagram is sent, and that is all that is known of it. Of a connection the kernel says how much the other side has
//! acknowledged, and a program that is killed loses what it had not read yet: so what was sent counts as arrived once it is acknowledged and
//! the connection has lasted a second more.
#![allow(unsafe_code, reason = "asking a socket how much is not acknowledged")]

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket},
    os::fd::AsRawFd as _,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{
    protocol::{Asked, Carrier, Prepared, Trust},
    queue::Record,
    trust,
    worker::{Arrived, Failure, Transport},
};
use crate::state::container::engine::resolve;

/// What is said of these targets, for people.
pub const ARRIVES: &str = "over a connection: the other side's kernel has acknowledged it, and the connection has lasted one more second. All other \
                           lines are sent again, so up to the last second may arrive twice. Over UDP: it is sent; nothing is known about lost datagrams";
/// How long a connection, and a write, may take.
const CONNECT: Duration = Duration::from_secs(5);
const WRITE: Duration = Duration::from_secs(10);
/// How long a connection has to last for what was sent over it to have arrived.
const LASTS: Duration = Duration::from_secs(1);

/// How records become messages of a protocol.
pub trait Messages: Send + Sync {
    /// Adds a record to a stream, with what says where it ends.
    fn stream(&self, record: &Record, host: &str, out: &mut Vec<u8>);

    /// A record as datagrams. Protocols that have none are not asked.
    fn datagrams(&self, record: &Record, host: &str) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        self.stream(record, host, &mut out);
        vec![out]
    }
}

/// Where a URL says that messages go.
pub struct Carried {
    host: String,
    carrier: Carrier,
    trust: Option<Trust>,
}

impl Carried {
    /// As a URL says.
    pub fn of(asked: &mut Asked<'_>) -> Self {
        Self { host: asked.host.clone(), carrier: asked.scheme.carrier, trust: asked.trust() }
    }

    /// What sends these messages there. Nothing is sent yet.
    ///
    /// # Errors
    /// Certificates cannot be read.
    pub fn open(&self, messages: Arc<dyn Messages>) -> Result<Box<dyn Transport>, String> {
        let tls = self.trust.as_ref().map(trust::config).transpose()?;
        Ok(match self.carrier {
            Carrier::Udp => Box::new(Datagrams::new(&self.host, messages, super::own_host())),
            _ => Box::new(Connected::new(&self.host, tls, messages, super::own_host())),
        })
    }
}

/// What sends these messages to where a URL says.
pub fn prepared(asked: &mut Asked<'_>, messages: impl Messages + 'static) -> Prepared {
    let carried = Carried::of(asked);
    let messages: Arc<dyn Messages> = Arc::new(messages);
    Arc::new(move || carried.open(Arc::clone(&messages)))
}

fn address(host: &str) -> Result<SocketAddr, Failure> {
    let resolved = resolve(host).map_err(Failure::later)?;
    let mut all = resolved.to_socket_addrs().map_err(Failure::later)?;
    all.next().ok_or_else(|| Failure::later("the host has no address"))
}

/// Messages in datagrams.
struct Datagrams {
    host: String,
    messages: Arc<dyn Messages>,
    own: String,
    socket: Option<UdpSocket>,
    arrived: usize,
}

impl Datagrams {
    /// To that host, as `own`.
    fn new(host: &str, messages: Arc<dyn Messages>, own: String) -> Self {
        Self { host: host.to_owned(), messages, own, socket: None, arrived: 0 }
    }

    fn open(&mut self) -> Result<&UdpSocket, Failure> {
        if self.socket.is_none() {
            let to = address(&self.host)?;
            let any: &str = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).map_err(Failure::later)?;
            socket.connect(to).map_err(Failure::later)?;
            self.socket = Some(socket);
        }
        self.socket.as_ref().ok_or_else(|| Failure::later("no socket"))
    }
}

impl Transport for Datagrams {
    fn send(&mut self, records: &[Arc<Record>]) -> Result<(), Failure> {
        for record in records {
            for datagram in self.messages.datagrams(record, &self.own) {
                if let Err(error) = self.open()?.send(&datagram) {
                    self.socket = None;
                    return Err(Failure::later(error));
                }
            }
            self.arrived += 1;
        }
        Ok(())
    }

    fn arrived(&mut self) -> Result<Arrived, Failure> {
        Ok(Arrived { count: std::mem::take(&mut self.arrived), rejected: Vec::new() })
    }
}

/// A connection, with TLS or without.
pub enum Connection {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Connection {
    /// Connects to that host.
    pub fn open(host: &str, tls: Option<&Arc<ClientConfig>>) -> Result<Self, Failure> {
        let socket = TcpStream::connect_timeout(&address(host)?, CONNECT).map_err(Failure::later)?;
        socket.set_write_timeout(Some(WRITE)).map_err(Failure::later)?;
        socket.set_read_timeout(Some(WRITE)).map_err(Failure::later)?;
        let _ = rustix::net::sockopt::set_socket_keepalive(&socket, true);
        let Some(config) = tls else { return Ok(Self::Plain(socket)) };
        let name = trust::server_name(host).map_err(Failure::later)?;
        let client = ClientConnection::new(Arc::clone(config), name).map_err(Failure::later)?;
        let mut stream = StreamOwned::new(client, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(Failure::later)?;
        }
        Ok(Self::Tls(Box::new(stream)))
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => &stream.sock,
        }
    }

    /// Sends all of it.
    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    /// Bytes that the other side has not acknowledged. Source: tcp(7), SIOCOUTQ.
    fn waiting(&self) -> io::Result<u64> {
        let mut count: libc::c_int = 0;
        // SAFETY: the socket is open, and the kernel writes one int where `count` is.
        let result = unsafe { libc::ioctl(self.socket().as_raw_fd(), libc::TIOCOUTQ, &raw mut count) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(u64::try_from(count).unwrap_or(0)) }
    }

    /// Reads what has come, and waits for it.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }

    /// Says that nothing more comes.
    pub fn end(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }

    /// Fails if the other side has closed, which a write would not notice.
    pub fn check(&self) -> io::Result<()> {
        let socket = self.socket();
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        socket.set_nonblocking(true)?;
        let got = socket.peek(&mut [0; 1]);
        socket.set_nonblocking(false)?;
        match got {
            Ok(0) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was closed")),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

/// Messages over a connection.
struct Connected {
    host: String,
    tls: Option<Arc<ClientConfig>>,
    messages: Arc<dyn Messages>,
    own: String,
    connection: Option<Connection>,
    /// Bytes that were written to it.
    written: u64,
    /// What was sent and may not have arrived: how many records, when, and how many bytes were written with them.
    sent: VecDeque<(usize, Instant, u64)>,
}

impl Connected {
    /// To that host, as `own`.
    fn new(host: &str, tls: Option<Arc<ClientConfig>>, messages: Arc<dyn Messages>, own: String) -> Self {
        let (connection, written, sent) = (None, 0, VecDeque::new());
        Self { host: host.to_owned(), tls, messages, own, connection, written, sent }
    }

    fn connect(&mut self) -> Result<(), Failure> {
        if self.connection.is_some() {
            return Ok(());
        }
        (self.written, self.sent) = (0, VecDeque::new());
        self.connection = Some(Connection::open(&self.host, self.tls.as_ref())?);
        Ok(())
    }

    /// What comes of an attempt. After a failure everything begins anew.
    fn attempt<T>(&mut self, outcome: io::Result<T>) -> Result<T, Failure> {
        if outcome.is_err() {
            self.connection = None;
        }
        outcome.map_err(Failure::later)
    }
}

impl Transport for Connected {
    fn send(&mut self, records: &[Arc<Record>]) -> Result<(), Failure> {
        self.connect()?;
        let mut bytes = Vec::new();
        for record in records {
            self.messages.stream(record, &self.own, &mut bytes);
        }
        let outcome = match &mut self.connection {
            Some(connection) => connection.check().and_then(|()| connection.write_all(&bytes)),
            None => Ok(()),
        };
        self.attempt(outcome)?;
        self.written += bytes.len() as u64;
        self.sent.push_back((records.len(), Instant::now(), self.written));
        Ok(())
    }

    fn arrived(&mut self) -> Result<Arrived, Failure> {
        let Some(connection) = &self.connection else { return Ok(Arrived::default()) };
        if self.sent.is_empty() {
            return Ok(Arrived::default());
        }
        let outcome = connection.check().and_then(|()| connection.waiting());
        // With TLS more bytes wait than were written here.
        let acknowledged = self.written.saturating_sub(self.attempt(outcome)?);
        let mut count = 0;
        while let Some((records, at, end)) = self.sent.front()
            && *end <= acknowledged
            && at.elapsed() >= LASTS
        {
            count += records;
            self.sent.pop_front();
        }
        Ok(Arrived { count, rejected: Vec::new() })
    }

    fn end(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.end();
        }
    }
}
