//! Requests over HTTP: a batch is a request, and the next one waits for its answer.

use std::{path::PathBuf, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Runtime, time::timeout};
use tokio_rustls::{TlsConnector, rustls::ClientConfig};

use super::{
    protocol::{self, Asked, Prepared},
    queue::{Fate, Record},
    trust,
    worker::{Arrived, Failure, Transport},
};
use crate::{files, format::data::base64, message::Shown as _, state::container::engine::resolve};

/// How long a connection, and an answer, may take.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// The longest answer that is read, bytes.
const MAX_ANSWER: usize = 4 << 20;
/// The longest pause that a server can ask for.
const LONGEST: Duration = Duration::from_secs(60);
/// How often a batch is cut in half because it is refused: enough to find a few lines among a thousand. Where all are refused, more requests would be
/// in vain.
const MAX_HALVINGS: usize = 64;
/// How much of an answer is shown, characters.
const MAX_SAID: usize = 160;
/// The longest file of headers.
const MAX_HEADERS: u64 = 64 << 10;

/// What is said of these targets, for people.
pub const ARRIVES: &str = "the server answers with success. Sent again after a broken connection and statuses that pass (429, 502, 503, 504); \
                           `Retry-After` is honoured";

/// Headers by name.
pub type Headers = Vec<(HeaderName, HeaderValue)>;

/// How records become requests of a protocol, and what its answers say.
pub trait Requests: Send {
    /// The type of what is posted.
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    /// The body of a request with these records.
    fn body(&mut self, records: &[Arc<Record>]) -> Vec<u8>;

    /// What an answer with success says of the records. One fate for each; without any, all were taken.
    ///
    /// # Errors
    /// The answer cannot be what it has to be: all are sent again.
    fn taken(&self, count: usize, answer: &[u8]) -> Result<Outcome, String>;

    /// Whether a request that is refused is sent again in halves, so that a record that cannot be taken does not cost the others.
    fn is_split(&self) -> bool {
        false
    }

    /// Whether what a failure is about passes, so that the same can be sent again.
    fn passes(&self, head: &Head, answer: &[u8]) -> bool {
        let _ = answer;
        is_passing(head.status)
    }
}

/// What became of the records of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All were taken but for so many, with the target's word.
    All(Vec<(u64, String)>),
    /// Each for itself.
    Each(Vec<Fate>),
}

/// The head of an answer.
#[derive(Debug)]
pub struct Head {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
}

/// Whether a server may take the same request later. Source: OTLP specification, retryable response codes.
pub fn is_passing(status: StatusCode) -> bool {
    [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ]
    .contains(&status)
}

/// Whether a status is about how the server is set up, which people can change while lines wait.
pub fn is_about_setup(status: StatusCode) -> bool {
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED]
        .contains(&status)
}

/// Makes headers that a protocol has.
pub type MakeHeaders = Arc<dyn Fn() -> Result<Headers, String> + Send + Sync>;

/// None.
pub fn no_headers() -> MakeHeaders {
    Arc::new(|| Ok(Vec::new()))
}

/// Makes requests.
pub type Make = Arc<dyn Fn() -> Result<Box<dyn Requests>, String> + Send + Sync>;

/// What sends these requests to where a URL says. `path` is where to, with a query.
pub fn prepared(asked: &mut Asked<'_>, path: String, usual: MakeHeaders, make: Make) -> Prepared {
    let (host, trust) = (asked.host.clone(), asked.trust());
    let (user, file) = (asked.user.take(), asked.option(protocol::HEADERS.name).map(PathBuf::from));
    Arc::new(move || {
        let mut headers = usual()?;
        if let Some(file) = &file {
            headers.extend(headers_of(file)?);
        }
        headers.extend(user.as_ref().map(|(name, password)| basic(name, password)).transpose()?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Box::new(Web {
            host: host.clone(),
            path: path.clone(),
            tls: trust.as_ref().map(trust::config).transpose()?,
            headers,
            requests: make()?,
            runtime: runtime.map_err(|error| error.to_string())?,
            sender: None,
            arrived: Arrived::default(),
        }))
    })
}

/// Name and password as a header.
fn basic(name: &str, password: &str) -> Result<(HeaderName, HeaderValue), String> {
    let mut text = b"Basic ".to_vec();
    base64(format!("{name}:{password}").as_bytes(), &mut text);
    let mut value = HeaderValue::from_bytes(&text).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok((AUTHORIZATION, value))
}

/// The headers of a file, one per line.
fn headers_of(file: &std::path::Path) -> Result<Headers, String> {
    let text = files::read(file, MAX_HEADERS).map_err(|error| {
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("cannot read headers in '{}': {error}{hint}", file.shown())
    })?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let read = lines.map(|(at, line)| {
        // What stands there may be a secret.
        let wrong = || format!("line {} of '{}' is not a header\nhint: write NAME: VALUE", at + 1, file.shown());
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        header(name.trim(), value.trim().as_bytes()).ok_or_else(wrong)
    });
    read.collect()
}

/// A header that is shown to nobody; `None` if it cannot be one.
pub fn header(name: &str, value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::try_from(name).ok()?;
    let mut value = HeaderValue::from_bytes(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

/// Sends requests.
struct Web {
    host: String,
    path: String,
    tls: Option<Arc<ClientConfig>>,
    headers: Headers,
    requests: Box<dyn Requests>,
    runtime: Runtime,
    sender: Option<SendRequest<Full<Bytes>>>,
    arrived: Arrived,
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

impl Web {
    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::post(self.path.as_str())
            .header(HOST, self.host.as_str())
            .header(USER_AGENT, concat!("tracer/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, self.requests.content_type());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(body)).map_err(|error| Failure::Refused(error.to_string()))
    }

    /// Posts that, and waits for the answer.
    fn exchange(&mut self, body: Bytes) -> Result<(Head, Bytes), Failure> {
        let request = self.request(body)?;
        let Self { host, tls, sender, runtime, .. } = self;
        runtime.block_on(async {
            let late = |_| Failure::later("timed out");
            // A server may close a connection that was idle.
            let mut current = match sender.take().filter(|sender| !sender.is_closed()) {
                Some(sender) => sender,
                None => timeout(CONNECT, connect(host, tls.as_ref())).await.map_err(late)??,
            };
            let exchange = async {
                current.ready().await.map_err(Failure::later)?;
                let answer = current.send_request(request).await.map_err(Failure::later)?;
                let (head, body) = answer.into_parts();
                let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(Failure::later)?;
                Ok((Head { status: head.status, headers: head.headers }, body.to_bytes()))
            };
            let answer = timeout(ANSWER, exchange).await.map_err(late)??;
            *sender = Some(current);
            Ok(answer)
        })
    }
}

/// The first line of what a server says, if it is for people.
fn said(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let line = text.trim().lines().next().unwrap_or_default();
    if line.is_empty() || line.starts_with(['{', '<', '[']) {
        return String::new();
    }
    let cut: String = line.chars().take(MAX_SAID).collect();
    format!(": {cut}{}", if cut.len() < line.len() { "…" } else { "" })
}

/// What came of a request.
enum Reply {
    /// It was answered with success.
    Taken(Outcome),
    /// It will never be taken.
    Refused(StatusCode, String),
}

impl Web {
    /// Posts records in one request.
    fn post(&mut self, records: &[Arc<Record>]) -> Result<Reply, Failure> {
        let body = Bytes::from(self.requests.body(records));
        let (head, answer) = self.exchange(body)?;
        if head.status.is_success() {
            return self.requests.taken(records.len(), &answer).map(Reply::Taken).map_err(Failure::later);
        }
        let why = format!("it answers with status {}{}", head.status.as_u16(), said(&answer));
        if !self.requests.passes(&head, &answer) {
            return Ok(Reply::Refused(head.status, why));
        }
        let seconds = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Err(Failure::Later(why, seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST))))
    }

    /// Posts records, in halves if that is what helps, and adds what became of each.
    fn post_halves(
        &mut self,
        records: &[Arc<Record>],
        fates: &mut Vec<Fate>,
        halvings: &mut usize,
    ) -> Result<(), Failure> {
        match self.post(records)? {
            Reply::Taken(Outcome::Each(each)) => fates.extend(each),
            Reply::Taken(Outcome::All(rejected)) => {
                let mut left = records.len();
                for (count, why) in rejected {
                    let count = usize::try_from(count).unwrap_or(usize::MAX).min(left);
                    left -= count;
                    fates.extend(std::iter::repeat_n(Fate::Lost(why), count));
                }
                fates.extend(std::iter::repeat_n(Fate::Taken, left));
            }
            Reply::Refused(status, _) if records.len() > 1 && self.splits_at(status, halvings) => {
                let (first, second) = records.split_at(records.len() / 2);
                self.post_halves(first, fates, halvings)?;
                self.post_halves(second, fates, halvings)?;
            }
            Reply::Refused(_, why) => fates.extend(std::iter::repeat_n(Fate::Lost(why), records.len())),
        }
        Ok(())
    }

    fn splits_at(&self, status: StatusCode, halvings: &mut usize) -> bool {
        // What is too large is another request when it is smaller, whatever the protocol.
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            return true;
        }
        let is_split = *halvings > 0 && self.requests.is_split() && status.is_client_error();
        *halvings -= usize::from(is_split);
        is_split
    }
}

impl Transport for Web {
    fn send(&mut self, records: &[Arc<Record>]) -> Result<(), Failure> {
        let mut fates = Vec::with_capacity(records.len());
        let outcome = self.post_halves(records, &mut fates, &mut { MAX_HALVINGS });
        if let Err(failure) = outcome {
            let Failure::Later(why, not_before) = failure else { return Err(failure) };
            if fates.is_empty() {
                return Err(Failure::Later(why, not_before));
            }
            fates.resize(records.len(), Fate::Later);
            return Err(Failure::Partly(fates, why, not_before));
        }
        if fates.contains(&Fate::Later) {
            return Err(Failure::Partly(fates, "it is too busy for some of them".to_owned(), None));
        }
        let mut rejected: Vec<(u64, String)> = Vec::new();
        for fate in fates {
            let Fate::Lost(why) = fate else { continue };
            match rejected.iter_mut().find(|(_, known)| *known == why) {
                Some((count, _)) => *count += 1,
                None => rejected.push((1, why)),
            }
        }
        self.arrived = Arrived { count: records.len(), rejected };
        Ok(())
    }

    fn arrived(&mut self) -> Result<Arrived, Failure> {
        Ok(std::mem::take(&mut self.arrived))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_becomes_a_header() {
        let (name, value) = basic("Aladdin", "open sesame").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("authorization", &b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="[..]));
        assert!(value.is_sensitive());
        assert!(header("a b", b"c").is_none() && header("a", b"b\nc: d").is_none());
    }

    #[test]
    fn only_words_for_people_are_shown() {
        assert_eq!(said(b"Code: 60. Table is missing\nmore"), ": Code: 60. Table is missing");
        assert_eq!((said(b"{\"a\":1}"), said(b" "), said(b"<html>")), (String::new(), String::new(), String::new()));
        assert_eq!(said("é".repeat(200).as_bytes()).chars().count(), 2 + MAX_SAID + 1);
    }
}
