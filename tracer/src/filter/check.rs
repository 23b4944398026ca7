//! Names and types: from a written test to one that can be evaluated.

use regex::bytes::RegexBuilder;
use tracer_common::{
    arch::{self, SYSCALLS},
    events,
};

use super::{
    ast::{Check, Literal, Quantifier, Right},
    compare,
    error::{FilterError, did_you_mean, plain},
    literal::{self, Wrong},
    operand::{Operand, Side, ancestors},
    operator::{self, Class, Operator},
    parse::short,
    prefixes::Prefixes,
    test::{Test, Texts},
};
use crate::{
    fields::{ArgRule, Context, EventType, FieldRef, InKernel, Needs, Show, Type, Value},
    format::escape::escaped,
};

/// The most memory of one compiled expression, and of what it keeps while it searches; bytes.
const REGEX_SIZE: usize = 1 << 20;
/// How many of them a filter may have.
const MAX_REGEXES: usize = 100;

/// A test of a field, or of what is made of fields.
#[derive(Debug)]
pub struct Checked {
    left: Operand,
    right: Compared,
    /// Whether one ancestor that passes is enough.
    any_ancestor: bool,
    /// Whether it is the name of the event, which the call may name differently.
    is_name: bool,
}

#[derive(Debug)]
enum Compared {
    /// With what the filter says.
    Constant(Test),
    /// With another value of the event.
    Value(Operator, Operand),
}

/// Checks the tests of one filter.
#[derive(Debug)]
pub struct Checker<'f> {
    filter: &'f str,
    show: Show,
    regexes: usize,
    /// What is no error, and yet not what was meant.
    pub(super) notes: Vec<String>,
    /// Names of events that were asked for one by one.
    pub(super) named: Vec<Box<[u8]>>,
}

impl<'f> Checker<'f> {
    /// For a filter.
    #[must_use]
    pub const fn new(filter: &'f str, show: Show) -> Self {
        // What is cut to fit into a line is compared whole.
        Self { filter, show: Show { whole_data: true, ..show }, regexes: 0, notes: Vec::new(), named: Vec::new() }
    }

    /// Checks names and types.
    ///
    /// # Errors
    /// The field, the operator for its type, or the value is wrong.
    pub fn check(&mut self, check: &Check) -> Result<Checked, FilterError> {
        let left = Operand::resolve(self.filter, &check.left, Side::Left, self.show)?;
        let class = left.class();
        if !check.operator.works_on(class) {
            return Err(self.no_operator(check, &left, class));
        }
        let right = match &check.right {
            Right::Call(call) => {
                let right = Operand::resolve_call(self.filter, call, Side::Right, self.show)?;
                self.comparable(check, &left, &right, call.at.0.clone())?;
                Compared::Value(check.operator, right)
            }
            _ => Compared::Constant(self.constant(check, &left)?),
        };
        Ok(Checked { any_ancestor: left.any_ancestor().is_some(), is_name: is_event_name(&left), left, right })
    }

    /// Checks a test of a text that is not a field of events; of an id whose beginning is its value, if `is_id` says so.
    ///
    /// # Errors
    /// The operator, or the value, is wrong for a text.
    pub(super) fn check_text(&mut self, check: &Check, is_id: bool) -> Result<Test, FilterError> {
        // A row of the same type stands for it.
        let like = if is_id { "container.id" } else { "container.name" };
        let left = FieldRef::resolve(like, self.show);
        let left = left
            .map(Operand::Field)
            .map_err(|wrong| FilterError::new(self.filter, check.left.at().0.clone(), wrong.to_string()))?;
        let class = left.class();
        if !check.operator.works_on(class) {
            return Err(self.no_operator(check, &left, class));
        }
        if let Right::Call(call) = &check.right {
            return Err(FilterError::new(self.filter, call.at.0.clone(), "only constants can be compared with here"));
        }
        self.constant(check, &left)
    }

    fn error(&self, value: &Literal, message: impl Into<String>) -> FilterError {
        FilterError::new(self.filter, value.at.0.clone(), message)
    }

    fn no_operator(&self, check: &Check, left: &Operand, class: Class) -> FilterError {
        let what = check.operator.row().text;
        let kind = if class == Class::List { "list" } else { left.kind().name() };
        let message = format!("'{what}' does not work on '{}', which has the type {kind}", short(&check.left));
        let hint = format!("{} the operators {}", class.name(), operator::names_for(class));
        FilterError::new(self.filter, check.operator_at.0.clone(), message).hint(Some(hint))
    }

    /// Whether the two sides can be compared.
    fn comparable(
        &self,
        check: &Check,
        left: &Operand,
        right: &Operand,
        at: std::ops::Range<usize>,
    ) -> Result<(), FilterError> {
        let error = |message: String| Err(FilterError::new(self.filter, at.clone(), message));
        match check.operator {
            Operator::Regex | Operator::Bcontains | Operator::Bstartswith => {
                return error(format!("the value after '{}' must be a constant", check.operator.row().text));
            }
            operator if right.is_list() && operator.row().takes != operator::Takes::List => {
                return error(format!("'{}' cannot compare with a list", operator.row().text));
            }
            _ => {}
        }
        let class = |operand: &Operand| match Class::of(operand.kind(), false) {
            Class::Bytes => Class::Text,
            class => class,
        };
        if class(left) == class(right) {
            return Ok(());
        }
        let (left, right) = (left.kind().name(), right.kind().name());
        error(format!("the left side has the type {left}, this has the type {right}"))
    }

    fn constant(&mut self, check: &Check, left: &Operand) -> Result<Test, FilterError> {
        let (operator, class) = (check.operator, left.class());
        let set = |test: Test, list: bool| match (operator, list) {
            (Operator::In, true) => Test::EachOf(Box::new(test)),
            (_, true) => Test::OneIn(Box::new(test)),
            (_, false) => test,
        };
        match &check.right {
            Right::Nothing | Right::Call(_) => Ok(Test::Exists),
            Right::Value(value) => self.one(operator, left, value),
            Right::List(None, values) if operator == Operator::Pmatch => {
                Ok(Test::Prefixes(Box::new(Prefixes::new(values.iter().map(|value| &*value.text)))))
            }
            Right::List(None, values) => Ok(set(self.any_of(left, values)?, class == Class::List)),
            Right::List(Some(Quantifier::AnyOf), values) if operator == Operator::Eq => self.any_of(left, values),
            Right::List(Some(quantifier), values) => {
                let tests = values.iter().map(|value| self.one(operator, left, value));
                Ok(Test::Some(*quantifier, tests.collect::<Result<_, _>>()?))
            }
        }
    }

    /// A test against one value.
    fn one(&mut self, operator: Operator, left: &Operand, value: &Literal) -> Result<Test, FilterError> {
        // `=` for both equality and its negation; the order operators as they are.
        let positive = if operator == Operator::Ne { Operator::Eq } else { operator };
        let text = &*value.text;
        let test = match left.kind() {
            Type::Text | Type::Bytes if operator.is_order() => {
                let number = literal::whole(text, left.unit()).map_err(|wrong| self.wrong(value, wrong))?;
                Test::TextNumber(positive, number)
            }
            Type::Text | Type::Bytes => {
                let test = self.text(positive, left, value)?;
                self.event_name(left, value, &test)?;
                if positive == Operator::Eq {
                    self.part_of_id(left, value);
                }
                if operator != Operator::Ne {
                    self.no_return(left, &test);
                }
                if operator == Operator::Eq {
                    self.no_pattern(left, value);
                    self.name(left, value);
                }
                test
            }
            Type::Float => Test::Float(positive, literal::float(text).map_err(|wrong| self.wrong(value, wrong))?),
            Type::Bool => Test::Bool(literal::boolean(text).map_err(|wrong| self.wrong(value, wrong))?),
            Type::Int | Type::Time | Type::Port => {
                let number = self.whole(left, value)?;
                let within = positive == Operator::Eq && is_distance(left);
                Test::Int(if within { Operator::Le } else { positive }, number)
            }
            Type::Ip | Type::Net => self.any_of(left, std::slice::from_ref(value))?,
        };
        Ok(if operator == Operator::Ne { Test::Differs(Box::new(test)) } else { test })
    }

    /// A test whether it equals one of the values.
    fn any_of(&mut self, left: &Operand, values: &[Literal]) -> Result<Test, FilterError> {
        fn all<T, B: FromIterator<T>>(
            checker: &Checker<'_>,
            values: &[Literal],
            parse: impl Fn(&[u8]) -> Result<T, Wrong>,
        ) -> Result<B, FilterError> {
            values.iter().map(|value| parse(&value.text).map_err(|wrong| checker.wrong(value, wrong))).collect()
        }
        Ok(match left.kind() {
            Type::Text | Type::Bytes => {
                for value in values {
                    let test = Test::Text((*value.text).into());
                    self.event_name(left, value, &test)?;
                    self.no_return(left, &test);
                    self.part_of_id(left, value);
                    self.name(left, value);
                }
                Test::TextIn(Texts::new(values.iter().map(|value| equal_to(left, value))))
            }
            Type::Int | Type::Time | Type::Port => {
                let mut numbers: Vec<i128> =
                    values.iter().map(|value| self.whole(left, value)).collect::<Result<_, _>>()?;
                numbers.sort_unstable();
                Test::IntIn(numbers.into())
            }
            Type::Ip => Test::Ip(all(self, values, literal::address)?),
            Type::Net => Test::Net(all(self, values, literal::network)?),
            Type::Float | Type::Bool => {
                let tests = values.iter().map(|value| self.one(Operator::Eq, left, value));
                Test::Some(Quantifier::AnyOf, tests.collect::<Result<_, _>>()?)
            }
        })
    }

    fn wrong(&self, value: &Literal, wrong: Wrong) -> FilterError {
        let hint = wrong.hint.or_else(|| {
            let text = std::str::from_utf8(&value.text).ok().filter(|text| text.contains('.'))?;
            FieldRef::resolve(text, self.show).ok().map(|_| format!("to compare with a field, write val({text})"))
        });
        self.error(value, wrong.message).hint(hint)
    }

    fn whole(&self, left: &Operand, value: &Literal) -> Result<i128, FilterError> {
        let number = match left.kind() {
            Type::Port => literal::port(&value.text),
            _ => literal::whole(&value.text, left.unit()),
        };
        number.map_err(|wrong| self.wrong(value, wrong))
    }

    fn text(&mut self, operator: Operator, left: &Operand, value: &Literal) -> Result<Test, FilterError> {
        let text = &*value.text;
        let bytes = || literal::bytes(text).map_err(|wrong| self.wrong(value, wrong));
        Ok(match operator {
            Operator::Contains => Test::contains(text),
            Operator::Icontains => Test::Icontains(text.to_ascii_lowercase().into()),
            Operator::Startswith => Test::Startswith(text.into()),
            Operator::Endswith => Test::Endswith(text.into()),
            Operator::Bcontains => Test::contains(&bytes()?),
            Operator::Bstartswith => Test::Startswith(bytes()?.into()),
            Operator::Glob => Test::glob(text, false),
            Operator::Iglob => Test::glob(text, true),
            Operator::Regex => self.regex(value)?,
            // The others do not come here: they take no text, or a list.
            Operator::Eq | Operator::Ne => Test::Text(equal_to(left, value).into()),
            Operator::Lt
            | Operator::Le
            | Operator::Gt
            | Operator::Ge
            | Operator::In
            | Operator::Intersects
            | Operator::Pmatch
            | Operator::Exists => Test::Text(text.into()),
        })
    }

    /// Text is bytes, which need not be UTF-8; a point stands for each of them.
    fn regex(&mut self, value: &Literal) -> Result<Test, FilterError> {
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            return Err(self.error(value, format!("a filter has at most {MAX_REGEXES} regular expressions")));
        }
        let Ok(text) = std::str::from_utf8(&value.text) else {
            return Err(self.error(value, "a regular expression must be valid UTF-8"));
        };
        let build = |text: &str| {
            RegexBuilder::new(text)
                .unicode(false)
                .dot_matches_new_line(true)
                .size_limit(REGEX_SIZE)
                .dfa_size_limit(REGEX_SIZE)
                .build()
        };
        // What is wrong is said of what was written, not of what is made of it.
        let whole = build(text).and_then(|_| build(&format!(r"\A(?:{text})\z")));
        match whole {
            Ok(regex) => Ok(Test::Regex(Box::new(regex))),
            Err(regex::Error::CompiledTooBig(_)) => {
                Err(self.error(value, format!("the regular expression needs more than {REGEX_SIZE} bytes")))
            }
            Err(error) => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                Err(self.error(value, format!("invalid regular expression: {reason}")))
            }
        }
    }

    /// The names of events are known: a wrong one would never match.
    fn event_name(&self, left: &Operand, value: &Literal, test: &Test) -> Result<(), FilterError> {
        if !is_event_name(left) || event_names().any(|name| test.passes(&name.into())) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&value.text);
        Err(no_event(self.error(value, String::new()), &text))
    }

    /// Remembers the name of an event that is asked for.
    fn name(&mut self, left: &Operand, value: &Literal) {
        if is_event_name(left) {
            self.named.push((*value.text).into());
        }
    }

    /// Advice for calls that programs hardly make any more, unless the filter asks for the newer call, too.
    pub(super) fn advice(&self) -> Vec<String> {
        let asks = |name: &str| self.named.iter().any(|named| **named == *name.as_bytes());
        let old = arch::REPLACED.iter().filter(|(old, new)| asks(old) && !asks(new));
        old.map(|(old, new)| {
            format!("note: many programs call {new} instead of {old}\nhint: evt.type in ({old}, {new}) matches both")
        })
        .collect()
    }

    /// Notes that what looks like a pattern is compared as it is.
    fn no_pattern(&mut self, left: &Operand, value: &Literal) {
        let Operand::Field(field) = left else { return };
        // In quotes it is meant as it is.
        if self.filter.get(value.at.0.start..).is_none_or(|rest| rest.starts_with(['"', '\''])) {
            return;
        }
        let (name, text) = (field.name(), escaped(&value.text));
        self.notes.extend(if let Some(pattern) = text.strip_prefix('~') {
            Some(format!("note: '=' compares with the text '{text}'\nhint: a pattern is {name} regex {pattern}"))
        } else if text.starts_with('/') && text.contains('*') {
            Some(format!(
                "note: '=' compares with the text '{text}', without wildcards\nhint: with them: {name} glob {text}"
            ))
        } else {
            None
        });
    }

    /// Notes that what looks like a part of an id, or like one in capitals, is compared with the whole one.
    fn part_of_id(&mut self, left: &Operand, value: &Literal) {
        let Operand::Field(field) = left else { return };
        let Some(instead) = literal::part_of_id(&value.text).filter(|_| field.field.short_id) else { return };
        let (name, text) = (field.name(), escaped(&value.text));
        self.notes.push(format!(
            "note: '{text}' is only equal to a {name} that is exactly that; most ids have 12 digits, or 64 in full, in lower case\n\
             hint: {instead}"
        ));
    }

    /// Notes that a test only lets calls through that never come back.
    fn no_return(&mut self, left: &Operand, test: &Test) {
        let mut passing = event_names().filter(|name| test.passes(&(*name).into()));
        let event_of = |name: &str| arch::NO_RETURN.iter().find(|(call, _)| *call == name).copied();
        if !is_event_name(left) || !passing.all(|name| event_of(name).is_some()) {
            return;
        }
        let passing = arch::NO_RETURN.iter().filter(|(call, _)| test.passes(&(*call).into()));
        self.notes.extend(passing.map(|(call, event)| {
            format!("note: there is no '{call}' event, because this call never returns\nhint: use {event}")
        }));
    }
}

/// Whether it is the name of the event.
fn is_event_name(operand: &Operand) -> bool {
    matches!(operand, Operand::Field(field) if matches!(field.field.name, "evt.type" | "syscall.type"))
}

/// Of the distance from a point in time `=` asks whether it is at most so large.
fn is_distance(left: &Operand) -> bool {
    matches!(left, Operand::Field(field) if field.field.arg == ArgRule::Time)
}

/// What a text is compared with: of a container's whole id, the digits that the field has.
fn equal_to<'v>(left: &Operand, value: &'v Literal) -> &'v [u8] {
    let is_short = matches!(left, Operand::Field(field) if field.field.short_id);
    if is_short { literal::short_id(&value.text) } else { &value.text }
}

fn event_names() -> impl Iterator<Item = &'static str> {
    events::all().chain(events::old()).map(|row| row.name).chain(arch::call_names())
}

fn no_event(error: FilterError, name: &str) -> FilterError {
    let hint = did_you_mean(name, event_names()).unwrap_or_else(|| "tracer -L lists the events".to_owned());
    let name: String = name.chars().take(60).collect();
    FilterError { message: plain(&format!("there is no event '{name}'")), ..error }.hint(Some(hint))
}

impl Checked {
    /// The field that is tested, if it is that alone.
    pub(super) fn field(&self) -> Option<&FieldRef> {
        match &self.left {
            Operand::Field(field) => Some(field),
            Operand::Call(_) => None,
        }
    }

    /// Whether it holds in an event.
    #[must_use]
    pub fn holds(&self, context: &Context<'_>) -> bool {
        match &self.left {
            Operand::Field(field) if self.any_ancestor => {
                ancestors(field, context).any(|value| self.passes(&value, context))
            }
            Operand::Field(field) => self.passes(&field.get(context), context),
            call => self.passes(&call.get(context), context),
        }
    }

    fn passes(&self, value: &Value<'_>, context: &Context<'_>) -> bool {
        match &self.right {
            Compared::Constant(test) if self.is_name => test.passes_name(value, context.event.name()),
            Compared::Constant(test) => test.passes(value),
            Compared::Value(operator, right) => compare::holds(*operator, value, &right.get(context)),
        }
    }

    /// What it is for all events of a type; `None` when that depends on the event.
    #[must_use]
    pub fn by_type(&self, event: &EventType<'_>) -> Option<bool> {
        let Some(left) = self.left.by_type(event) else { return self.exists_for_all(event) };
        match &self.right {
            Compared::Constant(test) if self.is_name => Some(test.passes_name(&left, event.name.unwrap_or_default())),
            Compared::Constant(test) => Some(test.passes(&left)),
            // Nothing equals what is missing.
            Compared::Value(..) => left.is_missing().then_some(false),
        }
    }

    /// Whether there is a value, if that is asked and is the same for all calls of the generic row.
    fn exists_for_all(&self, event: &EventType<'_>) -> Option<bool> {
        let asks = matches!(&self.right, Compared::Constant(Test::Exists)) && event.name.is_none();
        let calls = SYSCALLS.iter().filter(|call| asks && events::by_syscall(call.name).code == event.row.code);
        let mut found = calls.map(|call| {
            let left = self.left.by_type(&EventType { name: Some(call.name), ..*event })?;
            Some(!left.is_missing())
        });
        let first = found.next()??;
        found.all(|other| other == Some(first)).then_some(first)
    }

    /// The field and the test, when a field of one value is compared with constants.
    #[must_use]
    pub fn constant(&self) -> Option<(&FieldRef, &Test)> {
        match (&self.left, &self.right) {
            (Operand::Field(field), Compared::Constant(test)) if !self.any_ancestor => Some((field, test)),
            _ => None,
        }
    }

    /// Whether it asks for the container, or for the cgroup, alone.
    #[must_use]
    pub fn is_about_container(&self) -> bool {
        let about = [InKernel::Container, InKernel::Cgroup];
        self.constant().is_some_and(|(field, _)| field.field.in_kernel.is_some_and(|known| about.contains(&known)))
    }

    /// Whether it asks for the ends of a socket alone: the row of a table can say that, when they are in its key.
    #[must_use]
    pub fn is_about_ends(&self) -> bool {
        self.constant().is_some_and(|(field, _)| field.field.in_kernel.is_some_and(InKernel::is_about_ends))
    }

    /// Whether it is the same for all events of a thread.
    #[must_use]
    pub fn is_about_threads(&self) -> bool {
        let right = match &self.right {
            Compared::Constant(_) => true,
            Compared::Value(_, right) => right.is_about_threads(),
        };
        right && self.left.is_about_threads()
    }

    /// What has to be collected for it.
    #[must_use]
    pub fn needs(&self) -> Needs {
        match &self.right {
            Compared::Constant(_) => self.left.needs(),
            Compared::Value(_, right) => self.left.needs().with(right.needs()),
        }
    }

    /// How much work it is, in the unit of [`crate::fields::Field::cost`].
    #[must_use]
    pub fn cost(&self) -> u32 {
        let right = match &self.right {
            Compared::Constant(test) => test.cost(),
            Compared::Value(_, right) => right.cost(),
        };
        self.left.cost().saturating_add(right)
    }
}
