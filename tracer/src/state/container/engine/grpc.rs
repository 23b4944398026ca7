//! gRPC over the socket of an engine: one connection with HTTP/2, and calls whose answers are read piece by piece.
//!
//! Nothing is collected here but the message of an event, which has a limit. What is not read is not sent: the windows of
//! HTTP/2 are small, and they open as pieces are taken. Source: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use std::{cell::Cell, rc::Rc, time::Duration};

use h2::{RecvStream, client::SendRequest};
use hyper::{
    HeaderMap, Request,
    body::{Buf as _, Bytes},
    header::CONTENT_TYPE,
};
use tokio::{
    sync::Notify,
    task::{JoinHandle, spawn_local},
};

use super::{
    cut::MAX_VALUE,
    endpoint::EndpointError,
    http::{HttpError, within},
    pace::Pace,
    proto::{NoMessage, Parts},
    text::cut,
    way::Way,
};

/// How long a connection may take until it can be used, and an answer until it begins.
const FIRST_BYTE: Duration = Duration::from_secs(3);
/// How much of an answer may be on its way that nobody has taken, bytes: of one call, and of all.
const WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// The longest headers.
const MAX_HEADERS: u32 = 16 << 10;
/// The longest text of an error that is shown, bytes.
const MAX_MESSAGE: usize = 160;
/// In front of each message: whether it is compressed, and its length.
const FRAME: usize = 5;

/// Statuses that mean something here. Source: grpc, doc/statuscodes.md.
pub(super) const NOT_FOUND: u32 = 5;
pub(super) const UNIMPLEMENTED: u32 = 12;

/// The methods that may be called: all of them only read.
const READING: [&str; 12] = [
    "Version",
    "Status",
    "ListPodSandbox",
    "PodSandboxStatus",
    "ListContainers",
    "ContainerStatus",
    "ListContainerStats",
    "ListImages",
    "GetContainerEvents",
    "containerd.services.events.v1.Events/Subscribe",
    "List",
    "Get",
];

/// Whether a method only reads: its name, or the whole of it, is one of those.
fn only_reads(method: &str) -> bool {
    let whole = method.trim_start_matches('/');
    let name = whole.rsplit('/').next().unwrap_or_default();
    READING.iter().any(|known| *known == name || *known == whole)
}

/// A connection to an engine, for any number of calls at a time. When it is dropped, the connection ends.
#[derive(Debug)]
pub(super) struct Channel {
    sender: SendRequest<Bytes>,
    connection: JoinHandle<()>,
    end: Rc<End>,
}

/// Whether a connection has ended.
#[derive(Debug, Default)]
struct End {
    has_come: Cell<bool>,
    comes: Notify,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Channel {
    /// Connects.
    pub(super) async fn open(way: &Way) -> Result<Self, EndpointError> {
        within(FIRST_BYTE, async {
            let stream = way.unix().await?;
            let mut builder = h2::client::Builder::new();
            builder.initial_window_size(WINDOW).initial_connection_window_size(CONNECTION_WINDOW);
            builder.max_header_list_size(MAX_HEADERS).enable_push(false);
            let (sender, connection) = builder.handshake(stream).await.map_err(HttpError::H2)?;
            let end = Rc::new(End::default());
            let ended = Rc::clone(&end);
            let connection = spawn_local(async move {
                let _ = connection.await;
                ended.has_come.set(true);
                ended.comes.notify_waiters();
            });
            Ok(Self { sender, connection, end })
        })
        .await
    }

    /// Returns when the connection has ended.
    pub(super) async fn closed(&self) {
        let comes = self.end.comes.notified();
        if !self.end.has_come.get() {
            comes.await;
        }
    }

    /// Calls a method. Its answer has to begin soon, unless `at_leisure`.
    pub(super) async fn call(
        &self,
        method: &str,
        headers: &[(&'static str, &str)],
        request: &[u8],
        at_leisure: bool,
    ) -> Result<Answer, EndpointError> {
        let call = async {
            if !only_reads(method) {
                return Err(HttpError::Changes.into());
            }
            let mut head = Request::post(format!("http://localhost{method}"))
                .header(CONTENT_TYPE, "application/grpc")
                .header("te", "trailers");
            for (name, value) in headers {
                head = head.header(*name, *value);
            }
            let head = head.body(()).map_err(|error| HttpError::Io(std::io::Error::other(error)))?;
            let mut sender = self.sender.clone().ready().await.map_err(HttpError::H2)?;
            let (response, mut body) = sender.send_request(head, false).map_err(HttpError::H2)?;
            let mut framed = vec![0; FRAME];
            framed[1..].copy_from_slice(&(request.len() as u32).to_be_bytes());
            framed.extend_from_slice(request);
            body.send_data(framed.into(), true).map_err(HttpError::H2)?;
            let response = response.await.map_err(HttpError::H2)?;
            let status = response.status();
            if !status.is_success() {
                return Err(HttpError::Status { status: status.as_u16(), why: String::new() }.into());
            }
            // What has no body has its status here.
            status_of(response.headers())?;
            Ok(Answer { body: response.into_body(), piece: Bytes::new(), head: [0; FRAME], filled: 0, left: 0 })
        };
        if at_leisure { call.await } else { within(FIRST_BYTE, call).await }
    }

    /// Calls a method that answers with one message, whose parts are visited as they come: at most `max_mib` of them.
    pub(super) async fn ask(
        &self,
        pace: &Pace,
        (method, headers): (&str, &[(&'static str, &str)]),
        request: &[u8],
        max_mib: usize,
        mut visit: impl AsyncFnMut(u64, Vec<u8>) -> bool,
    ) -> Result<(), EndpointError> {
        let mut answer = self.call(method, headers, request, false).await?;
        let mut parts = Parts::default();
        let mut left = max_mib << 20;
        while let Some((piece, _)) = answer.next().await? {
            left = left.checked_sub(piece.len()).ok_or(HttpError::Long(max_mib))?;
            pace.bytes(piece.len()).await;
            let mut found = Vec::new();
            parts.push(&piece, &mut |number, part| found.push((number, part.to_vec()))).map_err(HttpError::Message)?;
            pace.values(found.len()).await;
            for (number, part) in found {
                if !visit(number, part).await {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// The status that headers or trailers have, if they have one.
fn status_of(headers: &HeaderMap) -> Result<(), EndpointError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status").map(|status| status.parse().unwrap_or(2)) {
        None | Some(0) => Ok(()),
        Some(status) => {
            // It is shown in one line.
            let message = text("grpc-message").unwrap_or_default().replace(char::is_control, "");
            Err(HttpError::Grpc { status, message: cut(&message, MAX_MESSAGE).to_owned() }.into())
        }
    }
}

/// The answer to a call.
#[derive(Debug)]
pub(super) struct Answer {
    body: RecvStream,
    /// What came and was not taken yet.
    piece: Bytes,
    /// The frame of the message that begins.
    head: [u8; FRAME],
    filled: usize,
    /// How much of the message is still to come.
    left: usize,
}

impl Answer {
    /// The next piece of a message, and whether that ends with it; `None` at the end of the answer.
    pub(super) async fn next(&mut self) -> Result<Option<(Bytes, bool)>, EndpointError> {
        loop {
            if self.piece.is_empty() {
                match self.body.data().await {
                    Some(piece) => {
                        self.piece = piece.map_err(HttpError::H2)?;
                        let _ = self.body.flow_control().release_capacity(self.piece.len());
                        continue;
                    }
                    None => {
                        let trailers = self.body.trailers().await.map_err(HttpError::H2)?;
                        status_of(&trailers.unwrap_or_default())?;
                        return Ok(None);
                    }
                }
            }
            if self.left == 0 {
                let taken = self.piece.len().min(FRAME - self.filled);
                self.piece.copy_to_slice(&mut self.head[self.filled..][..taken]);
                self.filled += taken;
                if self.filled < FRAME {
                    continue;
                }
                self.filled = 0;
                let [compressed, len @ ..] = self.head;
                if compressed != 0 {
                    return Err(HttpError::Message(NoMessage).into());
                }
                self.left = u32::from_be_bytes(len) as usize;
                if self.left == 0 {
                    return Ok(Some((Bytes::new(), true)));
                }
                continue;
            }
            let piece = self.piece.split_to(self.left.min(self.piece.len()));
            self.left -= piece.len();
            return Ok(Some((piece, self.left == 0)));
        }
    }

    /// The next whole message of at most [`MAX_VALUE`]; longer ones are left out. `None` at the end.
    pub(super) async fn message(&mut self, pace: &Pace) -> Result<Option<Vec<u8>>, EndpointError> {
        let (mut message, mut is_too_long) = (Vec::new(), false);
        while let Some((piece, ends)) = self.next().await? {
            pace.bytes(piece.len()).await;
            is_too_long |= message.len() + piece.len() > MAX_VALUE;
            if is_too_long {
                message = Vec::new();
            } else {
                message.extend_from_slice(&piece);
            }
            if ends && !std::mem::take(&mut is_too_long) {
                pace.values(1).await;
                return Ok(Some(message));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_methods_that_read_can_be_called() {
        for method in [
            "/runtime.v1.RuntimeService/ListContainers",
            "/runtime.v1.ImageService/ListImages",
            "/containerd.services.tasks.v1.Tasks/List",
            "/containerd.services.events.v1.Events/Subscribe",
        ] {
            assert!(only_reads(method), "{method}");
        }
        for method in [
            "/runtime.v1.RuntimeService/RemoveContainer",
            "/runtime.v1.RuntimeService/StopPodSandbox",
            "/runtime.v1.RuntimeService/ExecSync",
            "/runtime.v1.ImageService/PullImage",
            "/containerd.services.tasks.v1.Tasks/Kill",
            "/containerd.services.tasks.v1.Tasks/ListPids",
            "/containerd.services.containers.v1.Containers/Delete",
            "/containerd.services.events.v1.Events/Publish",
            "/containerd.services.namespaces.v1.Namespaces/Create",
            "",
        ] {
            assert!(!only_reads(method), "{method}");
        }
    }
}
