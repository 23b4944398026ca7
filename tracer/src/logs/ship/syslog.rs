//! Messages of syslog, in the forms of RFC 5424 and RFC 3164.
//!
//! The application is the container, and the process its short id. What is a name in a header has only printable ASCII, so that nothing that a
//! container chose can pretend to be another field.

use jiff::Timestamp;

use super::{
    protocol::{Carrier, Protocol, Rest, Scheme, TargetOption},
    queue::Record,
    wire::{self, Messages},
};
use crate::{
    format::time,
    logs::{Entry, Stream, Writer},
};

/// Syslog, as targets.
pub static PROTOCOL: Protocol = Protocol {
    name: "syslog",
    schemes: &[
        Scheme { name: "syslog+udp", rest: Rest::Host(514), carrier: Carrier::Udp },
        Scheme { name: "syslog+tcp", rest: Rest::Host(514), carrier: Carrier::Tcp },
        Scheme { name: "syslog+tls", rest: Rest::Host(6514), carrier: Carrier::Tls },
    ],
    options: &[
        TargetOption { name: "format", values: "rfc5424, rfc3164", about: "form of messages", is_secret: false },
        TargetOption {
            name: "framing",
            values: "octets, lines",
            about: "over connections: the length before each message (RFC 6587), or a newline after it",
            is_secret: false,
        },
    ],
    sends: "syslog messages: the application is the container, the process its short id, the message id the stream. Over UDP one datagram per \
            line, cut at 8 KiB",
    arrives: wire::ARRIVES,
    prepare: |asked| {
        let form = asked.choice("format", &[("rfc5424", SyslogForm::Rfc5424), ("rfc3164", SyslogForm::Rfc3164)])?;
        let framing = match asked.scheme.carrier {
            Carrier::Udp => Framing::Octets,
            _ => asked.choice("framing", &[("octets", Framing::Octets), ("lines", Framing::Lines)])?,
        };
        Ok(wire::prepared(asked, Syslog { form, framing }))
    },
};

/// The form of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SyslogForm {
    /// RFC 5424.
    Rfc5424,
    /// RFC 3164.
    Rfc3164,
}

/// How messages follow each other in a stream (RFC 6587).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// The length before each.
    Octets,
    /// A newline after each.
    Lines,
}

/// Facility `daemon`, as Docker's own driver has it.
const FACILITY: u8 = 3;
/// Severities: informational, warning, error.
const INFO: u8 = 6;
const WARNING: u8 = 4;
const ERROR: u8 = 3;
/// The longest datagram: receivers take 8 KiB if they are not told otherwise.
const MAX_DATAGRAM: usize = 8 << 10;
/// The longest names in headers. Source: RFC 5424, 6.2; RFC 3164, 4.1.3.
const MAX_HOST: usize = 255;
const MAX_APP: usize = 48;
const MAX_TAG: usize = 32;
/// The number for names in examples, RFC 5612: structured data that is not registered needs one.
const STRUCTURE: &str = "container@32473";

/// A name as headers can have it; `-` if there is nothing of it.
fn name(text: &str, longest: usize, is_plain: bool) -> String {
    let allowed = |c: char| c.is_ascii_graphic() && (!is_plain || c.is_ascii_alphanumeric() || "._-".contains(c));
    let name: String = text.chars().take(longest).map(|c| if allowed(c) { c } else { '_' }).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

/// A value of structured data: `"`, `\` and `]` have a backslash in front.
fn value(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        match c {
            '"' | '\\' | ']' => out.extend([b'\\', c as u8]),
            c if c.is_control() => out.push(b' '),
            c => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
}

/// How severe an entry is. What goes to standard error may be anything; Docker's drivers take it for an error.
pub(super) fn severity(entry: &Entry) -> u8 {
    match entry {
        Entry::Line(line) if line.stream == Stream::Out => INFO,
        Entry::Line(_) => ERROR,
        Entry::Gap(_) => WARNING,
    }
}

fn structure(writer: &Writer, entry: &Entry, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("[{STRUCTURE}").as_bytes());
    let gap = matches!(entry, Entry::Gap(_)).then_some("true").unwrap_or_default();
    let cut = matches!(entry, Entry::Line(line) if line.is_cut).then_some("true").unwrap_or_default();
    let fields = [
        ("id", writer.full_id.as_str()),
        ("name", &writer.name),
        ("image", &writer.image),
        ("type", &writer.runtime),
        ("pod", &writer.pod),
        ("namespace", &writer.namespace),
        ("truncated", cut),
        ("gap", gap),
    ];
    for (name, text) in fields.into_iter().filter(|(_, text)| !text.is_empty()) {
        out.extend_from_slice(format!(" {name}=\"").as_bytes());
        value(text, out);
        out.push(b'"');
    }
    out.push(b']');
}

struct Syslog {
    form: SyslogForm,
    framing: Framing,
}

impl Messages for Syslog {
    fn stream(&self, record: &Record, host: &str, out: &mut Vec<u8>) {
        let mut bytes = Vec::new();
        message(record, self.form, host, &mut bytes);
        frame(&bytes, self.framing, out);
    }

    fn datagrams(&self, record: &Record, host: &str) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        message(record, self.form, host, &mut bytes);
        bytes.truncate(MAX_DATAGRAM);
        vec![bytes]
    }
}

/// Writes a message.
fn message(record: &Record, form: SyslogForm, host: &str, out: &mut Vec<u8>) {
    let Record { writer, entry, .. } = record;
    let priority = FACILITY * 8 + severity(entry);
    let id = writer.full_id.get(..12).unwrap_or(&writer.full_id);
    let time = Timestamp::from_nanosecond(record.time_ns().into()).unwrap_or_default();
    match form {
        SyslogForm::Rfc5424 => {
            let stream = match entry {
                Entry::Line(line) => line.stream.name(),
                Entry::Gap(_) => "gap",
            };
            let (host, app, id) =
                (name(host, MAX_HOST, false), name(&writer.prefix(), MAX_APP, false), name(id, 128, false));
            out.extend_from_slice(format!("<{priority}>1 {time:.6} {host} {app} {id} {stream} ").as_bytes());
            structure(writer, entry, out);
            out.push(b' ');
        }
        SyslogForm::Rfc3164 => {
            let (host, tag, id) =
                (name(host, MAX_HOST, true), name(&writer.prefix(), MAX_TAG, true), name(id, 32, true));
            let time = time::zoned(time).strftime("%b %e %H:%M:%S");
            out.extend_from_slice(format!("<{priority}>{time} {host} {tag}[{id}]: ").as_bytes());
        }
    }
    out.extend_from_slice(&record.message());
}

/// Adds a message to a stream.
fn frame(message: &[u8], framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::Octets => {
            out.extend_from_slice(format!("{} ", message.len()).as_bytes());
            out.extend_from_slice(message);
        }
        Framing::Lines => {
            // What receivers may take for an end is written as rsyslog does with control characters.
            for byte in message {
                match byte {
                    b'\n' | b'\r' | 0 => out.extend_from_slice(format!("#{byte:03o}").as_bytes()),
                    byte => out.push(*byte),
                }
            }
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::logs::Line;

    fn record(stream: Stream, text: &[u8]) -> Record {
        let writer = Writer {
            full_id: "abcdef0123456789".into(),
            name: "we b\u{1b}".into(),
            image: "a]\"\\b\n".into(),
            ..Writer::default()
        };
        let line = Line { time_ns: 1_785_578_400_123_456_789, stream, text: text.into(), is_cut: false };
        Record { writer: Arc::new(writer), entry: Entry::Line(line), read_ns: 0 }
    }

    fn text(record: &Record, form: SyslogForm) -> String {
        let mut out = Vec::new();
        message(record, form, "a host", &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn both_forms_are_written_and_names_cannot_break_them() {
        assert_eq!(
            text(&record(Stream::Out, b"hello [x]"), SyslogForm::Rfc5424),
            "<30>1 2026-08-01T10:00:00.123456Z a_host we_b_ abcdef012345 stdout [container@32473 id=\"abcdef0123456789\" \
             name=\"we b \" image=\"a\\]\\\"\\\\b \"] hello [x]"
        );
        let old = text(&record(Stream::Err, b"oh"), SyslogForm::Rfc3164);
        assert!(old.starts_with("<27>") && old.ends_with(" a_host we_b_[abcdef012345]: oh"), "{old}");
        assert_eq!(old.as_bytes()[4..].iter().filter(|byte| **byte == b':').count(), 3, "{old}");
        let gap = Record { entry: Entry::Gap("rotated".into()), ..record(Stream::Out, b"") };
        let gap = text(&gap, SyslogForm::Rfc5424);
        assert!(gap.starts_with("<28>1 ") && gap.ends_with(" gap=\"true\"] lines may be missing: rotated"), "{gap}");
    }

    #[test]
    fn messages_in_a_stream_are_counted_or_ended() {
        let mut out = Vec::new();
        frame(b"<30>1 x", Framing::Octets, &mut out);
        frame(b"y\nz\0", Framing::Lines, &mut out);
        assert_eq!(out, b"7 <30>1 xy#012z#000\n");
    }
}
