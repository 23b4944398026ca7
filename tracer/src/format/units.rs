//! Numbers of a unit as short text for tables.

use crate::fields::Unit;

/// `value` as text.
#[must_use]
pub fn text(value: f64, unit: Unit) -> String {
    match unit {
        Unit::None => number(value),
        Unit::Bytes => bytes(value),
        Unit::Time => time(value),
        Unit::Percent => format!("{value:.2}%"),
    }
}

/// Whole numbers without a fraction, others with two decimals.
#[must_use]
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Bytes in steps of 1024: `512B`, `1.45KB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    const STEPS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if value.abs() < 1024.0 {
        return format!("{}B", number(value));
    }
    let mut scaled = value / 1024.0;
    let mut step = 0;
    // 1023.995 KB would be printed as 1024.00KB.
    while scaled.abs() >= 1023.995 && step + 1 < STEPS.len() {
        scaled /= 1024.0;
        step += 1;
    }
    format!("{scaled:.2}{}", STEPS[step])
}

/// Nanoseconds in the largest unit that fits: `437ns`, `4.97us`, `29ms`, `22.03s`.
#[must_use]
pub fn time(ns: f64) -> String {
    let scaled = |factor: f64, unit: &str| {
        let value = ns / factor;
        if value < 10.0 || unit == "s" { format!("{value:.2}{unit}") } else { format!("{value:.0}{unit}") }
    };
    match ns {
        _ if ns < 1e3 => format!("{ns:.0}ns"),
        _ if ns < 1e6 => scaled(1e3, "us"),
        _ if ns < 1e9 => scaled(1e6, "ms"),
        _ => scaled(1e9, "s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_texts_of_the_documentation() {
        assert_eq!(bytes(512.0), "512B");
        assert_eq!(bytes(1484.8), "1.45KB");
        assert_eq!(bytes(1024.0 * 1024.0 - 1.0), "1.00MB");
        assert_eq!(bytes(3.0 * 1024.0 * 1024.0 * 1024.0), "3.00GB");
        assert_eq!(time(437.0), "437ns");
        assert_eq!(time(4_970.0), "4.97us");
        assert_eq!(time(29_000_000.0), "29ms");
        assert_eq!(time(1_210_000.0), "1.21ms");
        assert_eq!(time(22_030_000_000.0), "22.03s");
        assert_eq!(text(12.0, Unit::Percent), "12.00%");
        assert_eq!(text(12.0, Unit::None), "12");
    }
}
