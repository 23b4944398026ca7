//! What is computed from the values of a key.

use rustc_hash::FxHashSet;

use super::distribution::Distribution;
use crate::event::Numbers;

/// An operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Op {
    /// Sum of the values; zeros make no row.
    #[default]
    Sum,
    /// Number of events.
    Count,
    /// Average.
    Avg,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// How many different values there were.
    Distinct,
    /// The value that so many percent are not above.
    Percentile(u8),
    /// How many values are smaller than two to this power. It has no name: histograms of metrics are made of it.
    Below(u8),
}

impl Op {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 10] = [
        ("sum", Self::Sum),
        ("count", Self::Count),
        ("avg", Self::Avg),
        ("min", Self::Min),
        ("max", Self::Max),
        ("distinct", Self::Distinct),
        ("p50", Self::Percentile(50)),
        ("p90", Self::Percentile(90)),
        ("p95", Self::Percentile(95)),
        ("p99", Self::Percentile(99)),
    ];

    /// By its name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, op)| *op)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, op)| *op == self).map_or("", |(name, _)| name)
    }

    /// Whether it is computed from how values are spread.
    #[must_use]
    pub const fn is_of_spread(self) -> bool {
        matches!(self, Self::Percentile(_) | Self::Below(_))
    }

    /// Whether it takes numbers only.
    #[must_use]
    pub const fn wants_number(self) -> bool {
        !matches!(self, Self::Count | Self::Distinct)
    }
}

/// What is kept for a value of a key. Sums are exact up to 2^53.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Plain {
        sum: f64,
        count: u64,
        min: f64,
        max: f64,
    },
    Distinct(FxHashSet<u64>),
    Distribution(Distribution),
    /// The distribution of another value of the same key has it.
    Shared,
}

impl Kept {
    /// Nothing yet.
    pub(super) fn new(op: Op) -> Self {
        match op {
            Op::Distinct => Self::Distinct(FxHashSet::default()),
            Op::Percentile(_) | Op::Below(_) => Self::Distribution(Distribution::default()),
            Op::Sum | Op::Count | Op::Avg | Op::Min | Op::Max => {
                Self::Plain { sum: 0.0, count: 0, min: f64::INFINITY, max: f64::NEG_INFINITY }
            }
        }
    }

    /// Adds `events` events at once, with what was added up of them. Returns as [`Kept::add`] does.
    pub(super) fn add_group(&mut self, events: u64, numbers: Option<Numbers>, is_full: bool) -> Option<usize> {
        match (self, numbers) {
            (Self::Plain { count, .. }, None) => *count += events,
            (Self::Plain { sum, count, min, max }, Some(numbers)) => {
                *sum += numbers.sum as f64;
                *count += events;
                *min = min.min(numbers.min as f64);
                *max = max.max(numbers.max as f64);
            }
            (Self::Distribution(values), Some(numbers)) => return values.add_group(events, numbers, is_full),
            // Neither is counted in the kernel.
            (Self::Distribution(_), None) | (Self::Distinct(_), _) | (Self::Shared, _) => {}
        }
        Some(0)
    }

    /// Adds a number that stands for `weight` events; of a set, the hash of a value is that number's bits. Returns how many
    /// more things are kept now, or `None` if it would be one more and there is no room.
    pub(super) fn add(&mut self, value: f64, weight: u32, is_full: bool) -> Option<usize> {
        match self {
            Self::Plain { sum, count, min, max } => {
                *sum += value * f64::from(weight);
                *count += u64::from(weight);
                *min = min.min(value);
                *max = max.max(value);
            }
            Self::Distinct(seen) if is_full => return seen.contains(&value.to_bits()).then_some(0),
            Self::Distinct(seen) => return Some(usize::from(seen.insert(value.to_bits()))),
            Self::Distribution(values) => return values.add(value, is_full),
            Self::Shared => {}
        }
        Some(0)
    }

    pub(super) fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Plain { sum, count, min, max }, Self::Plain { sum: s, count: c, min: n, max: x }) => {
                *sum += s;
                *count += c;
                *min = min.min(*n);
                *max = max.max(*x);
            }
            (Self::Distinct(seen), Self::Distinct(other)) => seen.extend(other),
            (Self::Distribution(values), Self::Distribution(other)) => values.merge(other),
            // Both are of one operation.
            _ => {}
        }
    }

    /// The result; `None` when there was no value.
    pub(super) fn result(&self, op: Op) -> Option<f64> {
        match (self, op) {
            (Self::Plain { count, .. }, Op::Count) => Some(*count as f64),
            (Self::Plain { count: 0, .. }, _) => None,
            (Self::Plain { sum, .. }, Op::Sum) => Some(*sum),
            (Self::Plain { sum, count, .. }, Op::Avg) => Some(sum / *count as f64),
            (Self::Plain { min, .. }, Op::Min) => Some(*min),
            (Self::Plain { max, .. }, _) => Some(*max),
            (Self::Distinct(seen), _) => Some(seen.len() as f64),
            (Self::Distribution(values), Op::Percentile(percent)) => values.percentile(percent),
            (Self::Distribution(values), Op::Below(power)) => Some(values.below(power) as f64),
            (Self::Distribution(_) | Self::Shared, _) => None,
        }
    }
}
