//! What clients are not shown unless `--show` says so: command lines and environment variables, and the data that is read and written. A
//! filter that tests them would tell them bit by bit, so it is refused, too.

use crate::{
    event::Row,
    fields::{Field, FieldRef, Needs, Reveals, Show as Shape},
};

/// What else clients are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Show {
    /// Command lines and environment variables.
    Args,
    /// The data that is read and written.
    Payload,
}

/// All that clients are shown of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shows {
    /// Command lines and environment variables.
    pub args: bool,
    /// The data that is read and written.
    pub payload: bool,
}

impl FromIterator<Show> for Shows {
    fn from_iter<I: IntoIterator<Item = Show>>(shows: I) -> Self {
        shows.into_iter().fold(Self::default(), |all, show| match show {
            Show::Args => Self { args: true, ..all },
            Show::Payload => Self { payload: true, ..all },
        })
    }
}

/// What a text names: a filter, or a script with its formats.
#[derive(Debug, Default)]
struct Named<'t> {
    /// The first field that shows command lines or environment variables.
    command: Option<&'t str>,
    /// Whether a field shows data by itself, and whether one shows it among other texts.
    data: bool,
    data_among_others: bool,
}

/// A format takes the longest beginning of a word that is a field, so of a word that is none, each beginning counts.
fn named(text: &str) -> Named<'_> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let mut found = Named::default();
    let mut rest = text;
    while let Some(begin) = rest.find(is_part) {
        rest = &rest[begin..];
        let (word, behind) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
        let argument =
            behind.strip_prefix('[').and_then(|inner| behind.get(..inner.find(']')? + 2)).unwrap_or_default();
        rest = behind;
        // No field has a name without a dot.
        if !word.contains('.') {
            continue;
        }
        let field = FieldRef::resolve(&format!("{word}{argument}"), Shape::PLAIN);
        let beginnings = || (1..=word.len()).filter_map(|end| Field::by_name(&word[..end]));
        let reveals = match &field {
            Ok(field) => field.reveals_command(),
            Err(_) => beginnings().any(|field| field.reveals != Reveals::Nothing),
        };
        if reveals {
            found.command = found.command.or(Some(word));
        }
        let (needs, among_others) = match &field {
            Ok(field) => (field.needs(), field.field.shows_data),
            Err(_) => (beginnings().map(|field| field.needs).collect(), beginnings().any(|field| field.shows_data)),
        };
        found.data |= needs.has(Needs::PAYLOAD) && !among_others;
        found.data_among_others |= among_others;
    }
    found
}

/// Whether events of a row show command lines or environment variables.
pub(super) fn reveals(row: &Row) -> bool {
    row.params.iter().any(|param| param.is_command)
}

impl Shows {
    /// Why something that names these fields and needs that is refused.
    pub(super) fn refuse(self, text: &str, needs: Needs) -> Option<String> {
        let named = named(text);
        if let Some(field) = named.command.filter(|_| !self.args) {
            return Some(format!("{field} may show command lines, which the server shows only with --show=args"));
        }
        // What shows data among other texts has none here, because none is recorded.
        let is_data = named.data || needs.has(Needs::PAYLOAD) && !named.data_among_others;
        (is_data && !self.payload).then(|| {
            "it needs data that is read or written, which the server shows only with --show=payload".to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tracer_common::{events::by_code, kind::Kind, plan::Store};

    use super::*;
    use crate::{
        fields::{ArgRule, CLASSES},
        format::Template,
        testing::World,
    };

    /// Every field that there is, with every argument that may say something of a process and its ancestors.
    fn all_fields() -> BTreeSet<String> {
        let rows = CLASSES.iter().flat_map(crate::fields::Class::fields);
        let parameters = tracer_common::events::all().flat_map(|row| row.params.iter().map(|param| param.name));
        let of_events = parameters.flat_map(|name| [format!("evt.arg.{name}"), format!("evt.rawarg.{name}")]);
        let arguments =
            |field: &Field| if field.arg == ArgRule::None { &["", "[x]"][..] } else { &["", "[0]", "[1]", "[TOKEN]"] };
        let rows = rows.flat_map(|field| arguments(field).iter().map(|argument| format!("{}{argument}", field.name)));
        rows.chain(of_events).collect()
    }

    #[test]
    fn no_field_that_passes_shows_a_command_line_or_an_environment() {
        let mut world = World::new();
        for tid in [1, 10, 20, 30] {
            let thread = world.state.threads.get_mut(tid).unwrap();
            thread.args = b"SECRET-arg\0"[..].into();
            thread.env = b"TOKEN=SECRET-env\0"[..].into();
            thread.exe = b"SECRET-exe"[..].into();
            thread.exepath = b"/bin/program"[..].into();
        }
        let mut records = vec![world.openat(20, 3, b"/etc/passwd"), world.procinfo(20)];
        for row in tracer_common::events::all().filter(|row| reveals(row)) {
            let value = |param: &tracer_common::events::Param| match param.kind.live_store() {
                Store::Var if param.is_command => b"SECRET-param\0".to_vec(),
                Store::Var if matches!(param.kind, Kind::Text | Kind::Path) => b"text\0".to_vec(),
                Store::Var => Vec::new(),
                Store::U8 => vec![0],
                Store::U16 => vec![0; 2],
                Store::U32 => vec![0; 4],
                Store::U64 | Store::SignedInt => vec![0; 8],
            };
            let params: Vec<Vec<u8>> = row.params.iter().map(value).collect();
            let params: Vec<&[u8]> = params.iter().map(Vec::as_slice).collect();
            records.push(world.record(20, row.code, &params));
        }
        assert!(by_code(tracer_common::events::code::EXECVE).is_some() && records.len() > 3);
        let (mut secret, mut plain) = (0, 0);
        for field in all_fields() {
            let Ok(template) = Template::parse(&format!("%{field}"), Shape::PLAIN) else { continue };
            let shown = |record: &Vec<u8>| {
                let mut text = Vec::new();
                world.with(record, |context| template.render(context, &mut text));
                String::from_utf8_lossy(&text).contains("SECRET")
            };
            if records.iter().any(shown) {
                secret += 1;
                assert!(named(&field).command.is_some(), "{field} shows it");
            } else {
                plain += 1;
            }
        }
        assert!(secret > 10 && plain > 300, "{secret} {plain}");
    }

    #[test]
    fn fields_of_command_lines_are_known_and_others_pass() {
        for text in [
            "proc.cmdline contains x",
            "proc.args[0]=x",
            "evt.type=execve and evt.arg.args contains x",
            "*%proc.name %evt.args",
            "evt.arg[1]=x",
            "proc.env[HOME]=/",
            "proc.aenv=x",
            "proc.pcmdline=a",
            "proc.exe=a",
            "proc.aexe[1]=a",
            "proc.sid.exe=a",
            "evt.info contains x",
            // No fields, but a format would show their beginnings.
            "%proc.argsx",
            "evt.arg.nothing",
        ] {
            assert!(named(text).command.is_some(), "{text}");
        }
        for text in [
            "proc.name=a",
            "evt.arg.flags contains O_CREAT",
            "evt.rawarg.fd=3",
            "fd.name=/a",
            "proc.exepath=/bin/a",
            "proc.cmdnargs=1",
            "",
        ] {
            assert_eq!(named(text).command, None, "{text}");
        }
    }

    #[test]
    fn data_is_refused_with_and_without_other_texts() {
        let args = Shows { args: true, payload: false };
        let needs = |text: &str| crate::filter::Filter::compile(text, Shape::PLAIN).unwrap().needs();
        let refused = |text: &str| args.refuse(text, needs(text)).is_some();
        assert!(refused("evt.buffer contains a") && refused("evt.buffer contains a and evt.args exists"));
        assert!(!refused("evt.args contains a") && !refused("proc.cmdline contains a"));
        assert!(
            Shows { args: true, payload: true }
                .refuse("evt.buffer contains a", needs("evt.buffer contains a"))
                .is_none()
        );
    }
}
