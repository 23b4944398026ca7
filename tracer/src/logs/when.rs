//! Times as people give them: how long ago, or a moment.

use jiff::{Timestamp, ToSpan as _, Zoned, civil};

use crate::format::time;

/// What is wrong with one.
const EXPECTED: &str = "expected how long ago, such as 42m, 90s, 3h or 2d, or a time, such as 14:03, 2026-08-01, \
                        2026-08-01T14:03:20 or 2026-08-01T12:03:20Z";

/// Nanoseconds since the epoch of such a time. Without a zone it is local.
///
/// # Errors
/// It is none.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let now = Timestamp::now();
    let found = ago(text, now)
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| seconds(text))
        .or_else(|| local(text))
        .or_else(|| clock(text, &time::zoned(now)));
    found.and_then(|time| u64::try_from(time.as_nanosecond()).ok()).ok_or_else(|| EXPECTED.to_owned())
}

/// `42m`, `1h30m`.
fn ago(text: &str, now: Timestamp) -> Option<Timestamp> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|at| *at > 0)?;
        let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |at| at + digits);
        let factor = match &rest[digits..unit] {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return None,
        };
        seconds += rest[..digits].parse::<f64>().ok()? * factor;
        rest = &rest[unit..];
    }
    let ms = (seconds * 1e3).round();
    (!text.is_empty() && ms < 1e15).then(|| now.checked_sub((ms as i64).milliseconds()).ok())?
}

/// Seconds since the epoch, as Docker takes them.
fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // A year alone is no such number.
    if whole.len() < 6 || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let ns = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Timestamp::new(whole.parse().ok()?, ns).ok()
}

fn local(text: &str) -> Option<Timestamp> {
    let text = Some(text).filter(|text| text.contains('-'))?.replacen(' ', "T", 1);
    let time = text
        .parse::<civil::DateTime>()
        .ok()
        .or_else(|| Some(text.parse::<civil::Date>().ok()?.to_datetime(civil::Time::midnight())))?;
    Some(time::of_local(time))
}

/// A time of today.
fn clock(text: &str, now: &Zoned) -> Option<Timestamp> {
    let time: civil::Time = Some(text).filter(|text| text.contains(':'))?.parse().ok()?;
    Some(time::of_local(now.date().to_datetime(time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_that_people_give() {
        let now = Timestamp::now().as_nanosecond() as u64;
        let is_ago = |text: &str, seconds: u64| {
            let ago = now.abs_diff(parse(text).unwrap());
            assert!(ago.abs_diff(seconds * 1_000_000_000) < 5_000_000_000, "{text}: {ago}");
        };
        for (text, seconds) in [("42m", 2520), ("90s", 90), ("1h30m", 5400), ("2d", 172_800), ("1.5h", 5400), ("0s", 0)]
        {
            is_ago(text, seconds);
        }
        assert_eq!(parse("2026-08-01T12:03:20Z"), Ok(1_785_585_800_000_000_000));
        assert_eq!(parse("2026-08-01T14:03:20+02:00"), Ok(1_785_585_800_000_000_000));
        assert_eq!(parse("1785585800.5"), Ok(1_785_585_800_500_000_000));
        let [day, hour] = ["2026-08-01", "2026-08-01 01:00"].map(|text| parse(text).unwrap());
        assert_eq!(hour - day, 3_600_000_000_000);
        assert!(parse("00:00").unwrap() <= now);
        for text in ["", "5", "m", "5x", "yesterday", "2026", "-5m", "5m later", "25:00", "99999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
