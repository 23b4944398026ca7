//! Entries as text, as JSON, and in the export format, as journalctl(1) shows them.

use std::{io, io::Write as _};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::file::{Field, JournalEntry, Stamp};
use crate::{
    format::{
        color::{Color, RESET},
        escape, time,
    },
    output::Out,
};

/// How entries look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Form {
    /// Time, host, who, message
    #[default]
    Short,
    /// Like short, with year and zone
    ShortIso,
    /// The message alone
    Cat,
    /// All fields, one per line
    Verbose,
    /// One object per line, all fields exact
    Json,
    /// The export format of systemd
    Export,
}

/// Shows entries.
pub struct Printer {
    out: Out,
    form: Form,
    colors: bool,
    /// Whether colours of the messages are kept.
    keeps_colors: bool,
    utc: bool,
    /// The boot of the entry before.
    boot: Option<super::Id>,
    /// How many were shown.
    pub count: u64,
}

impl Stamp {
    /// What identifies an entry, as journalctl takes it for `--after-cursor`.
    #[must_use]
    pub fn cursor(&self) -> String {
        let Self { seqnum, seqnum_id, realtime_us, monotonic_us, boot_id, xor_hash } = self;
        format!("s={seqnum_id};i={seqnum:x};b={boot_id};m={monotonic_us:x};t={realtime_us:x};x={xor_hash:x}")
    }
}

impl Printer {
    /// To that output.
    #[must_use]
    pub fn new(out: Out, form: Form, colors: bool, utc: bool) -> Self {
        let keeps_colors = colors && out.is_terminal();
        Self { out, form, colors, keeps_colors, utc, boot: None, count: 0 }
    }

    /// Shows one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn entry(&mut self, entry: &JournalEntry) -> io::Result<()> {
        let boot = self.boot.replace(entry.stamp.boot_id);
        let is_text = matches!(self.form, Form::Short | Form::ShortIso | Form::Verbose);
        if is_text && boot.is_some_and(|boot| boot != entry.stamp.boot_id) {
            self.out.text_line(&format!("-- Boot {} --", entry.stamp.boot_id))?;
        }
        let made = self.out.line(|out| match self.form {
            Form::Short => self.short(entry, "%b %d %H:%M:%S", out),
            Form::ShortIso => self.short(entry, "%Y-%m-%dT%H:%M:%S%:z", out),
            Form::Cat => entry.get("MESSAGE").map(|message| self.lines(message, 0, None, out)).is_some(),
            Form::Verbose => {
                self.verbose(entry, out);
                true
            }
            // Memory can always be written.
            Form::Json => serde_json::to_writer(out, &object(entry)).is_ok(),
            Form::Export => {
                export(entry, out);
                true
            }
        })?;
        self.count += u64::from(made);
        Ok(())
    }

    /// Says that there are none, if none was shown.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn end(&self) -> io::Result<()> {
        if self.count == 0 && !matches!(self.form, Form::Json | Form::Export | Form::Cat) {
            self.out.text_line("-- No entries --")?;
        }
        self.out.flush()
    }

    /// Writes out what is there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&self) -> io::Result<()> {
        self.out.flush()
    }

    fn time(&self, pattern: &str, us: u64) -> String {
        let ns = us.saturating_mul(1_000);
        if self.utc {
            let time = Timestamp::from_nanosecond(ns.into());
            let zoned = time.map(|time| time.to_zoned(jiff::tz::TimeZone::UTC));
            return zoned.map_or_else(|_| String::new(), |time| time.strftime(pattern).to_string());
        }
        time::pattern(pattern, ns)
    }

    fn short(&self, entry: &JournalEntry, pattern: &str, out: &mut Vec<u8>) -> bool {
        let Some(message) = entry.get("MESSAGE") else { return false };
        let start = out.len();
        let us = entry.number("_SOURCE_REALTIME_TIMESTAMP").unwrap_or(entry.stamp.realtime_us);
        out.extend_from_slice(self.time(pattern, us).as_bytes());
        if let Some(host) = entry.get("_HOSTNAME") {
            out.push(b' ');
            escape::escape(host, out);
        }
        out.push(b' ');
        let who = entry.get("SYSLOG_IDENTIFIER").or_else(|| entry.get("_COMM")).unwrap_or(b"unknown");
        escape::escape(who, out);
        if let Some(pid) = entry.get("_PID").or_else(|| entry.get("SYSLOG_PID")) {
            out.push(b'[');
            escape::escape(pid, out);
            out.push(b']');
        }
        out.extend_from_slice(b": ");
        let width = String::from_utf8_lossy(&out[start..]).chars().count();
        self.lines(message, width, entry.number("PRIORITY"), out);
        true
    }

    /// A message, whose lines but the first begin under that one, so that none can be taken for another entry.
    fn lines(&self, message: &[u8], indent: usize, priority: Option<u64>, out: &mut Vec<u8>) {
        let color = match priority.filter(|_| self.colors) {
            Some(..=3) => Color::Red.on(),
            Some(4) => Color::Yellow.on(),
            Some(5) => "\x1b[01m",
            Some(7) => "\x1b[02m",
            _ => "",
        };
        let message = message.trim_ascii_end();
        for (at, line) in message.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                out.push(b'\n');
                out.resize(out.len() + indent, b' ');
            }
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            out.extend_from_slice(color.as_bytes());
            if self.keeps_colors {
                escape::printed(line, out);
            } else {
                for (at, part) in escape::without_colors(line).split(|byte| *byte == b'\t').enumerate() {
                    out.extend_from_slice(if at > 0 { b"        " } else { b"" });
                    escape::escape(part, out);
                }
            }
            if !color.is_empty() || self.keeps_colors && line.contains(&0x1b) {
                out.extend_from_slice(RESET.as_bytes());
            }
        }
    }

    fn verbose(&self, entry: &JournalEntry, out: &mut Vec<u8>) {
        let us = entry.stamp.realtime_us;
        let time = self.time("%a %Y-%m-%d %H:%M:%S", us);
        let _ = write!(out, "{time}.{:06} {} [{}]", us % 1_000_000, self.time("%Z", us), entry.stamp.cursor());
        for field in &entry.fields {
            out.extend_from_slice(b"\n    ");
            escape::escape(field.name(), out);
            out.push(b'=');
            for (at, line) in field.value().split(|byte| *byte == b'\n').enumerate() {
                out.extend_from_slice(if at > 0 { b"\n            " } else { b"" });
                escape::escape(line, out);
            }
            if field.is_cut {
                out.extend_from_slice(b" [cut: the value is longer than 16 MiB]");
            }
        }
    }
}

/// Whether a value is text, so that it is written as it is. Source: systemd, `utf8_is_printable_newline`.
fn is_text(value: &[u8], allow_newline: bool) -> bool {
    let is_shown = |it: char| match it {
        '\n' => allow_newline,
        '\t' => true,
        _ => !it.is_control(),
    };
    std::str::from_utf8(value).is_ok_and(|text| text.chars().all(is_shown))
}

/// As the journal's JSON format has it: <https://systemd.io/JOURNAL_EXPORT_FORMATS>. Values that are no text are lists of their bytes.
fn object(entry: &JournalEntry) -> Map<String, Value> {
    let mut object = Map::new();
    for (name, value) in stamps(&entry.stamp) {
        object.insert(name.to_owned(), Value::String(value));
    }
    for field in entry.fields.iter().filter(|field| field.name() != b"_BOOT_ID") {
        let value = match std::str::from_utf8(field.value()) {
            _ if field.is_cut => Value::Null,
            Ok(text) if is_text(field.value(), true) => Value::String(text.to_owned()),
            _ => Value::Array(field.value().iter().map(|byte| (*byte).into()).collect()),
        };
        let name = String::from_utf8_lossy(field.name()).into_owned();
        match object.get_mut(&name) {
            None => _ = object.insert(name, value),
            Some(Value::Array(all)) if all.iter().any(|it| !it.is_number()) => all.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    object
}

/// What comes before the fields.
fn stamps(stamp: &Stamp) -> [(&'static str, String); 6] {
    [
        ("__CURSOR", stamp.cursor()),
        ("__REALTIME_TIMESTAMP", stamp.realtime_us.to_string()),
        ("__MONOTONIC_TIMESTAMP", stamp.monotonic_us.to_string()),
        ("__SEQNUM", stamp.seqnum.to_string()),
        ("__SEQNUM_ID", stamp.seqnum_id.to_string()),
        ("_BOOT_ID", stamp.boot_id.to_string()),
    ]
}

/// Fields as lines; one that is no line has its length first. An empty line ends an entry.
fn export(entry: &JournalEntry, out: &mut Vec<u8>) {
    for (name, value) in stamps(&entry.stamp) {
        let _ = writeln!(out, "{name}={value}");
    }
    let is_field = |field: &&std::sync::Arc<Field>| field.name() != b"_BOOT_ID";
    for field in entry.fields.iter().filter(is_field) {
        out.extend_from_slice(field.name());
        if is_text(field.value(), false) {
            out.push(b'=');
        } else {
            out.push(b'\n');
            out.extend_from_slice(&(field.value().len() as u64).to_le_bytes());
        }
        out.extend_from_slice(field.value());
        out.push(b'\n');
    }
}
