//! `syslog.*`: messages that are written to the system log. Source: syslog(3), RFC 3164.

use tracer_common::events::Flags;

use super::{Arg, Context, EventType, Needs, Value, fields};
use crate::{
    event::{ParamValue, decode::layout, sockaddr::SockTuple},
    state::FdKind,
};

/// The facilities by number.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "clock", "authpriv", "ftp", "ntp",
    "logaudit", "logalert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
];

/// The severities by number.
pub(super) const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"];

/// Sockets at which a log daemon reads; `/dev/log` is often a link to one of the others.
const SOCKETS: [&[u8]; 3] = [b"/dev/log", b"/run/systemd/journal/dev-log", b"/run/systemd/journal/syslog"];

/// A message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message<'a> {
    priority: u32,
    text: &'a [u8],
}

impl<'a> Message<'a> {
    /// `<priority>text`.
    fn parse(data: &'a [u8]) -> Option<Self> {
        let rest = data.strip_prefix(b"<")?;
        let end = rest.iter().take(4).position(|byte| *byte == b'>')?;
        let priority = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
        let text = &rest[end + 1..];
        let end = text.iter().rposition(|byte| !matches!(byte, 0 | b'\n')).map_or(0, |at| at + 1);
        Some(Self { priority, text: &text[..end] })
    }

    fn facility(self) -> u32 {
        self.priority / 8
    }

    fn severity(self) -> u32 {
        self.priority % 8
    }

    fn severity_name(self) -> Option<&'static str> {
        SEVERITIES.get(self.severity() as usize).copied()
    }
}

/// The path of the unix socket that the event sends to: the one that the descriptor is connected to, or else the one that the call names.
pub(super) fn receiver<'a>(c: &Context<'a>) -> Option<&'a [u8]> {
    let fd = c.fd.filter(|fd| fd.kind == FdKind::Unix)?;
    if !fd.name.is_empty() {
        return Some(&fd.name);
    }
    match c.event.params.value(usize::from(layout(c.event.row).tuple?)) {
        ParamValue::SockTuple(SockTuple::Unix { path, .. }) => Some(path),
        _ => None,
    }
}

/// Whether the event sends to the system log.
pub(super) fn is_log(c: &Context<'_>) -> bool {
    receiver(c).is_some_and(|path| SOCKETS.contains(&path))
}

/// The message that the event writes.
pub(super) fn message<'a>(c: &Context<'a>) -> Option<Message<'a>> {
    if !c.event.row.flags.has(Flags::WRITES_TO_FD) || !is_log(c) {
        return None;
    }
    let at = layout(c.event.row).data?;
    Message::parse(c.event.params.raw(usize::from(at))?)
}

fn no_message(event: &EventType<'_>, _: &Arg) -> Option<Value<'static>> {
    let may = event.row.flags.has(Flags::WRITES_TO_FD) && layout(event.row).data.is_some();
    (!may).then_some(Value::Missing)
}

/// What is needed to see a message: the name of the socket, and the data.
const NEEDS: Needs = Needs::STATE.with(Needs::PAYLOAD);

fields! { FIELDS needs STATE;
    "syslog.facility.str": Text [by_type(no_message) needs(NEEDS) cost(3)] => |c, _| {
        message(c).and_then(|message| FACILITIES.get(message.facility() as usize).copied()).into()
    }, "facility: kern, user, mail, daemon, auth and so on";
    "syslog.facility": Int [by_type(no_message) needs(NEEDS) cost(3)] => |c, _| message(c).map(Message::facility).into(),
        "facility as a number";
    "syslog.severity.str": Text [by_type(no_message) needs(NEEDS) cost(3)] => |c, _| {
        message(c).and_then(Message::severity_name).into()
    }, "severity: emerg, alert, crit, err, warn, notice, info or debug";
    "syslog.severity": Int [by_type(no_message) needs(NEEDS) cost(3)] => |c, _| message(c).map(Message::severity).into(),
        "severity as a number; 0 is emerg, the most severe";
    "syslog.message": Text [by_type(no_message) needs(NEEDS) cost(3)] => |c, _| message(c).map(|message| message.text).into(),
        "message text, up to the limit of -s";
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::{fields::FieldRef, fields::Show, state::Fd, testing::World};

    #[test]
    fn a_message_has_a_priority_in_front() {
        let parsed = Message::parse(b"<38>sshd[7]: hello\n\0").unwrap();
        assert_eq!((parsed.facility(), parsed.severity(), parsed.text), (4, 6, &b"sshd[7]: hello"[..]));
        for wrong in [&b""[..], b"hello", b"<>x", b"<12345>x", b"<-1>x", b"<1"] {
            assert_eq!(Message::parse(wrong), None);
        }
    }

    #[test]
    fn what_is_written_to_the_socket_of_the_log_is_a_message() {
        let mut world = World::new();
        let table = world.state.thread(10).unwrap().fds;
        let socket = Fd { kind: FdKind::Unix, name: b"/dev/log"[..].into(), ..Fd::default() };
        world.state.fds.set(table, 7, Rc::new(socket));
        let text = |fd: i64, name: &str| {
            let (res, size) = (20_i64.to_le_bytes(), 20_u32.to_le_bytes());
            let params: [&[u8]; 4] = [&res, b"<165>cron: it is time", &fd.to_le_bytes(), &size];
            let record = world.record(10, tracer_common::events::code::WRITE, &params);
            let field = FieldRef::resolve(name, Show::default()).unwrap();
            world.with(&record, |context| {
                let mut out = Vec::new();
                field.get(context).write(field.field.digits, &mut out);
                String::from_utf8(out).unwrap()
            })
        };
        assert_eq!(text(7, "syslog.facility.str"), "local4");
        assert_eq!((text(7, "syslog.severity"), text(7, "syslog.severity.str")), ("5".into(), "notice".into()));
        assert_eq!(text(7, "evt.info"), "res=20 data=<165>cron: it is time fd=7(<u>/dev/log) size=20");
        assert_eq!((text(7, "evt.is_syslog"), text(3, "evt.is_syslog")), ("true".into(), "false".into()));
        assert_eq!(text(3, "syslog.message"), "");
    }
}
