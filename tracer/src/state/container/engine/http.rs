//! One request to an engine: a connection of its own, headers of limited size, and a body that is read piece by piece.
//!
//! Nothing is collected here. Who reads a body decides how much of it, and dropping it closes the connection.

use std::{future::Future, io, time::Duration};

use http_body_util::{BodyExt as _, Empty};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header::HOST,
    upgrade::Upgraded,
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
    frames::NoFrame,
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
    #[error("it answers with status {status}{}{why}", if .why.is_empty() { "" } else { ": " })]
    Status {
        /// The number of the status.
        status: u16,
        /// What it says about it, if anything.
        why: String,
    },
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
    /// It sends something else.
    #[error("{0}")]
    Frame(#[from] NoFrame),
    /// It would be asked for something else than to tell something.
    #[error("tracer only asks engines, and changes nothing there")]
    Changes,
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
    let (response, connection) = exchange(way, path, &[]).await?;
    let status = response.status();
    let (head, incoming) = response.into_parts();
    let body = Body { headers: head.headers, incoming, _connection: connection };
    if !status.is_success() {
        return Err(HttpError::Status { status: status.as_u16(), why: body.why().await }.into());
    }
    Ok(body)
}

/// Asks for a path that is followed with WebSocket, and returns the connection as it is after the answer. The key is as good as any: it
/// tells caches on the way that nothing is to be kept, and there are none.
pub(super) async fn follow(way: &Way, path: &str) -> Result<TokioIo<Upgraded>, EndpointError> {
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dHJhY2VyIGZvbGxvd3MuLg=="),
    ];
    within(FIRST_BYTE, async {
        let (response, _connection) = exchange(way, path, &headers).await?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(HttpError::Status { status: status.as_u16(), why: String::new() }.into());
        }
        Ok(TokioIo::new(hyper::upgrade::on(response).await.map_err(HttpError::Http)?))
    })
    .await
}

/// At most that long.
pub(super) async fn within<T>(
    limit: Duration,
    what: impl Future<Output = Result<T, EndpointError>>,
) -> Result<T, EndpointError> {
    timeout(limit, what).await.map_err(|_| HttpError::Late)?
}

/// A connection of any kind.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Sends a request, and returns the answer as far as its headers.
async fn exchange(
    way: &Way,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<(Response<Incoming>, Connection), EndpointError> {
    let (stream, host): (Box<dyn Stream>, &str) = match way.address() {
        Address::Unix(_) => (Box::new(way.unix().await?), "localhost"),
        Address::Tcp { host, .. } if way.has_tls() => (Box::new(way.tls(way.tcp().await?).await?), host),
        Address::Tcp { host, .. } => (Box::new(way.tcp().await?), host),
        Address::Other(_) => return Err(EndpointError::Scheme),
    };
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_BUFFER).max_headers(MAX_HEADERS);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(HttpError::Http)?;
    // It moves what is read and written until it is aborted.
    let connection = Connection(spawn_local(async move { drop(connection.with_upgrades().await) }));
    let request = headers
        .iter()
        .fold(Request::get(path).header(HOST, host), |request, (name, value)| request.header(*name, *value));
    let request = request.body(Empty::<Bytes>::new());
    let request = request.map_err(|error| HttpError::Io(io::Error::other(error)))?;
    let response = sender.send_request(request).await.map_err(HttpError::Http)?;
    Ok((response, connection))
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

    /// What the body of a refusal says, if it comes soon: Docker's and LXD's have a field for it, others are one line.
    async fn why(mut self) -> String {
        let mut bytes = Vec::new();
        let read = async {
            while let Ok(Some(piece)) = self.next().await {
                bytes.extend_from_slice(&piece);
                if bytes.len() >= MAX_WHY {
                    break;
                }
            }
        };
        let _ = timeout(WHY_TIME, read).await;
        why_of(&bytes)
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

/// The most of a refusal that is read, bytes, and how much of it is told.
const MAX_WHY: usize = 16 << 10;
const MAX_TOLD: usize = 300;
/// How long it may take.
const WHY_TIME: Duration = Duration::from_secs(1);

/// What the body of a refusal says.
fn why_of(bytes: &[u8]) -> String {
    let object: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    let field = |name: &str| object.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let text = match &object {
        Some(_) => field("message").or_else(|| field("error")).unwrap_or_default(),
        None => String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned(),
    };
    // A page is no reason.
    let text = Some(text.trim()).filter(|text| !text.starts_with('<')).unwrap_or_default();
    text.chars().take(MAX_TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_refusals_are_read_from_every_form() {
        for (body, expected) in [
            (r#"{"message":"client version 1.20 is too old"}"#, "client version 1.20 is too old"),
            (r#"{"cause":"x","message":"no such image","response":404}"#, "no such image"),
            (r#"{"type":"error","error":"not authorized","error_code":403}"#, "not authorized"),
            ("bad request: since\nmore", "bad request: since"),
            ("<html><body>", ""),
            (r#"{"other":1}"#, ""),
            ("", ""),
        ] {
            assert_eq!(why_of(body.as_bytes()), expected);
        }
        assert_eq!(why_of("x".repeat(1000).as_bytes()).len(), MAX_TOLD);
    }
}
