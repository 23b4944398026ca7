//! Messages of GELF 1.1: objects of JSON, each a datagram or several, or with a NUL after it in a stream.
//!
//! Source: <https://go2docs.graylog.org/current/getting_in_log_data/gelf.html>. JSON has no NUL and no newline of its own, so no line can end a message.

use std::{
    hash::{BuildHasher as _, RandomState},
    io::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Number, Value};

use super::{
    protocol::{Carrier, Protocol, Rest, Scheme, TargetOption},
    queue::Record,
    syslog,
    target::wrong,
    wire::{self, Messages},
};

/// GELF, as targets.
pub static PROTOCOL: Protocol = Protocol {
    name: "GELF",
    schemes: &[
        Scheme { name: "gelf+udp", rest: Rest::Host(12201), carrier: Carrier::Udp },
        Scheme { name: "gelf+tcp", rest: Rest::Host(12201), carrier: Carrier::Tcp },
        Scheme { name: "gelf+tls", rest: Rest::Host(12201), carrier: Carrier::Tls },
    ],
    options: &[
        TargetOption { name: "compress", values: "gzip, none", about: "compression of datagrams", is_secret: false },
        TargetOption {
            name: "chunk",
            values: "1420, or 512 to 65000",
            about: "longest datagram, bytes; a longer message is sent in up to 128 of them",
            is_secret: false,
        },
    ],
    sends: "GELF 1.1 (Graylog, Logstash): the line is `short_message`, the container is in `_container_id`, `_container_name`, `_image_name`, \
            `_pod`, `_namespace`, labels in `_label_NAME`. A line with several lines is in `full_message`. Empty lines are sent as `-`, because \
            Graylog refuses empty messages. A message that does not fit into 128 datagrams is cut and has `_truncated`",
    arrives: wire::ARRIVES,
    prepare: |asked| {
        let (mut is_packed, mut max_chunk) = (false, usize::MAX);
        if asked.scheme.carrier == Carrier::Udp {
            is_packed = asked.choice("compress", &[("gzip", true), ("none", false)])?;
            let written = asked.option("chunk").unwrap_or_else(|| "1420".to_owned());
            let size = written.parse().ok().filter(|size| SIZES.contains(size));
            max_chunk = size.ok_or_else(|| wrong("chunk", &written, "chunk=N, from 512 to 65000"))?;
        }
        let number = AtomicU64::new(RandomState::new().hash_one(0));
        Ok(wire::prepared(asked, Gelf { is_packed, max_chunk, number }))
    },
};

/// How long datagrams can be made.
const SIZES: std::ops::RangeInclusive<usize> = 512..=65_000;
/// How a part of a message begins, and how long that is with its number.
const MAGIC: [u8; 2] = [0x1e, 0x0f];
const HEAD: usize = 12;
/// The most parts that a message can have.
const MAX_CHUNKS: usize = 128;
/// Below this many bytes a line is not cut any more: labels are left out instead.
const MIN_TEXT: usize = 1 << 10;

struct Gelf {
    is_packed: bool,
    max_chunk: usize,
    /// Of the next message that has parts.
    number: AtomicU64,
}

/// A name of a field: letters, digits and `_.-` only.
fn field(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' }).collect()
}

/// So many bytes of a text at most, whole characters.
fn cut(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The object for a record, with so much of its text.
fn object(record: &Record, host: &str, max_text: usize, with_labels: bool) -> Vec<u8> {
    let Record { writer, entry, .. } = record;
    let words = record.words();
    let text = cut(&words, max_text);
    let level = syslog::severity(entry);
    let first = text.lines().next().unwrap_or_default();
    let mut object = Map::new();
    let mut add = |name: &str, value: Value| object.insert(name.to_owned(), value);
    add("version", "1.1".into());
    add("host", if host.is_empty() { "-" } else { host }.into());
    add("short_message", if first.trim().is_empty() { "-" } else { first }.into());
    if text.contains('\n') {
        add("full_message", text.into());
    }
    // Seconds with three digits, which this type can hold.
    let seconds = (record.time_ns() / 1_000_000) as f64 / 1e3;
    add("timestamp", Number::from_f64(seconds).map_or(Value::Null, Value::Number));
    add("level", level.into());
    for (name, value) in [
        ("_container_id", writer.full_id.as_str()),
        ("_container_name", &writer.name),
        ("_image_name", &writer.image),
        ("_runtime", &writer.runtime),
        ("_pod", &writer.pod),
        ("_namespace", &writer.namespace),
        ("_stream", record.stream()),
    ] {
        if !value.is_empty() {
            add(name, value.into());
        }
    }
    if with_labels {
        for (name, value) in &writer.labels {
            add(&format!("_label_{}", field(name)), value.as_str().into());
        }
    }
    if record.is_cut() || text.len() < words.len() || !with_labels {
        add("_truncated", "true".into());
    }
    // Memory can always be written.
    serde_json::to_vec(&object).unwrap_or_default()
}

impl Gelf {
    /// A message as it is sent, and whether it fits into its parts.
    fn packed(&self, object: Vec<u8>) -> (Vec<u8>, bool) {
        let message = if self.is_packed {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            // Memory can always be written.
            let _ = packer.write_all(&object);
            packer.finish().unwrap_or_default()
        } else {
            object
        };
        let fits = message.len() <= MAX_CHUNKS * (self.max_chunk - HEAD);
        (message, fits)
    }

    /// The parts of a message; one that is short enough is not parted.
    fn parts(&self, message: Vec<u8>) -> Vec<Vec<u8>> {
        if message.len() <= self.max_chunk {
            return vec![message];
        }
        let number = self.number.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let parts = message.chunks(self.max_chunk - HEAD);
        let count = parts.len() as u8;
        let whole = |(at, part): (usize, &[u8])| [&MAGIC[..], &number, &[at as u8, count], part].concat();
        parts.enumerate().map(whole).collect()
    }
}

impl Messages for Gelf {
    fn stream(&self, record: &Record, host: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&object(record, host, usize::MAX, true));
        out.push(0);
    }

    fn datagrams(&self, record: &Record, host: &str) -> Vec<Vec<u8>> {
        let (mut max_text, mut with_labels) = (record.words().len(), true);
        loop {
            let (message, fits) = self.packed(object(record, host, max_text, with_labels));
            if fits || !with_labels && max_text == 0 {
                return if fits { self.parts(message) } else { Vec::new() };
            }
            if max_text > MIN_TEXT {
                max_text /= 2;
            } else if with_labels {
                with_labels = false;
            } else {
                max_text = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, io::Read as _, sync::Arc};

    use super::*;
    use crate::logs::{Entry, Line, Stream, Writer};

    fn record(text: &[u8]) -> Record {
        let writer = Writer {
            full_id: "abc".into(),
            name: "web".into(),
            labels: BTreeMap::from([("a b\"/é".to_owned(), "v\0\n".to_owned())]),
            ..Writer::default()
        };
        let line = Line { time_ns: 1_785_578_400_123_456_789, stream: Stream::Err, text: text.into(), is_cut: false };
        Record { writer: Arc::new(writer), entry: Entry::Line(line), read_ns: 0 }
    }

    fn gelf(is_packed: bool, max_chunk: usize) -> Gelf {
        Gelf { is_packed, max_chunk, number: AtomicU64::new(7) }
    }

    #[test]
    fn an_object_has_the_fields_of_the_form() {
        let text = String::from_utf8(object(&record(b"oh\0 \xff\nmore"), "h", usize::MAX, true)).unwrap();
        assert_eq!(
            text,
            "{\"version\":\"1.1\",\"host\":\"h\",\"short_message\":\"oh\\u0000 \u{fffd}\",\
             \"full_message\":\"oh\\u0000 \u{fffd}\\nmore\",\"timestamp\":1785578400.123,\"level\":3,\
             \"_container_id\":\"abc\",\"_container_name\":\"web\",\"_stream\":\"stderr\",\
             \"_label_a_b___\":\"v\\u0000\\n\"}"
        );
        let empty = String::from_utf8(object(&record(b" "), "", usize::MAX, true)).unwrap();
        assert!(empty.contains("\"short_message\":\"-\"") && empty.contains("\"host\":\"-\""), "{empty}");
    }

    #[test]
    fn a_long_message_has_parts_and_a_longer_one_is_cut() {
        let gelf = gelf(false, 1_000);
        let whole = |parts: &[Vec<u8>]| -> Value {
            assert!(parts.len() <= MAX_CHUNKS && parts.iter().all(|part| part.len() <= 1_000));
            let mut message = Vec::new();
            for (at, part) in parts.iter().enumerate() {
                assert_eq!(part[..2], MAGIC);
                assert_eq!(part[2..10], parts[0][2..10]);
                assert_eq!(usize::from(part[10]), at);
                assert_eq!(usize::from(part[11]), parts.len());
                message.extend_from_slice(&part[HEAD..]);
            }
            serde_json::from_slice(&message).unwrap()
        };
        let text = "é".repeat(10_000);
        let message = whole(&gelf.datagrams(&record(text.as_bytes()), "h"));
        assert_eq!((&message["short_message"], message.get("_truncated")), (&text.into(), None));
        let other = gelf.datagrams(&record("x".repeat(5_000).as_bytes()), "h");
        assert_eq!(other[0][2..10], 8_u64.to_be_bytes(), "each message has a number of its own");
        let message = whole(&gelf.datagrams(&record("é".repeat(100_000).as_bytes()), "h"));
        assert_eq!(message["_truncated"], "true");
        let left = message["short_message"].as_str().unwrap().chars().count();
        assert!((25_000..64_000).contains(&left), "{left}");
        let mut labels = record(b"kept");
        Arc::make_mut(&mut labels.writer).labels.insert("big".into(), "x".repeat(1 << 20));
        assert_eq!(whole(&gelf.datagrams(&labels, &"h".repeat(2_000)))["short_message"], "kept");
        assert_eq!(gelf.datagrams(&record(b"short"), "h").len(), 1);
    }

    #[test]
    fn datagrams_are_packed() {
        let parts = gelf(true, 1_420).datagrams(&record(&b"x".repeat(100_000)), "h");
        assert_eq!(parts.len(), 1);
        let mut text = String::new();
        flate2::read::GzDecoder::new(&parts[0][..]).read_to_string(&mut text).unwrap();
        assert!(text.contains(&"x".repeat(100_000)));
    }
}
