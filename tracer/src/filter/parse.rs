//! From text to a tree. `not` binds more than `and`, `and` more than `or`.

use super::{
    ast::{Check, Expr, Operator},
    error::FilterError,
    lex::Cursor,
};
use crate::fields::nearest;

/// How deep brackets and `not` may be nested.
const MAX_DEPTH: usize = 100;

/// Parses a filter.
///
/// # Errors
/// It does not follow the language.
pub fn parse(filter: &str) -> Result<Expr, FilterError> {
    let mut cursor = Cursor::new(filter);
    let expr = or(&mut cursor, 0)?;
    if cursor.is_end() {
        return Ok(expr);
    }
    let here = cursor.here();
    let word = filter.get(here.clone()).unwrap_or_default();
    let hint = nearest(word, ["and", "or"].into_iter()).map(|word| format!("did you mean '{word}'?"));
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
    if depth > MAX_DEPTH {
        let here = cursor.here();
        return Err(cursor.error(here, format!("nested more than {MAX_DEPTH} levels deep")));
    }
    if cursor.keyword("not") {
        return Ok(Expr::Not(Box::new(not(cursor, depth + 1)?)));
    }
    let open = cursor.skip();
    if cursor.take(b'(') {
        let expr = or(cursor, depth + 1)?;
        if !cursor.take(b')') {
            let message = if cursor.is_end() { "the bracket is not closed" } else { "expected 'and', 'or' or ')'" };
            let at = if cursor.is_end() { open..open + 1 } else { cursor.here() };
            return Err(cursor.error(at, message));
        }
        return Ok(expr);
    }
    check(cursor)
}

fn check(cursor: &mut Cursor<'_>) -> Result<Expr, FilterError> {
    let Some((field, field_at)) = cursor.field() else {
        let here = cursor.here();
        return Err(cursor.error(here, "expected a field, such as proc.name"));
    };
    let start = cursor.skip();
    let Some(operator) = operator(cursor) else {
        let here = cursor.here();
        return Err(expected_operator(cursor, &field, here));
    };
    let operator_at = start..cursor.place();
    let values = match operator {
        Operator::Exists => Vec::new(),
        Operator::In => list(cursor)?,
        _ => match cursor.value()? {
            Some(value) => vec![value],
            None => {
                let here = cursor.here();
                return Err(cursor.error(here, format!("expected a value for '{field}'")));
            }
        },
    };
    Ok(Expr::Check(Check { field, field_at, operator, operator_at, values }))
}

fn operator(cursor: &mut Cursor<'_>) -> Option<Operator> {
    Operator::ALL.into_iter().find_map(|(text, operator)| {
        let word = text.as_bytes()[0].is_ascii_alphabetic();
        let hit = if word { cursor.keyword(text) } else { cursor.signs(text) };
        hit.then_some(operator)
    })
}

fn expected_operator(cursor: &Cursor<'_>, field: &str, here: std::ops::Range<usize>) -> FilterError {
    let word = cursor.text(here.clone());
    let names = Operator::ALL.iter().map(|(text, _)| *text).filter(|text| text.len() > 1);
    let hint = nearest(word, names).map(|name| format!("did you mean '{name}'?"));
    let all: Vec<&str> = Operator::ALL.iter().map(|(text, _)| *text).filter(|text| *text != "==").collect();
    cursor
        .error(here, format!("expected an operator behind '{field}'"))
        .hint(hint.or_else(|| Some(format!("operators are {}", all.join(" ")))))
}

fn list(cursor: &mut Cursor<'_>) -> Result<Vec<super::ast::Literal>, FilterError> {
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
        if cursor.take(b')') {
            return Ok(values);
        }
        if !cursor.take(b',') {
            let at = if cursor.is_end() { open..open + 1 } else { cursor.here() };
            return Err(cursor.error(at, "expected ',' or ')'"));
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
                let values: Vec<_> = check.values.iter().map(|v| String::from_utf8_lossy(&v.text)).collect();
                format!("{}:{:?}:{}", check.field, check.operator, values.join(","))
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
    }

    #[test]
    fn values_are_bare_quoted_or_lists() {
        assert_eq!(parsed("evt.dir=>"), "evt.dir:Eq:>");
        assert_eq!(parsed("evt.dir=<"), "evt.dir:Eq:<");
        assert_eq!(parsed("a.b>=-5"), "a.b:Ge:-5");
        assert_eq!(parsed("a.b in (x, \"y z\",'w')"), "a.b:In:x,y z,w");
        assert_eq!(parsed("a.b in ()"), "a.b:In:");
        assert_eq!(parsed(r#"a.b = "q\"\\\x41""#), "a.b:Eq:q\"\\A");
        assert_eq!(parsed("a.b[x y] contains z"), "a.b[x y]:Contains:z");
    }

    #[test]
    fn errors_show_the_place() {
        assert_eq!(
            parsed("proc.name=cat ad evt.type=read"),
            "filter: expected 'and', 'or' or the end\n  proc.name=cat ad evt.type=read\n                ^^"
        );
        assert_eq!(parsed("proc.name="), "filter: expected a value for 'proc.name'\n  proc.name=\n            ^");
        assert_eq!(parsed("(a.b=1"), "filter: the bracket is not closed\n  (a.b=1\n  ^");
        assert_eq!(parsed("a.b='x"), "filter: the quote is not closed\n  a.b='x\n      ^^");
        assert!(parsed("a.b contians x").starts_with("filter: expected an operator behind 'a.b'"));
        assert_eq!(parse("a.b contians x").unwrap_err().hint.as_deref(), Some("did you mean 'contains'?"));
        assert!(parsed("").starts_with("filter: expected a field"));
        assert!(parsed(&"(".repeat(300)).contains("nested more than 100 levels"));
    }

    #[test]
    fn no_text_makes_the_parser_panic() {
        let words = ["a.b", "=", "(", ")", "'", "\"", "\\", "\\x", "é", "not", "in", ",", " ", "[", "]"];
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
