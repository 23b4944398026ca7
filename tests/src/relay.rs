//! CRI of a real runtime and nothing else of it: calls are passed on to its socket, and the bytes of its answers are passed back. It
//! says that it is a runtime that nobody knows, so that it is asked with CRI alone.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use h2::{RecvStream, client, server::SendResponse};
use hyper::{Request, Response, body::Bytes};
use tokio::net::UnixStream;
use tracer::state::container::engine::proto::{Message, text};

use crate::grpc::{NOT_FOUND, Server, UNIMPLEMENTED, asked, begin, end, send};

/// The only service that is passed on.
const SERVICE: &str = "/runtime.v1.RuntimeService/";

/// The way to a runtime, until it is dropped.
#[derive(Debug)]
pub struct Relay {
    socket: PathBuf,
    calls: Arc<Mutex<Vec<String>>>,
    _server: Server,
}

fn lock(calls: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// Listens at `socket`, and passes on to `runtime` what is not in `unknown`: there it says that it finds nothing.
    ///
    /// # Panics
    /// If it cannot listen there.
    #[must_use]
    pub fn start(socket: &Path, runtime: &Path, unknown: &'static [&'static str]) -> Self {
        let calls: Arc<Mutex<Vec<String>>> = Arc::default();
        let (called, runtime) = (Arc::clone(&calls), runtime.to_owned());
        let server = Server::start(socket, move |request, respond| {
            let method = request.uri().path().strip_prefix(SERVICE).map(str::to_owned);
            lock(&called).extend(method.clone());
            pass_on(request, respond, runtime.clone(), method, unknown)
        });
        Self { socket: socket.to_owned(), calls, _server: server }
    }

    /// What `--engine-socket` takes.
    #[must_use]
    pub fn argument(&self) -> String {
        format!("cri={}", self.socket.display())
    }

    /// The methods of CRI that were called so far.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        lock(&self.calls).clone()
    }
}

/// One call. `None` when a side has gone.
async fn pass_on(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    runtime: PathBuf,
    method: Option<String>,
    unknown: &[&str],
) -> Option<()> {
    let uri = request.uri().clone();
    let asked = asked(request).await?;
    let Some(method) = method else { return end(&mut begin(&mut respond)?, UNIMPLEMENTED) };
    if unknown.contains(&method.as_str()) {
        return end(&mut begin(&mut respond)?, NOT_FOUND);
    }
    let (sender, connection) = client::handshake(UnixStream::connect(runtime).await.ok()?).await.ok()?;
    tokio::spawn(connection);
    let head = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers").body(()).ok()?;
    let (response, mut body) = sender.ready().await.ok()?.send_request(head, false).ok()?;
    body.send_data(asked.into(), true).ok()?;
    let (parts, mut said) = response.await.ok()?.into_parts();
    let mut head = Response::builder().status(parts.status).body(()).ok()?;
    *head.headers_mut() = parts.headers;
    let has_ended = said.is_end_stream();
    let mut stream = respond.send_response(head, has_ended).ok()?;
    if has_ended {
        return Some(());
    }
    while let Some(piece) = said.data().await {
        let piece = piece.ok()?;
        let _ = said.flow_control().release_capacity(piece.len());
        if method == "Version" {
            send(&mut stream, &renamed(piece.get(5..)?))?;
        } else {
            stream.send_data(piece, false).ok()?;
        }
    }
    stream.send_trailers(said.trailers().await.ok()?.unwrap_or_default()).ok()
}

/// `VersionResponse` of a runtime with another name.
fn renamed(version: &[u8]) -> Vec<u8> {
    let fields = (1..=4).map(|field| (field, text(version, field).unwrap_or_default()));
    let renamed = fields.map(|(field, value)| (field, if field == 2 { "other".to_owned() } else { value }));
    renamed.fold(Message::default(), |message, (field, value)| message.bytes(field, value.as_bytes())).finish()
}
