//! Arguments of a chisel on the command line: one word, in which several values are separated by blanks. They come in
//! their order; a word that only a later argument can be leaves out the optional ones before it.

use rhai::{Dynamic, Map};

use super::{
    ChiselError, Meta,
    meta::{ArgKind, ArgSpec},
};
use crate::{
    fields::{FieldRef, Show},
    filter::Filter,
};

/// How many of the words after the name of a chisel are its argument: if it needs one, one; if it may have one, none if the word is an
/// option or the words are a filter. A filter may be several words, if the first is none alone.
#[must_use]
pub fn taken(meta: &Meta, words: &[String]) -> usize {
    let (Some(first), Some(next)) = (meta.args.first(), words.first()) else { return 0 };
    let is_filter = |words: &[String]| Filter::compile(&words.join(" "), Show::default()).is_ok();
    let options = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
    if first.kind == ArgKind::Filter && !next.starts_with('-') {
        let is_many = options > 1 && !is_filter(&[unquoted(next).to_owned()]) && is_filter(&words[..options]);
        return if is_many { options } else { 1 };
    }
    if meta.needs_args() {
        return 1;
    }
    // One below zero is an argument that is wrong, and no option.
    if first.kind.bounds().is_some() && next.parse::<i64>().is_ok() {
        return 1;
    }
    // A word that cannot be its value is a part of the filter.
    if !first.choices.is_empty() && meta.args.len() == 1 {
        return choice(first, next).is_some().into();
    }
    (!next.starts_with('-') && !is_filter(&words[..options])).into()
}

/// The values of the arguments by name.
///
/// # Errors
/// There are too few or too many, or one is not of its type.
pub fn values(name: &str, meta: &Meta, word: Option<&str>) -> Result<Map, ChiselError> {
    let error = |cause: String| ChiselError::new(&format!("'{name}'"), cause);
    // A filter has blanks of its own.
    let given = match (word, &*meta.args) {
        (None, _) => Vec::new(),
        (Some(word), [ArgSpec { kind: ArgKind::Filter, .. }]) => vec![unquoted(word).to_owned()],
        (Some(word), _) => split(word),
    };
    let required = meta.args.iter().filter(|arg| !arg.optional).count();
    if given.len() < required || given.len() > meta.args.len() {
        let cause = match (given.len(), required, meta.args.len()) {
            (_, _, 0) => "takes no argument".to_owned(),
            (0, 1, _) => "needs an argument".to_owned(),
            (count, _, most) if count > most => format!("takes at most {most} arguments, {count} given"),
            (count, ..) => format!("needs {required} arguments, {count} given"),
        };
        return Err(ChiselError { hint: Some(usage(name, meta)), ..error(cause) });
    }
    let mut map = Map::new();
    let mut given = given.iter().peekable();
    for (at, spec) in meta.args.iter().enumerate() {
        let is_later = |text: &String| meta.args[at + 1..].iter().any(|later| choice(later, text).is_some());
        let value = match given.next_if(|text| !(spec.optional && spec.choices.is_empty() && is_later(text))) {
            None => spec.default.clone(),
            Some(text) => value(spec, text).map_err(|cause| error(format!("argument '{}': {cause}", spec.name)))?,
        };
        map.insert(spec.name.as_str().into(), value);
    }
    match given.next() {
        Some(text) => Err(error(format!("'{text}' is one argument too many"))),
        None => Ok(map),
    }
}

/// How it is called. Several values are one word.
fn usage(name: &str, meta: &Meta) -> String {
    let word = |spec: &ArgSpec| {
        let word = spec.name.to_uppercase();
        if spec.optional { format!("[{word}]") } else { word }
    };
    let words: Vec<String> = meta.args.iter().map(word).collect();
    let quote = if words.len() > 1 { "\"" } else { "" };
    let blank = if words.is_empty() { "" } else { " " };
    format!("write: tracer -c {name}{blank}{quote}{}{quote}; tracer -i {name} describes it", words.join(" "))
}

/// The choice that a text stands for: small and capital letters are the same.
fn choice<'a>(spec: &'a ArgSpec, text: &str) -> Option<&'a str> {
    spec.choices.iter().find(|choice| choice.eq_ignore_ascii_case(text)).map(String::as_str)
}

fn value(spec: &ArgSpec, text: &str) -> Result<Dynamic, String> {
    let chosen = choice(spec, text);
    if !spec.choices.is_empty() && chosen.is_none() {
        let expected = match &spec.choices[..] {
            [only] => format!("expected {only}, or nothing"),
            several => format!("expected one of {}", several.join(", ")),
        };
        return Err(format!("'{text}': {expected}"));
    }
    let text = chosen.unwrap_or(text);
    match spec.kind {
        ArgKind::String | ArgKind::Folder | ArgKind::Capture | ArgKind::Grouping => {}
        ArgKind::Int | ArgKind::Milliseconds | ArgKind::Interval | ArgKind::Count | ArgKind::Size | ArgKind::Port => {
            return number(spec.kind, text).map(Into::into);
        }
        ArgKind::Field => {
            FieldRef::resolve(text, Show::default()).map_err(|error| match error.hint() {
                Some(hint) => format!("{error}; {hint}"),
                None => error.to_string(),
            })?;
        }
        ArgKind::Filter => {
            Filter::compile(text, Show::default()).map_err(|error| error.to_string())?;
        }
    }
    Ok(text.to_owned().into())
}

/// A number of that kind.
fn number(kind: ArgKind, text: &str) -> Result<i64, String> {
    let Some((bounds, unit)) = kind.bounds() else { return Err(format!("'{text}' is not a whole number")) };
    let number = text.parse::<i64>().ok().filter(|number| bounds.contains(number));
    let unit = if unit.is_empty() { String::new() } else { format!(" of {unit}") };
    number.ok_or_else(|| match bounds == (i64::MIN..=i64::MAX) {
        true => format!("'{text}' is not a whole number"),
        false => format!("'{text}': expected a whole number{unit} from {} to {}", bounds.start(), bounds.end()),
    })
}

/// What groups words in an argument.
const QUOTES: [char; 3] = ['\'', '"', '`'];

/// Without quotes around it, which other tools need for an argument with blanks. A text in which the same quote comes again,
/// as in `'a' or 'b'`, is not all in quotes.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote));
    QUOTES.into_iter().find_map(inner).unwrap_or(text)
}

/// Words between blanks; `'…'`, `"…"` and `` `…` `` group.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, behind) = match first {
            quote if QUOTES.contains(&quote) => rest[1..].split_once(first).unwrap_or((&rest[1..], "")),
            _ => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word.to_owned());
        rest = behind.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, kind: ArgKind, optional: bool) -> ArgSpec {
        ArgSpec {
            name: name.into(),
            description: String::new(),
            kind,
            optional,
            default: Dynamic::UNIT,
            choices: Vec::new(),
        }
    }

    fn meta(args: Vec<ArgSpec>) -> Meta {
        Meta { args, ..Meta::default() }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(ToOwned::to_owned).collect()
    }

    #[test]
    fn the_next_word_is_an_argument_by_the_rule() {
        let none = meta(vec![]);
        let required = meta(vec![spec("key", ArgKind::Field, false)]);
        let optional = meta(vec![spec("depth", ArgKind::Int, true)]);
        assert_eq!(taken(&none, &words("fd.name")), 0);
        assert_eq!(taken(&required, &words("fd.name proc.name=x")), 1);
        assert_eq!(taken(&optional, &words("3 proc.name=x")), 1);
        assert_eq!(taken(&optional, &words("3")), 1);
        assert_eq!(taken(&optional, &words("proc.name=x and evt.type=open")), 0);
        assert_eq!(taken(&optional, &words("-n 3")), 0);
        assert_eq!(taken(&optional, &words("-3")), 1);
        assert_eq!(taken(&optional, &[]), 0);
        let filter = meta(vec![spec("filter", ArgKind::Filter, true)]);
        assert_eq!(taken(&filter, &words("proc.name=x")), 1);
        assert_eq!(taken(&filter, &words("-c lsof")), 0);
        assert_eq!(taken(&filter, &words("fd.name contains log -n 3")), 3);
        assert_eq!(taken(&filter, &words("fd.type=file fd.name contains log")), 1);
        assert_eq!(taken(&filter, &words("fd.name contians log")), 1);
    }

    #[test]
    fn values_are_split_counted_and_typed() {
        let two = meta(vec![spec("a", ArgKind::String, false), spec("b", ArgKind::Int, true)]);
        let map = values("x", &two, Some("'one two' 3")).unwrap();
        assert_eq!(map["a"].clone().into_string().unwrap(), "one two");
        assert_eq!(map["b"].as_int().unwrap(), 3);
        assert!(values("x", &two, Some("a")).unwrap()["b"].is_unit());
        for quoted in ["\"one two\" 3", "`one two` 3"] {
            assert_eq!(values("x", &two, Some(quoted)).unwrap()["a"].clone().into_string().unwrap(), "one two");
        }
        let cause = |word| values("x", &two, word).unwrap_err().cause;
        let hint = values("x", &two, None).unwrap_err().hint.unwrap();
        assert_eq!(hint, "write: tracer -c x \"A [B]\"; tracer -i x describes it");
        assert_eq!(cause(None), "needs an argument");
        assert_eq!(cause(Some("a b")), "argument 'b': 'b' is not a whole number");
        assert!(cause(Some("a 1 2")).contains("3 given"));
    }

    #[test]
    fn each_kind_of_number_has_its_bounds() {
        for (kind, least, most) in [
            (ArgKind::Int, i64::MIN, i64::MAX),
            (ArgKind::Milliseconds, 0, 86_400_000),
            (ArgKind::Interval, 10, 86_400_000),
            (ArgKind::Count, 0, 1_000_000_000),
            (ArgKind::Size, 0, 1 << 40),
            (ArgKind::Port, 1, 65_535),
        ] {
            let one = meta(vec![spec("n", kind, false)]);
            let value =
                |number: i128| values("x", &one, Some(&number.to_string())).map(|map| map["n"].as_int().unwrap());
            assert_eq!((value(least.into()).unwrap(), value(most.into()).unwrap()), (least, most));
            for wrong in [i128::from(least) - 1, i128::from(most) + 1] {
                let cause = value(wrong).unwrap_err().cause;
                assert!(cause.contains(&format!("'{wrong}'")) && cause.contains("a whole number"), "{cause}");
            }
            assert!(values("x", &one, Some("1.5")).is_err());
        }
        let one = meta(vec![spec("min_ms", ArgKind::Milliseconds, false)]);
        assert_eq!(
            values("fileslower", &one, Some("-5")).unwrap_err().cause,
            "argument 'min_ms': '-5': expected a whole number of milliseconds from 0 to 86400000"
        );
    }

    #[test]
    fn a_filter_may_have_quotes_around_it() {
        let one = meta(vec![spec("filter", ArgKind::Filter, true)]);
        let filter = |word| values("x", &one, Some(word)).unwrap()["filter"].clone().into_string().unwrap();
        for word in
            ["proc.name contains x", "'proc.name contains x'", "\"proc.name contains x\"", " `proc.name contains x` "]
        {
            assert_eq!(filter(word), "proc.name contains x", "{word}");
        }
        assert_eq!(filter("proc.name='a b'"), "proc.name='a b'");
        assert_eq!(filter("\"proc.name = 'a b'\""), "proc.name = 'a b'");
        assert!(values("x", &one, Some("'a' or 'b'")).is_err());
    }

    #[test]
    fn a_choice_may_be_in_small_letters() {
        let ways = ArgSpec { choices: ["R", "W", "RW"].map(Into::into).to_vec(), ..spec("way", ArgKind::String, true) };
        let two = meta(vec![ways, spec("path", ArgKind::String, true)]);
        let map = values("x", &two, Some("rw /Etc/x")).unwrap();
        assert_eq!((map["way"].to_string(), map["path"].to_string()), ("RW".into(), "/Etc/x".into()));
        assert!(values("x", &two, Some("rx /x")).unwrap_err().cause.ends_with("expected one of R, W, RW"));
    }

    #[test]
    fn a_choice_of_a_later_argument_leaves_out_those_before_it() {
        let last = ArgSpec { choices: vec!["plain".into()], ..spec("c", ArgKind::String, true) };
        let three = meta(vec![spec("a", ArgKind::String, true), spec("b", ArgKind::Int, true), last]);
        let values_of = |word| {
            let map = values("x", &three, Some(word)).map_err(|error| error.cause)?;
            Ok::<_, String>(["a", "b", "c"].map(|name| map[name].to_string()).join("|"))
        };
        assert_eq!(values_of("plain").unwrap(), "||plain");
        assert_eq!(values_of("file plain").unwrap(), "file||plain");
        assert_eq!(values_of("file 3 plain").unwrap(), "file|3|plain");
        assert_eq!(values_of("plain file").unwrap_err(), "'file' is one argument too many");
    }
}
