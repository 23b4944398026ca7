//! What strace writes with `-f -o`: a line for each call, signal and end, behind the id of its thread. A call that ends
//! after lines of other threads has two: `… <unfinished ...>` and `<... NAME resumed>…`.

use std::collections::HashMap;

use tracer_common::arch::NO_RETURN;

/// What a thread did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A call that ended.
    Call(Call),
    /// A call in which the thread was killed: strace does not see its result.
    Cut(String),
    /// A signal was delivered.
    Signal(String),
    /// The end: as wait(2) encodes it, without the bit of a core dump.
    End(i32),
}

/// A call as strace shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Vec<String>,
    /// `None` when strace shows none.
    pub(crate) result: Option<i64>,
}

/// The steps of each thread.
pub(crate) fn steps(output: &str) -> HashMap<u32, Vec<Step>> {
    let (mut steps, mut began) = (HashMap::<u32, Vec<Step>>::new(), HashMap::<u32, String>::new());
    for line in output.lines() {
        let (tid, text) = line.split_once(' ').unwrap_or_else(|| panic!("no thread id: {line}"));
        let (tid, text) = (tid.parse().unwrap_or_else(|_| panic!("no thread id: {line}")), text.trim_start());
        let text = match text.strip_prefix("<... ") {
            Some(rest) => {
                let (_, rest) = rest.split_once(" resumed>").unwrap_or_else(|| panic!("not understood: {line}"));
                format!("{}{rest}", began.remove(&tid).unwrap_or_default())
            }
            None => text.to_owned(),
        };
        if let Some(start) = text.strip_suffix("<unfinished ...>") {
            began.insert(tid, start.trim_end().to_owned());
            continue;
        }
        let of_thread = steps.entry(tid).or_default();
        // A call that began before strace came has no beginning.
        if !text.starts_with(|first: char| first.is_ascii_lowercase() || "+-_".contains(first)) {
            continue;
        }
        of_thread.extend(step(&text).unwrap_or_else(|| panic!("not understood: {line}")));
    }
    // What is still open when a thread ends stands before its end.
    for (tid, start) in began {
        let of_thread = steps.entry(tid).or_default();
        let end = of_thread.len() - usize::from(matches!(of_thread.last(), Some(Step::End(_))));
        of_thread.insert(end, Step::Cut(start.split('(').next().unwrap_or_default().to_owned()));
    }
    steps
}

fn step(text: &str) -> Option<Option<Step>> {
    if let Some(end) = text.strip_prefix("+++ ") {
        return Some(if let Some(status) = end.strip_prefix("exited with ") {
            Some(Step::End(status.split(' ').next()?.parse::<i32>().ok()? << 8))
        } else if let Some(signal) = end.strip_prefix("killed by ") {
            Some(Step::End(number_of_signal(signal.split(' ').next()?)?))
        } else {
            None
        });
    }
    if let Some(signal) = text.strip_prefix("--- ") {
        return Some(
            signal.contains(" {").then(|| Step::Signal(signal.split(' ').next().unwrap_or_default().to_owned())),
        );
    }
    let (name, rest) = text.split_once('(')?;
    let (args, rest) = arguments(rest);
    let shown = rest.trim_start().strip_prefix("= ")?;
    if text.contains("<unfinished ...>") {
        return Some(Some(Step::Cut(name.to_owned())));
    }
    let never_returns = NO_RETURN.iter().any(|(known, _)| *known == name);
    Some(Some(match result(shown) {
        None if shown.starts_with('?') && !never_returns => Step::Cut(name.to_owned()),
        result => Step::Call(Call { name: name.to_owned(), args, result }),
    }))
}

/// Splits at the commas that are in no bracket and no quotes; what is behind the closing parenthesis comes back, too.
fn arguments(text: &str) -> (Vec<String>, &str) {
    let (mut args, mut depth, mut quoted, mut start) = (Vec::new(), 0, false, 0);
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '\\' if quoted => drop(chars.next()),
            '"' => quoted = !quoted,
            _ if quoted => {}
            ')' if depth == 0 => {
                args.push(text[start..at].trim().to_owned());
                return (args, &text[at + 1..]);
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                args.push(text[start..at].trim().to_owned());
                start = at + 1;
            }
            _ => {}
        }
    }
    (args, "")
}

/// A result: a number in one of three bases, or -1 with the name of the error, or `?`, perhaps with such a name.
fn result(text: &str) -> Option<i64> {
    let mut words = text.split(' ');
    match words.next()? {
        "?" | "-1" => errno(words.next()?).map(|errno| -errno),
        number => self::number(number),
    }
}

/// A number as strace prints it.
pub(crate) fn number(text: &str) -> Option<i64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().map(|number| number as i64);
    }
    if text.len() > 1 && text.starts_with('0') {
        return i64::from_str_radix(text, 8).ok();
    }
    text.parse().ok().or_else(|| text.parse::<u64>().ok().map(|number| number as i64))
}

fn errno(name: &str) -> Option<i64> {
    (1..600).find(|number| tracer::format::errno::name(-number) == Some(name))
}

/// Names of signals from 1 on, of this architecture: signal(7).
const SIGNALS: &[&str] = &[
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS", "RTMIN",
];

/// The number of a signal; real-time signals have numbers behind their name.
pub(crate) fn number_of_signal(name: &str) -> Option<i32> {
    if let Some(number) = name.strip_prefix("SIGRT_") {
        return number.parse::<i32>().ok().map(|number| 32 + number);
    }
    let at = SIGNALS.iter().position(|known| name.strip_prefix("SIG") == Some(known))?;
    i32::try_from(at).ok().map(|at| at + 1)
}

/// The bytes of a text in quotes, and whether they are all of it. `None` for another argument.
pub(crate) fn unquoted(arg: &str) -> Option<(Vec<u8>, bool)> {
    let (inside, whole) = match arg.strip_suffix("...") {
        Some(cut) => (cut, false),
        None => (arg, true),
    };
    let inside = inside.strip_prefix('"')?.strip_suffix('"')?;
    let (mut bytes, mut rest) = (Vec::new(), inside.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.iter().take(3).take_while(|byte| (b'0'..b'8').contains(byte)).count();
        if digits > 0 {
            bytes.push(rest[..digits].iter().fold(0_u32, |sum, digit| sum * 8 + u32::from(digit - b'0')) as u8);
            rest = &rest[digits..];
            continue;
        }
        let (escaped, more) = rest.split_first()?;
        rest = more;
        bytes.push(match escaped {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'v' => 11,
            b'f' => 12,
            other => *other,
        });
    }
    Some((bytes, whole))
}

#[test]
fn a_call_in_two_lines_is_one() {
    let text = "7 read(3,  <unfinished ...>\n8 close(4) = -1 EBADF (Bad file descriptor)\n\
                7 <... read resumed>\"a), \\\"b\", 9)  = 4\n7 +++ exited with 2 +++\n";
    let steps = steps(text);
    let call = |name: &str, args: &[&str], result| {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Step::Call(Call { name: name.to_owned(), args, result: Some(result) })
    };
    assert_eq!(steps[&7], [call("read", &["3", "\"a), \\\"b\"", "9"], 4), Step::End(512)]);
    assert_eq!(steps[&8], [call("close", &["4"], -9)]);
    assert_eq!(unquoted("\"a\\0b\\n\\303\\2444\"..."), Some((b"a\0b\n\xc3\xa44".to_vec(), false)));
}
