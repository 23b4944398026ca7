//! Plain lines over a connection, with a token before each: what Logentries takes, and everything that reads lines.
//!
//! A newline ends a line, so that none of a container's own goes through: within a message it becomes U+2028, which Logentries shows as a new
//! line. NUL, which some receivers take for an end, becomes U+FFFD, and so do bytes that are not UTF-8.

use std::{path::PathBuf, sync::Arc};

use super::{
    protocol::{Carrier, Protocol, Rest, Scheme, TargetOption},
    queue::Record,
    target::wrong,
    wire::{self, Messages},
};
use crate::{files, logs::print::json_line, message::Shown as _};

/// Plain lines, as targets.
pub static PROTOCOL: Protocol = Protocol {
    name: "lines",
    schemes: &[
        Scheme { name: "lines+tcp", rest: Rest::Host(514), carrier: Carrier::Tcp },
        Scheme { name: "lines+tls", rest: Rest::Host(443), carrier: Carrier::Tls },
    ],
    options: &[
        TargetOption {
            name: "token-file",
            values: "FILE",
            about: "file with a token that is sent before each line",
            is_secret: false,
        },
        TargetOption {
            name: "token",
            values: "TOKEN",
            about: "the token itself, which everyone on this machine can see in the list of processes",
            is_secret: true,
        },
        TargetOption {
            name: "format",
            values: "text, name, json",
            about: "the line alone, with the container's name before it, or as `-j` prints it",
            is_secret: false,
        },
    ],
    sends: "lines, as Logentries and other line receivers take them: the token, a blank, the line, a newline. A newline within a line becomes \
            U+2028, a NUL or a byte that is not UTF-8 U+FFFD",
    arrives: wire::ARRIVES,
    prepare: |asked| {
        let format =
            asked.choice("format", &[("text", Format::Text), ("name", Format::Name), ("json", Format::Json)])?;
        let (token, file) = (asked.option("token"), asked.option("token-file").map(PathBuf::from));
        if let Some(token) = &token
            && !is_token(token)
        {
            return Err(wrong("token", "***", "a token without blanks"));
        }
        let carried = wire::Carried::of(asked);
        Ok(Arc::new(move || {
            let token = match (&token, &file) {
                (Some(token), _) => token.clone(),
                (None, Some(file)) => read(file)?,
                (None, None) => String::new(),
            };
            carried.open(Arc::new(Lines { token, format }))
        }))
    },
};

/// The longest token, bytes.
const MAX_TOKEN: u64 = 4 << 10;

#[derive(Debug, Clone, Copy)]
enum Format {
    Text,
    Name,
    Json,
}

struct Lines {
    token: String,
    format: Format,
}

/// Whether that can be a token: a blank or a newline would end it.
fn is_token(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// The token in a file.
fn read(file: &std::path::Path) -> Result<String, String> {
    let text = files::read(file, MAX_TOKEN).map_err(|error| {
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("cannot read the token in '{}': {error}{hint}", file.shown())
    })?;
    let token = text.trim();
    let is_right = is_token(token);
    is_right.then(|| token.to_owned()).ok_or_else(|| format!("'{}' has no token\nhint: write one word", file.shown()))
}

/// A text that ends nothing.
fn line(text: &str, out: &mut Vec<u8>) {
    for c in text.chars() {
        let c = match c {
            '\n' | '\r' => '\u{2028}',
            '\0' => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

impl Messages for Lines {
    fn stream(&self, record: &Record, _: &str, out: &mut Vec<u8>) {
        if !self.token.is_empty() {
            out.extend_from_slice(self.token.as_bytes());
            out.push(b' ');
        }
        match self.format {
            Format::Json => json_line(&record.writer, &record.entry, record.read_ns, out),
            Format::Text => line(&record.words(), out),
            Format::Name => {
                line(&record.writer.prefix().replace(char::is_whitespace, "_"), out);
                out.push(b' ');
                line(&record.words(), out);
            }
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{Entry, Line, Stream, Writer};

    #[test]
    fn no_line_ends_another() {
        let writer = Arc::new(Writer { name: "a\nb".into(), ..Writer::default() });
        let entry =
            Entry::Line(Line { time_ns: 1, stream: Stream::Out, text: b"x\ny\0\xff\r".to_vec(), is_cut: false });
        let record = Record { writer, entry, read_ns: 0 };
        let sent = |token: &str, format| {
            let mut out = Vec::new();
            Lines { token: token.to_owned(), format }.stream(&record, "", &mut out);
            String::from_utf8(out).unwrap()
        };
        let text = "x\u{2028}y\u{fffd}\u{fffd}\u{2028}\n";
        assert_eq!(sent("", Format::Text), text);
        assert_eq!(sent("t0k", Format::Name), format!("t0k a_b {text}"));
        let json = sent("t0k", Format::Json);
        assert!(json.starts_with("t0k {\"time\"") && json.matches('\n').count() == 1, "{json}");
        assert!(!is_token("a b") && !is_token("") && !is_token("a\n") && is_token("a-1"));
    }
}
