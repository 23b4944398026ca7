//! The lists that users ask for: fields, events, chisels.

use std::collections::BTreeMap;

use tracer_common::events::{self, Flags};

use super::Failure;
use crate::{
    chisel::{Chisel, Library, Source},
    fields::{ArgRule, CLASSES, Field, GONE, Unit},
    format::{
        escape::escaped,
        width::{padded, width as width_of},
    },
};

/// Where the second column begins.
const COLUMN: usize = 30;

/// The same on a narrow terminal.
const NARROW_COLUMN: usize = 6;

/// Appends `name`, and `text` in a column of its own, broken at blanks to fit into `width`.
pub(super) fn entry(name: &str, text: &str, width: usize, out: &mut String) {
    // On a narrow terminal the text is below the name.
    let column = if width < 2 * COLUMN { NARROW_COLUMN } else { COLUMN };
    let room = width.saturating_sub(column).max(20);
    let mut line = format!("  {name}");
    let mut used = 0;
    for word in text.split_whitespace() {
        let start = used == 0;
        if start && width_of(&line) + 1 > column {
            out.push_str(&line);
            out.push('\n');
            line.clear();
        }
        if !start && used + 1 + width_of(word) > room {
            out.push_str(line.trim_end());
            out.push('\n');
            line.clear();
            used = 0;
        }
        if used == 0 {
            line = padded(&line, column) + word;
            used = width_of(word);
        } else {
            line.push(' ');
            line.push_str(word);
            used += 1 + width_of(word);
        }
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// Appends a text, broken at blanks.
fn paragraph(text: &str, width: usize, out: &mut String) {
    let mut used = 0;
    for word in text.split_whitespace() {
        let columns = width_of(word);
        if used > 0 {
            let fits = used + 1 + columns <= width;
            out.push(if fits { ' ' } else { '\n' });
            used = if fits { used + 1 } else { 0 };
        }
        out.push_str(word);
        used += columns;
    }
    out.push('\n');
}

/// The name of a field as it is used, with its argument.
pub(super) fn usage(field: &Field) -> String {
    let argument = match field.arg {
        ArgRule::None => "",
        ArgRule::Ancestor if field.or_name => "[n or name]",
        ArgRule::IndexAllowed | ArgRule::Ancestor => "[n]",
        ArgRule::NameAllowed | ArgRule::Name => "[name]",
        ArgRule::IndexOrName => "[n or path]",
        ArgRule::Param | ArgRule::Event => ".name",
        ArgRule::Side => ".dst",
        ArgRule::Time => "[time]",
    };
    format!("{}{argument}", field.name)
}

/// What a field is, in short: its type, its unit, where it may stand.
pub(super) fn kind(field: &Field) -> String {
    let list = if field.list { "list of " } else { "" };
    let unit = match field.unit {
        Unit::None | Unit::Time => "",
        Unit::Bytes => ", bytes",
        Unit::Percent => ", percent",
    };
    let only = match (field.filter_only, field.table_only) {
        (true, _) => ", only in filters",
        (_, true) => ", for tables",
        _ => "",
    };
    let deprecated = if field.deprecated { ", deprecated" } else { "" };
    format!("{list}{}{unit}{only}{deprecated}", field.kind.name())
}

/// What may stand behind the name, in words; nothing when nothing may.
fn argument(field: &Field) -> Option<&'static str> {
    Some(match field.arg {
        ArgRule::None => return None,
        ArgRule::IndexAllowed => "a number in brackets, or nothing",
        ArgRule::Ancestor if field.or_name => {
            "an ancestor number (0 is the process itself, 1 its parent), or a name, or nothing"
        }
        ArgRule::Ancestor => "an ancestor number (0 is the process itself, 1 its parent), or nothing for all ancestors",
        ArgRule::NameAllowed => "a name in brackets or after a dot, or nothing",
        ArgRule::Name => "a name in brackets or after a dot",
        ArgRule::IndexOrName => "a number, or a path pattern with * and ?, in brackets",
        ArgRule::Param => "a parameter name after a dot, or its number in brackets",
        ArgRule::Event => "an event name or number after a dot",
        ArgRule::Side => "src or dst after a dot, or nothing",
        ArgRule::Time => "nanoseconds since the epoch in brackets",
    })
}

/// Whether a name is asked for: without words all are, else those that begin with one of them.
fn is_asked(words: &[String], name: &str) -> bool {
    words.is_empty() || words.iter().any(|word| name.starts_with(&word.to_lowercase()))
}

/// A list of which nothing is asked for.
fn none_of(what: &str, words: &[String], option: &str) -> Failure {
    let words = escaped(words.join(" ").as_bytes());
    Failure::with_hint(format!("no {what} begins with '{words}'"), format!("tracer {option} lists all"))
}

/// `-l`, of fields that begin with one of the words; in the long form with arguments, and with fields that are for tables alone.
///
/// # Errors
/// There are none.
pub fn fields(width: usize, long: bool, words: &[String]) -> Result<String, Failure> {
    let mut out = String::new();
    for class in CLASSES {
        let is_shown = |field: &&Field| (long || !field.table_only && !field.deprecated) && is_asked(words, field.name);
        if !words.is_empty() && class.fields().find(is_shown).is_none() {
            continue;
        }
        paragraph(&format!("{}: {}", class.name, class.about), width, &mut out);
        out.push('\n');
        for field in class.fields().filter(is_shown) {
            let argument = argument(field).filter(|_| long);
            let argument = argument.map(|text| format!(" Argument: {text}.")).unwrap_or_default();
            let end = if argument.is_empty() { "" } else { "." };
            entry(&usage(field), &format!("({}) {}{end}{argument}", kind(field), field.doc), width, &mut out);
        }
        out.push('\n');
    }
    if !words.is_empty() {
        return if out.is_empty() { Err(none_of("field", words, "-l")) } else { Ok(out) };
    }
    if long {
        out.push_str("Removed:\n\n");
        GONE.iter().for_each(|(class, why)| entry(&format!("{class}.*"), why, width, &mut out));
    } else {
        paragraph(
            "tracer -lv shows more, including fields that are only for tables; tracer -l proc lists those that begin with proc.",
            width,
            &mut out,
        );
    }
    Ok(out)
}

/// All that there is to say of one field.
pub fn field(name: &str, width: usize) -> Option<String> {
    let field = CLASSES.iter().flat_map(|class| class.fields()).find(|field| field.name == name)?;
    let mut out = String::new();
    let argument = argument(field).map(|text| format!(" Argument: {text}.")).unwrap_or_default();
    entry(&usage(field), &format!("({}) {}.{argument}", kind(field), field.doc), width, &mut out);
    Some(out)
}

/// The families and their rows that users can see.
pub(super) fn visible() -> impl Iterator<Item = (&'static str, Vec<&'static events::Event>)> {
    events::FAMILIES
        .iter()
        .map(|(family, rows)| (*family, rows.iter().copied().filter(|row| !row.live_only()).collect::<Vec<_>>()))
        .filter(|(_, rows)| !rows.is_empty())
}

/// `-L`.
///
/// # Errors
/// There is none that begins with one of the words.
pub fn events(width: usize, words: &[String]) -> Result<String, Failure> {
    let mut out = String::new();
    for (_, rows) in visible() {
        for row in rows.into_iter().filter(|row| is_asked(words, row.name)) {
            let params: Vec<String> =
                row.params.iter().map(|param| format!("{} {}", param.kind.name(), param.name)).collect();
            let internal = if row.flags.has(Flags::INTERNAL) { "(internal) " } else { "" };
            entry(row.name, &format!("{internal}{}", params.join(", ")), width, &mut out);
        }
    }
    if !words.is_empty() {
        return if out.is_empty() { Err(none_of("event with parameters", words, "-L")) } else { Ok(out) };
    }
    out.push('\n');
    paragraph("Every other system call is an event with the name of the call and no parameters.", width, &mut out);
    Ok(out)
}

/// `-cl`.
pub fn chisels(library: &Library, width: usize) -> String {
    let mut categories: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (name, source) in library.list() {
        let (category, summary) = match Chisel::describe(&source) {
            Ok(meta) => (meta.category, meta.summary),
            Err(error) => ("Broken".to_owned(), error.to_string()),
        };
        categories.entry(category).or_default().push((name, summary));
    }
    let mut out = String::new();
    for (category, chisels) in categories {
        out.push_str(&format!("{category}\n"));
        for (name, summary) in chisels {
            entry(&name, &summary, width, &mut out);
        }
        out.push('\n');
    }
    paragraph("tracer -i NAME describes a chisel, tracer -c NAME runs it.", width, &mut out);
    out
}

/// `-i`.
///
/// # Errors
/// The chisel is wrong.
pub fn chisel(source: &Source, width: usize) -> Result<String, Failure> {
    let meta = Chisel::describe(source)?;
    let mut out = format!("{}: {}\n", source.name, meta.summary);
    out.push_str(&format!("Category: {}\nFrom: {}\n\n", meta.category, source.origin));
    paragraph(&meta.about(), width, &mut out);
    out.push_str(&format!("\nUsage: tracer -c {}\n", meta.synopsis(&source.name)));
    for arg in &meta.args {
        let optional = match (arg.optional, arg.default.is_unit()) {
            (false, _) => String::new(),
            (true, true) => ", optional".to_owned(),
            (true, false) => format!(", default {}", arg.default),
        };
        entry(&arg.name, &format!("({}{optional}) {}", arg.expects(), arg.description), width, &mut out);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_fit_into_their_width() {
        for text in [fields(46, true, &[]).unwrap(), events(46, &[]).unwrap(), chisels(&Library::builtin(), 46)] {
            assert!(text.lines().all(|line| line.chars().count() <= 46 || !line.trim().contains(' ')), "{text}");
        }
        for text in [
            fields(80, false, &[]).unwrap(),
            fields(80, true, &[]).unwrap(),
            events(80, &[]).unwrap(),
            chisels(&Library::builtin(), 80),
        ] {
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        }
        assert!(fields(80, true, &[]).unwrap().contains("Argument: an ancestor number"));
        assert!(
            fields(80, true, &[]).unwrap().contains("  thread.nametid ")
                && !fields(80, false, &[]).unwrap().contains("thread.nametid")
        );
        assert!(fields(80, false, &[]).unwrap().contains("  proc.aname[n]               (text) name of an ancestor\n"));
        assert!(chisels(&Library::builtin(), 80).contains("Security\n  list_login_shells "));
    }

    #[test]
    fn a_chisel_is_described_with_its_arguments() {
        let text = chisel(&Library::builtin().find("spy_users").unwrap(), 80).unwrap();
        assert!(text.contains("Usage: tracer -c spy_users [max_depth]\n"), "{text}");
        assert!(text.contains("(count, default 16)"), "{text}");
    }
}
