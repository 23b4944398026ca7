//! What is wrong with a chisel: file, line, column, cause, and the line itself.

use std::fmt;

use rhai::{EvalAltResult, ParseError, ParseErrorType, Position};

use super::{engine::TooMuch, functions};
use crate::format::width::width;

/// Why a chisel cannot be used, or stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChiselError {
    /// Where the script comes from: a path, or its name when it is built in.
    pub origin: String,
    /// Line and column from 1, when they are known.
    pub place: Option<(usize, usize)>,
    /// The line.
    pub line: Option<Box<str>>,
    /// What is wrong.
    pub cause: String,
    /// What to do about it, when that is known.
    pub hint: Option<String>,
    /// Whether it may be right as it is: what `check` says of it ends no run.
    pub is_warning: bool,
    /// Whether it comes of a value that the event does not have.
    pub(super) is_missing_value: bool,
}

impl fmt::Display for ChiselError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chisel {}", self.origin)?;
        let kind = if self.is_warning { "warning: " } else { "" };
        let Some((line, column)) = self.place else { return write!(f, ": {kind}{}", self.cause) };
        write!(f, ":{line}:{column}: {kind}{}", self.cause)?;
        let Some(text) = &self.line else { return Ok(()) };
        let margin = line.to_string().len();
        let before: String = text.chars().take(column - 1).collect();
        write!(f, "\n  {line} | {text}\n  {:margin$} | {:2$}^", "", "", width(&before))
    }
}

impl std::error::Error for ChiselError {}

impl ChiselError {
    /// An error without a place.
    pub(super) fn new(origin: &str, cause: impl Into<String>) -> Self {
        Self {
            origin: origin.to_owned(),
            place: None,
            line: None,
            // A text that a script throws may come from events: it must not look like a remedy of ours.
            cause: cause.into().replace("\nhint: ", "\n  hint: "),
            hint: None,
            is_warning: false,
            is_missing_value: false,
        }
    }

    pub(super) fn at(mut self, source: &str, position: Position) -> Self {
        if let (Some(line), Some(column)) = (position.line(), position.position()) {
            self.place = Some((line, column));
            self.line = source.lines().nth(line - 1).map(|text| text.replace('\t', " ").into());
        }
        self
    }

    /// The same at the beginning of a function, if nothing better is known.
    pub(super) fn or_in_function(self, source: &str, name: &str) -> Self {
        let head = format!("fn {name}(");
        let begins = |line: &str| line.trim_start().starts_with(&head);
        // In a script of one line it comes after something else.
        let found = source.lines().position(begins).or_else(|| source.lines().position(|line| line.contains(&head)));
        match (self.place, found) {
            (None, Some(line)) => {
                let text = source.lines().nth(line).unwrap_or_default();
                let column = text.find(&head).map_or(1, |at| text[..at].chars().count() + 1);
                Self { place: Some((line + 1, column)), line: Some(text.replace('\t', " ").into()), ..self }
            }
            _ => self,
        }
    }

    /// A script that cannot be compiled.
    pub(super) fn parse(origin: &str, source: &str, error: &ParseError) -> Self {
        let mut this = Self::new(origin, error.err_type().to_string()).at(source, error.position());
        if let ParseErrorType::VariableUndefined(name) = error.err_type()
            && is_top_level(source, name)
        {
            this.hint = Some(format!("inside a function, use this.{name} for a script variable"));
        }
        this
    }

    /// A script that failed while running.
    pub(super) fn run(origin: &str, source: &str, error: &EvalAltResult) -> Self {
        let inner = error.unwrap_inner();
        let position = inner.position();
        let cause = match inner {
            EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
            EvalAltResult::ErrorParsing(kind, _) => kind.to_string(),
            EvalAltResult::ErrorTerminated(limit, _) if limit.is::<TooMuch>() => limit.clone().cast::<TooMuch>().text(),
            _ => {
                let text = inner.to_string();
                // The place is printed before the cause.
                text.rsplit_once(" (line ").map_or(text.clone(), |(cause, _)| cause.to_owned())
            }
        };
        let mut this = Self::new(origin, cause).at(source, position);
        if let EvalAltResult::ErrorFunctionNotFound(signature, _) = inner {
            let name = signature.split(" (").next().unwrap_or(signature);
            let usage = functions::all().find(|function| function.name() == name);
            this.hint = match usage {
                Some(function) => Some(format!("usage: {}", function.usage)),
                None if signature.contains("()") => {
                    Some("() means that the event does not have this value: test for == () first".to_owned())
                }
                None => None,
            };
        }
        this
    }
}

/// Whether a script failed because one of the values that it computed with is `()`.
pub(super) fn is_of_unit(error: &EvalAltResult) -> bool {
    match error.unwrap_inner() {
        // `+ (i64, ())`, `len (())`
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            let types = signature.split_once(" (").map_or("", |(_, types)| types);
            types.trim_end_matches(')').split(", ").any(|kind| kind == "(" || kind == "()") || types.starts_with("()")
        }
        EvalAltResult::ErrorMismatchDataType(_, found, _) => found == "()",
        EvalAltResult::ErrorIndexingType(signature, _) => signature.starts_with("()"),
        EvalAltResult::ErrorDotExpr(text, _) => text.contains("'()'") || text.contains("type ()"),
        EvalAltResult::ErrorFor(_) => true,
        _ => false,
    }
}

fn is_top_level(source: &str, name: &str) -> bool {
    source.lines().any(|line| {
        let rest = line.strip_prefix("let ").or_else(|| line.strip_prefix("const "));
        rest.and_then(|rest| rest.strip_prefix(name)).is_some_and(|rest| rest.starts_with([' ', '=', ';']))
    })
}
