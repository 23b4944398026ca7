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

/// Bytes in steps of 1024, below that whole ones: `512B`, `1.45KB`.
#[must_use]
pub fn bytes(value: f64) -> String {
    const STEPS: [&str; 5] = ["KB", "MB", "GB", "TB", "PB"];
    if value.round().abs() < 1024.0 {
        return format!("{value:.0}B");
    }
    let mut scaled = value / 1024.0;
    let mut step = 0;
    // 1023.995 KB would be printed as 1024.00KB.
    while scaled.abs() >= 1023.995 && step + 1 < STEPS.len() {
        scaled /= 1024.0;
        step += 1;
    }
    // Half a hundredth is a whole one.
    format!("{:.2}{}", (scaled * 100.0).round() / 100.0, STEPS[step])
}

/// Appends nanoseconds as seconds with six significant digits, as C's `%g` prints them: `0s`, `1.5s`, `2.5e-05s`.
pub fn seconds_g(nanoseconds: u64, out: &mut Vec<u8>) {
    let seconds = nanoseconds as f64 / 1e9;
    // The exponent is that of the rounded number.
    let scientific = format!("{seconds:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let text = if (-4..6).contains(&exponent) {
        trim(&format!("{seconds:.*}", usize::try_from(5 - exponent).unwrap_or(0)))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(digits), exponent.abs())
    };
    out.extend_from_slice(text.as_bytes());
    out.push(b's');
}

/// Nanoseconds in the largest unit that fits, not rounded up: `437ns`, `4.97us`, `29ms`, `22.03s`.
#[must_use]
pub fn time(ns: f64) -> String {
    let whole = ns.max(0.0) as u64;
    let hundredths = |unit: u64| format!("{}.{:02}", whole / unit, whole % unit / (unit / 100));
    match whole {
        0..1_000 => format!("{ns:.0}ns"),
        1_000..10_000 => format!("{}us", hundredths(1_000)),
        10_000..1_000_000 => format!("{}us", whole / 1_000),
        1_000_000..10_000_000 => format!("{}ms", hundredths(1_000_000)),
        10_000_000..1_000_000_000 => format!("{}ms", whole / 1_000_000),
        _ => format!("{}s", hundredths(1_000_000_000)),
    }
}

/// Appends a number in hexadecimal, with capitals.
pub fn hex(number: u64, out: &mut Vec<u8>) {
    let digits = (64 - number.leading_zeros()).div_ceil(4).max(1);
    out.extend((0..digits).rev().map(|at| b"0123456789ABCDEF"[(number >> (4 * at)) as usize & 0xf]));
}

/// Appends a whole number.
pub fn integer(number: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_those_of_the_library() {
        for number in
            (0..64).flat_map(|bits| [(1 << bits) - 1, 1 << bits, 0x1234_5678_9abc_def0 >> bits, u64::MAX >> bits])
        {
            let mut out = Vec::new();
            hex(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{number:X}"));
        }
    }

    #[test]
    fn seconds_are_as_c_prints_them() {
        let g = |nanoseconds| {
            let mut out = Vec::new();
            seconds_g(nanoseconds, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!([g(0), g(1_000_000_000), g(1_500_000_000)], ["0s", "1s", "1.5s"]);
        assert_eq!([g(100_000), g(25_000), g(999_999_999)], ["0.0001s", "2.5e-05s", "1s"]);
        assert_eq!([g(1_234_567_891), g(10_000_000_000_000_000)], ["1.23457s", "1e+07s"]);
    }

    #[test]
    fn values_have_the_texts_of_the_documentation() {
        assert_eq!((bytes(512.0), bytes(33.33), bytes(1023.7)), ("512B".into(), "33B".into(), "1.00KB".into()));
        assert_eq!(bytes(1484.8), "1.45KB");
        assert_eq!(bytes(1024.0 * 1024.0 - 1.0), "1.00MB");
        assert_eq!(bytes(3.0 * 1024.0 * 1024.0 * 1024.0), "3.00GB");
        assert_eq!(time(437.0), "437ns");
        assert_eq!(time(4_970.0), "4.97us");
        assert_eq!(time(29_000_000.0), "29ms");
        assert_eq!(time(1_210_000.0), "1.21ms");
        assert_eq!((time(4_418.0), bytes(1664.0)), ("4.41us".into(), "1.63KB".into()));
        assert_eq!(time(22_030_000_000.0), "22.03s");
        assert_eq!(text(12.0, Unit::Percent), "12.00%");
        assert_eq!(text(12.0, Unit::None), "12");
    }
}
