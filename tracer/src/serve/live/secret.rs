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

/// The first field that a text names and that shows command lines or environment variables: a filter, or a script with its formats.
pub(super) fn names_args(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    text.split(|c| !is_part(c)).find(|word| {
        let word = word.trim_end_matches('.');
        match word.split_once('.') {
            Some(("evt", name)) => match name.split_once('.') {
                Some(("arg" | "rawarg", param)) => PARAMS.contains(&param),
                Some(_) => false,
                None => matches!(name, "args" | "info" | "arg" | "rawarg"),
            },
            Some(("proc" | "thread", name)) => {
                let last = name.rsplit('.').next().unwrap_or(name);
                last.trim_start_matches('a').ends_with("exe")
                    || last == "pexe"
                    || OF_COMMANDS.iter().any(|part| last.contains(part))
            }
            _ => false,
        }
    })
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
    use super::*;

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
