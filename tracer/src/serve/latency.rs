//! How long calls of a container take: how many fell into each range, by class. They are the numbers of the histograms of `/metrics`, which
//! are always counted, so that looking at them costs the kernel nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    calls::Call,
    counted::{BOUNDS, OTHER, TIMES},
    totals::Counts,
};

/// Ranges: below the first bound, between two, and above the last.
pub(super) const RANGES: usize = BOUNDS.len() + 1;

/// Calls by range.
pub(super) type Ranges = [f64; RANGES];

/// Calls by class and range, since tracer began.
pub(super) fn by_class(counts: &Counts) -> BTreeMap<&'static str, Ranges> {
    let mut classes = BTreeMap::new();
    for row in counts.rows(TIMES) {
        let class = Call::of(row.keys.first().map_or("", String::as_str)).timed.unwrap_or(OTHER);
        let sums: &mut Ranges = classes.entry(class).or_insert([0.0; RANGES]);
        // Each number counts all that are below a bound; the last one counts all.
        let all = row.numbers.last().copied().unwrap_or_default();
        let below = row.numbers.iter().take(BOUNDS.len()).copied().chain([all]);
        let mut before = 0.0;
        for (sum, below) in sums.iter_mut().zip(below) {
            *sum += below - before;
            before = below;
        }
    }
    classes
}

/// The upper end of each range but the last, which has none, seconds.
fn bounds_s() -> impl Iterator<Item = f64> {
    BOUNDS.iter().map(|power| 2f64.powi((*power).into()) / 1e9)
}

/// What a range is called.
pub(super) fn names() -> Vec<String> {
    let shown = |seconds: f64| match seconds {
        ..1e-3 => format!("{:.0} µs", seconds * 1e6),
        1e-3..1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.0} s"),
    };
    let below = bounds_s().map(|bound| format!("< {}", shown(bound)));
    below.chain(bounds_s().last().map(|last| format!("≥ {}", shown(last)))).collect()
}

/// The same for the API.
pub(super) fn json(counts: &Counts, now_ns: u64) -> Value {
    let classes = by_class(counts).into_iter().map(|(class, ranges)| (class, ranges.map(|count| count as u64)));
    json!({
        "time_ms": now_ns / 1_000_000,
        "bounds_s": bounds_s().collect::<Vec<_>>(),
        "ranges": names(),
        "classes": classes.collect::<BTreeMap<_, _>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Form, Frame, Row, Span};

    #[test]
    fn each_call_is_in_one_range_of_its_class() {
        let numbers =
            |counts: [f64; BOUNDS.len()], all: f64| counts.into_iter().chain([0.0, all]).map(Some).collect::<Vec<_>>();
        let row =
            |name: &str, numbers| Row { keys: vec![b"x".to_vec(), name.into()], values: numbers, line: Vec::new() };
        let (mut fast, mut slow) = ([7.0; BOUNDS.len()], [0.0; BOUNDS.len()]);
        (fast[0], slow[BOUNDS.len() - 1]) = (4.0, 1.0);
        let rows = vec![
            row("openat", numbers(fast, 7.0)),
            row("unlink", numbers(slow, 3.0)),
            row("fsync", numbers(slow, 1.0)),
        ];
        let mut totals = crate::serve::totals::Totals::default();
        totals.update([("x".to_owned(), std::sync::Arc::default())].into(), 0, &mut |_| None);
        totals.add(TIMES, &Frame { rows, ..Frame::new(Form::Table, "", Span::default()) });
        let classes = by_class(&totals.live["x"].counts);
        let file = classes["file"];
        assert_eq!((file[0], file[1], file[RANGES - 2], file[RANGES - 1]), (4.0, 3.0, 1.0, 2.0));
        assert_eq!((file.iter().sum::<f64>(), classes["fsync"].iter().sum::<f64>()), (10.0, 1.0));
        let names = names();
        assert_eq!((names.len(), &*names[0], &*names[5], &*names[RANGES - 1]), (RANGES, "< 4 µs", "< 4 ms", "≥ 17 s"));
    }
}
