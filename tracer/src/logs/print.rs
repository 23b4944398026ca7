//! Lines of logs as text and as JSON.

use std::{io, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use super::{Entry, Line, Sink, Stream, Writer, follow::now_ns};
use crate::{
    format::{
        color::{Color, RESET},
        escape,
    },
    output::Out,
};

/// How lines look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// As objects of JSON.
    pub json: bool,
    /// With the time in front.
    pub timestamps: bool,
    /// With the name of the container in front.
    pub prefix: bool,
    /// In colours.
    pub colors: bool,
}

/// Shows lines.
#[derive(Debug)]
pub struct Printer {
    out: Out,
    look: Look,
    /// The longest name so far: others are filled up to it.
    width: usize,
}

/// The longest name that others are filled up to, columns.
const MAX_WIDTH: usize = 40;

/// A line as it is in JSON. Names are those of fields where there is one.
#[derive(Serialize)]
struct Object<'l> {
    time: String,
    stream: &'static str,
    #[serde(rename = "container.id")]
    id: &'l str,
    #[serde(rename = "container.name")]
    name: &'l str,
    #[serde(rename = "container.image", skip_serializing_if = "str::is_empty")]
    image: &'l str,
    #[serde(rename = "container.type")]
    runtime: &'l str,
    #[serde(rename = "container.labels", skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    labels: &'l std::collections::BTreeMap<String, String>,
    #[serde(rename = "k8s.ns.name", skip_serializing_if = "str::is_empty")]
    namespace: &'l str,
    #[serde(rename = "k8s.pod.name", skip_serializing_if = "str::is_empty")]
    pod: &'l str,
    source: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<std::borrow::Cow<'l, str>>,
    /// What is no UTF-8, exactly.
    #[serde(rename = "log.hex", skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'l str>,
}

impl Printer {
    /// To that output.
    #[must_use]
    pub fn new(out: Out, look: Look) -> Self {
        Self { out, look, width: 0 }
    }

    fn text(&self, writer: &Writer, line: &Line) -> io::Result<()> {
        let Look { timestamps, prefix, colors, .. } = self.look;
        let is_terminal = self.out.is_terminal();
        self.out.line(|out| {
            let colored = |out: &mut Vec<u8>, color: Color, text: &str| {
                let (on, off) = if colors { (color.on(), RESET) } else { ("", "") };
                out.extend_from_slice(format!("{on}{text}{off}").as_bytes());
            };
            if prefix {
                let name = escape::escaped(writer.prefix().as_bytes());
                let fill = self.width.saturating_sub(unicode_width::UnicodeWidthStr::width(name.as_str()));
                colored(out, color_of(&writer.full_id), &format!("{name}{}", " ".repeat(fill)));
                match line.stream {
                    Stream::Out => out.extend_from_slice(b" | "),
                    Stream::Err => colored(out, Color::Red, " ! "),
                }
            }
            if timestamps {
                out.extend_from_slice(time(line.time_ns).as_bytes());
                out.push(b' ');
            }
            if is_terminal {
                // A container that ends its lines for a terminal has another end in front of ours.
                let text = line.text.strip_suffix(b"\r").unwrap_or(&line.text);
                escape::printed(text, out);
                if text.contains(&0x1b) {
                    out.extend_from_slice(RESET.as_bytes());
                }
            } else {
                out.extend_from_slice(&line.text);
            }
            if line.is_cut {
                out.extend_from_slice(b" [cut: the line is longer than 1 MiB]");
            }
            true
        })?;
        Ok(())
    }
}

impl Sink for Printer {
    /// Names of that length come.
    fn expect(&mut self, writer: &Writer) {
        let name = escape::escaped(writer.prefix().as_bytes());
        self.width = self.width.max(unicode_width::UnicodeWidthStr::width(name.as_str()).min(MAX_WIDTH));
    }

    /// As text, that lines are missing goes to standard error.
    fn entry(&mut self, writer: &Arc<Writer>, entry: &Entry) -> io::Result<()> {
        match entry {
            _ if self.look.json => {
                self.out.line(|out| {
                    json_line(writer, entry, now_ns(), out);
                    true
                })?;
                Ok(())
            }
            Entry::Line(line) => self.text(writer, line),
            Entry::Gap(gap) => {
                self.out.flush()?;
                crate::message::note(&format!("warning: {}: lines may be missing: {gap}", writer.prefix()));
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes an object of JSON. `read_ns` is when it was read.
pub fn json_line(writer: &Writer, entry: &Entry, read_ns: u64, out: &mut Vec<u8>) {
    let (line, gap) = match entry {
        Entry::Line(line) => (Some(line), None),
        Entry::Gap(gap) => (None, Some(&**gap)),
    };
    let text = line.map(|line| String::from_utf8_lossy(&line.text));
    let is_exact = matches!(text, None | Some(std::borrow::Cow::Borrowed(_)));
    let hex = line.filter(|_| !is_exact).map(|line| line.text.iter().map(|byte| format!("{byte:02x}")).collect());
    let object = Object {
        time: time(line.map_or(read_ns, |line| line.time_ns)),
        stream: line.map_or("", |line| line.stream.name()),
        id: writer.full_id.get(..12).unwrap_or(&writer.full_id),
        name: &writer.name,
        image: &writer.image,
        runtime: &writer.runtime,
        labels: &writer.labels,
        namespace: &writer.namespace,
        pod: &writer.pod,
        source: &writer.driver,
        log: text,
        hex,
        truncated: line.is_some_and(|line| line.is_cut),
        gap,
    };
    // Memory can always be written.
    let _ = serde_json::to_writer(out, &object);
}

/// As Docker and Kubernetes show times: `2026-08-01T10:00:00.123456789Z`.
pub fn time(ns: u64) -> String {
    Timestamp::from_nanosecond(ns.into()).map_or_else(|_| String::new(), |time| format!("{time:.9}"))
}

/// The same container has the same colour each time. Red is left to errors.
fn color_of(id: &str) -> Color {
    const COLORS: [Color; 5] = [Color::Green, Color::Yellow, Color::Blue, Color::Magenta, Color::Cyan];
    let sum = id.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    COLORS[sum % COLORS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> Writer {
        Writer {
            full_id: "abcdef0123456789".into(),
            name: "we\u{1b}b".into(),
            runtime: "docker".into(),
            driver: "json-file".into(),
            ..Writer::default()
        }
    }

    fn shown(look: Look, text: &[u8], stream: Stream) -> String {
        let out = Out::memory();
        let mut printer = Printer::new(out.clone(), look);
        let writer = Arc::new(writer());
        printer.expect(&writer);
        let line = Line { time_ns: 1_785_578_400_120_000_000, stream, text: text.to_vec(), is_cut: false };
        printer.entry(&writer, &Entry::Line(line)).unwrap();
        out.text()
    }

    #[test]
    fn lines_have_names_and_times_on_request() {
        let look = Look { prefix: true, timestamps: true, ..Look::default() };
        let name = escape::escaped(b"we\x1bb");
        assert_eq!(shown(look, b"hello", Stream::Out), format!("{name} | 2026-08-01T10:00:00.120000000Z hello\n"));
        assert_eq!(shown(Look { prefix: true, ..Look::default() }, b"x", Stream::Err), format!("{name} ! x\n"));
        assert_eq!(shown(Look::default(), b"as it is\x1b[31m", Stream::Out), "as it is\x1b[31m\n");
    }

    #[test]
    fn objects_have_exact_values() {
        let object = |text: &[u8]| -> serde_json::Value {
            serde_json::from_str(&shown(Look { json: true, ..Look::default() }, text, Stream::Err)).unwrap()
        };
        let value = object(b"a\t\"b\"");
        assert_eq!(value["log"], "a\t\"b\"");
        assert_eq!((&value["stream"], &value["container.id"]), (&"stderr".into(), &"abcdef012345".into()));
        assert_eq!(value["time"], "2026-08-01T10:00:00.120000000Z");
        assert_eq!(value.get("log.hex"), None);
        assert_eq!(object(b"\xff!")["log.hex"], "ff21");
    }
}
