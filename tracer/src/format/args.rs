//! The text of parameters: `evt.args` and `evt.arg`.
//!
//! A parameter is `name=value` or, when the value means something, `name=value(meaning)`. Nothing is escaped here, since
//! filters compare these texts too.

use std::io::Write;

use tracer_common::{
    arch,
    events::{code, old},
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

/// All parameters, with blanks between them. Of generic calls, whose parameters only say which call it is, the result when it is known.
#[must_use]
pub fn all(c: &Context<'_>, show: Show) -> Value<'static> {
    let mut out = Vec::with_capacity(160);
    write_all(c, show, &mut out);
    Value::made(out)
}

/// Appends what [`all`] is.
pub fn write_all(c: &Context<'_>, show: Show, out: &mut Vec<u8>) {
    if matches!(c.event.row.code, code::GENERIC | old::code::GENERIC_E) {
        if let Some(result) = c.event.call_result {
            out.extend_from_slice(b"res=");
            write_signed(c, Kind::Errno, result, show, out);
        }
        return;
    }
    // Of older captures only what the event has; a live record that was cut shows what is missing.
    let shown = if c.event.from_file { c.event.params.count() } else { usize::MAX };
    for (at, (param, kind, value)) in c.event.params.iter().enumerate().take(shown) {
        // What the descriptor and the fields of the process have already.
        if param.source.is_own() {
            continue;
        }
        if at > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(param.name.as_bytes());
        out.push(b'=');
        let start = out.len();
        let _ = write_param(c, param.kind, of_result(c, at, kind), value, show, out);
        make_safe(param.kind, show, start, out);
    }
}

/// The kind of a parameter: the result of a command that makes no descriptor is a number.
fn of_result(c: &Context<'_>, at: usize, kind: Kind) -> Kind {
    if at == 0 && matches!(kind, Kind::Fd) && !c.event.returns_fd() { Kind::Errno } else { kind }
}

/// Escapes what was written from `start` on, where data with line ends stands in the same text.
fn make_safe(kind: Kind, show: Show, start: usize, out: &mut Vec<u8>) {
    if show.escapes() && !matches!(kind, Kind::Bytes) {
        escape::escape_from(out, start);
    }
}

/// One parameter: its meaning if it has one, else its value. Missing if the event does not have it.
#[must_use]
pub fn argument(c: &Context<'_>, at: usize, show: Show) -> Value<'static> {
    if c.event.params.raw(at).is_none() {
        return Value::Missing;
    }
    let mut text = Vec::new();
    let Some(param) = c.event.row.params.get(at) else { return Value::Missing };
    let kind = of_result(c, at, c.event.params.typed(at).map_or(param.kind, |(kind, _)| kind));
    if let Some(bracket) = write_param(c, param.kind, kind, c.event.params.value(at), show, &mut text) {
        text.drain(..=bracket);
        let _ = text.pop();
    }
    make_safe(param.kind, show, 0, &mut text);
    Value::made(text)
}

/// Appends what `write` appends, in brackets; nothing if that is nothing. Returns where the opening one stands.
fn in_brackets(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Option<usize> {
    let bracket = out.len();
    out.push(b'(');
    write(out);
    if out.len() == bracket + 1 {
        out.truncate(bracket);
        return None;
    }
    out.push(b')');
    Some(bracket)
}

/// Appends the value of a parameter and, in brackets behind it, what it means. Returns where the opening bracket of a
/// meaning stands. `declared` is the kind that the row says. Writing to a vector cannot fail.
fn write_param(
    c: &Context<'_>,
    declared: Kind,
    kind: Kind,
    value: ParamValue<'_>,
    show: Show,
    out: &mut Vec<u8>,
) -> Option<usize> {
    match value {
        ParamValue::Missing => out.extend_from_slice(match declared {
            Kind::Bytes | Kind::List | Kind::SockTuple | Kind::Dyn(_) | Kind::FdList => b"NULL",
            _ => b"<NA>",
        }),
        ParamValue::I64(number) => return write_signed(c, kind, number, show, out),
        ParamValue::U64(number) => return write_unsigned(c, kind, number, out),
        ParamValue::Text(b"(NULL)") => out.extend_from_slice(b"<NA>"),
        ParamValue::Text(text) => {
            out.extend_from_slice(text);
            return in_brackets(out, |out| write_path(c, kind, text, out));
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
    None
}

/// `3:f1 4:41`: descriptor, letter of its type, events in hexadecimal.
fn write_fd_list(c: &Context<'_>, list: FdList<'_>, out: &mut Vec<u8>) {
    for (at, (fd, events)) in list.iter().enumerate() {
        let entry = i32::try_from(fd).ok().and_then(|fd| c.state.fd(c.thread?, fd));
        let letter = entry.map_or("?", |entry| entry.kind.letter());
        let _ = write!(out, "{}{fd}:{letter}{events:x}", if at > 0 { " " } else { "" });
    }
}

fn write_signed(c: &Context<'_>, kind: Kind, number: i64, show: Show, out: &mut Vec<u8>) -> Option<usize> {
    match kind {
        Kind::HexI32 => units::hex(u64::from(number as u32), out),
        _ => units::integer(number, out),
    }
    match kind {
        Kind::Fd | Kind::Fd32 => in_brackets(out, |out| write_fd(c, number, show, out)),
        Kind::Errno | Kind::Pid | Kind::Pid32 if number < 0 => {
            in_brackets(out, |out| out.extend_from_slice(errno::name(number).unwrap_or_default().as_bytes()))
        }
        Kind::Pid | Kind::Pid32 => {
            // An event that was held back shows its thread as it was.
            let own = c.thread.filter(|thread| i64::from(thread.tid) == number);
            let other = || u32::try_from(number).ok().filter(|tid| *tid != 0).and_then(|tid| c.state.thread(tid));
            let thread = own.or_else(other);
            in_brackets(out, |out| out.extend_from_slice(thread.map_or(b"", |thread| &thread.comm)))
        }
        _ => None,
    }
}

fn write_unsigned(c: &Context<'_>, kind: Kind, number: u64, out: &mut Vec<u8>) -> Option<usize> {
    match kind {
        Kind::Hex8 | Kind::Hex32 | Kind::Hex64 => units::hex(number, out),
        Kind::Oct32 | Kind::Mode(_) if number != 0 => _ = write!(out, "0{number:o}"),
        Kind::RelTime if number == u64::MAX => out.extend_from_slice(b"none"),
        Kind::Uid | Kind::Gid if number == NO_ID => out.extend_from_slice(b"-1"),
        Kind::AbsTime => time::date_time_zone(number, out),
        // The names say it all.
        Kind::SigSet => write_signals(number as u32, out),
        _ => units::integer(number, out),
    }
    let named = |name: Option<&str>, out: &mut Vec<u8>| {
        in_brackets(out, |out| out.extend_from_slice(name.unwrap_or("<NA>").as_bytes()))
    };
    let called = |name: Option<&str>, out: &mut Vec<u8>| {
        in_brackets(out, |out| out.extend_from_slice(name.unwrap_or_default().as_bytes()))
    };
    match kind {
        Kind::Uid | Kind::Gid if number == NO_ID => named(Some("<NONE>"), out),
        Kind::Uid => named(c.state.users.user(number as u32).map(|user| user.name.as_str()), out),
        Kind::Gid => named(c.state.users.group(number as u32), out),
        Kind::RelTime if number != u64::MAX => in_brackets(out, |out| units::seconds_g(number, out)),
        Kind::Mode(set) => in_brackets(out, |out| write_names(set.mode_names(number as u32), out)),
        Kind::Signal => called(signal(number), out),
        Kind::SyscallId => {
            let id = u16::try_from(number).ok().filter(|id| *id != 0);
            called(id.and_then(arch::name_of_id), out)
        }
        _ => {
            let set = kind.flag_set()?;
            in_brackets(out, |out| write_names(set.names(number as u32), out))
        }
    }
}

/// The names of the signals of a set, with blanks between them.
fn write_signals(set: u32, out: &mut Vec<u8>) {
    let start = out.len();
    for name in (0..32).filter(|at| set & (1 << at) != 0).filter_map(|at| signal(at + 1)) {
        if out.len() > start {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
}

fn write_names<'n>(names: impl Iterator<Item = &'n str>, out: &mut Vec<u8>) {
    for (at, name) in names.enumerate() {
        if at > 0 {
            out.push(b'|');
        }
        out.extend_from_slice(name.as_bytes());
    }
}

/// `<f>/etc/passwd`, `<4t>10.0.0.1:4000->10.0.0.2:80`, `AT_FDCWD`, or an error.
fn write_fd(c: &Context<'_>, number: i64, show: Show, out: &mut Vec<u8>) {
    if number == AT_FDCWD {
        out.extend_from_slice(b"AT_FDCWD");
        return;
    }
    let Ok(fd) = i32::try_from(number) else { return };
    if fd < 0 {
        out.extend_from_slice(errno::name(number).unwrap_or_default().as_bytes());
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
        let _ = write!(out, "<{}{proto}>", entry.kind.letter());
        out.extend_from_slice(&entry.shown_name(show.services));
    }
}

/// A relative path has a meaning: where it leads to.
fn write_path(c: &Context<'_>, kind: Kind, text: &[u8], out: &mut Vec<u8>) {
    if text.starts_with(b"/") || text.is_empty() {
        return;
    }
    if matches!(kind, Kind::Path | Kind::PathAt(_)) {
        out.extend_from_slice(&absolute(c, kind, text));
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
pub(super) fn signal(number: u64) -> Option<&'static str> {
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
        event::decode,
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

    /// The result of most commands of bpf and fcntl is no descriptor, also when it looks like one that is open.
    #[test]
    fn a_result_is_a_descriptor_only_of_commands_that_make_one() {
        let world = World::new();
        let of = |code: u16, res: i64, rest: &[&[u8]]| {
            let res = res.to_le_bytes();
            let params: Vec<&[u8]> = std::iter::once(&res[..]).chain(rest.iter().copied()).collect();
            let record = world.record(10, code, &params);
            let number = decode::live(&record, 1, 0).unwrap().fd();
            (args(&world, &record), number)
        };
        let command = |number: u64| number.to_le_bytes();
        let (text, number) = of(code::BPF, 3, &[&command(1)]);
        assert!(text.starts_with("fd=3 cmd=") && number.is_none(), "{text} {number:?}");
        let (text, number) = of(code::BPF, 3, &[&command(5)]);
        assert!(text.starts_with("fd=3(<") && number == Some(3), "{text} {number:?}");
        let (text, number) = of(code::BPF, 3, &[]);
        assert!(text.starts_with("fd=3 ") && number.is_none(), "{text} {number:?}");
        let (text, _) = of(code::BPF, -1, &[&command(1)]);
        assert!(text.starts_with("fd=-1(EPERM) "), "{text}");
        let fd = 3i64.to_le_bytes();
        // F_GETFD and F_DUPFD, as the kernel numbers them.
        for (native, begin) in [(1u64, "res=3 fd=3(<"), (0, "res=3(<")] {
            let (text, number) = of(code::FCNTL, 3, &[&fd, &command(native), &[0; 8]]);
            assert!(text.starts_with(begin) && number == Some(3), "{text} {number:?}");
        }
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
    fn a_step_backwards_is_a_number_below_zero() {
        let world = World::new();
        let numbers = [7, 3, -60].map(i64::to_le_bytes);
        let record = world.record(10, code::LSEEK, &[&numbers[0], &numbers[1], &numbers[2], &1_u32.to_le_bytes()]);
        let text = args(&world, &record);
        assert!(text.starts_with("res=7 fd=3(<f>/etc/passwd) offset=-60 whence=1(SEEK_CUR)"), "{text}");
    }

    #[test]
    fn signals_are_shown_by_their_names_alone() {
        let world = World::new();
        let text = |mask: u32| {
            let fds = [&1_u16.to_le_bytes()[..], &3_i64.to_le_bytes(), &1_u16.to_le_bytes()].concat();
            let numbers = (0_i64.to_le_bytes(), 1_500_000_000_u64.to_le_bytes(), mask.to_le_bytes());
            args(&world, &world.record(10, code::PPOLL, &[&numbers.0, &fds, &numbers.1, &numbers.2]))
        };
        assert_eq!(text(0b100_0000_0000_0011), "res=0 fds=3:f1 timeout=1500000000(1.5s) sigmask=SIGHUP SIGINT SIGTERM");
        assert_eq!(text(0), "res=0 fds=3:f1 timeout=1500000000(1.5s) sigmask=");
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
