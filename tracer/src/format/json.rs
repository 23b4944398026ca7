//! Events as JSON Lines: `-j`.
//!
//! An object for each event, with a key for each field of the format as it is written there, sorted. Numbers and truth values
//! are those of JSON, times are nanoseconds, lists are arrays, numbers that are written in another base than ten are text. A
//! value that is missing is `null`.
//!
//! Texts are exact. What a program writes need not be UTF-8: a byte that is none is the character U+10FF00 plus the byte,
//! and so is each byte of such a character, so that every text leads back to its bytes.

use std::io::Write as _;

use super::{
    DataMode, Template, data,
    escape::{is_hidden, plain_len},
    template::Column,
};
use crate::{
    fields::{Context, Digits, Field, FieldRef, Needs, Type, Value},
    filter::Operand,
};

/// Stands for the byte 0.
const BYTES: u32 = 0x10_ff00;

/// A member of an object.
#[derive(Debug)]
struct Member {
    /// What is written before the value.
    key: Vec<u8>,
    /// The field as it was written.
    token: Box<str>,
    field: Operand,
}

/// The fields of a format as an object.
#[derive(Debug)]
pub struct Json {
    /// The fields in the order of their keys.
    columns: Vec<Member>,
    /// Print events that lack a field.
    lenient: bool,
    data: DataMode,
    needs: Needs,
}

impl Json {
    /// Of the fields of a format; its text is left out.
    #[must_use]
    pub fn new(template: Template) -> Self {
        let (lenient, data, needs) = (template.is_lenient(), template.show().data, template.needs());
        let mut columns: Vec<Column> = template.into_columns().collect();
        columns.sort_by(|a, b| a.token.cmp(&b.token));
        columns.dedup_by(|a, b| a.token == b.token);
        let with_key = |(at, column): (usize, Column)| {
            let mut key = vec![if at == 0 { b'{' } else { b',' }];
            text(column.token.as_bytes(), &mut key);
            key.push(b':');
            Member { key, token: column.token, field: column.field }
        };
        let columns = columns.into_iter().enumerate().map(with_key).collect();
        Self { columns, lenient, data, needs }
    }

    /// Appends the object of an event. Returns false, and appends nothing, when a field is missing and the format does not
    /// begin with `*`.
    pub fn render(&self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for Member { key, field, .. } in &self.columns {
            out.extend_from_slice(key);
            if let Operand::Field(FieldRef { field: Field { json: None, write: Some(write), .. }, arg, .. }) = field {
                let quote = out.len();
                out.push(b'"');
                if write(context, arg, out) {
                    end_text(quote + 1, out);
                    continue;
                }
                out.truncate(quote);
            }
            let value = get(field, context);
            if value.is_missing() && !self.lenient {
                out.truncate(start);
                return false;
            }
            match &value {
                Value::Text(bytes) if field.kind() == Type::Bytes => {
                    let mut shown = Vec::new();
                    data::write(bytes, self.data, true, &mut shown);
                    text(&shown, out);
                }
                value => write(value, field.digits(), out),
            }
        }
        out.extend_from_slice(if self.columns.is_empty() { b"{}" } else { b"}" });
        true
    }

    /// Its fields, with how they were written.
    pub fn operands(&self) -> impl Iterator<Item = (&str, &Operand)> {
        self.columns.iter().map(|member| (&*member.token, &member.field))
    }

    /// What has to be collected for its fields.
    #[must_use]
    pub fn needs(&self) -> Needs {
        self.needs
    }
}

fn get<'a>(operand: &'a Operand, context: &Context<'a>) -> Value<'a> {
    match operand {
        Operand::Field(field) if field.field.json.is_some() => {
            field.field.json.map_or(Value::Missing, |get| get(context, &field.arg))
        }
        operand => operand.get(context),
    }
}

pub(crate) fn write(value: &Value<'_>, digits: Digits, out: &mut Vec<u8>) {
    match value {
        value if value.is_missing() => out.extend_from_slice(b"null"),
        Value::Text(bytes) => text(bytes, out),
        Value::List(values) => {
            out.push(b'[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write(value, digits, out);
            }
            out.push(b']');
        }
        Value::I64(_) | Value::U64(_) if digits == Digits::Decimal || digits == Digits::Nine => {
            value.write(Digits::Decimal, out);
        }
        // What is no number for JSON is null.
        Value::F64(number) if !number.is_finite() => out.extend_from_slice(b"null"),
        // Writing to a vector cannot fail.
        Value::F64(number) => _ = write!(out, "{number}"),
        Value::Bool(_) => value.write(digits, out),
        value => {
            out.push(b'"');
            value.write(digits, out);
            out.push(b'"');
        }
    }
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\'
}

/// Makes what stands in `out` from `start` on, behind a quote, a string.
fn end_text(start: usize, out: &mut Vec<u8>) {
    if start + plain_len(&out[start..], is_plain) == out.len() {
        out.push(b'"');
        return;
    }
    let bytes = out.split_off(start);
    out.truncate(start - 1);
    text(&bytes, out);
}

/// Appends a string.
pub fn text(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = bytes;
    loop {
        let plain = plain_len(rest, is_plain);
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if rest.is_empty() {
            break;
        }
        let run = rest.iter().position(|byte| is_plain(*byte)).unwrap_or(rest.len());
        for chunk in rest[..run].utf8_chunks() {
            chunk.valid().chars().for_each(|character| put(character, out));
            chunk.invalid().iter().for_each(|byte| raw(*byte, out));
        }
        rest = &rest[run..];
    }
    out.push(b'"');
}

fn put(character: char, out: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        // What moves a cursor, turns text round or is not seen is no raw character either: people look at JSON in terminals.
        _ if is_hidden(character) => {
            character.encode_utf16(&mut [0; 2]).iter().for_each(|unit| _ = write!(out, "\\u{unit:04x}"));
        }
        '\u{10ff00}'..='\u{10ffff}' => {
            character.encode_utf8(&mut buffer).bytes().for_each(|byte| raw(byte, out));
        }
        _ => out.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes()),
    }
}

/// A byte that is no UTF-8.
fn raw(byte: u8, out: &mut Vec<u8>) {
    let character = char::from_u32(BYTES + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fields::Show, testing::World};

    fn json(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        text(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// The bytes that a string stands for, as documentation says.
    fn back(json: &str) -> Vec<u8> {
        let text: String = serde_json::from_str(json).unwrap();
        let mut bytes = Vec::new();
        for character in text.chars() {
            match (character as u32).checked_sub(BYTES) {
                Some(byte) => bytes.push(u8::try_from(byte).unwrap()),
                None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        bytes
    }

    #[test]
    fn every_text_leads_back_to_its_bytes() {
        let mut all: Vec<Vec<u8>> = (0..=255u8).map(|byte| vec![b'a', byte, b'z']).collect();
        all.push("grüße \u{10ff41} \u{202e}\u{9b} \"\\".as_bytes().to_vec());
        all.push((0..=255).collect());
        all.push((0..=255).rev().collect());
        for bytes in all {
            let json = json(&bytes);
            assert_eq!(back(&json), bytes, "{json}");
            assert!(!json.chars().any(char::is_control), "{json}");
        }
    }

    #[test]
    fn an_event_is_an_object_with_sorted_keys_and_values_of_their_type() {
        let world = World::new();
        let render = |format: &str, record: &[u8]| {
            let json = Json::new(Template::parse(format, Show::PLAIN).unwrap());
            let mut out = Vec::new();
            let shown = world.with(record, |context| json.render(context, &mut out));
            (shown, String::from_utf8(out).unwrap())
        };
        let read = world.read(10, 3, 2, b"hi");
        let (_, line) = render("*x %proc.name %evt.num %8evt.num %evt.is_io %fd.dev %evt.failed %evt.latency", &read);
        assert_eq!(
            line,
            r#"{"evt.failed":false,"evt.is_io":true,"evt.latency":null,"evt.num":1,"fd.dev":null,"proc.name":"bash"}"#
        );
        assert_eq!(render("%evt.num %evt.latency", &read), (false, String::new()), "a field is missing");
        assert_eq!(render("%toupper(proc.name)", &read).1, r#"{"toupper(proc.name)":"BASH"}"#);
        assert_eq!(render("%evt.buffer", &read).1, r#"{"evt.buffer":"hi"}"#);
        let quoted = render("%evt.args %evt.outputtime", &world.read(10, 3, 3, b"h\"i")).1;
        assert!(
            quoted.starts_with(r#"{"evt.args":"res=3 data=h\"i fd=3(<f>/etc/passwd) size=100","evt.outputtime":17"#),
            "{quoted}"
        );
        assert!(render("%evt.time", &read).1.starts_with(r#"{"evt.time":17"#), "times are nanoseconds");
    }
}
