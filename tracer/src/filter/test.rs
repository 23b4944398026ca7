//! Tests of one value against constants. All are false for a missing value.

use std::net::IpAddr;

use memchr::memmem::Finder;
use rustc_hash::FxHashSet;

use super::{ast::Quantifier, literal::Network, operator::Operator, prefixes::Prefixes};
use crate::{
    event::names,
    fields::Value,
    glob::{self, Simple},
};

/// A test of a value.
#[derive(Debug)]
pub enum Test {
    /// There is a value.
    Exists,
    /// Text equals.
    Text(Box<[u8]>),
    /// Text is one of these.
    TextIn(Texts),
    /// Text contains.
    Contains(Box<Finder<'static>>),
    /// Text contains, in whatever case of ASCII letters; the needle is in lower case.
    Icontains(Box<[u8]>),
    /// Text begins with.
    Startswith(Box<[u8]>),
    /// Text ends with.
    Endswith(Box<[u8]>),
    /// Text matches a shell pattern; if the flag is set, in whatever case.
    Glob(Box<[u8]>, bool),
    /// The whole text matches.
    Regex(Box<regex::bytes::Regex>),
    /// A path begins with one of these.
    Prefixes(Box<Prefixes>),
    /// The number that text begins with compares.
    TextNumber(Operator, i128),
    /// A whole number compares.
    Int(Operator, i128),
    /// A number with a fraction compares.
    Float(Operator, f64),
    /// A number is one of these, which are sorted.
    IntIn(Box<[i128]>),
    /// True or false.
    Bool(bool),
    /// An address is one of these.
    Ip(Box<[IpAddr]>),
    /// An address is in one of these.
    Net(Box<[Network]>),
    /// The other test is false.
    Differs(Box<Test>),
    /// So many of the tests are true; none of none is.
    Some(Quantifier, Box<[Test]>),
    /// The test is true for each value of a list.
    EachOf(Box<Test>),
    /// The test is true for a value of a list.
    OneIn(Box<Test>),
}

/// A set of texts.
#[derive(Debug)]
pub enum Texts {
    /// Compared one by one.
    Few(Box<[Box<[u8]>]>),
    /// Looked up.
    Many(FxHashSet<Box<[u8]>>),
}

/// Up to so many texts comparing is faster than looking up.
const FEW: usize = 6;

impl Texts {
    /// Of these.
    #[must_use]
    pub fn new<'a>(texts: impl ExactSizeIterator<Item = &'a [u8]>) -> Self {
        match texts.len() {
            0..=FEW => Self::Few(texts.map(Into::into).collect()),
            _ => Self::Many(texts.map(Into::into).collect()),
        }
    }

    fn contains(&self, text: &[u8]) -> bool {
        match self {
            Self::Few(texts) => texts.iter().any(|one| **one == *text),
            Self::Many(texts) => texts.contains(text),
        }
    }
}

impl Test {
    /// Text contains `needle`.
    #[must_use]
    pub fn contains(needle: &[u8]) -> Self {
        Self::Contains(Box::new(Finder::new(needle).into_owned()))
    }

    /// Text matches a shell pattern.
    #[must_use]
    pub fn glob(pattern: &[u8], fold: bool) -> Self {
        match glob::simple(pattern).filter(|_| !fold) {
            Some(Simple::Is(text)) => Self::Text(text.into()),
            Some(Simple::Starts(text)) => Self::Startswith(text.into()),
            Some(Simple::Ends(text)) => Self::Endswith(text.into()),
            Some(Simple::Contains(text)) => Self::contains(text),
            None if fold => Self::Glob(pattern.to_ascii_lowercase().into(), true),
            None => Self::Glob(pattern.into(), false),
        }
    }

    /// The text that a value has to be, if there is one.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Whether the value passes. A parameter that has another type in this event does not.
    #[must_use]
    pub fn passes(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Missing => false,
            Value::Text(text) => self.passes_text(value, text),
            Value::I64(number) => self.passes_whole(value, (*number).into()),
            Value::U64(number) => self.passes_whole(value, (*number).into()),
            Value::F64(_) | Value::Bool(_) | Value::Ip(_) => self.passes_other(value),
            Value::EitherIp(ends) => self.passes_ends(value, ends.iter().flatten().map(|ip| Value::Ip(*ip))),
            Value::EitherPort(ends) => self.passes_ends(value, ends.iter().flatten().map(|port| (*port).into())),
            Value::List(values) => !values.is_empty() && self.passes_list(value, values),
        }
    }

    /// Whether the name of an event passes, or a name that one of its calls has.
    #[must_use]
    pub fn passes_name(&self, value: &Value<'_>, event: &str) -> bool {
        if value.is_missing() {
            return false;
        }
        match self {
            Self::Differs(test) => !test.passes_name(value, event),
            Self::Some(quantifier, tests) => quantified(*quantifier, tests, |test| test.passes_name(value, event)),
            test => test.passes(value) || names::calls_of(event).any(|call| test.passes(&call.into())),
        }
    }

    fn passes_text(&self, value: &Value<'_>, text: &[u8]) -> bool {
        match self {
            Self::Text(wanted) => *text == **wanted,
            Self::TextIn(wanted) => wanted.contains(text),
            Self::Contains(needle) => needle.find(text).is_some(),
            Self::Icontains(needle) => contains_ignoring_case(text, needle),
            Self::Startswith(start) => text.starts_with(start),
            Self::Endswith(end) => text.ends_with(end),
            Self::Glob(pattern, fold) => glob::matches(pattern, text, *fold),
            Self::Regex(regex) => regex.is_match(text),
            Self::Prefixes(prefixes) => prefixes.matches(text),
            Self::TextNumber(operator, right) => number(text).is_some_and(|left| operator.accepts(left.cmp(right))),
            _ => self.passes_other(value),
        }
    }

    fn passes_whole(&self, value: &Value<'_>, number: i128) -> bool {
        match self {
            Self::Int(operator, right) => operator.accepts(number.cmp(right)),
            Self::IntIn(wanted) => wanted.binary_search(&number).is_ok(),
            _ => self.passes_other(value),
        }
    }

    /// One of both ends is enough; it differs if neither is equal.
    fn passes_ends(&self, value: &Value<'_>, mut ends: impl Iterator<Item = Value<'static>> + Clone) -> bool {
        match self {
            Self::Some(..) | Self::Exists => ends.next().is_some() && self.passes_other(value),
            Self::Differs(test) => {
                ends.clone().next().is_some() && ends.all(|end| test.fits(&end) && !test.passes(&end))
            }
            test => ends.any(|end| test.passes(&end)),
        }
    }

    fn passes_list(&self, value: &Value<'_>, values: &[Value<'_>]) -> bool {
        match self {
            Self::EachOf(test) => values.iter().all(|value| test.passes(value)),
            Self::OneIn(test) => values.iter().any(|value| test.passes(value)),
            _ => self.passes_other(value),
        }
    }

    /// Tests of rarer types, and those of every type.
    fn passes_other(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Self::Exists, _) => true,
            (Self::Differs(test), value) => test.fits(value) && !test.passes(value),
            (Self::Some(quantifier, tests), value) => quantified(*quantifier, tests, |test| test.passes(value)),
            (Self::Float(operator, right), value) => {
                value.as_f64().and_then(|left| left.partial_cmp(right)).is_some_and(|order| operator.accepts(order))
            }
            (Self::Bool(wanted), Value::Bool(flag)) => wanted == flag,
            (Self::Ip(wanted), Value::Ip(ip)) => wanted.contains(&ip.to_canonical()),
            (Self::Net(wanted), Value::Ip(ip)) => wanted.iter().any(|net| net.contains(ip)),
            _ => false,
        }
    }

    /// Whether the value is of the type of the test.
    fn fits(&self, value: &Value<'_>) -> bool {
        match self {
            Self::Int(..) | Self::IntIn(_) => matches!(value, Value::I64(_) | Value::U64(_)),
            Self::Float(..) => value.as_f64().is_some(),
            Self::Bool(_) => matches!(value, Value::Bool(_)),
            Self::Ip(_) | Self::Net(_) => matches!(value, Value::Ip(_)),
            Self::Exists | Self::Differs(_) | Self::Some(..) => true,
            Self::EachOf(_) | Self::OneIn(_) => matches!(value, Value::List(_)),
            Self::Text(_)
            | Self::TextIn(_)
            | Self::Contains(_)
            | Self::Icontains(_)
            | Self::Startswith(_)
            | Self::Endswith(_)
            | Self::Glob(..)
            | Self::Regex(_)
            | Self::Prefixes(_)
            | Self::TextNumber(..) => matches!(value, Value::Text(_)),
        }
    }

    /// How much work it is, in the unit of [`crate::fields::Field::cost`].
    #[must_use]
    pub fn cost(&self) -> u32 {
        match self {
            Self::Exists | Self::Int(..) | Self::Float(..) | Self::Bool(_) | Self::Text(_) => 0,
            Self::Startswith(_) | Self::Endswith(_) | Self::IntIn(_) | Self::Ip(_) | Self::TextNumber(..) => 1,
            Self::TextIn(_) | Self::Contains(_) | Self::Net(_) => 2,
            Self::Icontains(_) | Self::Glob(..) | Self::Prefixes(_) => 4,
            Self::Regex(_) => 8,
            Self::Differs(test) => test.cost(),
            Self::EachOf(test) | Self::OneIn(test) => 4 + test.cost(),
            Self::Some(_, tests) => tests.iter().map(Self::cost).fold(1, u32::saturating_add),
        }
    }
}

fn quantified(quantifier: Quantifier, tests: &[Test], passes: impl Fn(&Test) -> bool) -> bool {
    let mut passed = tests.iter().map(passes);
    match quantifier {
        Quantifier::AnyOf => passed.any(|hit| hit),
        Quantifier::AllOf => !tests.is_empty() && passed.all(|hit| hit),
        Quantifier::OneOf => passed.filter(|hit| *hit).take(2).count() == 1,
    }
}

/// Whether `text` contains `needle`, which is in lower case.
pub(super) fn contains_ignoring_case(text: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return true };
    let other = first.to_ascii_uppercase();
    let mut text = text;
    while let Some(at) = memchr::memchr2(*first, other, text) {
        text = &text[at + 1..];
        if text.get(..rest.len()).is_some_and(|start| start.eq_ignore_ascii_case(rest)) {
            return true;
        }
    }
    false
}

/// The number that a text is, or begins with before a bracket, as in `3(<f>/etc/passwd)` or `-2(ENOENT)`.
pub(super) fn number(text: &[u8]) -> Option<i128> {
    let len = text.iter().position(|byte| *byte == b'(').unwrap_or(text.len());
    let digits = std::str::from_utf8(text.get(..len)?).ok()?;
    digits.parse::<i64>().map(i128::from).or_else(|_| digits.parse::<u64>().map(i128::from)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Value<'static> {
        Value::text(text.as_bytes())
    }

    #[test]
    fn a_list_passes_when_all_of_it_is_in_the_set_or_some_of_it() {
        let set = || Box::new(Test::TextIn(Texts::new([&b"a"[..], b"b"].into_iter())));
        let (each, one) = (Test::EachOf(set()), Test::OneIn(set()));
        let cases =
            [(&["a", "b"][..], true, true), (&["a", "x"], false, true), (&["x"], false, false), (&[], false, false)];
        for (values, all, some) in cases {
            let list = Value::List(values.iter().map(|value| text(value)).collect());
            assert_eq!((each.passes(&list), one.passes(&list)), (all, some), "{values:?}");
        }
        assert!(!each.passes(&text("a")), "a single value is no list");
        assert!(!Test::Exists.passes(&Value::List(Vec::new())));
    }

    #[test]
    fn quantifiers_count_what_passes() {
        let tests = || -> Box<[Test]> { [&b"a"[..], b"b", b"ab"].into_iter().map(Test::contains).collect() };
        let count = |quantifier, value| Test::Some(quantifier, tests()).passes(&text(value));
        for (value, one, any, all) in [
            ("a", true, true, false),
            ("b a", false, true, false),
            ("ab", false, true, true),
            ("x", false, false, false),
        ] {
            let hits = [Quantifier::OneOf, Quantifier::AnyOf, Quantifier::AllOf].map(|q| count(q, value));
            assert_eq!(hits, [one, any, all], "{value}");
        }
        for quantifier in [Quantifier::OneOf, Quantifier::AnyOf, Quantifier::AllOf] {
            assert!(!Test::Some(quantifier, Box::default()).passes(&text("x")));
        }
    }

    #[test]
    fn text_is_compared_with_numbers_as_a_number() {
        for (value, expected) in
            [("1024", true), ("99", false), ("-2(ENOENT)", false), ("3000(<f>x)", true), ("x", false)]
        {
            assert_eq!(Test::TextNumber(Operator::Gt, 100).passes(&text(value)), expected, "{value}");
        }
    }

    #[test]
    fn case_is_ignored_where_that_is_asked_for() {
        for (haystack, needle, expected) in
            [("aXxY", "xy", true), ("xX", "xy", false), ("", "", true), ("É", "é", false)]
        {
            assert_eq!(contains_ignoring_case(haystack.as_bytes(), needle.as_bytes()), expected, "{haystack} {needle}");
        }
    }
}
