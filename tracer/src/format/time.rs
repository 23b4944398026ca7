//! Points in time as text. The local time zone comes from `TZ` or `/etc/localtime`, of the host.

use std::{
    cell::Cell,
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    sync::{LazyLock, OnceLock},
};

use jiff::{Timestamp, Zoned, civil::DateTime, tz::Offset, tz::TimeZone};

use crate::state::root::{Reason, host_root};

const SECOND: u64 = 1_000_000_000;

/// The zone that was asked for.
static CHOSEN: OnceLock<TimeZone> = OnceLock::new();

static ZONE: LazyLock<TimeZone> = LazyLock::new(|| CHOSEN.get().cloned().unwrap_or_else(local));

/// Shows times in that zone and not in the local one. To be called before the first time is shown.
///
/// # Errors
/// There is no zone of that name.
pub fn choose_zone(name: &str) -> Result<(), String> {
    let zone = if name == "UTC" { Ok(TimeZone::UTC) } else { TimeZone::get(name) };
    let zone = zone.map_err(|_| format!("there is no time zone '{name}'"))?;
    let _ = CHOSEN.set(zone);
    Ok(())
}

/// Reads the zone now, and not when the first time is shown.
pub fn load_zone() {
    LazyLock::force(&ZONE);
}

fn local() -> TimeZone {
    match host_root() {
        (root, Reason::Asked | Reason::First) if env::var_os("TZ").is_none() => {
            zone_below(root).unwrap_or(TimeZone::UTC)
        }
        _ => TimeZone::try_system().unwrap_or(TimeZone::UTC),
    }
}

/// `/etc/localtime` is nearly always a link to an absolute path, which leads out of `root` when it is followed as it is.
fn zone_below(root: &Path) -> Option<TimeZone> {
    let mut path = PathBuf::from("/etc/localtime");
    for _ in 0..8 {
        let here = root.join(path.strip_prefix("/").ok()?);
        match fs::read_link(&here) {
            Ok(target) => path = path.parent()?.join(target),
            Err(_) => return TimeZone::tzif("local", &fs::read(here).ok()?).ok(),
        }
        let text = path.to_str()?;
        path = PathBuf::from(String::from_utf8(crate::state::path::resolve(b"/", text.as_bytes())).ok()?);
    }
    None
}

/// The offset of local time. Offsets change only at full quarters of an hour, so that one look-up serves for all events
/// of a quarter.
fn offset(seconds: i64) -> Offset {
    thread_local! {
        static LAST: Cell<(i64, Offset)> = const { Cell::new((i64::MIN, Offset::UTC)) };
    }
    let quarter = seconds.div_euclid(900);
    let (last, offset) = LAST.get();
    if last == quarter {
        return offset;
    }
    let offset = Timestamp::from_second(seconds).map_or(Offset::UTC, |time| ZONE.to_offset(time));
    LAST.set((quarter, offset));
    offset
}

/// A moment in the zone in which times are shown.
#[must_use]
pub fn zoned(time: Timestamp) -> Zoned {
    time.to_zoned(ZONE.clone())
}

/// The moment of a date and time of day in that zone; of a time that is there twice, the first one.
#[must_use]
pub fn of_local(time: DateTime) -> Timestamp {
    ZONE.to_ambiguous_zoned(time).compatible().map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

fn split(ns: u64) -> (i64, u64) {
    ((ns / SECOND) as i64, ns % SECOND)
}

fn two(number: i64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

/// Nine digits.
fn nine(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 9];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    out.extend_from_slice(&digits);
}

/// Local time of day, `HH:MM:SS`, with the fraction if asked for.
pub fn time_of_day(ns: u64, fraction: bool, out: &mut Vec<u8>) {
    let (seconds, rest) = split(ns);
    let local = (seconds + i64::from(offset(seconds).seconds())).rem_euclid(86_400);
    out.extend_from_slice(&two(local / 3600));
    out.push(b':');
    out.extend_from_slice(&two(local / 60 % 60));
    out.push(b':');
    out.extend_from_slice(&two(local % 60));
    if fraction {
        out.push(b'.');
        nine(rest, out);
    }
}

fn civil(seconds: i64, offset: Offset) -> Option<DateTime> {
    Timestamp::from_second(seconds).ok().map(|time| offset.to_datetime(time))
}

fn date(seconds: i64, offset: Offset, out: &mut Vec<u8>) {
    if let Some(date) = civil(seconds, offset) {
        // Writing to a vector cannot fail.
        let _ = write!(out, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day());
    }
}

/// Local date and time of day.
pub fn date_time(ns: u64, fraction: bool, out: &mut Vec<u8>) {
    let (seconds, _) = split(ns);
    date(seconds, offset(seconds), out);
    out.push(b' ');
    time_of_day(ns, fraction, out);
}

/// Local date and time of day with the offset, as parameters show it.
pub fn date_time_zone(ns: u64, out: &mut Vec<u8>) {
    date_time(ns, true, out);
    let minutes = offset(split(ns).0).seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    let _ = write!(out, " {sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60);
}

/// `2017-09-23T00:44:29.900617765+0000`.
pub fn iso8601(ns: u64, out: &mut Vec<u8>) {
    let (seconds, rest) = split(ns);
    date(seconds, Offset::UTC, out);
    let day = seconds.rem_euclid(86_400);
    let _ = write!(out, "T{:02}:{:02}:{:02}.{rest:09}+0000", day / 3600, day / 60 % 60, day % 60);
}

/// Seconds with nine decimals.
pub fn seconds(ns: u64, out: &mut Vec<u8>) {
    let _ = write!(out, "{}.", ns / SECOND);
    nine(ns % SECOND, out);
}

/// A text whose `%` conversions, as of strftime(3), are filled in with local time. What is no conversion stays.
#[must_use]
pub fn pattern(pattern: &str, ns: u64) -> String {
    let (seconds, _) = split(ns);
    let filled = Timestamp::from_second(seconds)
        .ok()
        .and_then(|time| jiff::fmt::strtime::format(pattern, &time.to_zoned(ZONE.clone())).ok());
    filled.unwrap_or_else(|| pattern.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn utc_and_differences_do_not_depend_on_the_zone() {
        assert_eq!(text(|out| iso8601(1_506_127_469_900_617_765, out)), "2017-09-23T00:44:29.900617765+0000");
        assert_eq!(text(|out| seconds(12_000_000_345, out)), "12.000000345");
    }

    #[test]
    fn local_time_has_the_form_of_the_clock() {
        let time = text(|out| time_of_day(1_506_127_469_900_617_765, true, out));
        assert_eq!(time.len(), 18);
        assert!(time.ends_with(":29.900617765"), "{time}");
        assert_eq!(text(|out| date_time(1_506_127_469_000_000_000, false, out)).len(), 19);
    }

    #[test]
    fn a_zone_file_is_found_below_another_root() {
        assert!(zone_below(Path::new("/nonexistent")).is_none());
    }
}
