//! The server: connections, limits, and the way of a request.
//!
//! Nothing that a client sends is trusted: the head of a request has a limit of size and time, a body one of size, and there are at
//! most [`MAX_CONNECTIONS`] of them. Requests change nothing.

mod access;
mod answer;
mod config;
mod listen;
mod refusals;
mod request;
mod tls;

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use hyper::{Method, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};

pub(super) use access::Access;
pub(super) use answer::{Answer, HTML, JSON, PLAIN};
pub(super) use config::Web;
pub use config::WebError;
pub(super) use listen::Bound;
pub use listen::{Listen, PORT};
pub(super) use request::{Request, decoded, pairs};

use super::{params, site::Site};
use answer::Content;

/// The most connections at the same time.
const MAX_CONNECTIONS: usize = 128;
/// How long a client may take for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long it may take for a handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// The most of a head, bytes. It is also what a connection takes.
const MAX_HEAD: usize = 16 << 10;

/// For fuzzing: any text as a web configuration file, a query, and a path.
pub(super) fn fuzz(text: &str) {
    config::fuzz(text);
    for (name, value) in pairs(text) {
        // What was an escape is one no more.
        assert!(name.len() + value.len() <= 3 * text.len());
    }
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if let Some((route, _)) = super::routes::find(path) {
        let _ = params::refuse(route, &pairs(query));
    }
}

/// Takes connections until the task ends.
pub(super) async fn serve(bound: Bound, site: Arc<Site>, slots: Arc<Semaphore>) -> io::Result<Infallible> {
    let is_loopback = bound.is_local();
    match bound {
        Bound::Tcp(listener) => {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let Some((stream, slot)) = accepted(listener.accept(), &slots).await else { continue };
                let _ = stream.set_nodelay(true);
                tokio::spawn(secure(stream, Arc::clone(&site), is_loopback, slot));
            }
        }
        // The file ends with the task.
        Bound::Unix(listener, _file) => {
            let listener = UnixListener::from_std(listener)?;
            loop {
                let Some((stream, slot)) = accepted(listener.accept(), &slots).await else { continue };
                // Whoever reaches the file may ask by any name.
                tokio::spawn(connection(stream, Arc::clone(&site), Names::Any, slot));
            }
        }
    }
}

/// The next connection with its slot; `None` if it failed, or if there are too many.
async fn accepted<S, A>(
    next: impl Future<Output = io::Result<(S, A)>>,
    slots: &Arc<Semaphore>,
) -> Option<(S, OwnedSemaphorePermit)> {
    // Errors concern one connection, or pass, such as too many open files.
    let Ok((stream, _)) = next.await else {
        sleep(Duration::from_millis(50)).await;
        return None;
    };
    Some((stream, Arc::clone(slots).try_acquire_owned().ok()?))
}

/// How many connections there may be.
pub(super) fn slots() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_CONNECTIONS))
}

/// Which names a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Those of loopback.
    Loopback,
    /// Addresses, and those that are allowed.
    Allowed,
    /// Any.
    Any,
}

/// A connection over the network, with TLS if that is asked for.
async fn secure<S>(stream: S, site: Arc<Site>, is_loopback: bool, slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let names = if is_loopback { Names::Loopback } else { Names::Allowed };
    let tls = site.web().tls.clone();
    match tls {
        None => connection(stream, site, names, slot).await,
        Some(acceptor) => {
            let handshake = timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await;
            if let Ok(Ok(stream)) = handshake {
                connection(stream, site, names, slot).await;
            }
        }
    }
}

async fn connection<S>(stream: S, site: Arc<Site>, names: Names, slot: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(respond(request, &site, names).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(MAX_HEAD);
    // A client that went away is not an error.
    let _ = server.serve_connection(TokioIo::new(refusals::Refusals::new(stream)), service).await;
    drop(slot);
}

/// The answer to a request.
async fn respond(request: hyper::Request<Incoming>, site: &Arc<Site>, names: Names) -> Response<Content> {
    let takes_gzip = request::takes_gzip(request.headers());
    let web = site.web();
    let answer = answer(request, site, &web, names).await;
    let mut response = answer.into_response(takes_gzip);
    for (name, value) in &web.headers {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

async fn answer(request: hyper::Request<Incoming>, site: &Arc<Site>, web: &Arc<Web>, names: Names) -> Answer {
    let (head, body) = request.into_parts();
    if names != Names::Any
        && let Some(refusal) = web.access.refuse_origin(&head.headers, head.uri.authority(), names == Names::Loopback)
    {
        return refusal;
    }
    let Some(path) = site.own_path(head.uri.path()) else {
        return Answer::not_found("there is nothing at this path");
    };
    let Some((route, rest)) = super::routes::find(&path) else {
        return Answer::not_found(&format!(
            "there is nothing at '{}'; /api/v1 lists what there is",
            crate::format::escape::escaped(path.as_bytes())
        ));
    };
    let may_post = route.takes_body && head.method == Method::POST;
    if !matches!(head.method, Method::GET | Method::HEAD) && !may_post {
        let mut answer = Answer::error(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
        answer.headers.push((header::ALLOW, header::HeaderValue::from_static("GET, HEAD")));
        return answer;
    }
    if !route.is_open && web.access.is_closed() {
        // Checking a password takes long.
        let (asked, headers) = (Arc::clone(web), head.headers.clone());
        let refusal = tokio::task::spawn_blocking(move || asked.access.refuse_stranger(&headers)).await;
        match refusal {
            Ok(None) => {}
            Ok(Some(refusal)) => return refusal,
            Err(_) => return Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "the password could not be checked"),
        }
    }
    let body = match request::read(body, route.takes_body).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let query = pairs(head.uri.query().unwrap_or_default());
    if let Some(refusal) = params::refuse(route, &query) {
        return refusal;
    }
    (route.answer)(Request { site: Arc::clone(site), route, rest, query, body }).await
}
