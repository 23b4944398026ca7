//! Transformers: functions of fields. One row each: name, what it takes, what it makes.
//!
//! A transformer of a value that is missing has no value.

use std::borrow::Cow;

use crate::fields::{Type, Value};

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the language")]
pub enum Transformer {
    Tolower,
    Toupper,
    B64,
    Basename,
    Len,
    Val,
    Join,
    Concat,
    Getopt,
}

/// What stands in the brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// One value: of any type, or text and data only.
    One {
        /// Only text and data, or lists of them.
        text: bool,
    },
    /// One text, one data or one list of any type.
    Countable,
    /// A text, and a list of texts.
    SeparatorAndList,
    /// Two texts or more.
    Texts,
    /// A list of texts, and a text that is written out.
    ListAndOptions,
}

/// What it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Makes {
    /// A value of the type that it was given.
    Same,
    /// A value of this type.
    One(Type),
    /// Texts; one of them when square brackets say which.
    Texts,
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// As it is written.
    pub name: &'static str,
    /// Which one it is.
    pub transformer: Transformer,
    /// What stands in its brackets.
    pub takes: Takes,
    /// What it makes.
    pub makes: Makes,
    /// What it means.
    pub doc: &'static str,
}

/// The transformers.
pub static ROWS: [Row; 9] = [
    row(
        "tolower",
        Transformer::Tolower,
        Takes::One { text: true },
        Makes::Same,
        "text with ASCII letters in lower case",
    ),
    row(
        "toupper",
        Transformer::Toupper,
        Takes::One { text: true },
        Makes::Same,
        "text with ASCII letters in upper case",
    ),
    row("b64", Transformer::B64, Takes::One { text: true }, Makes::Same, "decoded base64 text"),
    row("basename", Transformer::Basename, Takes::One { text: true }, Makes::Same, "the part after the last slash"),
    row(
        "len",
        Transformer::Len,
        Takes::Countable,
        Makes::One(Type::Int),
        "length of text in bytes, or number of values in a list",
    ),
    row(
        "val",
        Transformer::Val,
        Takes::One { text: false },
        Makes::Same,
        "the value of a field; only on the right side",
    ),
    row(
        "join",
        Transformer::Join,
        Takes::SeparatorAndList,
        Makes::One(Type::Text),
        "concatenated list, with a separator",
    ),
    row("concat", Transformer::Concat, Takes::Texts, Makes::One(Type::Text), "concatenated text"),
    row(
        "getopt",
        Transformer::Getopt,
        Takes::ListAndOptions,
        Makes::Texts,
        "options of a command line and their values; with [c], the value of option c",
    ),
];

const fn row(name: &'static str, transformer: Transformer, takes: Takes, makes: Makes, doc: &'static str) -> Row {
    Row { name, transformer, takes, makes, doc }
}

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}

impl Transformer {
    /// The one of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        ROWS.iter().find(|row| row.name == name).map(|row| row.transformer)
    }

    /// Its row.
    #[must_use]
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// What it makes of a value, or of all its arguments; `part` is what stands in square brackets.
    #[must_use]
    pub fn apply<'a>(self, args: &mut dyn Iterator<Item = Value<'a>>, part: Option<u8>) -> Value<'a> {
        let Some(first) = args.next() else { return Value::Missing };
        match self {
            Self::Tolower => each(first, &|text| with_case(text, u8::is_ascii_uppercase, <[u8]>::to_ascii_lowercase)),
            Self::Toupper => each(first, &|text| with_case(text, u8::is_ascii_lowercase, <[u8]>::to_ascii_uppercase)),
            Self::B64 => each(first, &|text| decode(&text).map_or(Value::Missing, Value::made)),
            Self::Basename => each(first, &basename),
            Self::Len => match first {
                Value::Missing => Value::Missing,
                Value::List(values) => Value::U64(values.len() as u64),
                Value::Text(text) => Value::U64(text.len() as u64),
                _ => Value::Missing,
            },
            Self::Val => first,
            Self::Join => match first {
                Value::Text(separator) => join(&separator, args),
                _ => Value::Missing,
            },
            Self::Getopt => options(std::iter::once(first).chain(args), part).unwrap_or(Value::Missing),
            Self::Concat => join(b"", std::iter::once(first).chain(args)),
        }
    }
}

/// A text, or each text of a list.
fn each<'a>(value: Value<'a>, change: &dyn Fn(Cow<'a, [u8]>) -> Value<'a>) -> Value<'a> {
    match value {
        Value::Text(text) => change(text),
        Value::List(values) => Value::List(values.into_iter().map(|value| each(value, change)).collect()),
        _ => Value::Missing,
    }
}

/// Most texts are as they should be already.
fn with_case<'a>(text: Cow<'a, [u8]>, wrong: fn(&u8) -> bool, change: fn(&[u8]) -> Vec<u8>) -> Value<'a> {
    if text.iter().any(wrong) { Value::made(change(&text)) } else { Value::Text(text) }
}

fn basename(text: Cow<'_, [u8]>) -> Value<'_> {
    let start = text.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    match text {
        Cow::Borrowed(text) => Value::text(&text[start..]),
        Cow::Owned(mut text) => Value::made(text.split_off(start)),
    }
}

/// Texts, and the texts of lists, with a separator between them. Missing when one of them is.
fn join<'a>(separator: &[u8], mut values: impl Iterator<Item = Value<'a>>) -> Value<'a> {
    let mut out = Vec::new();
    let mut first = true;
    let mut push = |value: &Value<'_>| {
        let Value::Text(text) = value else { return false };
        if !std::mem::replace(&mut first, false) {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(text);
        true
    };
    let complete = values.all(|value| match &value {
        Value::List(values) => values.iter().all(&mut push),
        value => push(value),
    });
    if complete { Value::made(out) } else { Value::Missing }
}

/// The options of a command line as getopt(3) finds them: the last value says which there are, those before are the
/// arguments. Long options and operands are passed over. `None` when an argument is missing, or the option that is asked for.
fn options<'a>(values: impl Iterator<Item = Value<'a>>, part: Option<u8>) -> Option<Value<'a>> {
    let mut texts = Vec::new();
    for value in values {
        let all = if let Value::List(values) = value { values } else { vec![value] };
        for value in all {
            texts.push(if let Value::Text(text) = value { text } else { return None });
        }
    }
    let options = texts.pop()?;
    let takes_value = |letter: u8| options.windows(2).any(|two| two == [letter, b':']);
    let mut found: Vec<(u8, Option<Cow<'a, [u8]>>)> = Vec::new();
    let mut texts = texts.into_iter();
    while let Some(text) = texts.next().filter(|text| **text != *b"--") {
        let letters = text.strip_prefix(b"-").filter(|letters| !letters.starts_with(b"-")).unwrap_or_default();
        for (at, letter) in letters.iter().copied().enumerate() {
            if letter == b':' || !options.contains(&letter) {
                continue;
            }
            if takes_value(letter) {
                let rest = &letters[at + 1..];
                let value = if rest.is_empty() { texts.next() } else { Some(Cow::Owned(rest.to_vec())) };
                found.push((letter, value));
                break;
            }
            found.push((letter, None));
        }
    }
    match part {
        // Of an option that is given twice, programs take the last.
        Some(wanted) => {
            let (_, value) = found.into_iter().rfind(|(letter, _)| *letter == wanted)?;
            Some(Value::Text(value.unwrap_or_default()))
        }
        None => {
            let texts = found.into_iter().flat_map(|(letter, value)| [Some(Cow::Owned(vec![letter])), value]);
            Some(Value::List(texts.flatten().map(Value::Text).collect()))
        }
    }
}

/// Base64 of RFC 4648 with or without padding; `None` when it is none.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let digits = &text[..text.len() - padding];
    if digits.len() % 4 == 1 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0_u32;
        for digit in group {
            bits = bits << 6 | u32::from(digit_of(*digit)?);
        }
        let bytes = (bits << (6 * (4 - group.len()))).to_be_bytes();
        out.extend_from_slice(&bytes[1..group.len()]);
    }
    Some(out)
}

const fn digit_of(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply<'a>(name: &str, args: &[Value<'a>]) -> Value<'a> {
        Transformer::by_name(name).unwrap().apply(&mut args.iter().cloned(), None)
    }

    #[test]
    fn options_are_found_as_getopt_finds_them() {
        let arguments: Vec<Value<'_>> =
            ["-vo", "out", "file", "-xs5", "--long", "-", "-z", "--", "-v"].iter().map(|text| (*text).into()).collect();
        let given = [Value::List(arguments), Value::text(b"vo:s:xw:")];
        let part = |letter| Transformer::Getopt.apply(&mut given.iter().cloned(), letter);
        let texts = |all: &[&'static str]| Value::List(all.iter().map(|text| (*text).into()).collect());
        assert_eq!(part(None), texts(&["v", "o", "out", "x", "s", "5"]));
        assert_eq!(part(Some(b'o')), "out".into());
        assert_eq!(part(Some(b's')), "5".into());
        assert_eq!(part(Some(b'v')), "".into());
        assert_eq!(part(Some(b'w')), Value::Missing);
    }

    #[test]
    fn rows_stand_in_the_order_of_their_numbers() {
        for row in &ROWS {
            assert_eq!(row.transformer.row().name, row.name);
        }
    }

    #[test]
    fn texts_are_transformed() {
        let text = |text: &'static str| Value::text(text.as_bytes());
        let cases = [
            ("tolower", "MiXed", "mixed"),
            ("toupper", "MiXed9", "MIXED9"),
            ("basename", "/usr/bin/cat", "cat"),
            ("basename", "cat", "cat"),
            ("basename", "/usr/", ""),
            ("b64", "aGVsbG8=", "hello"),
            ("b64", "aGVsbG8", "hello"),
            ("b64", "", ""),
            ("val", "x", "x"),
        ];
        for (name, given, expected) in cases {
            assert_eq!(apply(name, &[text(given)]), text(expected), "{name} {given}");
        }
        for wrong in ["a", "aGVsbG8==", "aG=sbG8=", "aGVs bG8", "====", "aGVs\u{e4}"] {
            assert_eq!(apply("b64", &[text(wrong)]), Value::Missing, "{wrong}");
        }
        assert_eq!(apply("concat", &[text("a"), text(""), text("c")]), text("ac"));
        let list = Value::List(vec![text("A"), text("b")]);
        assert_eq!(apply("join", &[text(", "), list.clone(), text("c")]), text("A, b, c"));
        assert_eq!(apply("len", std::slice::from_ref(&list)), Value::U64(2));
        assert_eq!(apply("len", &[text("héllo")]), Value::U64(6));
        assert_eq!(apply("tolower", &[list]), Value::List(vec![text("a"), text("b")]));
    }

    #[test]
    fn what_is_missing_stays_missing() {
        for row in &ROWS {
            assert!(
                row.transformer.apply(&mut std::iter::repeat_n(Value::Missing, 2), None).is_missing(),
                "{}",
                row.name
            );
        }
        assert!(apply("concat", &[Value::text(b"a"), Value::Missing]).is_missing());
    }
}
