//! Events as lines in the form of `strace -f -ttt -T -o FILE`: thread, time of the beginning, call with its arguments, result, how long it
//! took.
//!
//! What the record has is written as strace does it: texts, flags, errors. Arguments that point to structs are written as the address.
//! Text that a program chose is quoted and escaped, so it cannot change a terminal.
//!
//! Source: strace(1), strace src/syscall.c, src/util.c.

use std::io::Write as _;

use tracer_common::{
    arch,
    events::{Effect, Param, code},
    flags::{FlagSet, SetKind},
    kind::Kind,
    plan::{NONE, Op},
};

mod count;

use super::{args::signal, errno};
use crate::event::{Event, ParamValue, SockAddr};

/// `AT_FDCWD`.
const AT_FDCWD: i64 = -100;
/// The most that is written as a decimal number when nothing says what it is; above, it is an address or bits.
const SMALL: i64 = 0xffff;
/// Where the result stands, unless the call is longer.
const COLUMN: usize = 40;
/// The least result that is no error.
const ERRORS: i64 = -4095;
/// Errors that only the kernel knows, of calls that were interrupted, and how they go on. Source: strace src/syscall.c.
const RESTARTS: [(i64, &str); 4] = [
    (512, "? ERESTARTSYS (To be restarted if SA_RESTART is set)"),
    (513, "? ERESTARTNOINTR (To be restarted)"),
    (514, "? ERESTARTNOHAND (To be restarted if no handler)"),
    (516, "? ERESTART_RESTARTBLOCK (Interrupted by signal)"),
];
/// Calls whose result is an address.
const ADDRESSES: [&str; 5] = ["brk", "mmap", "mmap2", "mremap", "shmat"];

/// Appends the line of an event. Returns false, and appends nothing, for one that strace does not show.
pub fn write(event: &Event<'_>, out: &mut Vec<u8>) -> bool {
    match event.row.code {
        code::PROCEXIT => {
            begin(event, out);
            end_of_thread(event, out);
        }
        code::SIGNALDELIVER => {
            begin(event, out);
            delivery(event, out);
        }
        // The same call was reported by the parent.
        _ if event.row.effect == Effect::Clone && event.result() == Some(0) => return false,
        _ if event.row.is_syscall() && !event.row.is_enter() => {
            let start = out.len();
            begin(event, out);
            call(event, start, out);
        }
        _ => return false,
    }
    true
}

/// Writing to a vector cannot fail, so results of `write!` are dropped in this file.
fn begin(event: &Event<'_>, out: &mut Vec<u8>) {
    let micros = event.time_ns.saturating_sub(event.latency_ns.unwrap_or(0)) / 1000;
    let _ = write!(out, "{:<5} {}.{:06} ", event.tid, micros / 1_000_000, micros % 1_000_000);
}

fn end_of_thread(event: &Event<'_>, out: &mut Vec<u8>) {
    let number = |name: &str| event.row.param(name).and_then(|(at, _)| event.params.i64(at)).unwrap_or(0);
    let by = number("sig");
    let _ = match (by, number("core")) {
        (0, _) => write!(out, "+++ exited with {} +++", number("ret")),
        (by, core) => {
            let core = if core != 0 { " (core dumped)" } else { "" };
            write!(out, "+++ killed by {}{core} +++", name_of_signal(by))
        }
    };
}

fn delivery(event: &Event<'_>, out: &mut Vec<u8>) {
    let number = |name: &str| event.row.param(name).and_then(|(at, _)| event.params.i64(at)).unwrap_or(0);
    let name = name_of_signal(number("sig"));
    let _ = write!(out, "--- {name} {{si_signo={name}");
    if number("spid") != 0 {
        let _ = write!(out, ", si_pid={}", number("spid"));
    }
    out.extend_from_slice(b"} ---");
}

fn name_of_signal(number: i64) -> String {
    const REALTIME: i64 = 32;
    let name = u64::try_from(number).ok().and_then(signal);
    match name {
        Some(name) => name.to_owned(),
        None if number >= REALTIME => format!("SIGRT_{}", number - REALTIME),
        None => number.to_string(),
    }
}

/// The name that the kernel has for the call: rows may have another one.
#[must_use]
pub fn name_of_call(event: &Event<'_>) -> &'static str {
    let Some(number) = event.params.call_number() else { return event.name() };
    if event.compat {
        return arch::compat_call(number.into()).map_or(event.name(), |call| call.name);
    }
    let at = arch::SYSCALLS.binary_search_by_key(&number, |call| u32::from(call.number));
    at.map_or(event.name(), |at| arch::SYSCALLS[at].name)
}

/// `start` is where the line begins.
fn call(event: &Event<'_>, start: usize, out: &mut Vec<u8>) {
    let name = name_of_call(event);
    out.extend_from_slice(name.as_bytes());
    out.push(b'(');
    match event.row.effect {
        Effect::Exec => program(event, out),
        Effect::Clone => of_clone(event, out),
        _ => arguments(name, event, out),
    }
    out.extend_from_slice(b") ");
    while out.len() < start + COLUMN {
        out.push(b' ');
    }
    out.extend_from_slice(b"= ");
    result(name, event, out);
    if let Some(latency_ns) = event.latency_ns {
        let micros = latency_ns / 1000;
        let _ = write!(out, " <{}.{:06}>", micros / 1_000_000, micros % 1_000_000);
    }
}

fn result(name: &str, event: &Event<'_>, out: &mut Vec<u8>) {
    let never_returns = arch::NO_RETURN.iter().any(|(known, _)| *known == name);
    let Some(result) = event.result().filter(|_| !never_returns) else {
        out.push(b'?');
        return;
    };
    // The address of brk is never an error.
    if (ERRORS..0).contains(&result) && name != "brk" {
        if let Some((_, text)) = RESTARTS.iter().find(|(number, _)| *number == -result) {
            out.extend_from_slice(text.as_bytes());
            return;
        }
        let _ = write!(out, "-1 {} ({})", errno::name(result).unwrap_or("E?"), errno::text(result));
    } else if ADDRESSES.contains(&name) {
        let _ = write!(out, "{result:#x}");
    } else {
        let _ = write!(out, "{result}");
    }
}

/// `"/bin/ls", ["ls", "-l"], /* 23 vars */`
fn program(event: &Event<'_>, out: &mut Vec<u8>) {
    let text = |name: &str| match event.params.named(name) {
        ParamValue::Text(text) => Some(text),
        _ => None,
    };
    let list = |name: &str| match event.params.named(name) {
        ParamValue::List(list) => list.split_inclusive(|byte| *byte == 0).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    quoted(text("filename").or_else(|| text("trusted_exepath")).unwrap_or_default(), false, out);
    out.extend_from_slice(b", [");
    quoted(text("exe").unwrap_or_default(), false, out);
    for word in list("args") {
        out.extend_from_slice(b", ");
        quoted(word.strip_suffix(b"\0").unwrap_or(word), !word.ends_with(b"\0"), out);
    }
    let _ = write!(out, "], /* {} vars */", list("env").len());
}

/// `child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f…`. Source: clone(2), strace src/clone.c.
fn of_clone(event: &Event<'_>, out: &mut Vec<u8>) {
    let number = |at: usize| event.params.call_argument(at);
    let flags =
        event.row.param("flags").and_then(|(at, param)| Some((event.params.u64(at)? as u32, param.kind.flag_set()?)));
    let Some((flags, set)) = flags.filter(|_| matches!(event.name(), "clone" | "clone3")) else { return };
    let has = |names: &[&str]| set.names(flags).any(|name| names.contains(&name));
    if event.name() == "clone3" {
        out.extend_from_slice(b"{flags=");
        flags_of(set, flags, None, out);
        out.extend_from_slice(b", ...}, ");
        bare(number(1), out);
        return;
    }
    out.extend_from_slice(b"child_stack=");
    address(number(1), out);
    out.extend_from_slice(b", flags=");
    let signal = number(0).unwrap_or(0) & 0xff;
    let start = out.len();
    flags_of(set, flags, None, out);
    if signal != 0 {
        if &out[start..] == b"0" {
            out.truncate(start);
        } else {
            out.push(b'|');
        }
        out.extend_from_slice(name_of_signal(signal as i64).as_bytes());
    }
    // The C library passes them in this order to the kernel of this machine. Source: clone(2), "C library/kernel differences".
    let rest: [(&str, &[&str], usize); 3] = [
        ("parent_tid", &["CLONE_PARENT_SETTID", "CLONE_PIDFD"], 2),
        ("tls", &["CLONE_SETTLS"], if event.compat { 3 } else { 4 }),
        ("child_tidptr", &["CLONE_CHILD_SETTID", "CLONE_CHILD_CLEARTID"], if event.compat { 4 } else { 3 }),
    ];
    for (name, flags, at) in rest {
        if has(flags) {
            let _ = write!(out, ", {name}=");
            address(number(at), out);
        }
    }
}

fn arguments(name: &str, event: &Event<'_>, out: &mut Vec<u8>) {
    let of_row = event.row.params.iter().filter_map(place).max().map_or(0, |last| last + 1);
    let count = count::of(name).unwrap_or(of_row);
    // Without O_CREAT, open has no mode.
    let has_mode = event.row.param("flags").is_none_or(|(at, param)| {
        let set = param.kind.flag_set();
        let makes = |name: &str| matches!(name, "O_CREAT" | "O_TMPFILE");
        set.is_none_or(|set| set.names(event.params.u64(at).unwrap_or(0) as u32).any(makes))
    });
    let opens = matches!(name, "open" | "openat");
    for at in 0..count {
        let param = event.row.params.iter().position(|param| place(param) == Some(at));
        if opens && !has_mode && at + 1 == count {
            break;
        }
        if at > 0 {
            out.extend_from_slice(b", ");
        }
        let number = event.params.call_argument(at);
        match param {
            _ if name.starts_with("mmap") && at == 5 => {
                // A number of pages for the one with 2 in its name.
                let bytes = number.map_or(0, |number| if name == "mmap2" { number << 12 } else { number });
                let _ = write!(out, "{}{bytes:x}", if bytes == 0 { "" } else { "0x" });
            }
            // Of calls other than open, no flag is no access mode.
            Some(index) if number == Some(0) && !opens && is_open_flags(event, index) => out.push(b'0'),
            Some(index) => argument(event, index, number, out),
            None if name == "rt_sigaction" && at == 0 => {
                out.extend_from_slice(name_of_signal(number.unwrap_or(0) as i64).as_bytes());
            }
            None if descriptors(event, at, out) => {}
            None => bare(number, out),
        }
    }
}

fn is_open_flags(event: &Event<'_>, index: usize) -> bool {
    let set = event.row.params.get(index).and_then(|param| param.kind.flag_set());
    set.is_some_and(|set| set.names(set.to_file(0)).any(|name| name == "O_RDONLY"))
}

/// `[3, 4]`: two descriptors that the call wrote to the memory that argument `at` points to. False when it does not do that.
fn descriptors(event: &Event<'_>, at: usize, out: &mut Vec<u8>) -> bool {
    let params = event.row.params.iter().enumerate();
    let written = params.filter(|(_, param)| {
        let source = &param.source;
        source.op == Op::UserU32 && usize::from(source.a) == at && source.c == 1
    });
    let written: Vec<i64> = written.filter_map(|(index, _)| event.params.i64(index)).collect();
    let ([first, second], false) = (&written[..], event.failed()) else { return false };
    let _ = write!(out, "[{first}, {second}]");
    true
}

/// Which argument of the call a parameter is.
fn place(param: &Param) -> Option<usize> {
    let at = match param.source.op {
        Op::Arg
        | Op::ArgSigned
        | Op::ArgPair
        | Op::UserText
        | Op::UserBytes
        | Op::Iovec
        | Op::MsgBytes
        | Op::SockAddr
        | Op::Fds => param.source.a,
        Op::OpenFlags if param.source.b == NONE => param.source.a,
        _ => return None,
    };
    Some(usize::from(at))
}

/// A number of which nothing is known.
fn bare(number: Option<u64>, out: &mut Vec<u8>) {
    let Some(number) = number else {
        out.push(b'?');
        return;
    };
    // An `int` that is negative may have no sign.
    let signed = if (0xffff_f000..=0xffff_ffff).contains(&number) { i64::from(number as i32) } else { number as i64 };
    let _ = match signed {
        0 => write!(out, "0"),
        ERRORS..=SMALL => write!(out, "{signed}"),
        _ => write!(out, "{number:#x}"),
    };
}

fn address(number: Option<u64>, out: &mut Vec<u8>) {
    let _ = match number {
        None => write!(out, "?"),
        Some(0) => write!(out, "NULL"),
        Some(number) => write!(out, "{number:#x}"),
    };
}

fn argument(event: &Event<'_>, index: usize, number: Option<u64>, out: &mut Vec<u8>) {
    let Some(param) = event.row.params.get(index) else { return };
    match event.params.value(index) {
        ParamValue::Text(text) => quoted(text, false, out),
        ParamValue::Bytes(bytes) => {
            // As many as the call moved, or was to move.
            let moved = event.result().filter(|moved| *moved >= 0);
            let whole = match param.source.op {
                Op::UserBytes if event.reads() => moved,
                Op::UserBytes => {
                    event.params.call_argument(usize::from(param.source.b)).map(|len| len as i64).or(moved)
                }
                _ => moved,
            };
            let is_cut = whole.is_some_and(|whole| bytes.len() as i64 != whole);
            let scattered = matches!(param.source.op, Op::Iovec | Op::MsgBytes);
            out.extend_from_slice(if scattered { b"[{iov_base=" } else { b"" });
            quoted(bytes, is_cut, out);
            out.extend_from_slice(if scattered { b"}]" } else { b"" });
        }
        ParamValue::SockAddr(address) => socket_address(address, out),
        ParamValue::FdList(list) => {
            out.push(b'[');
            for (at, (fd, events)) in list.iter().enumerate() {
                let _ = write!(out, "{}{{fd={fd}, revents={events:#x}}}", if at > 0 { ", " } else { "" });
            }
            out.push(b']');
        }
        ParamValue::I64(number) => signed(param.kind, number, out),
        ParamValue::U64(value) => unsigned(param.kind, value, number, out),
        // Nothing was moved.
        ParamValue::Missing if param.source.op == Op::UserBytes && event.result() == Some(0) => quoted(b"", false, out),
        ParamValue::Missing | ParamValue::List(_) | ParamValue::SockTuple(_) | ParamValue::Ip(_) => {
            address(number, out)
        }
    }
}

fn signed(kind: Kind, number: i64, out: &mut Vec<u8>) {
    let _ = match kind {
        Kind::Fd | Kind::Fd32 if number == AT_FDCWD => write!(out, "AT_FDCWD"),
        _ => write!(out, "{number}"),
    };
}

/// `value` is in the form of the file, `number` in that of the kernel.
fn unsigned(kind: Kind, value: u64, number: Option<u64>, out: &mut Vec<u8>) {
    let _ = match kind {
        Kind::Hex8 | Kind::Hex32 | Kind::Hex64 | Kind::HexI32 => {
            address(Some(value), out);
            Ok(())
        }
        Kind::Oct32 | Kind::Mode(_) if value != 0 => write!(out, "0{:o}", value & 0o7777),
        Kind::Uid | Kind::Gid if value == u64::from(u32::MAX) => write!(out, "-1"),
        Kind::Signal => write!(out, "{}", name_of_signal(value as i64)),
        _ => match kind.flag_set() {
            Some(set) => {
                flags_of(set, value as u32, number, out);
                Ok(())
            }
            None => write!(out, "{value}"),
        },
    };
}

/// The names in the order of the kernel's bits, or the number if none is known. `file` is the value in the form of the file,
/// `number` that of the kernel.
fn flags_of(set: &FlagSet, file: u32, number: Option<u64>, out: &mut Vec<u8>) {
    let native = |name: &str| set.flags.iter().find(|flag| flag.name == name).map_or(0, |flag| flag.native);
    let mut names: Vec<&str> = set.names(file).collect();
    names.sort_by_key(|name| native(name));
    // Of several names of a number, strace has one.
    names.dedup_by_key(|name| native(name));
    let known = names.iter().fold(0, |known, name| known | native(name));
    // Without the number of the kernel, the names are all there is.
    let number = number.map_or(if names.is_empty() { file } else { known }, |number| number as u32);
    let rest = if set.kind == SetKind::Bits { number & !known } else { number };
    out.extend_from_slice(names.join("|").as_bytes());
    let _ = match (names.is_empty(), rest) {
        (true, 0) => write!(out, "0"),
        (true, rest) => write!(out, "{rest:#x}"),
        // Bits that have no name here.
        (false, rest) if rest != 0 && set.kind == SetKind::Bits => write!(out, "|{rest:#x}"),
        (false, _) => Ok(()),
    };
}

/// `{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}`
fn socket_address(address: SockAddr<'_>, out: &mut Vec<u8>) {
    let _ = match address {
        SockAddr::Inet(std::net::SocketAddr::V4(end)) => {
            write!(out, "{{sa_family=AF_INET, sin_port=htons({}), sin_addr=inet_addr(\"{}\")}}", end.port(), end.ip())
        }
        SockAddr::Inet(std::net::SocketAddr::V6(end)) => {
            let (port, ip) = (end.port(), end.ip());
            write!(out, "{{sa_family=AF_INET6, sin6_port=htons({port}), inet_pton(AF_INET6, \"{ip}\", &sin6_addr)}}")
        }
        SockAddr::Unix(path) => {
            out.extend_from_slice(b"{sa_family=AF_UNIX, sun_path=");
            quoted(path, false, out);
            out.push(b'}');
            Ok(())
        }
        SockAddr::Other(family) => write!(out, "{{sa_family={}}}", family),
    };
}

/// As a string of C, with dots behind it when it is cut. Source: strace src/util.c, `string_quote`.
fn quoted(text: &[u8], is_cut: bool, out: &mut Vec<u8>) {
    out.push(b'"');
    for (at, byte) in text.iter().enumerate() {
        let next_is_digit = text.get(at + 1).is_some_and(|next| matches!(next, b'0'..=b'7'));
        let _ = match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(*byte)),
            b'\t' => write!(out, "\\t"),
            b'\n' => write!(out, "\\n"),
            0x0b => write!(out, "\\v"),
            0x0c => write!(out, "\\f"),
            b'\r' => write!(out, "\\r"),
            0x20..=0x7e => write!(out, "{}", char::from(*byte)),
            _ if next_is_digit => write!(out, "\\{byte:03o}"),
            _ => write!(out, "\\{byte:o}"),
        };
    }
    out.extend_from_slice(if is_cut { b"\"..." } else { b"\"" });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    fn line(world: &World, record: &[u8]) -> Option<String> {
        world.with(record, |context| {
            let mut out = Vec::new();
            write(context.event, &mut out).then(|| String::from_utf8(out).unwrap())
        })
    }

    #[test]
    fn calls_are_written_with_names_and_errors() {
        let world = World::new();
        let line = line(&world, &world.openat(10, -2, b"a\n\x1b[2J\"")).unwrap();
        // Nothing that a program chose reaches a terminal as it is.
        assert!(
            line.contains(
                r#"openat(AT_FDCWD, "a\n\33[2J\"", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)"#
            ),
            "{line}"
        );
        let (head, _) = line.split_once("openat").unwrap();
        let words: Vec<&str> = head.split_whitespace().collect();
        assert!(
            words.len() == 2
                && words[0] == "10"
                && words[1].split_once('.').is_some_and(|(_, micros)| micros.len() == 6),
            "{head}"
        );
    }

    #[test]
    fn data_is_quoted_and_dots_say_that_there_is_more() {
        let world = World::new();
        assert!(line(&world, &world.read(10, 3, 4, b"ab\0" as &[u8])).unwrap().contains(r#"read(3, "ab\0"..., 100)"#));
        assert!(line(&world, &world.read(10, 3, 3, b"ab1")).unwrap().contains(r#"read(3, "ab1", 100)"#));
        assert!(line(&world, &world.read(10, 3, 0, b"")).unwrap().contains(r#"read(3, "", 100)"#));
    }

    #[test]
    fn an_end_says_how() {
        let world = World::new();
        let end = |status: i64, value: i64, signal: u8, core: u8| {
            let numbers = (status.to_le_bytes(), value.to_le_bytes());
            let record =
                world.record(10, code::PROCEXIT, &[&numbers.0, &numbers.1, &[signal], &[core], &0_i64.to_le_bytes()]);
            let line = line(&world, &record).unwrap();
            line.splitn(3, ' ')
                .last()
                .unwrap()
                .rsplit_once("+++ ")
                .map_or(line.clone(), |_| line[line.find("+++").unwrap()..].to_owned())
        };
        assert_eq!(end(0x300, 3, 0, 0), "+++ exited with 3 +++");
        assert_eq!(end(0x8b, 0, 11, 1), "+++ killed by SIGSEGV (core dumped) +++");
    }
}
