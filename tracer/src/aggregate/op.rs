//! What is computed from the values of a key.

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
}

impl Op {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 5] =
        [("sum", Self::Sum), ("count", Self::Count), ("avg", Self::Avg), ("min", Self::Min), ("max", Self::Max)];

    /// By its name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, op)| *op)
    }
}

/// What is kept for a key. Sums are exact up to 2^53.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    sum: f64,
    count: u64,
    min: f64,
    max: f64,
}

impl Cell {
    pub(super) const fn new(value: f64) -> Self {
        Self { sum: value, count: 1, min: value, max: value }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.sum += other.sum;
        self.count += other.count;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    pub(super) fn result(&self, op: Op) -> f64 {
        match op {
            Op::Sum => self.sum,
            Op::Count => self.count as f64,
            Op::Avg => self.sum / self.count as f64,
            Op::Min => self.min,
            Op::Max => self.max,
        }
    }
}
