//! The text of parameters: `evt.args` and `evt.arg`.
//!
//! A parameter is `name=value` or, when the value means something, `name=value(meaning)`. Nothing is escaped here, since
//! filters compare these texts too.

use std::io::Write;

use tracer_common::{
    arch,
    events::{code, old},
    flags::FlagSet,
    kind::Kind,
};

use super::{data, errno, escape, time, units};
use crate::{
    event::{FdList, ParamValue, SockAddr, SockTuple, sockaddr::Endpoint},
    fields::{Context, Show, Value, absolute, fd_l4proto},
    state::FdKind,
};

/// `AT_FDCWD`.
const AT_FDCWD: i64 = -100;
/// Nobody: the id of no user and no group.
const NO_ID: u64 = u32::MAX as u64;

/// All parameters, with blanks between them. Nothing for generic calls, whose parameters only say which call it is.
#[must_use]
pub fn all(c: &Context<'_>, show: Show) -> Value<'static> {
    let mut out = Vec::with_capacity(160);
    if matches!(c.event.row.code, code::GENERIC | old::code::GENERIC_E) {
        return Value::made(out);
    }
    let mut meaning = Vec::new();
    // Of older captures only what the event has; a live record that was cut shows what is missing.
    let shown = if c.event.from_file { c.event.params.count() } else { usize::MAX };
    for (at, (param, kind, value)) in c.event.params.iter().enumerate().take(shown) {
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(param.name.as_bytes());
        out.push(b'=');
        meaning.clear();
        let start = out.len();
        write_param(c, param.kind, kind, value, show, &mut out, &mut meaning);
        if !meaning.is_empty() {
            out.push(b'(');
            out.extend_from_slice(&meaning);
            out.push(b')');
        }
        make_safe(param.kind, show, start, &mut out);
    }
    Value::made(out)
}

/// Escapes what was written from `start` on, where data with line ends stands in the same text.
fn make_safe(kind: Kind, show: Show, start: usize, out: &mut Vec<u8>) {
    if show.escapes() && !matches!(kind, Kind::Bytes) {
        let text = out.split_off(start);
        escape::escape(&text, out);
    }
}

/// One parameter: its meaning if it has one, else its value. Missing if the event does not have it.
#[must_use]
pub fn argument(c: &Context<'_>, at: usize, show: Show) -> Value<'static> {
    if c.event.params.raw(at).is_none() {
        return Value::Missing;
    }
    let (mut value, mut meaning) = (Vec::new(), Vec::new());
    let Some(param) = c.event.row.params.get(at) else { return Value::Missing };
    let kind = c.event.params.typed(at).map_or(param.kind, |(kind, _)| kind);
    write_param(c, param.kind, kind, c.event.params.value(at), show, &mut value, &mut meaning);
    let mut text = if meaning.is_empty() { value } else { meaning };
    make_safe(param.kind, show, 0, &mut text);
    Value::made(text)
}

/// Appends the value of a parameter and what it means. `declared` is the kind that the row says. Writing to a vector cannot
/// fail.
fn write_param(
    c: &Context<'_>,
    declared: Kind,
    kind: Kind,
    value: ParamValue<'_>,
    show: Show,
    out: &mut Vec<u8>,
    meaning: &mut Vec<u8>,
) {
    match value {
        ParamValue::Missing => out.extend_from_slice(match declared {
            Kind::Bytes | Kind::List | Kind::SockTuple | Kind::Dyn(_) | Kind::FdList => b"NULL",
            _ => b"<NA>",
        }),
        ParamValue::I64(number) => write_signed(c, kind, number, show, out, meaning),
        ParamValue::U64(number) => write_unsigned(c, kind, number, out, meaning),
        ParamValue::Text(b"(NULL)") => out.extend_from_slice(b"<NA>"),
        ParamValue::Text(text) => {
            out.extend_from_slice(text);
            write_path(c, kind, text, meaning);
        }
        ParamValue::List(list) => {
            // Of the one kind, the final NUL is shown too, as the other tools do.
            let list = if matches!(kind, Kind::TextArray) { list.strip_suffix(b"\0").unwrap_or(list) } else { list };
            write_list(list, show.whole_data, out);
        }
        ParamValue::Bytes(bytes) => data::write(bytes, show.data, show.whole_data, out),
        ParamValue::SockAddr(address) => write_address(address, show, out),
        ParamValue::SockTuple(tuple) => write_tuple(tuple, show, out),
        ParamValue::FdList(list) => write_fd_list(c, list, out),
        ParamValue::Ip(address) => {
            let _ = write!(out, "{address}");
        }
    }
}

/// `3:f1 4:41`: descriptor, letter of its type, events in hexadecimal.
fn write_fd_list(c: &Context<'_>, list: FdList<'_>, out: &mut Vec<u8>) {
    for (at, (fd, events)) in list.iter().enumerate() {
        let entry = i32::try_from(fd).ok().and_then(|fd| c.state.fd(c.thread?, fd));
        let letter = entry.map_or("?", |entry| entry.kind.letter());
        let _ = write!(out, "{}{fd}:{letter}{events:x}", if at > 0 { " " } else { "" });
    }
}

fn write_signed(c: &Context<'_>, kind: Kind, number: i64, show: Show, out: &mut Vec<u8>, meaning: &mut Vec<u8>) {
    match kind {
        Kind::HexI32 => _ = write!(out, "{:X}", number as u32),
        _ => units::integer(number, out),
    }
    match kind {
        Kind::Fd | Kind::Fd32 => write_fd(c, number, show, meaning),
        Kind::Errno if number < 0 => meaning.extend_from_slice(errno::name(number).unwrap_or_default().as_bytes()),
        Kind::Pid | Kind::Pid32 if number < 0 => {
            meaning.extend_from_slice(errno::name(number).unwrap_or_default().as_bytes())
        }
        Kind::Pid | Kind::Pid32 => {
            // An event that was held back shows its thread as it was.
            let own = c.thread.filter(|thread| i64::from(thread.tid) == number);
            let other = || u32::try_from(number).ok().filter(|tid| *tid != 0).and_then(|tid| c.state.thread(tid));
            let thread = own.or_else(other);
            meaning.extend_from_slice(thread.map_or(b"", |thread| &thread.comm));
        }
        _ => {}
    }
}

fn write_unsigned(c: &Context<'_>, kind: Kind, number: u64, out: &mut Vec<u8>, meaning: &mut Vec<u8>) {
    let name = |name: Option<&str>, meaning: &mut Vec<u8>| {
        meaning.extend_from_slice(name.unwrap_or("<NA>").as_bytes());
    };
    let _ = match kind {
        Kind::Hex8 | Kind::Hex32 | Kind::Hex64 => write!(out, "{number:X}"),
        Kind::Oct32 | Kind::Mode(_) if number != 0 => write!(out, "0{number:o}"),
        Kind::RelTime if number == u64::MAX => write!(out, "none"),
        Kind::Uid | Kind::Gid if number == NO_ID => write!(out, "-1"),
        Kind::AbsTime => {
            time::date_time_zone(number, out);
            Ok(())
        }
        _ => {
            units::integer(number, out);
            Ok(())
        }
    };
    match kind {
        Kind::Uid | Kind::Gid if number == NO_ID => meaning.extend_from_slice(b"<NONE>"),
        Kind::Uid => name(c.state.users.user(number as u32).map(|user| user.name.as_str()), meaning),
        Kind::Gid => name(c.state.users.group(number as u32), meaning),
        Kind::RelTime if number != u64::MAX => units::seconds_g(number, meaning),
        Kind::SigSet => {
            for at in (0..32).filter(|at| number & (1 << at) != 0) {
                if !meaning.is_empty() {
                    meaning.push(b' ');
                }
                meaning.extend_from_slice(signal(at + 1).unwrap_or_default().as_bytes());
            }
            // The names say it all.
            std::mem::swap(out, meaning);
        }
        Kind::Mode(set) => {
            for (at, name) in set.mode_names(number as u32).enumerate() {
                if at > 0 {
                    meaning.push(b'|');
                }
                meaning.extend_from_slice(name.as_bytes());
            }
        }
        Kind::Signal => meaning.extend_from_slice(signal(number).unwrap_or_default().as_bytes()),
        Kind::SyscallId => {
            let name = u16::try_from(number).ok().filter(|id| *id != 0).and_then(arch::name_of_id);
            meaning.extend_from_slice(name.unwrap_or_default().as_bytes());
        }
        _ => {
            if let Some(set) = kind.flag_set() {
                write_flags(set, number as u32, meaning);
            }
        }
    }
}

fn write_flags(set: &FlagSet, bits: u32, meaning: &mut Vec<u8>) {
    for (at, name) in set.names(bits).enumerate() {
        if at > 0 {
            meaning.push(b'|');
        }
        meaning.extend_from_slice(name.as_bytes());
    }
}

/// `<f>/etc/passwd`, `<4t>10.0.0.1:4000->10.0.0.2:80`, `AT_FDCWD`, or an error.
fn write_fd(c: &Context<'_>, number: i64, show: Show, meaning: &mut Vec<u8>) {
    if number == AT_FDCWD {
        meaning.extend_from_slice(b"AT_FDCWD");
        return;
    }
    let Ok(fd) = i32::try_from(number) else { return };
    if fd < 0 {
        meaning.extend_from_slice(errno::name(number).unwrap_or_default().as_bytes());
        return;
    }
    // What the event is about is known as it was then; other descriptors are looked up as they are now.
    let entry = match c.fd {
        Some(entry) if c.event.fd() == Some(fd) => Some(entry),
        _ => c.thread.and_then(|thread| c.state.fd(thread, fd)),
    };
    if let Some(entry) = entry.filter(|entry| entry.kind != FdKind::Unknown || !entry.name.is_empty()) {
        let proto = match fd_l4proto(entry) {
            Some("tcp") => "t",
            Some("udp") => "u",
            Some("icmp") => "i",
            Some("raw") => "r",
            _ => "",
        };
        let _ = write!(meaning, "<{}{proto}>", entry.kind.letter());
        meaning.extend_from_slice(&entry.shown_name(show.services));
    }
}

/// A relative path has a meaning: where it leads to.
fn write_path(c: &Context<'_>, kind: Kind, text: &[u8], meaning: &mut Vec<u8>) {
    if text.starts_with(b"/") || text.is_empty() {
        return;
    }
    if matches!(kind, Kind::Path | Kind::PathAt(_)) {
        meaning.extend_from_slice(&absolute(c, kind, text));
    }
}

/// Texts with a point for each NUL, cut so that with the dots they are as long as data.
fn write_list(list: &[u8], whole: bool, out: &mut Vec<u8>) {
    let shown = if whole || list.len() <= data::SHOWN { list.len() } else { data::SHOWN - 3 };
    out.extend(list[..shown].iter().map(|byte| if *byte == 0 { b'.' } else { *byte }));
    if shown < list.len() {
        out.extend_from_slice(b"...");
    }
}

fn write_address(address: SockAddr<'_>, show: Show, out: &mut Vec<u8>) {
    let _ = match address {
        SockAddr::Inet(end) => write!(out, "{}", Endpoint::named(end, show.services)),
        SockAddr::Unix(path) => out.write_all(path),
        SockAddr::Other(family) => write!(out, "family {family}"),
    };
}

fn write_tuple(tuple: SockTuple<'_>, show: Show, out: &mut Vec<u8>) {
    let _ = match tuple {
        SockTuple::Inet { source, dest } => {
            let [source, dest] = [source, dest].map(|end| Endpoint::named(end, show.services));
            write!(out, "{source}->{dest}")
        }
        SockTuple::Unix { source, dest, path } => write!(out, "{source:x}->{dest:x}").and_then(|()| {
            if !path.is_empty() {
                out.push(b' ');
            }
            out.write_all(path)
        }),
        SockTuple::Other(family) => write!(out, "family {family}"),
    };
}

/// The name of a signal; real-time signals have none. Source: signal(7), x86.
fn signal(number: u64) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    NAMES.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        format::{Preset, Template},
        testing::World,
    };

    fn args(world: &World, record: &[u8]) -> String {
        world.with(record, |context| {
            let Value::Text(text) = all(context, Show::default()) else { panic!("no text") };
            String::from_utf8(text.into_owned()).unwrap()
        })
    }

    #[test]
    fn descriptors_flags_and_paths_are_resolved() {
        let world = World::new();
        assert_eq!(
            args(&world, &world.openat(10, 3, b"/etc/passwd")),
            "fd=3(<f>/etc/passwd) dirfd=-100(AT_FDCWD) name=/etc/passwd flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=22 ino=77"
        );
        assert_eq!(
            args(&world, &world.openat(10, -2, b"x")),
            "fd=-2(ENOENT) dirfd=-100(AT_FDCWD) name=x(/home/me/x) flags=4097(O_RDONLY|O_CLOEXEC) mode=0 dev=22 ino=77"
        );
        assert!(args(&world, &world.openat_at(10, -2, 4, b"../x")).contains("name=../x(/srv/x)"));
        assert!(args(&world, &world.openat_at(10, -2, 9, b"x")).contains("name=x(<UNKNOWN>/x)"));
    }

    #[test]
    fn data_is_dotted_and_cut() {
        let world = World::new();
        assert_eq!(args(&world, &world.read(10, 3, 4, b"a\n\x1bz")), "res=4 data=a..z fd=3(<f>/etc/passwd) size=100");
        let long = args(&world, &world.read(10, 3, 100, &[b'x'; 100]));
        assert!(long.contains(&format!("data={}... fd=", "x".repeat(80))), "{long}");
        assert_eq!(
            args(&world, &world.read(10, 5, -11, b"")),
            "res=-11(EAGAIN) data=NULL fd=5(<4t>10.0.0.1:40000->10.0.0.2:80) size=100"
        );
    }

    #[test]
    fn a_cut_record_shows_missing_parameters() {
        let world = World::new();
        let record = world.record(10, code::OPENAT, &[&3i64.to_le_bytes()]);
        assert!(args(&world, &record).starts_with("fd=3(<f>/etc/passwd) dirfd=<NA> name=<NA> flags=<NA>"));
    }

    #[test]
    fn the_default_lines_are_as_documented() {
        let world = World::new();
        let line = |preset: Preset, record: &[u8]| {
            let format = preset.format(false).replace("%evt.outputtime", "%evt.reltime.s");
            let template = Template::parse(&format, Show::default()).unwrap();
            let mut out = Vec::new();
            assert!(world.with(record, |context| template.render(context, &mut out)));
            String::from_utf8(out).unwrap()
        };
        let read = world.read(30, 3, 2, b"hi");
        assert_eq!(line(Preset::Default, &read), "1 1 0 nginx (30) < read res=2 data=hi fd=3(<f>/etc/passwd) size=100");
        assert_eq!(
            line(Preset::Container, &read),
            "1 1 0 web (0123456789ab) nginx (30:30) < read res=2 data=hi fd=3(<f>/etc/passwd) size=100"
        );
        assert_eq!(line(Preset::Default, &world.unknown_thread()), "1 1 0 <NA> (99) < close res=0 fd=3");
    }

    #[test]
    fn what_a_program_chose_cannot_reach_the_terminal_unescaped() {
        let world = World::new();
        let template = Template::parse("%evt.arg.name", Show::default()).unwrap();
        let mut out = Vec::new();
        world.with(&world.openat(10, 3, b"/tmp/\x1b]0;x\x07\xff"), |context| template.render(context, &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "/tmp/\\x1b]0;x\\x07\\xff");
    }

    #[test]
    fn a_missing_field_drops_the_line_unless_it_begins_with_a_star() {
        let world = World::new();
        let render = |format: &str| {
            let mut out = Vec::new();
            let shown = world.with(&world.unknown_thread(), |context| {
                Template::parse(format, Show::default()).unwrap().render(context, &mut out)
            });
            (shown, String::from_utf8(out).unwrap())
        };
        assert_eq!(render("x %proc.name"), (false, String::new()));
        assert_eq!(render("*x %6proc.name|"), (true, "x <NA>  |".to_owned()));
    }
}
