//! Takes the arguments of chisels out of the command line. Whether the word behind a chisel is its argument depends on
//! the chisel, so this comes before the options are parsed.

use clap::CommandFactory;

use super::{Args, Failure};
use crate::chisel::{Chisel, Library, args::takes_next};

/// The words without the arguments of chisels, and these in the order of the chisels.
///
/// # Errors
/// A chisel does not exist, or is wrong.
pub fn extract(words: Vec<String>, library: &Library) -> Result<(Vec<String>, Vec<Option<String>>), Failure> {
    let options = Options::new();
    let mut rest = Vec::new();
    let mut arguments = Vec::new();
    let mut words = words.into_iter().collect::<std::collections::VecDeque<_>>();
    rest.extend(words.pop_front());
    while let Some(word) = words.pop_front() {
        // From the first word that is no option on, all is filter.
        if !word.starts_with('-') || word == "-" || word == "--" {
            rest.push(word);
            break;
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
        let meta = Chisel::describe(&library.find(&name)?)?;
        let following: Vec<String> = words.iter().cloned().collect();
        arguments.push(if takes_next(&meta, &following) { words.pop_front() } else { None });
    }
    rest.extend(words);
    Ok((rest, arguments))
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
}

impl Options {
    fn new() -> Self {
        let command = Args::command();
        let with_value = command.get_arguments().filter(|arg| arg.get_action().takes_values() && !arg.is_positional());
        let (mut short, mut long) = (Vec::new(), Vec::new());
        for arg in with_value {
            let takes = if arg.get_id() == "chisels" { Takes::Chisel } else { Takes::Value };
            short.extend(arg.get_short().map(|letter| (letter, takes)));
            long.extend(arg.get_long().map(|name| (name.to_owned(), takes)));
        }
        Self { short, long }
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
        assert_eq!(split("-c topscalls proc.name=x"), ("-c topscalls proc.name=x".into(), vec![None]));
        assert_eq!(split("-c spy_users 3 proc.name=x"), ("-c spy_users proc.name=x".into(), vec![some("3")]));
        assert_eq!(split("-c spy_users proc.name=x"), ("-c spy_users proc.name=x".into(), vec![None]));
        assert_eq!(split("-qcspy_users 3 -n 5"), ("-qcspy_users -n 5".into(), vec![some("3")]));
        assert_eq!(
            split("--chisel=topscalls -c spy_users -n 5"),
            ("--chisel=topscalls -c spy_users -n 5".into(), vec![None, None])
        );
        assert_eq!(split("-cl"), ("-cl".into(), vec![None]));
        assert_eq!(split("-p c x.y=1 -c nothing"), ("-p c x.y=1 -c nothing".into(), vec![]));
    }

    #[test]
    fn an_unknown_chisel_is_wrong_use_with_a_suggestion() {
        let words = ["tracer", "-c", "spy_user"].map(ToOwned::to_owned).to_vec();
        let failure = extract(words, &Library::builtin()).unwrap_err();
        assert_eq!(failure.hint.as_deref(), Some("did you mean 'spy_users'?"));
    }
}
