//! Answers: status, type, body, and what every answer has.

use std::{
    convert::Infallible,
    io::Write as _,
    pin::Pin,
    task::{Context, Poll},
};

use flate2::{Compression, write::GzEncoder};
use hyper::{
    Response, StatusCode,
    body::{Body, Bytes, Frame, SizeHint},
    header::{self, HeaderValue},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// What goes to a client.
#[derive(Debug)]
pub(in crate::serve) enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// Pieces, as they come.
    Stream(mpsc::Receiver<Bytes>),
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(pieces) => pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(in crate::serve) struct Answer {
    pub(in crate::serve) status: StatusCode,
    pub(in crate::serve) kind: &'static str,
    pub(in crate::serve) content: Content,
    pub(in crate::serve) headers: Vec<(header::HeaderName, HeaderValue)>,
}

/// Types of content.
pub(in crate::serve) const JSON: &str = "application/json";
pub(in crate::serve) const PLAIN: &str = "text/plain; charset=utf-8";
pub(in crate::serve) const HTML: &str = "text/html; charset=utf-8";
const EVENTS: &str = "text/event-stream";

/// Answers that are shorter are not worth packing, bytes.
const MIN_PACKED: usize = 1024;

/// What a page may load and do: only what comes from here.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

impl Answer {
    /// This text.
    pub(in crate::serve) fn new(kind: &'static str, text: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, kind, content: Content::Whole(Some(text.into())), headers: Vec::new() }
    }

    /// A value as JSON.
    pub(in crate::serve) fn json(value: &Value) -> Self {
        Self::new(JSON, value.to_string())
    }

    /// An error, in the form that Docker's API has.
    pub(in crate::serve) fn error(status: StatusCode, message: &str) -> Self {
        Self { status, ..Self::json(&json!({ "message": message })) }
    }

    /// There is no such thing.
    pub(in crate::serve) fn not_found(what: &str) -> Self {
        Self::error(StatusCode::NOT_FOUND, what)
    }

    /// The request makes no sense.
    pub(in crate::serve) fn bad_request(why: &str) -> Self {
        Self::error(StatusCode::BAD_REQUEST, why)
    }

    /// It is elsewhere.
    pub(in crate::serve) fn redirect(to: &str) -> Self {
        let mut answer = Self { status: StatusCode::TEMPORARY_REDIRECT, ..Self::new(PLAIN, "") };
        answer.headers.extend(HeaderValue::from_str(to).ok().map(|to| (header::LOCATION, to)));
        answer
    }

    /// Pieces that come later.
    pub(in crate::serve) fn stream(kind: &'static str, pieces: mpsc::Receiver<Bytes>) -> Self {
        Self { status: StatusCode::OK, kind, content: Content::Stream(pieces), headers: Vec::new() }
    }

    /// Server-sent events.
    pub(in crate::serve) fn events(pieces: mpsc::Receiver<Bytes>) -> Self {
        Self::stream(EVENTS, pieces)
    }

    /// With another status.
    pub(in crate::serve) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// All of it as a text.
    #[cfg(test)]
    pub(in crate::serve) fn text(&self) -> String {
        match &self.content {
            Content::Whole(bytes) => String::from_utf8_lossy(bytes.as_deref().unwrap_or_default()).into_owned(),
            Content::Stream(_) => String::new(),
        }
    }

    /// As it is sent; packed if the client takes that.
    pub(super) fn into_response(mut self, takes_gzip: bool) -> Response<Content> {
        let mut packed = false;
        if let Content::Whole(Some(bytes)) = &mut self.content
            && takes_gzip
            && bytes.len() >= MIN_PACKED
            && let Some(smaller) = pack(bytes)
        {
            *bytes = smaller;
            packed = true;
        }
        let mut response = Response::new(self.content);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if packed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.extend(self.headers);
        response
    }
}

fn pack(bytes: &Bytes) -> Option<Bytes> {
    let mut packer = GzEncoder::new(Vec::with_capacity(bytes.len() / 8), Compression::fast());
    packer.write_all(bytes).ok()?;
    packer.finish().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn bytes(response: Response<Content>) -> Bytes {
        match response.into_body() {
            Content::Whole(bytes) => bytes.unwrap_or_default(),
            Content::Stream(_) => panic!("a stream"),
        }
    }

    #[test]
    fn long_answers_are_packed_for_those_who_take_it() {
        let text = "tracer ".repeat(1000);
        let plain = Answer::new(PLAIN, text.clone()).into_response(false);
        assert_eq!(bytes(plain), text);
        let packed = Answer::new(PLAIN, text.clone()).into_response(true);
        assert_eq!(packed.headers()[header::CONTENT_ENCODING], "gzip");
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&bytes(packed)[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
        let short = Answer::new(PLAIN, "short").into_response(true);
        assert!(short.headers().get(header::CONTENT_ENCODING).is_none());
        assert_eq!(bytes(short), "short");
    }

    #[test]
    fn every_answer_says_what_a_page_may_load() {
        for answer in [Answer::json(&json!({})), Answer::not_found("x"), Answer::new(HTML, "x")] {
            let response = answer.into_response(false);
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
            assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }
}
