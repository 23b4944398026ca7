//! What clients are not shown unless `--show` says so: command lines and environment variables, and the data that is read and written. A
//! filter that tests them would tell them bit by bit, so it is refused, too.

use crate::fields::Needs;

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

/// Parameters of events with arguments or environment.
pub(super) const PARAMS: [&str; 4] = ["args", "env", "exe", "uargs"];

/// Parts of the names of fields with them.
const OF_COMMANDS: [&str; 5] = ["args", "cmdline", "exeline", "env", "cmdlenargs"];

/// The first field that a text names and that shows command lines or environment variables: a filter, or a script with its formats. A
/// format takes the longest beginning of a word that is a field, so of a word that is none, each beginning counts.
pub(super) fn names_args(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let mut rest = text;
    while let Some(begin) = rest.find(is_part) {
        rest = &rest[begin..];
        let (word, behind) = rest.split_at(rest.find(|c| !is_part(c)).unwrap_or(rest.len()));
        let argument =
            behind.strip_prefix('[').and_then(|inner| behind.get(..inner.find(']')? + 2)).unwrap_or_default();
        let is_field =
            crate::fields::FieldRef::resolve(&format!("{word}{argument}"), crate::fields::Show::PLAIN).is_ok();
        let shows = if is_field { shows_args(word) } else { (1..=word.len()).any(|end| shows_args(&word[..end])) };
        if shows {
            return Some(word);
        }
        rest = behind;
    }
    None
}

/// Whether a field does.
fn shows_args(field: &str) -> bool {
    let word = field.trim_end_matches('.');
    match word.split_once('.') {
        Some(("evt", name)) => match name.split_once('.') {
            Some(("arg" | "rawarg", param)) => PARAMS.contains(&param),
            Some(_) => false,
            None => matches!(name, "args" | "info" | "arg" | "rawarg"),
        },
        Some(("proc" | "thread", name)) => {
            let last = name.rsplit('.').next().unwrap_or(name);
            last.ends_with("exe") || OF_COMMANDS.iter().any(|part| last.contains(part))
        }
        _ => false,
    }
}

impl Shows {
    /// Why something that names these fields and needs that is refused.
    pub(super) fn refuse(self, text: &str, needs: Needs) -> Option<String> {
        if let Some(field) = names_args(text).filter(|_| !self.args) {
            return Some(format!("{field} may show command lines, which the server shows only with --show=args"));
        }
        let is_data = needs.has(Needs::PAYLOAD) && !self.payload && !text.contains("evt.args");
        is_data.then(|| {
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
        fields::{ArgRule, CLASSES, Field, Show as Shape},
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
        for row in tracer_common::events::all().filter(|row| row.params.iter().any(|it| PARAMS.contains(&it.name))) {
            let value = |param: &tracer_common::events::Param| match param.kind.live_store() {
                Store::Var if PARAMS.contains(&param.name) => b"SECRET-param\0".to_vec(),
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
                assert!(names_args(&field).is_some(), "{field} shows it");
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
        ] {
            assert!(names_args(text).is_some(), "{text}");
        }
        for text in [
            "proc.name=a",
            "evt.arg.flags contains O_CREAT",
            "evt.rawarg.fd=3",
            "fd.name=/a",
            "proc.exepath=/bin/a",
            "",
        ] {
            assert_eq!(names_args(text), None, "{text}");
        }
    }
}
