//! OTLP over HTTP: a batch is a request, and the next one waits for its answer.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Runtime, time::timeout};
use tokio_rustls::{TlsConnector, rustls::ClientConfig};

use super::{
    otlp,
    queue::Record,
    trust,
    worker::{Arrived, Failure, Transport},
};
use crate::state::container::engine::resolve;

/// How long a connection, and an answer, may take.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// The longest answer that is read, bytes.
const MAX_ANSWER: usize = 64 << 10;
/// The longest pause that a server can ask for.
const LONGEST: Duration = Duration::from_secs(60);
/// Headers to send, `NAME=VALUE,…`, as all programs with OTLP have it.
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";

/// A server with OTLP over HTTP.
pub struct Otlp {
    host: String,
    path: String,
    tls: Option<Arc<ClientConfig>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What this machine is called.
    own: String,
    runtime: Runtime,
    sender: Option<SendRequest<Full<Bytes>>>,
    arrived: Arrived,
}

/// What [`HEADERS`] says. Names and values may have `%20` and the like.
fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let wrong = || format!("{HEADERS} is not NAME=VALUE,NAME=VALUE");
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let read = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').ok_or_else(wrong)?;
        let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
        let mut value = HeaderValue::try_from(unescaped(value.trim())).map_err(|_| wrong())?;
        value.set_sensitive(true);
        Ok((name, value))
    });
    read.collect()
}

/// Without the escapes of URLs.
fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    out
}

impl Otlp {
    /// Prepares to send there. Nothing is sent yet.
    ///
    /// # Errors
    /// Certificates or headers cannot be read.
    pub fn new(host: &str, path: &str, tls: Option<Arc<ClientConfig>>, own: String) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self {
            host: host.to_owned(),
            path: path.to_owned(),
            tls,
            headers: headers(&std::env::var(HEADERS).unwrap_or_default())?,
            own,
            runtime: runtime.map_err(|error| error.to_string())?,
            sender: None,
            arrived: Arrived::default(),
        })
    }
}

/// A connection to that host.
async fn connect(host: &str, tls: Option<&Arc<ClientConfig>>) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let stream = TcpStream::connect(resolve(host).map_err(Failure::later)?).await.map_err(Failure::later)?;
    let _ = stream.set_nodelay(true);
    match tls {
        Some(config) => {
            let name = trust::server_name(host).map_err(Failure::later)?;
            let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await;
            handshake(stream.map_err(Failure::later)?).await
        }
        None => handshake(stream).await,
    }
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Failure::later)?;
    tokio::spawn(connection);
    Ok(sender)
}

impl Transport for Otlp {
    fn send(&mut self, records: &[Arc<Record>]) -> Result<(), Failure> {
        let body = Bytes::from(otlp::request(records.iter().map(|record| &**record), &self.own));
        let Self { host, path, tls, headers, sender, runtime, .. } = self;
        let exchanged = runtime.block_on(async {
            let late = |_| Failure::later("timed out");
            // A server may close a connection that was idle.
            let mut current = match sender.take().filter(|sender| !sender.is_closed()) {
                Some(sender) => sender,
                None => timeout(CONNECT, connect(host, tls.as_ref())).await.map_err(late)??,
            };
            let mut request = Request::post(path.as_str())
                .header(HOST, host.as_str())
                .header(USER_AGENT, concat!("tracer/", env!("CARGO_PKG_VERSION")))
                .header(CONTENT_TYPE, "application/json");
            for (name, value) in headers {
                request = request.header(&*name, &*value);
            }
            let request = request.body(Full::new(body)).map_err(|error| Failure::Refused(error.to_string()))?;
            let exchange = async {
                current.ready().await.map_err(Failure::later)?;
                let answer = current.send_request(request).await.map_err(Failure::later)?;
                let (head, body) = answer.into_parts();
                let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(Failure::later)?;
                Ok((head, body.to_bytes()))
            };
            let answer = timeout(ANSWER, exchange).await.map_err(late)??;
            *sender = Some(current);
            Ok(answer)
        });
        let (head, body) = exchanged?;
        let status = head.status;
        if status.is_success() {
            self.arrived = Arrived { count: records.len(), rejected: otlp::rejected(&body) };
            return Ok(());
        }
        let why = format!("it answers with status {}", status.as_u16());
        // Source: OTLP specification, retryable response codes.
        let is_passing = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::BAD_GATEWAY,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::GATEWAY_TIMEOUT,
        ]
        .contains(&status);
        if !is_passing {
            return Err(Failure::Refused(why));
        }
        let seconds = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Err(Failure::Later(why, seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST))))
    }

    fn arrived(&mut self) -> Result<Arrived, Failure> {
        Ok(std::mem::take(&mut self.arrived))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_other_programs_do() {
        let read = headers("x-token=a%20b, other = c=d,").unwrap();
        let read: Vec<(&str, &[u8])> = read.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(read, [("x-token", &b"a b"[..]), ("other", b"c=d")]);
        assert!(headers("x").is_err() && headers("a b=c").is_err() && headers("a=%0a").is_err());
    }
}
