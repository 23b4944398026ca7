//! From text to a tree. `not` binds more than `and`, `and` more than `or`.

use std::ops::Range;

use super::{
    ast::{Argument, Call, Check, Expr, Literal, Operand, Place, Quantifier, Right},
    error::{FilterError, did_you_mean},
    lex::Cursor,
    operator::{self, Row, Takes},
    transform::{self, Makes, Transformer},
};

/// How deep brackets may be nested.
const MAX_DEPTH: usize = 100;

/// The longest filter, in bytes. Time and memory that a filter takes are bounded by it.
pub const MAX_LEN_BYTES: usize = 256 * 1024;

/// Parses a filter.
///
/// # Errors
/// It does not follow the language, or is longer than [`MAX_LEN_BYTES`].
pub fn parse(filter: &str) -> Result<Expr, FilterError> {
    let mut cursor = Cursor::new(filter);
    if filter.len() > MAX_LEN_BYTES {
        let message = format!("the filter is longer than {MAX_LEN_BYTES} bytes");
        let hint = Some("use a list, proc.name in (a, b), or a pattern, proc.name glob 'a*'");
        return Err(cursor.error(MAX_LEN_BYTES..MAX_LEN_BYTES + 1, message).hint(hint));
    }
    if cursor.is_end() {
        let hint = Some("a filter tests fields, such as proc.name=cat");
        return Err(cursor.error(0..0, "the filter is empty").hint(hint));
    }
    let expr = or(&mut cursor, 0)?;
    if cursor.is_end() {
        return Ok(expr);
    }
    let here = cursor.here();
    let word = cursor.text(here.clone());
    let hint = match word.as_bytes() {
        [b'=', ..] => Some("a value with '=' in it needs quotes".to_owned()),
        [b'(', ..] => Some("a value with brackets in it needs quotes".to_owned()),
        [b')', ..] => Some("there is no bracket to close".to_owned()),
        _ => did_you_mean(word, ["and", "or"].into_iter()),
    };
    Err(cursor.error(here, "expected 'and', 'or' or the end").hint(hint))
}

fn or(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expr, FilterError> {
    let first = and(cursor, depth)?;
    let mut all = vec![first];
    while cursor.keyword("or") {
        all.push(and(cursor, depth)?);
    }
    Ok(one_or(all, Expr::Or))
}

fn and(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expr, FilterError> {
    let first = not(cursor, depth)?;
    let mut all = vec![first];
    while cursor.keyword("and") {
        all.push(not(cursor, depth)?);
    }
    Ok(one_or(all, Expr::And))
}

fn one_or(mut all: Vec<Expr>, many: impl FnOnce(Vec<Expr>) -> Expr) -> Expr {
    match all.len() {
        1 => all.swap_remove(0),
        _ => many(all),
    }
}

fn not(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expr, FilterError> {
    let mut negated = false;
    while cursor.keyword("not") {
        negated = !negated;
    }
    let open = cursor.skip();
    let expr = if cursor.take(b'(') {
        let expr = or(cursor, deeper(cursor, open, depth)?)?;
        close(cursor, open, "'and', 'or' or ')'")?;
        expr
    } else {
        check(cursor, depth)?
    };
    Ok(if negated { Expr::Not(Box::new(expr)) } else { expr })
}

/// The depth inside of a bracket.
fn deeper(cursor: &Cursor<'_>, open: usize, depth: usize) -> Result<usize, FilterError> {
    if depth < MAX_DEPTH {
        return Ok(depth + 1);
    }
    let error = cursor.error(open..open + 1, format!("brackets are nested more than {MAX_DEPTH} levels deep"));
    Err(error.hint(Some("leave out unnecessary brackets: 'not' binds tighter than 'and', 'and' tighter than 'or'")))
}

/// Takes the closing bracket.
fn close(cursor: &mut Cursor<'_>, open: usize, expected: &str) -> Result<(), FilterError> {
    if cursor.take(b')') {
        return Ok(());
    }
    if cursor.is_end() {
        return Err(cursor.error(open..open + 1, "the bracket is not closed"));
    }
    let here = cursor.here();
    Err(cursor.error(here, format!("expected {expected}")))
}

fn check(cursor: &mut Cursor<'_>, depth: usize) -> Result<Expr, FilterError> {
    let Some(left) = operand(cursor, depth)? else {
        let here = cursor.here();
        return Err(cursor.error(here, "expected a field, such as proc.name"));
    };
    if let Operand::Field { name, at } = &left
        && matches!(&**name, "and" | "or")
    {
        let error = cursor.error(at.0.clone(), "expected a field, such as proc.name");
        return Err(error.hint(Some(format!("'{name}' must be between two tests"))));
    }
    let start = cursor.skip();
    let Some(row) = operator(cursor) else {
        return Err(expected_operator(cursor, &left));
    };
    let operator_at = Place(start..cursor.place());
    let right = match row.takes {
        Takes::Nothing => Right::Nothing,
        Takes::Value => value(cursor, row, &left, depth)?,
        Takes::List => match call(cursor, depth, QUOTES)? {
            Some(call) => Right::Call(call),
            None => Right::List(None, list(cursor)?),
        },
    };
    Ok(Expr::Check(Box::new(Check { left, operator: row.operator, operator_at, right })))
}

fn operator(cursor: &mut Cursor<'_>) -> Option<&'static Row> {
    operator::ROWS.iter().find(|row| if row.is_word() { cursor.keyword(row.text) } else { cursor.signs(row.text) })
}

fn expected_operator(cursor: &mut Cursor<'_>, left: &Operand) -> FilterError {
    let here = cursor.here();
    let word = cursor.text(here.clone());
    let hint = did_you_mean(word, operator::names().filter(|name| name.len() > 1));
    let all = || format!("operators are {}", operator::names().collect::<Vec<_>>().join(" "));
    cursor.error(here, format!("expected an operator after '{}'", short(left))).hint(hint.or_else(|| Some(all())))
}

/// What is tested, for messages: not longer than a line.
pub(super) fn short(left: &Operand) -> String {
    let text = left.to_string();
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// A value, a list of alternatives, or a value of the same event.
fn value(cursor: &mut Cursor<'_>, row: &Row, left: &Operand, depth: usize) -> Result<Right, FilterError> {
    if let Some(name) = cursor.call() {
        let word = cursor.text(name.clone());
        if let Some((_, quantifier)) = Quantifier::ALL.into_iter().find(|(text, _)| *text == word) {
            cursor.keyword(word);
            return Ok(Right::List(Some(quantifier), list(cursor)?));
        }
        if let Some(call) = call(cursor, depth, QUOTES)? {
            return Ok(Right::Call(call));
        }
    }
    if let Some(value) = cursor.value()? {
        return Ok(Right::Value(value));
    }
    let is_list = cursor.sees(b'(');
    let here = cursor.here();
    let error = cursor.error(here, format!("expected a value for '{}'", short(left)));
    let hint = is_list.then(|| format!("use a list after 'in' or after a word such as '{} anyof'", row.text));
    Err(error.hint(hint))
}

fn operand(cursor: &mut Cursor<'_>, depth: usize) -> Result<Option<Operand>, FilterError> {
    if let Some(name) = cursor.call() {
        if let Some(call) = call(cursor, depth, "")? {
            return Ok(Some(Operand::Call(call)));
        }
        return Err(unknown_transformer(cursor, name, ""));
    }
    Ok(cursor.field()?.map(|(name, at)| Operand::Field { name, at }))
}

fn unknown_transformer(cursor: &Cursor<'_>, name: Range<usize>, advice: &str) -> FilterError {
    let word = cursor.text(name.clone());
    let hint = did_you_mean(word, transform::names().chain(["not", "and", "or"]));
    let all = || format!("{advice}transformers are {}", transform::names().collect::<Vec<_>>().join(" "));
    cursor.error(name, "unknown transformer").hint(hint.or_else(|| Some(all())))
}

/// Of a word with a bracket behind it where a value may stand.
const QUOTES: &str = "text with brackets needs quotes; ";

/// A transformer, if one is next. A word with a bracket behind it that is none is left.
fn call(cursor: &mut Cursor<'_>, depth: usize, advice: &str) -> Result<Option<Call>, FilterError> {
    let Some(name) = cursor.call() else { return Ok(None) };
    let word = cursor.text(name.clone());
    let Some(transformer) = Transformer::by_name(word) else {
        // A value may have a bracket behind it, but not at once.
        let stands_alone = cursor.text(name.end..name.end + 1) != "(" || matches!(word, "and" | "or" | "not");
        return if stands_alone { Ok(None) } else { Err(unknown_transformer(cursor, name, advice)) };
    };
    cursor.keyword(word);
    let args = arguments(cursor, depth)?;
    // Of the others, formats may have text in square brackets behind them.
    let part = if transformer.row().makes == Makes::Texts { cursor.part()? } else { None };
    Ok(Some(Call { transformer, args, part, at: Place(name.start..cursor.place()) }))
}

/// The transformer that a text begins with, and its length; `None` when it begins with something else.
///
/// # Errors
/// Its brackets do not follow the language.
pub(super) fn call_at_start(text: &str) -> Result<Option<(Call, usize)>, FilterError> {
    let mut cursor = Cursor::new(text);
    match cursor.call().and_then(|name| Transformer::by_name(cursor.text(name))) {
        Some(_) => Ok(call(&mut cursor, 0, "")?.map(|call| (call, cursor.place()))),
        None => Ok(None),
    }
}

fn arguments(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Argument>, FilterError> {
    let open = cursor.skip();
    cursor.take(b'(');
    let depth = deeper(cursor, open, depth)?;
    let mut args = Vec::new();
    if cursor.take(b')') {
        return Ok(args);
    }
    loop {
        args.push(argument(cursor, depth)?);
        if !cursor.take(b',') {
            close(cursor, open, "',' or ')'")?;
            return Ok(args);
        }
    }
}

fn argument(cursor: &mut Cursor<'_>, depth: usize) -> Result<Argument, FilterError> {
    let start = cursor.skip();
    if cursor.sees(b'(') {
        let all = arguments(cursor, depth)?;
        return Ok(Argument::List(all, Place(start..cursor.place())));
    }
    if cursor.sees(b'"') || cursor.sees(b'\'') {
        let text = cursor.value()?;
        return Ok(Argument::Text(text.unwrap_or(Literal { text: Vec::new(), at: Place(start..start) })));
    }
    if let Some(operand) = operand(cursor, depth)? {
        return Ok(Argument::Operand(operand));
    }
    let here = cursor.here();
    Err(cursor.error(here, "expected a field, a transformer or quoted text"))
}

fn list(cursor: &mut Cursor<'_>) -> Result<Vec<Literal>, FilterError> {
    let open = cursor.skip();
    if !cursor.take(b'(') {
        let here = cursor.here();
        return Err(cursor.error(here, "expected a list, such as (a, b)"));
    }
    let mut values = Vec::new();
    if cursor.take(b')') {
        return Ok(values);
    }
    loop {
        match cursor.value()? {
            Some(value) => values.push(value),
            None if cursor.is_end() => return Err(cursor.error(open..open + 1, "the bracket is not closed")),
            None => {
                let here = cursor.here();
                return Err(cursor.error(here, "expected a value"));
            }
        }
        if !cursor.take(b',') {
            close(cursor, open, "',' or ')'")?;
            return Ok(values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(expr: &Expr) -> String {
        let join = |all: &[Expr], word: &str| all.iter().map(shape).collect::<Vec<_>>().join(word);
        match expr {
            Expr::And(all) => format!("({})", join(all, " and ")),
            Expr::Or(all) => format!("({})", join(all, " or ")),
            Expr::Not(one) => format!("not {}", shape(one)),
            Expr::Check(check) => {
                let right = match &check.right {
                    Right::Nothing => String::new(),
                    Right::Value(value) => String::from_utf8_lossy(&value.text).into_owned(),
                    Right::List(quantifier, values) => {
                        let values: Vec<_> = values.iter().map(|v| String::from_utf8_lossy(&v.text)).collect();
                        format!("{}[{}]", quantifier.map_or("", Quantifier::name), values.join(","))
                    }
                    Right::Call(call) => format!("{{{call}}}"),
                };
                format!("{}:{:?}:{right}", check.left, check.operator)
            }
        }
    }

    fn parsed(filter: &str) -> String {
        parse(filter).map_or_else(|error| error.to_string(), |expr| shape(&expr))
    }

    #[test]
    fn not_binds_more_than_and_and_and_more_than_or() {
        assert_eq!(parsed("a.a=1 or b.b=2 and not c.c=3"), "(a.a:Eq:1 or (b.b:Eq:2 and not c.c:Eq:3))");
        assert_eq!(parsed("not(a.a=1 or b.b=2)and(c.c exists)"), "(not (a.a:Eq:1 or b.b:Eq:2) and c.c:Exists:)");
        assert_eq!(parsed("not not a.a=1 or not not not(a.a=2)"), "(a.a:Eq:1 or not a.a:Eq:2)");
        assert_eq!(parsed("a.a=open and(b.b exists)or(c.c=x)"), "((a.a:Eq:open and b.b:Exists:) or c.c:Eq:x)");
    }

    #[test]
    fn values_are_bare_quoted_or_lists() {
        assert_eq!(parsed("evt.dir=>"), "evt.dir:Eq:>");
        assert_eq!(parsed("evt.dir=<"), "evt.dir:Eq:<");
        assert_eq!(parsed("a.b>=-5"), "a.b:Ge:-5");
        assert_eq!(parsed("a.b in (x, \"y z\",'w')"), "a.b:In:[x,y z,w]");
        assert_eq!(parsed("a.b in ()"), "a.b:In:[]");
        assert_eq!(parsed(r#"a.b = "q\"\\\x41""#), "a.b:Eq:q\"\\A");
        assert_eq!(parsed(r#"a.b = "C:\\" and a.c = "\ x""#), r"(a.b:Eq:C:\ and a.c:Eq:\ x)");
        assert_eq!(parsed("a.b[x y] contains z"), "a.b[x y]:Contains:z");
        assert_eq!(parsed(r#"a.b["x]y"] exists"#), r#"a.b["x]y"]:Exists:"#);
        assert_eq!(parsed("a.b contains anyof (x, y)"), "a.b:Contains:anyof[x,y]");
        assert_eq!(parsed("a.b=oneof"), "a.b:Eq:oneof");
    }

    #[test]
    fn transformers_stand_on_both_sides() {
        assert_eq!(parsed("tolower( basename(a.b) )=val(c.d)"), "tolower(basename(a.b)):Eq:{val(c.d)}");
        assert_eq!(parsed("join(',', (a.b, \"x\")) in val(c.d)"), "join(\",\", (a.b, \"x\")):In:{val(c.d)}");
        assert_eq!(parsed("a.b=val and (c.d=1)"), "(a.b:Eq:val and c.d:Eq:1)");
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let words = ["a.b", "=", "(", ")", "'", "\"", "\\", "\\x", "é", "not", "in", ",", " ", "[", "]", "val"];
        for a in words {
            for b in words {
                for c in words {
                    let _ = parse(&format!("{a}{b}{c}"));
                    let _ = parse(&format!("a.b={a}{b}{c}")).map_err(|error| error.to_string());
                }
            }
        }
    }
}
