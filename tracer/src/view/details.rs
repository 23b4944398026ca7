//! All fields of an event that have a value: one text, which goes with its row until somebody looks at it.
//!
//! The text is a run of pairs: the length of the name (one byte), the name, the length of the value (four bytes, little-endian), the
//! value.

use super::join::text;
use crate::{
    fields::{self, ArgRule, Context, FieldRef, Show},
    format::escape,
};

/// The most bytes of a value that are kept.
const MAX_VALUE: usize = 4096;
/// What says again what others say, or nothing about one event.
const LEFT_OUT: &[&str] = &["evt.args", "evt.info", "evt.arg", "evt.rawarg", "evt.count"];

/// The fields that an event may have, without its parameters.
#[derive(Debug)]
pub struct Fields {
    fields: Vec<FieldRef>,
    show: Show,
}

impl Fields {
    /// All fields that a filter can ask for.
    #[must_use]
    pub fn all(show: Show) -> Self {
        let is_here = |field: &&fields::Field| {
            !field.filter_only
                && !field.table_only
                && !field.deprecated
                && !matches!(field.arg, ArgRule::Name | ArgRule::Param | ArgRule::Event | ArgRule::Time)
                && field.class() != "util"
                && !LEFT_OUT.contains(&field.name)
        };
        let fields = fields::all().filter(is_here).filter_map(|field| FieldRef::resolve(field.name, show).ok());
        Self { fields: fields.collect(), show }
    }

    /// Those of an event.
    #[must_use]
    pub fn of(&self, context: &Context<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        for field in &self.fields {
            put(&field.name(), &text(field, context), &mut out);
        }
        for param in context.event.row.params {
            let name = format!("evt.arg.{}", param.name);
            if let Ok(field) = FieldRef::resolve(&name, self.show) {
                put(&name, &text(&field, context), &mut out);
            }
        }
        out
    }
}

fn put(name: &str, value: &[u8], out: &mut Vec<u8>) {
    let Ok(length) = u8::try_from(name.len()) else { return };
    if value.is_empty() {
        return;
    }
    let value = &value[..value.len().min(MAX_VALUE)];
    out.push(length);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    out.extend_from_slice(value);
}

/// The pairs of such a text: names and values.
pub fn pairs(mut text: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut pairs = Vec::new();
    while let Some((name, value, rest)) = pair(text) {
        pairs.push((escape::escaped(name), value.to_vec()));
        text = rest;
    }
    pairs
}

fn pair(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (length, rest) = text.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((name, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{filter::Filter, testing::World};

    /// Statement 78: every field that has a value is there, with the name to filter by.
    #[test]
    fn s078_an_event_has_all_its_fields_and_each_name_can_be_filtered_by() {
        let world = World::new();
        let text = world.with(&world.openat(10, 3, b"/etc/passwd"), |context| Fields::all(Show::PLAIN).of(context));
        let pairs = pairs(&text);
        let value = |name: &str| pairs.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_slice());
        assert_eq!(value("evt.type"), Some(&b"openat"[..]));
        assert_eq!(value("proc.name"), Some(&b"bash"[..]));
        assert_eq!(value("evt.arg.name"), Some(&b"/etc/passwd"[..]));
        assert_eq!(value("evt.rawres"), Some(&b"3"[..]));
        assert!(pairs.len() > 40, "{}", pairs.len());
        for (name, _) in &pairs {
            let test = format!("{name} exists");
            assert!(Filter::compile(&test, Show::PLAIN).is_ok(), "{test}");
        }
    }

    #[test]
    fn a_text_that_is_cut_ends_before_the_cut() {
        let mut text = Vec::new();
        put("a", b"1", &mut text);
        put("b", b"", &mut text);
        put("c", b"345", &mut text);
        let whole = [("a".to_owned(), b"1".to_vec()), ("c".to_owned(), b"345".to_vec())];
        assert_eq!(pairs(&text), whole);
        for end in 0..text.len() {
            assert!(pairs(&text[..end]).len() < 2);
        }
    }
}
