//! What hyper refuses by itself, because it is no request or has a head without end, gets a body like all other errors.
//!
//! hyper answers such bytes with a status alone, before anybody here sees a request. Its answer is known by what it lacks: a header that
//! all answers of this server have.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::StatusCode;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What all answers of this server have.
const OURS: &[u8] = b"\r\nx-content-type-options: ";
/// What the others have.
const EMPTY: &[u8] = b"\r\ncontent-length: 0\r\n";
const BEGIN: &[u8] = b"HTTP/1.1 4";
const END: &[u8] = b"\r\n\r\n";

/// A connection.
#[derive(Debug)]
pub(super) struct Refusals<S> {
    stream: S,
    /// What takes the place of such an answer, and how much of it is sent.
    instead: Vec<u8>,
    sent: usize,
}

impl<S> Refusals<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, instead: Vec::new(), sent: 0 }
    }
}

/// What is sent instead of these bytes, if an answer of hyper's own ends them.
fn instead_of(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.ends_with(END) {
        return None;
    }
    let find = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).rposition(|window| window == part);
    let begin = find(bytes, BEGIN)?;
    let head = &bytes[begin..];
    let ends = head.windows(END.len()).position(|window| window == END)?;
    if find(head, OURS).is_some() || find(head, EMPTY).is_none() || ends + END.len() != head.len() {
        return None;
    }
    let status = std::str::from_utf8(head.get(b"HTTP/1.1 ".len()..b"HTTP/1.1 400".len())?).ok()?.parse::<u16>().ok()?;
    let status = StatusCode::from_u16(status).ok()?;
    let message = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the head of the request is longer than 16 KiB",
        StatusCode::URI_TOO_LONG => "the path of the request is too long",
        _ => "this is not an HTTP/1.1 request",
    };
    let body = json!({ "message": message }).to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Some([&bytes[..begin], answer.as_bytes()].concat())
}

impl<S: AsyncWrite + Unpin> Refusals<S> {
    /// Sends what is left of it.
    fn send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.instead.len() {
            let count = ready!(Pin::new(&mut self.stream).poll_write(context, &self.instead[self.sent..]))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += count;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Refusals<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.send(context))?;
        if let Some(instead) = instead_of(bytes) {
            (this.instead, this.sent) = (instead, 0);
            // What cannot be sent now is sent by a flush.
            return match this.send(context) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
            };
        }
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        match (filled.next(), filled.next()) {
            // An answer without a body is one piece.
            (Some(one), None) => self.poll_write(context, one),
            _ => {
                let this = self.get_mut();
                ready!(this.send(context))?;
                Pin::new(&mut this.stream).poll_write_vectored(context, slices)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.send(context))?;
        Pin::new(&mut this.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.send(context))?;
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Refusals<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_without_a_body_of_hyper_are_replaced() {
        let own = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let text = |bytes: &[u8]| instead_of(bytes).map(|bytes| String::from_utf8(bytes).unwrap());
        let said = text(own).unwrap();
        assert!(
            said.starts_with("HTTP/1.1 431 ") && said.ends_with("16 KiB\"}") && !said.contains("length: 0"),
            "{said}"
        );
        let after = text(&[b"the end of another answer".as_slice(), own].concat()).unwrap();
        assert!(after.starts_with("the end of another answerHTTP/1.1 431 "), "{after}");
        for other in [
            &b"HTTP/1.1 404 Not Found\r\nx-content-type-options: nosniff\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nbody\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 5\r\n\r\n",
            b"",
        ] {
            assert_eq!(text(other), None);
        }
    }
}
