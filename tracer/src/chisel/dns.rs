//! Messages of DNS (RFC 1035), for chisels that follow queries.

use std::net::{Ipv4Addr, Ipv6Addr};

use rhai::{Array, Map};

use crate::format::data;

/// The most records of an answer that are told.
const MAX_ANSWERS: usize = 16;
/// The longest name, and the most pointers in one.
const MAX_NAME: usize = 255;
const MAX_POINTERS: usize = 16;

/// Types by their numbers, of the registry of IANA.
const TYPES: [(u16, &str); 13] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (43, "DS"),
    (48, "DNSKEY"),
    (64, "SVCB"),
    (65, "HTTPS"),
];
/// Codes of answers by their numbers.
const CODES: [&str; 6] = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

/// A query or its answer: `id`, `answer`, `name`, `type`, `code`, and of an answer `answers`, as texts. `None` for anything else.
pub(super) fn parse(bytes: &[u8]) -> Option<Map> {
    let word = |at: usize| bytes.get(at..at + 2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let (id, flags, questions, answers) = (word(0)?, word(2)?, word(4)?, word(6)?);
    // The opcode of a query is 0; only one question is ever asked.
    if flags & 0x7800 != 0 || questions != 1 {
        return None;
    }
    let (name, at) = name(bytes, 12)?;
    let kind = word(at)?;
    word(at + 2)?;
    let mut at = at + 4;
    let is_answer = flags & 0x8000 != 0;
    let mut told = Array::new();
    for _ in 0..usize::from(answers).min(MAX_ANSWERS) {
        // An answer that was cut is told as far as it goes.
        let Some((text, next)) = record(bytes, at) else { break };
        told.push(text.into());
        at = next;
    }
    let code = usize::from(flags & 0xf);
    let mut map = Map::new();
    map.insert("id".into(), i64::from(id).into());
    map.insert("answer".into(), is_answer.into());
    map.insert("name".into(), name.into());
    map.insert("type".into(), type_name(kind).into());
    map.insert("code".into(), CODES.get(code).map_or_else(|| code.to_string(), |name| (*name).to_owned()).into());
    map.insert("answers".into(), told.into());
    Some(map)
}

fn type_name(kind: u16) -> String {
    let known = TYPES.iter().find(|(number, _)| *number == kind);
    known.map_or_else(|| format!("TYPE{kind}"), |(_, name)| (*name).to_owned())
}

/// The record at `at` as text, and where the next one is.
fn record(bytes: &[u8], at: usize) -> Option<(String, usize)> {
    let (_, at) = name(bytes, at)?;
    let head = bytes.get(at..at + 10)?;
    let kind = u16::from_be_bytes([head[0], head[1]]);
    let len = usize::from(u16::from_be_bytes([head[8], head[9]]));
    let data = bytes.get(at + 10..at + 10 + len)?;
    let text = match (kind, data.len()) {
        (1, 4) => Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).to_string(),
        (28, 16) => Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).to_string(),
        (2 | 5 | 12, _) => name(bytes, at + 10)?.0,
        _ => type_name(kind),
    };
    Some((text, at + 10 + len))
}

/// The name at `at`, and what is behind it. Parts of it may stand elsewhere in front of it.
fn name(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut text = Vec::new();
    let mut behind = None;
    let mut pointers = 0;
    loop {
        let len = *bytes.get(at)?;
        match len >> 6 {
            0 if len == 0 => break,
            0 => {
                let label = bytes.get(at + 1..at + 1 + usize::from(len))?;
                if text.len() + label.len() > MAX_NAME {
                    return None;
                }
                if !text.is_empty() {
                    text.push(b'.');
                }
                data::dots(label, &mut text);
                at += 1 + usize::from(len);
            }
            3 if pointers < MAX_POINTERS => {
                let low = *bytes.get(at + 1)?;
                behind = behind.or(Some(at + 2));
                at = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                pointers += 1;
            }
            _ => return None,
        }
    }
    let text = if text.is_empty() { ".".to_owned() } else { String::from_utf8(text).ok()? };
    Some((text, behind.unwrap_or(at + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query() -> Vec<u8> {
        [&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x07example\x03com\0", &[0, 1, 0, 1]].concat()
    }

    fn answer() -> Vec<u8> {
        let mut bytes = query();
        (bytes[2], bytes[3], bytes[7]) = (0x81, 0x80, 3);
        // A name that points to the question, then a CNAME, and a type that has no form of its own.
        bytes.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 93, 184, 216, 34]);
        bytes.extend_from_slice(&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6, 3, b'w', b'w', b'w', 0xc0, 12]);
        bytes.extend_from_slice(&[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, 1, 0]);
        bytes
    }

    fn text(bytes: &[u8]) -> Option<String> {
        let map = parse(bytes)?;
        Some(map.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn queries_and_answers_are_read() {
        assert_eq!(text(&query()).unwrap(), "answer=false answers=[] code=NOERROR id=4660 name=example.com type=A");
        assert_eq!(
            text(&answer()).unwrap(),
            r#"answer=true answers=["93.184.216.34", "www.example.com", "TXT"] code=NOERROR id=4660 name=example.com type=A"#
        );
    }

    #[test]
    fn bytes_that_are_cut_or_lead_in_circles_are_no_message_and_no_panic() {
        let answer = answer();
        for end in 0..answer.len() {
            let _ = text(&answer[..end]);
            for at in 0..answer.len() {
                let mut changed = answer.clone();
                changed[at] ^= 1 << (end % 8);
                let _ = text(&changed);
            }
        }
        let circle = [&answer[..12], &[0xc0, 12, 0, 1, 0, 1]].concat();
        assert_eq!(text(&circle), None);
        assert_eq!(text(b"GET / HTTP/1.1\r\n"), None);
    }
}
