//! What stands in a cell, and which of two cells comes first.

use std::{borrow::Cow, cmp::Ordering};

use crate::{
    fields::Unit,
    format::{escape, units},
    output::Row,
    view::{Place, Shown, spec::Order},
};

/// A number as short as a cell should be.
pub fn number(value: f64, unit: Unit) -> Cow<'static, str> {
    Cow::Owned(match unit {
        // Most cells of a large table.
        Unit::Bytes | Unit::None if value == 0.0 => return Cow::Borrowed("0"),
        Unit::Percent if value == 0.0 => return Cow::Borrowed("0.0"),
        Unit::Bytes if value < 1024.0 => format!("{value:.0}B"),
        Unit::Bytes => units::bytes(value),
        Unit::Percent => format!("{value:.1}"),
        Unit::None if value.fract() != 0.0 => format!("{value:.1}"),
        _ => units::text(value, unit),
    })
}

/// The text of a cell: escaped, and `-` where nothing is known.
pub fn text_of<'t>(text: Option<&'t [u8]>, column: &Shown) -> Cow<'t, str> {
    match text {
        None | Some([]) => Cow::Borrowed("-"),
        Some(text) if column.unit != Unit::None => {
            let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
            parsed.map_or_else(|| escape::text(text), |value| number(value, column.unit))
        }
        Some(text) => escape::text(text),
    }
}

/// Whether its cells are to the right, and the largest comes first.
#[must_use]
pub fn is_number(column: &Shown) -> bool {
    matches!(column.place, Place::Value(_)) || column.is_key || column.unit != Unit::None
}

/// Which of two rows comes first by a column.
pub fn compare(column: &Shown, order: Order, a: &Row, b: &Row) -> Ordering {
    let known = |ordering: Ordering| if order == Order::Down { ordering.reverse() } else { ordering };
    match column.place {
        Place::Value(at) => {
            let value = |row: &Row| row.values.get(at).copied().flatten();
            match (value(a), value(b)) {
                (Some(a), Some(b)) => known(a.total_cmp(&b)),
                // What is not known comes last.
                (a, b) => b.is_some().cmp(&a.is_some()),
            }
        }
        Place::Key(at) => {
            let [a, b] = [a, b].map(|row| row.keys.get(at).map_or(&[][..], Vec::as_slice));
            let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
            match (number(a), number(b)) {
                _ if a.is_empty() || b.is_empty() => b.is_empty().cmp(&a.is_empty()).reverse(),
                (Some(a), Some(b)) => known(a.total_cmp(&b)),
                _ => known(a.cmp(b)),
            }
        }
    }
}

/// A text that is searched for: without regard to case unless it has a capital.
#[derive(Debug, Clone, Default)]
pub struct Needle {
    text: String,
    is_exact: bool,
}

impl Needle {
    #[must_use]
    pub fn new(text: &str) -> Self {
        let is_exact = text.chars().any(char::is_uppercase);
        Self { text: if is_exact { text.to_owned() } else { text.to_lowercase() }, is_exact }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether that text has it.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        if self.is_exact {
            text.contains(&self.text)
        } else if text.is_ascii() {
            // What has no letter of others is not copied.
            let (text, wanted) = (text.as_bytes(), self.text.as_bytes());
            wanted.is_empty() || text.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
        } else {
            text.to_lowercase().contains(&self.text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s044_a_capital_makes_a_search_exact() {
        assert!(Needle::new("cron").is_in("CRON -f") && Needle::new("").is_in("x"));
        assert!(Needle::new("CRON").is_in("CRON -f") && !Needle::new("Cron").is_in("cron"));
        assert!(Needle::new("straße").is_in("Lange STRAßE") && !Needle::new("straße").is_in("strasse"));
    }
}
