//! How values are spread: a count for each range of values.

use tracer_common::group;

use crate::event::Numbers;

/// Values by ranges, of which only those are kept that have a value.
#[derive(Debug, Clone, Default)]
pub(super) struct Distribution {
    /// Number of the range and values in it, in the order of ranges.
    ranges: Vec<(u16, u32)>,
    count: u64,
    min: f64,
    max: f64,
}

/// The range of a value: a percentile is wrong by half a range at most, 3 percent.
fn range(value: f64) -> u16 {
    group::range(value.max(0.0) as u64) as u16
}

/// The middle of a range.
fn middle(range: u16) -> f64 {
    let (low, width) = group::limits(range.into());
    low as f64 + (width - 1) as f64 / 2.0
}

impl Distribution {
    /// Returns how many more ranges are kept now; `None`, and adds nothing, if it would be one more and there is no room.
    pub(super) fn add(&mut self, value: f64, is_full: bool) -> Option<usize> {
        self.put_all(range(value), 1, (value, value), is_full)
    }

    /// The same of many values in one range.
    pub(super) fn add_group(&mut self, count: u64, values: Numbers, is_full: bool) -> Option<usize> {
        self.put_all(values.range as u16, count, (values.min as f64, values.max as f64), is_full)
    }

    fn put_all(&mut self, range: u16, count: u64, (min, max): (f64, f64), is_full: bool) -> Option<usize> {
        let before = self.ranges.len();
        if is_full && self.ranges.binary_search_by_key(&range, |(range, _)| *range).is_err() {
            return None;
        }
        self.put(range, u32::try_from(count).unwrap_or(u32::MAX));
        (self.min, self.max) = if self.count == 0 { (min, max) } else { (self.min.min(min), self.max.max(max)) };
        self.count += count;
        Some(self.ranges.len() - before)
    }

    fn put(&mut self, range: u16, count: u32) {
        match self.ranges.binary_search_by_key(&range, |(range, _)| *range) {
            Ok(at) => self.ranges[at].1 = self.ranges[at].1.saturating_add(count),
            Err(at) => self.ranges.insert(at, (range, count)),
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        other.ranges.iter().for_each(|(range, count)| self.put(*range, *count));
        (self.min, self.max) = match self.count {
            0 => (other.min, other.max),
            _ => (self.min.min(other.min), self.max.max(other.max)),
        };
        self.count += other.count;
    }

    /// How many values are smaller than two to this power: exact, because ranges end there.
    pub(super) fn below(&self, power: u8) -> u64 {
        let end = 1u64.checked_shl(power.into()).map_or(u32::MAX, group::range);
        self.ranges.iter().take_while(|(range, _)| u32::from(*range) < end).map(|(_, count)| u64::from(*count)).sum()
    }

    /// The value that so many percent are not above; `None` without values.
    pub(super) fn percentile(&self, percent: u8) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let wanted = (self.count as f64 * f64::from(percent) / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (range, count) in &self.ranges {
            seen += u64::from(*count);
            if seen >= wanted {
                return Some(middle(*range).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_within_three_percent() {
        let mut values = Distribution::default();
        (1..=10_000).for_each(|value| _ = values.add(f64::from(value), false));
        for (percent, right) in [(50, 5000.0), (90, 9000.0), (99, 9900.0)] {
            let value = values.percentile(percent).unwrap();
            assert!((value - right).abs() / right < 0.035, "p{percent} {value}");
        }
        assert_eq!(Distribution::default().percentile(50), None);
        let mut one = Distribution::default();
        assert_eq!(one.add(1234.0, false), Some(1));
        assert_eq!((one.add(1e9, true), one.add(1234.0, true)), (None, Some(0)));
        assert_eq!(one.percentile(99), Some(1234.0));
        one.merge(&values);
        assert_eq!(one.count, 10_002);
    }

    #[test]
    fn values_below_a_power_of_two_are_counted_exactly() {
        let mut values = Distribution::default();
        let numbers = [0.0, 1.0, 4095.0, 4096.0, 5000.0, 1e9];
        numbers.iter().for_each(|value| _ = values.add(*value, false));
        assert_eq!([0, 1, 12, 13, 30, 64].map(|power| values.below(power)), [1, 2, 3, 5, 6, 6]);
    }

    #[test]
    fn values_that_were_counted_by_range_give_the_same_percentiles() {
        let values = (0..3_000u64).map(|number| number * number % 70_001);
        let (mut single, mut grouped) = (Distribution::default(), Distribution::default());
        let mut rows: std::collections::BTreeMap<u32, Vec<u64>> = std::collections::BTreeMap::new();
        for value in values {
            let _ = single.add(value as f64, false);
            rows.entry(group::range(value)).or_default().push(value);
        }
        for (range, row) in rows {
            let [min, max] = [row.iter().min(), row.iter().max()].map(|it| *it.unwrap());
            let (low, width) = group::limits(range);
            assert!(low <= min && max < low + width, "{range}: {min} to {max}");
            let numbers = Numbers { sum: row.iter().sum(), min, max, range };
            let _ = grouped.add_group(row.len() as u64, numbers, false);
        }
        for percent in [1, 50, 90, 99, 100] {
            assert_eq!(single.percentile(percent), grouped.percentile(percent), "p{percent}");
        }
    }

    #[test]
    fn ranges_follow_each_other_over_all_values() {
        let mut last = 0;
        for value in (0..200u64).chain((8..63).flat_map(|power| [(1 << power) - 1, 1 << power])) {
            let at = range(value as f64);
            assert!(at >= last, "{value}");
            last = at;
        }
        assert!(range(f64::MAX) < 1024 && range(-5.0) == 0);
    }
}
