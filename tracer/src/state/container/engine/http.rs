//! One request to an engine: a connection of its own, headers of limited size, and a body that is read piece by piece.
//!
//! Nothing is collected here. Who reads a body decides how much of it, and dropping it closes the connection.

use std::{future::Future, io, time::Duration};

use http_body_util::{BodyExt as _, Empty};
use hyper::{
    HeaderMap, Request,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::HOST,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::{JoinHandle, spawn_local},
    time::timeout,
};

use super::{
    cut::CutError,
    endpoint::{Address, EndpointError},
    proto::NoMessage,
    trust::Distrust,
    way::Way,
};

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
    /// It refuses a call of gRPC, and why.
    #[error("it answers with status {status}{}{message}", if .message.is_empty() { "" } else { ": " })]
    Grpc {
        /// The number of the status.
        status: u32,
        /// What it says about it.
        message: String,
    },
    /// What comes is no HTTP/2, or too long.
    #[error("{0}")]
    H2(#[from] h2::Error),
    /// It sends something else.
    #[error("{0}")]
    Message(#[from] NoMessage),
    /// It is containerd, and its plugin for Kubernetes is off.
    #[error("it has no CRI service")]
    NoCri,
    /// Not even a version.
    #[error("it does not report its version")]
    Version,
}

/// Asks for a path, and returns the body when the answer has begun, which must be soon.
pub(super) async fn get(way: &Way, path: &str) -> Result<Body, EndpointError> {
    within(FIRST_BYTE, get_at_leisure(way, path)).await
}

/// The same, but the answer may begin whenever it wants.
pub(super) async fn get_at_leisure(way: &Way, path: &str) -> Result<Body, EndpointError> {
    match way.address() {
        Address::Unix(_) => exchange(way.unix().await?, "localhost", path).await,
        Address::Tcp { host, .. } => {
            let stream = way.tcp().await?;
            if way.has_tls() {
                exchange(way.tls(stream).await?, host, path).await
            } else {
                exchange(stream, host, path).await
            }
        }
        Address::Other(_) => Err(EndpointError::Scheme),
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
    let (head, incoming) = response.into_parts();
    Ok(Body { headers: head.headers, incoming, _connection: connection })
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
    headers: HeaderMap,
    incoming: Incoming,
    _connection: Connection,
}

impl Body {
    /// A header of the answer.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

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
