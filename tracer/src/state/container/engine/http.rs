//! One request to an engine: a connection of its own, headers of limited size, and a body that is read piece by piece.
//!
//! Nothing is collected here. Who reads a body decides how much of it, and dropping it closes the connection.

use std::{future::Future, io, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::HOST,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::{JoinHandle, spawn_local},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    },
};

use super::{
    cut::CutError,
    endpoint::{Address, EndpointError, resolve},
    trust::{self, Distrust},
};
use crate::state::container::Owner;

/// How long an engine may take until its answer begins.
const FIRST_BYTE: Duration = Duration::from_secs(3);
/// Headers of an answer, and the most bytes that are read ahead.
const MAX_BUFFER: usize = 64 << 10;
/// Engines send ten.
const MAX_HEADERS: usize = 64;

/// Why there is no answer, or only the beginning of one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// There is no connection.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not who it should be.
    #[error("{0}")]
    Distrust(#[from] Distrust),
    /// What comes is no HTTP, or too long.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// It refuses.
    #[error("it answers with status {0}")]
    Status(u16),
    /// It takes too long.
    #[error("timed out")]
    Late,
    /// It sends more than there can be.
    #[error("its answer is longer than {0} MiB")]
    Long(usize),
    /// It sends something else.
    #[error("{0}")]
    Cut(#[from] CutError),
    /// Not even a version.
    #[error("it does not report its version")]
    Version,
}

/// How to reach an engine again and again.
#[derive(Debug, Clone)]
pub(super) struct Way {
    address: Address,
    pub(super) owner: Owner,
    tls: Option<Arc<ClientConfig>>,
}

impl Way {
    /// Prepares requests to that address, whose engine may name the containers of `owner`. Nothing is sent yet.
    pub(super) fn new(address: &Address, owner: Owner) -> Result<Self, EndpointError> {
        let tls = match address {
            Address::Tcp { certificates: Some(folder), .. } => Some(tls(folder)?),
            Address::Other(_) => return Err(EndpointError::Scheme),
            Address::Unix(_) | Address::Tcp { .. } => None,
        };
        Ok(Self { address: address.clone(), owner, tls })
    }

    /// Asks for a path, and returns the body when the answer has begun, which must be soon.
    pub(super) async fn get(&self, path: &str) -> Result<Body, EndpointError> {
        within(FIRST_BYTE, self.get_at_leisure(path)).await
    }

    /// The same, but the answer may begin whenever it wants.
    pub(super) async fn get_at_leisure(&self, path: &str) -> Result<Body, EndpointError> {
        match &self.address {
            Address::Unix(socket) => {
                let stream = UnixStream::connect(socket).await.map_err(HttpError::Io)?;
                trust::check_peer(&stream, self.owner).map_err(HttpError::Distrust)?;
                exchange(stream, "localhost", path).await
            }
            Address::Tcp { host, .. } => {
                let stream = TcpStream::connect(resolve(host)?).await.map_err(HttpError::Io)?;
                let Some(config) = &self.tls else { return exchange(stream, host, path).await };
                let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name).trim_matches(['[', ']']);
                let name = ServerName::try_from(name.to_owned()).map_err(|_| EndpointError::Name(name.to_owned()))?;
                let connector = TlsConnector::from(Arc::clone(config));
                exchange(connector.connect(name, stream).await.map_err(HttpError::Io)?, host, path).await
            }
            Address::Other(_) => Err(EndpointError::Scheme),
        }
    }
}

/// At most that long.
pub(super) async fn within<T>(
    limit: Duration,
    what: impl Future<Output = Result<T, EndpointError>>,
) -> Result<T, EndpointError> {
    timeout(limit, what).await.map_err(|_| HttpError::Late)?
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    host: &str,
    path: &str,
) -> Result<Body, EndpointError> {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_BUFFER).max_headers(MAX_HEADERS);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(HttpError::Http)?;
    // It moves what is read and written until it is aborted.
    let connection = Connection(spawn_local(async move { drop(connection.await) }));
    let request = Request::get(path).header(HOST, host).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| HttpError::Io(io::Error::other(error)))?;
    let response = sender.send_request(request).await.map_err(HttpError::Http)?;
    let status = response.status();
    if !status.is_success() {
        return Err(HttpError::Status(status.as_u16()).into());
    }
    Ok(Body { incoming: response.into_body(), _connection: connection })
}

/// What moves the bytes of a connection; it ends with its owner.
#[derive(Debug)]
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Body {
    incoming: Incoming,
    _connection: Connection,
}

impl Body {
    /// The next piece, at most [`MAX_BUFFER`] bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, EndpointError> {
        while let Some(frame) = self.incoming.frame().await {
            if let Ok(piece) = frame.map_err(HttpError::Http)?.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// What `ca.pem`, `cert.pem` and `key.pem` of a folder say: which engines are believed, and who we are.
fn tls(folder: &std::path::Path) -> Result<Arc<ClientConfig>, EndpointError> {
    let [ca, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
    let wrong = |path: &std::path::Path, cause: String| EndpointError::Certificate { path: path.to_owned(), cause };
    let certificates = |path: &std::path::Path| {
        let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        all.map_err(|error| wrong(path, error.to_string()))
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(&ca)?);
    let own = certificates(&certificate)?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| wrong(&key, error.to_string()))?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(own, private);
    Ok(Arc::new(config.map_err(|error| wrong(&certificate, error.to_string()))?))
}
