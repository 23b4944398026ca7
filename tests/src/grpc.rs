//! A server of gRPC that a test plays: HTTP/2 over a socket, a call at a time.

use std::{
    future::Future,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use h2::{
    RecvStream, SendStream,
    server::{self, SendResponse},
};
use hyper::{HeaderMap, Request, Response, body::Bytes};
use tokio::{
    net::{UnixListener, UnixStream},
    time::sleep,
};

/// Statuses of gRPC. Source: grpc, doc/statuscodes.md.
pub(crate) const OK: u32 = 0;
pub(crate) const UNKNOWN: u32 = 2;
pub(crate) const NOT_FOUND: u32 = 5;
pub(crate) const UNIMPLEMENTED: u32 = 12;
/// How often is looked whether the server is to end.
const END_WITHIN: Duration = Duration::from_millis(20);

/// A server, until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens on a socket and gives each call to `serve`, which returns `None` when the other side has gone.
    ///
    /// # Panics
    /// If it cannot listen there.
    pub(crate) fn start<F, S>(socket: &Path, serve: F) -> Self
    where
        F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> S + Clone + Send + 'static,
        S: Future<Output = Option<()>> + Send + 'static,
    {
        let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
        listener.set_nonblocking(true).expect("a socket that does not wait");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = UnixListener::from_std(listener).expect("a listener");
                while !stopped.load(Ordering::Relaxed) {
                    tokio::select! {
                        accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                            tokio::spawn(connection(stream, serve.clone()));
                        },
                        () = sleep(END_WITHIN) => {}
                    }
                }
            });
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn connection<F, S>(stream: UnixStream, serve: F)
where
    F: Fn(Request<RecvStream>, SendResponse<Bytes>) -> S,
    S: Future<Output = Option<()>> + Send + 'static,
{
    let Ok(mut connection) = server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(serve(request, respond));
    }
}

/// The body of a request, with the five bytes that frame it.
pub(crate) async fn asked(request: Request<RecvStream>) -> Option<Vec<u8>> {
    let mut body = request.into_body();
    let mut asked = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.ok()?;
        let _ = body.flow_control().release_capacity(piece.len());
        asked.extend_from_slice(&piece);
    }
    Some(asked)
}

/// Begins an answer.
pub(crate) fn begin(respond: &mut SendResponse<Bytes>) -> Option<SendStream<Bytes>> {
    let head = Response::builder().status(200).header("content-type", "application/grpc").body(()).ok()?;
    respond.send_response(head, false).ok()
}

/// Sends a message.
pub(crate) fn send(stream: &mut SendStream<Bytes>, message: &[u8]) -> Option<()> {
    let mut framed = vec![0; 5];
    framed[1..].copy_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(message);
    stream.send_data(framed.into(), false).ok()
}

/// Ends an answer with a status.
pub(crate) fn end(stream: &mut SendStream<Bytes>, status: u32) -> Option<()> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", status.to_string().parse().ok()?);
    stream.send_trailers(trailers).ok()
}
