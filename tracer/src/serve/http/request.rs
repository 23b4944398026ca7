//! What a request asks for: the rest of its path, its parameters, and its body.

use std::sync::Arc;

use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, StatusCode,
    body::{Bytes, Incoming},
    header,
};

use super::answer::Answer;
use crate::serve::{routes::Route, site::Site};

/// The most of a body, bytes.
const MAX_BODY: usize = 64 << 10;

/// A request for a route. [`crate::serve::params`] has the values of its parameters.
#[derive(Debug)]
pub(in crate::serve) struct Request {
    pub(in crate::serve) site: Arc<Site>,
    pub(in crate::serve) route: &'static Route,
    /// What follows the path of the route, without escapes.
    pub(in crate::serve) rest: String,
    /// Parameters in their order, which were checked.
    pub(in crate::serve) query: Vec<(String, String)>,
    pub(in crate::serve) body: Bytes,
}

/// Reads a body, if there may be one.
///
/// # Errors
/// The answer that refuses it.
pub(super) async fn read(body: Incoming, is_taken: bool) -> Result<Bytes, Answer> {
    if !is_taken {
        return Ok(Bytes::new());
    }
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(_) => Err(Answer::error(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long or was cut off")),
    }
}

/// Whether a client takes gzip (RFC 9110, 12.5.3); a weight of 0 says that it does not.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let texts = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|encoding| {
        let mut parts = encoding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        is_gzip && weight.is_none_or(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

/// The parameters of a query.
pub(in crate::serve) fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(&name.replace('+', " ")), decoded(&value.replace('+', " ")))
        })
        .collect()
}

/// A text without its escapes (`%2F`). What is no escape stays as it is.
pub(in crate::serve) fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_unless_its_weight_is_0() {
        for (text, expected) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("GZIP; q=1", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000, br", false),
            ("br, x-gzip2", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, header::HeaderValue::from_static(text))]);
            assert_eq!(takes_gzip(&headers), expected, "{text}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn queries_are_read_as_browsers_write_them() {
        let own = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(
            pairs("a=1&b=x+y%2Fz&c&=d&&e=%"),
            own(&[("a", "1"), ("b", "x y/z"), ("c", ""), ("", "d"), ("e", "%")])
        );
        assert_eq!(pairs(""), []);
        assert_eq!(decoded("%e2%82%ac%zz%ff"), "€%zz\u{fffd}");
    }
}
