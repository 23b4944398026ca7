//! What is wrong with a text in TOML, in our words: the line, what is there, and what to write.

use crate::{fields::nearest, format::escape::escaped};

/// A mistake, and the line that has it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// From 1.
    pub(crate) line: usize,
    /// What is wrong.
    pub(crate) what: String,
    /// What to write.
    pub(crate) hint: Option<String>,
}

/// How lines are written, for those that make no sense.
const FORM: &str = "write each entry as KEY = VALUE: text in quotes, numbers, true and false without, several values as [\"a\", \"b\"]";
/// Characters of a line that are repeated.
const SHOWN: usize = 60;

/// The mistake that ended reading.
pub(crate) fn mistake(text: &str, error: &toml::de::Error) -> Mistake {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let line = 1 + text[..at].matches('\n').count();
    let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let entry = text[begin..].lines().next().unwrap_or_default().trim();
    let is_toml = text.parse::<toml::Table>().is_ok();
    let (what, hint) = if is_toml { of_values(error.message()) } else { of_form(entry, error.message()) };
    Mistake { line, what, hint }
}

fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN).collect();
    escaped(if short.len() < text.len() { format!("{short}…") } else { short }.as_bytes())
}

/// The line is no TOML.
fn of_form(entry: &str, message: &str) -> (String, Option<String>) {
    let form = || Some(FORM.to_owned());
    if entry.starts_with('[') && !entry.contains('=') {
        let name = entry.trim_matches(['[', ']', ' ']);
        let (open, close) = (entry.matches('[').count(), entry.matches(']').count());
        return match open == close {
            true if message.contains("duplicate") => (format!("section [{}] is there twice", shown(name)), None),
            true => (format!("'{}' is no name of a section", shown(name)), Some("write a section as [top]".into())),
            false => ("the bracket of a section is not closed".into(), Some(format!("write [{}]", shown(name)))),
        };
    }
    let Some((key, value)) = entry.split_once('=') else {
        return match entry.split_once(':') {
            Some((key, value)) => (
                format!("'{}' has a colon, which is no sign between key and value", shown(entry)),
                Some(format!("write {} = {}", shown(key.trim()), as_value(value.trim()))),
            ),
            None => (format!("'{}' is no entry", shown(entry)), form()),
        };
    };
    let (key, value) = (key.trim(), value.trim());
    if message.contains("duplicate") {
        return (
            format!("'{}' is there twice", shown(key)),
            Some("keep one of them; several values are a list".into()),
        );
    }
    let name = shown(key);
    if message.contains("recur") {
        return (format!("the lists of '{name}' are nested too deeply"), form());
    }
    match value.chars().next() {
        None | Some('#') => (format!("'{name}' has no value"), Some(format!("write {name} = \"…\""))),
        Some(quote @ ('"' | '\'')) if value[1..].find(quote).is_none() => {
            ("the quote is not closed".into(), Some(format!("write {name} = {}", as_value(&value[1..]))))
        }
        Some('[') if !value.contains(']') => {
            ("the bracket of a list is not closed".into(), Some(format!("write {name} = [\"a\", \"b\"]")))
        }
        Some('"' | '\'' | '[' | '{') => (format!("the value of '{name}' cannot be read"), form()),
        Some(_) if value.contains(['"', '\'']) => (format!("the value of '{name}' cannot be read"), form()),
        Some(_) => {
            let value = value.split(" #").next().unwrap_or_default().trim_end();
            (format!("the text '{}' needs quotes", shown(value)), Some(format!("write {name} = {}", as_value(value))))
        }
    }
}

/// How a value is written.
fn as_value(text: &str) -> String {
    let is_plain =
        text.parse::<f64>().is_ok() || matches!(text, "true" | "false") || text.starts_with(['"', '\'', '[']);
    if is_plain { shown(text) } else { format!("\"{}\"", shown(text)) }
}

/// It is TOML, and a value is not what is wanted. The message is serde's: a few forms, of which the names are taken.
fn of_values(message: &str) -> (String, Option<String>) {
    let message = message.lines().next().unwrap_or_default();
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (first, rest) = names.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
    let several = || rest.join(", ");
    if message.starts_with("unknown field") {
        let meant = nearest(first, rest.iter().copied());
        let hint = meant.map_or_else(|| format!("keys are {}", several()), |name| format!("did you mean '{name}'?"));
        return (format!("there is no key '{}'", shown(first)), Some(hint).filter(|_| !rest.is_empty()));
    }
    if message.starts_with("missing field") {
        return (format!("the key '{first}' is missing"), None);
    }
    if message.starts_with("duplicate field") {
        return (format!("'{first}' is there twice"), None);
    }
    if message.starts_with("unknown variant") {
        return (format!("'{}' is no value of it", shown(first)), Some(format!("values are {}", several())));
    }
    if let Some((found, wanted)) = message.strip_prefix("invalid type: ").and_then(|it| it.split_once(", expected ")) {
        return (format!("expected {}, found {}", kind(wanted), kind(found)), None);
    }
    if message.starts_with("invalid value: ") {
        return ("the number is too small or too large".into(), None);
    }
    ("a value is not of the kind that is wanted".into(), None)
}

/// A kind of value, as people call it. What was found comes with its value: `string "x"`, `integer `3``.
fn kind(serde: &str) -> String {
    let (name, value) = match serde.split_once([' ', '`']) {
        Some((name @ ("string" | "integer" | "boolean" | "floating"), value)) => {
            (name, shown(value.trim_matches(['`', '"'])))
        }
        _ => (serde, String::new()),
    };
    let plain = match name {
        "string" | "a string" => "text",
        "integer" => "the number",
        "floating" => "a number with a fraction",
        "boolean" => "the value",
        "a boolean" => "true or false",
        "sequence" | "a sequence" => "a list",
        "map" | "a map" => "a section",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        _ if name.starts_with("struct ") => "a section",
        _ => "something else",
    };
    match (name, value.as_str()) {
        ("string", value) => format!("text '{value}'"),
        ("integer" | "boolean", value) => format!("{plain} {value}"),
        _ => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Wanted {
        delay: Option<u64>,
        theme: Option<String>,
        wide: Option<bool>,
        columns: Option<BTreeMap<String, Vec<String>>>,
        order: Option<Order>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Up,
        Down,
    }

    fn of(text: &str) -> (usize, String, String) {
        let error = toml::from_str::<Wanted>(text).unwrap_err();
        let mistake = mistake(text, &error);
        (mistake.line, mistake.what, mistake.hint.unwrap_or_default())
    }

    #[track_caller]
    fn says(text: &str, line: usize, what: &str, hint: &str) {
        assert_eq!(of(text), (line, what.to_owned(), hint.to_owned()), "{text}");
    }

    #[test]
    fn what_is_no_toml_is_told_with_what_to_write() {
        says("color = never", 1, "the text 'never' needs quotes", "write color = \"never\"");
        says("\ntz = Europe/Berlin # here", 2, "the text 'Europe/Berlin' needs quotes", "write tz = \"Europe/Berlin\"");
        says("snaplen = 80k", 1, "the text '80k' needs quotes", "write snaplen = \"80k\"");
        says("\ncolor = ", 2, "'color' has no value", "write color = \"…\"");
        says("color = \"never", 1, "the quote is not closed", "write color = \"never\"");
        says("a = [\"x\"\n", 1, "the bracket of a list is not closed", "write a = [\"a\", \"b\"]");
        says("[top\ndelay = 3", 1, "the bracket of a section is not closed", "write [top]");
        says(
            "color: never",
            1,
            "'color: never' has a colon, which is no sign between key and value",
            "write color = \"never\"",
        );
        says("color never", 1, "'color never' is no entry", FORM);
        says("a = 1\na = 2", 2, "'a' is there twice", "keep one of them; several values are a list");
        says("[a]\nx = 1\n[a]\ny = 2", 3, "section [a] is there twice", "");
        let nested = format!("color = {}", "[".repeat(1000));
        says(&nested, 1, "the lists of 'color' are nested too deeply", FORM);
        says("color = \"a\" b", 1, "the value of 'color' cannot be read", FORM);
        says("color = \x1b[2J", 1, "the text '\\x1b[2J' needs quotes", "write color = \"\\x1b[2J\"");
    }

    #[test]
    fn values_of_a_wrong_kind_are_told_without_words_of_the_parser() {
        says("\ndelay = 'x'", 2, "expected a whole number from 0 on, found text 'x'", "");
        says("theme = 3", 1, "expected text, found the number 3", "");
        says("wide = 'yes'", 1, "expected true or false, found text 'yes'", "");
        says("columns = 3", 1, "expected a section, found the number 3", "");
        says("columns = { a = true }", 1, "expected a list, found the value true", "");
        says("delay = -3", 1, "the number is too small or too large", "");
        says("them = 'x'", 1, "there is no key 'them'", "did you mean 'theme'?");
        says("zzz = 'x'", 1, "there is no key 'zzz'", "keys are delay, theme, wide, columns, order");
        says("order = 'left'", 1, "'left' is no value of it", "values are up, down");
    }

    /// Whatever is written, each message is one of ours.
    #[test]
    fn no_text_of_the_parser_is_shown() {
        let valid = "delay = 100\ntheme = \"dark\"\nwide = true\norder = \"up\"\n[columns]\ncpu = [\"a\", \"b\"]\n";
        for at in 0..valid.len() {
            for change in ["", "=", "[", "]", "\"", "'", "x", ",", "\n", "{", "\u{202e}", "#"] {
                for skipped in [0, 1] {
                    let text = format!("{}{change}{}", &valid[..at], &valid[at + skipped..]);
                    let Err(error) = toml::from_str::<Wanted>(&text) else { continue };
                    let mistake = mistake(&text, &error);
                    let library = error.message().lines().next().unwrap_or_default();
                    let said = format!("{} {}", mistake.what, mistake.hint.unwrap_or_default());
                    assert!(
                        !said.contains(library) && !said.contains('`') && !said.contains(['\n', '\u{202e}']),
                        "{text}: {said}"
                    );
                    assert!(mistake.line >= 1 && mistake.line <= 1 + text.matches('\n').count());
                }
            }
        }
    }
}
