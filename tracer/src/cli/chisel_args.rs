//! Puts the words of the command line in order: options first, also those after the filter, then the filter, as getopt(3) does;
//! and takes the arguments of chisels out. Whether the word after a chisel is its argument depends on the chisel, so this comes
//! before the options are parsed.

use clap::CommandFactory;

use super::{Args, Failure, gone, habits};
use crate::{
    chisel::{Chisel, Library, Meta, args::taken},
    filter::operator,
    message::note,
};

/// The words without the arguments of chisels, and these in the order of the chisels.
///
/// # Errors
/// A chisel does not exist, or is wrong.
pub fn extract(words: Vec<String>, library: &Library) -> Result<(Vec<String>, Vec<Option<String>>), Failure> {
    let options = Options::new();
    let mut rest = Vec::new();
    let mut arguments = Vec::new();
    let mut filter: Vec<String> = Vec::new();
    let mut words = words.into_iter().collect::<std::collections::VecDeque<_>>();
    rest.extend(words.pop_front());
    while let Some(word) = words.pop_front() {
        if word == "--" {
            filter.extend(words.drain(..));
            break;
        }
        // A word that is no option is a part of the filter, and so is what an operator compares with, such as -1.
        let is_operand = filter.last().is_some_and(|before| operator::names().any(|name| name == before));
        if !word.starts_with('-') || word == "-" || is_operand || !filter.is_empty() && !options.knows(&word) {
            filter.push(word);
            continue;
        }
        if let Some((text, has_value)) = gone::ignored(&word) {
            note(&text);
            if has_value {
                let _ = words.pop_front();
            }
            continue;
        }
        let (option, glued) = options.split(&word);
        rest.push(word.clone());
        let value = match option {
            Some(_) if glued.is_some() => glued,
            Some(_) => {
                let value = words.pop_front();
                rest.extend(value.clone());
                value
            }
            None => continue,
        };
        let (Some(Takes::Chisel), Some(name)) = (option, value) else { continue };
        if name == "l" {
            arguments.push(None);
            continue;
        }
        let source = library.find(&name).map_err(|error| habits::of_chisel(&name, library, error.into()))?;
        let meta = Chisel::describe(&source)?;
        if let Some(next) = words.front().filter(|next| meta.needs_args() && next.len() > 1 && options.knows(next)) {
            return Err(no_argument(&name, &meta, next));
        }
        let following: Vec<String> = words.iter().cloned().collect();
        let argument: Vec<String> = words.drain(..taken(&meta, &following)).collect();
        arguments.push((!argument.is_empty()).then(|| argument.join(" ")));
    }
    if !filter.is_empty() {
        rest.push("--".to_owned());
        rest.extend(filter);
    }
    Ok((rest, arguments))
}

/// How many of the words are options, with what they take: those before the first word that is none.
///
/// # Errors
/// As [`extract`].
pub fn options_end(words: &[String], library: &Library) -> Result<usize, Failure> {
    let options = Options::new();
    let mut at = 0;
    while let Some(word) = words.get(at).filter(|word| word.starts_with('-') && *word != "-" && *word != "--") {
        at += 1;
        let (option, glued) = options.split(word);
        let Some(option) = option else { continue };
        let value = glued.or_else(|| words.get(at).cloned().inspect(|_| at += 1));
        if let (Takes::Chisel, Some(name)) = (option, value)
            && name != "l"
        {
            at += taken(&Chisel::describe(&library.find(&name)?)?, words.get(at..).unwrap_or_default());
        }
    }
    Ok(at.min(words.len()))
}

/// An option is where the argument of a chisel was expected.
fn no_argument(name: &str, meta: &Meta, next: &str) -> Failure {
    let names: Vec<String> = meta.args.iter().filter(|arg| !arg.optional).map(|arg| arg.name.to_uppercase()).collect();
    Failure::with_hint(
        format!("chisel '{name}' needs an argument, and '{next}' is an option"),
        format!("tracer -c {name} {} {next} …; tracer -i {name} describes it", names.join(" ")),
    )
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Value,
    Chisel,
}

/// Which options take a value, as declared.
struct Options {
    short: Vec<(char, Takes)>,
    long: Vec<(String, Takes)>,
    /// All letters and names, also of options without a value.
    all_short: Vec<char>,
    all_long: Vec<String>,
}

impl Options {
    fn new() -> Self {
        let command = Args::command();
        // An optional value is a part of the word: --compress=zstd.
        let is_next_word = |arg: &&clap::Arg| {
            !arg.is_require_equals_set() && arg.get_num_args().is_none_or(|count| count.min_values() > 0)
        };
        let with_value = command.get_arguments().filter(|arg| arg.get_action().takes_values() && !arg.is_positional());
        let with_value = with_value.filter(is_next_word);
        let (mut short, mut long) = (Vec::new(), Vec::new());
        for arg in with_value {
            let takes = if arg.get_id() == "chisels" { Takes::Chisel } else { Takes::Value };
            short.extend(arg.get_short().map(|letter| (letter, takes)));
            long.extend(arg.get_long().map(|name| (name.to_owned(), takes)));
        }
        let all_short = command.get_arguments().filter_map(clap::Arg::get_short).chain(['h', 'V']).collect();
        let all_long = command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned));
        let all_long = all_long.chain(["help", "version"].map(str::to_owned)).collect();
        Self { short, long, all_short, all_long }
    }

    /// Whether a word is an option, of ours or of sysdig.
    fn knows(&self, word: &str) -> bool {
        if !word.starts_with('-') {
            return false;
        }
        let is_own = match word.strip_prefix("--") {
            Some(long) => self.all_long.iter().any(|known| long.split('=').next() == Some(known)),
            None => word.chars().nth(1).is_some_and(|letter| self.all_short.contains(&letter)),
        };
        is_own || gone::explain(word).is_some()
    }

    /// The option of a word that takes a value, and the value if it is part of the word.
    fn split(&self, word: &str) -> (Option<Takes>, Option<String>) {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            let takes = self.long.iter().find(|(known, _)| known == name).map(|(_, takes)| *takes);
            return (takes, value.map(ToOwned::to_owned));
        }
        let letters = word.trim_start_matches('-');
        for (at, letter) in letters.char_indices() {
            if let Some((_, takes)) = self.short.iter().find(|(known, _)| *known == letter) {
                let value = &letters[at + letter.len_utf8()..];
                return (Some(*takes), (!value.is_empty()).then(|| value.to_owned()));
            }
        }
        (None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> (String, Vec<Option<String>>) {
        let words = std::iter::once("tracer").chain(text.split(' ')).map(ToOwned::to_owned).collect();
        let (rest, arguments) = extract(words, &Library::builtin()).unwrap();
        (rest[1..].join(" "), arguments)
    }

    #[test]
    fn only_chisels_that_take_an_argument_get_the_next_word() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(split("-c topscalls proc.name=x"), ("-c topscalls -- proc.name=x".into(), vec![None]));
        assert_eq!(split("-c spy_users 3 proc.name=x"), ("-c spy_users -- proc.name=x".into(), vec![some("3")]));
        assert_eq!(split("-c spy_users proc.name=x"), ("-c spy_users -- proc.name=x".into(), vec![None]));
        assert_eq!(split("-qcspy_users 3 -n 5"), ("-qcspy_users -n 5".into(), vec![some("3")]));
        assert_eq!(
            split("--chisel=topscalls -c spy_users -n 5"),
            ("--chisel=topscalls -c spy_users -n 5".into(), vec![None, None])
        );
        assert_eq!(split("-cl"), ("-cl".into(), vec![None]));
        assert_eq!(split("-p c -- x.y=1 -c nothing"), ("-p c -- x.y=1 -c nothing".into(), vec![]));
    }

    #[test]
    fn options_may_come_after_the_filter() {
        let of = |text: &str| split(text).0;
        assert_eq!(of("proc.name=x -n 5"), "-n 5 -- proc.name=x");
        assert_eq!(of("proc.name=x and -n5 fd.num < -1 -j"), "-n5 -j -- proc.name=x and fd.num < -1");
        assert_eq!(of("proc.args contains -n and evt.type=open -q"), "-q -- proc.args contains -n and evt.type=open");
        assert_eq!(of("evt.rawres in (0, -11) -q"), "-q -- evt.rawres in (0, -11)");
        assert_eq!(of("-z --schema newest proc.name=x -w y"), "-z --schema newest -w y -- proc.name=x");
        let (rest, arguments) = split("evt.type=open -c spy_users 3 --json");
        assert_eq!((&*rest, arguments), ("-c spy_users --json -- evt.type=open", vec![Some("3".into())]));
        assert_eq!(of("-k http://x -pk -K cert proc.name=x -Nnode"), "-pk -- proc.name=x");
    }

    #[test]
    fn an_unknown_chisel_is_wrong_use_with_a_suggestion() {
        let words = ["tracer", "-c", "spy_user"].map(ToOwned::to_owned).to_vec();
        let failure = extract(words, &Library::builtin()).unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("did you mean 'spy_users'?"));
    }
}
