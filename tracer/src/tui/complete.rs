//! What a filter can go on with at the cursor: fields, operators of a field, values that are known.

use tracer_common::arch;

use crate::{
    fields::{self, FieldRef, Show},
    filter::operator::{Class, ROWS},
};

/// The most candidates that are made.
const MAX: usize = 200;

/// What can stand at the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// How many characters of it are there already.
    pub typed: usize,
    pub texts: Vec<String>,
}

impl Candidates {
    /// What all of them begin with, when that is more than what is there.
    #[must_use]
    pub fn common(&self) -> Option<String> {
        let first = self.texts.first()?.clone();
        let common = self.texts.iter().skip(1).fold(first, |common, text| {
            common.chars().zip(text.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
        });
        (common.chars().count() > self.typed).then_some(common)
    }
}

/// What the text before the cursor can go on with. `values` are those of a field that are known.
pub fn candidates(before: &str, values: &dyn Fn(&str) -> Vec<String>) -> Candidates {
    let is_sign = |it: char| matches!(it, '=' | '!' | '<' | '>');
    let is_word = |it: char| !it.is_whitespace() && !matches!(it, '(' | ')' | ',' | '"' | '\'') && !is_sign(it);
    let from = before.char_indices().rev().take_while(|(_, it)| is_word(*it)).last().map_or(before.len(), |(at, _)| at);
    let (rest, word) = before.split_at(from);
    let made = |texts: Vec<String>| {
        let begins = texts.into_iter().filter(|text| text.starts_with(word) && text != word);
        Candidates { typed: word.chars().count(), texts: begins.take(MAX).collect() }
    };
    let rest = rest.trim_end_matches(['"', '\'']).trim_end();
    // Within the brackets of a list of values.
    if let Some((head, list)) = rest.rsplit_once('(')
        && !list.contains(')')
        && let Some(field) = ["in", "intersects", "pmatch"]
            .iter()
            .find_map(|list| head.trim_end().strip_suffix(list)?.trim_end().split([' ', '(']).next_back())
            .filter(|field| class(field).is_some())
    {
        return made(known(field, values));
    }
    if rest.ends_with(is_sign) {
        let field = rest.trim_end_matches(is_sign).trim_end().split([' ', '(']).next_back().unwrap_or_default();
        return made(known(field, values));
    }
    let mut words = rest.rsplit([' ', '(']).filter(|word| !word.is_empty());
    let (last, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if let Some(class) = class(last).filter(|_| !rest.ends_with('(')) {
        let here = ROWS.iter().filter(|row| row.text != "==" && row.operator.works_on(class));
        return made(here.map(|row| row.text.to_owned()).collect());
    }
    if class(second).is_some() && ROWS.iter().any(|row| row.text == last) {
        return made(known(second, values));
    }
    if word.is_empty() {
        return Candidates::default();
    }
    made(fields::all().filter(|field| !field.deprecated).map(|field| field.name.to_owned()).collect())
}

fn class(name: &str) -> Option<Class> {
    let field = FieldRef::resolve(name, Show::PLAIN).ok()?;
    Some(Class::of(field.kind, field.field.list))
}

fn known(field: &str, values: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
    let mut known: Vec<String> = match field {
        "evt.type" | "syscall.type" => arch::SYSCALLS.iter().map(|call| call.name.to_owned()).collect(),
        _ if class(field) == Some(Class::Bool) => vec!["true".into(), "false".into()],
        _ => values(field),
    };
    known.retain(|value| !value.is_empty() && !value.contains(['"', '\\', '(', ')', ' ', '\n']));
    known.sort_unstable();
    known.dedup();
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(before: &str) -> Vec<String> {
        let values = |field: &str| if field == "user.name" { vec!["root".into(), "redis".into()] } else { Vec::new() };
        candidates(before, &values).texts
    }

    #[test]
    fn s048_fields_operators_and_values_are_completed() {
        assert!(of("proc.na").contains(&"proc.name".to_owned()));
        assert!(of("not (proc.pid=1 or fd.n").contains(&"fd.name".to_owned()));
        assert!(of("proc.name st").contains(&"startswith".to_owned()));
        assert!(!of("proc.pid st").contains(&"startswith".to_owned()), "numbers have no such operator");
        assert!(of("proc.pid ").contains(&">=".to_owned()));
        assert_eq!(of("evt.type=openat2"), Vec::<String>::new(), "it is there already");
        assert_eq!(of("evt.type=openat"), ["openat2"]);
        assert!(of("evt.type in (read, wri").contains(&"writev".to_owned()));
        assert_eq!(of("user.name = r"), ["redis", "root"]);
        assert_eq!(of("user.name!=ro"), ["root"]);
        assert_eq!(of("evt.failed=t"), ["true"]);
        assert_eq!(of("proc.name=x and user.name in (root,re"), ["redis"]);
        assert_eq!(of("nosuch.field = x"), Vec::<String>::new());
    }

    #[test]
    fn what_all_have_in_common_is_taken() {
        let common = |texts: &[&str], typed| {
            Candidates { typed, texts: texts.iter().map(|text| (*text).to_owned()).collect() }.common()
        };
        assert_eq!(common(&["proc.name", "proc.nargs"], 4).as_deref(), Some("proc.na"));
        assert_eq!(common(&["proc.name", "proc.nargs"], 7), None);
        assert_eq!(common(&["proc.name"], 1).as_deref(), Some("proc.name"));
        assert_eq!(common(&[], 0), None);
    }
}
