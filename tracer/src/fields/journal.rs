//! `journal.*`: messages that are sent to the systemd journal in its native protocol. Source: <https://systemd.io/JOURNAL_NATIVE_PROTOCOL>.

use tracer_common::events::Flags;

use super::{Arg, Context, EventType, Needs, Value, fields, syslog};
use crate::{event::decode::layout, state::FdKind};

/// The socket on which journald takes messages.
const SOCKET: &[u8] = b"/run/systemd/journal/socket";

/// What the fields of a message are, in the order in which they are sent.
#[derive(Debug, Clone)]
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    /// `NAME=value`, or a line with the name, the length of the value in 64 bits, and the value; each with the end of a line. What is cut off at
    /// the limit of `-s` ends the last value.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let end = self.0.iter().position(|byte| *byte == b'\n').unwrap_or(self.0.len());
            let (line, rest) = (&self.0[..end], self.0.get(end + 1..).unwrap_or_default());
            if self.0.is_empty() {
                return None;
            }
            if let Some(at) = line.iter().position(|byte| *byte == b'=') {
                self.0 = rest;
                return Some((&line[..at], &line[at + 1..]));
            }
            let Some((length, value)) = rest.split_first_chunk().filter(|_| !line.is_empty()) else {
                // An empty line, or only the name came.
                self.0 = if line.is_empty() { rest } else { &[] };
                continue;
            };
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX).min(value.len());
            self.0 = value.get(length + 1..).unwrap_or_default();
            return Some((line, &value[..length]));
        }
    }
}

/// Whether the event sends to the journal.
pub(super) fn is_journal(c: &Context<'_>) -> bool {
    syslog::receiver(c).is_some_and(|path| path == SOCKET)
}

/// What the event sends to the journal, or writes to memory that may be sent there: so it is done with long messages.
fn message<'a>(c: &Context<'a>) -> Option<Fields<'a>> {
    let is_memory = c.fd.is_some_and(|fd| fd.kind == FdKind::Memfd);
    if !c.event.row.flags.has(Flags::WRITES_TO_FD) || !is_memory && !is_journal(c) {
        return None;
    }
    let at = layout(c.event.row).data?;
    c.event.params.raw(usize::from(at)).map(Fields)
}

fn value<'a>(c: &Context<'a>, name: &str) -> Option<&'a [u8]> {
    message(c)?.find(|(its, _)| *its == name.as_bytes()).map(|(_, value)| value)
}

fn priority(c: &Context<'_>) -> Option<u32> {
    std::str::from_utf8(value(c, "PRIORITY")?).ok()?.parse().ok().filter(|number| *number < 8)
}

/// Those that have no field of their own.
fn others(c: &Context<'_>) -> Option<Vec<u8>> {
    const OWN: [&[u8]; 3] = [b"MESSAGE", b"PRIORITY", b"SYSLOG_IDENTIFIER"];
    let mut out = Vec::new();
    for (name, value) in message(c)?.filter(|(name, _)| !OWN.contains(name)) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend([name, b"=", value].concat());
    }
    Some(out)
}

fn no_message(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    let may = event.row.flags.has(Flags::WRITES_TO_FD) && layout(event.row).data.is_some();
    (!may).then_some(Value::Missing)
}

/// What is needed to see a message: the name of the socket, and the data.
const NEEDS: Needs = Needs::STATE.with(Needs::PAYLOAD);

fields! { FIELDS needs STATE;
    "journal.message": Text [by_type(no_message) needs(NEEDS) cost(3)] => |c, _| value(c, "MESSAGE").into(),
        "message text, up to the limit of -s";
    "journal.priority": Int [by_type(no_message) needs(NEEDS) cost(3)] => |c, _| priority(c).into(),
        "priority as a number; 0 is emerg, the most severe";
    "journal.priority.str": Text [by_type(no_message) needs(NEEDS) cost(3)] => |c, _| {
        priority(c).and_then(|priority| syslog::SEVERITIES.get(priority as usize).copied()).into()
    }, "priority: emerg, alert, crit, err, warn, notice, info or debug";
    "journal.identifier": Text [by_type(no_message) needs(NEEDS) cost(3)] => |c, _| value(c, "SYSLOG_IDENTIFIER").into(),
        "SYSLOG_IDENTIFIER of the message";
    "journal.fields": Text [by_type(no_message) needs(NEEDS) cost(4)] => |c, _| others(c).map_or(Value::Missing, Value::made),
        "other fields of the message as NAME=VALUE, separated by spaces, up to the limit of -s";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_lines_and_values_with_a_length() {
        let all = |bytes: &[u8]| {
            let pairs = Fields(bytes).map(|(name, value)| {
                (String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned())
            });
            pairs.collect::<Vec<_>>()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let sent = b"PRIORITY=3\n\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\nX=y=z\n";
        let whole = [pair("PRIORITY", "3"), pair("MESSAGE", "a\nb"), pair("X", "y=z")];
        assert_eq!(all(sent), whole);
        // Cut off anywhere, what is there is right, and a cut value is its beginning.
        for end in 0..sent.len() {
            for ((name, value), wanted) in all(&sent[..end]).iter().zip(&whole) {
                assert!(*name == wanted.0 && wanted.1.starts_with(value.as_str()), "{end}: {name}={value}");
            }
        }
        assert_eq!(all(b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffab"), [pair("MESSAGE", "ab")]);
        assert_eq!(all(b"X\n\x01"), []);
    }
}
