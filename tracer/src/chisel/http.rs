//! The beginning of messages of HTTP/1 (RFC 9112), for chisels that follow requests.

use rhai::Map;

use crate::format::data;

/// Methods of RFC 9110, and PATCH of RFC 5789.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// What the data begins with: a request, a response, or neither. Texts are printable ASCII.
pub(super) fn parse(bytes: &[u8]) -> Option<Map> {
    let first = line(bytes)?;
    match first.strip_prefix(b"HTTP/1.") {
        Some(rest) => response(rest, bytes),
        None => request(first, bytes),
    }
}

fn request(first: &[u8], bytes: &[u8]) -> Option<Map> {
    let mut words = first.split(|byte| *byte == b' ');
    let method = std::str::from_utf8(words.next()?).ok().filter(|word| METHODS.contains(word))?;
    let target = words.next()?;
    // Without a version behind it, it is no request, unless it was cut.
    let is_http = words.next().is_some_and(|version| version.starts_with(b"HTTP/1")) || bytes.len() == first.len();
    if !is_http {
        return None;
    }
    let mut url = Vec::new();
    if target.starts_with(b"/") {
        data::dots(header(bytes, b"host").unwrap_or_default(), &mut url);
    }
    data::dots(target, &mut url);
    let mut map = Map::new();
    map.insert("method".into(), method.to_owned().into());
    map.insert("url".into(), String::from_utf8(url).unwrap_or_default().into());
    Some(map)
}

fn response(rest: &[u8], bytes: &[u8]) -> Option<Map> {
    let code = rest.get(2..5).and_then(|digits| std::str::from_utf8(digits).ok())?.parse::<i64>().ok()?;
    let length = header(bytes, b"content-length").and_then(|text| std::str::from_utf8(text).ok());
    let mut map = Map::new();
    map.insert("code".into(), code.into());
    map.insert("length".into(), length.and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1).into());
    Some(map)
}

/// The first line, without its end.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    Some(line.strip_suffix(b"\r").unwrap_or(line))
}

/// The value of a header; its name is in small letters.
fn header<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let lines = bytes.split(|byte| *byte == b'\n').skip(1).take_while(|line| !line.trim_ascii().is_empty());
    lines.into_iter().find_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        line[..colon].eq_ignore_ascii_case(name).then(|| line[colon + 1..].trim_ascii())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_responses_are_told_from_other_data() {
        let text = |bytes: &[u8]| {
            let map = parse(bytes)?;
            Some(map.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" "))
        };
        let get = b"GET /a?b=\x1b[2J HTTP/1.1\r\nHost: example.com\r\n\r\n";
        assert_eq!(text(get).unwrap(), "method=GET url=example.com/a?b=.[2J");
        assert_eq!(text(b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap(), "method=CONNECT url=a:443");
        assert_eq!(text(b"POST /cut").unwrap(), "method=POST url=/cut");
        assert_eq!(text(b"HTTP/1.1 204 No Content\r\ncontent-LENGTH: 7\r\n").unwrap(), "code=204 length=7");
        assert_eq!(text(b"HTTP/1.0 200\n").unwrap(), "code=200 length=-1");
        for other in [&b""[..], b"GET", b"GET x\nmore", b"get /a HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1 ok", b"\xff\xfe"] {
            assert_eq!(text(other), None, "{other:?}");
        }
    }
}
