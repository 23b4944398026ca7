//! Fluent Forward: batches of MessagePack over a connection, each acknowledged by the other side.
//!
//! Source: <https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1>, PackedForward mode with the options `size` and `chunk`. A
//! batch has arrived when its `chunk` comes back as `ack`; lengths come before all texts, so no line can end a message.

use std::{
    hash::{BuildHasher as _, RandomState},
    io::{self, Read as _},
    sync::Arc,
};

use rmp::{decode, encode};
use tokio_rustls::rustls::ClientConfig;

use super::{
    protocol::{Carrier, Protocol, Rest, Scheme, TargetOption},
    queue::Record,
    target::wrong,
    trust,
    wire::Connection,
    worker::{Arrived, Failure, Transport},
};
use crate::{format::data::base64, logs::Entry};

/// Fluent Forward, as targets.
pub static PROTOCOL: Protocol = Protocol {
    name: "Fluent Forward",
    schemes: &[
        Scheme { name: "fluent+tcp", rest: Rest::Host(24224), carrier: Carrier::Tcp },
        Scheme { name: "fluent+tls", rest: Rest::Host(24224), carrier: Carrier::Tls },
    ],
    options: &[TargetOption {
        name: "tag",
        values: "container.logs, or a tag",
        about: "tag of all lines",
        is_secret: false,
    }],
    sends: "records for Fluentd and Fluent Bit, with times in nanoseconds: `log`, `source` (the stream), `container_id`, `container_name`, \
            `image_name`, `runtime`, `pod_name`, `namespace_name`, `host`, `labels`. A line that is not UTF-8 is binary",
    arrives: "the other side acknowledges the batch that has it. After a broken connection, or 10 s without an answer, batches that were not \
              acknowledged are sent again, and may arrive twice",
    prepare: |asked| {
        let tag = asked.option("tag").unwrap_or_else(|| "container.logs".to_owned());
        if tag.is_empty() || tag.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(wrong("tag", &tag, "tag=NAME, without blanks"));
        }
        let (host, trust) = (asked.host.clone(), asked.trust());
        Ok(Arc::new(move || {
            let tls = trust.as_ref().map(trust::config).transpose()?;
            let (host, tag) = (host.clone(), tag.clone());
            let number = u128::from(RandomState::new().hash_one(0)) << 64;
            Ok(Box::new(Forward { host, tls, tag, own: super::own_host(), number, connection: None, arrived: 0 }))
        }))
    },
};

/// The longest acknowledgement that is read, bytes.
const MAX_ACK: usize = 1 << 10;
/// The extension type for times with nanoseconds.
const EVENT_TIME: i8 = 0;
const SECOND: u64 = 1_000_000_000;

struct Forward {
    host: String,
    tls: Option<Arc<ClientConfig>>,
    tag: String,
    own: String,
    /// Of the next batch.
    number: u128,
    connection: Option<Connection>,
    arrived: usize,
}

/// Memory can always be written, so that no error of these is one.
fn text(out: &mut Vec<u8>, text: &str) {
    let _ = encode::write_str(out, text);
}

/// An entry: time and record.
fn entry(record: &Record, host: &str, out: &mut Vec<u8>) {
    let time_ns = record.time_ns();
    let _ = encode::write_array_len(out, 2);
    let _ = encode::write_ext_meta(out, 8, EVENT_TIME);
    out.extend_from_slice(&u32::try_from(time_ns / SECOND).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&((time_ns % SECOND) as u32).to_be_bytes());
    let writer = &record.writer;
    let fields = [
        ("source", record.stream()),
        ("container_id", &writer.full_id),
        ("container_name", &writer.name),
        ("image_name", &writer.image),
        ("runtime", &writer.runtime),
        ("pod_name", &writer.pod),
        ("namespace_name", &writer.namespace),
        ("host", host),
        ("truncated", if record.is_cut() { "true" } else { "" }),
        ("gap", if matches!(record.entry, Entry::Gap(_)) { "true" } else { "" }),
    ];
    let known: Vec<_> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let has_labels = !writer.labels.is_empty();
    let _ = encode::write_map_len(out, (1 + known.len() + usize::from(has_labels)) as u32);
    text(out, "log");
    let message = record.message();
    match std::str::from_utf8(&message) {
        Ok(line) => text(out, line),
        Err(_) => _ = encode::write_bin(out, &message),
    }
    for (name, value) in known {
        text(out, name);
        text(out, value);
    }
    if has_labels {
        text(out, "labels");
        let _ = encode::write_map_len(out, writer.labels.len() as u32);
        for (name, value) in &writer.labels {
            text(out, name);
            text(out, value);
        }
    }
}

/// A message with all of these, which asks for an acknowledgement with that word.
fn message(records: &[Arc<Record>], tag: &str, host: &str, chunk: &str) -> Vec<u8> {
    let mut entries = Vec::new();
    records.iter().for_each(|record| entry(record, host, &mut entries));
    let mut out = Vec::with_capacity(entries.len() + 128);
    let _ = encode::write_array_len(&mut out, 3);
    text(&mut out, tag);
    let _ = encode::write_bin(&mut out, &entries);
    let _ = encode::write_map_len(&mut out, 2);
    text(&mut out, "size");
    let _ = encode::write_uint(&mut out, records.len() as u64);
    text(&mut out, "chunk");
    text(&mut out, chunk);
    out
}

/// What is acknowledged: the word in `{"ack": …}`; `None` if that has not come in whole.
///
/// # Errors
/// It is something else.
fn acknowledged(mut bytes: &[u8]) -> io::Result<Option<String>> {
    let wrong = || io::Error::other("its answer is not an acknowledgement");
    fn word(bytes: &mut &[u8]) -> Option<io::Result<String>> {
        let length = match decode::read_str_len(bytes) {
            Ok(length) => length as usize,
            Err(decode::ValueReadError::TypeMismatch(_)) => return Some(Err(io::Error::other("not a text"))),
            Err(_) => return None,
        };
        let mut text = vec![0; length.min(MAX_ACK)];
        bytes.read_exact(&mut text).ok()?;
        Some(Ok(String::from_utf8_lossy(&text).into_owned()))
    }
    match decode::read_map_len(&mut bytes) {
        Ok(1) => {}
        Err(decode::ValueReadError::InvalidMarkerRead(_) | decode::ValueReadError::InvalidDataRead(_)) => {
            return Ok(None);
        }
        _ => return Err(wrong()),
    }
    let Some(name) = word(&mut bytes) else { return Ok(None) };
    if name.map_err(|_| wrong())? != "ack" {
        return Err(wrong());
    }
    word(&mut bytes).transpose().map_err(|_| wrong())
}

impl Forward {
    /// Sends a message, and waits until it is acknowledged.
    fn exchange(&mut self, message: &[u8], chunk: &str) -> io::Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        connection.check()?;
        connection.write_all(message)?;
        let (mut answer, mut buffer) = (Vec::new(), [0; MAX_ACK]);
        loop {
            let count = connection.read(&mut buffer).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    io::Error::new(io::ErrorKind::TimedOut, "it does not acknowledge what it gets")
                }
                _ => error,
            })?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the connection was closed"));
            }
            answer.extend_from_slice(&buffer[..count]);
            match acknowledged(&answer)? {
                Some(word) if word == chunk => return Ok(()),
                Some(_) => return Err(io::Error::other("it acknowledges something else")),
                None if answer.len() >= MAX_ACK => return Err(io::Error::other("its answer is too long")),
                None => {}
            }
        }
    }
}

impl Transport for Forward {
    fn send(&mut self, records: &[Arc<Record>]) -> Result<(), Failure> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(&self.host, self.tls.as_ref())?);
        }
        let mut chunk = Vec::new();
        base64(&self.number.to_be_bytes(), &mut chunk);
        let chunk = String::from_utf8_lossy(&chunk).into_owned();
        self.number = self.number.wrapping_add(1);
        let message = message(records, &self.tag, &self.own, &chunk);
        let outcome = self.exchange(&message, &chunk);
        if outcome.is_err() {
            self.connection = None;
        }
        outcome.map_err(Failure::later)?;
        self.arrived += records.len();
        Ok(())
    }

    fn arrived(&mut self) -> Result<Arrived, Failure> {
        Ok(Arrived { count: std::mem::take(&mut self.arrived), rejected: Vec::new() })
    }

    fn end(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{Line, Stream, Writer};

    #[test]
    fn a_batch_is_written_byte_by_byte() {
        let writer = Arc::new(Writer { full_id: "ab".into(), ..Writer::default() });
        let line = Line { time_ns: 2 * SECOND + 3, stream: Stream::Out, text: vec![0xff, b'\n'], is_cut: false };
        let records = [Arc::new(Record { writer, entry: Entry::Line(line), read_ns: 0 })];
        let entries = [
            &b"\x92\xd7\x00\x00\x00\x00\x02\x00\x00\x00\x03\x83"[..],
            b"\xa3log\xc4\x02\xff\n",
            b"\xa6source\xa6stdout",
            b"\xaccontainer_id\xa2ab",
        ]
        .concat();
        let whole =
            [&b"\x93\xa1t\xc4"[..], &[entries.len() as u8], &entries, b"\x82\xa4size\x01\xa5chunk\xa2id"].concat();
        assert_eq!(message(&records, "t", "", "id"), whole);
    }

    #[test]
    fn an_acknowledgement_is_read_whole_and_nothing_else() {
        let whole = b"\x81\xa3ack\xa2id";
        assert_eq!(acknowledged(whole).unwrap().as_deref(), Some("id"));
        for length in 0..whole.len() {
            assert_eq!(acknowledged(&whole[..length]).unwrap(), None, "{length}");
        }
        for wrong in
            [&b"\x82\xa3ack\xa2id"[..], b"\x81\xa3nak\xa2id", b"\x81\x01\xa2id", b"\x81\xa3ack\x01", b"HTTP/1.1"]
        {
            assert!(acknowledged(wrong).is_err(), "{wrong:?}");
        }
    }
}
